package raft

import (
	"fmt"
	"sync"

	pb "github.com/ffd200af/raft/raftpb"
)

// MemoryStorage is a Storage in memory. It loses everything when the process ends: it is for
// tests, and for applications that write the log elsewhere and keep a copy here to
// read from.
//
// All methods are safe for concurrent use. The errors that Storage names are returned
// bare, because programs compare them with ==. It keeps the data of entries and the slices of
// snapshots and configurations that it is given; the caller must not change them any more.
type MemoryStorage struct {
	sync.Mutex

	hard     pb.HardState
	snapshot pb.Snapshot

	// The log is a run in one array, of which readers may hold any part:
	//
	//	 dead         |  live                    |  free
	//	 was dropped  |  entries[0] follows prev |  up to cap(entries)
	//
	// So an element in dead or live is never written again: entries are added in
	// free only, and what is overwritten starts a new array. dead counts the elements that
	// are kept from being collected for nothing.
	entries []pb.Entry
	prev    entryID
	dead    int
}

var _ Storage = (*MemoryStorage)(nil)

// NewMemoryStorage returns an empty log: its first index is 1.
func NewMemoryStorage() *MemoryStorage { return &MemoryStorage{} }

// InitialState returns the hard state that was set and the configuration of the newest snapshot.
func (ms *MemoryStorage) InitialState() (pb.HardState, pb.ConfState, error) {
	ms.Lock()
	defer ms.Unlock()
	return ms.hard, ms.snapshot.Metadata.ConfState, nil
}

// SetHardState replaces the hard state.
func (ms *MemoryStorage) SetHardState(st pb.HardState) error {
	ms.Lock()
	defer ms.Unlock()
	ms.hard = st
	return nil
}

// Entries implements Storage. What it returns is a part of the log itself, not a copy.
func (ms *MemoryStorage) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	ms.Lock()
	defer ms.Unlock()
	first, last := ms.first(), ms.last()
	if lo < first {
		return nil, ErrCompacted
	}
	if lo >= hi {
		return nil, nil
	}
	if hi > last+1 {
		return nil, ErrUnavailable
	}
	from, to := lo-first, hi-first
	return limitBytes(ms.entries[from:to:to], maxSize), nil
}

// Term implements Storage.
func (ms *MemoryStorage) Term(i uint64) (uint64, error) {
	ms.Lock()
	defer ms.Unlock()
	return ms.term(i)
}

func (ms *MemoryStorage) term(i uint64) (uint64, error) {
	switch {
	case i < ms.prev.index:
		return 0, ErrCompacted
	case i > ms.last():
		return 0, ErrUnavailable
	case i == ms.prev.index:
		return ms.prev.term, nil
	}
	return ms.entries[i-ms.first()].Term, nil
}

func (ms *MemoryStorage) first() uint64 { return ms.prev.index + 1 }
func (ms *MemoryStorage) last() uint64  { return ms.prev.index + uint64(len(ms.entries)) }

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
	return ms.snapshot, nil
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
	keep := int(at - first)
	if keep < len(ms.entries) || cap(ms.entries)-len(ms.entries) < len(entries) {
		ms.renew(ms.entries[:keep], len(entries))
	}
	ms.entries = append(ms.entries, entries...)
	return nil
}

// renew moves the given live entries to a new array with room for n more. The array doubles
// while it is small, so that each entry is copied about once in its life. A first array
// is as large as what it is for, because the logs of many idle groups stay small.
func (ms *MemoryStorage) renew(live []pb.Entry, n int) {
	size := max(len(live)+n, min(2*len(live), len(live)+len(live)/4+largeLog))
	array := make([]pb.Entry, len(live), size)
	copy(array, live)
	ms.entries, ms.dead = array, 0
}

// largeLog is the number of entries from which on an array grows by less than its size.
const largeLog = 1 << 16

// Compact drops the entries up to and including compactIndex, which must be covered by a
// snapshot. The error is ErrCompacted if they are gone already, and ErrUnavailable if
// compactIndex lies behind the last entry. Their memory is let go of at once or a few
// compactions later.
func (ms *MemoryStorage) Compact(compactIndex uint64) error {
	ms.Lock()
	defer ms.Unlock()
	if compactIndex <= ms.prev.index {
		return ErrCompacted
	}
	term, err := ms.term(compactIndex)
	if err != nil {
		return err
	}
	n := int(compactIndex - ms.prev.index)
	ms.entries = ms.entries[n:]
	ms.dead += n
	ms.prev = entryID{term: term, index: compactIndex}
	// Moving what lives only when it is the smaller part makes the cost of a compaction
	// proportional to what it drops.
	switch live := len(ms.entries); {
	case live == 0:
		ms.entries, ms.dead = nil, 0
	case ms.dead > live:
		ms.renew(ms.entries, 0)
	}
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
	if i <= ms.snapshot.Metadata.Index {
		return pb.Snapshot{}, ErrSnapOutOfDate
	}
	term, err := ms.term(i)
	if err != nil {
		return pb.Snapshot{}, err
	}
	ms.snapshot.Metadata.Index = i
	ms.snapshot.Metadata.Term = term
	if cs != nil {
		ms.snapshot.Metadata.ConfState = *cs
	}
	ms.snapshot.Data = data
	return ms.snapshot, nil
}

// ApplySnapshot replaces the snapshot and the whole log. The error is ErrSnapOutOfDate if
// there is a snapshot at its index or beyond, or if the log was compacted beyond it:
// the state machine is then ahead of it.
func (ms *MemoryStorage) ApplySnapshot(snap pb.Snapshot) error {
	ms.Lock()
	defer ms.Unlock()
	index := snap.Metadata.Index
	if index <= ms.snapshot.Metadata.Index || index < ms.prev.index {
		return ErrSnapOutOfDate
	}
	ms.snapshot = snap
	ms.entries, ms.dead = nil, 0
	ms.prev = entryID{term: snap.Metadata.Term, index: index}
	return nil
}
