package raft

import (
	"encoding/json"
	"math"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

func TestMessageTypesAreLocalOrResponsesAsTheAPISays(t *testing.T) {
	const local, response = 1, 2
	want := map[pb.MessageType]int{
		pb.MsgHup: local, pb.MsgBeat: local, pb.MsgSnapStatus: local, pb.MsgCheckQuorum: local,
		pb.MsgStorageAppend: local, pb.MsgStorageApply: local,
		pb.MsgUnreachable: local | response, pb.MsgStorageAppendResp: local | response, pb.MsgStorageApplyResp: local | response,
		pb.MsgAppResp: response, pb.MsgVoteResp: response, pb.MsgPreVoteResp: response,
		pb.MsgHeartbeatResp: response, pb.MsgReadIndexResp: response,
	}
	for typ := pb.MessageType(-70); typ < 140; typ++ {
		if got, want := IsLocalMsg(typ), want[typ]&local != 0; got != want {
			t.Errorf("IsLocalMsg(%d %s) = %t", typ, typ, got)
		}
		if got, want := IsResponseMsg(typ), want[typ]&response != 0; got != want {
			t.Errorf("IsResponseMsg(%d %s) = %t", typ, typ, got)
		}
	}
	for _, typ := range []pb.MessageType{math.MinInt32, math.MaxInt32} {
		if IsLocalMsg(typ) || IsResponseMsg(typ) {
			t.Errorf("type %d means something", typ)
		}
	}
}

func TestOnlyTheTwoThreadsAreLocalTargets(t *testing.T) {
	for id, want := range map[uint64]bool{
		None: false, 1: false, math.MaxUint64 - 2: false, LocalApplyThread: true, LocalAppendThread: true,
	} {
		if got := IsLocalMsgTarget(id); got != want {
			t.Errorf("IsLocalMsgTarget(%x) = %t", id, got)
		}
	}
}

func TestAWriteMustSyncForEntriesATermOrAVote(t *testing.T) {
	prev := pb.HardState{Term: 1, Vote: 1, Commit: 1}
	for _, tc := range []struct {
		name    string
		st      pb.HardState
		entries int
		want    bool
	}{
		{"nothing new", prev, 0, false},
		{"a commit index", pb.HardState{Term: 1, Vote: 1, Commit: 9}, 0, false},
		{"entries", prev, 1, true},
		{"a term", pb.HardState{Term: 2, Vote: 1, Commit: 1}, 0, true},
		{"a vote", pb.HardState{Term: 1, Vote: 2, Commit: 1}, 0, true},
		{"a forgotten vote", pb.HardState{Term: 1, Commit: 1}, 0, true},
	} {
		if got := MustSync(tc.st, prev, tc.entries); got != tc.want {
			t.Errorf("%s: %t", tc.name, got)
		}
	}
}

func TestEmptyMeansNothingToPersist(t *testing.T) {
	for _, tc := range []struct {
		st   pb.HardState
		want bool
	}{
		{pb.HardState{}, true}, {pb.HardState{Term: 1}, false}, {pb.HardState{Vote: 1}, false}, {pb.HardState{Commit: 1}, false},
	} {
		if got := IsEmptyHardState(tc.st); got != tc.want {
			t.Errorf("IsEmptyHardState(%v) = %t", tc.st, got)
		}
	}
	if !IsEmptySnap(pb.Snapshot{}) || !IsEmptySnap(pb.Snapshot{Data: []byte("x"), Metadata: pb.SnapshotMetadata{Term: 1}}) {
		t.Error("a snapshot at index 0 covers something")
	}
	if IsEmptySnap(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1}}) {
		t.Error("a snapshot at index 1 covers nothing")
	}
}

func TestRolesHaveNames(t *testing.T) {
	for role, want := range map[StateType]string{
		StateFollower: "StateFollower", StateCandidate: "StateCandidate", StateLeader: "StateLeader",
		StatePreCandidate: "StatePreCandidate", 4: "StateType(4)", math.MaxUint64: "StateType(18446744073709551615)",
	} {
		if got := role.String(); got != want {
			t.Errorf("role %d is %q, want %q", uint64(role), got, want)
		}
		text, err := json.Marshal(role)
		if err != nil || string(text) != `"`+want+`"` {
			t.Errorf("role %d in JSON is %s, %v", uint64(role), text, err)
		}
	}
}
