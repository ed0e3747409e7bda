package raft

import "github.com/ffd200af/raft/tracker"

// A group may sleep when its members only exchange heartbeats. A program that watches its processes
// by other means, as package multiraft does, may then stop the clocks of the members. Safety does
// not depend on that: a member whose clock is stopped keeps its promises for longer. Liveness does:
// the program has to wake the members when the leader's process is gone.

// MaySleep reports whether the clock of this node may stop, because its group needs no ticks. On a
// leader, every member has acknowledged the whole log, all of it is committed, and committed,
// applied and durable here; no read, transfer, configuration change, snapshot or wait for a learner
// is under way, and no Ready is due. A follower that knows the leader answers for itself in the
// same sense. It may lack entries that it has not heard of. So the program must compare the
// leader's term and commit index with the follower's. A candidate never sleeps.
//
// MaySleep only looks. A program that stops the ticks of a group has to start them again when
// anything arrives for it and when the leader's process is gone, and to pass the time asleep to the
// leader with SkipTicks. Package multiraft does that.
func (rn *RawNode) MaySleep() bool {
	r := &rn.raft
	if !r.isAtRest() || rn.lent || rn.HasReady() {
		return false
	}
	if r.role == StateFollower {
		return r.lead != None
	}
	return r.role == StateLeader && r.leadsAtRest()
}

// isAtRest reports whether everything in the log is committed, applied and durable here, and
// nothing waits: no read, no snapshot, no report, no configuration change.
func (r *raft) isAtRest() bool {
	// What counts as applied is committed and durable.
	return r.broken == nil && r.log.Applied() == r.log.LastIndex() && !r.log.Restores() && r.async.isAtRest(r.term) &&
		r.reads.waiting() == 0 && r.postponed.orNil() == nil && !r.members.IsJoint()
}

// isAtRest reports whether the term is durable. A commit index may still be on its way to the disk.
func (a *asyncWrites) isAtRest(term uint64) bool {
	return a == nil || a.durableTerm == term
}

// leadsAtRest reports whether every member has acknowledged the whole log, and the leader has begun
// nothing with any of them.
func (r *raft) leadsAtRest() bool {
	if !r.isVoter || r.transferee != None {
		return false
	}
	last := r.log.LastIndex()
	for i := range r.members.Len() {
		pr := r.members.Progress(i)
		if pr.Match < last || r.members.ID(i) != r.id && pr.State != tracker.StateReplicate {
			return false
		}
	}
	for i := range r.catching.list {
		c := &r.catching.list[i]
		if c.wait != nobodyWaits || c.running || r.members.Find(c.ID) < 0 {
			return false
		}
	}
	return true
}
