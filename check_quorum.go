package raft

import pb "github.com/ffd200af/raft/raftpb"

// Check-quorum has two ends. A leader that has not heard from a quorum for an election timeout steps
// down, and so does one whose own disk acknowledges nothing (thesis §6.2). A voter that has heard
// from a leader within an election timeout takes no part in an election (§4.2.3).

// checkQuorumActive makes a leader step down that has not heard from a quorum
// since the last check, an election timeout ago (thesis §6.2).
func (r *raft) checkQuorumActive() {
	if i := r.members.Find(r.id); i >= 0 {
		r.members.Progress(i).RecentActive = true
	}
	if !r.members.QuorumActive() {
		r.logger.Warningf("%x has not heard from a quorum and steps down", r.id)
		r.becomeFollower(r.term, None)
		return
	}
	for i := range r.members.Len() {
		r.members.Progress(i).RecentActive = r.members.ID(i) == r.id
	}
}

// tickStorage watches the leader's own disk: how long it has had something to write and has
// acknowledged nothing. The others may commit without it meanwhile, but what a leader with a dead
// disk adds is little, so with check-quorum it steps down after an election timeout, after
// an order to a voter that has everything. Where nobody else votes that would help nobody.
func (r *raft) tickStorage() {
	stable := r.log.Stable()
	if stable == r.log.LastIndex() || stable != r.stalledAt {
		r.stalledAt, r.stalledTicks = stable, 0
		return
	}
	if r.stalledTicks < neverTicks-1 {
		r.stalledTicks++
	}
	successor := r.members.Find(r.bestVoter())
	if int(r.stalledTicks) < r.limits.electionTicks() || !r.checkQuorum || successor < 0 {
		return
	}
	r.logger.Warningf("%x has had no acknowledgement of its disk for %d ticks and steps down", r.id, r.stalledTicks)
	if r.members.Progress(successor).Match == r.log.LastIndex() {
		r.send(pb.MsgTimeoutNow, r.members.ID(successor))
	}
	r.becomeFollower(r.term, None)
}

// ignoresCandidate is stickiness (thesis §4.2.3): a node that has heard from a
// leader within the minimum election timeout takes no part in an election, does not even
// learn its term, unless the leader itself ordered it.
func (r *raft) ignoresCandidate(req voteReq) bool {
	heard := r.lead != None && int(r.electionElapsed) < r.limits.electionTicks()
	return r.checkQuorum && !req.transfer && (heard || r.hasPromised())
}
