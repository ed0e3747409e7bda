package rafttest

import (
	"errors"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// failingReads is a disk as its node sees it: a read fails when it is told to. What commands read
// of the disk does not count as one.
type failingReads struct {
	*machineStorage
	// failNext makes the next read of entries fail for good; unavailable, the next one of entries
	// or of the snapshot, for the moment.
	failNext, unavailable bool
	failed                bool // for good
}

var errRead = errors.New("the disk cannot be read")

// mend ends the failures, if there is anything that could fail.
func (s *failingReads) mend() {
	if s != nil {
		s.failNext, s.unavailable, s.failed = false, false, false
	}
}

// Entries implements raft.Storage.
func (s *failingReads) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	if s.failNext {
		s.failNext, s.failed = false, true
		return nil, errRead
	}
	if s.unavailable {
		s.unavailable = false
		return nil, raft.ErrUnavailable
	}
	return s.machineStorage.Entries(lo, hi, maxSize)
}

// Snapshot implements raft.Storage.
func (s *failingReads) Snapshot() (pb.Snapshot, error) {
	if s.unavailable {
		s.unavailable = false
		return pb.Snapshot{}, raft.ErrSnapshotTemporarilyUnavailable
	}
	return s.machineStorage.Snapshot()
}

// handleFailRead makes the next read that a node does of its disk's entries fail, after which it
// gives up, or with moment the next read of entries or of the snapshot, which it tries again later.
// With never, none fails that has not yet:
//
//	fail-read ID [moment=true | never=true]
func handleFailRead(env *InteractionEnv, a *args) error {
	idx := a.node()
	var moment, never bool
	a.setBool("moment", &moment)
	a.setBool("never", &never)
	if err := a.done(); err != nil {
		return err
	}
	n, err := env.liveNode(idx)
	if err != nil || n.reads == nil {
		return err
	}
	switch {
	case never:
		n.reads.failNext, n.reads.unavailable = false, false
	case moment:
		n.reads.unavailable = true
	default:
		n.reads.failNext = true
	}
	return nil
}

// storageAvailable tells a node that its disk may have what it could not give before:
//
//	storage-available ID
func (env *InteractionEnv) storageAvailable(idx int) error {
	return env.input(idx, func(n *Node) error {
		n.RawNode.StorageAvailable()
		return nil
	})
}
