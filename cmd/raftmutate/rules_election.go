package main

import "slices"

// electionRemovals take out rules of elections: votes, terms, pre-vote, check-quorum, who may
// campaign and when.
func electionRemovals() []removal {
	return slices.Concat(
		voteRemovals(),
		ownVoteRemovals(),
		preVoteRemovals(),
		leaderKnownRemovals(),
		campaignRemovals(),
		timerRemovals(),
		checkQuorumRemovals(),
		orderRemovals(),
	)
}

// voteRemovals are about terms and votes.
func voteRemovals() []removal {
	return []removal{
		{"up-to-date", "a vote goes only to a log that is at least as up-to-date", "§3.6.1", []edit{{"message.go",
			`return req.last.Term > own.Term || req.last.Term == own.Term && req.last.Index >= own.Index`, `return true`}}},
		{"up-to-date-term", "the later last term is more up-to-date, however short the log", "§3.6.1", []edit{{"message.go",
			`return req.last.Term > own.Term || req.last.Term == own.Term && req.last.Index >= own.Index`, `return req.last.Index >= own.Index`}}},
		{"up-to-date-length", "of two logs with one last term the longer is more up-to-date", "§3.6.1", []edit{{"message.go",
			`return req.last.Term > own.Term || req.last.Term == own.Term && req.last.Index >= own.Index`, `return req.last.Term >= own.Term`}}},
		{"one-vote", "one vote a term", "§3.4", []edit{{"election.go",
			`free := r.vote == req.from || r.vote == None && r.lead == None || req.pre && req.term > r.term`, `free := true`}}},
		{"vote-kept", "a vote is forgotten only with its term, not with the role", "§3.4; bug 2", []edit{{"role.go",
			`	r.members.Untrack()
`, `	r.members.Untrack()
	r.vote = None
`}}},
		{"vote-with-leader", "who knows the leader of the term votes for nobody else in it", "§3.4", []edit{{"election.go",
			`r.vote == None && r.lead == None ||`, `r.vote == None ||`}}},
		{"vote-forgotten", "a new term begins without a vote", "§3.4", []edit{{"role.go",
			`		r.vote = None
`, ``}}},
		{"higher-term", "a leader that learns of a later term steps down", "§3.3", []edit{{"step.go",
			`	lead := None
	if isFromLeader(m.Type) {`, `	if r.role == StateLeader {
		return true
	}
	lead := None
	if isFromLeader(m.Type) {`}}},
		{"stale-term", "what was said in an earlier term counts for nothing", "§3.3; bug 16", []edit{{"step.go",
			`		r.answerStale(m)
		return false`, `		return true`}}},
		{"stale-answer", "who asks in an earlier term is told the later one", "§3.3; bug 6", []edit{{"step.go",
			`		r.answerStale(m)
		return false
`, `		return false
`}}},
		{"stale-pre-vote", "a pre-vote of an earlier term is told the later one", "§9.6; bug 6", []edit{{"step.go",
			`	case pb.MsgPreVote:
		r.giveWay(voteReqOf(m))
		r.answerCandidate(pb.MsgPreVoteResp, m.From, false)
`, ``}}},
		{"second-leader", "a second leader of the term is refused", "§3.4", []edit{{"step.go",
			`		return ErrSecondLeader
`, `		return nil
`}}},
		{"refusal-counts", "a refusal is no vote", "§3.4", []edit{{"election.go",
			`func (r *raft) handleVoteResp(m *pb.Message) error {
	r.members.RecordVote(m.From, !m.Reject)`, `func (r *raft) handleVoteResp(m *pb.Message) error {
	r.members.RecordVote(m.From, true)`}}},
		{"higher-term-no-vote", "a reply of a later term is no vote", "§3.4; bug 3", []edit{
			{"step.go", `case m.Type == pb.MsgPreVoteResp && !m.Reject:`, `case m.Type == pb.MsgPreVoteResp && !m.Reject || m.Type == pb.MsgVoteResp:`},
			{"election.go", `func (r *raft) handleVoteResp(m *pb.Message) error {
	r.members.RecordVote(m.From, !m.Reject)`, `func (r *raft) handleVoteResp(m *pb.Message) error {
	r.members.RecordVote(m.From, !m.Reject || m.Term > r.term)`}}},
		{"first-answer", "of a voter's answers in an election the first counts", "§3.4; bug 5", []edit{{"tracker/votes.go",
			`	if v.answers[i] != noAnswer {`, `	if false {`}}},
		{"votes-are-of-one-election", "an election begins without votes", "§3.4", []edit{{"role.go",
			`	r.members.ResetVotes()
	r.members.Untrack()`, `	r.members.Untrack()`}}},
		{"votes-recounted", "a new configuration counts the votes of its own voters", "§3.4; §4.3", []edit{{"tracker/members.go",
			`	ms.votes = nil
	if old`, `	if old`}}},
		{"majority", "it takes more than half", "§3.4", []edit{{"quorum/arithmetic.go",
			`return n/2 + 1`, `return (n + 1) / 2`}}},
		{"joint-votes", "in a joint configuration it takes both halves to win", "§4.3", []edit{{"quorum/arithmetic.go",
			`case a == VoteWon && b == VoteWon:`, `case a == VoteWon || b == VoteWon:`}}},
	}
}

// ownVoteRemovals are about a candidate's own vote, and answers that wait for the term.
func ownVoteRemovals() []removal {
	return []removal{
		{"own-vote-elects", "a candidate leads only when its own vote is durable", "§3.8", []edit{{"election.go",
			`case result == quorum.VoteWon && !r.ownVotePending:`, `case result == quorum.VoteWon:`}}},
		{"own-vote-counts", "a candidate counts its own vote when that is durable", "§3.8; bug 4", []edit{{"election.go",
			`	r.becomeCandidate()
	if r.async != nil {`, `	r.becomeCandidate()
	r.requestVotes(pb.MsgVote, r.term, context, learners)
	r.ownVotePending = false
	r.members.RecordVote(r.id, true)
	if true {
		return r.decideElection()
	}
	if r.async != nil {`}}},
		{"ask-when-durable", "with asynchronous writes a candidate asks for votes when its own is durable", "§3.6.1, §3.8; bug 27", []edit{{"election.go",
			`	if r.async != nil {
		r.async.context, r.async.learners = context, learners
		return nil
	}
	r.requestVotes(`, `	r.requestVotes(`}, {"election.go", `	if r.async != nil {
		r.requestVotes(pb.MsgVote, r.term, r.async.context, r.async.learners)
	}
`, ``}}},
		{"no-campaign-again", "nor does it campaign in a later term before that", "§3.4", []edit{{"election.go",
			`	if r.ownVotePending && r.async != nil {`, `	if false {`}}},
		{"echo-at-once", "a heartbeat is answered without a wait for writes to the log", "§6.2", []edit{{"send.go",
			`	if r.async == nil || r.async.durableTerm == r.term {`, `	if r.async == nil {`}}},
		{"echo-term", "an answer waits for its term to be durable", "§3.8; §6.4.1", []edit{{"send.go",
			`	if r.async == nil || r.async.durableTerm == r.term {`, `	if true {`}}},
		{"own-vote-of-term", "the own vote of an earlier campaign does not count in a later one", "§3.4", []edit{{"election.go",
			`if !r.ownVotePending || r.term != term || r.role != StateCandidate {`, `if !r.ownVotePending || r.role != StateCandidate {`}}},
	}
}

// preVoteRemovals are about pre-votes.
func preVoteRemovals() []removal {
	return []removal{
		{"pre-vote-term", "a pre-vote changes nobody's term", "§9.6", []edit{{"step.go",
			`if m.Type == pb.MsgPreVote {`, `if false {`}}},
		{"pre-vote-vote", "a pre-vote is no vote", "§9.6", []edit{{"election.go",
			`			resp.Term = req.term
`, `			resp.Term = req.term
			r.vote = req.from
`}}},
		{"pre-vote-asks", "who campaigns asks first whether it could win", "§9.6", []edit{{"election.go",
			`	if !r.preVote {
		return`, `	if true {
		return`}}},
		{"pre-vote-teaches", "a refused pre-vote teaches the later term", "§9.6; bug 6", []edit{{"step.go",
			`case m.Type == pb.MsgPreVoteResp && !m.Reject:`, `case m.Type == pb.MsgPreVoteResp:`}}},
		{"pre-vote-stale", "a pre-vote that was granted for another campaign does not count", "§9.6", []edit{{"election.go",
			`	if !m.Reject && m.Term != 0 && m.Term != r.term+1 {`, `	if false {`}}},
		{"pre-vote-late", "pre-votes that come late are no votes", "§9.6; bug 7", []edit{{"step.go",
			`		if m.Type == pb.MsgVoteResp {
			return`, `		if m.Type == pb.MsgVoteResp || m.Type == pb.MsgPreVoteResp {
			return`}}},
	}
}

// leaderKnownRemovals are about nodes that hear from a leader, or have just done so.
func leaderKnownRemovals() []removal {
	return []removal{
		{"stickiness", "who hears from a leader takes no part in an election", "§4.2.3; bug 40", []edit{{"check_quorum.go",
			`return r.checkQuorum && !req.transfer && (heard || r.hasPromised())`, `return r.checkQuorum && !req.transfer && heard && false`}}},
		{"stickiness-transfer", "unless the leader itself has ordered it", "§4.2.3", []edit{{"check_quorum.go",
			`return r.checkQuorum && !req.transfer &&`, `return r.checkQuorum &&`}}},
		{"stickiness-ends", "a leader that was silent for an election timeout keeps nobody from voting", "§4.2.3", []edit{{"check_quorum.go",
			`heard := r.lead != None && int(r.electionElapsed) < r.limits.electionTicks()`, `heard := r.lead != None`}}},
		{"silent-leader-forgotten", "who may not campaign forgets a silent leader all the same", "§4.2.3", []edit{{"tick.go",
			`if r.role == StateFollower && r.lead != None {`, `if false {`}}},
		{"silent-leader-learner", "and who never votes", "§6.4", []edit{{"tick.go",
			`if r.role == StateFollower && r.lead != None {`, `if r.isVoter && r.role == StateFollower && r.lead != None {`}}},
	}
}

// campaignRemovals are about who campaigns, and whom it asks.
func campaignRemovals() []removal {
	return []removal{
		{"campaign-unapplied", "nobody campaigns with a committed configuration change that is not applied", "§4.1; bug 36", []edit{{"election.go",
			`	return !pending, nil`, `	return true, nil`}}},
		{"campaign-snapshot", "nobody campaigns before its snapshot is durable", "§5", []edit{{"election.go",
			`if r.log.Restores() || r.term+1`, `if r.term+1`}}},
		{"campaign-limit", "nobody campaigns into a term or an index that could wrap", "bounds", []edit{{"election.go",
			`if r.log.Restores() || r.term+1 >= raftlog.MaxCounter || r.log.LastIndex()+1 >= raftlog.MaxCounter {`, `if r.log.Restores() || false && r.term+1 >= raftlog.MaxCounter {`}}},
		{"learner-campaigns", "only voters campaign", "§4.2.1; bug 38", []edit{
			{"election.go", `	if r.role == StateLeader || !r.isVoter {`, `	if r.role == StateLeader {`},
			{"tick.go", `	if r.isVoter {
		r.electionElapsed = 0`, `	if true {
		r.electionElapsed = 0`}}},
		{"learner-votes", "a learner votes: it may have been promoted without knowing it", "§4.2.1; bug 38", []edit{{"election.go",
			`	if r.hasPromised() && !req.transfer {`, `	if !r.isVoter || r.hasPromised() && !req.transfer {`}}},
		{"candidate-asks-learners", "a campaign that follows an undecided one asks learners too", "live majority", []edit{{"election.go",
			`	undecided := r.role != StateFollower`, `	undecided := false`}}},
	}
}

// timerRemovals are about election timers.
func timerRemovals() []removal {
	return []removal{
		{"random-timeout", "election timeouts are drawn at random", "§3.4", []edit{{"timeout.go",
			`return base + int(g.next()%uint64(base))`, `return base`}}},
		{"timeouts-differ", "nodes that share a seed do not time out in step", "§3.4", []edit{{"timeout.go",
			`return generator(seed ^ g.next())`, `_ = g
	return generator(seed)`}}},
		{"timer-goes-on", "a later term alone does not start the election timer again", "§3.4", []edit{{"role.go",
			`	if r.role == StateLeader || lead != None {
		r.startTimer()`, `	if true {
		r.startTimer()`}}},
		{"vote-restarts-timer", "who votes gives the candidate time", "§3.4", []edit{{"election.go",
			`		r.vote = req.from
		r.electionElapsed = 0`, `		r.vote = req.from`}}},
		{"gives-way", "who refuses a later log gives it time", "§3.4; Figure 3.1", []edit{{"election.go",
			`	if !grant {
		r.giveWay(req)
	}
`, ``}}},
		{"gives-way-stale", "also when the candidate is in an earlier term", "§3.4", []edit{{"step.go",
			`	case pb.MsgVote:
		r.giveWay(voteReqOf(m))
`, `	case pb.MsgVote:
`}}},
		{"gives-way-pre-vote", "also when it asks for a pre-vote", "§9.6", []edit{{"step.go",
			`	case pb.MsgPreVote:
		r.giveWay(voteReqOf(m))
`, `	case pb.MsgPreVote:
`}}},
		{"gives-way-later", "and gives none to another log", "§3.4", []edit{{"election.go",
			`r.lead == None && req.last != last && req.upToDate(last)`, `r.lead == None && req.last != last`}}},
		{"gives-way-equal", "nor to one that is as long as its own", "§3.4", []edit{{"election.go",
			`r.lead == None && req.last != last && req.upToDate(last)`, `r.lead == None && req.upToDate(last)`}}},
		{"gives-way-leader", "nor while a leader is known", "§3.4", []edit{{"election.go",
			`r.lead == None && req.last != last && req.upToDate(last)`, `req.last != last && req.upToDate(last)`}}},
	}
}

// checkQuorumRemovals are about how a leader begins and ends.
func checkQuorumRemovals() []removal {
	return []removal{
		{"no-op", "a leader begins with an entry of its own term", "§3.6.2, §6.4", []edit{{"election.go",
			`	noop := [1]pb.Entry{}
	traceAppend(r, noop[:])
	r.log.AppendOwn(r.term, noop[:], 0)`, `	r.termStart = r.log.LastIndex()`}}},
		{"check-quorum", "a leader that hears from no quorum steps down", "§6.2", []edit{{"check_quorum.go",
			`if !r.members.QuorumActive() {`, `if false {`}}},
		{"check-quorum-again", "what was heard before the last look does not count in the next", "§6.2", []edit{{"check_quorum.go",
			`r.members.Progress(i).RecentActive = r.members.ID(i) == r.id`, `_ = i`}}},
		{"leader-ends-campaign", "a candidate follows the leader of its term", "§3.4", []edit{{"role.go",
			`	if r.role != StateFollower {
		r.becomeFollower(r.term, from)
	}`, ``}}},
	}
}

// orderRemovals are about orders to campaign.
func orderRemovals() []removal {
	return []removal{
		{"order-waits", "an order to campaign waits for configuration changes to be applied", "§3.10; bug 36", []edit{{"transfer.go",
			`		r.postponed.campaignUntil = 0
		return nil
	}
	if ready, err := r.readyToCampaign(); err != nil || !ready {`, `		r.postponed.campaignUntil = 0
		return nil
	}
	if ready, err := r.readyToCampaign(); err != nil && !ready {`}}},
		{"order-expires", "an order to campaign is good for an election timeout", "§3.10; bug 8", []edit{{"transfer.go",
			`if r.clock >= r.postponed.campaignUntil || !r.isVoter {`, `if !r.isVoter {`}}},
		{"order-by-voters", "a learner obeys no order to campaign", "§3.10", []edit{
			{"transfer.go", `	if !r.isVoter {
		if m.Term`, `	if false {
		if m.Term`},
			{"transfer.go", `if r.clock >= r.postponed.campaignUntil || !r.isVoter {`, `if r.clock >= r.postponed.campaignUntil {`}}},
	}
}
