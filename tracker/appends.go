package tracker

import "slices"

// appends knows which members are owed an append, so that a leader need not look at all of them
// after each message. A member is examined once after each change of its Progress. Then it is owed
// an append, or it waits for something new in the log, or nothing is sent to it until its Progress
// changes.
type appends struct {
	// changed holds the positions of the members to examine. Members that are owed an append stay
	// in it.
	changed []int32
	// verdicts is parallel to the list of members; nil if every member is to be examined.
	verdicts []verdict
	// waiting is the number of members with the verdict isWaiting.
	waiting int
	// at is the sum of last index and commit index that the members which wait have.
	at uint64
}

// verdict is what the examination of a member has shown.
type verdict uint8

const (
	isChanged verdict = iota // it is in changed
	isBlocked                // nothing is sent until its Progress changes
	isWaiting                // an append is due when the last index or the commit index grows
)

// open returns appends. If there are none yet, every one of n members is to be examined.
func (a *appends) open(n int) *appends {
	if a.verdicts == nil {
		*a = appends{changed: make([]int32, n), verdicts: make([]verdict, n)}
		for i := range a.changed {
			a.changed[i] = int32(i)
		}
	}
	return a
}

// Change returns the Progress of the member at position i, while tracking, to be changed before the
// next question about appends.
func (ms *Members) Change(i int) *Progress {
	if a := &ms.tracking.appends; a.verdicts != nil {
		a.examineAgain(i)
	}
	return &ms.tracking.progress[i]
}

func (a *appends) examineAgain(i int) {
	switch a.verdicts[i] {
	case isChanged:
		return
	case isWaiting:
		a.waiting--
	}
	a.verdicts[i] = isChanged
	a.changed = append(a.changed, int32(i))
}

// AppendDue reports whether a member other than self is owed an append, given the leader's last
// index and commit index, which never fall. It is asked while tracking. It examines each member
// once after a change, and not at all if only the log has grown.
func (ms *Members) AppendDue(self, last, commit uint64) bool {
	a := ms.tracking.appends.open(len(ms.list))
	if a.waiting > 0 && last+commit > a.at {
		return true
	}
	a.at = last + commit
	for n := len(a.changed) - 1; n >= 0; n-- {
		i := a.changed[n]
		if ms.owed(a, int(i), self, last, commit) {
			return true
		}
		a.changed = a.changed[:n]
	}
	return false
}

// owed examines the member at position i, and notes the verdict unless it is owed an append.
func (ms *Members) owed(a *appends, i int, self, last, commit uint64) bool {
	ms.tracking.looked++
	pr := &ms.tracking.progress[i]
	switch {
	case ms.list[i].id == self:
		a.verdicts[i] = isBlocked
	case pr.AppendDue(last, commit):
		return true
	case pr.IsPaused():
		a.verdicts[i] = isBlocked
	default:
		a.verdicts[i] = isWaiting
		a.waiting++
	}
	return false
}

// MayBeDue returns the positions, in order, of the members that may be owed an append. Whoever has
// sent the appends asks AppendDue, so that the members are examined. The slice is valid until then.
func (ms *Members) MayBeDue(last, commit uint64) []int32 {
	a := ms.tracking.appends.open(len(ms.list))
	if a.waiting > 0 && last+commit > a.at {
		for i, v := range a.verdicts {
			if v == isWaiting {
				a.examineAgain(i)
			}
		}
	}
	slices.Sort(a.changed)
	return a.changed
}

// Overlooks reports whether the member at position i is owed an append and AppendDue does not know
// it. It is for invariants, and changes nothing.
func (ms *Members) Overlooks(i int, last, commit uint64) bool {
	a := &ms.tracking.appends
	if a.verdicts == nil || a.verdicts[i] == isChanged || a.verdicts[i] == isWaiting && last+commit > a.at {
		return false
	}
	return ms.tracking.progress[i].AppendDue(last, commit)
}
