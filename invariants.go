package raft

import (
	"fmt"

	"github.com/ffd200af/raft/internal/raftlog"
	"github.com/ffd200af/raft/tracker"
)

// mark is what is remembered of a node's state to judge the next one.
type mark struct {
	term      uint64
	vote      uint64
	lead      uint64
	role      StateType
	committed uint64
	applied   uint64
	last      raftlog.EntryID
	presumed  bool // the leader
}

func (r *raft) mark() mark {
	return mark{
		term: r.term, vote: r.vote, lead: r.lead, role: r.role,
		committed: r.log.Committed(), applied: r.log.Applied(), last: r.log.Last(), presumed: r.leadPresumed,
	}
}

// invariant is one formula over a state, or over a state and an earlier one.
type invariant struct {
	holds bool
	says  string
}

// firstBroken returns an error that names the first formula that does not hold.
func firstBroken(rules []invariant) error {
	for _, rule := range rules {
		if !rule.holds {
			return fmt.Errorf("%w: not %s", ErrInvariant, rule.says)
		}
	}
	return nil
}

// verify checks the node's state, and its change since prev. It is for tests and
// simulators, which call it after every step.
func (r *raft) verify(prev *mark) error {
	for _, err := range []error{
		firstBroken([]invariant{{r.log.Broken() == "", r.log.Broken()}}),
		firstBroken(r.roleInvariants()),
		r.progressInvariants(),
	} {
		if err != nil {
			return fmt.Errorf("%x: %w", r.id, err)
		}
	}
	if prev == nil {
		return nil
	}
	if err := firstBroken(r.changeInvariants(prev)); err != nil {
		return fmt.Errorf("%x: %w", r.id, err)
	}
	return nil
}

func (r *raft) roleInvariants() []invariant {
	leads := r.role == StateLeader
	return []invariant{
		{leads == (r.lead == r.id), "leader <=> lead == self"},
		{leads == r.members.Tracking(), "leader <=> tracks progress"},
		{!leads || r.log.Last().Term == r.term, "leader ==> last entry is of its term"},
		{leads || r.leadership == nil || r.transferee == None, "transfer ==> leader"},
		{!leads || r.termStart > 0 && r.termStart <= r.log.LastIndex(), "leader ==> 0 < termStart <= last"},
		{r.role != StateCandidate || r.vote == r.id, "candidate ==> vote == self"},
		{r.role == StateFollower || leads || r.lead == None, "campaigning ==> no leader"},
		{!r.ownVotePending || r.role == StateCandidate, "ownVotePending ==> candidate"},
	}
}

func (r *raft) progressInvariants() error {
	if r.role != StateLeader {
		return nil
	}
	if r.members.Miscounts() {
		return fmt.Errorf("%w: a quorum is beyond what is known of it", ErrInvariant)
	}
	for i := range r.members.Len() {
		pr := r.members.Progress(i)
		self := r.members.ID(i) == r.id
		err := firstBroken([]invariant{
			{pr.Match < pr.Next, "match < next"},
			{pr.Match <= r.log.LastIndex(), "match <= last"},
			{!self || pr.Match <= r.log.Stable(), "own match <= stable"},
			{pr.Next <= r.log.LastIndex()+1 || pr.State == tracker.StateSnapshot, "next <= last+1"},
			{pr.State != tracker.StateSnapshot || pr.PendingSnapshot > 0, "snapshot state ==> pending snapshot"},
			{pr.State != tracker.StateSnapshot || pr.Match < r.log.LastIndex(), "snapshot state ==> match < last"},
			{self || !r.members.Overlooks(i, r.log.LastIndex(), r.commitOwed()), "an append is due ==> HasReady knows it"},
		})
		if err != nil {
			return fmt.Errorf("member %x: %w", r.members.ID(i), err)
		}
	}
	for _, c := range r.catching.all() {
		m := r.members.Find(c.ID)
		err := firstBroken([]invariant{
			{m >= 0 || c.wait != nobodyWaits, "no member ==> waited for"},
			{m < 0 || !c.running || r.members.Progress(m).Match < r.log.LastIndex() || r.members.Progress(m).Match > c.seen,
				"in a round ==> lacks an entry or has moved"},
		})
		if err != nil {
			return fmt.Errorf("learner %x: %w", c.ID, err)
		}
	}
	return nil
}

func (r *raft) changeInvariants(prev *mark) []invariant {
	sameTerm := prev.term == r.term
	return []invariant{
		{prev.term <= r.term, "the term never falls"},
		{!sameTerm || prev.vote == None || prev.vote == r.vote, "a vote is cast once a term"},
		{prev.committed <= r.log.Committed(), "the commit index never falls"},
		{prev.applied <= r.log.Applied(), "the applied index never falls"},
		{!sameTerm || prev.role != StateLeader || prev.last.Index <= r.log.LastIndex(), "a leader only appends"},
		{!sameTerm || prev.role != StateLeader || r.role == StateLeader || r.role == StateFollower || prev.role == r.role, "a leader does not campaign in its term"},
		{!sameTerm || prev.lead == None || r.lead == None || prev.lead == r.lead || prev.presumed, "a term has one leader"},
	}
}
