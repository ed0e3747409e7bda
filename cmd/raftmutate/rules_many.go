package main

// manyRemovals take out rules of package multiraft.
func manyRemovals() []removal {
	rule := func(file, name, rule, old, new string) removal {
		return removal{name, rule, "package multiraft", []edit{{"multiraft/" + file, old, new}}}
	}
	var list []removal
	list = append(list, peerRemovals(rule)...)
	list = append(list, agreementRemovals(rule)...)
	return append(list, storeRemovals(rule)...)
}

type rulesOf func(file, name, rule, old, new string) removal

// peerRemovals are about stores that watch each other.
func peerRemovals(rule rulesOf) []removal {
	return []removal{
		rule("peers.go", "many-overtaken", "a batch that was overtaken is no sign of life", "b.Incarnation == p.incarnation && b.Number > p.number", "b.Incarnation == p.incarnation"),
		rule("peers.go", "many-earlier-life", "nor is one of an earlier life", "return b.Incarnation > p.incarnation || b", "return b.Incarnation != p.incarnation || b"),
		rule("peers.go", "many-incarnation", "a restart is noticed by the incarnation", "if b.Incarnation > p.incarnation {", "if false {"),
		rule("peers.go", "many-restart-led", "it wakes the groups that the store led", "			s.splice(ledList(at), wakingList(at))\n			p.wakeAll", "			p.wakeAll"),
		rule("peers.go", "many-restart-all", "all of them, although the store is heard again", "			p.wakeAll = true\n			clear", "			clear"),
		rule("peers.go", "many-restart-invites", "its earlier offers are not answered", "			clear(s.invites)\n", ""),
		rule("peers.go", "many-restart-members", "and leaders with a member there", "			clear(s.invites)\n			s.lookAtLeaders(at)\n", "			clear(s.invites)\n"),
		rule("peers.go", "many-awake-reset", "a new life begins with its own AwakeSince", "		p.awakeSince = b.AwakeSince\n	}\n	if", "	}\n	if"),
		rule("peers.go", "many-awake-since", "a leader learns that a cut has woken its followers", "	if b.AwakeSince > p.awakeSince {\n", "	if false {\n"),
		rule("peers.go", "many-awake-told", "a store that wakes followers without a word says so later", "p.sinceOwn = p.sent + 1", "p.sinceOwn = 0"),
		rule("peers.go", "many-agreed-before", "agreement from before that does not count", "	clear(s.offers)\n", ""),
		rule("peers.go", "many-wakes-first", "what is awake elsewhere wakes before the batch counts for it", "			s.wakeTold(i, at)\n", ""),
		rule("peers.go", "many-agreed-awake", "agreement of who is awake since does not count", "			delete(s.offers, i)\n			s.wakeTold", "			s.wakeTold"),
		rule("peers.go", "many-heard-again", "followers of a store that is heard again sleep on", "			s.splice(wakingList(at), ledList(at))\n", ""),
		rule("peers.go", "many-heard-restart", "but not after its restart", "		if !p.wakeAll {\n", "		{\n"),
		rule("peers.go", "many-confirm-life", "only this life's batches can be confirmed", "	if b.HeardIncarnation != s.cfg.Incarnation {\n		return\n	}\n", ""),
		rule("peers.go", "many-confirm-newer", "an answer confirms a newer batch", "b.HeardNumber > p.confirmed && ", ""),
		rule("peers.go", "many-confirm-awake", "nothing is an answer until leaders were looked at", " && !p.restarted {\n		p.confirmed", " {\n		p.confirmed"),
		rule("peers.go", "many-confirm-sent", "an answer counts from when the confirmed batch was sent", "p.confirmedAt = p.firsts[sent].tick", "p.confirmedAt = s.clock"),
		rule("peers.go", "many-owed-until", "a wake is repeated until it is confirmed", "told < len(p.wakes) && p.wakes[told].number <= b.HeardNumber {", "told < len(p.wakes) {"),
		rule("peers.go", "many-silent", "a store that is silent wakes the groups that it led", "			s.abandon(at)\n		}\n		if", "		}\n		if"),
		rule("peers.go", "many-deaf", "leaders are looked at when a store does not answer", "			p.deaf, s.waking = true, true\n			s.splice(ledList(0), wakingList(0))\n", "			p.deaf = true\n"),
		rule("peers.go", "many-beats", "stores beat", "s.clock%uint64(s.cfg.BeatTicks) == 0 {\n		s.beats = true\n", "s.clock%uint64(s.cfg.BeatTicks) == 0 {\n"),
		rule("peers.go", "many-put-back", "a leader that has a quorum sleeps on", "			case s.mustWake(i):\n", "			case true:\n"),
		rule("peers.go", "many-quorum-lost", "one that has none wakes", "	must := s.quorumSilence(i) >= uint64(s.cfg.ElectionTick)\n", "	must := false\n"),
		rule("peers.go", "many-restarted-member", "so does one with a member that has restarted", "		must = must || at > 0 && s.peers[at].restarted\n", "		_ = at\n"),
		rule("peers.go", "many-majority", "a quorum is a majority", "silences[len(silences)/2]", "silences[0]"),
		rule("peers.go", "many-majority-all", "and not all", "silences[len(silences)/2]", "silences[len(silences)-1]"),
		rule("peers.go", "many-turns", "members of a dead store's groups campaign in turn", "	s.takeTurns(i)\n", ""),
		rule("peers.go", "many-turn-order", "in another order in each group", "turn := (uint64(before) + g.id) % uint64(others)", "turn := uint64(before) % uint64(others)"),
		rule("peers.go", "many-wakes", "wakes are bounded in a tick", "left > 0 && s.lists", "s.lists"),
		rule("peers.go", "many-late-wake", "who is woken late campaigns within the bound of a tick", "g.node.TickN(min(s.clock-g.at, g.node.NextDue()-1))", "g.node.TickN(s.clock - g.at)"),
		rule("peers.go", "many-owed-number", "a wake is owed from the next batch on", "number: p.sent + 1}", "number: p.sent}"),
		rule("peers.go", "many-forgotten", "a store that was forgotten gets no beats", "p.gone, p.silent = true, true", "p.silent = true"),
		rule("peers.go", "many-forgotten-led", "its groups wake", "		s.abandon(at)\n		s.splice(ledList(0), wakingList(0))\n", "		s.splice(ledList(0), wakingList(0))\n"),
		rule("peers.go", "many-forgotten-quorum", "and leaders that lose their quorum with it", "		s.abandon(at)\n		s.splice(ledList(0), wakingList(0))\n", "		s.abandon(at)\n"),
	}
}

// agreementRemovals are about the agreement to sleep, and waking.
func agreementRemovals(rule rulesOf) []removal {
	return []removal{
		rule("store.go", "many-election-tick", "groups sleep whose stores are missed in time", "s.cfg.SleepTicks > 0 && cfg.ElectionTick >= s.cfg.ElectionTick", "s.cfg.SleepTicks > 0"),
		rule("store.go", "many-wakes-after", "the end of a leadership ends the offers in the same batch", "			delete(s.invites, i)\n			s.wakeTold(i, at)\n", "			_ = i\n"),
		rule("store.go", "many-owe-leader", "a follower that wakes by itself wakes its leader", "		s.wake(i)\n		s.oweLeaderWake(i)\n", "		s.wake(i)\n"),
		rule("store.go", "many-owe-removed", "so does one that is removed", "	s.oweAll(i)\n	s.unlink(i)\n	delete(s.offers, i)\n	delete(s.invites, i)\n	delete(s.index, id)", "	s.unlink(i)\n	delete(s.offers, i)\n	delete(s.invites, i)\n	delete(s.index, id)"),
		rule("store.go", "many-owe-failed", "or quarantined", "	s.oweAll(i)\n	s.unlink(i)\n	delete(s.offers, i)\n	delete(s.invites, i)\n	g.failed", "	s.unlink(i)\n	delete(s.offers, i)\n	delete(s.invites, i)\n	g.failed"),
		rule("store.go", "many-owe-followers", "a leader that steps down wakes its followers", "	if g.leads && !leads {\n		s.oweWakes(i)\n	}\n", ""),
		rule("sleep.go", "many-offered", "whoever has offered sleep owes that", "	g.offered = true\n", ""),
		rule("sleep.go", "many-last-beat", "a follower's time counts from the last batch of its leader's store", "until = max(g.at, s.peers[max(led, 0)].heardAt)", "until = max(s.clock, s.peers[max(led, 0)].heardAt)"),
		rule("sleep.go", "many-last-quorum", "a leader's checks count from when a quorum answered last", "quiet >= uint64(s.cfg.ElectionTick) {\n		until", "false {\n		_ = quiet\n		until"),
		rule("sleep.go", "many-told-by-leader", "a follower that another store has woken wakes its leader", "	if g.leads || by == s.peerOf(s.cfg.StoreOf(g.id, g.node.BasicStatus().Lead)) {\n		s.wake(i)\n	}\n", "	s.wake(i)\n"),
		rule("sleep.go", "many-silent-store", "nobody sleeps whose leader's store is silent", "led == 0 || s.peers[led].silent)", "led == 0)"),
		rule("sleep.go", "many-silent-quorum", "nor a leader whose quorum does not answer", "	if g.leads && s.quorumSilence(i) >= uint64(s.cfg.ElectionTick) {\n		return\n	}\n", ""),
		rule("sleep.go", "many-offer-fresh", "an offer counts if it is fresh", "!h.Sleep || !fresh || !s.groups[i].maySleep", "!h.Sleep || !s.groups[i].maySleep"),
		rule("sleep.go", "many-offer-allowed", "and the group may sleep", "!h.Sleep || !fresh || !s.groups[i].maySleep", "!h.Sleep || !fresh"),
		rule("sleep.go", "many-offer-other", "a sleeper is woken by an offer of what it does not have", "		if st := g.node.BasicStatus(); st.Term != h.Term || st.Commit != h.Commit || st.Lead != h.From {\n			return s.stepTo(i, &m, fresh)\n		}\n", ""),
		rule("sleep.go", "many-agreed-late", "agreement that is late wakes nobody", "		if st := g.node.BasicStatus(); g.leads && st.Term == h.Term && st.Commit == h.Commit {\n			return nil\n		}\n", ""),
		rule("sleep.go", "many-agreed-fresh", "agreement counts if it is fresh", "!h.Sleep || !fresh {", "!h.Sleep {"),
		rule("sleep.go", "many-agreed-since", "and was given when nothing else could have woken the follower", " || s.peers[at].confirmedAt < o.since {", " {"),
		rule("sleep.go", "many-agreed-term", "agreement is to the offer's term", "o == nil || o.term != h.Term || o.commit", "o == nil || o.commit"),
		rule("sleep.go", "many-agreed-commit", "and commit index", "|| o.term != h.Term || o.commit != h.Commit || s.peers", "|| o.term != h.Term || s.peers"),
		rule("sleep.go", "many-interrupt", "another message of the leader ends what was agreed", "		o.agreed, o.since = nil, s.clock+1\n", ""),
		rule("sleep.go", "many-late-message", "a message of the leader that is late does not say that it is awake", "fresh && g.asleep && !g.leads", "g.asleep && !g.leads"),
		rule("peers.go", "many-owed-once", "a wake is owed once", "at <= 0 || s.peers[at].owed[group]", "at <= 0"),
		rule("sleep.go", "many-agreed-all", "a leader sleeps when all have agreed", "all = all && o != nil && o.has(replica)", "all = o != nil && o.has(replica)"),
		rule("sleep.go", "many-agreed-idle", "and nothing has happened since", "g.queued || !s.isIdle(g) || !g.node.MaySleep()", "g.queued"),
		rule("sleep.go", "many-idle", "a leader offers sleep when it was idle for long", "s.others || !s.isIdle(g) || !g.node.MaySleep() {", "s.others || !g.node.MaySleep() {"),
		rule("sleep.go", "many-at-rest", "and has nothing to do", "s.others || !s.isIdle(g) || !g.node.MaySleep() {", "s.others || !s.isIdle(g) {"),
		rule("sleep.go", "many-offer-renewed", "an offer is of the present term and commit index", "o == nil || o.term != st.Term || o.commit != st.Commit {\n		o", "o == nil {\n		o"),
		rule("sleep.go", "many-invite-term", "a follower agrees to its own term", "st.Term != inv.term || st.Commit != inv.commit ||", "st.Commit != inv.commit ||"),
		rule("sleep.go", "many-invite-commit", "and commit index", "st.Term != inv.term || st.Commit != inv.commit ||", "st.Term != inv.term ||"),
		rule("sleep.go", "many-invite-rest", "if it has nothing to do", "st.Commit != inv.commit || !g.node.MaySleep() {", "st.Commit != inv.commit {"),
		rule("sleep.go", "many-invite-asleep", "and says so if it sleeps", "l.response && g.asleep {", "l.response {"),
		rule("sleep.go", "many-leader-speaks", "a message of the leader says that it is awake", "		if st := g.node.BasicStatus(); m.From == st.Lead && m.Term == st.Term {\n			s.wake(i)\n		}\n", ""),
	}
}

// storeRemovals are about ticks, Readys and what comes from outside.
func storeRemovals(rule rulesOf) []removal {
	return []removal{
		rule("store.go", "many-ticks", "a group that is touched has seen every tick", "		g.node.TickN(s.clock - g.at)\n		g.at", "		g.at"),
		rule("wheel.go", "many-not-due", "a group whose tick has moved away is not touched", "		case g.due > s.clock:\n			s.linkDue(i)\n			continue\n", ""),
		rule("wheel.go", "many-campaigns", "campaigns are bounded in a tick", "		case campaigns > 0:\n			campaigns--\n", "		case campaigns > 0:\n"),
		rule("wheel.go", "many-far", "a tick beyond the wheel is not forgotten", "min(s.groups[i].due, s.clock+wheelSize-1)%wheelSize", "s.groups[i].due%wheelSize"),
		rule("ready.go", "many-ready-groups", "a Ready is bounded in groups", "len(rd.parts) < s.cfg.MaxReadyGroups && ", ""),
		rule("ready.go", "many-ready-bytes", "and in bytes", " && rd.bytes < s.cfg.MaxReadyBytes {", " {"),
		rule("ready.go", "many-removed", "work of a group that was removed is not handed out", "g.queued {", "true {"),
		rule("ready.go", "many-advance-removed", "nor acknowledged for another", "g.node == p.node && g.out", "g.out"),
		rule("ready.go", "many-sync", "a Ready is synced if one of its groups has to be", "rd.MustSync = rd.MustSync || ready.MustSync", "rd.MustSync = ready.MustSync"),
		rule("batch.go", "many-early", "what promises something waits for the write", "case pb.MsgApp, pb.MsgSnap,", "case pb.MsgAppResp, pb.MsgVoteResp, pb.MsgVote, pb.MsgApp, pb.MsgSnap,"),
		rule("batch.go", "many-early-change", "so does the commitment of a configuration change", "s.cfg.SendEarly && !mayCommitChange(ready)", "s.cfg.SendEarly"),
		rule("ready.go", "many-durable-change", "which is applied when it is durable", " && !mayCommitChange(ready) &&", " &&"),
		rule("ready.go", "many-early-rest", "and that of entries that are not handed out yet", "if n == 0 || ready.CommittedEntries[n-1].Index < ready.HardState.Commit {", "if n == 0 {"),
		rule("ready.go", "many-early-together", "one batch for each store if there is nothing to write", "	if len(rd.Writes) == 0 {\n", "	if false {\n"),
		rule("ready.go", "many-durable", "entries of the same Ready are applied after its write", "(len(ready.Entries) == 0 ||", "(true ||"),
		rule("store.go", "many-batch-to", "a batch for another store is refused", "b.To != s.cfg.ID || b.From", "b.From"),
		rule("store.go", "many-unknown", "messages for unknown groups are bounded", "len(s.unknown) < maxUnknown", "true"),
		rule("batch.go", "many-version", "a batch of another version is refused", "len(data) == 0 || data[0] != version", "len(data) == 0"),
		rule("batch.go", "many-tail", "a batch with a tail is refused", "if !d.Done() {", "if d.Bad {"),
		rule("config.go", "many-async", "groups with asynchronous writes are refused", "	if n.AsyncStorageWrites {\n", "	if false {\n"),
		rule("config.go", "many-store-of", "a replica of another store is refused", "store != s.cfg.ID {", "false {"),
		rule("config.go", "many-beat-ticks", "beats are more frequent than election timeouts", "	if n.BeatTicks >= n.ElectionTick {\n", "	if false {\n"),
	}
}
