package raft

import "errors"

// Committed entries are handed out in order, at most so many bytes at a time, and come back as
// applied: with Advance, or as the acknowledgement of the apply thread.

// applyDue reports whether there are entries to hand out for applying, and room for them.
func (r *raft) applyDue() bool { return r.log.ApplyDue() && r.mayApply() }

func (r *raft) mayApply() bool {
	_, room := r.applyRoom()
	return room && r.postponed.mayRead() && r.log.Applying()+1 < r.log.ApplyEnd(r.async == nil)
}

// mayRead reports whether entries to apply may be handed out, as far as nothing waits.
func (p *postponed) mayRead() bool {
	return p == nil || p.snapshot == nil && p.reading != unreadable
}

// applyRoom returns how many encoded bytes of committed entries may be handed out now. With
// asynchronous storage writes, what is with the apply thread counts; at least one entry may be
// there.
func (r *raft) applyRoom() (bytes uint64, any bool) {
	limit := r.limits.applyBytes()
	if r.async == nil || r.async.applyingBytes == 0 {
		return limit, true
	}
	if r.async.applyFull || r.async.applyingBytes >= limit {
		return 0, false
	}
	return limit - r.async.applyingBytes, true
}

// fillCommitted hands out entries to apply. An error has quarantined the node.
func (r *raft) fillCommitted(rd *Ready) error {
	room, _ := r.applyRoom()
	committed, err := r.toApply(room)
	if err != nil {
		if errors.Is(err, ErrUnavailable) {
			r.postponeReading(err)
			return nil
		}
		return r.quarantine("reading entries to apply", err)
	}
	if r.postponed != nil {
		r.postponed.reading = readable
	}
	if n := len(committed); n > 0 {
		rd.CommittedEntries = committed
		rd.MustSync = r.noteChangesOut(committed)
		r.log.HandedOut(committed[n-1].Index)
		if cfg, ok := r.firstInEffect(committed); ok {
			r.switchConfig(cfg)
		}
	}
	return nil
}

// postponeReading waits with entries to apply that Storage cannot give now, and says so once.
func (r *raft) postponeReading(err error) {
	p := r.openPostponed()
	if p.reading == readable {
		r.logger.Warningf("%x waits for entries to apply: %v", r.id, err)
	}
	p.reading = unreadable
}

// retry lets entries to apply that were not available be asked for again.
func (p *postponed) retry() {
	if p != nil && p.reading == unreadable {
		p.reading = tryToReread
	}
}

// endApply notes that the entries up to index are applied; bytes is the payload of
// those among them that were not acknowledged before.
func (r *raft) endApply(index, bytes uint64) {
	if index <= r.log.Applied() || index > r.log.Applying() {
		return
	}
	r.log.NoteApplied(index)
	r.proposalApplied(bytes)
	r.leaveJoint()
	if r.postponed != nil {
		r.resumePostponed()
	}
}

// resumePostponed goes on with what has waited for entries to be applied.
func (r *raft) resumePostponed() {
	r.resumeSnapshot()
	if r.postponed != nil && r.postponed.campaignUntil != 0 {
		_ = r.campaignAsOrdered() // an error has quarantined the node
	}
}

// resumeWithoutChangesOut resumes what changesOut has held back. If that fails, it quarantines the
// node.
func (r *raft) resumeWithoutChangesOut() {
	r.postponed.out = changesOut{}
	if r.role == StateLeader {
		r.effective = r.log.Applying()
		if r.members.Committed() > r.log.Committed() {
			r.advanceCommit()
		}
	}
	if r.log.Applied() == r.log.Applying() { // otherwise endApply does it
		r.resumePostponed()
	}
	r.postponed = r.postponed.orNil()
}

// storageAvailable tries what has waited because Storage could not give it: appends and snapshots,
// entries to apply, a report of what is committed, and a campaign that the leader has ordered.
// Another campaign is tried at each tick.
func (r *raft) storageAvailable() {
	r.resumeHindered()
	r.postponed.retry()
	if r.resumeCommit() != nil {
		return // the node is quarantined
	}
	if r.postponed != nil && r.postponed.campaignUntil != 0 {
		_ = r.campaignAsOrdered() // an error has quarantined the node
	}
}
