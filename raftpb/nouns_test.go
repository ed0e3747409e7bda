package raftpb

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestStringIsTheCompactTextForm(t *testing.T) {
	for _, tc := range []struct {
		m    coded
		want string
	}{
		{&HardState{Term: 1, Vote: 2}, `term:1 vote:2 commit:0 `},
		{&Entry{Type: EntryConfChange, Index: 3, Data: []byte("a\"\n\x00\xff")}, `Type:EntryConfChange Term:0 Index:3 Data:"a\"\n\000\377" `},
		{&Entry{Type: 9}, `Type:9 Term:0 Index:0 `},
		{&ConfState{Voters: []uint64{1, 2}, AutoLeave: true}, `voters:1 voters:2 auto_leave:true `},
		{&Snapshot{}, `metadata:<conf_state:<auto_leave:false > index:0 term:0 > `},
		{&ConfChangeV2{Changes: []ConfChangeSingle{{NodeID: 4}}}, `transition:ConfChangeTransitionAuto changes:<type:ConfChangeAddNode node_id:4 > `},
	} {
		if got := tc.m.String(); got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
	}
}

func TestEnumsAreReadFromJSONByNameAndByNumber(t *testing.T) {
	var got struct {
		A, B MessageType
		C    EntryType
		D    ConfChangeType
		E    ConfChangeTransition
	}
	input := `{"A":"MsgSnap","B":7,"C":"EntryConfChange","D":"ConfChangeRemoveNode","E":2}`
	if err := json.Unmarshal([]byte(input), &got); err != nil {
		t.Fatal(err)
	}
	if got.A != MsgSnap || got.B != MsgSnap || got.C != EntryConfChange || got.D != ConfChangeRemoveNode || got.E != ConfChangeTransitionJointExplicit {
		t.Errorf("got %+v", got)
	}
	for _, bad := range []string{`{"A":"MsgNothing"}`, `{"A":true}`, `{"A":"`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
	if *MsgApp.Enum() != MsgApp || MessageType(77).String() != "77" {
		t.Error("Enum or String of an unknown value")
	}
}

func TestChangesSurviveTheirShortTextForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []ConfChangeSingle
		for n := rapid.IntRange(0, 5).Draw(t, "n"); n > 0; n-- {
			want = append(want, ConfChangeSingle{Type: ConfChangeType(rapid.IntRange(0, 3).Draw(t, "type")), NodeID: drawNumber(t)})
		}
		got, err := ConfChangesFromString(ConfChangesToString(want))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Fatalf("%v\n%s", err, diff)
		}
	})
	for _, bad := range []string{"x1", "v", "v-1", "v1 q", "vv", "v99999999999999999999"} {
		if _, err := ConfChangesFromString(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestWhichChangesEnterAndLeaveAJointConfiguration(t *testing.T) {
	one, two := make([]ConfChangeSingle, 1), make([]ConfChangeSingle, 2)
	for _, tc := range []struct {
		name                 string
		cc                   ConfChangeV2
		auto, enters, leaves bool
	}{
		{"nothing", ConfChangeV2{}, false, false, true},
		{"nothing but a context", ConfChangeV2{Context: []byte("x")}, false, false, true},
		{"one", ConfChangeV2{Changes: one}, false, false, false},
		{"two", ConfChangeV2{Changes: two}, true, true, false},
		{"one, implicit", ConfChangeV2{Changes: one, Transition: ConfChangeTransitionJointImplicit}, true, true, false},
		{"one, explicit", ConfChangeV2{Changes: one, Transition: ConfChangeTransitionJointExplicit}, false, true, false},
		{"two, explicit", ConfChangeV2{Changes: two, Transition: ConfChangeTransitionJointExplicit}, false, true, false},
	} {
		auto, enters := tc.cc.EnterJoint()
		if auto != tc.auto || enters != tc.enters || tc.cc.LeaveJoint() != tc.leaves {
			t.Errorf("%s: auto %t, enters %t, leaves %t", tc.name, auto, enters, tc.cc.LeaveJoint())
		}
	}
}

func TestUnknownChangesDoNotPassValidation(t *testing.T) {
	for _, bad := range []interface{ Validate() error }{
		ConfChange{Type: 4}, ConfChange{Type: -1},
		ConfChangeV2{Transition: 3}, ConfChangeV2{Transition: -1}, ConfChangeV2{Changes: []ConfChangeSingle{{Type: 9}}},
	} {
		if err := bad.Validate(); !errors.Is(err, ErrUnknownChange) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if err := (ConfChange{Type: ConfChangeAddLearnerNode}).Validate(); err != nil {
		t.Error(err)
	}
}

func TestAChangeIsEncodedInItsOwnForm(t *testing.T) {
	v1 := ConfChange{Type: ConfChangeRemoveNode, NodeID: 3, Context: []byte("c")}
	typ, data, err := MarshalConfChange(v1)
	want, _ := v1.Marshal()
	if err != nil || typ != EntryConfChange || string(data) != string(want) {
		t.Errorf("%s %x %v", typ, data, err)
	}
	v2 := v1.AsV2()
	if diff := cmp.Diff(ConfChangeV2{Changes: []ConfChangeSingle{{Type: ConfChangeRemoveNode, NodeID: 3}}, Context: []byte("c")}, v2); diff != "" {
		t.Error(diff)
	}
	if _, ok := v2.AsV1(); ok {
		t.Error("a ConfChangeV2 is a ConfChange")
	}
	typ, data, err = MarshalConfChange(v2)
	want, _ = v2.Marshal()
	if err != nil || typ != EntryConfChangeV2 || string(data) != string(want) {
		t.Errorf("%s %x %v", typ, data, err)
	}
	if typ, data, err = MarshalConfChange(nil); typ != EntryConfChangeV2 || data != nil || err != nil {
		t.Errorf("%s %x %v", typ, data, err)
	}
}

func TestEquivalentConfigurationsDifferInOrderOnly(t *testing.T) {
	a := ConfState{Voters: []uint64{3, 1, 2}, Learners: []uint64{5, 4}}
	b := ConfState{Voters: []uint64{1, 2, 3}, Learners: []uint64{4, 5}, LearnersNext: []uint64{}}
	if err := a.Equivalent(b); err != nil {
		t.Error(err)
	}
	if a.Voters[0] != 3 {
		t.Error("the argument was sorted")
	}
	for name, c := range map[string]ConfState{
		"another voter":   {Voters: []uint64{1, 2, 4}, Learners: []uint64{4, 5}},
		"one voter less":  {Voters: []uint64{1, 2}, Learners: []uint64{4, 5}},
		"joint":           {Voters: []uint64{1, 2, 3}, Learners: []uint64{4, 5}, VotersOutgoing: []uint64{1}},
		"auto leave":      {Voters: []uint64{1, 2, 3}, Learners: []uint64{4, 5}, AutoLeave: true},
		"a learner twice": {Voters: []uint64{1, 2, 3}, Learners: []uint64{4, 4}},
	} {
		if a.Equivalent(c) == nil {
			t.Errorf("%s is taken for the same", name)
		}
	}
}
