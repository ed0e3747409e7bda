package sim

import (
	"errors"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// faultyStorage stands between a RawNode and its disk. It fails when it is told to.
type faultyStorage struct {
	Disk
	node *node
	// failNext makes the next read fail for good, unavailable the next one of entries or of the
	// snapshot for the moment.
	failNext, unavailable bool
	// failed: a read has failed, and the node may stop. mustStop: it has to.
	failed, mustStop bool
	// durableMachine: the state machine is stored with everything it has applied, and the
	// configuration too.
	durableMachine bool
}

var errInjected = errors.New("sim: the disk cannot be read")

// fails reports whether a read fails for good.
func (s *faultyStorage) fails() bool {
	if !s.failNext {
		return false
	}
	s.failNext, s.failed = false, true
	return true
}

// InitialState implements raft.Storage.
func (s *faultyStorage) InitialState() (pb.HardState, pb.ConfState, error) {
	if s.fails() {
		return pb.HardState{}, pb.ConfState{}, errInjected
	}
	hs, cs, err := s.Disk.InitialState()
	if s.durableMachine {
		cs = s.node.Conf
	}
	return hs, cs, err
}

// Entries implements raft.Storage.
func (s *faultyStorage) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	if s.fails() {
		s.mustStop = true
		return nil, errInjected
	}
	if s.unavailable {
		s.unavailable = false
		return nil, raft.ErrUnavailable
	}
	return s.Disk.Entries(lo, hi, maxSize)
}

// Term implements raft.Storage.
func (s *faultyStorage) Term(i uint64) (uint64, error) {
	if s.fails() {
		return 0, errInjected
	}
	return s.Disk.Term(i)
}

// FirstIndex implements raft.Storage.
func (s *faultyStorage) FirstIndex() (uint64, error) {
	if s.fails() {
		return 0, errInjected // the node may do without it for the moment
	}
	return s.Disk.FirstIndex()
}

// LastIndex implements raft.Storage.
func (s *faultyStorage) LastIndex() (uint64, error) {
	if s.fails() {
		return 0, errInjected
	}
	return s.Disk.LastIndex()
}

// Snapshot implements raft.Storage.
func (s *faultyStorage) Snapshot() (pb.Snapshot, error) {
	if s.fails() {
		s.mustStop = true
		return pb.Snapshot{}, errInjected
	}
	if s.unavailable {
		s.unavailable = false
		return pb.Snapshot{}, raft.ErrSnapshotTemporarilyUnavailable
	}
	return s.Disk.Snapshot()
}
