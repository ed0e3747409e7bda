package raft

import (
	"errors"

	"github.com/ffd200af/raft/internal/raftlog"
	"github.com/ffd200af/raft/quorum"
	pb "github.com/ffd200af/raft/raftpb"
)

// campaign starts an election, with a pre-vote first if Config.PreVote is set (thesis §9.6). It
// does nothing on a leader and on a node that is no voter. Nor does it start an election in three
// cases. With asynchronous storage writes, this node's vote for itself may not be durable yet. The
// node may keep a promise to a leader, see lease.go. Or readyToCampaign forbids it.
func (r *raft) campaign() error {
	if r.role == StateLeader || !r.isVoter {
		r.logger.Debugf("%x does not campaign: %s, voter %t", r.id, r.role, r.isVoter)
		return nil
	}
	if r.ownVotePending && r.async != nil {
		r.logger.Infof("%x does not campaign again: the disk has not acknowledged its vote at term %d", r.id, r.term)
		return nil
	}
	if r.hasPromised() {
		r.logger.Infof("%x does not campaign: it has promised a leader not to", r.id)
		return nil
	}
	if ready, err := r.readyToCampaign(); err != nil || !ready {
		return err
	}
	// Perhaps only a learner knows that a newer configuration is committed, and learners do not
	// campaign. So if the last campaign ended without a decision, this one asks learners too.
	undecided := r.role != StateFollower
	if !r.preVote {
		return r.campaignForVotes("", undecided)
	}
	r.becomePreCandidate()
	r.requestVotes(pb.MsgPreVote, r.term+1, "", undecided)
	// This node's own pre-vote promises nothing, so it counts before anything is durable.
	r.members.RecordVote(r.id, true)
	return r.decideElection()
}

// campaignForVotes starts the real election in a new term. The candidate's own vote counts when it
// is durable.
//
// Without asynchronous storage writes, the requests are in the Ready with the hard state that holds
// the vote. With asynchronous storage writes, the requests wait until the vote and the log that
// they name are durable, for two reasons. A node whose disk is stuck cannot use the votes of
// others, and would keep other candidates from getting them in this term. And after a crash the
// node might campaign in the same term again with a shorter log. Votes that were granted to the
// longer log would then count for the shorter one (thesis §3.8).
func (r *raft) campaignForVotes(context string, learners bool) error {
	r.becomeCandidate()
	if r.async != nil {
		r.async.context, r.async.learners = context, learners
		return nil
	}
	r.requestVotes(pb.MsgVote, r.term, context, learners)
	return nil
}

// readyToCampaign reports whether this node could lead if it won. It could not while a snapshot is
// not durable, or when the term or the last index is about to overflow. It must not while its
// configuration may be outdated. That is so if a committed configuration change is not applied, or
// if a postponed report (see postponed) may commit one. Otherwise the outdated and the newer
// configuration could elect two leaders (thesis §4.1).
func (r *raft) readyToCampaign() (bool, error) {
	if r.log.Restores() || r.term+1 >= raftlog.MaxCounter || r.log.LastIndex()+1 >= raftlog.MaxCounter {
		return false, nil
	}
	pending, err := r.log.HasConfChange(r.log.Applied(), r.log.Committed())
	if errors.Is(err, ErrUnavailable) || err == nil && r.hasPostponedCommit() {
		r.logger.Debugf("%x does not campaign yet: it cannot tell which configuration changes are committed", r.id)
		if r.postponed == nil || r.postponed.campaignUntil == 0 {
			r.electionElapsed = r.electionTimeout // it tries again at the next tick
		}
		return false, nil
	}
	if err != nil {
		return false, r.quarantine("looking for configuration changes before a campaign", err)
	}
	pending = pending || r.hasChangesOut()
	if pending {
		r.logger.Infof("%x does not campaign: a committed configuration change is not applied", r.id)
	}
	return !pending, nil
}

// requestVotes asks every voter, of both halves of a joint configuration, and if learners is set,
// every learner. Context is contextTransfer if the leader has ordered the campaign, and empty
// otherwise. Only requests with an empty context name this node's last committed entry, see
// learnCommit. A node that was ordered to campaign has the leader's whole log, and need not name
// one.
func (r *raft) requestVotes(t pb.MessageType, term uint64, context string, learners bool) {
	last := r.log.Last()
	about := []byte(context)
	if context == "" {
		about = r.nameCommit()
	}
	for i := range r.members.Len() {
		id := r.members.ID(i)
		if id == r.id || !r.members.IsVoter(i) && !learners {
			continue
		}
		m := r.send(t, id)
		m.Term = term
		m.Index, m.LogTerm = last.Index, last.Term
		m.Context = about
		traceSend(r, m)
	}
}

// handleVoteReq answers a candidate (thesis Figure 3.1, RequestVote). After applyTermRule, a
// request for a vote is of this node's term. A request for a pre-vote may be of a later term, in
// which this node cannot have voted yet. Learners vote too: they may have been promoted without
// knowing it yet.
func (r *raft) handleVoteReq(m *pb.Message) error {
	req := voteReqOf(m)
	if r.hasPromised() && !req.transfer {
		return nil // a promise that was given in an earlier term still binds
	}
	if _, err := r.learnCommit(req.committed); err != nil {
		return err
	}
	free := r.vote == req.from || r.vote == None && r.lead == None || req.pre && req.term > r.term
	grant := free && req.upToDate(r.log.Last())
	if !grant {
		r.giveWay(req)
	}
	if req.pre {
		resp := r.answerCandidate(pb.MsgPreVoteResp, req.from, grant)
		if grant {
			resp.Term = req.term
		}
		return nil
	}
	r.answerCandidate(pb.MsgVoteResp, req.from, grant)
	if grant {
		r.vote = req.from
		r.electionElapsed = 0
	}
	return nil
}

// giveWay restarts the election timer after this node has rejected a candidate whose log is more
// up-to-date than its own. This node had already voted in the candidate's term, or is in a later
// term. In the next election the candidate can get this node's vote, but not the other way round.
// So the candidate should campaign first. A granted vote restarts the timer for the same reason.
//
// Otherwise a node with a shorter log and a faster clock could campaign first in every term. The
// node with the most up-to-date log of a live majority would then never get its vote. That happens
// if the faster node does not know that the other one is a member. It sends the other one no vote
// requests, so the other one learns of each new term too late.
func (r *raft) giveWay(req voteReq) {
	last := r.log.Last()
	if r.lead == None && req.last != last && req.upToDate(last) {
		r.electionElapsed = 0
	}
}

// answerCandidate grants or rejects a vote, and names the last entry that this node knows to be
// committed.
func (r *raft) answerCandidate(t pb.MessageType, to uint64, grant bool) *pb.Message {
	m := r.sendOnceDurable(t, to)
	m.Reject = !grant
	m.Context = r.nameCommit()
	traceSend(r, m)
	return m
}

// Configurations take effect when they are applied, so some nodes may know that a change is
// committed while others do not. That could block every election. Suppose that every quorum of live
// nodes includes the node with the longest log, so that no other node can win. That node may not
// know that it is a voter, and so not campaign. Or it may not know of a removal, and need the vote
// of a removed or a dead node.
//
// So every vote request, grant and rejection names the last entry that its sender knows to be
// committed. The receiver of a grant or a rejection acts on that entry even if the message is of an
// earlier term. An entry that is committed anywhere is committed for ever. A node that has the
// entry may commit everything up to it (Log Matching, thesis §3.5).
//
// A follower that acknowledges an append may know of a committed configuration change beyond the
// append's commit index. Then its acknowledgement names that entry too. The leader may have been
// elected in an outdated configuration, whose quorum may have died since. Then it cannot commit the
// change by counting acknowledgements.
//
// This is why a live majority elects a leader. Let C be the newest configuration that a live node K
// knows to be committed. Let the live voters of C be a quorum of C. Of these voters, let B have the
// most up-to-date log. Every other live voter of C grants B its vote. B has every committed entry,
// so it has the change to C (Leader Completeness, thesis §3.6.3). If B knows that the change is
// committed, B campaigns in C and wins. If B does not know it, B learns it from K:
//
//   - K is a voter of C. Then K campaigns in C and asks B.
//   - K is no voter of C, but a member of the configuration before C. That configuration is active
//     at B. A leader appends a change only when the change before it is committed (thesis §4.1), so
//     the append that brought B the change to C also reported all earlier ones as committed. B does
//     not campaign until its Storage can give these changes and they are applied. If B is a voter
//     in that configuration, B campaigns and K answers; if K is a learner, it is asked after an
//     undecided campaign. If B is no voter in it, another live voter of C is, and has the change: a
//     quorum of that configuration has committed it, and overlaps the live quorum of C. That node
//     learns of the change from K in the same way, and then asks B.
//   - K is a learner that C has added. Then K need not be asked: the configuration before C has a
//     live quorum too. The change to C leaves the voters as they are, or begins a joint
//     configuration, one half of which is the configuration before C.

// learnCommit commits up to id, which another node knows to be committed. It does so only if this
// log has id, and a configuration change at or before id that is not committed here. Without such a
// change there is no hurry: the next leader reports the commit index. It reports whether the commit
// index moved.
func (r *raft) learnCommit(id raftlog.EntryID) (bool, error) {
	if id.Index <= r.log.Committed() || !r.log.Has(id) {
		return false, nil
	}
	before := r.log.Committed()
	change, err := r.log.HasConfChange(before, id.Index)
	if errors.Is(err, ErrUnavailable) {
		return false, nil // other nodes will report the entry again
	}
	if err == nil && change {
		// If the durable log reaches heardCommit, this node is proven not to be behind, see
		// alone.go.
		err = r.commitReported(id.Index, r.log.Stable() >= r.heardCommit)
	}
	if err != nil {
		return false, r.quarantine("learning what is committed", err)
	}
	if r.log.Committed() == before {
		return false, nil // there is no change, or commitReported postponed the report
	}
	r.logger.Infof("%x learns that a change of the configuration is committed, commit index %d", r.id, r.log.Committed())
	return true, nil
}

// hearAnswer commits up to the entry that an answer to a candidate names. If that commits a
// configuration change, the campaign's configuration is outdated, and the campaign ends. The next
// campaign uses the new configuration.
func (r *raft) hearAnswer(m *pb.Message) error {
	outdated, err := r.learnCommit(committedOf(m))
	if outdated && (r.role == StateCandidate || r.role == StatePreCandidate) {
		r.becomeFollower(r.term, None)
	}
	return err
}

// handleVoteResp counts an answer to this candidate.
func (r *raft) handleVoteResp(m *pb.Message) error {
	r.members.RecordVote(m.From, !m.Reject)
	return r.decideElection()
}

// handlePreVoteResp counts an answer to this pre-candidate. A grant has the term that was asked
// for. A grant with another term answers an earlier campaign, and does not count.
func (r *raft) handlePreVoteResp(m *pb.Message) error {
	if !m.Reject && m.Term != 0 && m.Term != r.term+1 {
		return nil
	}
	r.members.RecordVote(m.From, !m.Reject)
	return r.decideElection()
}

// countOwnVote counts the vote that this candidate cast for itself in term, now that the vote is
// durable. If it counted earlier, the node could vote for another candidate after a crash.
func (r *raft) countOwnVote(term uint64) error {
	if !r.ownVotePending || r.term != term || r.role != StateCandidate {
		return nil
	}
	r.ownVotePending = false
	if r.async != nil {
		r.requestVotes(pb.MsgVote, r.term, r.async.context, r.async.learners)
	}
	traceOwnVote(r)
	r.members.RecordVote(r.id, true)
	return r.decideElection()
}

// decideElection ends the campaign when the votes decide it. A candidate leads only once its own
// vote is durable. Otherwise it could crash, campaign in the same term again and win with the same
// votes, and the term would have two logs.
func (r *raft) decideElection() error {
	granted, rejected, result := r.members.Tally()
	switch {
	case result == quorum.VoteLost:
		r.logger.Infof("%x lost the election at term %d: %d granted, %d rejected", r.id, r.term, granted, rejected)
		r.becomeFollower(r.term, None)
	case result == quorum.VoteWon && r.role == StatePreCandidate:
		return r.campaignForVotes("", false)
	case result == quorum.VoteWon && !r.ownVotePending:
		r.startLeading()
	}
	return nil
}

// startLeading makes a candidate the leader and appends an entry without data. Entries of earlier
// terms commit only together with an entry of this term (thesis §3.6.2), and reads wait for that
// (§6.4).
func (r *raft) startLeading() {
	r.becomeLeader()
	noop := [1]pb.Entry{}
	traceAppend(r, noop[:])
	r.log.AppendOwn(r.term, noop[:], 0)
}

// handleForgetLeader makes a follower forget its leader, because the application knows that the
// leader is gone. The follower then answers candidates at once (thesis §4.2.3). With leases it has
// promised the leader not to, and keeps the promise.
func (r *raft) handleForgetLeader() error {
	if r.role == StateFollower && !r.hasPromised() {
		r.forgetLeader()
	}
	return nil
}
