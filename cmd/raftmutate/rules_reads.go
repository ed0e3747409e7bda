package main

import "slices"

// readRemovals take out rules of linearizable reads and of leases.
func readRemovals() []removal {
	return slices.Concat(roundRemovals(), askRemovals(), aloneRemovals(), leaseRemovals())
}

// roundRemovals are about rounds that confirm reads.
func roundRemovals() []removal {
	return []removal{
		{"read-first-commit", "a read waits for the first commit of the term", "§6.4; bug 43", []edit{
			{"read.go", `r.reads.queue.At(n-1).round == 0 && r.log.Committed() >= r.termStart`, `r.reads.queue.At(n-1).round == 0`},
			{"read.go", `riding := r.reads.waiting() > 0 && r.log.Committed() >= r.termStart`, `riding := r.reads.waiting() > 0`}}},
		{"read-round", "a read is confirmed by a round", "§6.4; bug 45", []edit{{"read.go",
			`	case r.role == StateLeader && r.limits.rare().leaseReads && r.hasLease():`, `	case r.role == StateLeader && r.log.Committed() >= r.termStart:`}}},
		{"read-quorum", "by a round of a quorum", "§6.4; bug 45", []edit{{"read.go",
			`	confirmed := r.members.Confirmed()`, `	confirmed := round`}}},
		{"read-later-round", "by a round that was sent after the read was asked for", "§6.4; bug 44", []edit{{"read.go",
			` && q.At(n).round <= confirmed {`, ` {`}}},
		{"read-echo-of-term", "an echo of a round that was never sent counts for nothing", "§6.4", []edit{{"read.go",
			`	if round > r.reads.round {`, `	if false {`}}},
		{"read-own-echo", "the leader confirms its own rounds", "§6.4", []edit{{"read.go",
			`	r.members.Echo(r.id, rs.round)
`, ``}}},
	}
}

// askRemovals are about reads of followers, and reads that are dropped.
func askRemovals() []removal {
	return []removal{
		{"read-unique", "an answer that comes twice answers one read", "§6.4; bug 44", []edit{{"read.go",
			`		rd.context, rd.asked = rs.unique(rd.context)
`, `		rd.asked = rd.context
`}}},
		{"read-context", "a follower's program may use the context again once the question is sent", "ownership", []edit{{"read.go",
			`rd.context, rd.asked = rs.unique`, `_, rd.asked = rs.unique`}}},
		{"read-answer-of-leader", "a follower takes answers of its leader only", "§6.4", []edit{{"read.go",
			`	if from != r.lead || r.reads == nil {`, `	if r.reads == nil {`}}},
		{"read-dropped-told", "a read that cannot be answered is reported as dropped", "§6.4", []edit{{"read.go",
			`		r.dropRead(q.At(i).from, q.At(i).context)
`, `		_ = i
`}}},
		{"reads-let-go", "an idle node keeps no large array of reads", "bounds", []edit{{"internal/fifo/fifo.go",
			`	if cap(list) > idleList {
		return nil
	}
`, ``}}},
		{"reads-in-place", "what waits in a queue does not move when the oldest leaves", "bounds", []edit{{"internal/fifo/fifo.go",
			`	case q.gone > len(q.list)/2:`, `	case true:`}}},
		{"read-passed-on", "a read does not come back to a node that asked it in an earlier life", "§6.4; bug 44", []edit{{"read.go",
			`r.lead != None && r.lead != rd.from:`, `r.lead != None:`}}},
		{"read-question", "a question that comes back to the node that asked it is no read", "§6.4; bug 44", []edit{{"read.go",
			`from == r.id && r.reads.isQuestion(context)`, `from == 0 && r.reads.isQuestion(context)`}}},
		{"read-dropped-apart", "a dropped read is no answer, and makes no Ready", "drop-in", []edit{{"read.go",
			`		rs.dropped = append(rs.dropped, context)
`, `		r.answer(ReadState{Index: ^uint64(0), RequestCtx: context})
`}}},
		{"read-dropped-bound", "the contexts of dropped reads are bounded", "bounds", []edit{{"read.go",
			`from == r.id && len(rs.dropped) < rs.most`, `from == r.id`}}},
		{"read-asked-again", "a follower asks again for what may be lost", "§6.4", []edit{{"tick.go",
			`		r.tickReads()
`, ``}}},
		{"read-asked-newest", "the newest question asks for all reads that wait", "§6.4", []edit{{"read.go",
			`r.askLeader(r.reads.queue.At(r.reads.queue.Len() - 1))`, `r.askLeader(r.reads.queue.At(0))`}}},
		{"read-answer-earlier", "an answer answers the reads before it", "§6.4", []edit{{"read.go",
			`		for j := range i + 1 {
`, `		for j := i; j <= i; j++ {
`}}},
		{"read-answer-later", "and none after it", "§6.4; bug 44", []edit{{"read.go",
			`		for j := range i + 1 {
`, `		for j := range q.Len() {
`}}},
		{"read-questions", "questions do not pile up while nobody calls Ready", "bounds", []edit{{"read.go",
			`r.role != StateFollower || r.outbox.asks ||`, `r.role != StateFollower ||`}}},
		{"ask-besides", "a question that may be lost is repeated, whatever else is to be sent", "§6.4", []edit{{"read.go",
			`r.role != StateFollower || r.outbox.asks ||`, `r.role != StateFollower || !r.outbox.empty() ||`}}},
		{"read-bound", "the reads that wait are bounded", "bounds", []edit{{"read.go",
			`	case rs.queue.Len() >= rs.most || len(rs.answers) >= rs.most:`, `	case false:`}}},
	}
}

// aloneRemovals are about reads where few can confirm them.
func aloneRemovals() []removal {
	return []removal{
		{"read-singleton", "a leader that does not vote asks the one that does", "§6.4", []edit{{"heartbeat.go",
			`	if r.members.DecidesAlone(r.id) {
		r.startRound()`, `	if r.members.DecidesAlone(r.members.ID(0)) {
		r.startRound()`}}},
		{"read-joint-alone", "the only voter of both halves of a joint configuration asks nobody", "§6.4; §4.3", []edit{{"tracker/members.go",
			`if sole > 0 || ms.kind(i)&inIncoming == 0 {`, `if sole > 0 || ms.kind(i) != inIncoming {`}}},
		{"read-heartbeat-alone", "a heartbeat that nobody answers confirms the reads of a leader that decides alone", "§6.4", []edit{{"heartbeat.go",
			`		r.reconfirmReads()
`, ``}}},
		{"read-reconfirm", "a read is confirmed by the quorum of the configuration as it is", "§6.4; §4.1", []edit{{"membership.go",
			`	r.reconfirmReads()
`, ``}}},
	}
}

// leaseRemovals are about leases.
func leaseRemovals() []removal {
	return []removal{
		{"lease-length", "a lease ends before anybody can be elected", "§6.4.1; bug 46", []edit{{"lease.go",
			`r.clock-r.lease.start < r.limits.leaseTicks()`, `r.clock-r.lease.start < r.limits.leaseTicks()+uint64(r.limits.electionTicks())`}}},
		{"lease-margin", "a lease allows for clocks that drift", "§6.4.1; bug 46", []edit{{"raft.go",
			`return int32(countedTicks(c.ElectionTick) - 1 - c.LeaseDriftTicks)`, `return int32(countedTicks(c.ElectionTick) - 1)`}}},
		{"lease-last-tick", "a tick of the leader lasts until its next one", "§6.4.1; bug 46", []edit{{"raft.go",
			`return int32(countedTicks(c.ElectionTick) - 1 - c.LeaseDriftTicks)`, `return int32(countedTicks(c.ElectionTick) - c.LeaseDriftTicks + 1)`}}},
		{"lease-from-sending", "a lease runs from when the round was sent", "§6.4.1; bug 46", []edit{{"lease.go",
			`r.lease.held, r.lease.start = true, max(r.lease.start, s.tick)`, `r.lease.held, r.lease.start = true, r.clock`}}},
		{"lease-first-commit", "a lease serves no read before the first commit of the term", "§6.4; bug 43", []edit{{"lease.go",
			`if r.role != StateLeader || r.log.Committed() < r.termStart || r.transferee != None`, `if r.role != StateLeader || r.transferee != None`}}},
		{"lease-transfer", "there is no lease during a transfer", "§6.4.1; bug 46", []edit{{"lease.go",
			` || r.transferee != None || r.campaignOrdered {`, ` {`}}},
		{"lease-order", "there is no lease in a term in which somebody was ordered to campaign", "§6.4.1; bugs 8, 46", []edit{{"lease.go",
			` || r.transferee != None || r.campaignOrdered {`, ` || r.transferee != None {`}}},
		{"lease-configuration", "a lease ends with the configuration that gave it", "§6.4.1; bug 46", []edit{{"membership.go",
			`	r.endLease()
`, ``}}},
		{"lease-restart", "who restarts waits out what it may have promised", "§6.4.1; bug 46", []edit{{"raft.go",
			`	if r.term == 0 {
`, `	if true {
`}}},
		{"lease-promise-vote", "a promise keeps from voting", "§6.4.1; bug 46", []edit{
			{"election.go", `	if r.hasPromised() && !req.transfer {`, `	if false {`},
			{"check_quorum.go", `(heard || r.hasPromised())`, `heard`}}},
		{"lease-promise-campaign", "a promise keeps from campaigning", "§6.4.1; bug 46", []edit{{"election.go",
			`	if r.hasPromised() {
		r.logger`, `	if false {
		r.logger`}}},
		{"lease-promise-forget", "a promise outlives the leader being forgotten", "§6.4.1; bug 46", []edit{{"election.go",
			`if r.role == StateFollower && !r.hasPromised() {`, `if r.role == StateFollower {`},
			{"role.go", `func (r *raft) forgetLeader() {
`, `func (r *raft) forgetLeader() {
	r.heardLeaderAt = 0
`}}},
		{"lease-promise-term", "a promise outlives the term", "§6.4.1; bug 46", []edit{{"role.go",
			`		r.term = term
		r.vote = None`, `		r.term = term
		r.heardLeaderAt = 0
		r.vote = None`}}},
		{"lease-skipped-ticks", "ticks that nobody delivered count for a lease", "§6.4.1; bug 46", []edit{{"rawnode.go",
			`		rn.raft.clock += min(n, maxTicks)`, `		_ = n`}}},
		{"lease-skipped-promise", "and for no promise", "§6.4.1; bug 46", []edit{{"rawnode.go",
			`	if rn.raft.role == StateLeader {
		rn.raft.clock`, `	if true {
		rn.raft.clock`}}},
		{"lease-skipped-many", "however many they are", "bounds", []edit{{"rawnode.go",
			`		rn.raft.clock += min(n, maxTicks)`, `		rn.raft.clock += n`}}},
		{"lease-due-ticks", "through a Node, ticks that are due come before a message", "§6.4.1; bug 46", []edit{{"node.go",
			`	if rn.raft.leases() {
		n.drainTicks(rn)`, `	if false {
		n.drainTicks(rn)`}}},
	}
}
