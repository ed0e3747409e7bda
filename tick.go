package raft

// tick advances the logical clock by one tick.
func (r *raft) tick() {
	r.clock++
	r.elapse()
	if r.role == StateLeader {
		r.tickLeader()
		return
	}
	if r.reads.waiting() > 0 {
		r.tickReads()
	}
	if r.electionElapsed < r.electionTimeout {
		return
	}
	if r.isVoter {
		r.electionElapsed = 0
		_ = r.campaign() // an error has quarantined the node
	}
	if r.role == StateFollower && r.lead != None {
		// This node may not campaign, now or at all. The leader counts as gone all the
		// same: it must neither keep this node from voting nor keep clients waiting.
		r.forgetLeader()
	}
}

// elapse counts a tick without a sign of the leader. A learner may count for years.
func (r *raft) elapse() {
	r.log.Rest()
	r.outbox.rest()
	r.async.rest()
	if r.electionElapsed < neverTicks-1 {
		r.electionElapsed++
	}
	if r.postponed != nil {
		r.postponed.retry()
		if r.resumeCommit() == nil && r.tickChangesOut() { // an error has quarantined the node
			r.resumeWithoutChangesOut()
		}
	}
}

// maxBeats bounds the rounds of heartbeats that wait while nobody calls Ready. A program that ticks
// a few times between two Readys gets one round for each interval, as with v3.6.
const maxBeats = 16

// tickLeader looks after followers once per election timeout, and sends heartbeats.
func (r *raft) tickLeader() {
	if r.transferee != None {
		r.tickTransfer()
	}
	if !r.isVoter {
		if r.stepDownAsNonVoter(); r.role != StateLeader {
			return
		}
	}
	if int(r.electionElapsed) >= r.limits.electionTicks() {
		r.electionElapsed = 0
		r.ageSnapshots()
		if r.checkQuorum {
			if r.checkQuorumActive(); r.role != StateLeader {
				return
			}
		}
	}
	if r.tickStorage(); r.role != StateLeader {
		return
	}
	if len(r.catching.all()) > 0 {
		if r.tickCatchUps() {
			r.promoteCaughtUp()
		}
	}
	if r.heartbeatElapsed < neverTicks-1 {
		r.heartbeatElapsed++
	}
	if int(r.heartbeatElapsed) >= r.limits.heartbeatTicks() {
		r.heartbeatElapsed = 0
		if r.outbox.beats < maxBeats {
			r.sendHeartbeats()
		}
	}
}
