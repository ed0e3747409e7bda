package main

import "slices"

// durabilityRemovals take out rules about what has to be on the disk before it counts, and what is
// made of a disk at the start.
func durabilityRemovals() []removal {
	return slices.Concat(
		syncRemovals(),
		acknowledgementRemovals(),
		unavailableRemovals(),
		recoveryRemovals(),
		handedOutRemovals(),
	)
}

// syncRemovals are about what is synced, and when.
func syncRemovals() []removal {
	return []removal{
		{"vote-written", "term and vote are one write", "§3.8; bug 1", []edit{{"rawnode.go",
			`		rd.HardState = hard
`, `		rd.HardState = pb.HardState{Term: hard.Term, Commit: hard.Commit}
`}}},
		{"sync-vote", "a vote is synced", "§3.8; bug 27", []edit{{"ready.go",
			`return entsnum != 0 || st.Vote != prevst.Vote || st.Term != prevst.Term`, `return entsnum != 0 || st.Term != prevst.Term`}}},
		{"sync-term", "a term is synced", "§3.8; bug 27", []edit{{"ready.go",
			`return entsnum != 0 || st.Vote != prevst.Vote || st.Term != prevst.Term`, `return entsnum != 0 || st.Vote != None && st.Vote != prevst.Vote`}}},
		{"sync-entries", "entries are synced", "§3.8; bug 27", []edit{{"rawnode.go",
			`rd.MustSync = rd.MustSync || len(rd.Entries) > 0 || w.Snapshot != 0`, `rd.MustSync = rd.MustSync || w.Snapshot != 0`}}},
		{"sync-snapshot", "a snapshot is synced", "§5", []edit{
			{"rawnode.go", `rd.MustSync = rd.MustSync || len(rd.Entries) > 0 || w.Snapshot != 0`, `rd.MustSync = rd.MustSync || len(rd.Entries) > 0`},
			{"rawnode.go", `return r.log.MayHaveConfChange(`, `return !r.log.Restores() && r.log.MayHaveConfChange(`}}},
		{"applied-durable", "what is applied is durable, whatever has become of the log behind it", "§10.2.1", []edit{{"internal/raftlog/log.go",
			`u.stable <= index && index < u.untaken() {`, `false && index < u.untaken() {`}}},
		{"sync-change-applied", "that a configuration change is committed is synced when it is handed out", "§4.2.2", []edit{{"apply.go",
			`		rd.MustSync = r.noteChangesOut(committed)`, `		_ = r.noteChangesOut(committed)`}}},
		{"sync-change-told", "that a configuration change is committed is synced when it is told", "§4.2.2", []edit{{"rawnode.go",
			` || r.mayCommitConfChange(hard.Commit, out.Commit)`, ``}}},
		{"written-as-handed-out", "what was learnt since a Ready is written with the next one", "§3.8; bug 1", []edit{{"rawnode.go",
			`	rn.lent = false
	r.outbox`, `	rn.lent = false
	r.termOut, r.voteOut, rn.commitOut = true, true, r.log.Committed()
	r.outbox`}}},
	}
}

// acknowledgementRemovals are about what counts as durable.
func acknowledgementRemovals() []removal {
	return []removal{
		{"own-vote-handed-out", "a vote that was cast since a Ready is not durable with it", "§3.8", []edit{{"rawnode.go",
			`	rn.lent = false
	r.outbox`, `	rn.lent = false
	if r.ownVotePending {
		rn.wroteVote = true
	}
	r.outbox`}}},
		{"own-entries", "a leader counts its own entries when they are durable", "§10.2.1; bugs 13, 23", []edit{{"propose.go",
			`	r.log.AppendOwn(r.term, entries, bytes)
	return nil`, `	r.log.AppendOwn(r.term, entries, bytes)
	r.members.Progress(r.members.Find(r.id)).MaybeUpdate(r.log.LastIndex())
	r.advanceCommit()
	return nil`}}},
		{"own-entries-async", "an acknowledgement counts for no entry that was written later", "§10.2.1; bugs 13, 23", []edit{{"commit.go",
			`MaybeUpdate(r.id, r.log.Stable())`, `MaybeUpdate(r.id, r.log.LastIndex())`}}},
		{"own-entries-elected", "a new leader counts of its log what is durable", "§10.2.1", []edit{{"role.go",
			`MaybeUpdate(r.id, r.log.Stable())`, `MaybeUpdate(r.id, r.log.LastIndex())`}}},
		{"responses-gated", "what promises something waits until that is durable", "§3.8, §10.2.1; bug 13", []edit{{"send.go",
			`	if r.async == nil {
		return r.send(t, to)`, `	if r.role != StateLeader {
		return r.send(t, to)`}}},
		{"acknowledgement-generation", "the acknowledgement of entries that were replaced since counts for nothing", "§10.2.1; bug 24", []edit{{"internal/raftlog/unstable.go",
			`if generation != u.generation || index < u.stable`, `if index < u.stable`}}},
		{"acknowledgement-taken", "what was not handed out is not acknowledged", "§10.2.1", []edit{{"internal/raftlog/unstable.go",
			` || index >= u.untaken() {`, ` || index >= u.end() {`}}},
		{"applies-durable", "with asynchronous writes only what is durable is handed out to be applied", "§10.2.1", []edit{{"internal/raftlog/log.go",
			`	return min(l.Committed()+1, l.unstable.stable)`, `	return l.Committed() + 1`}}},
	}
}

// unavailableRemovals are about a Storage that lacks something, for ever or for now.
func unavailableRemovals() []removal {
	return []removal{
		{"short-log-told", "who lacks entries that it has acknowledged notices and stops", "bugs 25, 26", []edit{{"internal/raftlog/log.go",
			`		return fmt.Errorf("%w: told %d, last index %d", ErrCommitBeyondLog, index, l.LastIndex())
`, `		index = l.LastIndex()
`}}},
		{"short-log-started", "a log that ends before the commit index is not started from", "bug 26", []edit{{"internal/raftlog/log.go",
			`		return fmt.Errorf("%w: commit index %d, applied index %d, last index %d", ErrCommitBeyondLog, stored, applied, last)
`, `		l.unstable.open().committed = last
`}}},
		{"storage-terms", "a Storage whose terms contradict each other is not started from", "bug 26", []edit{{"internal/raftlog/terms.go",
			`		if term > lastTerm || at == last {`, `		if false {`}}},
		{"compacted-unacknowledged", "what is compacted is applied, whether the node knows it or not", "§4.1", []edit{{"internal/raftlog/config_entries.go",
			`			return last >= l.first, err`, `			return true, err`}}},
		{"compacted-unread", "and is not looked at", "§4.1", []edit{{"internal/raftlog/config_entries.go",
			`		if errors.Is(err, ErrCompacted) && l.first > at {`, `		if false {`}}},
		{"apply-later", "entries to apply that are not available are waited for", "door", []edit{{"apply.go",
			`		if errors.Is(err, ErrUnavailable) {
			r.postponeReading(err)`, `		if errors.Is(err, ErrUnavailable) && false {
			r.postponeReading(err)`}}},
		{"apply-later-quiet", "and are not asked for again and again", "bounds", []edit{{"apply.go",
			`	p.reading = unreadable
`, `	p.reading = tryToReread
`}}},
		{"apply-later-tick", "but at the next tick", "door", []edit{{"tick.go",
			`		r.postponed.retry()
`, ``}}},
		{"storage-available", "and when the program says that they are there", "door", []edit{{"apply.go",
			`	r.postponed.retry()
`, ``}}},
		{"storage-available-appends", "which is when appends are tried again", "door", []edit{{"apply.go",
			`	r.resumeHindered()
`, ``}}},
		{"storage-available-order", "and a campaign that was ordered", "door", []edit{{"apply.go",
			`		return
	}
	if r.postponed != nil && r.postponed.campaignUntil != 0 {`, `		return
	}
	if false {`}}},
		{"campaign-later", "a campaign waits for entries that it has to look at", "door", []edit{{"election.go",
			`			r.electionElapsed = r.electionTimeout
`, ``}}},
	}
}

// recoveryRemovals are about what a node starts from.
func recoveryRemovals() []removal {
	return []removal{
		{"acknowledged-let-go", "what is acknowledged is let go of", "bounds", []edit{{"send.go",
			`	own.Snapshot, own.Entries = nil, nil
`, `	_ = own
`}}},
		{"generation-restored", "the acknowledgement of entries that a snapshot replaced counts for nothing", "§10.2.1; bug 24", []edit{{"internal/raftlog/unstable.go",
			`u.open(), u.generation+1`, `u.open(), u.generation`}}},
		{"applied-ahead", "what is applied is committed, whatever the disk says of the commit index", "§3.8; bug 28", []edit{{"internal/raftlog/log.go",
			`	committed := max(stored, l.applied)`, `	committed := max(stored, l.first-1)`}}},
		{"recover-term", "a node starts at least in the term of its last entry", "§3.8; bug 1", []edit{{"recovery.go",
			`if last := l.Last(); last.Term > hs.Term &&`, `if last := l.Last(); false && last.Term > hs.Term &&`}}},
		{"recover-snapshot-term", "and of its snapshot", "§3.8", []edit{{"recovery.go",
			` || last.Term > 1) {`, `) {`}}},
		{"recover-changes", "of the configuration changes in a log all but the last are committed", "§4.1", []edit{{"recovery.go",
			`			if change != 0 {
				hs.Commit = change
			}
`, `			_ = change
`}}},
		{"dead-disk", "a leader whose own disk is silent steps down", "§6.2", []edit{{"tick.go",
			`if r.tickStorage(); r.role != StateLeader {`, `if r.role != StateLeader {`}}},
	}
}

// handedOutRemovals are about arrays that were handed out.
func handedOutRemovals() []removal {
	return []removal{
		{"node-batch", "a batch that an application has in hand stays as it is", "ownership", []edit{{"node.go",
			`c.ReuseMemory && !c.AsyncStorageWrites`, `c.ReuseMemory`}}},
		{"handed-out-messages", "messages that were handed out are never written again", "ownership", []edit{{"send.go",
			`	if reuse {
		if o.lent == nil`, `	if true {
		if o.lent == nil`}}},
		{"handed-out-reads", "read states that were handed out are never written again", "ownership", []edit{{"read.go",
			`	if !reuse {`, `	if false {`}}},
		{"handed-out-responses", "responses that were handed out are never written again", "ownership", []edit{{"send.go",
			`	if !reuse {
		return &asyncWrites`, `	if false {
		return &asyncWrites`}}},
		{"handed-out-room", "what a program appends to its messages is not sent", "ownership", []edit{{"send.go",
			`	messages := slices.Clip(o.filling)`, `	messages := slices.Grow(o.filling, 0)`}}},
		{"stepped-snapshot", "the snapshot of a message that was stepped may be written over", "ownership", []edit{{"snapshot.go",
			`s := *m.Snapshot`, `s := m.Snapshot`}, {"snapshot.go", `takeSnapshot(m.From, &s)`, `takeSnapshot(m.From, s)`}}},
		{"written-snapshot", "a thread may write over the snapshot that it has written", "ownership", []edit{{"storage_writes.go",
			`m.Snapshot, ack.Snapshot = &s, &acknowledged`, `m.Snapshot, ack.Snapshot = &acknowledged, &acknowledged; _ = s`}}},
		{"responses-rest", "what a storage message carries is not written to while it may be read", "ownership", []edit{{"send.go",
			`	p.resting = *p.out.At(0)
`, `	clear(*p.out.At(0))
	p.free = append(p.free, (*p.out.At(0))[:0])
`}}},
	}
}
