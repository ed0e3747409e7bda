package main

import "slices"

// doorRemovals take out checks of what comes from outside.
func doorRemovals() []removal {
	return slices.Concat(
		addressRemovals(),
		termlessRemovals(),
		contentRemovals(),
		quarantineRemovals(),
	)
}

// addressRemovals are about who may send what to whom.
func addressRemovals() []removal {
	return []removal{
		{"door-recipient", "a message for somebody else is refused", "addressing", []edit{{"message.go",
			`	if m.To != self && m.To != None {
		return ErrWrongRecipient
	}
	if IsLocal`, `	if IsLocal`}}},
		{"door-local", "a network brings no local messages", "addressing", []edit{{"message.go",
			`	case localType:
		return ErrStepLocalMsg
`, `	case localType:
		return nil
`}}},
		{"door-threads", "storage answers only with asynchronous storage writes", "addressing", []edit{{"message.go",
			`		if !threads || !IsLocalMsgTarget(m.From) {
			return ErrStepLocalMsg
		}
`, ``}}},
		{"door-own", "nobody else speaks in a node's own name", "addressing", []edit{{"message.go",
			`if m.From == self && !(threads && (m.Type == pb.MsgVoteResp || m.Type == pb.MsgAppResp)) {`, `if false {`}}},
		{"door-term", "a message between members has a term", "§3.3", []edit{{"message.go",
			`	if m.Term == 0 && !mayBeTermless(m) {`, `	if false {`}}},
		{"door-counters", "terms and indexes near 2^64 are refused", "bounds", []edit{{"message.go",
			`if m.Term >= raftlog.MaxCounter || m.Index >= raftlog.MaxCounter || m.LogTerm >= raftlog.MaxCounter || m.Commit >= raftlog.MaxCounter || m.RejectHint >= raftlog.MaxCounter {`, `if false {`}}},
	}
}

// termlessRemovals are about messages without a term.
func termlessRemovals() []removal {
	return []removal{
		{"termless-append", "an append without a term is refused", "§3.5", []edit{{"message.go",
			`	case pb.MsgAppResp, pb.MsgVoteResp:
		return m.Reject
	}
	return false
`, `	case pb.MsgAppResp, pb.MsgVoteResp:
		return m.Reject
	}
	return m.Type == pb.MsgApp
`}, {"message.go",
			`last.Term > m.Term {
		return fmt.Errorf("%w: entry`, `m.Term != 0 && last.Term > m.Term {
		return fmt.Errorf("%w: entry`}}},
		{"termless-grant", "an acknowledgement or a vote without a term counts for nothing", "§3.6.2", []edit{{"message.go",
			`	case pb.MsgAppResp, pb.MsgVoteResp:
		return m.Reject
`, `	case pb.MsgAppResp, pb.MsgVoteResp:
		return true
`}}},
		{"termless-heartbeat", "a heartbeat without a term is a sign of life", "drop-in", []edit{{"message.go",
			`	case pb.MsgHeartbeat, pb.MsgHeartbeatResp, pb.MsgSnap, pb.MsgTimeoutNow, pb.MsgPreVoteResp:
		return true
`, `	case pb.MsgSnap, pb.MsgTimeoutNow, pb.MsgPreVoteResp:
		return true
`}}},
		{"termless-leader", "it names no other leader than the one that is known", "§3.4", []edit{{"step.go",
			`	if r.lead != None && !r.leadPresumed {
		return false
	}
`, ``}}},
		{"termless-presumed", "whom it names gives way to a leader that names the term", "§3.4", []edit{{"step.go",
			`r.lead != None && r.lead != m.From && !r.leadPresumed {`, `r.lead != None && r.lead != m.From {`}}},
		{"termless-refusal", "an order that names no term or no sender is not answered", "drop-in", []edit{{"transfer.go",
			`if m.Term != 0 && m.From != None {`, `if true {`}}},
		{"termless-anonymous", "and not to a message with the term that names nobody", "§3.4", []edit{{"step.go",
			`r.leadPresumed = r.leadPresumed && m.From == None`, `r.leadPresumed = false`}}},
		{"termless-round", "it is of no round of reads", "§6.4; bug 44", []edit{{"heartbeat.go",
			`	if m.Term != 0 {
		resp.Context = m.Context
	}
`, `	resp.Context = m.Context
`}}},
		{"termless-echo", "nor is the answer to it", "§6.4; bug 44", []edit{{"heartbeat.go",
			`	if m.Term != 0 {
		r.echoedRound(m.From, m.Context)
	}
`, `	r.echoedRound(m.From, m.Context)
`}}},
		{"termless-order", "an order to campaign without a term does not end a lease", "§6.4.1; bug 46", []edit{{"transfer.go",
			`	case r.leases():
		return r.campaign()
`, ``}}},
		{"termless-snapshot", "a snapshot without a term brings that of its last entry", "Figure 5.3", []edit{{"step.go",
			`	if m.Type == pb.MsgSnap && snapshotID(m.Snapshot).Term > r.term {`, `	if false {`}}},
		{"prehistory", "term 0 is that of nothing that is known to have a term", "§3.5", []edit{{"step.go",
			`ok && term != 0 {`, `ok && false {`}}},
		{"forgotten-term", "what is committed agrees although its term is forgotten", "§3.6.3", []edit{{"append.go",
			`	return !known && index <= r.log.Committed()
`, `	return false && !known
`}}},
	}
}

// contentRemovals are about entries, snapshots and acknowledgements that cannot be right.
func contentRemovals() []removal {
	return []removal{
		{"never-ticks", "ticks that cannot be counted never pass", "bounds", []edit{{"tick.go",
			`	if r.electionElapsed < neverTicks-1 {`, `	if r.electionElapsed < neverTicks {`}}},
		{"applied-before-log", "the log begins no later than behind what is applied", "bounds", []edit{{"raft.go",
			`	if first := log.First(); c.Applied != 0 && c.Applied < first-1 {`, `	if false {`}}},
		{"door-log-full", "a log does not grow to where an index could wrap", "bounds", []edit{{"propose.go",
			`	case r.log.LastIndex()+uint64(n) >= raftlog.MaxCounter:`, `	case false:`}}},
		{"door-contiguous", "entries follow each other", "§3.5", []edit{{"message.go",
			`		if e.Index != at.Index+1 {`, `		if false {`}}},
		{"door-rising-terms", "terms do not fall along a log", "§3.5", []edit{{"message.go",
			`		if e.Term < at.Term {`, `		if false {`}}},
		{"door-future-entries", "no entry is of a later term than the leader that sends it", "§3.5", []edit{{"message.go",
			`	if last := req.last(); last.Term > m.Term {`, `	if last := req.last(); false && last.Term > m.Term {`}}},
		{"door-future-candidate", "no candidate has an entry of a later term than its own", "§3.4", []edit{{"message.go",
			`	if last.Term > m.Term {
		return fmt.Errorf("%w: a candidate`, `	if false {
		return fmt.Errorf("%w: a candidate`}}},
		{"door-future-snapshot", "no snapshot is of a later term than the leader that sends it", "§5", []edit{{"message.go",
			`	if m.Term != 0 && id.Term > m.Term {`, `	if false {`}}},
		{"door-snapshot-voters", "a snapshot has voters", "§5", []edit{{"message.go",
			`	if len(cs.Voters) == 0 {`, `	if false {`}}},
		{"door-beyond-log", "nothing is acknowledged that was never sent", "§3.5", []edit{{"append.go",
			`	if resp.index() > r.log.LastIndex() {`, `	if false {`}}},
		{"door-entry-types", "an entry that nobody could apply is refused", "§4.1", []edit{{"message.go",
			`			if _, err := decodeConfChange(&entries[i]); err != nil {
				return err
			}
`, ``}}},
	}
}

// quarantineRemovals are about nodes that have failed, and about the handle of a node.
func quarantineRemovals() []removal {
	return []removal{
		{"quarantine", "a node that is quarantined takes no further part", "bug 25", []edit{{"step.go",
			`	if r.err() != nil {
		return r.err()
	}
	if r.record != nil {`, `	if r.record != nil {`}}},
		{"quarantine-recorded", "a recording ends with the input that broke the node", "replay", []edit{{"rawnode.go",
			`	if r.err() == nil {
		r.record.note(kind, numbers...)
	}`, `	r.record.note(kind, numbers...)`}}},
		{"node-step-left", "through a Node, the caller of Step may hold a lock of its Storage", "v3.6", []edit{{"node.go",
			`	return n.calls.leave(ctx, n.step(m))`, `	return n.calls.do(ctx, false, n.step(m))`}}},
		{"node-calls-in-order", "through a Node, a call comes after what its caller has left to the node", "v3.6", []edit{{"node_calls.go",
			`	c.serve()
	switch {`, `	switch {`}}},
		{"node-panic", "a node is quarantined when a call panics", "bounds", []edit{{"node_calls.go",
			`		if !returned {`, `		if !returned && false {`}}},
		{"node-given-up", "proposals that nobody waits for do not heap up without a leader", "bounds", []edit{{"node_calls.go",
			`		if len(c.leaderless) == cap(c.leaderless) {`, `		if false {`}}},
		{"node-untaken", "Advance acknowledges no batch that the application has not taken", "v3.6", []edit{{"node.go",
			`		if len(n.ready) == 0 {`, `		if true {`}}},
	}
}
