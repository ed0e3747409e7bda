package driver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/multiraft"
	pb "github.com/ffd200af/raft/raftpb"
)

// A group moves by changes of its members: a new replica comes as a learner and becomes a voter
// when it has caught up, and then the old one is removed. Every step looks at the members as they
// are, so a move that was interrupted is finished by asking again.

// LeaderError says which store leads a group, because only that one can do what was asked for.
type LeaderError struct{ Store uint64 }

func (e *LeaderError) Error() string { return fmt.Sprintf("store %d leads the group", e.Store) }

// ErrBadMove is matched by the error of a move to the same store, or to an unknown one.
var ErrBadMove = errors.New("a replica moves to another store that Peers has")

// Move replaces the replica of a group on one store by a new one on another. The store that leads
// the group does it; others return a *LeaderError.
func (s *Store) Move(ctx context.Context, group, from, to uint64) error {
	if _, known := s.opts.Peers[to]; from == to || !known && to != s.opts.ID {
		return fmt.Errorf("%w: from store %d to store %d", ErrBadMove, from, to)
	}
	for {
		done := false
		err := s.do(ctx, func() (err error) {
			done, err = s.move(group, from, to)
			return err
		})
		if done || err != nil {
			return err
		}
		select {
		case <-time.After(s.opts.Tick):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// move takes the next step of a move.
func (s *Store) move(group, from, to uint64) (done bool, err error) {
	r := s.replicas[group]
	if r == nil {
		return false, ErrNotHere
	}
	switch leader := s.Leader(group); {
	case leader == 0:
		return false, nil
	case leader != s.opts.ID:
		return false, &LeaderError{leader}
	}
	added, old := r.memberOn(to), r.memberOn(from)
	switch {
	case added == 0 && old == 0:
		return false, fmt.Errorf("group %d has no replica on store %d", group, from)
	case !slices.Contains(r.conf.Voters, added):
		if added == 0 {
			added = replicaID(to, r.applied)
		}
		err = s.raft.Do(group, func(node *raft.RawNode) error { return node.AddServer(added, nil) })
	case old != 0:
		cc := pb.ConfChange{Type: pb.ConfChangeRemoveNode, NodeID: old}
		err = s.raft.Do(group, func(node *raft.RawNode) error { return node.ProposeConfChange(cc) })
	default:
		return true, nil
	}
	if errors.Is(err, raft.ErrProposalDropped) || errors.Is(err, raft.ErrNotLeader) {
		err = nil // another change is under way
	}
	return false, err
}

// memberOn returns the replica that a group has on a store, 0 if none.
func (r *replica) memberOn(store uint64) uint64 {
	for _, ids := range [][]uint64{r.conf.Voters, r.conf.Learners, r.conf.VotersOutgoing, r.conf.LearnersNext} {
		for _, id := range ids {
			if storeOf(r.ID, id) == store {
				return id
			}
		}
	}
	return 0
}

// isMember reports whether a replica is a member, as far as r knows.
func (r *replica) isMember(id uint64) bool { return r.memberOn(storeOf(r.ID, id)) == id }

// leaveIfRemoved notes when this replica was removed. It stays for a while, so that others hear of
// it, and hands over if it led.
func (s *Store) leaveIfRemoved(r *replica) {
	if r.applied > 0 && r.leavesAt == 0 && !r.isMember(r.Replica) {
		r.leavesAt = s.clock + 2*electionTick
		s.leaving = append(s.leaving, r)
	}
}

// remove drops a replica and all that it has. Its id stays on disk, see meet.
func (s *Store) remove(r *replica) error {
	if s.replicas[r.ID] != r {
		return nil
	}
	s.log.Info("a replica was removed", "group", r.ID, "replica", r.Replica)
	delete(s.replicas, r.ID)
	s.leaders[r.ID].Store(0)
	for _, read := range r.reads {
		read.done <- ErrNotHere
	}
	return errors.Join(s.raft.RemoveGroup(r.ID), s.disk.Remove(r.Group))
}

// meet makes a new replica when a leader has a message for it. Replicas that were here before are
// not made again: what they have promised is forgotten.
func (s *Store) meet(u *multiraft.Unknown) error {
	if u.Type != pb.MsgApp && u.Type != pb.MsgSnap && u.Type != pb.MsgHeartbeat {
		return nil
	}
	if u.Group == 0 || u.Group > s.opts.Groups || storeOf(u.Group, u.To) != s.opts.ID {
		return nil
	}
	if known := s.disk.Group(u.Group); known != nil && known.Replica >= u.To {
		return nil
	}
	s.log.Info("a replica is added", "group", u.Group, "replica", u.To)
	g, err := s.disk.Begin(u.Group, u.To, pb.Snapshot{})
	if err != nil {
		return err
	}
	return s.addReplica(g)
}

// replaceOld removes replicas for whose successors there are messages in a batch. A store has one
// member of a group at a time, so they were removed from their groups and have not heard of it.
func (s *Store) replaceOld(b *multiraft.Batch) error {
	for i := range b.Messages {
		m := &b.Messages[i]
		r := s.replicas[m.Group]
		if r != nil && m.Type == pb.MsgApp && storeOf(m.Group, m.To) == s.opts.ID && m.To > r.Replica {
			if err := s.remove(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// removed returns the replicas that ask for votes in a batch and were removed: they hear of it from
// nobody else. Such a replica was a voter at the end of its log at the latest. If that is applied
// here, and it is no member, it was removed since.
func (s *Store) removed(b *multiraft.Batch) (notices []notice) {
	for i := range b.Messages {
		m := &b.Messages[i]
		if m.Type != pb.MsgPreVote && m.Type != pb.MsgVote {
			continue
		}
		if r := s.replicas[m.Group]; r != nil && m.Index <= r.applied && !r.isMember(m.From) {
			notices = append(notices, notice{m.Group, m.From})
		}
	}
	return notices
}

// hearRemoved removes a replica, because a member of its group says that it was removed.
func (s *Store) hearRemoved(group, replica uint64) {
	if r := s.replicas[group]; r != nil && r.Replica == replica && r.leavesAt == 0 {
		r.leavesAt = s.clock
		s.leaving = slices.Insert(s.leaving, 0, r)
	}
}

// Status is what a store knows of a group.
type Status struct {
	Group, Replica uint64
	Leader         uint64   // the store
	Applied        uint64   // index
	Stores         []uint64 // of its voters
	Learners       []uint64 // the stores of its learners
	Keys           int
}

// Status returns all groups that have a replica here.
func (s *Store) Status(ctx context.Context) ([]Status, error) {
	var all []Status
	err := s.do(ctx, func() error {
		for id := uint64(1); id <= s.opts.Groups; id++ {
			r := s.replicas[id]
			if r == nil {
				continue
			}
			st := Status{Group: id, Replica: r.Replica, Leader: s.Leader(id), Applied: r.applied, Keys: len(r.values)}
			for _, v := range r.conf.Voters {
				st.Stores = append(st.Stores, storeOf(id, v))
			}
			for _, v := range r.conf.Learners {
				st.Learners = append(st.Learners, storeOf(id, v))
			}
			all = append(all, st)
		}
		return nil
	})
	return all, err
}
