package raft

import (
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// image is everything about a node that a refused message must not change.
type image struct {
	status BasicStatus
	last   raftlog.EntryID
	wire   int
	ready  bool
}

func imageOf(n *testNode) image {
	return image{status: n.BasicStatus(), last: n.raft.log.Last(), wire: n.raft.outbox.pending(), ready: n.HasReady()}
}

func snapAt(index, term uint64, cs pb.ConfState) *pb.Snapshot {
	return &pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: index, Term: term, ConfState: cs}}
}

// addNode is the entry that adds a voter.
func addNode(id uint64) pb.Entry {
	cc := pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: id}
	data, _ := cc.Marshal() // never fails
	return pb.Entry{Type: pb.EntryConfChange, Data: data}
}

// Everything that Step refuses, at a leader (node 1, term 2) and at a follower (node 2).
func TestStepRefusesWhatIsMalformedAndChangesNothing(t *testing.T) {
	three := pb.ConfState{Voters: []uint64{1, 2, 3}}
	normal := func(index, term uint64) pb.Entry { return pb.Entry{Index: index, Term: term, Data: []byte("x")} }
	const near = math.MaxUint64 - 5
	for _, tc := range []struct {
		name string
		node uint64
		m    pb.Message
		want error
	}{
		{"an unknown type", 2, pb.Message{Type: 99, From: 1, To: 2, Term: 2}, ErrMalformed},
		{"a negative type", 2, pb.Message{Type: -3, From: 1, To: 2, Term: 2}, ErrMalformed},
		{"a campaign order", 2, pb.Message{Type: pb.MsgHup, From: 1, To: 2}, ErrStepLocalMsg},
		{"a beat", 1, pb.Message{Type: pb.MsgBeat, From: 1, To: 1}, ErrStepLocalMsg},
		{"a quorum check", 1, pb.Message{Type: pb.MsgCheckQuorum, From: 1, To: 1}, ErrStepLocalMsg},
		{"an unreachable report", 1, pb.Message{Type: pb.MsgUnreachable, From: 2, To: 1}, ErrStepLocalMsg},
		{"a snapshot report", 1, pb.Message{Type: pb.MsgSnapStatus, From: 2, To: 1}, ErrStepLocalMsg},
		{"storage work", 2, pb.Message{Type: pb.MsgStorageAppend, From: 1, To: 2}, ErrStepLocalMsg},
		{"apply work", 2, pb.Message{Type: pb.MsgStorageApply, From: 1, To: 2}, ErrStepLocalMsg},
		{"a storage response from a peer", 2, pb.Message{Type: pb.MsgStorageAppendResp, From: 1, To: 2, Term: 2}, ErrStepLocalMsg},
		{"an apply response from a peer", 2, pb.Message{Type: pb.MsgStorageApplyResp, From: 1, To: 2, Term: 2}, ErrStepLocalMsg},
		{"a storage response where there is no storage thread", 2, pb.Message{Type: pb.MsgStorageAppendResp, From: LocalAppendThread, To: 2, Term: 2, Index: 3}, ErrStepLocalMsg},
		{"one's own vote from outside", 2, pb.Message{Type: pb.MsgVoteResp, From: 2, To: 2, Term: 2}, ErrMalformed},
		{"the wrong recipient", 2, pb.Message{Type: pb.MsgHeartbeat, From: 1, To: 3, Term: 2}, ErrWrongRecipient},
		{"a proposal for somebody else", 1, pb.Message{Type: pb.MsgProp, From: 2, To: 3, Entries: []pb.Entry{{Data: []byte("x")}}}, ErrWrongRecipient},
		{"no sender", 2, pb.Message{Type: pb.MsgVote, To: 2, Term: 2, Index: 2, LogTerm: 2}, ErrMalformed},
		{"a storage thread as sender", 2, pb.Message{Type: pb.MsgHeartbeat, From: LocalAppendThread, To: 2, Term: 2}, ErrMalformed},
		{"oneself as sender", 2, pb.Message{Type: pb.MsgApp, From: 2, To: 2, Term: 2}, ErrMalformed},
		{"an append without a term", 2, pb.Message{Type: pb.MsgApp, From: 1, To: 2, Index: 2, LogTerm: 2}, ErrMalformed},
		{"an acknowledgement without a term", 1, pb.Message{Type: pb.MsgAppResp, From: 2, To: 1, Index: 2}, ErrMalformed},
		{"a candidate without a term", 2, pb.Message{Type: pb.MsgVote, From: 3, To: 2}, ErrMalformed},
		{"a pre-candidate without a term", 2, pb.Message{Type: pb.MsgPreVote, From: 3, To: 2}, ErrMalformed},
		{"a vote without a term", 2, pb.Message{Type: pb.MsgVoteResp, From: 3, To: 2}, ErrMalformed},
		{"a term near the end", 2, pb.Message{Type: pb.MsgHeartbeat, From: 1, To: 2, Term: near}, ErrOutOfRange},
		{"a vote request with a term near the end", 2, pb.Message{Type: pb.MsgVote, From: 3, To: 2, Term: near}, ErrOutOfRange},
		{"an index near the end", 2, pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 2, Index: near, LogTerm: 1}, ErrOutOfRange},
		{"a commit index near the end", 2, pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 2, Index: 1, LogTerm: 1, Commit: near}, ErrOutOfRange},
		{"a hint near the end", 1, pb.Message{Type: pb.MsgAppResp, From: 2, To: 1, Term: 2, Reject: true, RejectHint: near}, ErrOutOfRange},
		{"a second leader of the term", 2, pb.Message{Type: pb.MsgHeartbeat, From: 3, To: 2, Term: 2}, ErrSecondLeader},
		{"a leader's own term claimed by another", 1, pb.Message{Type: pb.MsgApp, From: 3, To: 1, Term: 2, Index: 1, LogTerm: 1}, ErrSecondLeader},
		{"an order to campaign from another than the leader", 2, pb.Message{Type: pb.MsgTimeoutNow, From: 3, To: 2, Term: 2}, ErrSecondLeader},

		{"an append with a gap after prev", 2, pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 2, Index: 1, LogTerm: 1, Entries: []pb.Entry{normal(3, 2)}}, ErrMalformed},
		{"an append with a gap inside", 2, pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 2, Index: 1, LogTerm: 1, Entries: []pb.Entry{normal(2, 2), normal(4, 2)}}, ErrMalformed},
		{"an append with falling terms", 2, pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 3, Index: 1, LogTerm: 1, Entries: []pb.Entry{normal(2, 3), normal(3, 2)}}, ErrMalformed},
		{"an append that falls below prev's term", 2, pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 3, Index: 5, LogTerm: 3, Entries: []pb.Entry{normal(6, 2)}}, ErrMalformed},
		{"an append with entries of a later term", 2, pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 2, Index: 1, LogTerm: 1, Entries: []pb.Entry{normal(2, 3)}}, ErrMalformed},
		{"an append after an entry of a later term", 2, pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 2, Index: 7, LogTerm: 3}, ErrMalformed},
		{"an append with an entry without a term", 2, pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 2, Entries: []pb.Entry{normal(1, 0)}}, ErrMalformed},
		{"an append whose prev has no term", 2, pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 2, Index: 1}, ErrMalformed},
		{"an append whose prev has no index", 2, pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 2, LogTerm: 1}, ErrMalformed},
		{"an append with an unknown entry type", 2, pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 2, Index: 1, LogTerm: 1, Entries: []pb.Entry{{Index: 2, Term: 2, Type: 7}}}, ErrMalformed},
		{"an append with an undecodable configuration change", 2, pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 2, Index: 1, LogTerm: 1, Entries: []pb.Entry{{Index: 2, Term: 2, Type: pb.EntryConfChangeV2, Data: []byte{0xff}}}}, ErrBadConfChange},

		{"an acknowledgement beyond the log", 1, pb.Message{Type: pb.MsgAppResp, From: 2, To: 1, Term: 2, Index: 999}, ErrBeyondLog},
		{"a rejection of what was never sent", 1, pb.Message{Type: pb.MsgAppResp, From: 2, To: 1, Term: 2, Index: 999, Reject: true}, ErrBeyondLog},
		{"a hint that has a term but no index", 1, pb.Message{Type: pb.MsgAppResp, From: 2, To: 1, Term: 2, Index: 2, Reject: true, LogTerm: 1}, ErrMalformed},
		{"a response from a stranger", 1, pb.Message{Type: pb.MsgAppResp, From: 9, To: 1, Term: 2, Index: 1}, ErrStepPeerNotFound},
		{"a vote from a stranger in a later term", 1, pb.Message{Type: pb.MsgVoteResp, From: 9, To: 1, Term: 5}, ErrStepPeerNotFound},

		{"a candidate with an entry of a later term", 2, pb.Message{Type: pb.MsgVote, From: 3, To: 2, Term: 3, Index: 5, LogTerm: 4}, ErrMalformed},
		{"a candidate whose last entry has no index", 2, pb.Message{Type: pb.MsgPreVote, From: 3, To: 2, Term: 3, LogTerm: 1}, ErrMalformed},

		{"a snapshot message without a snapshot", 2, pb.Message{Type: pb.MsgSnap, From: 1, To: 2, Term: 2}, ErrMalformed},
		{"an empty snapshot", 2, pb.Message{Type: pb.MsgSnap, From: 1, To: 2, Term: 2, Snapshot: snapAt(0, 0, three)}, ErrMalformed},
		{"a snapshot without a term", 2, pb.Message{Type: pb.MsgSnap, From: 1, To: 2, Term: 2, Snapshot: snapAt(9, 0, three)}, ErrMalformed},
		{"a snapshot of a later term", 2, pb.Message{Type: pb.MsgSnap, From: 1, To: 2, Term: 2, Snapshot: snapAt(9, 3, three)}, ErrMalformed},
		{"a snapshot near the end", 2, pb.Message{Type: pb.MsgSnap, From: 1, To: 2, Term: 2, Snapshot: snapAt(near, 2, three)}, ErrOutOfRange},
		{"a snapshot without members", 2, pb.Message{Type: pb.MsgSnap, From: 1, To: 2, Term: 2, Snapshot: snapAt(9, 2, pb.ConfState{})}, ErrMalformed},
		{"a snapshot without voters", 2, pb.Message{Type: pb.MsgSnap, From: 1, To: 2, Term: 2, Snapshot: snapAt(9, 2, pb.ConfState{Learners: []uint64{2}})}, ErrMalformed},
		{"a snapshot with a voter that is a learner", 2, pb.Message{Type: pb.MsgSnap, From: 1, To: 2, Term: 2, Snapshot: snapAt(9, 2, pb.ConfState{Voters: []uint64{1, 2}, Learners: []uint64{2}})}, ErrMalformed},
		{"a snapshot with node none", 2, pb.Message{Type: pb.MsgSnap, From: 1, To: 2, Term: 2, Snapshot: snapAt(9, 2, pb.ConfState{Voters: []uint64{0, 2}})}, ErrMalformed},

		{"a snapshot with a storage thread as member", 2, pb.Message{Type: pb.MsgSnap, From: 1, To: 2, Term: 2, Snapshot: snapAt(9, 2, pb.ConfState{Voters: []uint64{1, LocalAppendThread}})}, ErrOutOfRange},

		{"a proposal to add a storage thread", 1, pb.Message{Type: pb.MsgProp, From: 1, To: 1, Entries: []pb.Entry{addNode(LocalApplyThread)}}, ErrBadConfChange},
		{"an empty proposal", 1, pb.Message{Type: pb.MsgProp, From: 1, To: 1}, ErrEmptyProposal},
		{"a proposed configuration change that cannot be decoded", 1, pb.Message{Type: pb.MsgProp, From: 1, To: 1, Entries: []pb.Entry{{Type: pb.EntryConfChange, Data: []byte{0x0a}}}}, ErrBadConfChange},
		{"a proposal of an unknown type", 1, pb.Message{Type: pb.MsgProp, From: 1, To: 1, Entries: []pb.Entry{{Type: -1}}}, ErrMalformed},
		{"a read without a context", 1, pb.Message{Type: pb.MsgReadIndex, From: 1, To: 1}, ErrMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newTestCluster(t, 3, nil)
			c.elect(1)
			n := c.node(tc.node)
			before := imageOf(n)
			err := n.Step(tc.m)
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			var typed *MessageError
			if !errors.As(err, &typed) && err != ErrStepLocalMsg && err != ErrStepPeerNotFound {
				t.Errorf("%T is not one of the documented errors", err)
			}
			if after := imageOf(n); !reflect.DeepEqual(before, after) {
				t.Errorf("the state changed from %+v to %+v", before, after)
			}
			if n.Err() != nil {
				t.Errorf("the node was quarantined: %v", n.Err())
			}
		})
	}
}

var errDisk = errors.New("the disk is on fire")

// pending is the number of messages that wait to be handed out.
func (o *outbox) pending() int {
	return len(o.filling)
}
