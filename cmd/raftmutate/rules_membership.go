package main

import "slices"

// membershipRemovals take out rules of configuration changes, catching up, and leadership transfer.
func membershipRemovals() []removal {
	return slices.Concat(
		changeTimeRemovals(),
		configurationRemovals(),
		catchUpRemovals(),
		changeSearchRemovals(),
		learnerRemovals(),
		transferRemovals(),
	)
}

// changeTimeRemovals are about when a change is proposed and takes effect.
func changeTimeRemovals() []removal {
	return []removal{
		{"one-change", "one configuration change is under way at a time", "§4.1; bug 35", []edit{{"membership.go",
			`	if pending > max(r.log.Applied(), r.effective) {`, `	if false {`}}},
		{"change-effective", "it is under way until ApplyConfChange, not until Advance", "§4.1; drop-in", []edit{{"membership.go",
			`	if pending > max(r.log.Applied(), r.effective) {`, `	if pending > r.log.Applied() {`}}},
		{"change-effective-handed-out", "no change is in effect that was not handed out", "§4.1; bug 35", []edit{{"apply.go",
			`		r.effective = r.log.Applying()
`, `		r.effective = r.log.LastIndex()
`}}},
		{"joint-left-late", "an automatic joint configuration is left also when it is applied after Advance", "§4.3; bug 39", []edit{{"membership.go",
			`	r.leaveJoint()
`, ``}}},
		{"joint-left-once-late", "and once, when leaving is applied after Advance", "§4.3; bug 39", []edit{{"membership.go",
			`r.members.AutoLeave() || r.leaving ||`, `r.members.AutoLeave() ||`}}},
		{"added-again", "a member that is removed and added in one change has matched nothing", "§4.1", []edit{{"membership.go",
			`		r.members.Forget(id)
`, `		_ = id
`}}},
		{"refused-late", "a server is not given up while its change may still be applied", "§4.2.1", []edit{{"add_server.go",
			`c.ineffective >= r.limits.electionTicks() {`, `true {`}}},
		{"change-kept", "a change that must wait leaves an entry without data, and no error", "drop-in", []edit{{"propose.go",
			`errors.Is(err, ErrConfChangePending) || errors.Is(err, errOtherJoint):`, `errors.Is(err, errOtherJoint) && false:`}}},
		{"change-after-log", "nor before a new leader has applied what it found in its log", "§4.1; bug 35", []edit{{"role.go",
			`	r.pendingConfIndex = r.log.LastIndex()
`, `	r.pendingConfIndex = 0
`}}},
		{"change-noted", "a change that was proposed is pending", "§4.1; bug 35", []edit{{"propose.go",
			`	r.pendingConfIndex = pending
`, ``}}},
		{"two-changes", "a proposal has one configuration change", "§4.1", []edit{{"propose.go",
			`			pending = r.log.LastIndex() + 1 + uint64(i)`, `			_ = pending`}}},
		{"legal-change", "a change that is not legal is not proposed", "§4.1", []edit{{"membership.go",
			`	if _, err := confchange.Apply(r.members.Config(), cc); err != nil {
		return`, `	if _, err := confchange.Apply(r.members.Config(), cc); err != nil && false {
		return`}}},
		{"applied-takes-effect", "a configuration takes effect when it is applied", "§4.1; bug 37", []edit{{"propose.go",
			`			pending = r.log.LastIndex() + 1 + uint64(i)
`, `			pending = r.log.LastIndex() + 1 + uint64(i)
			if cc, err := decodeConfChange(&entries[i]); err == nil {
				defer r.applyConfChange(cc)
			}
`}}},
		{"order-after-snapshot", "an order to campaign is obeyed when the snapshot that it waits for is durable", "§3.10; §5", []edit{{"storage_writes.go",
			`	if restored && r.postponed != nil {`, `	if false && restored {`}}},
	}
}

// configurationRemovals are about which configurations follow each other, and who counts in them.
func configurationRemovals() []removal {
	return []removal{
		{"one-voter", "a simple change alters one voter at most", "§4.1", []edit{{"confchange/config.go",
			`n > 1 {`, `n > 99 {`}}},
		{"joint-outgoing", "a joint configuration needs the majority of the old one, too", "§4.3", []edit{{"confchange/config.go",
			`	next.Voters[1] = cfg.Clone().Voters[0]
`, `	next.Voters[1] = nil
	autoLeave = false
`}}},
		{"joint-nested", "a joint configuration is left before another is entered", "§4.3", []edit{{"confchange/config.go",
			`func enter(cfg tracker.Config, autoLeave bool, ccs []pb.ConfChangeSingle) (tracker.Config, error) {
	if joint(&cfg) {`, `func enter(cfg tracker.Config, autoLeave bool, ccs []pb.ConfChangeSingle) (tracker.Config, error) {
	if false {`}}},
		{"joint-simple", "a joint configuration is left before a simple change", "§4.3", []edit{{"confchange/config.go",
			`func simple(cfg tracker.Config, ccs []pb.ConfChangeSingle) (tracker.Config, error) {
	if joint(&cfg) {`, `func simple(cfg tracker.Config, ccs []pb.ConfChangeSingle) (tracker.Config, error) {
	if false {`}}},
		{"learner-next", "a voter that is demoted votes until the joint configuration is left", "§4.3", []edit{{"confchange/config.go",
			`	if has(cfg.Voters[1], id) {
		insert(&cfg.LearnersNext, id)
		return
	}
`, `	remove((*ids)(&cfg.Voters[1]), id)
`}}},
		{"last-voter", "the last voter is not removed", "§4.1", []edit{{"confchange/config.go",
			`	if len(cfg.Voters[0]) == 0 {
		return fmt.Errorf("%w: %s", ErrNoVoters, Describe(ccs...))
	}
`, ``}}},
		{"joint-left", "a joint configuration is left, whoever leads", "§4.3; bug 39", []edit{{"apply.go",
			`	r.leaveJoint()
`, ``}}},
		{"joint-left-once", "and once", "§4.3; bug 39", []edit{{"membership.go",
			`	r.pendingConfIndex, r.leaving = r.log.LastIndex(), true
`, ``}}},
		{"joint-left-applied", "a leader leaves a joint configuration when it has applied its log", "§4.3; bug 39", []edit{{"membership.go",
			`r.leaving || r.pendingConfIndex > r.log.Applied() {`, `r.leaving {`}}},
		{"retires", "a leader that does not vote any more steps down", "§4.2.2; bug 40", []edit{{"membership.go",
			`	if r.role != StateLeader || r.isVoter {`, `	if true {`}}},
		{"retires-after-commit", "and has committed before what it was asked for", "§4.2.2", []edit{{"transfer.go",
			`return target.Match == last && (r.isVoter || r.log.Committed() == last)`, `return target.Match == last`}}},
		{"added-again-match", "a leader that is added again has what is durable there", "§4.1; §10.2.1", []edit{{"membership.go",
			`	r.members.MaybeUpdate(r.id, r.log.Stable())
`, ``}}},
		{"added-again-leads", "and leads on", "§4.2.2", []edit{{"membership.go",
			`	if r.steppingDown && r.isVoter {`, `	if false {`}}},
		{"smaller-quorum", "a smaller quorum commits at once", "§4.1; bug 40", []edit{{"membership.go",
			`	r.advanceCommit()
	r.reconfirmReads()`, `	r.reconfirmReads()`}}},
		{"member-proposes", "a leader that is no member proposes nothing", "§4.2.2", []edit{{"propose.go",
			`	case r.members.Find(r.id) < 0:`, `	case false:`}}},
		{"strangers-answer", "answers of strangers do not count", "§4.1", []edit{
			{"step.go", `if IsResponseMsg(m.Type) && !IsLocalMsgTarget(m.From) && r.members.Find(m.From) < 0 {`, `if false {`}}},
	}
}

// catchUpRemovals are about servers that catch up.
func catchUpRemovals() []removal {
	return []removal{
		{"caught-up", "a server votes when it has caught up", "§4.2.1", []edit{{"add_server.go",
			`		case member && !c.promoting && c.State == CaughtUp && !r.isSilent(c):`, `		case member && !c.promoting:`}}},
		{"catch-up-gives-up", "nobody waits for ever for a server that does not catch up", "§4.2.1", []edit{{"catchup.go",
			`	case c.refused >= patience || c.Rounds-c.roundsBefore >= r.limits.catchUpRounds() || c.idle >= patience:
`, `	case false:
`}}},
		{"refused-again", "a server that the application refused can be asked for again", "§4.2.1", []edit{{"add_server.go",
			`		return c.wait == nobodyWaits && r.members.Find(c.ID) < 0`, `		return false`}}},
	}
}

// changeSearchRemovals are about the search for changes in the log.
func changeSearchRemovals() []removal {
	return []removal{
		{"changes-appended", "a follower sees the configuration changes that it appends", "§4.1", []edit{{"internal/raftlog/log.go",
			`	l.changes.appended(fresh, at, l.applied)
`, ``}}},
		{"changes-truncated", "and forgets those that are replaced", "§4.1; §3.5", []edit{{"internal/raftlog/log.go",
			`	l.changes.truncate(at)
`, ``}}},
		{"changes-restored", "and those before a snapshot", "§4.1; §5", []edit{{"internal/raftlog/log.go",
			`	l.changes = configEntries{from: l.first}
`, ``}}},
		{"changes-stored", "configuration changes are looked for in the stored log", "§4.1", []edit{{"internal/raftlog/config_entries.go",
			`		if more, err := l.lookBack(lo); err != nil || !more {`, `		if more, err := false, error(nil); err != nil || !more {`}}},
		{"changes-once", "each entry is looked at once", "bounds", []edit{{"internal/raftlog/config_entries.go",
			`	if l.changes.list == nil && l.changes.from <= lo+1 {`, `	l.changes = configEntries{from: l.LastIndex() + 1}
	if l.changes.list == nil && l.changes.from <= lo+1 {`}}},
		{"changes-forgotten", "what is applied is forgotten", "bounds", []edit{{"internal/raftlog/config_entries.go",
			`len(all) >= manyChanges && all[len(all)/2] <= applied`, `len(all) < 0`}}},
	}
}

// learnerRemovals are about learners that are awaited.
func learnerRemovals() []removal {
	return []removal{
		{"newcomer-time", "a newcomer has an election timeout to show up", "§6.2", []edit{{"tracker/members.go",
			`			pr.RecentActive = true
`, ``}}},
		{"catch-up-answers", "a learner that does not answer is not caught up", "§4.2.1", []edit{{"catchup.go",
			`	case c.State == CaughtUp && !r.isSilent(c) && c.refused`, `	case c.State == CaughtUp && c.refused`}, {"add_server.go",
			`c.State == CaughtUp && !r.isSilent(c):`, `c.State == CaughtUp:`}}},
		{"catch-up-silent-ends", "the wait for a learner that does not answer ends", "§4.2.1", []edit{{"catchup.go",
			`	case c.running || r.isSilent(c):`, `	case c.running:`}}},
		{"catch-up-illegal", "the wait for a promotion that stays illegal ends", "§4.2.1", []edit{{"add_server.go",
			`				c.refused++
`, ``}}},
		{"catch-up-again", "a learner that is removed and added in one change has to catch up again", "§4.2.1", []edit{{"catchup.go",
			` && r.members.Progress(i).Match >= c.seen:`, `:`}}},
		{"catch-up-again-waits", "who waits for it waits on", "§4.2.1", []edit{{"catchup.go",
			`				first.wait, first.context = c.wait, c.context
`, `				_ = c
`}}},
		{"add-server-context", "the context of AddServer is copied", "ownership", []edit{{"add_server.go",
			`r.beginAddServer(id, slices.Clone(context))`, `r.beginAddServer(id, context)`}}},
	}
}

// transferRemovals are about transfers of the leadership.
func transferRemovals() []removal {
	return []removal{
		{"transfer-repeats", "an order to campaign is repeated with the heartbeats", "§3.10", []edit{{"heartbeat.go",
			`	if r.transferee != None && r.outbox.beats == 1 {`, `	if false {`}}},
		{"transfer-refused", "a transfer ends at once if the target refuses", "§3.10", []edit{{"step.go",
			`		if refusesTransfer(m) {`, `		if false {`}}},
		{"transfer-refusal-of-order", "a refused vote is no refused order", "§3.10", []edit{{"message.go",
			`m.Reject && string(m.Context) == contextTransfer`, `m.Reject`}}},
		{"transfer-target", "only a voter that stays one takes over", "§3.10; bug 9", []edit{{"transfer.go",
			`	if i := r.members.Find(target); i < 0 || !r.members.IsVoter(i) || r.members.LeavesVoters(i) {
		return fmt`, `	if i := r.members.Find(target); i < 0 {
		return fmt`}}},
		{"transfer-demoted", "a transfer ends when its target does not vote any more", "§3.10; bug 9", []edit{{"membership.go",
			`		r.abortTransfer("the target does not vote any more")
`, ``}}},
		{"transfer-caught-up", "the target has everything when it is ordered to campaign", "§3.10; bug 9", []edit{{"transfer.go",
			`return target.Match == last && (r.isVoter || r.log.Committed() == last)`, `return last > 0`}}},
		{"transfer-ends", "a transfer ends after an election timeout", "§3.10; bug 8", []edit{{"tick.go",
			`		r.tickTransfer()
`, ``}}},
		{"transfer-dies", "a transfer ends with the role and the term", "§3.10; bug 8", []edit{{"raft.go",
			`*l = leadership{catching: l.catching, lease: l.lease}`,
			`*l = leadership{catching: l.catching, lease: l.lease, transferee: l.transferee}`}}},
		{"transfer-stops-proposals", "nothing is proposed while the leadership is handed over", "§3.10", []edit{{"propose.go",
			`	case r.transferee != None:
		return ErrTransferring
`, ``}}},
		{"transfer-sender", "a forwarded order to transfer names the target", "§3.10", []edit{{"transfer.go",
			`	r.send(pb.MsgTransferLeader, r.lead).From = transferTarget(m)
`, `	r.send(pb.MsgTransferLeader, r.lead)
`}}},
	}
}
