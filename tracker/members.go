package tracker

import (
	"slices"
	"sort"

	"github.com/ffd200af/raft/progress"
	"github.com/ffd200af/raft/quorum"
	pb "github.com/ffd200af/raft/raftpb"
)

// What a member is. A voter may be in both halves of a joint configuration.
const (
	inIncoming uint8 = 1 << iota
	inOutgoing
	isLearner
	learnsNext // an outgoing voter that becomes a learner
)

// What a member has answered in this election.
const (
	noAnswer uint8 = iota
	granted
	rejected
)

type member struct {
	id    uint64
	is    uint8
	voted uint8
}

// Members is the active configuration as a slice sorted by id, with the votes of this
// election and, on a leader, a Progress per member. The zero value is an empty
// configuration, in which nobody wins an election and nothing is committed.
//
// Positions, from 0 to Len()-1, are valid until the next Switch, pointers to a
// Progress until the next Switch, Track or Untrack.
type Members struct {
	list      []member
	progress  []progress.Progress // parallel to list while tracking, else nil
	autoLeave bool
}

// Switch makes cfg the configuration. Members that stay keep their vote and
// Progress. If progress is tracked, newcomers are to be probed at next; they count as active, so that
// they have an election timeout to show up.
func (ms *Members) Switch(cfg Config, next uint64) {
	old := *ms
	ms.list = newList(cfg)
	ms.autoLeave = cfg.AutoLeave
	if old.progress != nil {
		ms.progress = make([]progress.Progress, len(ms.list))
	}
	for i := range ms.list {
		m := &ms.list[i]
		j := old.Find(m.id)
		if j >= 0 {
			m.voted = old.list[j].voted
		}
		if ms.progress == nil {
			continue
		}
		if j >= 0 {
			ms.progress[i] = old.progress[j]
		} else {
			ms.progress[i] = progress.New(next)
			ms.progress[i].RecentActive = true
		}
		ms.progress[i].IsLearner = m.is&isLearner != 0
	}
}

// Forget makes the next Switch treat id as new, with nothing known of its log.
func (ms *Members) Forget(id uint64) {
	if i := ms.Find(id); i >= 0 {
		ms.list = slices.Delete(ms.list, i, i+1)
		if ms.progress != nil {
			ms.progress = slices.Delete(ms.progress, i, i+1)
		}
	}
}

func newList(cfg Config) []member {
	// Just as much as there is: a process may have very many configurations.
	list := make([]member, 0, len(cfg.Voters[0])+len(cfg.Voters[1])+len(cfg.Learners))
	add := func(set map[uint64]struct{}, is uint8) {
		for id := range set {
			i := sort.Search(len(list), func(i int) bool { return list[i].id >= id })
			if i == len(list) || list[i].id != id {
				list = append(list, member{})
				copy(list[i+1:], list[i:])
				list[i] = member{id: id}
			}
			list[i].is |= is
		}
	}
	add(cfg.Voters[0], inIncoming)
	add(cfg.Voters[1], inOutgoing)
	add(cfg.Learners, isLearner)
	add(cfg.LearnersNext, learnsNext)
	return list
}

// Config returns the configuration as new sets. Sets without members are nil,
// except for the incoming voters.
func (ms *Members) Config() Config {
	c := Config{AutoLeave: ms.autoLeave}
	c.Voters[0] = quorum.MajorityConfig{}
	add := func(set *map[uint64]struct{}, id uint64) {
		if *set == nil {
			*set = map[uint64]struct{}{}
		}
		(*set)[id] = struct{}{}
	}
	for _, m := range ms.list {
		if m.is&inIncoming != 0 {
			c.Voters[0][m.id] = struct{}{}
		}
		if m.is&inOutgoing != 0 {
			add((*map[uint64]struct{})(&c.Voters[1]), m.id)
		}
		if m.is&isLearner != 0 {
			add(&c.Learners, m.id)
		}
		if m.is&learnsNext != 0 {
			add(&c.LearnersNext, m.id)
		}
	}
	return c
}

// ConfState returns the configuration in its serializable form, with sorted ids.
func (ms *Members) ConfState() pb.ConfState {
	c := ms.Config()
	return c.confState()
}

// Len returns the number of members.
func (ms *Members) Len() int { return len(ms.list) }

// ID returns the id of the member at position i.
func (ms *Members) ID(i int) uint64 { return ms.list[i].id }

// Find returns the position of a member, or -1.
func (ms *Members) Find(id uint64) int {
	if len(ms.list) > 16 {
		i := sort.Search(len(ms.list), func(i int) bool { return ms.list[i].id >= id })
		if i < len(ms.list) && ms.list[i].id == id {
			return i
		}
		return -1
	}
	for i := range ms.list {
		if ms.list[i].id == id {
			return i
		}
	}
	return -1
}

// IsVoter reports whether the member at position i votes, in either half.
func (ms *Members) IsVoter(i int) bool { return ms.list[i].is&(inIncoming|inOutgoing) != 0 }

// IsLearner reports whether the member at position i is a learner now.
func (ms *Members) IsLearner(i int) bool { return ms.list[i].is&isLearner != 0 }

// LeavesVoters reports whether the member at position i votes in the outgoing half only: it
// does not vote any more once the joint configuration is left.
func (ms *Members) LeavesVoters(i int) bool {
	return ms.list[i].is&(inIncoming|inOutgoing) == inOutgoing
}

// AutoLeave reports whether the configuration is joint and is to be left by itself.
func (ms *Members) AutoLeave() bool { return ms.autoLeave }

// IsJoint reports whether there are outgoing voters.
func (ms *Members) IsJoint() bool {
	return slices.ContainsFunc(ms.list, func(m member) bool { return m.is&inOutgoing != 0 })
}

// DecidesAlone reports whether id is the only voter, in both halves of a joint configuration.
func (ms *Members) DecidesAlone(id uint64) bool {
	votes := false
	for i := range ms.list {
		if !ms.IsVoter(i) {
			continue
		}
		if ms.list[i].id != id {
			return false
		}
		votes = votes || ms.list[i].is&inIncoming != 0
	}
	return votes
}

// Track starts a leader's term: of every member nothing is known, and it is to be probed
// at next.
func (ms *Members) Track(next uint64) {
	ms.progress = make([]progress.Progress, len(ms.list))
	for i := range ms.progress {
		ms.progress[i] = progress.New(next)
		ms.progress[i].IsLearner = ms.IsLearner(i)
	}
}

// Untrack ends a leader's term.
func (ms *Members) Untrack() { ms.progress = nil }

// Tracking reports whether there is a Progress per member.
func (ms *Members) Tracking() bool { return ms.progress != nil }

// Progress returns the Progress of the member at position i, while tracking.
func (ms *Members) Progress(i int) *Progress { return &ms.progress[i] }

// fewVoters is the number of voters up to which the commit index is found on the stack.
const fewVoters = 16

// Committed returns the largest index that a majority of voters has matched, in both
// halves of a joint configuration; 0 without voters. It is asked while tracking, and for nearly
// every acknowledgement, so it makes no calls per member.
func (ms *Members) Committed() uint64 {
	var few [fewVoters]uint64
	matched := few[:0]
	joint := false
	for i := range ms.list {
		is := ms.list[i].is
		joint = joint || is&inOutgoing != 0
		if is&inIncoming != 0 {
			matched = append(matched, ms.progress[i].Match)
		}
	}
	if joint {
		return ms.Reached(func(i int) uint64 { return ms.progress[i].Match })
	}
	if len(matched) == 0 {
		return 0
	}
	return uint64(quorum.CommittedIndex(matched))
}

// Reached returns the largest number that a majority of voters has reached, in both halves of
// a joint configuration, where value says how far the member at a position is; 0 without voters.
func (ms *Members) Reached(value func(i int) uint64) uint64 {
	var few [fewVoters]uint64
	reached := few[:0]
	for i := range ms.list {
		if ms.list[i].is&inIncoming != 0 {
			reached = append(reached, value(i))
		}
	}
	if len(reached) == 0 {
		return 0
	}
	incoming := quorum.CommittedIndex(reached)
	reached = reached[:0]
	for i := range ms.list {
		if ms.list[i].is&inOutgoing != 0 {
			reached = append(reached, value(i))
		}
	}
	return uint64(min(incoming, quorum.CommittedIndex(reached)))
}

// QuorumActive reports whether something was heard from a majority of voters, in both
// halves of a joint configuration, since the last look. It is asked while tracking.
func (ms *Members) QuorumActive() bool {
	result := ms.count(func(i int) (yes, no bool) {
		active := ms.progress[i].RecentActive
		return active, !active
	})
	return result == quorum.VoteWon
}

// ResetVotes forgets all votes.
func (ms *Members) ResetVotes() {
	for i := range ms.list {
		ms.list[i].voted = noAnswer
	}
}

// RecordVote notes a member's answer. Its first one counts; strangers do not.
func (ms *Members) RecordVote(id uint64, grants bool) {
	i := ms.Find(id)
	if i < 0 || ms.list[i].voted != noAnswer {
		return
	}
	ms.list[i].voted = rejected
	if grants {
		ms.list[i].voted = granted
	}
}

// Tally says how the election stands, and how many voters have granted and rejected.
// Without voters it stays pending.
func (ms *Members) Tally() (yes, no int, _ quorum.VoteResult) {
	for i := range ms.list {
		if !ms.IsVoter(i) {
			continue
		}
		switch ms.list[i].voted {
		case granted:
			yes++
		case rejected:
			no++
		}
	}
	return yes, no, ms.count(func(i int) (yes, no bool) {
		return ms.list[i].voted == granted, ms.list[i].voted == rejected
	})
}

// count combines the answers of the voters of both halves.
func (ms *Members) count(answer func(i int) (yes, no bool)) quorum.VoteResult {
	half := func(which uint8) (quorum.VoteResult, int) {
		yes, no, n := 0, 0, 0
		for i := range ms.list {
			if ms.list[i].is&which == 0 {
				continue
			}
			n++
			if y, r := answer(i); y {
				yes++
			} else if r {
				no++
			}
		}
		return quorum.ResultOf(yes, no, n), n
	}
	incoming, n := half(inIncoming)
	if n == 0 {
		return quorum.VotePending
	}
	outgoing, _ := half(inOutgoing)
	return quorum.Joint(incoming, outgoing)
}
