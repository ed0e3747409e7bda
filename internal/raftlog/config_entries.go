package raftlog

import (
	"errors"
	"fmt"
	"slices"

	pb "github.com/ffd200af/raft/raftpb"
)

// configEntries remembers where the log has configuration changes, so that each entry is looked at
// once, however often a node asks. All changes from index from on are known: entries are looked at
// when they are appended. Stored entries before from are read when somebody asks for them, and
// count as known from then on.
type configEntries struct {
	from uint64
	list *[]uint64 // indexes, rising; nil if there are none
}

// manyChanges is the number of remembered changes at which those that are applied are forgotten.
const manyChanges = 64

// Stored entries are read from the last one back: block at a time, of at most blockBytes in each
// answer.
const (
	block      = 1024
	blockBytes = 1 << 20
)

func (ce *configEntries) indexes() []uint64 {
	if ce.list == nil {
		return nil
	}
	return *ce.list
}

// in returns the known changes in (lo, hi].
func (ce *configEntries) in(lo, hi uint64) []uint64 {
	if ce.list == nil {
		return nil
	}
	all := *ce.list
	first, _ := slices.BinarySearch(all, lo+1)
	end, _ := slices.BinarySearch(all, hi+1)
	return all[first:max(first, end)]
}

func (ce *configEntries) insert(i int, indexes ...uint64) {
	if len(indexes) == 0 {
		return
	}
	if ce.list == nil {
		ce.list = new([]uint64)
	}
	*ce.list = slices.Insert(*ce.list, i, indexes...)
}

// appended looks at entries that were appended, the first of them at index. When manyChanges or
// more are known, it forgets those that are applied.
func (ce *configEntries) appended(entries []pb.Entry, index, applied uint64) {
	for i := range entries {
		if IsConfChange(&entries[i]) {
			ce.insert(len(ce.indexes()), index+uint64(i))
		}
	}
	if all := ce.indexes(); len(all) >= manyChanges && all[len(all)/2] <= applied {
		*ce.list = slices.Clone(ce.in(applied, NoLimit-1))
		ce.from = applied + 1
	}
}

// truncate forgets everything from index on.
func (ce *configEntries) truncate(index uint64) {
	ce.from = min(ce.from, index)
	if all := ce.indexes(); len(all) > 0 {
		n, _ := slices.BinarySearch(all, index)
		*ce.list = all[:n]
	}
}

// lookBack reads a block of entries before those that are known, but none at or before lo, and none
// that the application has compacted. It returns false if there are none.
func (l *Log) lookBack(lo uint64) (bool, error) {
	ce := &l.changes
	end := max(lo+1, l.first)
	if ce.from <= end {
		return false, nil
	}
	start := max(end, ce.from-min(ce.from, block))
	var found []uint64
	for at := start; at < ce.from; {
		entries, err := l.Entries(at, ce.from, blockBytes)
		if errors.Is(err, ErrCompacted) && l.first > at {
			// The application may compact what it has applied before it calls Advance.
			return true, nil
		}
		if err != nil {
			return false, lostEntry(at, err)
		}
		for i := range entries {
			if IsConfChange(&entries[i]) {
				found = append(found, at+uint64(i))
			}
		}
		at += uint64(len(entries))
	}
	ce.insert(0, found...)
	ce.from = start
	return true, nil
}

// lostEntry makes ErrCompacted an error of Storage, whose first index is not above the entry.
func lostEntry(index uint64, err error) error {
	if errors.Is(err, ErrCompacted) {
		return fmt.Errorf("%w: entry %d counts as compacted, and the log does not begin after it", ErrStorage, index)
	}
	return err
}

// HasConfChange reports whether there is a configuration change after lo, up to hi or the end of
// the log. It passes over those that are compacted and not known to be applied.
func (l *Log) HasConfChange(lo, hi uint64) (bool, error) {
	if l.changes.list == nil && l.changes.from <= lo+1 {
		return false, nil // the usual case
	}
	for {
		if found := l.changes.in(lo, hi); len(found) > 0 {
			last := found[len(found)-1]
			if last <= l.applied || last > l.Applying() {
				return true, nil
			}
			// The application may compact what it has applied before it calls Advance.
			err := l.noticeCompaction()
			return last >= l.first, err
		}
		if more, err := l.lookBack(lo); err != nil || !more {
			return false, err
		}
	}
}

// MayHaveConfChange reports whether there is, or may be, a configuration change after lo, up to hi:
// an entry that nobody has looked at may be one.
func (l *Log) MayHaveConfChange(lo, hi uint64) bool {
	return lo < hi && (lo+1 < l.changes.from || len(l.changes.in(lo, hi)) > 0)
}

// EachConfChange calls visit with each configuration change after lo, until visit returns false. It
// passes over those that the application has compacted.
func (l *Log) EachConfChange(lo uint64, visit func(index uint64, e *pb.Entry) bool) error {
	for more := true; more; {
		var err error
		if more, err = l.lookBack(lo); err != nil {
			return err
		}
	}
	for _, index := range l.changes.in(lo, NoLimit-1) {
		entries, err := l.Entries(index, index+1, NoLimit)
		if errors.Is(err, ErrCompacted) && l.first > index {
			continue
		}
		if err != nil {
			return lostEntry(index, err)
		}
		if !visit(index, &entries[0]) {
			return nil
		}
	}
	return nil
}
