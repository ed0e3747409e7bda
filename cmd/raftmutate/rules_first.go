package main

// firstRemovals take out rules of the first configuration, which Bootstrap writes.
func firstRemovals() []removal {
	return []removal{
		{"first-whole", "the first configuration is committed as one", "§4.1; bug 41", []edit{{"first_configuration.go",
			`		if splits, err := splitsFirstConfiguration(&r.log, index); splits || err != nil {`, `		if false {
			splits, err := splitsFirstConfiguration(&r.log, index)
			_ = splits`}}},
		{"first-complete", "when something behind it shows where it ends", "§4.1; bug 41", []edit{{"first_configuration.go",
			` || end == l.LastIndex() ||`, ` ||`}}},
		{"first-durable", "and all of it is durable", "§4.1; §3.8", []edit{{"first_configuration.go",
			` || end > l.Stable()), err`, `), err`}}},
		{"first-word", "whoever has all of it needs nobody's word", "§4.1; §3.6", []edit{{"storage_writes.go",
			`	if r.log.Committed() == 0 {`, `	if false {`}}},
		{"first-rewritten", "what is missing of it is written with what is there", "§4.1; §3.8", []edit{{"bootstrap.go",
			`		r.log.Truncate(1)
		r.log.AppendOwn(bootstrapTerm, first, raftlog.PayloadBytes(first))`, `		r.log.AppendOwn(bootstrapTerm, first[has:], raftlog.PayloadBytes(first[has:]))`}}},
		{"first-applied", "it is committed where a part of it was applied", "§4.1; §3.8", []edit{{"first_configuration.go",
			` || l.Committed() > 0, err`, `, err`}}},
		{"first-told", "what it has held back is committed with it", "§4.1; §3.6", []edit{{"commit.go",
			`		r.postponeCommit(limit, proof)
`, ``}}},
		{"first-told-lasts", "in a later term too", "§4.1; §3.6", []edit{{"role.go",
			`	r.postponed = r.postponed.beyondTerm()`, `	r.postponed = nil`}}},
		{"first-handed-out", "all of it is handed out at once", "§4.1; §5", []edit{{"first_configuration.go",
			`	if lo == 1 {`, `	if false {`}}},
		{"first-no-further", "and nothing that somebody has added to it", "§3.4; §4.1", []edit{{"first_configuration.go",
			`	end = min(end, hi-1)`, `	_ = hi`}}},
		{"first-active", "and active before a part of it is applied", "§4.1; §5", []edit{{"apply.go",
			`		if cfg, ok := r.firstInEffect(committed); ok {`, `		if cfg, ok := r.firstInEffect(committed); ok && false {`}}},
		{"first-snapshot", "a snapshot that ends within it is not sent", "§4.1; §5", []edit{{"snapshot.go",
			`	} else if splits {`, `	} else if splits && false {`}}},
		{"first-snapshot-only", "others are, before a change of the first term too", "§5", []edit{{"first_configuration.go",
			` && slices.Contains(s.ConfState.Voters, cc.NodeID)`, ` || slices.Contains(s.ConfState.Voters, cc.NodeID)`}}},
		{"first-unavailable", "if it cannot be read for the moment, it is committed later", "§4.1", []edit{{"first_configuration.go",
			`	if errors.Is(err, ErrUnavailable) {
`, `	if false {
`}}},
		{"first-counted", "what a leader has counted is committed later too", "§4.1", []edit{{"commit.go",
			`		r.openPostponed().first = true
`, ``}}},
		{"first-tried-once", "but not again once something is committed", "§3.6", []edit{{"commit.go",
			`	if r.log.Committed() == 0 {
		return r.commitFirst`, `	if true {
		return r.commitFirst`}}},
		{"first-tried", "at the next tick, if nobody reports it", "§4.1", []edit{{"first_configuration.go",
			`		r.openPostponed().first = true
	case err != nil:`, `	case err != nil:`}}},
		{"first-torn", "a part of the first configuration that a crash has left is not committed", "§4.1; §3.8", []edit{{"recovery.go",
			`	if first > l.Committed() {`, `	if false {`}}},
		{"first-recovered", "the first configuration is committed if the log goes on behind it", "§4.1; §3.8", []edit{{"first_configuration.go",
			`	return end, end < l.LastIndex() ||`, `	return end, end == 0 ||`}}},
		{"first-again", "a node whose first write was torn bootstraps again", "§3.8", []edit{{"bootstrap.go",
			`	if committed != 0 || r.role != StateFollower ||`, `	if true ||`}}},
		{"first-once", "a node bootstraps once", "§4.1", []edit{{"bootstrap.go",
			`	if committed != 0 || r.role != StateFollower || r.members.Len() > 0 ||`, `	if`}}},
		{"first-same", "and with the peers that its log begins with", "§4.1", []edit{{"bootstrap.go",
			`		if !bytes.Equal(at[0].Data, first[i].Data) {`, `		if !bytes.Equal(at[0].Data, at[0].Data) {`}}},
		{"first-all", "with all of them", "§4.1", []edit{{"bootstrap.go",
			`has == 0 || has > n || has < n && has < last {`, `has == 0 || has > n {`}}},
		{"first-no-more", "and no others", "§4.1", []edit{{"bootstrap.go",
			`has == 0 || has > n || has < n && has < last {
		return 0, notEmpty
	}`, `has == 0 || has < n && has < last {
		return 0, notEmpty
	} else {
		has = min(has, n)
	}`}}},
		{"first-acknowledged", "what a node has of it, it acknowledges", "§5", []edit{{"snapshot.go",
			`	r.acknowledge(leader, max(r.log.Committed(), id.Index),`, `	r.acknowledge(leader, r.log.Committed(),`}}},
	}
}
