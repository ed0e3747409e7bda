package raft

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	pb "github.com/ffd200af/raft/raftpb"
)

// raftLog joins what Storage holds with the unstable tail, and keeps the indexes
// that run along the log:
//
//	first <= applied+1,  applied <= applying <= committed <= last
//
// Terms and the first and last index are answered from memory. Storage is read for
// entries only: those a lagging follower needs, and those to apply that are no
// longer in memory.
type raftLog struct {
	storage  Storage
	unstable unstable
	terms    terms
	changes  configEntries

	// first is the first index of the log as far as known. The application compacts
	// Storage without telling; that is noticed when Storage answers ErrCompacted.
	first uint64

	committed uint64 // largest index known to be committed
	applying  uint64 // largest index handed out to be applied
	applied   uint64 // largest index known to be applied
}

// manyTerms is the number of term boundaries from which on to look whether Storage was compacted and some
// can go: whenever their number grows to a power of two, so that a log which is compacted but never read keeps a
// bounded history.
const manyTerms = 64

// openLog reads a log from storage. The commit index is the stored one, or applied if
// that is further (legal: what was applied is committed).
func openLog(storage Storage, hs pb.HardState, applied uint64) (raftLog, error) {
	l := raftLog{storage: storage}
	first, err := storage.FirstIndex()
	if err != nil {
		return l, fmt.Errorf("%w: first index: %w", ErrStorage, err)
	}
	last, err := storage.LastIndex()
	if err != nil {
		return l, fmt.Errorf("%w: last index: %w", ErrStorage, err)
	}
	if first == 0 || last+1 < first || last >= maxCounter {
		return l, fmt.Errorf("%w: first index %d, last index %d", ErrStorage, first, last)
	}
	if err := l.terms.load(storage, first, last); err != nil {
		return l, err
	}
	if applied != 0 && applied < first-1 {
		return l, &ConfigError{Field: "Applied", Reason: fmt.Sprintf("is %d, and the log begins at %d", applied, first)}
	}
	l.first = first
	l.unstable = newUnstable(last + 1)
	l.changes.from = last + 1
	l.committed = max(hs.Commit, applied, first-1)
	l.applied = max(applied, first-1)
	l.applying = l.applied
	if l.committed > last {
		return l, fmt.Errorf("%w: commit index %d, applied index %d, last index %d", ErrCommitBeyondLog, hs.Commit, applied, last)
	}
	return l, nil
}

func (l *raftLog) lastIndex() uint64 { return l.unstable.end() - 1 }

func (l *raftLog) last() entryID {
	return entryID{term: l.terms.lastTerm(), index: l.lastIndex()}
}

// stable is the last index whose entry is durable here.
func (l *raftLog) stable() uint64 { return l.unstable.stable - 1 }

// term returns the term at index; false if the log does not reach there or has
// forgotten it.
func (l *raftLog) term(index uint64) (uint64, bool) {
	if index > l.lastIndex() {
		return 0, false
	}
	return l.terms.at(index)
}

// has reports whether the log holds the entry, or is known to have held it.
func (l *raftLog) has(id entryID) bool {
	term, ok := l.term(id.index)
	return ok && term == id.term
}

// appendOwn appends proposals as entries of a leader's term.
func (l *raftLog) appendOwn(term uint64, entries []pb.Entry, bytes uint64) {
	index := l.lastIndex() + 1
	l.unstable.appendOwn(term, entries, bytes)
	l.unstable.retire(l.applying)
	l.changes.appended(entries, index, l.applied)
	l.terms.append(term, index)
}

// firstConflict returns the position in entries of the first one that the log does
// not have, or len(entries).
func (l *raftLog) firstConflict(entries []pb.Entry) int {
	// The usual append is all new: look at the first entry only.
	last := l.lastIndex()
	for i := range entries {
		if entries[i].Index > last || !l.has(idOf(&entries[i])) {
			return i
		}
	}
	return len(entries)
}

// append makes the log hold s, whose prev it has. Entries that it has already are
// left alone, so that an old, short append cannot cut off newer entries; from the first
// conflict on, the log is replaced (thesis §3.5). A conflict with a
// committed entry is refused, nothing changes then.
func (l *raftLog) append(s logSlice) error {
	i := l.firstConflict(s.entries)
	if i == len(s.entries) {
		return nil
	}
	fresh := s.entries[i:]
	at := fresh[0].Index
	if at <= l.committed {
		return fmt.Errorf("%w: append of %v, commit index %d", ErrCommittedConflict, idOf(&fresh[0]), l.committed)
	}
	if at <= l.lastIndex() {
		l.truncate(at)
	}
	l.unstable.append(fresh)
	l.unstable.retire(l.applying)
	l.changes.appended(fresh, at, l.applied)
	before := len(l.terms.bounds)
	for i := range fresh {
		l.terms.append(fresh[i].Term, fresh[i].Index)
	}
	if after := len(l.terms.bounds); after >= manyTerms && bits.Len(uint(after)) != bits.Len(uint(before)) {
		_ = l.noticeCompaction() // an error leaves the history as long as it is
	}
	return nil
}

// acknowledge notes that the entries up to index, as they were in generation, are durable. It
// reports whether that is new.
func (l *raftLog) acknowledge(generation, index uint64) bool {
	if !l.unstable.acknowledged(generation, index) {
		return false
	}
	l.unstable.retire(l.applying)
	return true
}

// noteApplied notes that the entries up to index are applied. They are durable then. The
// acknowledgement of their write may count for nothing, if the log behind them was replaced
// meanwhile; but committed entries are never replaced.
func (l *raftLog) noteApplied(index uint64) {
	l.applied = index
	if u := &l.unstable; u.stable <= index && index < u.taken {
		u.stable = index + 1
		u.retire(l.applying)
	}
}

// truncate ends the log before an index.
func (l *raftLog) truncate(at uint64) {
	l.unstable.truncate(at)
	l.terms.truncate(at)
	l.changes.truncate(at)
}

// noticeCompaction asks Storage for its first index after it has moved.
func (l *raftLog) noticeCompaction() error {
	first, err := l.storage.FirstIndex()
	if err != nil {
		return fmt.Errorf("%w: first index: %w", ErrStorage, err)
	}
	if first > l.first && first <= l.unstable.stable {
		l.first = first
		l.terms.compact(first - 1)
	}
	return nil
}

// commitTo moves the commit index forward, never back, and never into the first configuration.
func (l *raftLog) commitTo(index uint64) error {
	if index <= l.committed {
		return nil
	}
	if err := l.mayCommit(index); err != nil {
		return err
	}
	if l.committed == 0 {
		if splits, err := l.splitsFirstConfiguration(index); splits || err != nil {
			return err
		}
	}
	l.committed = index
	return nil
}

// mayCommit returns an error if the log ends before index: entries that were acknowledged are lost.
func (l *raftLog) mayCommit(index uint64) error {
	if index > l.lastIndex() {
		return fmt.Errorf("%w: told %d, last index %d", ErrCommitBeyondLog, index, l.lastIndex())
	}
	return nil
}

// entries returns a run of entries that starts at lo and ends before hi, of at most maxBytes but at
// least one entry. The error is ErrCompacted, or any error of Storage.
func (l *raftLog) entries(lo, hi, maxBytes uint64) ([]pb.Entry, error) {
	if lo >= hi {
		return nil, nil
	}
	if lo < l.first {
		return nil, ErrCompacted
	}
	if lo >= l.unstable.stable || l.unstable.serves(lo) {
		return l.unstable.entries.slice(lo, hi, maxBytes), nil
	}
	stored, err := l.storedEntries(lo, min(hi, l.unstable.stable), maxBytes)
	return l.withTail(stored, hi, maxBytes), err
}

// withTail returns entries from Storage and, before hi, the entries of the unstable tail that
// follow them, of at most maxBytes together. It copies them into one batch, as v3.6 does: programs
// compare batches.
func (l *raftLog) withTail(stored []pb.Entry, hi, maxBytes uint64) []pb.Entry {
	if len(stored) == 0 {
		return stored
	}
	next := endOf(stored)
	if next >= hi || next < l.unstable.base() {
		return stored
	}
	size := encodedBytes(stored)
	if size >= maxBytes {
		return stored
	}
	tail := l.unstable.entries.slice(next, hi, maxBytes-size)
	if len(tail) == 1 && size+uint64(tail[0].Size()) > maxBytes {
		return stored
	}
	return slices.Concat(stored, tail)
}

// storedEntries reads [lo, hi) from Storage and does not trust the answer.
func (l *raftLog) storedEntries(lo, hi, maxBytes uint64) ([]pb.Entry, error) {
	entries, err := l.storage.Entries(lo, hi, maxBytes)
	if errors.Is(err, ErrCompacted) {
		if err := l.noticeCompaction(); err != nil {
			return nil, err
		}
		return nil, ErrCompacted
	}
	if err != nil {
		return nil, fmt.Errorf("%w: entries [%d, %d): %w", ErrStorage, lo, hi, err)
	}
	n := uint64(len(entries))
	if n == 0 || n > hi-lo || entries[0].Index != lo || entries[n-1].Index != lo+n-1 {
		return nil, fmt.Errorf("%w: %d entries for [%d, %d)", ErrStorage, n, lo, hi)
	}
	return entries, nil
}

// toApply returns committed entries that were not handed out yet, of at most
// maxBytes but at least one entry. Those that are not durable yet come only if
// allowUnstable, that is if the caller persists them first.
func (l *raftLog) toApply(maxBytes uint64, allowUnstable bool) ([]pb.Entry, error) {
	lo, hi := l.applying+1, l.applyEnd(allowUnstable)
	if lo >= hi {
		return nil, nil
	}
	if lo == 1 {
		if first, err := l.firstToApply(hi); err != nil || first != nil {
			return first, err
		}
	}
	base := l.unstable.base()
	if lo >= base {
		return l.unstable.entries.slice(lo, hi, maxBytes), nil
	}
	entries, err := l.storedEntries(lo, min(hi, base), maxBytes)
	if errors.Is(err, ErrCompacted) {
		// The application may compact only what it has applied.
		return nil, fmt.Errorf("%w: entry %d was compacted before it was applied", ErrStorage, lo)
	}
	return l.withTail(entries, hi, maxBytes), err
}

// applyEnd is the index behind the last entry that may be handed out to be applied. A
// snapshot that is not durable comes before any entry.
func (l *raftLog) applyEnd(allowUnstable bool) uint64 {
	if l.unstable.snapshot != nil {
		return 0
	}
	if allowUnstable {
		return l.committed + 1
	}
	return min(l.committed+1, l.unstable.stable)
}

// acknowledgeSnapshot notes that the pending snapshot is durable: the state machine
// stands at its index.
func (l *raftLog) acknowledgeSnapshot(index uint64) bool {
	if !l.unstable.snapshotAcknowledged(index) {
		return false
	}
	l.applying = max(l.applying, index)
	l.applied = max(l.applied, index)
	return true
}

// snapshot returns the newest snapshot: the pending one, or Storage's.
func (l *raftLog) snapshot() (pb.Snapshot, error) {
	if l.unstable.snapshot != nil {
		return *l.unstable.snapshot.Snapshot, nil
	}
	return l.storage.Snapshot()
}

// restore replaces the log with a snapshot (thesis §5).
func (l *raftLog) restore(s *pb.Snapshot) {
	id := entryID{term: s.Metadata.Term, index: s.Metadata.Index}
	l.unstable.restore(s)
	l.terms.reset(id)
	l.first = id.index + 1
	l.changes = configEntries{from: l.first}
	l.committed = id.index
}

// endOf is the index behind the last entry.
func endOf(entries []pb.Entry) uint64 { return entries[0].Index + uint64(len(entries)) }
