package raft

import (
	"fmt"
	"math"
	"sync"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// MemoryStorage is a Storage in memory. It loses everything when the process ends: it is for
// tests, and for applications that write the log elsewhere and keep a copy here to
// read from.
//
// All methods are safe for concurrent use. The errors that Storage names are returned
// bare, because programs compare them with ==. It keeps the data of entries and of
// snapshots that it is given; the caller must not change them any more.
type MemoryStorage struct {
	sync.Mutex

	hard     pb.HardState
	snapshot packedSnapshot

	// The log: entries follow prev.
	entries raftlog.Chunks
	prev    raftlog.EntryID
}

var _ Storage = (*MemoryStorage)(nil)

// NewMemoryStorage returns an empty log: its first index is 1.
func NewMemoryStorage() *MemoryStorage { return &MemoryStorage{} }

// InitialState returns the hard state that was set and the configuration of the newest snapshot.
func (ms *MemoryStorage) InitialState() (pb.HardState, pb.ConfState, error) {
	ms.Lock()
	defer ms.Unlock()
	return ms.hard, ms.snapshot.meta.unpack().ConfState, nil
}

// SetHardState replaces the hard state.
func (ms *MemoryStorage) SetHardState(st pb.HardState) error {
	ms.Lock()
	defer ms.Unlock()
	ms.hard = st
	return nil
}

// Entries implements Storage. It returns a part of the log itself, or a copy where the part spans
// several chunks. For an empty log the error is ErrUnavailable, even for lo == hi.
func (ms *MemoryStorage) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	ms.Lock()
	defer ms.Unlock()
	first, last := ms.first(), ms.last()
	if lo < first {
		return nil, ErrCompacted
	}
	if hi > last+1 || ms.entries.Empty() {
		return nil, ErrUnavailable
	}
	if lo >= hi {
		return []pb.Entry{}, nil
	}
	return ms.entries.Slice(lo, hi, maxSize), nil
}

// Term implements Storage.
func (ms *MemoryStorage) Term(i uint64) (uint64, error) {
	ms.Lock()
	defer ms.Unlock()
	return ms.term(i)
}

func (ms *MemoryStorage) term(i uint64) (uint64, error) {
	switch {
	case i < ms.prev.Index:
		return 0, ErrCompacted
	case i > ms.last():
		return 0, ErrUnavailable
	case i == ms.prev.Index:
		return ms.prev.Term, nil
	}
	return ms.entries.Entry(i).Term, nil
}

func (ms *MemoryStorage) first() uint64 { return ms.prev.Index + 1 }

func (ms *MemoryStorage) last() uint64 {
	if ms.entries.Empty() {
		return ms.prev.Index
	}
	return ms.entries.End() - 1
}

// FirstIndex implements Storage.
func (ms *MemoryStorage) FirstIndex() (uint64, error) {
	ms.Lock()
	defer ms.Unlock()
	return ms.first(), nil
}

// LastIndex implements Storage.
func (ms *MemoryStorage) LastIndex() (uint64, error) {
	ms.Lock()
	defer ms.Unlock()
	return ms.last(), nil
}

// Snapshot implements Storage. It returns the snapshot that was created or applied last; it is
// empty if there was none.
func (ms *MemoryStorage) Snapshot() (pb.Snapshot, error) {
	ms.Lock()
	defer ms.Unlock()
	return ms.snapshot.unpack(), nil
}

// Append adds entries to the log and drops every older entry from the index of the first
// one on. Those of them that are compacted already are left out. Nothing changes if
// there would be a gap behind the last entry (ErrUnavailable) or if there is one among
// the entries (ErrMalformed). The entries are copied, their data is kept.
func (ms *MemoryStorage) Append(entries []pb.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	for i := range entries {
		if entries[i].Index != entries[0].Index+uint64(i) {
			return fmt.Errorf("%w: %w: entry %d at place %d after %d", ErrMalformed, errNotContiguous, entries[i].Index, i, entries[0].Index)
		}
	}
	ms.Lock()
	defer ms.Unlock()
	at, first := entries[0].Index, ms.first()
	if at > ms.last()+1 {
		return fmt.Errorf("%w: appending entry %d, last index %d", ErrUnavailable, at, ms.last())
	}
	if at < first {
		n := first - at
		if n >= uint64(len(entries)) {
			return nil
		}
		entries, at = entries[n:], first
	}
	if at <= ms.last() {
		ms.entries.Truncate(at)
	}
	ms.entries.Append(entries, int(min(at-first, math.MaxInt32)))
	return nil
}

// Compact drops the entries up to and including compactIndex, which must be covered by a
// snapshot. The error is ErrCompacted if they are gone already, and ErrUnavailable if
// compactIndex lies behind the last entry. Their memory is let go of at once or a few
// compactions later.
func (ms *MemoryStorage) Compact(compactIndex uint64) error {
	ms.Lock()
	defer ms.Unlock()
	if compactIndex <= ms.prev.Index {
		return ErrCompacted
	}
	term, err := ms.term(compactIndex)
	if err != nil {
		return err
	}
	ms.entries.DropTo(compactIndex)
	ms.prev = raftlog.EntryID{Term: term, Index: compactIndex}
	return nil
}

// CreateSnapshot makes the snapshot of a state machine that has applied everything up to
// index i; cs is the configuration active there, nil if it is the one of the last
// snapshot. The log stays as it is, see Compact. The error is ErrSnapOutOfDate if
// there is a snapshot at i or beyond, ErrCompacted if the term at i is forgotten,
// ErrUnavailable if i lies behind the last entry.
func (ms *MemoryStorage) CreateSnapshot(i uint64, cs *pb.ConfState, data []byte) (pb.Snapshot, error) {
	ms.Lock()
	defer ms.Unlock()
	if i <= ms.snapshot.index() {
		return pb.Snapshot{}, ErrSnapOutOfDate
	}
	term, err := ms.term(i)
	if err != nil {
		return pb.Snapshot{}, err
	}
	if cs == nil {
		old := ms.snapshot.meta.unpack()
		cs = &old.ConfState
	}
	ms.snapshot = packSnapshot(&pb.Snapshot{Data: data, Metadata: pb.SnapshotMetadata{ConfState: *cs, Index: i, Term: term}})
	return ms.snapshot.unpack(), nil
}

// ApplySnapshot replaces the snapshot and the whole log. The error is ErrSnapOutOfDate if
// there is a snapshot at its index or beyond.
func (ms *MemoryStorage) ApplySnapshot(snap pb.Snapshot) error {
	ms.Lock()
	defer ms.Unlock()
	index := snap.Metadata.Index
	if index <= ms.snapshot.index() {
		return ErrSnapOutOfDate
	}
	ms.snapshot = packSnapshot(&snap)
	ms.entries = raftlog.Chunks{}
	ms.prev = raftlog.EntryID{Term: snap.Metadata.Term, Index: index}
	return nil
}
