package raft

import (
	"fmt"

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
	last      entryID
	presumed  bool // the leader
}

func (r *raft) mark() mark {
	return mark{
		term: r.term, vote: r.vote, lead: r.lead, role: r.role,
		committed: r.log.committed, applied: r.log.applied, last: r.log.last(), presumed: r.leadPresumed,
	}
}

// invariant is one formula over a state, or over a state and an earlier one.
type invariant struct {
	holds bool
	says  string
}

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
		firstBroken(r.logInvariants()),
		firstBroken(r.termsInvariants()),
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

func (r *raft) logInvariants() []invariant {
	l, u := &r.log, &r.log.unstable
	return []invariant{
		{l.applied <= l.applying, "applied <= applying"},
		{l.applied < u.stable, "applied < stable"},
		{l.applying <= l.committed, "applying <= committed"},
		{l.committed <= l.lastIndex(), "committed <= last"},
		{l.first <= l.committed+1, "first <= committed+1"},
		{u.base() <= u.stable && u.stable <= u.taken && u.taken <= u.end(), "base <= stable <= taken <= end"},
		{u.snapshot == nil || u.snapshot.Metadata.Index < u.base(), "snapshot != nil ==> snapshot.index < base"},
		{u.snapshot == nil || l.applied < u.snapshot.Metadata.Index, "snapshot != nil ==> applied < snapshot.index"},
	}
}

func (r *raft) termsInvariants() []invariant {
	b := r.log.terms.bounds
	rules := []invariant{
		{b[0].index < r.log.first || b[0].term == 0 && b[0].index == r.log.first, "terms reach back to first-1, or to first"},
		{r.role != StateLeader || r.log.terms.lastTerm() == r.term, "leader ==> last entry is of its term"},
	}
	for i := 1; i < len(b); i++ {
		forgotten := i == 1 && b[0].term == 0 // the term before the first entry
		rules = append(rules, invariant{
			b[i-1].term < b[i].term && (b[i-1].index < b[i].index || forgotten && b[i-1].index == b[i].index), "term boundaries rise"})
	}
	u := &r.log.unstable
	for at := max(u.base(), b[0].index); at < u.end(); at++ {
		rules = append(rules, invariant{r.log.has(idOf(u.entries.entry(at))), "the term history agrees with the entries"})
	}
	return rules
}

func (r *raft) roleInvariants() []invariant {
	leads := r.role == StateLeader
	return []invariant{
		{leads == (r.lead == r.id), "leader <=> lead == self"},
		{leads == r.members.Tracking(), "leader <=> tracks progress"},
		{leads || r.leadership == nil || r.transferee == None, "transfer ==> leader"},
		{!leads || r.termStart > 0 && r.termStart <= r.log.lastIndex(), "leader ==> 0 < termStart <= last"},
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
			{pr.Match <= r.log.lastIndex(), "match <= last"},
			{!self || pr.Match <= r.log.stable(), "own match <= stable"},
			{pr.Next <= r.log.lastIndex()+1 || pr.State == tracker.StateSnapshot, "next <= last+1"},
			{pr.State != tracker.StateSnapshot || pr.PendingSnapshot > 0, "snapshot state ==> pending snapshot"},
			{self || !r.members.Overlooks(i, r.log.lastIndex(), r.log.committed), "an append is due ==> HasReady knows it"},
		})
		if err != nil {
			return fmt.Errorf("member %x: %w", r.members.ID(i), err)
		}
	}
	return nil
}

func (r *raft) changeInvariants(prev *mark) []invariant {
	sameTerm := prev.term == r.term
	return []invariant{
		{prev.term <= r.term, "the term never falls"},
		{!sameTerm || prev.vote == None || prev.vote == r.vote, "a vote is cast once a term"},
		{prev.committed <= r.log.committed, "the commit index never falls"},
		{prev.applied <= r.log.applied, "the applied index never falls"},
		{!sameTerm || prev.role != StateLeader || prev.last.index <= r.log.lastIndex(), "a leader only appends"},
		{!sameTerm || prev.role != StateLeader || r.role == StateLeader || r.role == StateFollower || prev.role == r.role, "a leader does not campaign in its term"},
		{!sameTerm || prev.lead == None || r.lead == None || prev.lead == r.lead || prev.presumed, "a term has one leader"},
	}
}
