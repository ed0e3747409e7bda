package rafttest

import (
	"reflect"
	"strings"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

// TestStepCommandsSayAllOfAMessage: the command gives the message that it was made of.
func TestStepCommandsSayAllOfAMessage(t *testing.T) {
	change := []pb.ConfChangeSingle{{Type: pb.ConfChangeAddNode, NodeID: 4}}
	entries := []pb.Entry{
		{Term: 2, Index: 4},
		{Term: 2, Index: 5, Data: []byte("a \"b\"\n")},
		{Term: 2, Index: 6, Type: pb.EntryConfChange, Data: encoded(&pb.ConfChange{Type: pb.ConfChangeRemoveNode, NodeID: 3})},
		{Term: 2, Index: 7, Type: pb.EntryConfChange, Data: encoded(&pb.ConfChange{ID: 9, Type: pb.ConfChangeRemoveNode, NodeID: 3})},
		{Term: 2, Index: 8, Type: pb.EntryConfChangeV2, Data: encoded(&pb.ConfChangeV2{Changes: change})},
		{Term: 2, Index: 9, Type: pb.EntryConfChangeV2, Data: encoded(&pb.ConfChangeV2{Transition: pb.ConfChangeTransitionJointExplicit, Changes: change})},
		{Term: 2, Index: 10, Type: pb.EntryConfChangeV2, Data: encoded(&pb.ConfChangeV2{Changes: change, Context: []byte("c")})},
		{Term: 2, Index: 11, Type: pb.EntryConfChangeV2, Data: encoded(&pb.ConfChangeV2{Transition: pb.ConfChangeTransitionJointImplicit})},
		{Term: 2, Index: 12, Type: pb.EntryConfChangeV2},
	}
	snapshot := pb.Snapshot{Data: []byte("foo"), Metadata: pb.SnapshotMetadata{
		Term: 2, Index: 3, ConfState: pb.ConfState{
			Voters: []uint64{1, 2}, VotersOutgoing: []uint64{1, 3}, Learners: []uint64{4}, LearnersNext: []uint64{3}, AutoLeave: true,
		},
	}}
	for _, m := range []pb.Message{
		{Type: pb.MsgApp, From: 1, To: 2, Term: 2, LogTerm: 1, Index: 3, Commit: 3, Entries: entries},
		{Type: pb.MsgAppResp, From: 2, To: 1, Term: 2, Index: 3, LogTerm: 1, Reject: true, RejectHint: 2},
		{Type: pb.MsgHeartbeat, From: 1, To: 2, Term: 2, Context: []byte("r1")},
		{Type: pb.MsgHeartbeat, From: 1, To: 2, Term: 2, Context: []byte{0, 1}},
		{Type: pb.MsgSnap, From: 1, To: 2, Term: 2, Snapshot: &snapshot},
	} {
		for _, at := range []uint64{2, 3} {
			command := StepCommand(&m, at)
			script, err := ParseScript(strings.NewReader(command + "\n----\n"))
			if err != nil {
				t.Fatal(err)
			}
			a := newArgs(&script.Blocks[0].Data)
			got, gotAt := readMessage(a)
			if err := a.done(); err != nil || gotAt != at || !reflect.DeepEqual(got, m) {
				t.Errorf("%s\ngives %v at %d, %v", command, got, gotAt, err)
			}
		}
	}
}
