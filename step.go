package raft

import (
	"errors"
	"fmt"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// step is the only entry for messages. It checks the message, applies the term rule, and calls the
// handler of the role. A refused message has changed nothing.
func (r *raft) step(m *pb.Message) error {
	if r.err() != nil {
		return r.err()
	}
	if r.record != nil {
		r.record.step(m)
	}
	if err := checkMessage(m, r.id, r.async != nil); err != nil {
		return refusal(m, err)
	}
	if IsResponseMsg(m.Type) && !IsLocalMsgTarget(m.From) && r.members.Find(m.From) < 0 {
		return ErrStepPeerNotFound
	}
	if err := r.checkLeader(m); err != nil {
		return refusal(m, err)
	}
	if err := r.checkTermZero(m); err != nil {
		return refusal(m, err)
	}
	if m.Term != r.term && namesTerm(m) {
		if !r.applyTermRule(m) {
			return r.err()
		}
	} else {
		traceReceive(r, m)
	}
	if isFromLeader(m.Type) && !r.presumeLeader(m) {
		r.answerStale(m)
		return r.err()
	}
	if err := r.route(m); err != nil {
		return refusal(m, err)
	}
	return nil
}

// namesTerm reports whether m carries the term of its sender, to which the term rule applies. Some
// messages may lack a term, see mayBeTermless. A forwarded proposal or read belongs to no term: the
// leader may change while the message is under way.
func namesTerm(m *pb.Message) bool {
	return m.Term != 0 && !IsLocalMsgTarget(m.From) && m.Type != pb.MsgProp && m.Type != pb.MsgReadIndex
}

// refusal wraps err in a MessageError if the message itself is the cause.
func refusal(m *pb.Message, err error) error {
	if err := asDropped(err); err == ErrProposalDropped || errors.Is(err, ErrQuarantined) || errors.Is(err, ErrStepLocalMsg) {
		return err
	}
	return &MessageError{Type: m.Type, From: m.From, To: m.To, Err: err}
}

// checkLeader refuses a second leader of this term (Election Safety, thesis §3.4). A leader that is
// only presumed, because its messages lacked a term, is no reason to refuse one whose message
// carries the term. See presumeLeader.
func (r *raft) checkLeader(m *pb.Message) error {
	if isFromLeader(m.Type) && m.Term == r.term && m.From != None &&
		r.lead != None && r.lead != m.From && !r.leadPresumed {
		return ErrSecondLeader
	}
	return nil
}

// presumeLeader reports whether m may come from the leader of this term. A message without a term,
// such as a heartbeat of a transport that leaves the term out (see mayBeTermless), may come from an
// earlier leader. If no leader is known, this node presumes that the sender leads, until a message
// that carries the term shows who leads.
func (r *raft) presumeLeader(m *pb.Message) bool {
	if m.Term != 0 {
		r.leadPresumed = r.leadPresumed && m.From == None
		return true
	}
	if m.Type == pb.MsgSnap && snapshotID(m.Snapshot).Term > r.term {
		r.becomeFollower(snapshotID(m.Snapshot).Term, None) // that term has had a leader
	}
	if r.role == StateLeader || m.From == None || m.From == r.lead || m.Type == pb.MsgTimeoutNow {
		return true
	}
	if r.lead != None && !r.leadPresumed {
		return false
	}
	r.leadPresumed = true
	return true
}

// checkTermZero refuses an append or a snapshot that names an entry of term 0 where this log's
// entry has a term. The sender left the term out.
func (r *raft) checkTermZero(m *pb.Message) error {
	var id raftlog.EntryID
	switch m.Type {
	case pb.MsgApp:
		id = appendReq{m}.prev()
		if id.Index == 0 && len(m.Entries) > 0 {
			id = raftlog.IDOf(&m.Entries[0]) // if it has a term, so have the entries after it
		}
	case pb.MsgSnap:
		id = snapshotID(m.Snapshot)
	}
	if id.Index == 0 || id.Term != 0 {
		return nil
	}
	// A leader's log holds the same committed entries, and terms never decrease along a log. So a
	// committed entry with a term, at or before id, shows that id has a term too.
	if term, ok := r.log.Term(min(id.Index, r.log.Committed())); ok && term != 0 {
		return fmt.Errorf("%w: entry %d without a term, term %d here", ErrMalformed, id.Index, term)
	}
	return nil
}

// applyTermRule handles a message whose term is not this node's (thesis §3.3). It moves this node
// to a later term if the message may do that. It reports whether the message is to be handled
// further.
func (r *raft) applyTermRule(m *pb.Message) bool {
	if m.Term < r.term {
		traceReceive(r, m)
		if isVoteAnswer(m) {
			// The answer is too late to decide an election. But it also names an entry that its
			// sender knows to be committed (committedOf), and that entry is committed in every
			// term. A sender that is no voter may stay in its term for ever, and never name the
			// entry in a later term.
			_ = r.hearAnswer(m) // an error has quarantined the node
		}
		r.answerStale(m)
		return false
	}
	switch {
	case m.Type == pb.MsgVote || m.Type == pb.MsgPreVote:
		if r.ignoresCandidate(voteReqOf(m)) {
			r.logger.Debugf("%x ignores %s from %x at term %d: leader %x is alive", r.id, m.Type, m.From, m.Term, r.lead)
			return false
		}
		if m.Type == pb.MsgPreVote {
			return true // it only asks about the later term
		}
	case m.Type == pb.MsgPreVoteResp && !m.Reject:
		return true // a grant names the term of the campaign to come; this node is not in it yet
	}
	traceReceive(r, m)
	lead := None
	if isFromLeader(m.Type) {
		lead = m.From
	}
	r.becomeFollower(m.Term, lead)
	return true
}

// isVoteAnswer reports whether m answers a candidate. With asynchronous storage writes, a
// candidate's vote for itself is such an answer too: the append thread returns it. That vote names
// no committed entry.
func isVoteAnswer(m *pb.Message) bool {
	return m.Type == pb.MsgVoteResp || m.Type == pb.MsgPreVoteResp
}

// answerStale answers a request from an earlier term with this node's term. So an old leader steps
// down, and an old candidate or pre-candidate can campaign in a later term. If the candidate's log
// is more up-to-date than this one, giveWay also leaves it the time to do so.
func (r *raft) answerStale(m *pb.Message) {
	switch m.Type {
	case pb.MsgApp, pb.MsgHeartbeat, pb.MsgSnap:
		// Index 0 acknowledges nothing: only the term of the response counts.
		traceSend(r, r.sendOnceDurable(pb.MsgAppResp, m.From))
	case pb.MsgVote:
		r.giveWay(voteReqOf(m))
		r.answerCandidate(pb.MsgVoteResp, m.From, false)
	case pb.MsgPreVote:
		r.giveWay(voteReqOf(m))
		r.answerCandidate(pb.MsgPreVoteResp, m.From, false)
	}
}

// route hands a message to its handler. The message is of this term or has no term; a pre-vote may
// be of a later term.
func (r *raft) route(m *pb.Message) error {
	switch m.Type {
	case pb.MsgVote, pb.MsgPreVote:
		return r.handleVoteReq(m)
	case pb.MsgProp:
		return r.propose(m.Entries)
	case pb.MsgStorageAppendResp:
		return r.handleStorageAppendResp(m)
	case pb.MsgStorageApplyResp:
		return r.handleStorageApplyResp(m)
	case pb.MsgTransferLeader:
		r.handleTransferLeader(m)
		return nil
	case pb.MsgForgetLeader:
		return r.handleForgetLeader()
	case pb.MsgReadIndex:
		r.readIndex(m.From, readContext(m))
		return nil
	case pb.MsgReadIndexResp:
		if r.role == StateFollower {
			r.takeReadAnswer(m.From, m.Index, readContext(m))
		}
		return nil
	}
	if isVoteAnswer(m) {
		if err := r.hearAnswer(m); err != nil {
			return err
		}
	}
	switch r.role {
	case StateLeader:
		return r.routeToLeader(m)
	case StateCandidate:
		if m.Type == pb.MsgVoteResp {
			return r.routeVoteResp(m)
		}
	case StatePreCandidate:
		if m.Type == pb.MsgPreVoteResp {
			return r.handlePreVoteResp(m)
		}
	}
	return r.routeToFollower(m)
}

// routeVoteResp separates this node's own vote, which arrives once it is durable, from the answers
// of other nodes.
func (r *raft) routeVoteResp(m *pb.Message) error {
	if m.From == r.id {
		return r.countOwnVote(m.Term)
	}
	return r.handleVoteResp(m)
}

func (r *raft) routeToLeader(m *pb.Message) error {
	pr := r.progressOf(m.From)
	if pr == nil {
		return nil
	}
	switch m.Type {
	case pb.MsgAppResp:
		if _, err := r.learnCommit(committedOf(m)); err != nil {
			return err
		}
		return r.handleAppendResp(m, pr)
	case pb.MsgHeartbeatResp:
		return r.handleHeartbeatResp(m, pr)
	case pb.MsgVoteResp:
		// A vote comes too late for a leader. But a node that cannot obey the leader's order to
		// campaign says so with this type.
		if refusesTransfer(m) {
			r.hearTransferRefusal(m.From)
		}
	}
	return nil
}

// routeToFollower also handles messages to candidates: a message of the term's leader ends a
// campaign. Followers and candidates ignore all other messages.
func (r *raft) routeToFollower(m *pb.Message) error {
	switch m.Type {
	case pb.MsgApp:
		return r.handleAppend(m)
	case pb.MsgHeartbeat:
		return r.handleHeartbeat(m)
	case pb.MsgSnap:
		return r.handleSnapshot(m)
	case pb.MsgTimeoutNow:
		return r.handleTimeoutNow(m)
	}
	return nil
}
