package raft

import (
	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// A Ready hands out one write: hard state, snapshot and entries. Advance acknowledges the write,
// and what was applied. With asynchronous storage writes, the same write travels as a
// MsgStorageAppend, and its acknowledgement comes back as a message. Then several writes may be
// under way, and are acknowledged in order. What was applied has a message of its own.

// write says what becomes durable when one Ready's storage work is acknowledged.
type write struct {
	raftlog.Write
	// voteTerm is the term of the own vote that is durable; 0 if none was written.
	voteTerm uint64
}

// beginWrite adds the entries and the snapshot that were not handed out for writing yet.
func (r *raft) beginWrite(rd *Ready) (w write) {
	entries, snapshot, written := r.log.TakeWrite()
	w.Write = written
	if len(entries) > 0 {
		rd.Entries = entries
	}
	if snapshot != nil {
		rd.Snapshot = *snapshot
	}
	if r.ownVotePending {
		w.voteTerm = r.term
	}
	return w
}

// endWrite acts on the durability of a write: a leader counts its own entries, and a candidate its
// own vote.
func (r *raft) endWrite(w *write) error {
	restored, moved := r.log.Acknowledge(w.Write)
	if moved && r.role == StateLeader {
		r.advanceOwnMatch()
	}
	if r.log.Committed() == 0 {
		if err := r.commitFirstConfiguration(); err != nil {
			return err
		}
		if r.log.Committed() > 0 && r.resumeCommit() != nil {
			return r.err()
		}
	}
	if w.voteTerm != 0 {
		if err := r.countOwnVote(w.voteTerm); err != nil {
			return err
		}
	}
	if restored && r.postponed != nil {
		r.resumePostponed() // nothing may be left to apply
	}
	return nil
}

// storageAppend makes the message that carries a write to the append thread, with every response
// that waits for the write. What the message refers to stays valid. With sync, the write has to be
// durable even if no response waits for it.
func (r *raft) storageAppend(rd *Ready, w write, sync bool) {
	m := r.send(pb.MsgStorageAppend, LocalAppendThread)
	m.Entries = rd.Entries
	m.Term, m.Vote, m.Commit = rd.HardState.Term, rd.HardState.Vote, rd.HardState.Commit
	ack := pb.Message{Type: pb.MsgStorageAppendResp, From: LocalAppendThread, To: r.id, Term: r.term, RejectHint: w.Generation}
	last := r.log.Last()
	unacknowledged := r.log.Stable() < last.Index
	if unacknowledged {
		ack.Index, ack.LogTerm = last.Index, last.Term
	}
	if w.Snapshot != 0 {
		s, acknowledged := rd.Snapshot, rd.Snapshot // the thread may change its copy
		m.Snapshot, ack.Snapshot = &s, &acknowledged
	}
	if r.role == StateLeader && len(rd.Entries) > 0 {
		// v3.6 sends this message. The acknowledgement below makes it redundant here.
		m := r.sendOnceDurable(pb.MsgAppResp, r.id)
		m.Index = last.Index
	}
	if w.voteTerm != 0 {
		r.sendOnceDurable(pb.MsgVoteResp, r.id).Term = w.voteTerm
	}
	// As in v3.6, a message without responses need not be durable. A pool needs an
	// acknowledgement to get its array back.
	gated := r.async.hasGated()
	switch {
	case unacknowledged || w.Snapshot != 0 || sync || gated && (r.async.appendResponses != nil || r.async.echoWaits(r.term)):
		m.Responses = r.async.responses(r.async.appendResponses, &ack)
	case gated:
		m.Responses = r.async.gated.take(false)
	}
}

// responses returns every response that waits for a write, the acknowledgement last. pool is nil
// without Config.ReuseMemory.
func (a *asyncWrites) responses(pool *responsePool, ack *pb.Message) []pb.Message {
	if pool == nil {
		*a.gated.next() = *ack
		return a.gated.take(false)
	}
	responses := a.gated.drain(pool.take(len(a.gated.filling) + 1))
	return pool.lend(append(responses, *ack))
}

// handleStorageAppendResp is the append thread's acknowledgement.
func (r *raft) handleStorageAppendResp(m *pb.Message) error {
	r.async.appendResponses.acknowledged()
	r.async.durableTerm = max(r.async.durableTerm, m.Term)
	w := write{Write: raftlog.Write{Generation: m.RejectHint, Index: m.Index}}
	if m.Snapshot != nil {
		w.Snapshot = m.Snapshot.Metadata.Index
	}
	return r.endWrite(&w)
}

// storageApply makes the message that carries committed entries to the apply thread. No response
// waits for a write then: storageAppend has taken them all.
func (r *raft) storageApply(entries []pb.Entry) {
	r.async.applyingBytes += raftlog.EncodedBytes(entries)
	r.async.applyFull = r.log.Applying()+1 < r.log.ApplyEnd(false)
	ack := pb.Message{Type: pb.MsgStorageApplyResp, From: LocalApplyThread, To: r.id, Entries: entries}
	m := r.send(pb.MsgStorageApply, LocalApplyThread)
	m.Term, m.Entries, m.Responses = 0, entries, r.async.responses(r.async.applyResponses, &ack)
}

// handleStorageApplyResp is the apply thread's acknowledgement.
func (r *raft) handleStorageApplyResp(m *pb.Message) error {
	r.async.applyResponses.acknowledged()
	if n := len(m.Entries); n > 0 {
		r.async.applyingBytes -= min(r.async.applyingBytes, raftlog.EncodedBytes(m.Entries))
		r.async.applyFull = false
		r.endApply(m.Entries[n-1].Index, raftlog.PayloadBytes(m.Entries))
	}
	return nil
}
