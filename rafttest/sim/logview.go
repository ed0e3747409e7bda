package sim

// logView is a log as it is seen from outside: the terms of its entries, from base on, which is the last entry
// that was compacted, or where the log begins. What an entry says follows from index and term (Log Matching, which
// the checker holds), so terms are enough.
//
//	base   base+1 ... last
//	 (t)   [ t  t  t  t ]
type logView struct {
	base  uint64
	terms []uint64 // terms[i] is the term at base+i; never empty
}

func newLogView(base, term uint64) logView { return logView{base: base, terms: []uint64{term}} }

func (v *logView) last() uint64 { return v.base + uint64(len(v.terms)) - 1 }

// term returns the term at index; false where the log does not reach or was compacted.
func (v *logView) term(index uint64) (uint64, bool) {
	if index < v.base || index > v.last() {
		return 0, false
	}
	return v.terms[index-v.base], true
}

// covers reports whether the log has the entry. Compacted ones were committed, and count as there.
func (v *logView) covers(index, term uint64) bool {
	t, ok := v.term(index)
	return index < v.base || ok && t == term
}

// reset makes the log empty behind index, as a snapshot does.
func (v *logView) reset(index, term uint64) {
	v.base = index
	v.terms = append(v.terms[:0], term)
}

// put makes an entry the last one.
func (v *logView) put(index, term uint64) {
	if index <= v.base {
		return
	}
	v.terms = append(v.terms[:index-v.base], term)
}

// cut ends the log before an index, if it reaches there.
func (v *logView) cut(index uint64) {
	if index > v.base && index <= v.last() {
		v.terms = v.terms[:index-v.base]
	}
}

func (v *logView) compact(index uint64) {
	if index <= v.base || index > v.last() {
		return
	}
	v.terms = v.terms[:copy(v.terms, v.terms[index-v.base:])]
	v.base = index
}

func (v *logView) copyFrom(o *logView) {
	v.base = o.base
	v.terms = append(v.terms[:0], o.terms...)
}
