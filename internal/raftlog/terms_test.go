package raftlog

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// termList is the naive model of a term history: the term of every index.
type termList struct {
	base  uint64
	terms []uint64 // terms[i] is the term at base+i
}

func (l *termList) last() uint64 { return l.base + uint64(len(l.terms)) - 1 }

func (l *termList) at(index uint64) uint64 { return l.terms[index-l.base] }

func drawTermList(t *rapid.T) termList {
	l := termList{base: rapid.Uint64Range(1, 9).Draw(t, "base")}
	term := rapid.Uint64Range(1, 3).Draw(t, "base term")
	for n := rapid.IntRange(1, 30).Draw(t, "length"); n > 0; n-- {
		l.terms = append(l.terms, term)
		term += rapid.SampledFrom([]uint64{0, 0, 0, 1, 2}).Draw(t, "rise")
	}
	return l
}

func (l *termList) history() terms {
	h := terms{}
	h.reset(EntryID{Term: l.terms[0], Index: l.base})
	for i := l.base + 1; i <= l.last(); i++ {
		h.append(l.at(i), i)
	}
	return h
}

func checkHistory(t *rapid.T, h *terms, l *termList) {
	t.Helper()
	for i := l.base; i <= l.last(); i++ {
		if got, ok := h.at(i); !ok || got != l.at(i) {
			t.Fatalf("term at %d is %d, %t, want %d", i, got, ok, l.at(i))
		}
	}
	if _, ok := h.at(l.base - 1); ok {
		t.Fatalf("the term before the base %d is known", l.base)
	}
	if got := h.lastTerm(); got != l.at(l.last()) {
		t.Fatalf("last term is %d, want %d", got, l.at(l.last()))
	}
}

func TestTermHistoryAnswersLikeAListOfTerms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawTermList(t)
		h := l.history()
		checkHistory(t, &h, &l)

		if l.last() > l.base {
			cut := rapid.Uint64Range(l.base+1, l.last()).Draw(t, "truncate")
			h.truncate(cut)
			l.terms = l.terms[:cut-l.base]
			checkHistory(t, &h, &l)
		}
		to := rapid.Uint64Range(l.base, l.last()).Draw(t, "compact")
		h.compact(to)
		l.terms, l.base = l.terms[to-l.base:], to
		checkHistory(t, &h, &l)
	})
}

func TestLastNotAfterFindsTheNewestPlaceOfAnOldEnoughTerm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawTermList(t)
		h := l.history()
		index := rapid.Uint64Range(l.base-1, l.last()).Draw(t, "index")
		term := rapid.Uint64Range(0, l.at(l.last())+1).Draw(t, "term")
		want := index
		for want >= l.base && l.at(want) > term {
			want--
		}
		if got := h.lastNotAfter(index, term); got != want {
			t.Fatalf("lastNotAfter(%d, %d) = %d, want %d", index, term, got, want)
		}
	})
}

func TestTermHistoryIsLoadedWithFewQuestions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := drawTermList(t)
		s := &countingTerms{list: l}
		var h terms
		if err := h.load(s, l.base+1, l.last()); err != nil {
			t.Fatal(err)
		}
		checkHistory(t, &h, &l)
		if limit := 2 + 7*h.len(); s.asked > limit {
			t.Fatalf("asked %d times for %d terms in %d entries", s.asked, h.len(), len(l.terms))
		}
	})
}

func TestALogWhoseTermsFallIsNotLoaded(t *testing.T) {
	s := &countingTerms{list: termList{base: 1, terms: []uint64{2, 3, 1}}}
	var h terms
	if err := h.load(s, 2, 3); !errors.Is(err, ErrStorage) {
		t.Fatalf("got %v, want ErrStorage", err)
	}
}

// countingTerms is a Reader of which only Term is asked.
type countingTerms struct {
	Reader
	list  termList
	asked int
}

func (s *countingTerms) Term(i uint64) (uint64, error) {
	s.asked++
	if i < s.list.base || i > s.list.last() {
		return 0, ErrUnavailable
	}
	return s.list.at(i), nil
}

// contradictory answers a question about the last term once, and then says something else.
type contradictory struct {
	Reader
	asked int
	last  uint64
	then  func(index uint64) uint64
}

func (s *contradictory) Term(i uint64) (uint64, error) {
	if i == s.last {
		if s.asked++; s.asked == 1 {
			return s.Reader.Term(i)
		}
	}
	return s.then(i), nil
}

func TestAStorageThatContradictsItselfAboutTermsIsRefused(t *testing.T) {
	for name, then := range map[string]func(i uint64) uint64{
		"the last term falls":          func(uint64) uint64 { return 1 },
		"the last term rises":          func(i uint64) uint64 { return 1 + i/9*9 },
		"a term above that of the end": func(i uint64) uint64 { return map[uint64]uint64{0: 0, 1: 1, 2: 1}[i] + i/3*8 },
	} {
		t.Run(name, func(t *testing.T) {
			ms := newMemory()
			ms.append(entriesOf(1, 1, 1, 2, 2, 3, 3, 3, 4, 5))
			var h terms
			if err := h.load(&contradictory{Reader: ms, last: 9, then: then}, 1, 9); !errors.Is(err, ErrStorage) {
				t.Errorf("got %v with the history %v", err, h)
			}
		})
	}
}
