package rafttest

import (
	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// Storage is the disk of a Node: what the library reads, and what the application writes. A
// raft.MemoryStorage is one.
type Storage interface {
	raft.Storage
	SetHardState(state pb.HardState) error
	ApplySnapshot(pb.Snapshot) error
	// Compact drops the log up to and including newFirstIndex, like MemoryStorage.Compact: the
	// entry there is remembered by its term alone.
	Compact(newFirstIndex uint64) error
	Append([]pb.Entry) error
}

// machineStorage keeps log and hard state in memory, and takes snapshots from the state
// machine: they cost nothing there, so there is one for each applied index.
type machineStorage struct {
	*raft.MemoryStorage
	newest pb.Snapshot
	// saved is the snapshot that others get, if it is not the newest state: see save-snapshot.
	saved    pb.Snapshot
	onlySave bool
}

// Snapshot returns the newest state of the state machine, or the one that was saved.
func (s *machineStorage) Snapshot() (pb.Snapshot, error) {
	if s.onlySave {
		return s.saved, nil
	}
	return s.newest, nil
}

// InitialState returns the configuration that belongs to the newest state of the state machine,
// because that is where a restarted node goes on.
func (s *machineStorage) InitialState() (pb.HardState, pb.ConfState, error) {
	hs, _, err := s.MemoryStorage.InitialState()
	return hs, s.newest.Metadata.ConfState, err
}

// become makes s the newest state of the state machine.
func (n *Node) become(s pb.Snapshot) {
	n.History = append(n.History, s)
	if ms, ok := n.Storage.(*machineStorage); ok {
		ms.newest = s
	}
}
