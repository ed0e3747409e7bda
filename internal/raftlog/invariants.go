package raftlog

// Broken returns the first formula that does not hold of the log, of those that hold of every log
// between two calls; "" if all do.
func (l *Log) Broken() string {
	u, b := &l.unstable, l.terms.bounds
	for _, rule := range []struct {
		holds bool
		says  string
	}{
		{l.applied <= l.applying, "applied <= applying"},
		{l.applied < u.stable, "applied < stable"},
		{l.applying <= l.committed, "applying <= committed"},
		{l.committed <= l.LastIndex(), "committed <= last"},
		{l.first <= l.committed+1, "first <= committed+1"},
		{u.base() <= u.stable && u.stable <= u.taken && u.taken <= u.end(), "base <= stable <= taken <= end"},
		{u.snapshot == nil || u.snapshot.Metadata.Index < u.base(), "snapshot != nil ==> snapshot.index < base"},
		{u.snapshot == nil || l.applied < u.snapshot.Metadata.Index, "snapshot != nil ==> applied < snapshot.index"},
		{b[0].Index < l.first || b[0].Term == 0 && b[0].Index == l.first, "terms reach back to first-1, or to first"},
	} {
		if !rule.holds {
			return rule.says
		}
	}
	for i := 1; i < len(b); i++ {
		forgotten := i == 1 && b[0].Term == 0 // the term before the first entry
		if b[i-1].Term >= b[i].Term || b[i-1].Index >= b[i].Index && !(forgotten && b[i-1].Index == b[i].Index) {
			return "term boundaries rise"
		}
	}
	for at := max(u.base(), b[0].Index); at < u.end(); at++ {
		if !l.Has(IDOf(u.entries.Entry(at))) {
			return "the term history agrees with the entries"
		}
	}
	return ""
}
