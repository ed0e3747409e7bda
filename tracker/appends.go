package tracker

import "math/bits"

// appends knows which members are owed an append, so that a leader need not look at all of them
// after each message. A member is examined once after each change of its Progress. Then it is owed
// an append, or it waits for something new in the log, or nothing is sent to it until its Progress
// changes.
type appends struct {
	// sets holds two sets of positions as bits, one after the other: the members to examine, and
	// the members that wait. Members that are owed an append stay in the first one. It is nil if
	// every member is to be examined.
	sets []uint64
	// at is the sum of last index and commit index that the members which wait have.
	at uint64
	// waiting is the number of members that wait.
	waiting int32
	// lowest is the first word of sets with a member to examine, or one before it.
	lowest int32
}

// words returns the length of each set.
func (a *appends) words() int { return len(a.sets) / 2 }

// appends returns what is known of the appends. If that is nothing, all members are to be examined.
func (ms *Members) appends() *appends {
	a := &ms.tracking.appends
	if a.sets == nil {
		a.examineAll(len(ms.ids))
	}
	return a
}

func (a *appends) examineAll(n int) {
	words := (n + 63) / 64
	*a = appends{sets: make([]uint64, 2*words)}
	for i := range n {
		a.sets[i/64] |= 1 << (i % 64)
	}
}

// Change returns the Progress of the member at position i, while tracking, to be changed before the
// next question about appends.
func (ms *Members) Change(i int) *Progress {
	if a := &ms.tracking.appends; a.sets != nil {
		a.examineAgain(i)
	}
	return &ms.tracking.progress[i]
}

func (a *appends) examineAgain(i int) {
	word, bit := i/64, uint64(1)<<(i%64)
	a.sets[word] |= bit
	a.lowest = min(a.lowest, int32(word))
	if waiting := &a.sets[a.words()+word]; *waiting&bit != 0 {
		*waiting &^= bit
		a.waiting--
	}
}

// AppendDue reports whether a member other than self is owed an append, given the leader's last
// index and commit index, which never fall. It is asked while tracking. It examines each member
// once after a change, and not at all if only the log has grown.
func (ms *Members) AppendDue(self, last, commit uint64) bool {
	a := ms.appends()
	if a.waiting > 0 && last+commit > a.at {
		return true
	}
	a.at = last + commit
	for ; int(a.lowest) < a.words(); a.lowest++ {
		for word := &a.sets[a.lowest]; *word != 0; *word &= *word - 1 {
			if ms.owed(a, int(a.lowest)*64+bits.TrailingZeros64(*word), self, last, commit) {
				return true
			}
		}
	}
	return false
}

// owed examines the member at position i, and notes if it waits.
func (ms *Members) owed(a *appends, i int, self, last, commit uint64) bool {
	ms.tracking.looked++
	pr := &ms.tracking.progress[i]
	switch {
	case ms.ids[i] == self:
	case pr.AppendDue(last, commit):
		return true
	case !pr.IsPaused():
		a.sets[a.words()+i/64] |= 1 << (i % 64)
		a.waiting++
	}
	return false
}

// MayBeDue returns the first position from i on of a member that may be owed an append, or -1.
// Whoever has sent the appends asks AppendDue, so that the members are examined.
func (ms *Members) MayBeDue(i int, last, commit uint64) int {
	a := ms.appends()
	if a.waiting > 0 && last+commit > a.at {
		a.stopWaiting()
	}
	for word := i / 64; word < a.words(); word++ {
		set := a.sets[word]
		if word == i/64 {
			set &= ^uint64(0) << (i % 64)
		}
		if set != 0 {
			return word*64 + bits.TrailingZeros64(set)
		}
	}
	return -1
}

// stopWaiting makes the members that wait members to examine.
func (a *appends) stopWaiting() {
	toExamine, waiting := a.sets[:a.words()], a.sets[a.words():]
	for word := range waiting {
		toExamine[word] |= waiting[word]
	}
	clear(waiting)
	a.waiting, a.lowest = 0, 0
}

// Overlooks reports whether the member at position i is owed an append and AppendDue does not know
// it. It is for invariants, and changes nothing.
func (ms *Members) Overlooks(i int, last, commit uint64) bool {
	a := &ms.tracking.appends
	in := func(first int) bool { return a.sets[first+i/64]&(1<<(i%64)) != 0 }
	if a.sets == nil || in(0) || in(a.words()) && last+commit > a.at {
		return false
	}
	return ms.tracking.progress[i].AppendDue(last, commit)
}
