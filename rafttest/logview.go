package rafttest

// logView is a log as the check remembers it, by the terms of its entries. The first one stands for the entry behind which
// the log begins:
//
//	base   base+1 ... last
//	 (t)   [ t  t  t  t ]
type logView struct {
	base  uint64
	terms []uint64 // never empty
}

// viewOf reads what a storage holds.
func viewOf(s Storage) logView {
	first, err1 := s.FirstIndex()
	last, err2 := s.LastIndex()
	v := logView{terms: []uint64{0}}
	if err1 != nil || err2 != nil || first == 0 {
		return v
	}
	v.base = first - 1
	v.terms[0], _ = s.Term(v.base)
	for i := first; i <= last; i++ {
		term, _ := s.Term(i)
		v.terms = append(v.terms, term)
	}
	return v
}

func (v *logView) last() uint64 { return v.base + uint64(len(v.terms)) - 1 }

// term is the term at an index; false where the log does not reach or was compacted.
func (v *logView) term(index uint64) (uint64, bool) {
	if index < v.base || index > v.last() {
		return 0, false
	}
	return v.terms[index-v.base], true
}

// covers reports whether the log has an entry. What was compacted was committed, and counts as there.
func (v *logView) covers(index, term uint64) bool {
	has, ok := v.term(index)
	return index < v.base || ok && has == term
}

// put makes an entry the last one.
func (v *logView) put(index, term uint64) {
	if index > v.base && index <= v.last()+1 {
		v.terms = append(v.terms[:index-v.base], term)
	}
}
