package raft

import pb "github.com/ffd200af/raft/raftpb"

// Check-quorum has two ends. A leader steps down if it has not heard from a quorum for an election
// timeout (thesis §6.2), or if its own disk acknowledges nothing for that long. A node that has
// heard from a leader within an election timeout takes no part in an election (§4.2.3).

// checkQuorumActive makes the leader step down if it has not heard from a quorum since the last
// check, an election timeout ago (thesis §6.2).
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

// tickStorage watches the leader's own disk. It counts the ticks for which the disk has had entries
// to write and has acknowledged none. The other nodes can commit without that disk, but then the
// cluster tolerates one failure less. So with check-quorum the leader steps down after an election
// timeout. If the best voter has every entry, the leader first orders it to campaign. A leader
// without another voter stays: nobody could take over.
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

// ignoresCandidate reports whether this node takes no part in a candidate's election, and does not
// enter its term. That is so if the node has heard from a leader within the minimum election
// timeout (thesis §4.2.3), unless the leader itself ordered the campaign.
func (r *raft) ignoresCandidate(req voteReq) bool {
	heard := r.lead != None && int(r.electionElapsed) < r.limits.electionTicks()
	return r.checkQuorum && !req.transfer && (heard || r.hasPromised())
}
