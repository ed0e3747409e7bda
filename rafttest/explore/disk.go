package explore

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	pb "github.com/ffd200af/raft/raftpb"
)

// firstIndex is the index of the snapshot that every node starts from, at term 1; the first entry
// comes behind it. A follower needs an entry that it does not have, so it is not smaller.
const firstIndex = 2

// disk is what of a node survives a crash: hard state, log, and the state machine, which is the
// list of all entries applied so far. It is a value: arrays are never written again, so that a copy
// is a checkpoint.
type disk struct {
	hard    pb.HardState
	prev    pb.Entry // the place before the log; only its term and index count
	log     []pb.Entry
	machine []pb.Entry // from firstIndex+1 on
	conf    pb.ConfState
}

var _ raft.Storage = (*disk)(nil)

func newDisk(voters []uint64) disk {
	return disk{prev: pb.Entry{Term: 1, Index: firstIndex}, conf: pb.ConfState{Voters: voters}}
}

func (d *disk) last() uint64    { return d.prev.Index + uint64(len(d.log)) }
func (d *disk) applied() uint64 { return firstIndex + uint64(len(d.machine)) }

func (d *disk) InitialState() (pb.HardState, pb.ConfState, error) { return d.hard, d.conf, nil }
func (d *disk) FirstIndex() (uint64, error)                       { return d.prev.Index + 1, nil }
func (d *disk) LastIndex() (uint64, error)                        { return d.last(), nil }

func (d *disk) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	switch {
	case lo <= d.prev.Index:
		return nil, raft.ErrCompacted
	case hi > d.last()+1:
		return nil, raft.ErrUnavailable
	}
	entries := d.log[lo-d.prev.Index-1 : hi-d.prev.Index-1]
	size := uint64(0)
	for i := range entries {
		if size += uint64(entries[i].Size()); size > maxSize && i > 0 {
			return entries[:i:i], nil
		}
	}
	return slices.Clip(entries), nil
}

func (d *disk) Term(i uint64) (uint64, error) {
	switch {
	case i < d.prev.Index:
		return 0, raft.ErrCompacted
	case i > d.last():
		return 0, raft.ErrUnavailable
	case i == d.prev.Index:
		return d.prev.Term, nil
	}
	return d.log[i-d.prev.Index-1].Term, nil
}

// Snapshot returns the newest state of the state machine.
func (d *disk) Snapshot() (pb.Snapshot, error) {
	m := pb.SnapshotMetadata{ConfState: d.conf, Index: d.applied(), Term: 1}
	if n := len(d.machine); n > 0 {
		m.Term = d.machine[n-1].Term
	}
	return pb.Snapshot{Data: encodeMachine(d.machine), Metadata: m}, nil
}

// write does the storage work of a Ready or of a storage message.
func (d *disk) write(w *driver.Write) error {
	if snap := &w.Snapshot; !raft.IsEmptySnap(*snap) {
		machine, err := decodeMachine(snap.Data)
		if err != nil {
			return err
		}
		d.machine, d.log, d.conf = machine, nil, snap.Metadata.ConfState
		d.prev = pb.Entry{Term: snap.Metadata.Term, Index: snap.Metadata.Index}
	}
	if len(w.Entries) > 0 {
		at := w.Entries[0].Index
		if at <= d.prev.Index || at > d.last()+1 {
			return fmt.Errorf("a write of entry %d on a log from %d to %d", at, d.prev.Index+1, d.last())
		}
		d.log = append(slices.Clip(d.log[:at-d.prev.Index-1]), w.Entries...)
	}
	if !raft.IsEmptyHardState(w.HardState) {
		d.hard = w.HardState
	}
	return nil
}

// compact drops the log up to what is applied.
func (d *disk) compact() {
	if to := d.applied(); to > d.prev.Index {
		term, _ := d.Term(to)
		d.log = d.log[to-d.prev.Index:]
		d.prev = pb.Entry{Term: term, Index: to}
	}
}

// history is the whole log from firstIndex+1 on: what was compacted is in the state machine.
func (d *disk) history() []pb.Entry {
	return append(slices.Clip(d.machine[:d.prev.Index-firstIndex]), d.log...)
}

// encodeMachine writes entries in a form that fits into a script: TERM-TYPE-DATA.TERM-TYPE-DATA.
func encodeMachine(entries []pb.Entry) []byte {
	var b strings.Builder
	for i := range entries {
		fmt.Fprintf(&b, "%d-%d-%x.", entries[i].Term, entries[i].Type, entries[i].Data)
	}
	return []byte(b.String())
}

func decodeMachine(data []byte) ([]pb.Entry, error) {
	var entries []pb.Entry
	for part := range strings.SplitSeq(strings.TrimSuffix(string(data), "."), ".") {
		if part == "" {
			continue
		}
		fields := strings.Split(part, "-")
		if len(fields) != 3 {
			return nil, fmt.Errorf("%q is no entry", part)
		}
		term, err := strconv.ParseUint(fields[0], 10, 64)
		if err != nil {
			return nil, err
		}
		typ, err := strconv.ParseInt(fields[1], 10, 32)
		if err != nil {
			return nil, err
		}
		e := pb.Entry{Term: term, Index: firstIndex + 1 + uint64(len(entries)), Type: pb.EntryType(typ)}
		if fields[2] != "" {
			if e.Data, err = hex.DecodeString(fields[2]); err != nil {
				return nil, err
			}
		}
		entries = append(entries, e)
	}
	return entries, nil
}
