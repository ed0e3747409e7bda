package raft

import (
	"encoding/json"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
	"github.com/google/go-cmp/cmp"
)

func TestStatusInJSONHasIdsInHexadecimalDigitsAndMembersInOrder(t *testing.T) {
	st := Status{
		BasicStatus: BasicStatus{
			ID:             9,
			HardState:      pb.HardState{Term: 7, Vote: 0x1f, Commit: 20},
			SoftState:      SoftState{Lead: 9, RaftState: StateLeader},
			Applied:        19,
			LeadTransferee: 10,
		},
		Progress: map[uint64]tracker.Progress{
			0x1f: {Next: 1, State: tracker.StateSnapshot},
			10:   {Match: 3, Next: 4},
			9:    {Match: 20, Next: 21, State: tracker.StateReplicate},
		},
		Seed: 255,
	}
	const want = `{"id":"9","term":7,"vote":"1f","commit":20,"lead":"9","raftState":"StateLeader","applied":19,` +
		`"progress":{"9":{"match":20,"next":21,"state":"StateReplicate"},"a":{"match":3,"next":4,"state":"StateProbe"},` +
		`"1f":{"match":0,"next":1,"state":"StateSnapshot"}},"leadtransferee":"a"}`
	if diff := cmp.Diff(want, st.String()); diff != "" {
		t.Error(diff)
	}
	text, err := json.Marshal(st)
	if err != nil || string(text) != want {
		t.Errorf("json.Marshal: %s, %v", text, err)
	}
}

func TestStatusOfANodeThatDoesNotLeadHasNoMembers(t *testing.T) {
	text := Status{BasicStatus: BasicStatus{ID: 1}}.String()
	var got struct {
		RaftState string
		Progress  map[string]any
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	if got.RaftState != "StateFollower" || got.Progress == nil || len(got.Progress) != 0 {
		t.Errorf("%s", text)
	}
}
