//go:build with_tla

package raft

import (
	"slices"
	"strconv"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// State traces, for validation against the specification that go.etcd.io/raft publishes
// (Traceetcdraft.tla). The events have the names, fields and JSON of v3.6. Each is emitted where
// the specification takes its step:
//
//   - A Receive event shows the state before the message is handled. A message that the node
//     ignores has no such event: to the specification, it is still under way.
//   - Every other event shows the state after the step, except Replicate, ChangeConf and
//     ApplyConfChange, which come before it.
//   - A message is traced when it is built. Appends are built when Ready is called, so theirs
//     come right before the Ready event. Ready stands for the write: the specification persists
//     the state and releases the messages at once.
//   - A leader and a candidate send their own acknowledgement and vote to themselves.
//
// A node starts with one event, InitState, which shows the state that Storage holds. v3.6 traces
// zeroes there, and two more events. The specification does not accept them after a restart.
//
// The specification has no pre-candidates. They are traced as followers.

// tracer is the trace of one node; it holds nil if Config.TraceLogger is not set.
type tracer struct{ *traced }

type traced struct {
	logger TraceLogger
	// The role and the term that the last event has shown, as the specification knows them.
	role StateType
	term uint64
	// snapshots are the indexes of the snapshots that this leader has sent to others.
	snapshots map[uint64]uint64
}

func newTracer(logger TraceLogger) tracer {
	if logger == nil {
		return tracer{}
	}
	return tracer{&traced{logger: logger}}
}

func (t tracer) off() bool { return t.traced == nil }

// emit traces a step without a message.
func (t tracer) emit(r *raft, name string) { t.emitAll(r, name, nil, nil) }

// emitAll traces a step. m may be nil, and belongs to the event.
func (t tracer) emitAll(r *raft, name string, m *TracingMessage, properties map[string]any) {
	if !t.off() {
		t.role, t.term = r.traceRole(), r.term
		t.logger.TraceEvent(r.tracingEvent(name, m, properties))
	}
}

// emitOwn traces a response of a node to itself.
func (t tracer) emitOwn(r *raft, name string, typ pb.MessageType, index uint64) {
	if !t.off() {
		t.emitAll(r, name, r.traceOwn(typ, index), nil)
	}
}

func (r *raft) tracingEvent(name string, m *TracingMessage, properties map[string]any) *TracingEvent {
	cs := r.members.ConfState()
	return &TracingEvent{
		Name:       name,
		NodeID:     traceID(r.id),
		State:      TracingState{Term: r.term, Vote: traceID(r.vote), Commit: r.log.Committed()},
		Role:       r.traceRole().String(),
		LogSize:    r.log.LastIndex(),
		Conf:       [2][]string{traceIDs(cs.Voters), traceIDs(cs.VotersOutgoing)},
		Message:    m,
		Properties: properties,
	}
}

// traceRole returns the role as the specification knows it.
func (r *raft) traceRole() StateType {
	if r.role == StatePreCandidate {
		return StateFollower
	}
	return r.role
}

func traceID(id uint64) string { return strconv.FormatUint(id, 10) }

func traceIDs(ids []uint64) []string {
	s := make([]string, 0, len(ids))
	for _, id := range ids {
		s = append(s, traceID(id))
	}
	return s
}

func traceInitState(r *raft) { r.trace.emit(r, "InitState") }
func traceReady(r *raft)     { r.trace.emit(r, "Ready") }
func traceCommit(r *raft)    { r.trace.emit(r, "Commit") }

// traceBecomeFollower traces a step to another role or term. A pre-candidate that gives up has been
// traced as a follower all along.
func traceBecomeFollower(r *raft) {
	if r.trace.off() {
		return
	}
	if r.trace.role != StateFollower || r.trace.term != r.term {
		r.trace.emit(r, "BecomeFollower")
	}
}

// traceBecomeLeader also forgets the snapshots that an earlier leadership sent.
func traceBecomeLeader(r *raft) {
	if !r.trace.off() {
		r.trace.snapshots = nil
	}
	r.trace.emit(r, "BecomeLeader")
}

// traceBecomePreCandidate: a candidate whose election has timed out asks for pre-votes again. To
// the specification it steps down.
func traceBecomePreCandidate(r *raft) { traceBecomeFollower(r) }

// traceBecomeCandidate traces the campaign and the vote that the candidate sends to itself.
func traceBecomeCandidate(r *raft) {
	r.trace.emit(r, "BecomeCandidate")
	r.trace.emitOwn(r, "SendRequestVoteResponse", pb.MsgVoteResp, 0)
}

// traceOwnVote: this node's own vote is durable and counts.
func traceOwnVote(r *raft) {
	r.trace.emitOwn(r, "ReceiveRequestVoteResponse", pb.MsgVoteResp, 0)
}

// traceOwnAck: entries of this term are durable on the leader. For entries of earlier terms it has
// traced no acknowledgement to itself, and none of them is committed by counting.
func traceOwnAck(r *raft) {
	if r.log.Stable() >= r.termStart {
		r.trace.emitOwn(r, "ReceiveAppendEntriesResponse", pb.MsgAppResp, r.log.Stable())
	}
}

// traceOwn returns a response of a node to itself.
func (r *raft) traceOwn(t pb.MessageType, index uint64) *TracingMessage {
	return traceMessage(&pb.Message{Type: t, From: r.id, To: r.id, Term: r.term, Index: index})
}

// traceAppend traces what a leader is about to append, and the acknowledgement to itself.
func traceAppend(r *raft, entries []pb.Entry) {
	if r.trace.off() {
		return
	}
	for i := range entries {
		if cc := r.traceChanges(&entries[i]); cc != nil {
			r.trace.emitAll(r, "ChangeConf", nil, map[string]any{"cc": cc})
		} else {
			r.trace.emit(r, "Replicate")
		}
	}
	last := r.log.LastIndex() + uint64(len(entries))
	e := r.tracingEvent("SendAppendEntriesResponse", r.traceOwn(pb.MsgAppResp, last), nil)
	e.LogSize = last
	r.trace.logger.TraceEvent(e)
}

// traceChanges returns the changes that an entry proposes. It returns nil if there are none that
// the specification knows: to it, an entry that changes nothing is an ordinary one.
func (r *raft) traceChanges(e *pb.Entry) *TracingConfChange {
	if !raftlog.IsConfChange(e) {
		return nil
	}
	cc, err := decodeConfChange(e)
	if err != nil {
		return nil
	}
	traced := &TracingConfChange{}
	changes := 0
	for _, c := range cc.Changes {
		i := r.members.Find(c.NodeID)
		action := ""
		switch c.Type {
		case pb.ConfChangeAddNode:
			action = ConfChangeAddNewServer
			changes += traceCount(c.NodeID != None && (i < 0 || !r.members.IsVoter(i)))
		case pb.ConfChangeAddLearnerNode:
			action = ConfChangeAddLearner
			changes += traceCount(c.NodeID != None && (i < 0 || !r.members.IsLearner(i)))
		case pb.ConfChangeRemoveNode:
			action = ConfChangeRemoveServer
			changes += traceCount(i >= 0)
		default:
			continue
		}
		traced.Changes = append(traced.Changes, SingleConfChange{NodeID: traceID(c.NodeID), Action: action})
	}
	if changes == 0 {
		return nil
	}
	return traced
}

func traceCount(is bool) int {
	if is {
		return 1
	}
	return 0
}

// traceSwitchConfig: the configuration is about to become active.
func traceSwitchConfig(r *raft, cfg *tracker.Config) {
	if r.trace.off() {
		return
	}
	voters := make([]uint64, 0, len(cfg.Voters[0]))
	for id := range cfg.Voters[0] {
		voters = append(voters, id)
	}
	slices.Sort(voters)
	r.trace.emitAll(r, "ApplyConfChange", nil, map[string]any{"cc": &TracingConfChange{NewConf: traceIDs(voters)}})
}

// traceSend: m is complete and was put into the outbox.
func traceSend(r *raft, m *pb.Message) {
	step := traceStep(m.Type)
	if step == "" || r.trace.off() {
		return
	}
	var properties map[string]any
	if i := r.members.Find(r.id); m.Type == pb.MsgApp && i >= 0 {
		own := r.members.Progress(i)
		properties = map[string]any{"match": own.Match, "next": own.Next}
	}
	if m.Type == pb.MsgSnap {
		if r.trace.snapshots == nil {
			r.trace.snapshots = map[uint64]uint64{}
		}
		r.trace.snapshots[m.To] = m.Snapshot.Metadata.Index
	}
	r.trace.emitAll(r, "Send"+step, traceMessage(m), properties)
}

// traceReceive: m is about to be handled.
func traceReceive(r *raft, m *pb.Message) {
	step := traceStep(m.Type)
	if step == "" || m.From == r.id || r.trace.off() || r.traceIgnored(m) {
		return
	}
	received := traceMessage(m)
	if m.Term == 0 {
		received.Term = r.term // it counts as one of this term
	}
	r.trace.emitAll(r, "Receive"+step, received, nil)
}

// traceIgnored reports whether the node, unlike the specification, handles a message of this term
// without a change of the state that the specification knows.
func (r *raft) traceIgnored(m *pb.Message) bool {
	switch {
	case m.Term != r.term:
		return false
	case m.Type == pb.MsgVote:
		// A promise to a leader, or a leader of this term, keeps the node from voting.
		req := voteReqOf(m)
		return r.hasPromised() && !req.transfer || r.vote == None && r.lead != None && req.upToDate(r.log.Last())
	case m.Type == pb.MsgVoteResp:
		// Such a rejection mostly arrives after the candidate has won.
		return m.Reject && r.role != StateCandidate
	case m.Type == pb.MsgAppResp:
		// The acknowledgement of a snapshot has a type that no event can show.
		index, sent := r.trace.snapshots[m.From]
		if sent = sent && !m.Reject && m.Index >= index; sent {
			delete(r.trace.snapshots, m.From)
		}
		return sent && m.Index == index
	}
	return false
}

// traceStep returns the name of a message's type in events, or "" if the specification does not
// know the type.
func traceStep(t pb.MessageType) string {
	switch t {
	case pb.MsgApp, pb.MsgHeartbeat, pb.MsgSnap:
		return "AppendEntriesRequest"
	case pb.MsgAppResp, pb.MsgHeartbeatResp:
		return "AppendEntriesResponse"
	case pb.MsgVote:
		return "RequestVoteRequest"
	case pb.MsgVoteResp:
		return "RequestVoteResponse"
	}
	return ""
}

func traceMessage(m *pb.Message) *TracingMessage {
	t := &TracingMessage{
		Type:        m.Type.String(),
		Term:        m.Term,
		From:        traceID(m.From),
		To:          traceID(m.To),
		EntryLength: len(m.Entries),
		LogTerm:     m.LogTerm,
		Index:       m.Index,
		Commit:      m.Commit,
		Vote:        traceID(m.Vote),
		Reject:      m.Reject,
		RejectHint:  m.RejectHint,
	}
	switch m.Type {
	case pb.MsgApp:
		t.Commit = min(m.Commit, m.Index+uint64(len(m.Entries)))
	case pb.MsgAppResp:
		t.Reject = m.Reject || m.Index == 0
	case pb.MsgSnap:
		t.Index, t.LogTerm = 0, 0
		if m.Snapshot != nil {
			t.EntryLength = int(m.Snapshot.Metadata.Index)
		}
	}
	return t
}
