package raft

import (
	"errors"
	"fmt"
	"slices"

	pb "github.com/ffd200af/raft/raftpb"
)

// Adding a server in the safe order (thesis §4.1, §4.2.1): a learner first, a voter when it
// has caught up. The leader proposes both changes; who leads next knows nothing of it,
// finds a learner, and can be asked to go on.

// addServer starts to make id a voter, or continues to. Its errors match ErrProposalDropped.
func (r *raft) addServer(id uint64, context []byte) error {
	err := r.beginAddServer(id, slices.Clone(context)) // the caller may reuse context
	if errors.Is(err, ErrBadConfChange) {
		return fmt.Errorf("%w: %w", ErrProposalDropped, err)
	}
	return err
}

func (r *raft) beginAddServer(id uint64, context []byte) error {
	if r.role != StateLeader {
		return ErrNotLeader
	}
	if id == None || IsLocalMsgTarget(id) {
		return fmt.Errorf("%w: %x is not the id of a node", ErrBadConfChange, id)
	}
	if i := r.members.Find(id); i >= 0 && !r.members.IsLearner(i) {
		if r.members.LeavesVoters(i) {
			return ErrConfChangePending // it is about to be demoted or removed
		}
		return nil
	}
	if c := r.catching.find(id); c != nil {
		r.awaitLearner(c, waitsPromoted, context)
		return nil
	}
	index, err := r.proposeMember(id, pb.ConfChangeAddLearnerNode, context)
	if err != nil {
		return err
	}
	r.openCatching().add(catchUp{CatchUp: CatchUp{ID: id}, wait: waitsPromoted, context: context, change: index, silent: r.limits.electionTicks()})
	return nil
}

// awaitCatchUp asks for news of a learner.
func (r *raft) awaitCatchUp(id uint64) error {
	if r.role != StateLeader {
		return ErrNotLeader
	}
	c := r.catching.find(id)
	if c == nil {
		return fmt.Errorf("%w: %x", ErrNotLearner, id)
	}
	r.awaitLearner(c, waitsCaughtUp, c.context)
	return nil
}

// proposeMember proposes a change of one member, and returns its index.
func (r *raft) proposeMember(id uint64, change pb.ConfChangeType, context []byte) (uint64, error) {
	cc := pb.ConfChange{Type: change, NodeID: id, Context: context}
	typ, data, err := pb.MarshalConfChange(cc)
	if err != nil {
		return 0, fmt.Errorf("raft: encoding the change of member %x: %w", id, err)
	}
	entry := pb.Entry{Type: typ, Data: data}
	if err := r.admitConfChange(&entry, r.pendingConfIndex); err != nil {
		return 0, err
	}
	if err := r.appendProposal([]pb.Entry{entry}); err != nil {
		return 0, err
	}
	return r.log.LastIndex(), nil
}

// promoteCaughtUp proposes the promotion of servers that are to vote and have caught up. A proposal
// may be refused because another change is pending or a joint configuration has to be left first.
// It is then repeated at each tick until the wait ends. The application may call ApplyConfChange
// after Advance. So a promotion counts as refused only when it has been applied for an election
// timeout without an effect.
func (r *raft) promoteCaughtUp() {
	all := r.catching.all()
	for i := range all {
		c := &all[i]
		if c.wait != waitsPromoted {
			continue
		}
		applied := c.change != 0 && c.change <= r.log.Applied()
		member := r.members.Find(c.ID) >= 0
		switch {
		case applied && (!member || c.promoting):
			if c.ineffective++; c.ineffective >= r.limits.electionTicks() {
				r.giveUpCatchUp(c)
			}
		case member && !c.promoting && c.State == CaughtUp && !r.isSilent(c):
			if index, err := r.proposeMember(c.ID, pb.ConfChangeAddNode, c.context); err == nil {
				c.change, c.promoting, c.ineffective = index, true, 0
			} else {
				c.refused++
			}
		}
	}
	// Whoever asks for a server again that was refused has it proposed again.
	r.catching.list = slices.DeleteFunc(all, func(c catchUp) bool {
		return c.wait == nobodyWaits && r.members.Find(c.ID) < 0
	})
}
