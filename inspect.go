package raft

import (
	"github.com/ffd200af/raft/recording"
	"github.com/ffd200af/raft/tracker"
)

// What a RawNode says of itself, and what tests may look into.

// BasicStatus returns the part of Status that takes no allocation.
func (rn *RawNode) BasicStatus() BasicStatus {
	r := &rn.raft
	s := BasicStatus{ID: r.id, HardState: r.hardState(), SoftState: r.softState(), Applied: r.log.Applied()}
	if r.role == StateLeader {
		s.LeadTransferee, s.StalledTicks = r.transferee, int(r.stalledTicks)
	}
	return s
}

// Status returns the node's state and, on a leader, a copy of what it knows of
// every member.
func (rn *RawNode) Status() Status {
	r := &rn.raft
	s := Status{BasicStatus: rn.BasicStatus(), Config: r.members.Config(), Seed: r.seed}
	if r.role != StateLeader {
		return s
	}
	s.Progress = make(map[uint64]tracker.Progress, r.members.Len())
	for i := range r.members.Len() {
		pr := *r.members.Progress(i)
		if pr.Inflights = pr.Inflights.Clone(); pr.Inflights == nil {
			most := r.inflight()
			pr.Inflights = tracker.NewInflights(most.Messages, most.Bytes)
		}
		s.Progress[r.members.ID(i)] = pr
	}
	learners := r.catching.all()
	if len(learners) > 0 {
		s.CatchUp = make(map[uint64]CatchUp, len(learners))
	}
	for i := range learners {
		s.CatchUp[learners[i].ID] = learners[i].CatchUp
	}
	return s
}

// ProgressType says whether a member votes.
type ProgressType byte

const (
	// ProgressTypePeer is a voter.
	ProgressTypePeer ProgressType = iota
	// ProgressTypeLearner is a learner.
	ProgressTypeLearner
)

// WithProgress calls visitor for every member in order of id, without the in-flight
// windows. On a node that does not lead, the Progress is empty but for IsLearner.
func (rn *RawNode) WithProgress(visitor func(id uint64, typ ProgressType, pr tracker.Progress)) {
	ms := &rn.raft.members
	for i := range ms.Len() {
		typ := ProgressTypePeer
		if ms.IsLearner(i) {
			typ = ProgressTypeLearner
		}
		pr := tracker.Progress{Next: rn.raft.log.LastIndex() + 1, IsLearner: ms.IsLearner(i)}
		if ms.Tracking() {
			pr = *ms.Progress(i)
			pr.Inflights = nil
		}
		visitor(ms.ID(i), typ, pr)
	}
}

// Verify checks the invariants of the node's state, and of its change since the last
// call. For tests and simulators, which call it after every step: an error, which matches
// ErrInvariant, is a bug in this library.
func (rn *RawNode) Verify() error {
	if rn.raft.err() != nil {
		return nil // it takes no further part
	}
	err := rn.raft.verify(rn.verified)
	now := rn.raft.mark()
	rn.verified = &now
	return err
}

// SetRandomizedElectionTimeout sets the election timeout in ticks that is otherwise
// drawn at random, until the next change of role draws another. For tests and
// simulators that need a certain node to campaign first.
func (rn *RawNode) SetRandomizedElectionTimeout(ticks int) error {
	if ticks <= 0 || ticks > maxTicks {
		return &ConfigError{Field: "randomized election timeout", Reason: "must be positive and not too large"}
	}
	if err := rn.raft.admit(recording.SetTimeout, uint64(ticks)); err != nil {
		return err
	}
	rn.raft.electionTimeout = uint32(ticks)
	return nil
}
