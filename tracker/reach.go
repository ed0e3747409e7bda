package tracker

import (
	"github.com/ffd200af/raft/progress"
	"github.com/ffd200af/raft/quorum"
)

// reach is the largest number that a quorum has reached: an index that it has matched, or a round
// that it has echoed. The voters beyond it are counted, and only when they are a quorum are all
// members looked at again. So a number costs one look, and not one per answer.
type reach struct {
	mark uint64 // a quorum has reached it
	// ahead is the number of voters beyond mark, of each half of a joint configuration.
	ahead [2]int32
}

// passed notes that the member at position i has gone from one number to another.
func (ms *Members) passed(re *reach, i int, value func(pr *progress.Progress) uint64, from, to uint64) {
	if !ms.counts() || from > re.mark || to <= re.mark {
		return
	}
	h := ms.halves(i)
	re.ahead[0] += h[0]
	re.ahead[1] += h[1]
	if majority := &ms.tracking.majority; re.ahead[0] >= majority[0] && re.ahead[1] >= majority[1] {
		*re, _ = ms.look(value)
	}
}

// counts reports whether the voters that pass a number are counted. A configuration without voters
// has none to count.
func (ms *Members) counts() bool { return ms.tracking.majority[0] > 0 }

// fewVoters is the number of voters up to which a quorum is looked for on the stack.
const fewVoters = 16

// look looks at all members for the largest number that a majority of voters has reached, in both
// halves of a joint configuration; 0 without voters. It also returns how many voters are a majority
// of each half. value says how far a member is.
func (ms *Members) look(value func(pr *progress.Progress) uint64) (re reach, majority [2]int32) {
	if sole := ms.sole(); sole > 0 {
		i := int(sole - 1)
		ms.tracking.looked++
		return reach{mark: value(&ms.tracking.progress[i])}, ms.halves(i)
	}
	var few [2][fewVoters]uint64
	reached := [2][]uint64{few[0][:0], few[1][:0]}
	for i := range ms.ids {
		kind := ms.kind(i)
		if kind&(inIncoming|inOutgoing) == 0 {
			continue
		}
		n := value(&ms.tracking.progress[i])
		if kind&inIncoming != 0 {
			reached[0] = append(reached[0], n)
		}
		if kind&inOutgoing != 0 {
			reached[1] = append(reached[1], n)
		}
	}
	incoming, outgoing := quorum.CommittedIndex(reached[0]), quorum.CommittedIndex(reached[1])
	if len(reached[0]) > 0 {
		re.mark = uint64(min(incoming, outgoing))
	}
	for half, sorted := range reached {
		n := len(sorted)
		if n > 0 {
			majority[half] = int32(n/2 + 1)
		}
		for n > 0 && sorted[n-1] > re.mark {
			n--
			re.ahead[half]++
		}
	}
	ms.tracking.looked += uint64(len(ms.ids))
	return re, majority
}

// MaybeUpdate notes that a member has matched index, and reports whether that is news. It is called
// while tracking. Call Change too if the member may be owed an append.
func (ms *Members) MaybeUpdate(id, index uint64) bool {
	i := ms.Find(id)
	if i < 0 {
		return false
	}
	pr := &ms.tracking.progress[i]
	before := pr.Match
	news := pr.MaybeUpdate(index)
	ms.passed(&ms.tracking.matched, i, matchOf, before, pr.Match)
	return news
}

// Committed returns the largest index that a majority of voters has matched, in both halves of a
// joint configuration; 0 without voters. It is asked while tracking.
func (ms *Members) Committed() uint64 { return ms.count().matched.mark }

// Echo notes that a member has echoed a round. It is called while tracking.
func (ms *Members) Echo(id, round uint64) {
	i := ms.Find(id)
	if i < 0 {
		return
	}
	pr := &ms.tracking.progress[i]
	before := pr.Echoed()
	pr.Echo(round)
	ms.passed(&ms.tracking.echoed, i, echoOf, before, pr.Echoed())
}

// Confirmed returns the newest round that a majority of voters has echoed, in both halves of a
// joint configuration; 0 without voters. It is asked while tracking.
func (ms *Members) Confirmed() uint64 { return ms.count().echoed.mark }

// count begins to count the voters that pass a number, unless they are counted already.
func (ms *Members) count() *tracking {
	t := ms.tracking
	if !ms.counts() {
		t.matched, t.majority = ms.look(matchOf)
		t.echoed, _ = ms.look(echoOf)
	}
	return t
}

func matchOf(pr *progress.Progress) uint64 { return pr.Match }

func echoOf(pr *progress.Progress) uint64 { return pr.Echoed() }

// Miscounts reports whether a quorum has gone beyond what Committed or Confirmed says. It is for
// invariants, and changes nothing.
func (ms *Members) Miscounts() bool {
	looked := ms.tracking.looked
	matched, _ := ms.look(matchOf)
	echoed, _ := ms.look(echoOf)
	ms.tracking.looked = looked
	return ms.counts() && (ms.tracking.matched != matched || ms.tracking.echoed != echoed)
}

// Looked returns how often a member was looked at for what appends are due, and for what a quorum
// has matched and echoed. It is for tests.
func (ms *Members) Looked() uint64 { return ms.tracking.looked }
