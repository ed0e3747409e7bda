package raftlog

import (
	"errors"
	"fmt"
	"sort"
)

// terms is the term history of the retained log. Terms never decrease along a log, so one boundary
// per term gives the term of every index:
//
//	bounds:   2/10        3/14          6/21
//	index:      10 11 12 13 14 .. 20 21 22 ..
//	term:        2  2  2  2  3 ..  3  6  6 ..
//
// The first boundary is the base, the entry just before the retained log (0/0, or where the
// last snapshot or compaction cut it). Each other one is the first entry of
// its term. Terms and indexes rise strictly. The last boundary reaches to the end of the
// log, which this type does not know.
//
// A Storage may have forgotten the term of the base. Then the base is 0/first, and the boundary of
// the first entry has the same index: nothing is known of the entry before it.
//
// The base and the last boundary stand here, because most logs that are compacted have no others.
type terms struct {
	base, last EntryID // equal if there is one boundary
	// between holds the boundaries between the two; nil if there never were any.
	between *[]EntryID
}

// middle returns the boundaries between the first and the last one.
func (t *terms) middle() []EntryID {
	if t.between == nil {
		return nil
	}
	return *t.between
}

// len returns the number of boundaries.
func (t *terms) len() int {
	if t.base == t.last {
		return 1
	}
	return len(t.middle()) + 2
}

// bound returns the boundary at a position.
func (t *terms) bound(i int) EntryID {
	switch middle := t.middle(); {
	case i == 0:
		return t.base
	case i <= len(middle):
		return middle[i-1]
	}
	return t.last
}

func (t *terms) lastTerm() uint64 { return t.last.Term }

// segment returns the position of the boundary that covers index, which is not
// before the base.
func (t *terms) segment(index uint64) int {
	last := t.len() - 1
	if index >= t.last.Index {
		return last
	}
	return sort.Search(last, func(i int) bool { return t.bound(i+1).Index > index })
}

// at returns the term at index, which must not be beyond the end of the log; false if it lies
// before the base.
func (t *terms) at(index uint64) (uint64, bool) {
	if last := t.last; index >= last.Index {
		return last.Term, true // the usual case
	}
	return t.before(index)
}

// before is at for an index before the last boundary.
func (t *terms) before(index uint64) (uint64, bool) {
	if index < t.base.Index {
		return 0, false
	}
	return t.bound(t.segment(index)).Term, true
}

// append notes that an entry of term stands at index, the new end of the log.
func (t *terms) append(term, index uint64) {
	if term == t.last.Term {
		return
	}
	if t.len() > 1 {
		if t.between == nil {
			t.between = new([]EntryID)
		}
		*t.between = append(*t.between, t.last)
	}
	t.last = EntryID{Term: term, Index: index}
}

// truncate forgets everything from index on; index is after the base.
func (t *terms) truncate(index uint64) {
	n := t.len()
	for n > 1 && t.bound(n-1).Index >= index {
		n--
	}
	t.keep(t.base, 1, n)
}

// compact makes index, at which the log has an entry, the new base.
func (t *terms) compact(index uint64) {
	if index <= t.base.Index {
		return
	}
	s := t.segment(index)
	t.keep(EntryID{Term: t.bound(s).Term, Index: index}, s+1, t.len())
}

// keep makes base the first boundary, and lets those at the positions from i on and before end
// follow it. 0 < i <= end.
func (t *terms) keep(base EntryID, i, end int) {
	t.base = base
	switch end - i {
	case 0:
		t.last, t.between = base, nil
	case 1:
		t.last, t.between = t.bound(i), nil
	default:
		t.last = t.bound(end - 1)
		all := *t.between
		*t.between = all[:copy(all, all[i-1:end-2])]
	}
}

// reset makes base the whole history.
func (t *terms) reset(base EntryID) { *t = terms{base: base, last: base} }

// lastNotAfter is Log.LastNotAfter.
func (t *terms) lastNotAfter(index, term uint64) uint64 {
	if index < t.base.Index {
		return index
	}
	end := t.segment(index) + 1
	later := sort.Search(end, func(s int) bool { return t.bound(s).Term > term })
	if later == end {
		return index
	}
	return t.bound(later).Index - 1
}

// load builds the history of the stored log [first, last] with a few questions per
// term: it looks for the end of each term by bisection.
func (t *terms) load(s Reader, first, last uint64) error {
	ask := func(i, atLeast uint64) (uint64, error) {
		term, err := s.Term(i)
		if err != nil {
			return 0, fmt.Errorf("%w: term of entry %d: %w", ErrStorage, i, err)
		}
		if term < atLeast || term >= MaxCounter {
			return 0, fmt.Errorf("%w: term %d at index %d after term %d", ErrStorage, term, i, atLeast)
		}
		return term, nil
	}
	base := EntryID{Index: first - 1}
	term, err := ask(base.Index, 0)
	switch {
	case err == nil:
		base.Term = term
	case errors.Is(err, ErrCompacted) && first <= last:
		base.Index = first
	default:
		return err
	}
	t.reset(base)
	lastTerm, err := ask(last, base.Term)
	if err != nil {
		return err
	}
	for at := first; at <= last; {
		term, err := ask(at, t.lastTerm())
		if err != nil {
			return err
		}
		t.append(term, at)
		if term == lastTerm {
			return nil
		}
		if term > lastTerm || at == last {
			return fmt.Errorf("%w: term %d at index %d, term %d at the last one, %d", ErrStorage, term, at, lastTerm, last)
		}
		// The term of lo is term, the term of hi is larger.
		lo, hi := at, last
		for hi-lo > 1 {
			mid := lo + (hi-lo)/2
			midTerm, err := ask(mid, term)
			if err != nil {
				return err
			}
			if midTerm == term {
				lo = mid
			} else {
				hi = mid
			}
		}
		at = hi
	}
	return nil
}
