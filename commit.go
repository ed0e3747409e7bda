package raft

import (
	"errors"

	"github.com/ffd200af/raft/internal/raftlog"
)

// advanceCommit applies the commit rule: an index is committed when a quorum has matched it and its
// entry is of the leader's own term (thesis §3.6.2). Figure 3.7 shows how an entry of an earlier
// term can still be lost although a majority has it. Such an entry is committed with the first
// entry of the leader's term after it.
func (r *raft) advanceCommit() bool {
	index := r.members.Committed()
	if r.hasChangesOut() && r.pendingConfIndex > r.log.Committed() {
		index = min(index, r.pendingConfIndex-1)
	}
	if index <= r.log.Committed() || index < r.termStart {
		traceCommit(r)
		return false
	}
	// Acknowledgements beyond the log were refused, so index is in it.
	if err := r.commitTo(index); err != nil {
		_ = r.quarantine("committing", err)
		return false
	}
	if r.log.Committed() < index {
		r.openPostponed().first = true // the first configuration holds the commit index back
	}
	traceCommit(r)
	return true
}

// commitOwed returns the commit index that the leader owes its followers: an append is due to one
// that was told less, even if there is no entry to send. With Config.DeferCommit, that is only the
// part up to the last configuration change: a member that is removed gets no later message. The
// rest goes out with whatever is sent next.
func (r *raft) commitOwed() uint64 {
	if r.limits.defersCommit() {
		return min(r.log.Committed(), r.pendingConfIndex)
	}
	return r.log.Committed()
}

// advanceOwnMatch counts this leader's own entries once they are durable, and only then (thesis
// §10.2.1): a leader acknowledges itself like a follower does.
func (r *raft) advanceOwnMatch() {
	traceOwnAck(r)
	if r.members.MaybeUpdate(r.id, r.log.Stable()) {
		r.advanceCommit()
	}
}

// commitFromLeader moves the commit index to index, which the leader of this term reports, as far
// as commitReported allows. A log that holds an entry of the leader's term proves that it is not
// behind, see alone.go.
func (r *raft) commitFromLeader(index uint64) error {
	if index <= r.log.Committed() {
		return nil
	}
	term, _ := r.log.Term(r.log.Stable())
	return r.commitReported(index, term == r.term)
}

// nameCommit encodes the term and index of the last committed entry for a message's Context. It
// returns nil if nothing is committed.
func (r *raft) nameCommit() []byte {
	if term, ok := r.log.Term(r.log.Committed()); ok && r.log.Committed() > 0 {
		return committedContext(raftlog.EntryID{Term: term, Index: r.log.Committed()})
	}
	return nil
}

// commitReported moves the commit index to index, which another node reports as committed, as far
// as beforeAlone allows. proof says that this log is not behind, see alone.go. commitReported
// postpones the report if Storage cannot give the changes now, or if the first configuration holds
// it back.
func (r *raft) commitReported(index uint64, proof bool) error {
	if err := r.log.CheckCommit(index); err != nil {
		return err
	}
	limit, err := r.beforeAlone(index, proof)
	if errors.Is(err, ErrUnavailable) {
		r.postponeCommit(index, proof)
		return nil
	}
	if err != nil {
		return err
	}
	if err := r.commitTo(limit); err != nil {
		return err
	}
	if r.log.Committed() < limit {
		r.postponeCommit(limit, proof) // the first configuration holds it back
	}
	return nil
}

// resumeCommit acts on the postponed reports. What a report names is committed for ever, even if
// the node that made the report is gone. A proof is void if a leader has since reported a commit
// index that this log does not reach, see alone.go. An error has quarantined the node.
func (r *raft) resumeCommit() error {
	p := r.postponed
	if p == nil {
		return nil
	}
	commit, proven, first := p.commit, p.proven, p.first
	p.commit, p.proven, p.first = 0, 0, false
	if first {
		if err := r.resumeFirst(); err != nil {
			return err
		}
	}
	var err error
	if proven > r.log.Committed() {
		err = r.commitReported(proven, r.log.Stable() >= r.heardCommit)
	}
	if err == nil && commit > r.log.Committed() {
		err = r.commitFromLeader(commit)
	}
	if err != nil {
		return r.quarantine("committing what was reported", err)
	}
	return nil
}

// resumeFirst tries again to commit the first configuration, or on a leader what it held back. An
// error has quarantined the node.
func (r *raft) resumeFirst() error {
	if r.role == StateLeader {
		r.advanceCommit()
		return r.err()
	}
	if r.log.Committed() == 0 {
		return r.commitFirstConfiguration()
	}
	return nil
}

// hasPostponedCommit reports whether a postponed report names an index beyond the commit index.
func (r *raft) hasPostponedCommit() bool {
	return r.postponed != nil && max(r.postponed.commit, r.postponed.proven) > r.log.Committed()
}
