package raft

import (
	"errors"
	"fmt"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// appendsDue reports whether some follower is owed an append: with entries, or only to report a
// commit index, see commitOwed.
func (r *raft) appendsDue() bool {
	return r.role == StateLeader && r.members.AppendDue(r.id, r.log.LastIndex(), r.commitOwed())
}

// buildAppends builds the appends that followers are owed. It runs once per Ready. So one append
// carries all new entries and the commit index, however many steps have brought them. A follower
// gets more than one append only if size limits split it. Nothing else makes a MsgApp.
func (r *raft) buildAppends() error {
	if r.role != StateLeader {
		return nil
	}
	last, commit := r.log.LastIndex(), r.commitOwed()
	for i := r.members.MayBeDue(0, last, commit); i >= 0; i = r.members.MayBeDue(i+1, last, commit) {
		id := r.members.ID(i)
		if id == r.id {
			continue
		}
		// The loop ends, because each append advances Next, fills the window, or pauses the
		// follower.
		for pr := r.members.Progress(i); pr.AppendDue(last, commit); {
			if err := r.buildAppend(id, pr); err != nil {
				return r.quarantine("building an append", err)
			}
		}
	}
	// No append is due any more. This call notes that for each member that got one, so that
	// appendsDue does not examine it again.
	r.members.AppendDue(r.id, last, commit)
	return nil
}

// buildAppend makes one append, or a snapshot if the entries are compacted. If Storage fails, it
// returns the error and makes no append.
func (r *raft) buildAppend(to uint64, pr *tracker.Progress) error {
	prev := raftlog.EntryID{Index: pr.Next - 1}
	term, ok := r.log.Term(prev.Index)
	if !ok {
		return r.buildSnapshot(to, pr)
	}
	prev.Term = term
	var entries []pb.Entry
	// An append carries no entries if the window is full, or if probes were rejected repeatedly.
	// Such an append still asks whether the follower has prev. The answer shows whether appends in
	// flight were lost, and whether the logs agree up to prev.
	if pr.TakesEntries() {
		var err error
		entries, err = r.log.Entries(pr.Next, r.log.LastIndex()+1, r.limits.messageBytes)
		switch {
		case errors.Is(err, ErrCompacted):
			return r.buildSnapshot(to, pr)
		case errors.Is(err, ErrUnavailable):
			r.hinder(pr, "%x: entries from %d are not available for %x: %v", r.id, pr.Next, to, err)
			return nil
		case err != nil:
			return err
		}
		if len(entries) == 0 && pr.Next <= r.log.LastIndex() {
			// The loop that builds appends ends because each one makes progress.
			return fmt.Errorf("%w: no entries from %d on, last index %d", ErrInvariant, pr.Next, r.log.LastIndex())
		}
	}
	m := r.send(pb.MsgApp, to)
	m.LogTerm, m.Index = prev.Term, prev.Index
	m.Entries = entries
	m.Commit = r.log.Committed()
	traceSend(r, m)
	pr.SentAppend(len(entries), raftlog.PayloadBytes(entries), r.log.Committed(), r.inflight())
	return nil
}

// hinder pauses a follower until its next sign of life, because what it needs cannot be sent. The
// reason is not logged again until something has been sent.
func (r *raft) hinder(pr *tracker.Progress, format string, args ...any) {
	if pr.Hinder() {
		r.logger.Warningf(format, args...)
	}
}

// resumeHindered ends the pauses that hinder has begun.
func (r *raft) resumeHindered() {
	if r.role != StateLeader {
		return
	}
	for i := range r.members.Len() {
		if r.members.Progress(i).Resume() {
			r.members.Change(i)
		}
	}
}

// handleAppend is a follower's receipt of an append (thesis Figure 3.1, AppendEntries).
func (r *raft) handleAppend(m *pb.Message) error {
	req := appendReq{m}
	r.heardFromLeader(req.From)
	if err := r.checkCommittedPrefix(req); err != nil {
		return r.quarantine("handling an append", err)
	}
	r.heardCommit = max(r.heardCommit, req.commit())
	if req.prev().Index < r.log.Committed() {
		// The append is old, or was sent before a snapshot arrived. Committed entries match every
		// leader's log, so all of them are acknowledged. The append's entries are not used: the
		// leader sends those after the commit index again.
		r.acknowledge(req.From, r.log.Committed(), req.commit())
		return nil
	}
	if !r.log.Has(req.prev()) && !r.isForgotten(req.prev().Index) {
		if r.postponed.hasSnapshot() && req.prev().Index <= r.postponed.snapshot.Metadata.Index {
			return nil // the postponed snapshot will be acknowledged; a rejection would make the leader send it again
		}
		r.rejectAppend(req)
		return nil
	}
	if len(req.Entries) > 0 {
		if err := r.log.Append(req.log()); err != nil {
			return r.quarantine("handling an append", err)
		}
	}
	// Acknowledge what this append matched, not this log's last index. Entries beyond the match may
	// be of an earlier term, and the leader may not have them.
	matched := req.last().Index
	if err := r.commitFromLeader(min(req.commit(), matched)); err != nil {
		return r.quarantine("handling an append", err)
	}
	r.acknowledge(req.From, matched, req.commit())
	return nil
}

// isForgotten reports whether index is committed here and its term is no longer known. A committed
// entry is the same in the log of every later leader (thesis §3.6.3).
func (r *raft) isForgotten(index uint64) bool {
	_, known := r.log.Term(index)
	return !known && index <= r.log.Committed()
}

// checkCommittedPrefix refuses an append that differs from this log at or before the commit index.
// State Machine Safety is broken then, here or at the sender.
func (r *raft) checkCommittedPrefix(req appendReq) error {
	if req.prev().Index > r.log.Committed() {
		return nil
	}
	differs := func(id raftlog.EntryID) bool {
		term, known := r.log.Term(id.Index)
		return known && term != id.Term && id.Index <= r.log.Committed()
	}
	if prev := req.prev(); differs(prev) {
		return fmt.Errorf("%w: an append follows %v, commit index %d", ErrCommittedConflict, prev, r.log.Committed())
	}
	for i := range req.Entries {
		id := raftlog.IDOf(&req.Entries[i])
		if id.Index > r.log.Committed() {
			break
		}
		if differs(id) {
			return fmt.Errorf("%w: an append holds %v, commit index %d", ErrCommittedConflict, id, r.log.Committed())
		}
	}
	return nil
}

// acknowledge tells the leader that this log equals the leader's log up to index. The message waits
// until everything appended so far is durable.
//
// named is the commit index in the leader's message. If a configuration change after that index is
// committed here, the leader may use an outdated configuration, so the response also carries this
// node's last committed entry. It does so too if Storage cannot show whether there is such a
// change.
func (r *raft) acknowledge(to, index, named uint64) {
	m := r.sendOnceDurable(pb.MsgAppResp, to)
	m.Index = index
	if r.log.Committed() > named {
		change, err := r.log.HasConfChange(named, r.log.Committed())
		unknown := errors.Is(err, ErrUnavailable)
		if err != nil && !unknown {
			_ = r.quarantine("looking for configuration changes", err)
		}
		if change || unknown {
			m.Context = r.nameCommit()
		}
	}
	traceSend(r, m)
}

// rejectAppend tells the leader that this log does not have the append's prev. The hint is the last
// entry at which the logs can agree. It is not beyond this log's last index, and its term is not
// later than the leader's term at prev (thesis §3.5).
func (r *raft) rejectAppend(req appendReq) {
	prev := req.prev()
	hint := raftlog.EntryID{Index: min(prev.Index, r.log.LastIndex())}
	// Committed entries agree with every leader's log.
	hint.Index = max(r.log.Committed(), r.log.LastNotAfter(hint.Index, prev.Term))
	hint.Term, _ = r.log.Term(hint.Index)
	m := r.sendOnceDurable(pb.MsgAppResp, req.From)
	m.Index = prev.Index
	m.Reject = true
	m.RejectHint, m.LogTerm = hint.Index, hint.Term
	traceSend(r, m)
}

// handleAppendResp is the leader's half. The leader learns what the follower has, and so what to
// send next.
func (r *raft) handleAppendResp(m *pb.Message, pr *tracker.Progress) error {
	resp := appendResp{m}
	if resp.index() > r.log.LastIndex() {
		return fmt.Errorf("%w: %d, last index %d", ErrBeyondLog, resp.index(), r.log.LastIndex())
	}
	pr.RecentActive = true
	pr.Answer()
	if resp.Reject {
		r.handleRejection(resp, pr)
	} else {
		r.handleAcknowledgement(resp, pr)
	}
	return nil
}

// handleRejection moves Next back to where the logs can agree: not beyond the follower's hint, and
// not where the leader's own log has a later term than the hint. A hint is a place to try, never a
// match.
func (r *raft) handleRejection(resp appendResp, pr *tracker.Progress) {
	if pr.State == tracker.StateSnapshot {
		return // the follower will acknowledge the snapshot
	}
	next := resp.hint().Index
	if resp.hint().Term != 0 {
		next = r.log.LastNotAfter(min(next, r.log.LastIndex()), resp.hint().Term)
	}
	if pr.MaybeDecrTo(resp.index(), next) && pr.State == tracker.StateReplicate {
		pr.BecomeProbe()
	}
}

// handleAcknowledgement counts what a follower has matched.
func (r *raft) handleAcknowledgement(resp appendResp, pr *tracker.Progress) {
	// An acknowledgement that raises no Match still ends a probe, if it acknowledges the entry that
	// was probed. The response to a request of an earlier term has index 0 and acknowledges
	// nothing.
	if !r.members.MaybeUpdate(resp.From, resp.index()) && (pr.State != tracker.StateProbe || pr.Match != resp.index() || pr.Next != resp.index()+1) {
		return
	}
	switch pr.State {
	case tracker.StateProbe:
		pr.BecomeReplicate()
	case tracker.StateSnapshot:
		// The follower may have got a snapshot from elsewhere. What counts is that its log now
		// reaches this one's first entry.
		if pr.Match+1 >= r.log.First() {
			pr.BecomeReplicate()
		}
	case tracker.StateReplicate:
		pr.Inflights.FreeLE(resp.index())
		pr.HeardFrom()
	}
	if resp.index() > r.log.Committed() {
		r.advanceCommit()
	} else {
		traceCommit(r) // the commit index does not move
	}
	if r.transferee != None {
		r.finishTransfer(resp.From)
		r.stepDownAsNonVoter()
	}
}

// reportUnreachable notes that messages to a peer are being lost. What is in flight may be lost
// too, so the follower is probed. The probe is sent with the next entry or commit, or after the
// follower's next sign of life. If a probe were sent at once, the application would report that
// it is lost too, and so on for as long as the peer is dead.
func (r *raft) reportUnreachable(id uint64) {
	if pr := r.progressOf(id); pr != nil && pr.State == tracker.StateReplicate {
		pr.BecomeProbe()
		pr.Quiet(r.log.LastIndex(), r.commitOwed())
		r.logger.Debugf("%x: %x is unreachable", r.id, id)
	}
}

// progressOf returns what the leader knows of another member. The caller may change it. It is nil
// if this node is not the leader, or id is not another member.
func (r *raft) progressOf(id uint64) *tracker.Progress {
	if r.role != StateLeader || id == r.id {
		return nil
	}
	i := r.members.Find(id)
	if i < 0 {
		return nil
	}
	return r.members.Change(i)
}
