package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// The last elections as this replica saw them, with reasons: for GET /status and the page. The loop
// compares the node's term, role and leader after each input.

// election begins when a replica loses its leader or learns of a later term. It ends when a leader
// is known.
type election struct {
	At     time.Time `json:"at"`     // when it began
	Term   uint64    `json:"term"`   // the latest of it
	Roles  []string  `json:"roles"`  // of this replica, the earliest first
	Leader uint64    `json:"leader"` // 0 while none is known
	Millis int64     `json:"millis"` // from the beginning until a leader was known
	Reason string    `json:"reason"`
}

const (
	maxElections = 16
	maxRoles     = 8 // in one election; without a quorum a replica campaigns for ever
)

type elections struct {
	seen    raft.BasicStatus // after the last input
	quiet   int              // ticks since the leader was heard from
	ordered uint64           // the last term in which a leader has ordered this replica to campaign
	past    []election       // the earliest first
}

func (l *loop) tickElection() {
	l.elections.quiet++
	l.noteElection(nil)
}

// noteElection looks for a change of term, role or leader. m is the message that the node has
// stepped, or nil if it was another input.
func (l *loop) noteElection(m *raftpb.Message) {
	e, was, now := &l.elections, l.elections.seen, l.node.BasicStatus()
	e.seen = now
	if m != nil && m.Type == raftpb.MsgTimeoutNow {
		e.ordered = m.Term
	}
	if was.Term != now.Term || was.SoftState != now.SoftState {
		e.change(&was, &now, l.electionReason(&was, &now, m))
	}
	if m != nil && m.From == now.Lead {
		e.quiet = 0
	}
}

// change adds to the last election, or begins one if there is a reason.
func (e *elections) change(was, now *raft.BasicStatus, reason string) {
	if reason != "" {
		if len(e.past) == maxElections {
			e.past = slices.Delete(e.past, 0, 1)
		}
		e.past = append(e.past, election{At: time.Now(), Reason: reason, Roles: []string{plainState(was.RaftState)}})
	}
	last := &e.past[len(e.past)-1]
	if role := plainState(now.RaftState); role != last.Roles[len(last.Roles)-1] {
		from := max(0, len(last.Roles)+1-maxRoles)
		last.Roles = append(last.Roles[from:], role)
	}
	if last.Leader == 0 && now.Lead != 0 {
		last.Millis = time.Since(last.At).Milliseconds()
	}
	last.Term, last.Leader = now.Term, now.Lead
}

// electionReason says why an election begins. It is empty if one goes on or ends.
func (l *loop) electionReason(was, now *raft.BasicStatus, m *raftpb.Message) string {
	switch {
	case was.ID == 0:
		return "this replica started"
	case was.RaftState == raft.StateLeader:
		return l.stepDownReason(was, now, m)
	case now.RaftState == raft.StateFollower && brings(m, was, now):
		return termReason(m)
	case was.RaftState != raft.StateFollower || now.RaftState == raft.StateFollower && now.Lead != 0:
		return ""
	case now.RaftState != raft.StateFollower && l.elections.ordered == was.Term && was.Lead != 0:
		return fmt.Sprintf("leader %d handed over to this replica", was.Lead)
	}
	return fmt.Sprintf("no leader was heard from for %d ticks", l.elections.quiet)
}

// stepDownReason says why a leader leads no more.
func (l *loop) stepDownReason(was, now *raft.BasicStatus, m *raftpb.Message) string {
	switch {
	case l.departure.begun.Load():
		return "this replica was removed while it led"
	case was.LeadTransferee != 0 && brings(m, was, now):
		return fmt.Sprintf("this replica handed over to replica %d", was.LeadTransferee)
	case brings(m, was, now):
		return termReason(m)
	case was.StalledTicks >= l.electionTicks-1:
		return fmt.Sprintf("this replica's disk acknowledged no write for %d ticks", was.StalledTicks+1)
	}
	return fmt.Sprintf("lost quorum: too few voters were heard from for %d ticks", l.electionTicks)
}

// brings reports whether a message has brought the node to the message's term.
func brings(m *raftpb.Message, was, now *raft.BasicStatus) bool {
	return m != nil && m.Term == now.Term && now.Term > was.Term
}

func termReason(m *raftpb.Message) string {
	switch m.Type {
	case raftpb.MsgVote:
		return fmt.Sprintf("replica %d asked for votes", m.From)
	case raftpb.MsgApp, raftpb.MsgHeartbeat, raftpb.MsgSnap:
		return fmt.Sprintf("replica %d leads a later term", m.From)
	}
	return fmt.Sprintf("replica %d is in a later term", m.From)
}
