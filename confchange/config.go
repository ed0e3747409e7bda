package confchange

import (
	"fmt"

	"github.com/ffd200af/raft/quorum"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

type ids = map[uint64]struct{}

func has(set ids, id uint64) bool {
	_, ok := set[id]
	return ok
}

// insert adds to a set that may be absent.
func insert(set *ids, id uint64) {
	if *set == nil {
		*set = ids{}
	}
	(*set)[id] = struct{}{}
}

// remove takes from a set, and makes an empty one absent.
func remove(set *ids, id uint64) {
	delete(*set, id)
	if len(*set) == 0 {
		*set = nil
	}
}

func joint(cfg *tracker.Config) bool { return len(cfg.Voters[1]) > 0 }

// Apply returns the configuration that a change leads to: it leaves a joint
// configuration, enters one, or is simple, as the change says.
func Apply(cfg tracker.Config, cc pb.ConfChangeV2) (tracker.Config, error) {
	if cc.LeaveJoint() {
		return leave(cfg)
	}
	if autoLeave, ok := cc.EnterJoint(); ok {
		return enter(cfg, autoLeave, cc.Changes)
	}
	return simple(cfg, cc.Changes)
}

// simple makes changes that alter at most one voter.
func simple(cfg tracker.Config, ccs []pb.ConfChangeSingle) (tracker.Config, error) {
	if joint(&cfg) {
		return tracker.Config{}, fmt.Errorf("%w: %s", ErrJoint, cfg)
	}
	next := cfg.Clone()
	if err := change(&next, ccs); err != nil {
		return tracker.Config{}, err
	}
	if n := differences(cfg.Voters[0], next.Voters[0]); n > 1 {
		return tracker.Config{}, fmt.Errorf("%w: %s to %s", ErrTooMany, cfg, next)
	}
	return checked(next)
}

// differences counts the ids that are in one set only.
func differences(a, b quorum.MajorityConfig) int {
	n := 0
	for id := range a {
		if !has(b, id) {
			n++
		}
	}
	for id := range b {
		if !has(a, id) {
			n++
		}
	}
	return n
}

// enter makes any changes on the incoming half; what was before becomes the outgoing
// half.
func enter(cfg tracker.Config, autoLeave bool, ccs []pb.ConfChangeSingle) (tracker.Config, error) {
	if joint(&cfg) {
		return tracker.Config{}, fmt.Errorf("%w: %s", ErrJoint, cfg)
	}
	if len(cfg.Voters[0]) == 0 {
		// The outgoing half would be empty, and the result no joint configuration.
		return tracker.Config{}, fmt.Errorf("%w: an empty configuration cannot become joint", ErrNoVoters)
	}
	next := cfg.Clone()
	next.Voters[1] = cfg.Clone().Voters[0]
	next.AutoLeave = autoLeave
	if err := change(&next, ccs); err != nil {
		return tracker.Config{}, err
	}
	return checked(next)
}

// leave keeps the incoming half, and makes learners of those that were to become it.
func leave(cfg tracker.Config) (tracker.Config, error) {
	if !joint(&cfg) {
		return tracker.Config{}, fmt.Errorf("%w: %s", ErrNotJoint, cfg)
	}
	next := cfg.Clone()
	for id := range next.LearnersNext {
		insert(&next.Learners, id)
	}
	next.LearnersNext = nil
	next.Voters[1] = nil
	next.AutoLeave = false
	return checked(next)
}

// checked returns cfg if it is valid. A legal change of a valid configuration always is; one
// that the caller has put together need not have been valid to begin with.
func checked(cfg tracker.Config) (tracker.Config, error) {
	if err := validate(&cfg); err != nil {
		return tracker.Config{}, err
	}
	return cfg, nil
}

// change makes single changes, one after the other, on the incoming half. A node id of 0
// stands for a change that the application has rejected; it changes nothing.
func change(cfg *tracker.Config, ccs []pb.ConfChangeSingle) error {
	for _, cc := range ccs {
		if cc.NodeID == 0 {
			continue
		}
		switch cc.Type {
		case pb.ConfChangeAddNode:
			addVoter(cfg, cc.NodeID)
		case pb.ConfChangeAddLearnerNode:
			addLearner(cfg, cc.NodeID)
		case pb.ConfChangeRemoveNode:
			delete(cfg.Voters[0], cc.NodeID)
			remove(&cfg.Learners, cc.NodeID)
			remove(&cfg.LearnersNext, cc.NodeID)
		case pb.ConfChangeUpdateNode:
		default:
			return fmt.Errorf("%w: %d of node %d", ErrUnknownType, int32(cc.Type), cc.NodeID)
		}
	}
	if len(cfg.Voters[0]) == 0 {
		return fmt.Errorf("%w: %s", ErrNoVoters, Describe(ccs...))
	}
	return nil
}

// Readded returns the members that ccs, which lead to cfg, remove and add again. What was known of
// their logs no longer counts: the id may belong to another server now. A member that is still a
// voter of the outgoing half was not removed.
func Readded(cfg tracker.Config, ccs []pb.ConfChangeSingle) []uint64 {
	var again []uint64
	for i, cc := range ccs {
		if cc.Type != pb.ConfChangeRemoveNode || has(cfg.Voters[1], cc.NodeID) {
			continue
		}
		for _, later := range ccs[i+1:] {
			if later.NodeID == cc.NodeID && (later.Type == pb.ConfChangeAddNode || later.Type == pb.ConfChangeAddLearnerNode) {
				again = append(again, cc.NodeID)
				break
			}
		}
	}
	return again
}

func addVoter(cfg *tracker.Config, id uint64) {
	remove(&cfg.Learners, id)
	remove(&cfg.LearnersNext, id)
	insert((*ids)(&cfg.Voters[0]), id)
}

// addLearner adds a learner or demotes a voter. As long as it votes in the outgoing
// half it cannot be a learner: it becomes one when the joint configuration is left.
func addLearner(cfg *tracker.Config, id uint64) {
	delete(cfg.Voters[0], id)
	if has(cfg.Voters[1], id) {
		insert(&cfg.LearnersNext, id)
		return
	}
	insert(&cfg.Learners, id)
}

// validate checks what must hold in every configuration:
//
//	learners and voters, of either half, do not overlap
//	learners next ==> outgoing voters, not incoming ones
//	not joint ==> no learners next, no auto leave
//	id 0 is no member; members ==> incoming voters
func validate(cfg *tracker.Config) error {
	for _, set := range []ids{cfg.Voters[0], cfg.Voters[1], cfg.Learners, cfg.LearnersNext} {
		if has(set, 0) {
			return fmt.Errorf("%w: node 0 in %s", ErrInvalid, cfg)
		}
		if len(set) > 0 && len(cfg.Voters[0]) == 0 {
			return fmt.Errorf("%w: members but no voters in %s", ErrInvalid, cfg)
		}
	}
	// In order, so that the same contradiction always gives the same error.
	for _, id := range quorum.MajorityConfig(cfg.Learners).Slice() {
		if has(cfg.Voters[0], id) || has(cfg.Voters[1], id) {
			return fmt.Errorf("%w: node %d votes and learns in %s", ErrInvalid, id, cfg)
		}
	}
	for _, id := range quorum.MajorityConfig(cfg.LearnersNext).Slice() {
		if !has(cfg.Voters[1], id) || has(cfg.Voters[0], id) {
			return fmt.Errorf("%w: node %d cannot become a learner in %s", ErrInvalid, id, cfg)
		}
	}
	if !joint(cfg) && cfg.AutoLeave {
		return fmt.Errorf("%w: nothing to leave in %s", ErrInvalid, cfg)
	}
	return nil
}

// FromConfState returns the configuration that cs describes, joint or not. It is an
// ErrInvalid if cs contradicts itself or names a node twice in one list; an empty cs is an
// empty configuration.
func FromConfState(cs pb.ConfState) (tracker.Config, error) {
	cfg := tracker.Config{AutoLeave: cs.AutoLeave}
	cfg.Voters[0] = quorum.MajorityConfig{}
	for _, list := range []struct {
		ids []uint64
		set *ids
	}{
		{cs.Voters, (*ids)(&cfg.Voters[0])},
		{cs.VotersOutgoing, (*ids)(&cfg.Voters[1])},
		{cs.Learners, &cfg.Learners},
		{cs.LearnersNext, &cfg.LearnersNext},
	} {
		for _, id := range list.ids {
			if has(*list.set, id) {
				return tracker.Config{}, fmt.Errorf("%w: node %d stands twice in %v", ErrInvalid, id, list.ids)
			}
			insert(list.set, id)
		}
	}
	return checked(cfg)
}

// Describe returns the changes as ConfChangesToString does: "v1 l2 r3 u4".
func Describe(ccs ...pb.ConfChangeSingle) string { return pb.ConfChangesToString(ccs) }
