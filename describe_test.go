package raft

import (
	"fmt"
	"strings"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
	"github.com/google/go-cmp/cmp"
)

// confChangeEntry makes an entry of a configuration change.
func confChangeEntry(t testing.TB, term, index uint64, cc pb.ConfChangeI) pb.Entry {
	t.Helper()
	typ, data, err := pb.MarshalConfChange(cc)
	noError(t, err)
	return pb.Entry{Term: term, Index: index, Type: typ, Data: data}
}

func TestHardAndSoftStateAreDescribedOnALine(t *testing.T) {
	for _, tc := range []struct{ got, want string }{
		{DescribeHardState(pb.HardState{}), "Term:0 Commit:0"},
		{DescribeHardState(pb.HardState{Term: 2, Commit: 5}), "Term:2 Commit:5"},
		{DescribeHardState(pb.HardState{Term: 1, Vote: 2, Commit: 4}), "Term:1 Vote:2 Commit:4"},
		{DescribeSoftState(SoftState{}), "Lead:0 State:StateFollower"},
		{DescribeSoftState(SoftState{Lead: 3, RaftState: StateLeader}), "Lead:3 State:StateLeader"},
		{DescribeConfState(pb.ConfState{}), "Voters:[] VotersOutgoing:[] Learners:[] LearnersNext:[] AutoLeave:false"},
		{
			DescribeConfState(pb.ConfState{Voters: []uint64{1, 2}, VotersOutgoing: []uint64{3}, Learners: []uint64{4}, LearnersNext: []uint64{3}, AutoLeave: true}),
			"Voters:[1 2] VotersOutgoing:[3] Learners:[4] LearnersNext:[3] AutoLeave:true",
		},
		{
			DescribeSnapshot(pb.Snapshot{Data: []byte("not shown"), Metadata: pb.SnapshotMetadata{Index: 4, Term: 1, ConfState: pb.ConfState{Voters: []uint64{1, 2}}}}),
			"Index:4 Term:1 ConfState:Voters:[1 2] VotersOutgoing:[] Learners:[] LearnersNext:[] AutoLeave:false",
		},
	} {
		if tc.got != tc.want {
			t.Errorf("got  %s\nwant %s", tc.got, tc.want)
		}
	}
}

func TestEntriesAreDescribedByPlaceTypeAndData(t *testing.T) {
	leave := confChangeEntry(t, 1, 7, pb.ConfChangeV2{})
	for _, tc := range []struct {
		name  string
		entry pb.Entry
		want  string
	}{
		{"normal", pb.Entry{Term: 1, Index: 5, Data: []byte("foo")}, `1/5 EntryNormal "foo"`},
		{"empty", pb.Entry{Term: 1, Index: 4}, `1/4 EntryNormal ""`},
		{"binary", pb.Entry{Term: 1, Index: 4, Data: []byte("\x00\n\xff")}, `1/4 EntryNormal "\x00\n\xff"`},
		{"one change", confChangeEntry(t, 1, 6, pb.ConfChange{Type: pb.ConfChangeRemoveNode, NodeID: 3}), "1/6 EntryConfChange r3"},
		{
			"two changes",
			confChangeEntry(t, 1, 6, pb.ConfChangeV2{Changes: []pb.ConfChangeSingle{{NodeID: 2}, {Type: pb.ConfChangeAddLearnerNode, NodeID: 3}}}),
			"1/6 EntryConfChangeV2 v2 l3",
		},
		{"leaving a joint configuration", leave, "1/7 EntryConfChangeV2"},
		{"an unknown change", confChangeEntry(t, 1, 6, pb.ConfChange{Type: 9, NodeID: 3}), "1/6 EntryConfChange unknown3"},
		{"an unknown type", pb.Entry{Term: 1, Index: 6, Type: 9, Data: []byte("foo")}, "1/6 9"},
	} {
		if got := DescribeEntry(tc.entry, nil); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestAnEntryFormatterRendersNormalDataOnly(t *testing.T) {
	upper := func(data []byte) string { return strings.ToUpper(string(data)) }
	entries := []pb.Entry{
		{Term: 1, Index: 1, Data: []byte("abc")},
		{Term: 1, Index: 2},
		confChangeEntry(t, 2, 3, pb.ConfChange{NodeID: 9}),
	}
	if got, want := DescribeEntries(entries, upper), "1/1 EntryNormal ABC\n1/2 EntryNormal\n2/3 EntryConfChange v9\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := DescribeEntries(nil, upper); got != "" {
		t.Errorf("no entries are described as %q", got)
	}
}

func TestAnUndecodableConfigurationChangeIsDescribedByItsError(t *testing.T) {
	for _, typ := range []pb.EntryType{pb.EntryConfChange, pb.EntryConfChangeV2} {
		got := DescribeEntry(pb.Entry{Term: 1, Index: 6, Type: typ, Data: []byte{0xff}}, nil)
		if prefix := fmt.Sprintf("1/6 %s ", typ); !strings.HasPrefix(got, prefix) || len(got) < len(prefix)+5 {
			t.Errorf("got %s", got)
		}
	}
}

func TestMessagesAreDescribed(t *testing.T) {
	snap := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 4, Term: 1, ConfState: pb.ConfState{Voters: []uint64{1}}}}
	const snapText = "Snapshot: Index:4 Term:1 ConfState:Voters:[1] VotersOutgoing:[] Learners:[] LearnersNext:[] AutoLeave:false"
	x, y := pb.Entry{Term: 1, Index: 4, Data: []byte("x")}, pb.Entry{Term: 1, Index: 5, Data: []byte("y")}
	for _, tc := range []struct {
		name string
		m    pb.Message
		want string
	}{
		{
			"one entry",
			pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 1, LogTerm: 1, Index: 3, Commit: 4, Entries: []pb.Entry{x}},
			`1->2 MsgApp Term:1 Log:1/3 Commit:4 Entries:[1/4 EntryNormal "x"]`,
		},
		{
			"two entries",
			pb.Message{Type: pb.MsgApp, From: 1, To: 3, Term: 1, LogTerm: 1, Index: 3, Commit: 4, Entries: []pb.Entry{x, y}},
			"1->3 MsgApp Term:1 Log:1/3 Commit:4 Entries:[\n  1/4 EntryNormal \"x\"\n  1/5 EntryNormal \"y\"\n]",
		},
		{
			"a rejection",
			pb.Message{Type: pb.MsgAppResp, From: 2, To: 1, Term: 1, Index: 3, Reject: true},
			"2->1 MsgAppResp Term:1 Log:0/3 Rejected (Hint: 0)",
		},
		{
			"a snapshot",
			pb.Message{Type: pb.MsgSnap, From: 1, To: 2, Term: 1, Snapshot: &snap},
			"1->2 MsgSnap Term:1 Log:0/0\n  " + snapText,
		},
		{
			"an empty snapshot",
			pb.Message{Type: pb.MsgStorageAppend, From: 1, To: LocalAppendThread, Snapshot: &pb.Snapshot{}},
			"1->AppendThread MsgStorageAppend Term:0 Log:0/0",
		},
		{
			"ids are in hexadecimal digits",
			pb.Message{Type: pb.MsgVote, From: 0xab, To: 16, Term: 10, LogTerm: 11, Index: 12},
			"ab->10 MsgVote Term:10 Log:11/12",
		},
		{"no ends", pb.Message{Type: pb.MsgProp}, "None->None MsgProp Term:0 Log:0/0"},
		{
			"to the apply thread",
			pb.Message{Type: pb.MsgStorageApply, From: 1, To: LocalApplyThread, Entries: []pb.Entry{x}, Responses: []pb.Message{
				{Type: pb.MsgStorageApplyResp, From: LocalApplyThread, To: 1, Entries: []pb.Entry{x}},
			}},
			"1->ApplyThread MsgStorageApply Term:0 Log:0/0 Entries:[1/4 EntryNormal \"x\"] Responses:[\n" +
				"  ApplyThread->1 MsgStorageApplyResp Term:0 Log:0/0 Entries:[1/4 EntryNormal \"x\"]\n]",
		},
		{
			"to the append thread, with everything",
			pb.Message{
				Type: pb.MsgStorageAppend, From: 1, To: LocalAppendThread, Term: 1, LogTerm: 1, Index: 5, Commit: 4, Vote: 1,
				Entries: []pb.Entry{x, y}, Snapshot: &snap, Responses: []pb.Message{
					{Type: pb.MsgVoteResp, From: 1, To: 1, Term: 1},
					{Type: pb.MsgStorageAppendResp, From: LocalAppendThread, To: 1, Term: 1, LogTerm: 1, Index: 5, Snapshot: &snap, Entries: []pb.Entry{x, y}},
				},
			},
			"1->AppendThread MsgStorageAppend Term:1 Log:1/5 Commit:4 Vote:1 Entries:[\n" +
				"  1/4 EntryNormal \"x\"\n  1/5 EntryNormal \"y\"\n]\n  " + snapText + " Responses:[\n" +
				"  1->1 MsgVoteResp Term:1 Log:0/0\n" +
				"  AppendThread->1 MsgStorageAppendResp Term:1 Log:1/5 Entries:[\n" +
				"    1/4 EntryNormal \"x\"\n    1/5 EntryNormal \"y\"\n  ]\n    " + snapText + "\n]",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, DescribeMessage(tc.m, nil)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAReadyIsDescribedPartByPart(t *testing.T) {
	rd := Ready{
		SoftState:        &SoftState{Lead: 1, RaftState: StateLeader},
		HardState:        pb.HardState{Term: 1, Vote: 1, Commit: 4},
		ReadStates:       []ReadState{{Index: 12, RequestCtx: []byte("ctx")}},
		Entries:          []pb.Entry{{Term: 1, Index: 5, Data: []byte("foo")}, confChangeEntry(t, 1, 6, pb.ConfChangeV2{Changes: []pb.ConfChangeSingle{{NodeID: 2}, {NodeID: 3}}})},
		Snapshot:         pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 4, Term: 1, ConfState: pb.ConfState{Voters: []uint64{1, 2}}}},
		CommittedEntries: []pb.Entry{{Term: 1, Index: 4}},
		Messages: []pb.Message{
			{Type: pb.MsgApp, From: 1, To: 2, Term: 1, LogTerm: 1, Index: 3, Commit: 4, Entries: []pb.Entry{{Term: 1, Index: 4, Data: []byte("x")}}},
			{Type: pb.MsgHeartbeat, From: 1, To: 3, Term: 1},
		},
		MustSync: true,
	}
	const want = `Ready MustSync=true:
Lead:1 State:StateLeader
HardState Term:1 Vote:1 Commit:4
ReadStates [{12 [99 116 120]}]
Entries:
1/5 EntryNormal "foo"
1/6 EntryConfChangeV2 v2 v3
Snapshot Index:4 Term:1 ConfState:Voters:[1 2] VotersOutgoing:[] Learners:[] LearnersNext:[] AutoLeave:false
CommittedEntries:
1/4 EntryNormal ""
Messages:
1->2 MsgApp Term:1 Log:1/3 Commit:4 Entries:[1/4 EntryNormal "x"]
1->3 MsgHeartbeat Term:1 Log:0/0
`
	if diff := cmp.Diff(want, DescribeReady(rd, nil)); diff != "" {
		t.Error(diff)
	}
	if got := DescribeReady(Ready{}, nil); got != "<empty Ready>" {
		t.Errorf("an empty Ready is described as %q", got)
	}
	if got, want := DescribeReady(Ready{HardState: pb.HardState{Term: 1}}, nil), "Ready MustSync=false:\nHardState Term:1 Commit:0\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
