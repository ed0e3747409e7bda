package raft

import (
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

// leftOver is a storage in which a crash has left entries behind a snapshot at 1/1, and a hard
// state.
func leftOver(t *testing.T, hs pb.HardState, entries ...pb.Entry) *MemoryStorage {
	t.Helper()
	s := NewMemoryStorage()
	if err := s.ApplySnapshot(*snapAt(1, 1, pb.ConfState{Voters: []uint64{1, 2, 3}})); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(entries); err != nil {
		t.Fatal(err)
	}
	if err := s.SetHardState(hs); err != nil {
		t.Fatal(err)
	}
	return s
}

func changeAt(t *testing.T, term, index, id uint64) pb.Entry {
	t.Helper()
	data, err := (&pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: id}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return pb.Entry{Term: term, Index: index, Type: pb.EntryConfChange, Data: data}
}

func TestWhatTheLogSaysOfALostHardStateIsMadeUpFor(t *testing.T) {
	normal := func(term, index uint64) pb.Entry { return pb.Entry{Term: term, Index: index} }
	for _, tc := range []struct {
		name    string
		hs      pb.HardState
		entries []pb.Entry
		trust   bool
		want    pb.HardState
		writes  bool
	}{
		{
			name: "nothing is missing", hs: pb.HardState{Term: 3, Vote: 2, Commit: 2},
			entries: []pb.Entry{normal(2, 2), normal(3, 3)}, want: pb.HardState{Term: 3, Vote: 2, Commit: 2},
		},
		{
			name: "an entry is of a later term: no vote was given in it", hs: pb.HardState{Term: 1, Vote: 2, Commit: 1},
			entries: []pb.Entry{normal(2, 2), normal(3, 3)}, want: pb.HardState{Term: 3, Commit: 1}, writes: true,
		},
		{
			name:    "there is no hard state at all",
			entries: []pb.Entry{normal(1, 2)}, want: pb.HardState{Term: 1, Commit: 1}, writes: true,
		},
		{
			name: "a snapshot alone is where a new group starts", want: pb.HardState{Commit: 1},
		},
		{
			name: "one change may be uncommitted", hs: pb.HardState{Term: 3, Vote: 2, Commit: 1},
			entries: []pb.Entry{normal(3, 2), changeAt(t, 3, 3, 4), normal(3, 4)}, want: pb.HardState{Term: 3, Vote: 2, Commit: 1},
		},
		{
			name: "of two the first is committed", hs: pb.HardState{Term: 3, Vote: 2, Commit: 1},
			entries: []pb.Entry{normal(3, 2), changeAt(t, 3, 3, 4), normal(3, 4), changeAt(t, 3, 5, 5), normal(3, 6)},
			want:    pb.HardState{Term: 3, Vote: 2, Commit: 3}, writes: true,
		},
		{
			name: "of three the second is", hs: pb.HardState{Term: 3, Vote: 2, Commit: 2},
			entries: []pb.Entry{changeAt(t, 2, 2, 4), changeAt(t, 2, 3, 5), changeAt(t, 3, 4, 6), changeAt(t, 3, 5, 7)},
			want:    pb.HardState{Term: 3, Vote: 2, Commit: 4}, writes: true,
		},
		{
			name: "who does not have changes validated has them as they come", hs: pb.HardState{Term: 3, Vote: 2, Commit: 1}, trust: true,
			entries: []pb.Entry{changeAt(t, 3, 2, 4), changeAt(t, 3, 3, 5)}, want: pb.HardState{Term: 3, Vote: 2, Commit: 1},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := testConfig(1, leftOver(t, tc.hs, tc.entries...))
			cfg.DisableConfChangeValidation = tc.trust
			rn, err := NewRawNode(&cfg)
			if err != nil {
				t.Fatal(err)
			}
			if got := rn.BasicStatus().HardState; got != tc.want {
				t.Errorf("starts with %+v, want %+v", got, tc.want)
			}
			rd := rn.Ready()
			if tc.writes && (rd.HardState != tc.want || rd.MustSync == (tc.want.Term == tc.hs.Term && len(rd.CommittedEntries) == 0)) {
				t.Errorf("has %+v to write, sync %t, want %+v", rd.HardState, rd.MustSync, tc.want)
			}
			if !tc.writes && !IsEmptyHardState(rd.HardState) {
				t.Errorf("has %+v to write, there is nothing new", rd.HardState)
			}
		})
	}
}

// Two reads of a tail are needed when it is larger than a message.
func TestChangesAreFoundInALongTail(t *testing.T) {
	entries := []pb.Entry{changeAt(t, 1, 2, 4)}
	for i := uint64(3); i < 20; i++ {
		entries = append(entries, pb.Entry{Term: 1, Index: i, Data: make([]byte, defaultMaxSizePerMsg/4)})
	}
	entries = append(entries, changeAt(t, 1, 20, 5))
	cfg := testConfig(1, leftOver(t, pb.HardState{Term: 1, Commit: 1}, entries...))
	rn, err := NewRawNode(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got := rn.BasicStatus().Commit; got != 2 {
		t.Errorf("commit index %d, want 2", got)
	}
}

// A group may begin with the state of another one, whose snapshot has a term, and without a hard
// state.
func TestAGroupThatBeginsWithASnapshotOfALaterTermElectsAndStartsAgain(t *testing.T) {
	for _, voters := range [][]uint64{{1}, {1, 2, 3}} {
		c := newTestCluster(t, len(voters), func(cfg *Config) { cfg.PreVote, cfg.CheckQuorum = true, true })
		for _, n := range c.nodes {
			n.storage = NewMemoryStorage()
			if err := n.storage.ApplySnapshot(*snapAt(100, 5, pb.ConfState{Voters: voters})); err != nil {
				t.Fatal(err)
			}
			n.cfg.Storage = n.storage
			c.start(n)
		}
		c.elect(1)
		c.propose(1, "x")
		c.settle()
		for _, id := range voters {
			c.restart(id)
		}
		c.elect(1)
		c.wantRole(1, StateLeader, 7)
	}
}
