package main

import "slices"

// logRemovals take out rules of replication: what a follower takes, what a leader counts, what is
// committed.
func logRemovals() []removal {
	return slices.Concat(
		commitRemovals(),
		appendRemovals(),
		matchRemovals(),
		storageRemovals(),
		cacheRemovals(),
	)
}

// commitRemovals are about what is committed.
func commitRemovals() []removal {
	return []removal{
		{"own-term", "only entries of the leader's own term are committed by counting", "§3.6.2, Figure 3.7; bug 10", []edit{{"commit.go",
			` || index < r.termStart {`, ` {`}}},
		{"commit-quorum-sorted", "what a majority has is the middle of what each has", "§3.5; bug 17", []edit{{"quorum/arithmetic.go",
			`	sortFew(acked)
`, ``}}},
		{"joint-commit", "in a joint configuration it takes both halves to commit", "§4.3", []edit{{"tracker/reach.go",
			`re.mark = uint64(min(incoming, outgoing))`, `re.mark = uint64(incoming + 0*outgoing)`}}},
		{"quorum-counted", "every voter that passes what a quorum has reached is counted", "§3.6.2", []edit{{"tracker/reach.go",
			`	re.ahead[1] += h[1]
`, ``}}},
		{"quorum-switch", "what a quorum has reached is looked for again in a new configuration", "§4.1", []edit{{"tracker/members.go",
			`		ms.tracking = &tracking{progress: make([]progress.Progress, len(ms.ids))}
	}`, `		ms.tracking = &tracking{progress: make([]progress.Progress, len(ms.ids)), matched: old.tracking.matched, echoed: old.tracking.echoed, majority: old.tracking.majority}
	}`}}},
		{"learner-counts", "learners do not count for a commit", "§4.2.1", []edit{{"tracker/reach.go",
			`		if kind&(inIncoming|inOutgoing) == 0 {
			continue
		}
		n := value(&ms.tracking.progress[i])
		if kind&inIncoming != 0 {`, `		n := value(&ms.tracking.progress[i])
		if kind&(inIncoming|isLearner) != 0 {`}}},
	}
}

// appendRemovals are about what a follower takes and cuts off.
func appendRemovals() []removal {
	return []removal{
		{"commit-matched", "a follower commits no further than this append has matched", "§3.5; bug 11", []edit{{"append.go",
			`min(req.commit(), matched)`, `min(req.commit(), r.log.LastIndex())`}}},
		{"acknowledge-matched", "a follower acknowledges what this append has matched, not its own last entry", "§3.5; bug 12", []edit{{"append.go",
			`r.acknowledge(req.From, matched,`, `r.acknowledge(req.From, r.log.LastIndex(),`}}},
		{"consistency-check", "an append is taken only behind the entry that it follows", "§3.5", []edit{{"append.go",
			`if !r.log.Has(req.prev()) &&`, `if req.prev().Index > r.log.LastIndex() &&`}}},
		{"truncate-at-conflict", "a follower cuts its log off at a conflict and nowhere else", "§3.5; bug 14", []edit{{"internal/raftlog/log.go",
			`	i := l.firstConflict(s.Entries)
`, `	i := 0
	for i < len(s.Entries) && s.Entries[i].Index <= l.Committed() {
		i++
	}
`}}},
		{"conflict-replaced", "an entry that conflicts is replaced, with all behind it", "§3.5", []edit{{"internal/raftlog/log.go",
			`if entries[i].Index > last || !l.Has(IDOf(&entries[i])) {`, `if entries[i].Index > last {`}}},
		{"terms-truncated", "what is known of terms goes with the entries", "§3.5", []edit{{"internal/raftlog/log.go",
			`	l.terms.truncate(at)
`, ``}}},
		{"committed-stays", "a committed entry is never replaced", "§3.6; bug 32", []edit{
			{"internal/raftlog/log.go", `	if at <= l.Committed() {`, `	if false {`},
			{"append.go", `if err := r.checkCommittedPrefix(req); err != nil {`, `if err := r.checkCommittedPrefix(req); err != nil && false {`}}},
		{"contradiction-noticed", "a contradiction of what is committed stops the node", "§3.6; bug 32", []edit{{"append.go",
			`if err := r.checkCommittedPrefix(req); err != nil {`, `if err := r.checkCommittedPrefix(req); err != nil && false {`}}},
		{"heartbeat-commit", "a heartbeat tells no more committed than the follower is known to have", "§3.5", []edit{{"heartbeat.go",
			`m.Commit = min(pr.Match, r.log.Committed())`, `m.Commit = r.log.Committed()`}}},
		{"commit-forward", "the commit index never falls", "§3.5", []edit{{"internal/raftlog/log.go",
			`	if index <= l.Committed() {
		return nil`, `	if index == l.Committed() {
		return nil`}}},
	}
}

// matchRemovals are about the search for where logs agree.
func matchRemovals() []removal {
	return []removal{
		{"hint-is-no-match", "where logs can agree is not yet where they do", "§3.5; bug 15", []edit{{"append.go",
			`	next := resp.hint().Index
`, `	next := resp.hint().Index
	pr.MaybeUpdate(next)
`}}},
		{"rejection-stale", "a rejection that was overtaken changes nothing", "§3.5; bug 14", []edit{{"progress/progress.go",
			`	if rejected != pr.Next-1 || rejected <= pr.Match {`, `	if false {`}}},
		{"next-above-match", "next never falls to match", "§3.5; bug 14", []edit{
			{"progress/progress.go", `	if rejected != pr.Next-1 || rejected <= pr.Match {`, `	if rejected != pr.Next-1 {`},
			{"progress/progress.go", `pr.moveNext(max(min(rejected-1, hint)+1, pr.Match+1))`, `pr.moveNext(min(rejected-1, hint) + 1)`}}},
		{"rejection-goes-back", "a rejection leads at last to the entry that conflicts", "§3.5; bug 18", []edit{{"progress/progress.go",
			`pr.moveNext(max(min(rejected-1, hint)+1, pr.Match+1))`, `pr.moveNext(max(min(rejected-1, hint)+2, pr.Match+1))`}}},
		{"backup-follower", "a follower's hint skips a whole term", "§3.5", []edit{{"append.go",
			`r.log.LastNotAfter(hint.Index, prev.Term)`, `hint.Index`}}},
		{"backup-leader", "a leader skips a whole term of its own", "§3.5", []edit{{"append.go",
			`	if resp.hint().Term != 0 {`, `	if false {`}}},
		{"lost-append", "a follower that is alive and behind is asked what was lost", "§3.3", []edit{{"heartbeat.go",
			`if pr.State == tracker.StateReplicate && pr.Match < r.log.LastIndex() {`, `if false {`}}},
		{"unreachable-probed", "what is in flight to a peer that is unreachable is doubtful", "§3.3", []edit{{"append.go",
			`		pr.BecomeProbe()
		pr.Quiet(r.log.LastIndex(), r.commitOwed())
`, ``}}},
		{"unreachable-quiet", "a dead peer does not keep the application busy", "§3.3", []edit{{"append.go",
			`		pr.Quiet(r.log.LastIndex(), r.commitOwed())
`, ``}}},
	}
}

// storageRemovals are about what Storage answers.
func storageRemovals() []removal {
	return []removal{
		{"compacted-by-snapshot", "who lacks entries that are gone gets a snapshot", "Figure 5.3; bug 19", []edit{{"append.go",
			`		case errors.Is(err, ErrCompacted):
			return r.buildSnapshot(to, pr)`, `		case errors.Is(err, ErrCompacted):
			pr.Pause()
			return nil`}}},
		{"compaction-noticed", "that the log was compacted is noticed", "§5; bug 19", []edit{{"internal/raftlog/log.go",
			`	if first > l.first && first <= l.unstable.stable {`, `	if false {`}}},
		{"read-error", "a read that fails never becomes an append", "bug 20", []edit{{"append.go",
			`		case err != nil:
			return err
		}
		if len(entries) == 0`, `		case err != nil:
			entries = nil
		}
		if false && len(entries) == 0`}}},
		{"storage-checked", "what Storage answers is looked at before it is believed", "bug 20", []edit{{"internal/raftlog/log.go",
			`	if n == 0 || n > hi-lo || entries[0].Index != lo || entries[n-1].Index != lo+n-1 {`, `	if n == 0 && hi == lo {`}}},
	}
}

// cacheRemovals are about entries in memory.
func cacheRemovals() []removal {
	return []removal{
		{"published-arrays", "what was handed out is never written again", "ownership", []edit{{"internal/raftlog/chunks.go",
			`live, dead := c.newest.entries[:n:n],`, `live, dead := c.newest.entries[:n],`}}},
		{"memory-truncated", "what was cut off does not come back from memory", "§3.5", []edit{{"internal/raftlog/unstable.go",
			`		u.entries.Truncate(index)
`, ``}}},
		{"memory-restored", "what a snapshot replaced does not come back from memory", "§5", []edit{{"internal/raftlog/unstable.go",
			`	*u = newUnstable(s.Metadata.Index+1, old.keep)
`, `	u.stable, u.taken = s.Metadata.Index+1, s.Metadata.Index+1
`}}},
		{"memory-unstable", "what is not durable stays in memory", "§3.8", []edit{{"internal/raftlog/unstable.go",
			`if end > u.stable || u.entries.old.bytes`, `if u.entries.old.bytes`}}},
		{"memory-durable", "what is durable goes when it is more than the limit", "memory", []edit{{"internal/raftlog/unstable.go",
			` || u.entries.old.bytes <= limit {`, ` {
				_ = limit`}}},
		{"memory-rest", "an idle group takes no memory for entries", "memory", []edit{{"tick.go",
			`	r.log.Rest()
`, ``}}},
		{"memory-array-bytes", "an array of entries has a bounded size in bytes, too", "memory", []edit{{"internal/raftlog/chunks.go",
			`>= n && (c.newest.bytes+bytes <= LargestChunkBytes || len(entries) == 0)`, `>= n`}}},
	}
}
