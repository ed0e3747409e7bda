package raft

// advanceCommit applies the commit rule: an index is committed when a quorum has
// matched it and its entry is of the leader's own term. Only entries of the own
// term are committed by counting (thesis §3.6.2): Figure 3.7 shows how an older one on
// a majority can still be lost; it is committed with the first own entry after it.
func (r *raft) advanceCommit() bool {
	index := r.members.Committed()
	if index <= r.log.committed || index < r.termStart {
		traceCommit(r)
		return false
	}
	// Acknowledgements beyond the log were refused, so index is in it.
	if err := r.log.commitTo(index); err != nil {
		_ = r.quarantine("committing", err)
		return false
	}
	traceCommit(r)
	return true
}

// advanceOwnMatch counts this leader's own entries once they are durable, and only
// then (thesis §10.2.1): a leader acknowledges itself like a follower does.
func (r *raft) advanceOwnMatch() {
	traceOwnAck(r)
	if r.members.MaybeUpdate(r.id, r.log.stable()) {
		r.advanceCommit()
	}
}

// commitAsTold moves the commit index to the one that the leader of this term reports.
func (r *raft) commitAsTold(index uint64) error {
	term, _ := r.log.term(r.log.stable())
	return r.commitOnWord(index, term == r.term)
}

// nameCommit encodes the term and index of the last committed entry for a message's Context. It
// returns nil if nothing is committed.
func (r *raft) nameCommit() []byte {
	if term, ok := r.log.term(r.log.committed); ok && r.log.committed > 0 {
		return committedContext(entryID{term: term, index: r.log.committed})
	}
	return nil
}

// commitOnWord moves the commit index to index, which another node reports as committed, as far as
// beforeAlone allows. It remembers the rest if the first configuration holds it back.
func (r *raft) commitOnWord(index uint64, proof bool) error {
	index, err := r.beforeAlone(index, proof)
	if err != nil {
		return err
	}
	if err := r.log.commitTo(index); err != nil {
		return err
	}
	if r.log.committed < index {
		p := r.openPostponed()
		p.commit = max(p.commit, index)
	}
	return nil
}

// commitFirstConfiguration commits the first configuration, and what it has held back, once all of
// the first configuration is durable.
func (r *raft) commitFirstConfiguration() error {
	end, err := r.log.completeFirstConfiguration()
	if err != nil || end == 0 {
		return err
	}
	if limit, err := r.beforeAlone(end, r.log.last().term == r.term); err != nil || limit < end {
		return err
	}
	r.log.committed = end
	if r.postponed == nil {
		return nil
	}
	// What is committed is in the log of every later leader, whatever has become of this one since.
	index := min(r.postponed.commit, r.log.lastIndex())
	r.postponed.commit = 0
	return r.commitAsTold(index)
}
