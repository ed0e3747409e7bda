package raft

import (
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// sendHeartbeats sends a heartbeat to every other member (thesis §3.4). If there are reads to
// confirm or a lease to extend, the heartbeats carry the number of a round.
func (r *raft) sendHeartbeats() {
	context, sent := r.startRound(), false
	for i := range r.members.Len() {
		if id := r.members.ID(i); id != r.id {
			m := r.send(pb.MsgHeartbeat, id)
			m.Context = context
			// Not beyond what the follower is known to have: its log may end before the leader's
			// commit index, or differ there.
			pr := r.members.Progress(i)
			m.Commit = min(pr.Match, r.log.Committed())
			if r.limits.defersCommit() && pr.CanBumpCommit(m.Commit) {
				pr.SentCommit(m.Commit) // so no append has to say it
			}
			pr.Rest()
			traceSend(r, m)
			sent = true
		}
	}
	if sent {
		r.outbox.beats++
	}
	if r.transferee != None && r.outbox.beats == 1 {
		r.finishTransfer(r.transferee) // the order may have been lost
	}
	if r.members.DecidesAlone(r.id) {
		r.reconfirmReads() // there is no answer to wait for
	}
}

// confirmReads sends the round that reads wait for. A leader that decides alone answers them at
// once.
func (r *raft) confirmReads() {
	if !r.readRoundDue() {
		return
	}
	if r.members.DecidesAlone(r.id) {
		r.startRound()
		r.answerReads(r.reads.round)
		return
	}
	r.sendHeartbeats()
}

// handleHeartbeat is the follower's half. It echoes the round only of a heartbeat with a term:
// otherwise a node in a later term would confirm the reads of an earlier leader.
//
// The leader names no commit index beyond what this node has acknowledged. If this node's log ends
// before that index, its disk has lost acknowledged entries. Those entries may be committed because
// of the acknowledgement, so the node must neither vote nor acknowledge: it is quarantined.
func (r *raft) handleHeartbeat(m *pb.Message) error {
	r.heardFromLeader(m.From)
	if err := r.commitFromLeader(m.Commit); err != nil {
		return r.quarantine("handling a heartbeat", err)
	}
	resp := r.sendOnceTermDurable(pb.MsgHeartbeatResp, m.From)
	if m.Term != 0 {
		resp.Context = m.Context
	}
	traceSend(r, resp)
	return nil
}

// handleHeartbeatResp is the leader's half. The follower is alive, so it may be probed again. If it
// has not matched the leader's whole log, a probe finds out whether appends were lost. The round in
// a response without a term does not count: it may be a round of an earlier term.
func (r *raft) handleHeartbeatResp(m *pb.Message, pr *tracker.Progress) error {
	pr.HeardFrom()
	pr.Answer()
	if pr.State == tracker.StateReplicate && pr.Match < r.log.LastIndex() {
		pr.Ping()
	}
	if m.Term != 0 {
		r.echoedRound(m.From, m.Context)
	}
	return nil
}
