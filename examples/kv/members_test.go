package main

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

func TestAnIdIsUsedOnceAndAnAddressByOneReplica(t *testing.T) {
	ms := members{1: {Address: "http://a:1"}, 2: {Address: "http://b:1", Removed: true}, 3: {Address: "http://c:1", Data: "x"}}
	for _, tc := range []struct {
		id   uint64
		m    member
		want error
	}{
		{4, member{Address: "http://d:1", Data: "y"}, nil},
		{4, member{Address: "http://b:1"}, nil}, // its replica was removed
		{3, member{Address: "http://c:1", Data: "x"}, nil},
		{2, member{Address: "http://b:1"}, errRemovedID},
		{2, member{Address: "http://d:1"}, errRemovedID},
		{3, member{Address: "http://c:1", Data: "other"}, errTakenID},
		{3, member{Address: "http://d:1", Data: "x"}, errTakenID},
		{1, member{Address: "http://a:1", Data: "x"}, errTakenID},
		{4, member{Address: "http://a:1"}, errTakenPlace},
		{4, member{}, errBadMember},
		{0, member{Address: "http://d:1"}, errBadMember},
		{4, member{Address: "http://d:1", Removed: true}, errBadMember},
	} {
		if got := ms.check(tc.id, tc.m); !errors.Is(got, tc.want) {
			t.Errorf("%d at %+v: %v, want %v", tc.id, tc.m, got, tc.want)
		}
	}
}

// confEntry makes an entry that adds or removes a replica.
func confEntry(t *testing.T, index uint64, change raftpb.ConfChangeType, id uint64, m member) raftpb.Entry {
	t.Helper()
	context, err := m.encode()
	must(t, err)
	typ, data, err := raftpb.MarshalConfChange(raftpb.ConfChange{Type: change, NodeID: id, Context: context})
	must(t, err)
	return raftpb.Entry{Type: typ, Index: index, Term: 1, Data: data}
}

// voters plays the node's part: it keeps a set of voters.
type voters []uint64

func (v *voters) change(cc raftpb.ConfChangeI) raftpb.ConfState {
	for _, c := range cc.AsV2().Changes {
		*v = slices.DeleteFunc(slices.Clone(*v), func(id uint64) bool { return id == c.NodeID })
		if c.Type == raftpb.ConfChangeAddNode && c.NodeID != 0 {
			*v = append(*v, c.NodeID)
		}
	}
	slices.Sort(*v)
	return raftpb.ConfState{Voters: *v}
}

func TestMembersFollowTheLogAndSurviveRestartAndSnapshot(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	fourth := member{Address: "http://d:4", Data: "folder"}
	v := voters{1, 2, 3}
	_, err := s.apply([]raftpb.Entry{
		confEntry(t, 2, raftpb.ConfChangeAddNode, 4, fourth),
		confEntry(t, 3, raftpb.ConfChangeRemoveNode, 1, member{}),
		confEntry(t, 4, raftpb.ConfChangeAddNode, 1, member{Address: "http://e:5"}), // refused
		confEntry(t, 5, raftpb.ConfChangeAddNode, 5, member{Address: "http://b:2"}), // refused
		confEntry(t, 6, raftpb.ConfChangeAddNode, 4, fourth),
	}, v.change)
	must(t, err)
	to := openTest(t, t.TempDir())
	must(t, to.save(raft.Ready{Snapshot: copyImage(t, s, to)}))
	defer to.close()

	want := members{1: {Address: "http://a:1", Removed: true}, 2: {Address: "http://b:2"}, 3: {Address: "http://c:3"}, 4: fourth}
	check := func(how string, ms members, conf raftpb.ConfState) {
		t.Helper()
		if !maps.Equal(ms, want) || !slices.Equal(conf.Voters, []uint64{2, 3, 4}) {
			t.Errorf("%s: %v, %v", how, ms, conf)
		}
	}
	check("applied", s.members, s.conf)
	check("from a snapshot", to.members, to.conf)
	must(t, s.close())
	s = openTest(t, dir)
	check("after a restart", s.members, s.conf)
	must(t, s.close())
}

func TestAFolderKeepsItsNameAndAnotherHasAnother(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	name := s.identity
	must(t, s.close())
	s = openTest(t, dir)
	other := openTest(t, t.TempDir())
	if len(name) < 16 || s.identity != name || other.identity == name {
		t.Errorf("%q, later %q, elsewhere %q", name, s.identity, other.identity)
	}
	must(t, s.close())
	must(t, other.close())
}
