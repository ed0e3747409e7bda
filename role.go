package raft

// The transitions between roles (thesis Figure 3.3). They change state and send
// nothing.
//
//	            timeout            quorum would vote         quorum voted
//	follower ------------> pre-candidate ------------> candidate ----------> leader
//	   ^   \------------------------------------------->|                      |
//	   |      timeout without pre-vote, or transfer      |                      |
//	   +-----------------------<------------------------+----------<-----------+
//	      the term has a leader, a higher term, the vote was lost, the quorum is silent

// enterTerm is the only way to a new term: the vote of the old one is forgotten with it,
// and with nothing else.
func (r *raft) enterTerm(term uint64) {
	if term != r.term {
		r.term = term
		r.vote = None
		r.termOut, r.voteOut = false, false
	}
}

// startTimer starts the election timer, with another timeout.
func (r *raft) startTimer() {
	r.electionElapsed = 0
	r.drawElectionTimeout()
}

// resetVolatile forgets what belongs to a role or a term.
func (r *raft) resetVolatile() {
	r.dropReads()
	r.lead = None
	r.members.ResetVotes()
	r.members.Untrack()
	r.ownVotePending = false
	r.postponed = r.postponed.beyondTerm()
	r.leadership.end()
}

// becomeFollower: a later term alone does not start the timer again. Only a sign of the leader
// does, or a vote that is granted (thesis Figure 3.1); otherwise every candidate that cannot win
// costs those who could another timeout, and one with a fast clock keeps them from campaigning for
// ever.
func (r *raft) becomeFollower(term, lead uint64) {
	if r.role == StateLeader || lead != None {
		r.startTimer()
	}
	r.enterTerm(term)
	r.resetVolatile()
	r.role = StateFollower
	r.lead = lead
	traceBecomeFollower(r)
	r.logger.Infof("%x is a follower at term %d of leader %x", r.id, r.term, lead)
}

// becomePreCandidate changes neither term nor vote (thesis §9.6). What the node has voted
// in an earlier campaign stands, and is not counted any more.
func (r *raft) becomePreCandidate() {
	r.members.ResetVotes()
	r.ownVotePending = false
	r.dropReads()
	r.lead = None
	r.startTimer()
	r.role = StatePreCandidate
	traceBecomePreCandidate(r)
	r.logger.Infof("%x is a pre-candidate at term %d", r.id, r.term)
}

func (r *raft) becomeCandidate() {
	r.startTimer()
	r.enterTerm(r.term + 1)
	r.resetVolatile()
	r.vote = r.id
	r.ownVotePending = true
	r.role = StateCandidate
	traceBecomeCandidate(r)
	r.logger.Infof("%x is a candidate at term %d", r.id, r.term)
}

// becomeLeader starts the leader's bookkeeping. Nothing is known of the others; of
// itself the leader counts what is durable. Configuration changes in the unapplied log may be
// pending, so none is proposed before they are in effect.
func (r *raft) becomeLeader() {
	r.startTimer()
	r.resetVolatile()
	r.role = StateLeader
	r.lead = r.id
	if r.leadership == nil {
		r.leadership = &leadership{}
	}
	r.termStart = r.log.LastIndex() + 1
	r.pendingConfIndex = r.log.LastIndex()
	r.members.Track(r.termStart)
	if i := r.members.Find(r.id); i >= 0 {
		own := r.members.Progress(i)
		own.BecomeReplicate()
		r.members.MaybeUpdate(r.id, r.log.Stable())
		own.RecentActive = true
	}
	r.trackLearners()
	traceBecomeLeader(r)
	r.logger.Infof("%x is the leader at term %d", r.id, r.term)
}

// forgetLeader: whom a follower took for the leader is gone. What was asked of it is not answered.
func (r *raft) forgetLeader() {
	r.dropReads()
	r.lead = None
}

// heardFromLeader notes a sign of life of the term's leader; from is None if the message does not
// name the leader.
func (r *raft) heardFromLeader(from uint64) {
	if r.role != StateFollower {
		r.becomeFollower(r.term, from)
	}
	r.electionElapsed = 0
	r.heardLeaderAt = r.clock
	if from != None {
		r.lead = from
	}
}
