// Package disk keeps what a node has to find again after a restart in one file.
//
// The file is a list of records. Each is one write: the snapshot, the entries and the hard state of
// one Ready. A record begins with its length and its checksum, so a write that a crash has torn is
// recognized and counts as not written.
package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// Disk is a raft.Storage. It answers from memory what it has in its file.
type Disk struct {
	*raft.MemoryStorage
	file *os.File
}

// headerBytes is the length of what precedes a record: its length and its checksum.
const headerBytes = 8

// Open opens the file of a node, which may not exist yet, and reads it.
func Open(name string) (*Disk, error) {
	content, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("disk: %w", err)
	}
	d := &Disk{MemoryStorage: raft.NewMemoryStorage()}
	end := 0
	for {
		record, ok := next(content[end:])
		if !ok {
			break // the end, or a torn record
		}
		var m raftpb.Message
		if err := m.Unmarshal(record); err != nil {
			return nil, fmt.Errorf("disk: record at %d: %w", end, err)
		}
		if err := d.remember(m); err != nil {
			return nil, fmt.Errorf("disk: record at %d: %w", end, err)
		}
		end += headerBytes + len(record)
	}
	d.file, err = os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	if err := errors.Join(d.file.Truncate(int64(end)), syncFolder(name)); err != nil {
		return nil, fmt.Errorf("disk: %w", errors.Join(err, d.file.Close()))
	}
	return d, nil
}

// next returns the first record, if all of it is there.
func next(content []byte) (record []byte, ok bool) {
	if len(content) < headerBytes {
		return nil, false
	}
	length, sum := binary.BigEndian.Uint32(content), binary.BigEndian.Uint32(content[4:])
	content = content[headerBytes:]
	if uint64(length) > uint64(len(content)) || crc32.ChecksumIEEE(content[:length]) != sum {
		return nil, false
	}
	return content[:length], true
}

// syncFolder makes the name of a new file durable.
func syncFolder(name string) error {
	folder, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// Save writes the snapshot, the entries and the hard state of a Ready in one record. When it
// returns, the messages of the Ready may be sent. After an error nothing of the node may be used
// any more: nobody knows what is in the file.
func (d *Disk) Save(rd raft.Ready) error {
	// A message has room for all three. The fields of an empty hard state are zero.
	m := raftpb.Message{
		Snapshot: &rd.Snapshot, Entries: rd.Entries,
		Term: rd.HardState.Term, Vote: rd.HardState.Vote, Commit: rd.HardState.Commit,
	}
	if raft.IsEmptySnap(rd.Snapshot) {
		m.Snapshot = nil
		if len(m.Entries) == 0 && raft.IsEmptyHardState(rd.HardState) {
			return nil
		}
	}
	record, err := m.Marshal()
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	write := binary.BigEndian.AppendUint32(nil, uint32(len(record)))
	write = binary.BigEndian.AppendUint32(write, crc32.ChecksumIEEE(record))
	if _, err := d.file.Write(append(write, record...)); err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	if rd.MustSync {
		if err := d.file.Sync(); err != nil {
			return fmt.Errorf("disk: %w", err)
		}
	}
	return d.remember(m)
}

// remember puts what was written where the node reads it: the snapshot first, which replaces the
// log, then the entries, which replace all from the first of them on.
func (d *Disk) remember(m raftpb.Message) error {
	if m.Snapshot != nil {
		if err := d.ApplySnapshot(*m.Snapshot); err != nil {
			return err
		}
	}
	if err := d.Append(m.Entries); err != nil {
		return err
	}
	hs := raftpb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}
	if raft.IsEmptyHardState(hs) {
		return nil
	}
	return d.SetHardState(hs)
}

// Close closes the file.
func (d *Disk) Close() error { return d.file.Close() }
