package main

// snapshotRemovals take out rules of snapshots.
func snapshotRemovals() []removal {
	return []removal{
		{"snapshot-old", "a snapshot behind the commit index changes nothing", "§5; bug 33", []edit{{"snapshot.go",
			`	case id.Index <= r.log.Committed():
`, `	case false:
`}}},
		{"snapshot-suffix", "a snapshot of a prefix keeps what follows it", "§5; bug 30", []edit{{"snapshot.go",
			`	case r.log.Has(id):
`, `	case false:
`}}},
		{"snapshot-conflict", "a snapshot that conflicts with the log replaces it", "§5; bug 29", []edit{{"snapshot.go",
			`	case r.log.Has(id):
`, `	case r.log.LastIndex() >= id.Index:
`}}},
		{"snapshot-contradiction", "a snapshot that contradicts what is committed stops the node", "§5; bug 32", []edit{{"snapshot.go",
			`id.Index <= r.log.Committed() && known && term != id.Term {`, `id.Index <= r.log.Committed() && known && term != id.Term && false {`}}},
		{"snapshot-configuration", "a snapshot brings its configuration", "§5; bug 34", []edit{{"snapshot.go",
			`	r.setConfig(cfg)
`, ``}}},
		{"snapshot-waits", "a snapshot waits for what was handed out before it", "§5", []edit{{"snapshot.go",
			`		if !r.mayRestore() {`, `		if false {`}}},
		{"snapshot-first", "entries are applied when the snapshot before them is durable", "§5", []edit{{"internal/raftlog/log.go",
			`	if l.Restores() {
		return 0
	}
`, ``}}},
		{"snapshot-replaces", "what a snapshot replaces is not read any more", "§5", []edit{{"internal/raftlog/log.go",
			`	if lo < l.first {
		return nil, ErrCompacted
	}
	if lo >= l.unstable.stable ||`, `	if lo >= l.unstable.stable ||`}}},
		{"snapshot-second", "the acknowledgement of one snapshot is not that of another", "§5; bug 31", []edit{{"internal/raftlog/unstable.go",
			` || s.Metadata.Index != index {`, ` {`}}},
		{"snapshot-no-match", "a snapshot on its way is not yet there", "Figure 5.3; bug 33", []edit{{"progress/progress.go",
			`	pr.PendingSnapshot = index
`, `	pr.PendingSnapshot = index
	pr.Match = max(pr.Match, index)
`}}},
		{"snapshot-connects", "a snapshot that does not reach the log is not sent", "Figure 5.3; bug 33", []edit{{"snapshot.go",
			`	if id.Index+1 < r.log.First() {`, `	if false {`}}},
		{"snapshot-committed", "a snapshot of what is not committed is not sent", "§5", []edit{{"snapshot.go",
			`	if id.Index > r.log.Committed() {
`, `	if false {
`}}},
		{"snapshot-waits-quietly", "what follows a snapshot that waits is not rejected", "Figure 5.3", []edit{{"append.go",
			`		if r.postponed.hasSnapshot() && req.prev().Index <= r.postponed.snapshot.Metadata.Index {`, `		if false {`}}},
		{"snapshot-report-lost", "a follower whose snapshot report is lost is probed again", "Figure 5.3", []edit{{"tick.go",
			`		r.ageSnapshots()
`, ``}}},
		{"snapshot-failed", "a snapshot that failed is sent again", "Figure 5.3", []edit{{"snapshot.go",
			`	pr.BecomeProbe()
	pr.Pause()
	r.logger.Debugf`, `	r.logger.Debugf`}}},
		{"snapshot-connected", "a follower that got what it needs elsewhere goes on from there", "Figure 5.3", []edit{{"append.go",
			`		if pr.Match+1 >= r.log.First() {`, `		if false {`}}},
		{"snapshot-backs-off", "snapshots to a follower that takes none become rare", "bounds", []edit{{"progress/progress.go",
			`	if pr.snapshots < 2 {`, `	if true {`}}},
		{"snapshot-retry", "the first retry comes at once", "drop-in", []edit{{"progress/progress.go",
			`	if pr.snapshots < 2 {`, `	if pr.snapshots < 1 {`}}},
		{"snapshot-wait-bound", "and they do not end", "§5", []edit{{"progress/progress.go",
			`min(wait, uint64(most))`, `wait`}}},
		{"snapshot-wait-ends", "nobody waits when the follower has taken one", "§5", []edit{{"progress/progress.go",
			`	pr.snapshots = 0
`, ``}}},
		{"snapshot-missing", "a leader without a snapshot goes on", "§5", []edit{{"snapshot.go",
			`	if id.Index == 0 {
		r.hinder`, `	if id.Index == 0 {
		return wrapStorage("snapshot", errBadSnapshot)
		r.hinder`}}},
		{"hindered-once", "what a follower cannot be sent is logged once", "bounds", []edit{{"append.go",
			`	if pr.Hinder() {
`, `	if pr.Hinder() || true {
`}}},
		{"hindered-again", "and once more when something was sent since", "bounds", []edit{{"progress/progress.go",
			`	pr.hindered = false
	pr.sentCommit`, `	pr.sentCommit`}}},
		{"snapshot-term", "a snapshot is behind the log that it is a prefix of", "§5", []edit{{"internal/raftlog/log.go",
			`	l.terms.reset(id)
	l.first = id.Index + 1`, `	l.terms.reset(EntryID{Term: 1, Index: id.Index})
	l.first = id.Index + 1`}}},
	}
}
