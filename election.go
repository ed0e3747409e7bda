package raft

import (
	"github.com/ffd200af/raft/quorum"
	pb "github.com/ffd200af/raft/raftpb"
)

// campaign starts an election: a pre-vote first if that is on (thesis §9.6). It does
// nothing on a leader, and where winning would be wrong: see readyToCampaign.
func (r *raft) campaign() error {
	if r.role == StateLeader || !r.mayCampaign {
		r.logger.Debugf("%x does not campaign: %s, voter %t", r.id, r.role, r.mayCampaign)
		return nil
	}
	if r.hasPromised() {
		r.logger.Infof("%x does not campaign: it has promised a leader not to", r.id)
		return nil
	}
	if ready, err := r.readyToCampaign(); err != nil || !ready {
		return err
	}
	if !r.preVote {
		return r.campaignForVotes("")
	}
	r.becomePreCandidate()
	r.requestVotes(pb.MsgPreVote, r.term+1, "")
	// The own pre-vote promises nothing, so there is nothing to make durable first.
	r.members.RecordVote(r.id, true)
	return r.decideElection()
}

// campaignForVotes starts the real election in a new term. The own vote counts when it
// is durable.
func (r *raft) campaignForVotes(context string) error {
	r.becomeCandidate()
	r.requestVotes(pb.MsgVote, r.term, context)
	return nil
}

// readyToCampaign refuses to lead in a state that would have to be left first: a
// snapshot that is not durable, a counter about to wrap, or a configuration that is known to
// be old because the change is committed but not applied. In the last case the node
// could win with a quorum that does not count any more.
func (r *raft) readyToCampaign() (bool, error) {
	if r.log.lastIndex() < r.heardCommit {
		// Nobody may lead without it. And what is missing may change the configuration: a server whose
		// id was used before may have read no further than to a configuration in which it is alone.
		r.logger.Infof("%x does not campaign: %d is committed, its log ends at %d", r.id, r.heardCommit, r.log.lastIndex())
		return false, nil
	}
	if r.log.unstable.snapshot != nil || r.term+1 >= maxCounter || r.log.lastIndex()+1 >= maxCounter {
		return false, nil
	}
	pending, err := r.hasUnappliedConfChange()
	if err != nil {
		return false, r.quarantine("looking for configuration changes before a campaign", err)
	}
	if pending {
		r.logger.Infof("%x does not campaign: a committed configuration change is not applied", r.id)
	}
	return !pending, nil
}

// requestVotes asks every voter, of both halves of a joint configuration. Learners
// are not asked.
func (r *raft) requestVotes(t pb.MessageType, term uint64, context string) {
	last := r.log.last()
	for i := range r.members.Len() {
		id := r.members.ID(i)
		if id == r.id || !r.members.IsVoter(i) {
			continue
		}
		m := r.voteRequest(t, id)
		m.Term = term
		m.Index, m.LogTerm = last.index, last.term
		if r.tellCommit {
			r.nameCommit(m)
		}
		if context != "" {
			m.Context = []byte(context)
		}
		traceSend(r, m)
	}
}

// voteRequest returns a message that asks for a vote. A vote is given to the log that the request names. Before term and own vote are
// durable a crash may take them back, and the next life campaign in the same term and be given that vote; so what is not
// durable of the log has to be first. Where all of it is, the request need not wait: whatever leaders of earlier terms append in
// between, the next life has everything of that log that is committed (thesis §3.6.3).
func (r *raft) voteRequest(t pb.MessageType, to uint64) *pb.Message {
	if t == pb.MsgVote && r.log.stable() < r.log.lastIndex() {
		return r.respond(t, to)
	}
	return r.send(t, to)
}

// ignoresCandidate is stickiness (thesis §4.2.3): a node that has heard from a
// leader within the minimum election timeout takes no part in an election, does not even
// learn its term, unless the leader itself ordered it.
func (r *raft) ignoresCandidate(req voteReq) bool {
	heard := r.lead != None && int(r.electionElapsed) < r.limits.electionTicks()
	return r.checkQuorum && !req.transfer && (heard || r.hasPromised())
}

// handleVoteReq answers a candidate (thesis Figure 3.1, RequestVote). The term rule
// has been applied: a vote is asked for in this node's term, a pre-vote possibly in a
// later one, in which no vote can have been cast yet. Learners vote too: they may have been
// promoted without knowing it yet.
func (r *raft) handleVoteReq(m *pb.Message) error {
	req := voteReqOf(m)
	if r.hasPromised() && !req.transfer {
		return nil // this term was learnt from somebody else, and ends no promise
	}
	if _, err := r.learnCommit(req.committed); err != nil {
		return err
	}
	free := r.vote == req.from || r.vote == None && r.lead == None || req.pre && req.term > r.term
	grant := free && req.last.upToDate(r.log.last())
	if req.pre {
		resp := r.respond(pb.MsgPreVoteResp, req.from)
		if grant {
			resp.Term = req.term
		} else {
			r.refuse(resp)
		}
		return nil
	}
	resp := r.respond(pb.MsgVoteResp, req.from)
	if grant {
		r.vote = req.from
		r.electionElapsed = 0
	} else {
		r.refuse(resp)
	}
	traceSend(r, resp)
	return nil
}

// Configurations take effect when they are applied, so an election can get stuck between nodes that
// know of a change and nodes that do not: a removed node may be asked for the vote that decides, and a
// learner that was promoted without knowing it, and with the longest log neither can
// grant it, nor campaign itself. So a node that does not vote tells in its refusal what it
// knows to be committed, and a candidate that knows more than such a node says so when it asks
// again. An entry that is committed anywhere is committed for ever, and whoever has it too
// has committed everything before it (Log Matching, thesis §3.5).

// refuse makes resp a refusal.
func (r *raft) refuse(resp *pb.Message) {
	resp.Reject = true
	if !r.mayCampaign {
		r.nameCommit(resp)
	}
}

// nameCommit puts the last committed entry into a vote request or a refusal.
func (r *raft) nameCommit(m *pb.Message) {
	if term, ok := r.log.term(r.log.committed); ok {
		m.Commit, m.RejectHint = r.log.committed, term
	}
}

// learnCommit takes the word of another node for what is committed, if this log has it, and
// reports whether it is news.
func (r *raft) learnCommit(id entryID) (bool, error) {
	if id.index <= r.log.committed || !r.log.has(id) {
		return false, nil
	}
	if err := r.commitAsTold(id.index); err != nil {
		return false, r.quarantine("learning what is committed", err)
	}
	if r.log.committed < id.index {
		return false, nil // the first configuration holds it back
	}
	r.logger.Infof("%x learns that %v is committed", r.id, id)
	return true, nil
}

// hearRefusal reads what a refusal says about commitment. A campaign in a configuration that may be
// outdated ends; the next one is in the right one.
func (r *raft) hearRefusal(m *pb.Message) error {
	committed := toldCommit(m)
	if committed.index == 0 {
		return nil
	}
	if committed.index < r.log.committed {
		r.tellCommit = true
	}
	news, err := r.learnCommit(committed)
	if news && (r.role == StateCandidate || r.role == StatePreCandidate) {
		r.becomeFollower(r.term, None)
	}
	return err
}

// handleVoteResp counts an answer to this candidate.
func (r *raft) handleVoteResp(m *pb.Message) error {
	r.members.RecordVote(m.From, !m.Reject)
	return r.decideElection()
}

// handlePreVoteResp counts an answer to this pre-candidate. A grant names the term
// that was asked for; one for an earlier campaign says nothing about this one.
func (r *raft) handlePreVoteResp(m *pb.Message) error {
	if !m.Reject && m.Term != r.term+1 {
		return nil
	}
	r.members.RecordVote(m.From, !m.Reject)
	return r.decideElection()
}

// countOwnVote counts the vote that this candidate cast for itself in term, now
// that it is durable: without that a restarted node could vote again.
func (r *raft) countOwnVote(term uint64) error {
	if !r.ownVotePending || r.term != term || r.role != StateCandidate {
		return nil
	}
	r.ownVotePending = false
	traceOwnVote(r)
	r.members.RecordVote(r.id, true)
	return r.decideElection()
}

// decideElection goes on when the votes decide. The votes of the others are not enough to lead: without its own on the disk a
// node that crashes campaigns in the same term again, the same others vote for it again, and the term
// gets a second log.
func (r *raft) decideElection() error {
	granted, rejected, result := r.members.Tally()
	switch {
	case result == quorum.VoteLost:
		r.logger.Infof("%x lost the election at term %d: %d granted, %d rejected", r.id, r.term, granted, rejected)
		r.becomeFollower(r.term, None)
	case result == quorum.VoteWon && r.role == StatePreCandidate:
		return r.campaignForVotes("")
	case result == quorum.VoteWon && !r.ownVotePending:
		r.startLeading()
	}
	return nil
}

// startLeading makes a candidate the leader and appends an entry without data:
// committing it commits everything before it, which could not be counted otherwise
// (thesis §3.6.2, §6.4).
func (r *raft) startLeading() {
	r.becomeLeader()
	noop := [1]pb.Entry{}
	traceAppend(r, noop[:])
	r.log.appendOwn(r.term, noop[:], 0)
}

// handleTransferLeader starts a transfer to the sender, or passes the order on to the leader. A
// target that may not lead is ignored, and so is an order where no leader is known.
func (r *raft) handleTransferLeader(m *pb.Message) {
	switch {
	case r.role == StateLeader:
		if err := r.startTransfer(transferTarget(m)); err != nil {
			r.logger.Infof("%x does not transfer the leadership: %v", r.id, err)
		}
		r.retire()
	case r.lead == None:
		r.logger.Infof("%x does not transfer the leadership: %v", r.id, ErrNoLeader)
	default:
		r.send(pb.MsgTransferLeader, r.lead).From = transferTarget(m)
	}
}

// handleForgetLeader makes a follower forget its leader, so that it does not stick to it any
// more: the application knows that it is gone (thesis §4.2.3). With leases that is a promise, and kept.
func (r *raft) handleForgetLeader() error {
	if r.role == StateFollower && !r.hasPromised() {
		r.forgetLeader()
	}
	return nil
}

// handleTimeoutNow campaigns at once because the leader asks for it (thesis §3.10),
// without a pre-vote: the leader is alive, and voters would refuse one.
func (r *raft) handleTimeoutNow(m *pb.Message) error {
	r.heardFromLeader(m.From)
	if !r.mayCampaign {
		return nil
	}
	r.postponeCampaign()
	return r.campaignAsOrdered()
}

// postponeCampaign makes the leader's order to campaign good for an election timeout, like the transfer.
func (r *raft) postponeCampaign() {
	if r.postponed == nil {
		r.postponed = &postponed{}
	}
	r.postponed.campaignUntil = r.clock + uint64(r.limits.electionTicks())
}

// campaignAsOrdered obeys the leader's order as soon as the configuration is the right one: who is
// removed hands over right behind the change that removes it, so the target often has that
// change to apply first.
func (r *raft) campaignAsOrdered() error {
	if r.clock >= r.postponed.campaignUntil || !r.mayCampaign {
		r.postponed.campaignUntil = 0
		return nil
	}
	if ready, err := r.readyToCampaign(); err != nil || !ready {
		return err
	}
	return r.campaignForVotes(contextTransfer)
}
