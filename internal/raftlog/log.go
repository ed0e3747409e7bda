package raftlog

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"

	pb "github.com/ffd200af/raft/raftpb"
)

// Reader is how a Log reads what was persisted. Package raft describes the methods: every
// raft.Storage is a Reader.
type Reader interface {
	Entries(lo, hi, maxSize uint64) ([]pb.Entry, error)
	Term(i uint64) (uint64, error)
	LastIndex() (uint64, error)
	FirstIndex() (uint64, error)
	Snapshot() (pb.Snapshot, error)
}

// Log joins what Storage holds with the unstable tail, and keeps the indexes that run along the
// log:
//
//	first <= applied+1,  applied <= applying <= committed <= last
//
// Terms and the first and last index are answered from memory. Storage is read for entries only:
// those a lagging follower needs, and those to apply that are no longer in memory.
type Log struct {
	storage  Reader
	unstable unstable
	terms    terms
	changes  configEntries

	// first is the first index of the log as far as known. The application compacts Storage at any
	// time; the log notices when Storage answers ErrCompacted.
	first uint64

	applied uint64 // largest index known to be applied
}

// manyTerms is the number of term boundaries from which on to look whether Storage was compacted
// and some can go: whenever their number grows to a power of two, so that a log which is compacted
// but never read keeps a bounded history.
const manyTerms = 64

// Open reads a log from storage. cached is Config.MaxCachedEntriesSize. Call Start next.
func Open(storage Reader, cached uint64) (Log, error) {
	l := Log{storage: storage}
	first, err := storage.FirstIndex()
	if err != nil {
		return l, fmt.Errorf("%w: first index: %w", ErrStorage, err)
	}
	last, err := storage.LastIndex()
	if err != nil {
		return l, fmt.Errorf("%w: last index: %w", ErrStorage, err)
	}
	if first == 0 || last+1 < first || last >= MaxCounter {
		return l, fmt.Errorf("%w: first index %d, last index %d", ErrStorage, first, last)
	}
	if err := l.terms.load(storage, first, last); err != nil {
		return l, err
	}
	l.first = first
	l.unstable = newUnstable(last+1, cached)
	l.changes.from = last + 1
	return l, nil
}

// Start sets the commit index to the stored one, or to applied if that is further (legal: what was
// applied is committed). applied is 0 or at least First()-1.
func (l *Log) Start(stored, applied uint64) error {
	l.applied = max(applied, l.first-1)
	committed := max(stored, l.applied)
	if committed > l.applied {
		l.unstable.open().committed = committed
	}
	if last := l.LastIndex(); committed > last {
		return fmt.Errorf("%w: commit index %d, applied index %d, last index %d", ErrCommitBeyondLog, stored, applied, last)
	}
	return nil
}

// First returns the index of the first entry that Storage has, as far as known.
func (l *Log) First() uint64 { return l.first }

// LastIndex returns the index of the last entry, or the one before First if there is none.
func (l *Log) LastIndex() uint64 { return l.unstable.end() - 1 }

// StoredLast asks Storage for its last index.
func (l *Log) StoredLast() (uint64, error) {
	last, err := l.storage.LastIndex()
	if err != nil {
		return 0, fmt.Errorf("%w: last index: %w", ErrStorage, err)
	}
	return last, nil
}

// Last returns the last entry's id.
func (l *Log) Last() EntryID {
	return EntryID{Term: l.terms.lastTerm(), Index: l.LastIndex()}
}

// Stable returns the last index whose entry is durable here.
func (l *Log) Stable() uint64 { return l.unstable.stable - 1 }

// Committed returns the largest index known to be committed.
func (l *Log) Committed() uint64 {
	if l.unstable.tail == nil {
		return l.applied
	}
	return max(l.applied, l.unstable.committed)
}

// Applying returns the largest index handed out to be applied.
func (l *Log) Applying() uint64 {
	if l.unstable.tail == nil {
		return l.applied
	}
	return max(l.applied, l.unstable.applying)
}

// ApplyDue reports whether there is more to hand out to be applied.
func (l *Log) ApplyDue() bool {
	t := l.unstable.tail
	return t != nil && t.committed > t.applying && t.committed > l.applied
}

// Applied returns the largest index known to be applied.
func (l *Log) Applied() uint64 { return l.applied }

// Term returns the term at index; false if the log does not reach there or has
// forgotten it.
func (l *Log) Term(index uint64) (uint64, bool) {
	if index > l.LastIndex() {
		return 0, false
	}
	return l.terms.at(index)
}

// Has reports whether the log holds the entry, or is known to have held it.
func (l *Log) Has(id EntryID) bool {
	term, ok := l.Term(id.Index)
	return ok && term == id.Term
}

// AppendOwn appends proposals as entries of a leader's term.
func (l *Log) AppendOwn(term uint64, entries []pb.Entry, bytes uint64) {
	index := l.LastIndex() + 1
	l.unstable.appendOwn(term, entries, bytes)
	l.unstable.dropDurable(l.Applying())
	l.changes.appended(entries, index, l.applied)
	l.terms.append(term, index)
}

// firstConflict returns the position in entries of the first one that the log does
// not have, or len(entries).
func (l *Log) firstConflict(entries []pb.Entry) int {
	// The usual append is all new: look at the first entry only.
	last := l.LastIndex()
	for i := range entries {
		if entries[i].Index > last || !l.Has(IDOf(&entries[i])) {
			return i
		}
	}
	return len(entries)
}

// Append makes the log hold s, whose prev it has. Entries that it has already are
// left alone, so that an old, short append cannot cut off newer entries; from the first
// conflict on, the log is replaced (thesis §3.5). A conflict with a
// committed entry is refused, nothing changes then.
func (l *Log) Append(s Slice) error {
	i := l.firstConflict(s.Entries)
	if i == len(s.Entries) {
		return nil
	}
	fresh := s.Entries[i:]
	at := fresh[0].Index
	if at <= l.Committed() {
		return fmt.Errorf("%w: append of %v, commit index %d", ErrCommittedConflict, IDOf(&fresh[0]), l.Committed())
	}
	if at <= l.LastIndex() {
		l.Truncate(at)
	}
	l.unstable.append(fresh)
	l.unstable.dropDurable(l.Applying())
	l.changes.appended(fresh, at, l.applied)
	before := l.terms.len()
	for i := range fresh {
		l.terms.append(fresh[i].Term, fresh[i].Index)
	}
	if after := l.terms.len(); after >= manyTerms && bits.Len(uint(after)) != bits.Len(uint(before)) {
		_ = l.noticeCompaction() // an error leaves the history as long as it is
	}
	return nil
}

// NoteApplied notes that the entries up to index are applied. Applied entries are durable. The
// acknowledgement of their write may have been ignored, because later entries of the log were
// replaced meanwhile. But committed entries are never replaced.
func (l *Log) NoteApplied(index uint64) {
	l.applied = index
	if u := &l.unstable; u.stable <= index && index < u.untaken() {
		u.stable = index + 1
		u.dropDurable(l.Applying())
	}
}

// Rest drops all entries from memory when nobody needs them any more, so that an idle group takes
// no memory for them.
func (l *Log) Rest() { l.unstable.rest(l.applied) }

// MayRest reports whether Rest would drop anything.
func (l *Log) MayRest() bool { return l.unstable.mayRest(l.applied) }

// HeldBytes returns about how much memory the entries take that are not in Storage alone.
func (l *Log) HeldBytes() uint64 {
	if l.unstable.empty() {
		return 0
	}
	return l.unstable.entries.bytes()
}

// LastNotAfter returns the largest index, at most index, at which the term is at most term. A
// leader and a follower use it to skip whole terms in which their logs cannot agree (thesis §3.5).
// What lies before the log is not known; the answer is then the index before it, or index itself.
func (l *Log) LastNotAfter(index, term uint64) uint64 { return l.terms.lastNotAfter(index, term) }

// Truncate ends the log before an index.
func (l *Log) Truncate(at uint64) {
	l.unstable.truncate(at)
	l.terms.truncate(at)
	l.changes.truncate(at)
}

// noticeCompaction asks Storage for its first index after it has moved.
func (l *Log) noticeCompaction() error {
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

// CommitTo moves the commit index forward, never back.
func (l *Log) CommitTo(index uint64) error {
	if index <= l.Committed() {
		return nil
	}
	if err := l.CheckCommit(index); err != nil {
		return err
	}
	l.unstable.open().committed = index
	return nil
}

// CheckCommit returns an error if the log ends before index: entries that were acknowledged are
// lost.
func (l *Log) CheckCommit(index uint64) error {
	if index > l.LastIndex() {
		return fmt.Errorf("%w: told %d, last index %d", ErrCommitBeyondLog, index, l.LastIndex())
	}
	return nil
}

// Entries returns a run of entries that starts at lo and ends before hi, of at most maxBytes but at
// least one entry. The error is ErrCompacted, or any error of Storage.
func (l *Log) Entries(lo, hi, maxBytes uint64) ([]pb.Entry, error) {
	if lo >= hi {
		return nil, nil
	}
	if lo < l.first {
		return nil, ErrCompacted
	}
	if lo >= l.unstable.stable || l.unstable.serves(lo) {
		return l.unstable.entries.Slice(lo, hi, maxBytes), nil
	}
	stored, err := l.storedEntries(lo, min(hi, l.unstable.stable), maxBytes)
	return l.withTail(stored, hi, maxBytes), err
}

// withTail returns entries from Storage and, before hi, the entries of the unstable tail that
// follow them, of at most maxBytes together. It copies them into one batch, as v3.6 does: programs
// compare batches.
func (l *Log) withTail(stored []pb.Entry, hi, maxBytes uint64) []pb.Entry {
	if len(stored) == 0 {
		return stored
	}
	next := endOf(stored)
	if next >= hi || next < l.unstable.base() {
		return stored
	}
	size := EncodedBytes(stored)
	if size >= maxBytes {
		return stored
	}
	tail := l.unstable.entries.Slice(next, hi, maxBytes-size)
	if len(tail) == 1 && size+uint64(tail[0].Size()) > maxBytes {
		return stored
	}
	return slices.Concat(stored, tail)
}

// storedEntries reads [lo, hi) from Storage and checks the answer.
func (l *Log) storedEntries(lo, hi, maxBytes uint64) ([]pb.Entry, error) {
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

// ToApply returns the entries from lo on and before hi, of at most maxBytes but at least one, to be
// applied. lo < hi <= ApplyEnd.
func (l *Log) ToApply(lo, hi, maxBytes uint64) ([]pb.Entry, error) {
	base := l.unstable.base()
	if lo >= base {
		return l.unstable.entries.Slice(lo, hi, maxBytes), nil
	}
	entries, err := l.storedEntries(lo, min(hi, base), maxBytes)
	if errors.Is(err, ErrCompacted) {
		// The application may compact only what it has applied.
		return nil, fmt.Errorf("%w: entry %d was compacted before it was applied", ErrStorage, lo)
	}
	return l.withTail(entries, hi, maxBytes), err
}

// HandedOut notes that the entries up to index were handed out to be applied.
func (l *Log) HandedOut(index uint64) { l.unstable.open().applying = index }

// ApplyEnd is the index after the last entry that may be handed out to be applied. A snapshot that
// is not durable comes before any entry. Entries that are not durable count only with
// allowUnstable, that is if the caller persists them first.
func (l *Log) ApplyEnd(allowUnstable bool) uint64 {
	if l.Restores() {
		return 0
	}
	if allowUnstable {
		return l.Committed() + 1
	}
	return min(l.Committed()+1, l.unstable.stable)
}

// Restores reports whether a snapshot that replaces the log is not durable yet.
func (l *Log) Restores() bool { return l.unstable.pending() != nil }

// Snapshot returns the newest snapshot: the pending one, or Storage's.
func (l *Log) Snapshot() (pb.Snapshot, error) {
	if s := l.unstable.pending(); s != nil {
		return *s.Snapshot, nil
	}
	return l.storage.Snapshot()
}

// Restore replaces the log with a snapshot (thesis §5).
func (l *Log) Restore(s *pb.Snapshot) {
	id := EntryID{Term: s.Metadata.Term, Index: s.Metadata.Index}
	l.unstable.restore(s)
	l.terms.reset(id)
	l.first = id.Index + 1
	l.changes = configEntries{from: l.first}
	l.unstable.committed = id.Index
}

// endOf is the index after the last entry.
func endOf(entries []pb.Entry) uint64 { return entries[0].Index + uint64(len(entries)) }
