package raftpb_test

import (
	"fmt"

	"github.com/ffd200af/raft/raftpb"
)

func ExampleEntry_Marshal() {
	entry := raftpb.Entry{Term: 2, Index: 7, Data: []byte("x=1")}
	data, err := entry.Marshal()
	if err != nil {
		fmt.Println(err)
		return
	}
	var back raftpb.Entry
	if err := back.Unmarshal(data); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%x\n%s\n", data, back.String())
	// Output:
	// 0800100218072203783d31
	// Term:2 Index:7 Data:"x=1"
}

// A node is replaced: 4 joins and 1 leaves, both or neither.
func ExampleConfChangesFromString() {
	changes, err := raftpb.ConfChangesFromString("v4 r1")
	if err != nil {
		fmt.Println(err)
		return
	}
	change := raftpb.ConfChangeV2{Changes: changes}
	autoLeave, joint := change.EnterJoint()
	fmt.Println(raftpb.ConfChangesToString(change.Changes), "joint:", joint, "left by itself:", autoLeave)
	// Output: v4 r1 joint: true left by itself: true
}

func ExampleConfState_Equivalent() {
	a := raftpb.ConfState{Voters: []uint64{1, 2}}
	b := raftpb.ConfState{Voters: []uint64{2, 1}}
	fmt.Println(a.Equivalent(b))
	b.Learners = []uint64{4}
	fmt.Println(a.Equivalent(b))
	// Output:
	// <nil>
	// raftpb: configurations differ: voters:1 voters:2  and voters:2 voters:1 learners:4
}
