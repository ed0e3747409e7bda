// Package failing has a Storage that fails when it is told to.
package failing

import (
	"errors"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// Storage stands between a RawNode and its disk.
type Storage struct {
	raft.Storage
	// FailNext makes the next read fail for good, Unavailable the next one of entries or of the
	// snapshot for the moment.
	FailNext, Unavailable bool
	// EntriesOnly: only reads of entries fail for good.
	EntriesOnly bool
	// Failed: a read has failed for good, and the node may stop. MustStop: it has to.
	Failed, MustStop bool
}

var errInjected = errors.New("the disk cannot be read")

// fail returns the error of a read that fails for good, nil if it does not.
func (s *Storage) fail(entries bool) error {
	if !s.FailNext || s.EntriesOnly && !entries {
		return nil
	}
	s.FailNext, s.Failed = false, true
	return errInjected
}

// failOr is fail for a read that may fail for the moment, with an error of its own.
func (s *Storage) failOr(unavailable error, entries bool) error {
	if err := s.fail(entries); err != nil {
		s.MustStop = true
		return err
	}
	if s.Unavailable {
		s.Unavailable = false
		return unavailable
	}
	return nil
}

// InitialState implements raft.Storage.
func (s *Storage) InitialState() (pb.HardState, pb.ConfState, error) {
	if err := s.fail(false); err != nil {
		return pb.HardState{}, pb.ConfState{}, err
	}
	return s.Storage.InitialState()
}

// Entries implements raft.Storage.
func (s *Storage) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	if err := s.failOr(raft.ErrUnavailable, true); err != nil {
		return nil, err
	}
	return s.Storage.Entries(lo, hi, maxSize)
}

// Term implements raft.Storage.
func (s *Storage) Term(i uint64) (uint64, error) {
	if err := s.fail(false); err != nil {
		return 0, err
	}
	return s.Storage.Term(i)
}

// FirstIndex implements raft.Storage. A node may do without it for the moment.
func (s *Storage) FirstIndex() (uint64, error) {
	if err := s.fail(false); err != nil {
		return 0, err
	}
	return s.Storage.FirstIndex()
}

// LastIndex implements raft.Storage.
func (s *Storage) LastIndex() (uint64, error) {
	if err := s.fail(false); err != nil {
		return 0, err
	}
	return s.Storage.LastIndex()
}

// Snapshot implements raft.Storage.
func (s *Storage) Snapshot() (pb.Snapshot, error) {
	if err := s.failOr(raft.ErrSnapshotTemporarilyUnavailable, false); err != nil {
		return pb.Snapshot{}, err
	}
	return s.Storage.Snapshot()
}
