package main

// reportRemovals take out rules of what a node learns of commitment from others: when it may decide
// alone, which reports it keeps, and who tells whom.
func reportRemovals() []removal {
	return []removal{
		{"alone-leader", "a leader's word lets a node decide alone only if it has an entry of that leader's term", "§3.5; bug 41", []edit{{"commit.go",
			`	return r.commitReported(index, term == r.term)`, `	return r.commitReported(index, term == r.term || true)`}}},
		{"alone-vote", "another node's word only if the log reaches as far as any leader has committed", "§3.6; bug 41", []edit{{"election.go",
			`r.commitReported(id.Index, r.log.Stable() >= r.heardCommit)`, `r.commitReported(id.Index, true)`}}},
		{"alone-first", "nobody commits a first configuration of one node that it got from a later leader", "§4.4; bug 41", []edit{{"first_configuration.go",
			`limit, err = r.beforeAlone(end, r.log.Last().Term == r.term)`, `limit, err = r.beforeAlone(end, true)`}}},
		{"alone-recovered", "nor takes the log for a proof after a restart", "§4.4; bug 41", []edit{{"raft.go",
			`r.beforeAlone(hs.Commit, proof)`, `hs.Commit, error(nil)`}}},
		{"alone-durable", "the change that ends a configuration of one node must be durable before that configuration is used", "bug 41", []edit{{"alone.go",
			`if at <= r.log.Stable() {`, `if true {`}}},
		{"alone-last", "a configuration of one node is not used if a change follows that is not known to be committed", "bug 41", []edit{{"alone.go",
			`limit == index || proof && !more {`, `limit == index || proof && (more || true) {`}}},
		{"alone-heard", "but a change beyond all that appends have reported does not matter", "§4.1", []edit{{"alone.go",
			`alone(&cfg, r.id) && (r.heardCommit == 0 || at <= r.heardCommit)`, `alone(&cfg, r.id)`}}},
		{"alone-unheard", "if any append has reported something since the start", "bug 41", []edit{{"alone.go",
			`(r.heardCommit == 0 || at <= r.heardCommit)`, `at <= r.heardCommit`}}},
		{"alone-snapshot", "nobody restores an earlier leader's snapshot in which it decides alone", "§5; bug 41", []edit{{"snapshot.go",
			`if id.Term != r.term && alone(&cfg, r.id) && !r.members.DecidesAlone(r.id) {`, `if false {`}}},
		{"report-kept", "a report of what is committed is kept while Storage cannot give the changes", "§3.6; §4.1", []edit{{"commit.go",
			`		r.postponeCommit(index, proof)
		return nil`, `		return nil`}}},
		{"report-kept-proof", "with its proof", "§3.6; bug 41", []edit{{"postponed.go",
			`	if proof {
		p.proven`, `	if false {
		p.proven`}}},
		{"report-kept-start", "at the start too", "§3.6; §4.1", []edit{{"raft.go",
			`		r.postponeCommit(hs.Commit, proof)
`, ``}}},
		{"report-tried", "it is acted upon at the next tick", "§3.6; §4.1", []edit{{"tick.go",
			`		if r.resumeCommit() == nil && r.tickChangesOut() {`, `		if r.tickChangesOut() {`}}},
		{"report-available", "or when Storage has them", "§3.6; §4.1", []edit{{"apply.go",
			`	if r.resumeCommit() != nil {
		return
	}
`, ``}}},
		{"report-proof-void", "a commit index beyond the log makes a kept proof void", "bug 41", []edit{{"commit.go",
			`r.commitReported(proven, r.log.Stable() >= r.heardCommit)`, `r.commitReported(proven, true)`}}},
		{"report-beyond", "a report beyond the log is not kept", "§3.8; bug 26", []edit{{"commit.go",
			`	if err := r.log.CheckCommit(index); err != nil {
		return err
	}
`, ``}}},
		{"report-campaign", "a node does not campaign while it keeps a report", "§4.1; bug 36", []edit{{"election.go",
			` || err == nil && r.hasPostponedCommit() {`, ` {`}}},
		{"answer-tells", "the answer to a candidate says what is committed", "§4.1; bugs 38, 40", []edit{{"election.go",
			`	m.Context = r.nameCommit()
	traceSend(r, m)`, `	traceSend(r, m)`}}},
		{"grant-tells", "a grant as well", "live majority", []edit{{"election.go",
			`	m.Context = r.nameCommit()
	traceSend(r, m)`, `	if !grant {
		m.Context = r.nameCommit()
	}
	traceSend(r, m)`}}},
		{"answer-of-term", "also in an answer of an earlier term", "§4.1; bugs 38, 40", []edit{{"step.go",
			`		if isVoteAnswer(m) {
`, `		if false {
`}}},
		{"ack-tells", "an acknowledgement tells a leader of commitment that it does not know", "live majority", []edit{{"append.go",
			`			m.Context = r.nameCommit()
`, ``}}},
		{"answer-unknown", "an acknowledgement names what is committed if there may be a change", "§4.1", []edit{{"append.go",
			`		if change || unknown {`, `		if change {`}}},
		{"candidate-tells", "a candidate says what is committed", "§4.1; bug 38", []edit{{"election.go",
			`		about = r.nameCommit()
`, ``}}},
		{"learn-changes", "commitment is learnt from votes only where the configuration changes", "v3.6", []edit{{"election.go",
			`	if err == nil && change {`, `	if err == nil && (change || true) {`}}},
		{"learn-own-log", "the word of another node commits only what one has", "§3.5", []edit{{"election.go",
			`if id.Index <= r.log.Committed() || !r.log.Has(id) {`, `if id.Index <= r.log.Committed() || id.Index > r.log.LastIndex() {`}}},
		{"learn-ends-campaign", "a campaign ends that turns out to be in an outdated configuration", "§4.1", []edit{{"election.go",
			`if outdated && (r.role == StateCandidate || r.role == StatePreCandidate) {`, `if outdated && false {`}}},
	}
}
