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
	// The next change must not be committed before the earlier one is in effect, see changesOut.
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
		r.openPostponed().first = true // commitTo waits for the whole first configuration
	}
	traceCommit(r)
	return true
}

// commitOwed returns the commit index that the leader owes its followers: an append is due to one
// that was told less, even if there is no entry to send. With Config.DeferCommit, the leader owes
// it only up to the last configuration change: a member that the change removes gets no message
// later. A higher commit index goes out with whatever is sent next.
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
// as commitReported allows. An entry of the leader's term in the durable log proves that this node
// is not behind, in the sense of alone.go.
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
// as beforeAlone allows. proof reports whether it is proven that this node is not behind, see
// alone.go. commitReported postpones the report if Storage cannot give the configuration changes
// now, or if commitTo waits for the whole first configuration.
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
		r.postponeCommit(limit, proof) // commitTo waits for the whole first configuration
	}
	return nil
}

// resumeCommit acts on the postponed reports. What a report names is committed for ever, even if
// the node that made the report is gone. The proof of a report is void if a leader has since
// reported a commit index that this log does not reach, see alone.go. If resumeCommit returns an
// error, it has quarantined the node.
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

// resumeFirst tries again to commit the first configuration. On a leader, it tries again to commit
// what waited for the first configuration. If it returns an error, the node is quarantined.
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
