package tracker

import (
	"github.com/ffd200af/raft/progress"
	"github.com/ffd200af/raft/quorum"
)

// reach is the largest number that a quorum has reached: an index that it has matched, or a round
// that it has echoed. The voters beyond it are counted, and only when they are a quorum are all
// members looked at again. So a number costs one look, and not one per answer.
type reach struct {
	known bool
	mark  uint64 // a quorum has reached it
	// ahead and needed are numbers of voters, of each half of a joint configuration: those beyond
	// mark, and a majority.
	ahead  [2]int32
	needed [2]int32
}

// halves returns in which halves of the configuration the member votes, as 0 or 1.
func (m *member) halves() (h [2]int32) {
	if m.is&inIncoming != 0 {
		h[0] = 1
	}
	if m.is&inOutgoing != 0 {
		h[1] = 1
	}
	return h
}

// passed notes that the member at position i has gone from one number to another. It reports
// whether all members are to be looked at.
func (re *reach) passed(m *member, from, to uint64) bool {
	if !re.known || from > re.mark || to <= re.mark {
		return !re.known
	}
	h := m.halves()
	re.ahead[0] += h[0]
	re.ahead[1] += h[1]
	return re.ahead[0] >= re.needed[0] && re.ahead[1] >= re.needed[1]
}

// fewVoters is the number of voters up to which a quorum is looked for on the stack.
const fewVoters = 16

// look looks at all members for the largest number that a majority of voters has reached, in both
// halves of a joint configuration; 0 without voters. value says how far a member is.
func (ms *Members) look(re *reach, value func(pr *progress.Progress) uint64) {
	if ms.sole > 0 {
		i := ms.sole - 1
		*re = reach{known: true, mark: value(&ms.tracking.progress[i]), needed: ms.list[i].halves()}
		ms.tracking.looked++
		return
	}
	var few [2][fewVoters]uint64
	reached := [2][]uint64{few[0][:0], few[1][:0]}
	for i := range ms.list {
		is := ms.list[i].is
		if is&(inIncoming|inOutgoing) == 0 {
			continue
		}
		n := value(&ms.tracking.progress[i])
		if is&inIncoming != 0 {
			reached[0] = append(reached[0], n)
		}
		if is&inOutgoing != 0 {
			reached[1] = append(reached[1], n)
		}
	}
	*re = reach{known: true}
	incoming, outgoing := quorum.CommittedIndex(reached[0]), quorum.CommittedIndex(reached[1])
	if len(reached[0]) > 0 {
		re.mark = uint64(min(incoming, outgoing))
	}
	for half, sorted := range reached {
		n := len(sorted)
		if n > 0 {
			re.needed[half] = int32(n/2 + 1)
		}
		for n > 0 && sorted[n-1] > re.mark {
			n--
			re.ahead[half]++
		}
	}
	ms.tracking.looked += uint64(len(ms.list))
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
	if re := &ms.tracking.matched; re.passed(&ms.list[i], before, pr.Match) {
		ms.look(re, matchOf)
	}
	return news
}

// Committed returns the largest index that a majority of voters has matched, in both halves of a
// joint configuration; 0 without voters. It is asked while tracking.
func (ms *Members) Committed() uint64 { return ms.markOf(&ms.tracking.matched, matchOf) }

// Echo notes that a member has echoed a round. It is called while tracking.
func (ms *Members) Echo(id, round uint64) {
	i := ms.Find(id)
	if i < 0 {
		return
	}
	pr := &ms.tracking.progress[i]
	before := pr.Echoed()
	pr.Echo(round)
	if re := &ms.tracking.echoed; re.passed(&ms.list[i], before, pr.Echoed()) {
		ms.look(re, echoOf)
	}
}

// Confirmed returns the newest round that a majority of voters has echoed, in both halves of a
// joint configuration; 0 without voters. It is asked while tracking.
func (ms *Members) Confirmed() uint64 { return ms.markOf(&ms.tracking.echoed, echoOf) }

func (ms *Members) markOf(re *reach, value func(pr *progress.Progress) uint64) uint64 {
	if !re.known {
		ms.look(re, value)
	}
	return re.mark
}

func matchOf(pr *progress.Progress) uint64 { return pr.Match }

func echoOf(pr *progress.Progress) uint64 { return pr.Echoed() }

// Miscounts reports whether a quorum has gone beyond what Committed or Confirmed says. It is for
// invariants, and changes nothing.
func (ms *Members) Miscounts() bool {
	wrong := func(re reach, value func(pr *progress.Progress) uint64) bool {
		looked, now := ms.tracking.looked, reach{}
		ms.look(&now, value)
		ms.tracking.looked = looked
		return re.known && re != now
	}
	return wrong(ms.tracking.matched, matchOf) || wrong(ms.tracking.echoed, echoOf)
}

// Looked returns how often a member was looked at for what appends are due, and for what a quorum
// has matched and echoed. It is for tests.
func (ms *Members) Looked() uint64 { return ms.tracking.looked }
