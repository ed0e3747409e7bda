package tracker

import "github.com/ffd200af/raft/quorum"

// votes counts the answers of this election, so that an answer costs no look at all members.
type votes struct {
	answers []uint8 // of each member

	// What is counted of the answers.

	voters  [2]int32 // of each half of the configuration
	yes, no [2]int32 // their answers
	// granted and rejected count each member that votes once.
	granted, rejected int32
}

// ResetVotes forgets all votes.
func (ms *Members) ResetVotes() { ms.votes = nil }

// RecordVote notes a member's answer. Its first one counts; strangers do not.
func (ms *Members) RecordVote(id uint64, grants bool) {
	i := ms.Find(id)
	if i < 0 {
		return
	}
	v := ms.openVotes()
	if v.answers[i] != noAnswer {
		return
	}
	h := ms.halves(i)
	voters := max(h[0], h[1])
	if grants {
		v.answers[i] = granted
		v.granted += voters
		v.yes[0], v.yes[1] = v.yes[0]+h[0], v.yes[1]+h[1]
	} else {
		v.answers[i] = rejected
		v.rejected += voters
		v.no[0], v.no[1] = v.no[0]+h[0], v.no[1]+h[1]
	}
}

func (ms *Members) openVotes() *votes {
	if ms.votes == nil {
		ms.votes = &votes{answers: make([]uint8, len(ms.ids))}
		for i := range ms.ids {
			h := ms.halves(i)
			ms.votes.voters[0] += h[0]
			ms.votes.voters[1] += h[1]
		}
	}
	return ms.votes
}

// Tally says how the election stands, and how many voters have granted and rejected.
// Without voters it stays pending.
func (ms *Members) Tally() (yes, no int, _ quorum.VoteResult) {
	v := ms.votes
	if v == nil || v.voters[0] == 0 {
		return 0, 0, quorum.VotePending
	}
	half := func(i int) quorum.VoteResult {
		return quorum.ResultOf(int(v.yes[i]), int(v.no[i]), int(v.voters[i]))
	}
	return int(v.granted), int(v.rejected), quorum.Joint(half(0), half(1))
}
