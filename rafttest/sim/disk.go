package sim

import (
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest"
	"github.com/ffd200af/raft/rafttest/property"
)

// Disk is a node's stable storage, see rafttest.Disk. Runs drive one per node, and crash it;
// MemoryDisk is the one they use by default. An embedder gives its own with Config.NewDisk to have
// it tested.
type Disk = rafttest.Disk

// MemoryDisk is a Disk in memory.
type MemoryDisk struct {
	*raft.MemoryStorage
	// durable is the hard state that survives a crash for certain, and unsynced what may.
	durable  pb.HardState
	unsynced []property.Piece
}

// NewMemoryDisk returns an empty disk.
func NewMemoryDisk() *MemoryDisk { return &MemoryDisk{MemoryStorage: raft.NewMemoryStorage()} }

// Write implements Disk.
func (d *MemoryDisk) Write(hs pb.HardState, entries []pb.Entry, snapshot pb.Snapshot, sync bool) error {
	if !sync {
		d.unsynced = property.AppendPieces(d.unsynced, hs, entries, &snapshot, false)
		if !raft.IsEmptyHardState(hs) {
			return d.SetHardState(hs)
		}
		return nil
	}
	d.unsynced = d.unsynced[:0]
	w := driver.Write{HardState: hs, Entries: entries, Snapshot: snapshot}
	if err := w.Onto(d); err != nil {
		return err
	}
	var err error
	d.durable, _, err = d.InitialState()
	return err
}

// SaveSnapshot implements Disk.
func (d *MemoryDisk) SaveSnapshot(s pb.Snapshot) error {
	_, err := d.CreateSnapshot(s.Metadata.Index, &s.Metadata.ConfState, s.Data)
	return err
}

// Crash implements Disk.
func (d *MemoryDisk) Crash(keep int) (Disk, error) {
	kept := d.unsynced[:min(keep, len(d.unsynced))]
	d.unsynced = nil
	if err := d.SetHardState(d.durable); err != nil {
		return nil, err
	}
	for i := range kept {
		if err := d.cut(kept[i].Cut); err != nil {
			return nil, err
		}
		if err := d.Write(kept[i].HardState, kept[i].Entries, kept[i].Snapshot, true); err != nil {
			return nil, err
		}
	}
	return d, nil
}

// cut ends the log before an index, if it reaches there.
func (d *MemoryDisk) cut(index uint64) error {
	first, _ := d.FirstIndex()
	last, _ := d.LastIndex()
	if index <= first || index > last {
		return nil // nothing can be appended again in front of the first entry, so that one is cut when another comes
	}
	before, err := d.Entries(index-1, index, noLimit)
	if err != nil {
		return err
	}
	return d.Append(before)
}
