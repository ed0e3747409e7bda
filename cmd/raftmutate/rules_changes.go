package main

// changeRemovals take out rules of configuration changes that the application has in hand.
func changeRemovals() []removal {
	return []removal{
		{"out-commit", "a change is not committed before the earlier one is in effect", "§4.1; bug 35", []edit{{"commit.go",
			`	if r.hasChangesOut() && r.pendingConfIndex`, `	if false && r.pendingConfIndex`}}},
		{"out-commit-others", "other entries are", "drop-in", []edit{{"commit.go",
			`r.hasChangesOut() && r.pendingConfIndex > r.log.committed {
		index = min(index, r.pendingConfIndex-1)`, `r.hasChangesOut() {
		index = 0`}}},
		{"out-commit-later", "it is committed when the earlier one is in effect", "§4.1; drop-in", []edit{{"storage_writes.go",
			`		r.effective = r.log.applying
		r.advanceCommit()
`, `		r.effective = r.log.applying
`}}},
		{"out-campaign", "a node does not campaign with a change that is not in effect", "§4.1; bug 36", []edit{{"election.go",
			`	pending = pending || r.hasChangesOut()
`, ``}}},
		{"out-order", "an order to campaign is obeyed when all changes are in effect", "§3.10; §4.1", []edit{{"storage_writes.go",
			`	if r.log.applied == r.log.applying { // otherwise endApply does it
		r.resumePostponed()
	}
`, ``}}},
		{"out-snapshot", "a snapshot waits for changes that are not in effect", "§4.1; §5", []edit{{"snapshot.go",
			`r.log.applied == r.log.applying && !r.hasChangesOut()`, `r.log.applied == r.log.applying`}}},
		{"out-returned", "ApplyConfChange returns what the change has led to", "§4.1; drop-in", []edit{{"rawnode.go",
			`	if r.returnConfChange() {
		r.settleConfChanges()
	}
	return &cs`, `	if r.returnConfChange() {
		r.settleConfChanges()
	}
	cs = r.members.ConfState()
	return &cs`}}},
		{"out-each", "each change that was handed out needs a call", "§4.1; bug 35", []edit{{"changes_out.go",
			`	out.count, out.ticks = out.count+changes, 0`, `	out.count, out.ticks = 1, 0`}}},
		{"out-all", "a call ends nothing while an earlier change waits for its own", "§4.1; bug 35", []edit{{"changes_out.go",
			`	return out.count == 0
`, `	return true
`}}},
		{"out-role", "changes stay out over terms and roles", "§4.1; bug 36", []edit{{"raft.go",
			`reading: p.reading, out: p.out}`, `reading: p.reading}`}}},
		{"out-ends", "a change without a call is waited for during an election timeout", "drop-in", []edit{{"changes_out.go",
			`	r.postponed.out.ticks++
`, ``}}},
		{"out-begins", "which begins when the change counts as applied", "§4.1; bug 35", []edit{{"changes_out.go",
			` || r.postponed.out.last > r.log.applied {`, ` {`}}},
		{"out-call-begins", "and again with each call", "§4.1; bug 35", []edit{{"changes_out.go",
			`	out.count, out.ticks = out.count-1, 0`, `	out.count--`}}},
		{"out-change-begins", "and each change", "§4.1; bug 35", []edit{{"changes_out.go",
			`	out.count, out.ticks = out.count+changes, 0`, `	out.count += changes`}}},
		{"out-first", "the first configuration is active before it is applied", "drop-in", []edit{{"changes_out.go",
			`	if e := &entries[0]; e.Index != 1 ||`, `	if e := &entries[0]; true || e.Index != 1 ||`}}},
	}
}
