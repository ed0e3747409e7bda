package raftlog

// Broken returns the first formula that does not hold of the log, of those that hold of every log
// between two calls; "" if all do.
func (l *Log) Broken() string {
	u, s, b := &l.unstable, l.unstable.pending(), &l.terms
	for _, rule := range []struct {
		holds bool
		says  string
	}{
		{l.applied <= l.Applying(), "applied <= applying"},
		{l.applied < u.stable, "applied < stable"},
		{l.Applying() <= l.Committed(), "applying <= committed"},
		{l.Committed() <= l.LastIndex(), "committed <= last"},
		{l.first <= l.Committed()+1, "first <= committed+1"},
		{u.base() <= u.stable && u.stable <= u.untaken() && u.untaken() <= u.end(), "base <= stable <= taken <= end"},
		{s == nil || s.Metadata.Index < u.base(), "snapshot != nil ==> snapshot.index < base"},
		{s == nil || l.applied < s.Metadata.Index, "snapshot != nil ==> applied < snapshot.index"},
		{b.base.Index < l.first || b.base.Term == 0 && b.base.Index == l.first, "terms reach back to first-1, or to first"},
	} {
		if !rule.holds {
			return rule.says
		}
	}
	for i := 1; i < b.len(); i++ {
		forgotten := i == 1 && b.base.Term == 0 // the term before the first entry
		prev, next := b.bound(i-1), b.bound(i)
		if prev.Term >= next.Term || prev.Index >= next.Index && !(forgotten && prev.Index == next.Index) {
			return "term boundaries rise"
		}
	}
	for at := max(u.base(), b.base.Index); at < u.end(); at++ {
		if !l.Has(IDOf(u.entries.Entry(at))) {
			return "the term history agrees with the entries"
		}
	}
	return ""
}
