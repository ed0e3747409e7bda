package raftpb

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestStringIsTheCompactTextForm(t *testing.T) {
	for _, tc := range []struct {
		m    coded
		want string
	}{
		{&HardState{Term: 1, Vote: 2}, `term:1 vote:2 `},
		{&Entry{Type: EntryConfChange, Index: 3, Data: []byte("a\"\\\n\r\t\x00\xff")}, `Index:3 Type:EntryConfChange Data:"a\"\\\n\r\t\000\377" `},
		{&Entry{Type: 9}, `Type:9 `},
		{&Entry{Data: []byte{}}, `Data:"" `},
		{&Message{
			Type: MsgSnap, To: 2, From: 1, Entries: []Entry{{Index: 5}, {}}, Snapshot: &Snapshot{}, Reject: true, Context: []byte("c"), Vote: 7,
			Responses: []Message{{Type: MsgApp}},
		}, `type:MsgSnap to:2 from:1 entries:<Index:5 > entries:<> vote:7 snapshot:<> reject:true context:"c" responses:<type:MsgApp > `},
		{&SnapshotMetadata{Index: 4, ConfState: ConfState{Learners: []uint64{1}, VotersOutgoing: []uint64{2}, LearnersNext: []uint64{3}}},
			`conf_state:<learners:1 voters_outgoing:2 learners_next:3 > index:4 `},
		{&ConfChange{ID: 1, Type: ConfChangeUpdateNode, NodeID: 2, Context: []byte("c")}, `type:ConfChangeUpdateNode node_id:2 context:"c" id:1 `},
		{&ConfChangeSingle{NodeID: 2}, `node_id:2 `},
		{&ConfState{Voters: []uint64{0, 2}, AutoLeave: true}, `voters:0 voters:2 auto_leave:true `},
		{&Snapshot{}, ``},
		{&Snapshot{Metadata: SnapshotMetadata{Term: 1}}, `metadata:<term:1 > `},
		{&Snapshot{Metadata: SnapshotMetadata{ConfState: ConfState{Voters: []uint64{}}}}, `metadata:<conf_state:<> > `},
		{&ConfChangeV2{Transition: 2, Changes: []ConfChangeSingle{{NodeID: 4}}}, `transition:ConfChangeTransitionJointExplicit changes:<node_id:4 > `},
		{(*Message)(nil), `<nil>`},
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
	if got.A != MsgSnap {
		t.Errorf("a refused value was stored: %s", got.A)
	}
}

func TestEnumsHaveNamesAndPointers(t *testing.T) {
	if *MsgApp.Enum() != MsgApp || *EntryConfChange.Enum() != EntryConfChange ||
		*ConfChangeRemoveNode.Enum() != ConfChangeRemoveNode || *ConfChangeTransitionJointExplicit.Enum() != ConfChangeTransitionJointExplicit {
		t.Error("Enum changes the value")
	}
	if got := MessageType(-77).String(); got != "-77" {
		t.Errorf("an unknown type is called %q", got)
	}
	for _, maps := range []struct {
		names  map[int32]string
		values map[string]int32
		last   fmt.Stringer
	}{
		{EntryType_name, EntryType_value, EntryConfChangeV2},
		{MessageType_name, MessageType_value, MsgForgetLeader},
		{ConfChangeType_name, ConfChangeType_value, ConfChangeAddLearnerNode},
		{ConfChangeTransition_name, ConfChangeTransition_value, ConfChangeTransitionJointExplicit},
	} {
		for i := range int32(len(maps.names)) {
			if maps.values[maps.names[i]] != i {
				t.Errorf("%d is called %q, which is %d", i, maps.names[i], maps.values[maps.names[i]])
			}
		}
		last := maps.names[int32(len(maps.names)-1)]
		if len(maps.names) != len(maps.values) || last != maps.last.String() {
			t.Errorf("%d names, %d values, the last is %q", len(maps.names), len(maps.values), last)
		}
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
	for _, bad := range []string{"x1", "v", "v-1", "v1 q", "vv", "v99999999999999999999", "v1  l2", "v1\tl2"} {
		if _, err := ConfChangesFromString(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	if got := ConfChangesToString([]ConfChangeSingle{{Type: 9, NodeID: 1}, {NodeID: 2}}); got != "unknown1 v2" {
		t.Errorf("an unknown type is written as %q", got)
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
		{"none, explicit", ConfChangeV2{Transition: ConfChangeTransitionJointExplicit}, false, true, false},
		{"one, unknown", ConfChangeV2{Changes: one, Transition: 99}, true, true, false},
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
	for _, good := range []interface{ Validate() error }{
		ConfChange{Type: ConfChangeAddLearnerNode}, ConfChangeV2{},
		ConfChangeV2{Transition: ConfChangeTransitionJointExplicit, Changes: []ConfChangeSingle{{Type: ConfChangeUpdateNode}}},
	} {
		if err := good.Validate(); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
}

func TestAChangeIsEncodedInItsOwnForm(t *testing.T) {
	v1 := ConfChange{Type: ConfChangeRemoveNode, NodeID: 3, Context: []byte("c")}
	typ, data, err := MarshalConfChange(v1)
	want, _ := v1.Marshal()
	if err != nil || typ != EntryConfChange || string(data) != string(want) {
		t.Errorf("%s %x %v", typ, data, err)
	}
	if same, ok := v1.AsV1(); !ok || !cmp.Equal(same, v1) {
		t.Errorf("AsV1 of a ConfChange: %v, %t", same, ok)
	}
	v2 := v1.AsV2()
	if diff := cmp.Diff(ConfChangeV2{Changes: []ConfChangeSingle{{Type: ConfChangeRemoveNode, NodeID: 3}}, Context: []byte("c")}, v2); diff != "" {
		t.Error(diff)
	}
	if none, ok := v2.AsV1(); ok || !cmp.Equal(none, ConfChange{}) {
		t.Errorf("AsV1 of a ConfChangeV2: %v, %t", none, ok)
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
