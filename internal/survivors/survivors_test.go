package survivors

import (
	"math/rand/v2"
	"testing"

	"github.com/ffd200af/raft/confchange"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

func voters(t *testing.T, ids ...uint64) tracker.Config {
	t.Helper()
	cfg, err := confchange.FromConfState(pb.ConfState{Voters: ids})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func change(t *testing.T, index uint64, text string) Change {
	t.Helper()
	ccs, err := pb.ConfChangesFromString(text)
	if err != nil {
		t.Fatal(err)
	}
	return Change{Index: index, Change: pb.ConfChangeV2{Changes: ccs}}
}

// cluster returns four voters, with changes to some of them.
func cluster(t *testing.T, special ...Node) []Node {
	nodes := make([]Node, 4)
	for i := range nodes {
		nodes[i] = Node{ID: uint64(i + 1), Config: voters(t, 1, 2, 3, 4), Applied: 10, Commit: 10}
	}
	for _, n := range special {
		nodes[n.ID-1] = n
	}
	return nodes
}

func TestWhoSuffices(t *testing.T) {
	removed := Node{ID: 3, Config: voters(t, 2, 3, 4), Applied: 11, Commit: 11}
	for _, tc := range []struct {
		name       string
		nodes      []Node
		live, work Set
		want       bool
	}{
		{"nobody", cluster(t), 0, 0, false},
		{"half of the voters", cluster(t), 0b0011, 0b0011, false},
		{"most of the voters", cluster(t), 0b0111, 0b0111, true},
		{"most voters, not all with a disk", cluster(t), 0b0111, 0b0011, false},
		{"half of the old voters, most of the new ones, and one of them knows it", cluster(t, removed), 0b1100, 0b1100, true},
		{"the one who knows it is dead", cluster(t, removed), 0b1010, 0b1010, false},
		{"a removed node lives on and counts for nothing", cluster(t, removed), 0b0101, 0b0101, false},
		{
			"a committed change that is not applied counts",
			cluster(t, Node{ID: 3, Config: voters(t, 1, 2, 3, 4), Applied: 10, Commit: 11, Changes: []Change{change(t, 11, "r1")}}), 0b1100, 0b1100, true,
		},
		{
			"a change that may be committed does not help",
			cluster(t, Node{ID: 3, Config: voters(t, 1, 2, 3, 4), Applied: 10, Commit: 10, Changes: []Change{change(t, 11, "r1")}}), 0b1100, 0b1100, false,
		},
		{
			"a change that may be committed needs its quorum",
			cluster(t, Node{ID: 3, Config: voters(t, 1, 2, 3, 4), Applied: 10, Commit: 10, Changes: []Change{change(t, 11, "v5 v6 v7")}}), 0b0111, 0b0111, false,
		},
		{
			"a change that is superseded does not",
			cluster(t, removed, Node{ID: 4, Config: voters(t, 1, 2, 3, 4), Applied: 9, Commit: 9, Changes: []Change{change(t, 10, "v5 v6 v7")}}), 0b1100, 0b1100, true,
		},
		{
			"what only a stuck node knows needs its quorum",
			cluster(t, Node{ID: 4, Config: voters(t, 1, 4), Applied: 11, Commit: 11}), 0b1111, 0b0111, false,
		},
		{"and does not help", cluster(t, removed), 0b1110, 0b1010, false},
	} {
		if got := Suffice(tc.nodes, tc.live, tc.work); got != tc.want {
			t.Errorf("%s: got %t, want %t", tc.name, got, tc.want)
		}
	}
}

func TestTheDrawnNodesSuffice(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	nodes := cluster(t)
	dead, stuck := 0, 0
	for range 200 {
		const up, fragile = 0b1111, 0b0110
		live, work := Draw(nodes, up, fragile, r.IntN)
		if work != up && !Suffice(nodes, live, work) || work&^live != 0 || live&^work&^fragile != 0 {
			t.Fatalf("drawn are %b, of which %b work", live, work)
		}
		if live != up {
			dead++
		} else if work != live {
			stuck++
		}
	}
	if dead == 0 || stuck == 0 {
		t.Errorf("nodes die in %d of 200 draws, only disks in %d", dead, stuck)
	}
	if live, work := Draw(nodes, 0b0011, 0, r.IntN); live != 0b0011 || work != 0b0011 {
		t.Error("half of the voters is all there is, and one of them dies")
	}
}
