package main

// changeRemovals take out rules of configuration changes that the application has in hand.
func changeRemovals() []removal {
	return []removal{
		{"out-commit", "a change is not committed before the earlier one is in effect", "§4.1; bug 35", []edit{{"commit.go",
			`	if r.hasChangesOut() && r.pendingConfIndex`, `	if false && r.pendingConfIndex`}}},
		{"out-commit-others", "other entries are", "drop-in", []edit{{"commit.go",
			`r.hasChangesOut() && r.pendingConfIndex > r.log.Committed() {
		index = min(index, r.pendingConfIndex-1)`, `r.hasChangesOut() {
		index = 0`}}},
		{"out-commit-later", "it is committed when the earlier one is in effect", "§4.1; drop-in", []edit{{"apply.go",
			`		if r.members.Committed() > r.log.Committed() {
			r.advanceCommit()
		}
`, ``}}},
		{"out-campaign", "a node does not campaign with a change that is not in effect", "§4.1; bug 36", []edit{{"election.go",
			`	pending = pending || r.hasChangesOut()
`, ``}}},
		{"out-order", "an order to campaign is obeyed when all changes are in effect", "§3.10; §4.1", []edit{{"apply.go",
			`	if r.log.Applied() == r.log.Applying() {
		r.resumePostponed()
	}
`, ``}}},
		{"out-snapshot", "a snapshot waits for changes that are not in effect", "§4.1; §5", []edit{{"changes_out.go",
			`(r.postponed == nil || r.postponed.out == changesOut{})`, `(r.postponed == nil || r.postponed.out.count == 0 || true)`}}},
		{"out-snapshot-first", "and for calls that come for the first configuration", "§4.1; §5", []edit{{"changes_out.go",
			`(r.postponed == nil || r.postponed.out == changesOut{})`, `(r.postponed == nil || r.postponed.out.count == 0)`}}},
		{"out-result", "ApplyConfChange returns what the change has led to", "§4.1; drop-in", []edit{{"rawnode.go",
			`		r.resumeWithoutChangesOut()
	}
	return &cs`, `		r.resumeWithoutChangesOut()
		cs = r.members.ConfState()
	}
	return &cs`}}},
		{"out-each", "each change that was handed out needs a call", "§4.1; bug 35", []edit{{"changes_out.go",
			`		out.count += changes
`, `		out.count = 1
`}}},
		{"out-all", "a call ends nothing while an earlier change waits for its own", "§4.1; bug 35", []edit{{"changes_out.go",
			`	return out.count+out.first == 0
`, `	return true
`}}},
		{"out-role", "changes stay out over terms and roles", "§4.1; bug 36", []edit{{"postponed.go",
			`	rest := postponed{lasting: p.lasting}
`, `	rest := postponed{lasting: p.lasting}
	rest.out = changesOut{}
`}}},
		{"out-ends", "a change without a call is waited for during an election timeout", "drop-in", []edit{{"changes_out.go",
			`	r.postponed.out.ticks++
`, ``}}},
		{"out-begins", "which begins when the change counts as applied", "§4.1; bug 35", []edit{{"changes_out.go",
			` && p.out.end <= r.log.Applied()`, ``}}},
		{"out-call-begins", "and again with each call", "§4.1; bug 35", []edit{{"changes_out.go",
			`	out.ticks = 0
	return out.count+out.first`, `	return out.count+out.first`}}},
		{"out-change-begins", "and each change", "§4.1; bug 35", []edit{{"changes_out.go",
			`	out.end, out.ticks = entries[len(entries)-1].Index, 0`, `	out.end = entries[len(entries)-1].Index`}}},
		{"out-first", "the first configuration is active before it is applied", "drop-in", []edit{{"changes_out.go",
			`	if e := &entries[0]; e.Index == 1 &&`, `	if e := &entries[0]; false && e.Index == 1 &&`}}},
		{"out-first-calls", "a call for the first configuration is none for a later change", "§4.1; bug 35", []edit{{"changes_out.go",
			`		out.first += changes
`, ``}}},
		{"out-first-none", "an application need not make calls for the first configuration", "drop-in", []edit{{"changes_out.go",
			`		out.first = 0
`, ``}}},
		{"out-first-like", "nor does another call count as one for the first configuration", "drop-in", []edit{{"changes_out.go",
			`out.first > 0 && r.addsVoterAgain(cc):`, `out.first > 0:`}}},
	}
}
