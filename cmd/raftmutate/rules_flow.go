package main

// flowRemovals take out bounds on what is sent, kept and handed out.
func flowRemovals() []removal {
	return []removal{
		{"window", "a full window holds appends back", "§10.2", []edit{{"progress/progress.go",
			`		pr.MsgAppFlowPaused = pr.Inflights.Full()
	case StateProbe:`, `	case StateProbe:`}}},
		{"window-freed", "an acknowledgement makes room in the window", "§10.2", []edit{{"append.go",
			`		pr.Inflights.FreeLE(resp.index())
`, ``}}},
		{"window-reset", "the window is empty after a change of state", "bug 22", []edit{{"progress/progress.go",
			`	pr.Inflights.reset()
`, ``}}},
		{"window-bytes-reset", "and so are its bytes", "bug 22", []edit{{"progress/inflights.go",
			`in.start, in.count, in.bytes = 0, 0, 0`, `in.start, in.count = 0, 0`}}},
		{"window-bytes", "the window is bounded in bytes", "§10.2", []edit{{"progress/inflights.go",
			`in.Count() >= in.size || in.maxBytes != 0 && in.bytes >= in.maxBytes`, `in.Count() >= in.size`}}},
		{"message-bytes", "an append is bounded in bytes", "§10.2", []edit{{"internal/raftlog/entry.go",
			`		if size > max-bytes {`, `		if false {`}}},
		{"uncommitted-bytes", "what is not applied is bounded in bytes", "§10.2", []edit{{"propose.go",
			`	case bytes > 0 && r.unappliedBytes > 0 && !r.limits.admitsUnapplied(r.unappliedBytes+bytes):`, `	case false:`}}},
		{"uncommitted-freed", "what is applied makes room", "§10.2", []edit{{"apply.go",
			`	r.proposalApplied(bytes)
`, ``}}},
		{"applying-bytes", "what is with the apply thread is bounded in bytes", "§10.2", []edit{{"apply.go",
			`	if r.async.applyFull || r.async.applyingBytes >= limit {`, `	if false {`}}},
		{"one-gets-through", "an entry gets through, whatever its size", "§10.2", []edit{{"internal/raftlog/chunks.go",
			`return max(at, lo+1)`, `return at`}}},
		{"probe-waits", "a probe that got no answer is repeated at the follower's next sign of life", "§3.3", []edit{{"progress/progress.go",
			`	pr.RecentActive = true
	pr.MsgAppFlowPaused = pr.Inflights.Full()`, `	pr.RecentActive = true
	pr.MsgAppFlowPaused = pr.MsgAppFlowPaused || pr.Inflights.Full()`}}},
		{"probe-answered", "only the acknowledgement of what was probed ends a probe", "§3.5", []edit{{"append.go",
			`pr.Match != resp.index() || pr.Next != resp.index()+1) {`, `pr.Match != resp.index()) {`}}},
		{"commit-told", "a follower that has everything is told what is committed", "§3.5", []edit{{"progress/progress.go",
			`(pr.Next <= last || pr.CanBumpCommit(commit))`, `pr.Next <= last`}}},
		{"commit-deferred", "no append only tells a commit index that is deferred", "§10.2", []edit{{"commit.go",
			`		return min(r.log.Committed(), r.pendingConfIndex)`, `		return r.log.Committed()`}}},
		{"change-told", "except up to the last configuration change", "§4.2.2", []edit{{"commit.go",
			`		return min(r.log.Committed(), r.pendingConfIndex)`, `		return 0`}}},
		{"deferred-for-reads", "and to a follower that a read was answered to", "§6.4", []edit{{"read.go",
			`	r.tellDeferred(rd.from)
`, ``}}},
		{"deferred-in-heartbeats", "what a heartbeat says needs no append", "§10.2", []edit{{"heartbeat.go",
			`if r.limits.defersCommit() && pr.CanBumpCommit(m.Commit) {`, `if false {`}}},
		{"probe-little", "a probe carries little after a second rejection", "§3.5", []edit{{"progress/progress.go",
			`	return pr.rejections < fewRejections`, `	return true`}}},
		{"append-due-changed", "what is due to a follower is looked at after each of its answers", "§3.5", []edit{{"append.go",
			`	return r.members.Change(i)
`, `	return r.members.Progress(i)
`}}},
		{"append-due-asked", "and when a transfer asks the target for an answer", "§3.10", []edit{{"transfer.go",
			`r.members.Change(`, `r.members.Progress(`}}},
		{"append-due-aged", "and when a snapshot takes too long", "§5", []edit{{"snapshot.go",
			`			r.members.Change(i)
`, ``}}},
		{"append-due-grown", "and when there is something new in the log", "§3.5", []edit{{"tracker/appends.go",
			`	if a.waiting > 0 && last+commit > a.at {
		return true
	}
`, ``}}},
		{"append-due-all", "something new is due to every follower", "§3.5", []edit{{"tracker/appends.go",
			`toExamine[word] |= waiting[word]`, `toExamine[word] |= waiting[word] & -waiting[word]`}}},
		{"one-append", "one append carries what is due", "budget", []edit{{"propose.go",
			`	r.log.AppendOwn(r.term, entries, bytes)
	return nil`, `	r.log.AppendOwn(r.term, entries, bytes)
	return r.buildAppends()`}}},
		{"heartbeats-once", "while nobody calls Ready, few rounds of heartbeats wait", "bounds", []edit{{"tick.go",
			`		if r.outbox.beats < maxBeats {`, `		if true {`}}},
	}
}

// memoryRemovals take out what keeps the memory of a node small, and what it hands out apart.
func memoryRemovals() []removal {
	return []removal{
		{"window-rest", "an idle follower's window is dropped", "budget", []edit{{"heartbeat.go",
			`			pr.Rest()
`, ``}}},
		{"window-in-flight", "but not while something is in flight", "§10.2", []edit{{"progress/progress.go",
			`in == nil || in.count > 0:`, `in == nil:`}}},
		{"window-used", "nor when it was used since the last heartbeat", "budget", []edit{{"progress/inflights.go",
			`	in.resting = false
`, ``}}},
		{"block-rest", "a node that is idle for a tick keeps no block of messages", "budget", []edit{{"tick.go",
			`	r.outbox.rest()
`, ``}}},
		{"block-rest-responses", "nor of responses", "budget", []edit{{"tick.go",
			`	r.async.rest()
`, ``}}},
		{"block-small", "a message that holds much shares no block with others", "budget", []edit{{"send.go",
			` || holdMuch(messages)`, ``}}},
		{"block-bytes", "one with much payload holds much", "budget", []edit{{"send.go",
			`raftlog.PayloadBytes(m.Entries) > bytes`, `raftlog.PayloadBytes(m.Entries) > 1<<62`}}},
		{"block-once", "each part of a block is handed out once", "ownership", []edit{{"send.go",
			`o.filling[n:n], true`, `o.filling[:0], true`}}},
		{"term-out", "whether a term and a vote were handed out is known for one term", "§3.4", []edit{{"role.go",
			`		r.termOut, r.voteOut = false, false
`, ``}}},
	}
}
