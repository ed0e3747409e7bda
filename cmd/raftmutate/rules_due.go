package main

// dueRemovals take out rules of ticks that are skipped, and of groups that sleep.
func dueRemovals() []removal {
	rule := func(file, name, rule, old, new string) removal {
		return removal{name, rule, "many groups", []edit{{file, old, new}}}
	}
	list := untilDueRemovals(rule)
	list = append(list, passRemovals(rule)...)
	list = append(list, restRemovals(rule)...)
	return append(list, asleepRemovals(rule)...)
}

// untilDueRemovals are about the ticks that do more than count.
func untilDueRemovals(rule rulesOf) []removal {
	return []removal{
		rule("due.go", "due-rest", "a tick drops entries that nobody needs", "if r.log.MayRest() || r", "if r"),
		rule("due.go", "due-rest-messages", "and a block of messages that is not in use", " || r.outbox.mayRest() ||", " ||"),
		rule("due.go", "due-rest-responses", "and a block of responses", " || r.async.mayRest() {", " {"),
		rule("due.go", "due-postponed", "what waits is tried again at each tick", "	case p.lasting != lasting{out: p.out}:\n		return 1\n", ""),
		rule("due.go", "due-changes", "changes that are out are given up in time", "	case r.agesChangesOut():\n		return ticksUntil(int(p.out.ticks), r.limits.electionTicks())\n", ""),
		rule("due.go", "due-question", "a follower asks again for its reads", "	if r.reads.waiting() > 0 {\n		asked := min(r.clock-r.reads.askedAt, neverTicks)\n		due = min(due, ticksUntil(int(asked), r.limits.electionTicks()))\n	}\n", ""),
		rule("due.go", "due-campaign", "a voter campaigns after its election timeout", "if r.isVoter || r.lead != None {", "if r.lead != None {"),
		rule("due.go", "due-silent-leader", "a node that does not vote forgets a silent leader", "if r.isVoter || r.lead != None {", "if r.isVoter {"),
		rule("due.go", "due-heartbeat", "a leader's heartbeats are due", "	due := countedUntil(uint32(r.heartbeatElapsed), r.limits.heartbeatTicks())\n", "	due := uint64(neverDue)\n"),
		rule("due.go", "due-check", "so is its check of the quorum", "min(due, countedUntil(r.electionElapsed, election), ", "min(due, "),
		rule("due.go", "due-disk", "so is the end of its patience with its disk", ", countedUntil(uint32(r.stalledTicks), election))", ")"),
		rule("due.go", "due-transfer", "so is the end of a transfer", "		due = min(due, ticksUntil(int(r.transferElapsed), election))\n", ""),
		rule("due.go", "due-retires", "a leader that does not vote steps down", " || !r.isVoter || ", " || "),
		rule("due.go", "due-learner", "a learner that is not steady is looked at in each tick", " || !r.areLearnersSteady() {", " {"),
		rule("due.go", "due-never", "ticks that cannot be counted are never due", "	if limit >= neverTicks {\n		return neverDue\n	}\n", ""),
		rule("due.go", "due-broken", "a node that a tick quarantines takes no further ticks", "n > 0 && r.broken == nil {", "n > 0 {"),
		rule("due.go", "steady-wait", "a learner that somebody waits for is not steady", "c.wait != nobodyWaits || ", ""),
		rule("due.go", "steady-state", "nor one that has not caught up", " || c.State != CaughtUp {", " {"),
		rule("due.go", "steady-last", "nor one that lacks an entry", "match < r.log.LastIndex() || match > c.seen", "match > c.seen"),
		rule("due.go", "steady-seen", "nor one that has moved since the last tick", " || match > c.seen {", " {"),
	}
}

// passRemovals are about the clocks of ticks that are skipped.
func passRemovals(rule rulesOf) []removal {
	return []removal{
		rule("due.go", "pass-clock", "skipped ticks count for leases and promises", "	r.clock += n\n", ""),
		rule("due.go", "pass-election", "and for the election timeout", "	r.electionElapsed = pass(r.electionElapsed, n)\n", ""),
		rule("due.go", "pass-changes", "and for changes that are out", "		r.postponed.out.ticks += uint32(n)\n", ""),
		rule("due.go", "pass-transfer", "and for a transfer", "		r.transferElapsed = int32(pass(uint32(r.transferElapsed), n))\n", ""),
		rule("due.go", "pass-heartbeat", "and for heartbeats", "	r.heartbeatElapsed = int32(pass(uint32(r.heartbeatElapsed), n))\n", ""),
		rule("due.go", "pass-disk", "and for a disk that is stuck", "		r.stalledTicks = int32(pass(uint32(r.stalledTicks), n))\n", ""),
		rule("due.go", "pass-disk-moved", "whose time begins again when it moves", "	case stable != r.stalledAt:\n		r.stalledAt, r.stalledTicks = stable, int32(pass(0, n-1))\n", ""),
		rule("due.go", "pass-disk-done", "and ends when it has everything", "	case stable == r.log.LastIndex():\n		r.stalledAt, r.stalledTicks = stable, 0\n", ""),
		rule("due.go", "pass-learner", "and for the silence of a learner", "	c.silent += int(n)\n", ""),
		rule("due.go", "pass-learner-idle", "which counts as idle after an election timeout", "	c.idle += max(0, int(n)-max(0, r.limits.electionTicks()-c.silent))\n", ""),
		rule("due.go", "pass-learner-answer", "and ends with an answer", "	if pr.TakeAnswer() {\n		c.silent = 0\n	}\n", ""),
		rule("due.go", "pass-stops", "counters stop before they wrap", "	if elapsed >= neverTicks-1 {\n		return elapsed\n	}\n	return uint32(min(uint64(elapsed)+min(n, neverTicks), neverTicks-1))\n", "	return elapsed + uint32(n)\n"),
	}
}

// restRemovals are about the nodes that may sleep.
func restRemovals(rule rulesOf) []removal {
	return []removal{
		rule("sleep.go", "sleep-broken", "a quarantined node does not sleep", "r.broken == nil && r.log", "r.log"),
		rule("sleep.go", "sleep-applied", "nor one with entries that are not committed, durable and applied", "r.log.Applied() == r.log.LastIndex() && ", ""),
		rule("sleep.go", "sleep-restores", "nor one whose snapshot is not durable", "!r.log.Restores() && ", ""),
		rule("sleep.go", "sleep-term", "nor one whose term is not durable", "a == nil || a.durableTerm == term", "true"),
		rule("sleep.go", "sleep-reads", "nor one with a read", "		r.reads.waiting() == 0 && ", "		"),
		rule("sleep.go", "sleep-postponed", "nor one for which something waits", "r.postponed.orNil() == nil && ", ""),
		rule("sleep.go", "sleep-joint", "nor one in a joint configuration", " && !r.members.IsJoint()", ""),
		rule("sleep.go", "sleep-ready", "nor one with work", " && !rn.HasReady()", ""),
		rule("sleep.go", "sleep-lent", "nor one whose work is out", "r.restsWithGroup() && !rn.lent", "r.restsWithGroup()"),
		rule("sleep.go", "sleep-leader", "nor a follower that knows no leader", "r.role == StateFollower && r.lead != None || r", "r.role == StateFollower || r"),
		rule("sleep.go", "sleep-voter", "nor a leader that is no voter", "	if !r.isVoter || r.transferee != None {", "	if r.transferee != None {"),
		rule("sleep.go", "sleep-transfer", "nor one that hands over", "	if !r.isVoter || r.transferee != None {", "	if !r.isVoter {"),
		rule("sleep.go", "sleep-match", "nor one with a member that lacks an entry", "pr.Match < last || ", "last < 0 || "),
		rule("sleep.go", "sleep-probe", "nor one that probes a member", "pr.State != tracker.StateReplicate {", "pr.State > tracker.StateSnapshot {"),
		rule("sleep.go", "sleep-learner", "nor one with a learner that is not steady", "	return r.areLearnersSteady()\n", "	return true\n"),
	}
}

// asleepRemovals are about the time that a node was asleep.
func asleepRemovals(rule rulesOf) []removal {
	return []removal{
		rule("sleep.go", "asleep-awake", "a node that is not at rest makes up for the time with ticks", "		rn.TickN(n)\n", ""),
		rule("sleep.go", "asleep-clock", "time asleep counts for leases and promises", "	r.clock += n\n", ""),
		rule("sleep.go", "asleep-entry", "and drops entries that nobody needs", "	r.log.Rest()\n", ""),
		rule("sleep.go", "asleep-timeout", "a follower's election timeout begins with the last heartbeat", "r.electionElapsed, r.heardLeaderAt, r.leadPresumed = 0, r.clock, false", "r.heardLeaderAt, r.leadPresumed = r.clock, false"),
		rule("sleep.go", "asleep-promise", "so does its promise", "r.electionElapsed, r.heardLeaderAt, r.leadPresumed = 0, r.clock, false", "r.electionElapsed, r.leadPresumed = 0, false"),
		rule("sleep.go", "asleep-presumed", "a heartbeat of the term confirms the leader", "r.electionElapsed, r.heardLeaderAt, r.leadPresumed = 0, r.clock, false", "r.electionElapsed, r.heardLeaderAt = 0, r.clock"),
		rule("sleep.go", "asleep-heartbeat", "a leader's heartbeats go on", "	r.heartbeatElapsed, r.electionElapsed = int32(elapsed), sinceCheck\n", "	_, r.electionElapsed = elapsed, sinceCheck\n"),
		rule("sleep.go", "asleep-check", "so do its checks of the quorum", "	r.heartbeatElapsed, r.electionElapsed = int32(elapsed), sinceCheck\n", "	r.heartbeatElapsed, _ = int32(elapsed), sinceCheck\n"),
		rule("sleep.go", "asleep-disk", "its disk has everything", "	r.stalledAt, r.stalledTicks = r.log.Stable(), 0\n", ""),
		rule("sleep.go", "asleep-no-check", "without check-quorum, members stay active", "r.checkQuorum && checks > 0", "checks > 0"),
		rule("sleep.go", "asleep-inactive", "a member that has not answered since the last check counts as inactive", "			pr.RecentActive = r.members.ID(i) == r.id\n", ""),
		rule("sleep.go", "asleep-active", "a member that has answered since counts as active", "!checked || arrived <= uint64(r.electionElapsed)", "!checked"),
		rule("sleep.go", "asleep-silent", "an answer before the last check does not count", "!checked || arrived <= uint64(r.electionElapsed)", "true"),
		rule("sleep.go", "asleep-window", "an idle follower's window is dropped", "			pr.Rest()\n", ""),
		rule("sleep.go", "asleep-round", "each tick was a round of a lease", "		r.openReads().round += n\n", ""),
		rule("sleep.go", "asleep-own-echo", "which the leader itself echoes", "		r.members.Echo(r.id, r.reads.round)\n", ""),
		rule("sleep.go", "asleep-echo", "a member echoes the newest heartbeat that it has answered", "r.reads.round-sent)", "r.reads.round)"),
		rule("sleep.go", "asleep-old-echo", "an answer from before counts for no lease", "r.leases() && sent < n {", "r.leases() {"),
		rule("sleep.go", "asleep-lease", "a lease begins when the heartbeat that a quorum has answered was sent", "max(r.lease.start, r.clock-ago)", "r.clock"),
		rule("sleep.go", "asleep-old-lease", "no quorum, no lease", "ago < n {", "true {"),
		rule("sleep.go", "asleep-learner", "a learner's silence counts", "		count(n)\n", ""),
		rule("sleep.go", "asleep-learner-after", "since its last answer", "	count(arrived)\n", ""),
		rule("sleep.go", "asleep-wrap", "a counter starts again at its limit", "	return uint32(rest % uint64(limit)), n/", "	return elapsed + uint32(n), n/"),
		rule("sleep.go", "asleep-never", "a counter without a limit does not", "	if limit >= neverTicks {\n		return pass(elapsed, n), 0\n	}\n", ""),
	}
}
