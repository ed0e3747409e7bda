package tracker

import (
	"slices"

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

// Members is the active configuration as a slice sorted by id, with the votes of this
// election and, on a leader, a Progress per member. The zero value is an empty
// configuration, in which nobody wins an election and nothing is committed.
//
// Positions, from 0 to Len()-1, are valid until the next Switch, pointers to a
// Progress until the next Switch, Track or Untrack.
type Members struct {
	ids      []uint64
	kinds    *kinds    // nil if all are voters, and the configuration is not joint
	tracking *tracking // nil unless this node leads
	votes    *votes    // nil unless somebody has voted
}

// kinds says what the members are.
type kinds struct {
	of        []uint8 // parallel to the ids
	sole      int32   // position of the only voter plus 1; 0 if there are others, or none
	autoLeave bool
}

// tracking is what a leader knows of the members.
type tracking struct {
	progress []progress.Progress // parallel to the ids
	appends  appends             // derived from progress
	matched  reach               // how far a quorum has matched
	echoed   reach               // which round a quorum has echoed
	// majority is how many voters are a quorum of each half of the configuration; 0 until a
	// quorum was looked for.
	majority [2]int32
	looked   uint64 // looks at a member, for tests
}

// Switch makes cfg the configuration. Members that stay keep their vote and Progress. If progress
// is tracked, newcomers are to be probed at next; they count as active, so that they have an
// election timeout to show up.
func (ms *Members) Switch(cfg Config, next uint64) {
	old := *ms
	ms.setKinds(cfg)
	ms.votes = nil
	if old.tracking != nil {
		ms.tracking = &tracking{progress: make([]progress.Progress, len(ms.ids))}
	}
	for i, id := range ms.ids {
		j := old.Find(id)
		if j >= 0 && old.votes != nil && old.votes.answers[j] != noAnswer {
			ms.RecordVote(id, old.votes.answers[j] == granted)
		}
		if ms.tracking == nil {
			continue
		}
		pr := &ms.tracking.progress[i]
		if j >= 0 {
			*pr = old.tracking.progress[j]
		} else {
			*pr = progress.New(next)
			pr.RecentActive = true
		}
		pr.IsLearner = ms.IsLearner(i)
	}
}

// Forget makes the next Switch treat id as new, with nothing known of its log.
func (ms *Members) Forget(id uint64) {
	if i := ms.Find(id); i >= 0 {
		ms.ids = slices.Delete(ms.ids, i, i+1)
		if ms.kinds != nil {
			ms.kinds.of = slices.Delete(ms.kinds.of, i, i+1)
		}
		if ms.votes != nil {
			ms.votes.answers = slices.Delete(ms.votes.answers, i, i+1)
		}
		if t := ms.tracking; t != nil {
			*t = tracking{progress: slices.Delete(t.progress, i, i+1)}
		}
	}
}

// setKinds sets the ids of the members of cfg, and what each of them is.
func (ms *Members) setKinds(cfg Config) {
	// Just as much as there is: a process may have very many configurations.
	ids := make([]uint64, 0, len(cfg.Voters[0])+len(cfg.Voters[1])+len(cfg.Learners))
	for _, set := range []map[uint64]struct{}{cfg.Voters[0], cfg.Voters[1], cfg.Learners, cfg.LearnersNext} {
		for id := range set {
			if i, found := slices.BinarySearch(ids, id); !found {
				ids = slices.Insert(ids, i, id)
			}
		}
	}
	ms.ids, ms.kinds = ids, nil
	if len(cfg.Voters[1])+len(cfg.Learners)+len(cfg.LearnersNext) == 0 && !cfg.AutoLeave {
		return
	}
	ms.kinds = &kinds{of: make([]uint8, len(ids)), autoLeave: cfg.AutoLeave}
	add := func(set map[uint64]struct{}, kind uint8) {
		for id := range set {
			ms.kinds.of[ms.Find(id)] |= kind
		}
	}
	add(cfg.Voters[0], inIncoming)
	add(cfg.Voters[1], inOutgoing)
	add(cfg.Learners, isLearner)
	add(cfg.LearnersNext, learnsNext)
	ms.kinds.sole = ms.soleVoter()
}

// kind returns what the member at position i is.
func (ms *Members) kind(i int) uint8 {
	if ms.kinds == nil {
		return inIncoming
	}
	return ms.kinds.of[i]
}

// halves returns in which halves of the configuration the member at position i votes, as 0 or 1.
func (ms *Members) halves(i int) (h [2]int32) {
	kind := ms.kind(i)
	if kind&inIncoming != 0 {
		h[0] = 1
	}
	if kind&inOutgoing != 0 {
		h[1] = 1
	}
	return h
}

// Config returns the configuration as new sets. Sets without members are nil,
// except for the incoming voters.
func (ms *Members) Config() Config {
	c := Config{AutoLeave: ms.AutoLeave()}
	c.Voters[0] = quorum.MajorityConfig{}
	add := func(set *map[uint64]struct{}, id uint64) {
		if *set == nil {
			*set = map[uint64]struct{}{}
		}
		(*set)[id] = struct{}{}
	}
	for i, id := range ms.ids {
		kind := ms.kind(i)
		if kind&inIncoming != 0 {
			c.Voters[0][id] = struct{}{}
		}
		if kind&inOutgoing != 0 {
			add((*map[uint64]struct{})(&c.Voters[1]), id)
		}
		if kind&isLearner != 0 {
			add(&c.Learners, id)
		}
		if kind&learnsNext != 0 {
			add(&c.LearnersNext, id)
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
func (ms *Members) Len() int { return len(ms.ids) }

// ID returns the id of the member at position i.
func (ms *Members) ID(i int) uint64 { return ms.ids[i] }

// Find returns the position of a member, or -1.
func (ms *Members) Find(id uint64) int {
	if len(ms.ids) > 16 {
		return ms.search(id)
	}
	return slices.Index(ms.ids, id)
}

// search is Find for long lists. Ids differ by at least one from member to member. So their
// distances from the first and the last id bound the position. Consecutive ids leave one position.
func (ms *Members) search(id uint64) int {
	end := len(ms.ids) - 1
	first, last := ms.ids[0], ms.ids[end]
	if id < first || id > last {
		return -1
	}
	lo := end - int(min(last-id, uint64(end)))
	hi := int(min(id-first, uint64(end)))
	for lo < hi {
		if mid := (lo + hi) / 2; ms.ids[mid] < id {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if ms.ids[lo] == id {
		return lo
	}
	return -1
}

// IsVoter reports whether the member at position i votes, in either half.
func (ms *Members) IsVoter(i int) bool { return ms.kind(i)&(inIncoming|inOutgoing) != 0 }

// IsLearner reports whether the member at position i is a learner now.
func (ms *Members) IsLearner(i int) bool { return ms.kind(i)&isLearner != 0 }

// LeavesVoters reports whether the member at position i votes in the outgoing half only: it
// does not vote any more once the joint configuration is left.
func (ms *Members) LeavesVoters(i int) bool {
	return ms.kind(i)&(inIncoming|inOutgoing) == inOutgoing
}

// AutoLeave reports whether the configuration is joint and is to be left by itself.
func (ms *Members) AutoLeave() bool { return ms.kinds != nil && ms.kinds.autoLeave }

// IsJoint reports whether there are outgoing voters.
func (ms *Members) IsJoint() bool {
	return ms.kinds != nil && slices.ContainsFunc(ms.kinds.of, func(kind uint8) bool { return kind&inOutgoing != 0 })
}

// DecidesAlone reports whether id is the only voter, in both halves of a joint configuration.
func (ms *Members) DecidesAlone(id uint64) bool {
	sole := ms.sole()
	return sole > 0 && ms.ids[sole-1] == id
}

// sole returns the position of the only voter plus 1; 0 if there are others, or none.
func (ms *Members) sole() int32 {
	switch {
	case ms.kinds != nil:
		return ms.kinds.sole
	case len(ms.ids) == 1:
		return 1
	}
	return 0
}

// soleVoter looks for the only voter, once for each configuration, see sole.
func (ms *Members) soleVoter() (sole int32) {
	for i := range ms.ids {
		if !ms.IsVoter(i) {
			continue
		}
		if sole > 0 || ms.kind(i)&inIncoming == 0 {
			return 0
		}
		sole = int32(i) + 1
	}
	return sole
}

// Track starts a leader's term: of every member nothing is known, and it is to be probed
// at next.
func (ms *Members) Track(next uint64) {
	ms.tracking = &tracking{progress: make([]progress.Progress, len(ms.ids))}
	for i := range ms.ids {
		ms.tracking.progress[i] = progress.New(next)
		ms.tracking.progress[i].IsLearner = ms.IsLearner(i)
	}
}

// Untrack ends a leader's term.
func (ms *Members) Untrack() { ms.tracking = nil }

// Tracking reports whether there is a Progress per member.
func (ms *Members) Tracking() bool { return ms.tracking != nil }

// Progress returns the Progress of the member at position i, while tracking. It is to be looked at
// only: use Change for what decides whether the member is owed an append.
func (ms *Members) Progress(i int) *Progress { return &ms.tracking.progress[i] }

// QuorumActive reports whether something was heard from a majority of voters, in both
// halves of a joint configuration, since the last look. It is asked while tracking.
func (ms *Members) QuorumActive() bool {
	var voters, active [2]int32
	for i := range ms.ids {
		h := ms.halves(i)
		for half := range h {
			voters[half] += h[half]
			if ms.tracking.progress[i].RecentActive {
				active[half] += h[half]
			}
		}
	}
	return voters[0] > 0 && won(active[0], voters[0]) && won(active[1], voters[1])
}

// won reports whether so many of the voters of one half are a quorum of it.
func won(yes, voters int32) bool {
	return quorum.ResultOf(int(yes), int(voters-yes), int(voters)) == quorum.VoteWon
}
