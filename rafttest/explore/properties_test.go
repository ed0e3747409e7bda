package explore

import (
	"strings"
	"testing"
)

// The views that the properties are of are made by hand here: the library itself breaks none.
func TestEachPropertyIsJudged(t *testing.T) {
	for _, tc := range []struct {
		name  string
		views [3]view // the node that took the step comes first
		past  past
		says  string
	}{
		{"two leaders of a term", [3]view{{term: 1, leads: true, commit: firstIndex}}, past{leaders: [maxTerm + 1]uint8{1: 2}}, "election safety"},
		{"two entries committed", [3]view{{commit: firstIndex + 1, log: []uint32{1}}}, past{committed: []uint32{2}, terms: []uint64{1}}, "state machine safety"},
		{"a leader without a committed entry", [3]view{{term: 2, leads: true, commit: firstIndex}}, past{committed: []uint32{1}, terms: []uint64{1}}, "leader completeness"},
		{"a commit that a leader of a later term lacks", [3]view{{term: 1, commit: firstIndex + 1, log: []uint32{1}, durable: []uint32{1}},
			{durable: []uint32{1}}, {term: 2, leads: true}}, past{}, "leader completeness: node 3"},
		{"logs that differ below a common term", [3]view{{commit: firstIndex, log: []uint32{3}}, {log: []uint32{4}}}, past{}, "log matching"},
		{"disks that differ below a common term", [3]view{{commit: firstIndex, durable: []uint32{3}}, {}, {durable: []uint32{4}}}, past{}, "log matching"},
		{"a commit that is on one disk", [3]view{{commit: firstIndex + 1, log: []uint32{1}, durable: []uint32{1}}}, past{}, "durability"},
		{"all is well", [3]view{{commit: firstIndex + 1, log: []uint32{1}, durable: []uint32{1}}, {durable: []uint32{1, 3}}}, past{}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x, err := newExplorer(World{Nodes: 3, Voters: []uint64{1, 2, 3}}, Bound{})
			if err != nil {
				t.Fatal(err)
			}
			x.nodes.places.terms = []uint64{1, 1, 2, 3, 3}
			c := cluster{}
			c.past = x.pasts.number(tc.past)
			for i, v := range tc.views {
				v.commit = max(v.commit, firstIndex)
				x.nodes.states = append(x.nodes.states, local{view: v})
				c.nodes[i] = uint32(i)
			}
			err = x.judge(&c, 0)
			if tc.says == "" && err != nil || tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
}

func TestAnOldAnswerToAReadIsJudged(t *testing.T) {
	x, err := newExplorer(World{Nodes: 3}, Bound{Reads: 1})
	if err != nil {
		t.Fatal(err)
	}
	c := cluster{site: site{floors: [maxReads]uint8{3}}}
	if x.judgeAnswer(&c, 0, answer{index: firstIndex + 1}) == nil || x.judgeAnswer(&c, 0, answer{index: firstIndex + 2}) != nil {
		t.Error("the floor of a read is not where it was set")
	}
}

func TestACommitIsJudgedByTheConfigurationOfItsLeader(t *testing.T) {
	const first, second, third, fourth = 1, 2, 4, 8
	for _, tc := range []struct {
		name   string
		own    bool
		voters [2]uint8
		says   string
	}{
		{"two of three", true, [2]uint8{first | second | third}, ""},
		{"one of three", false, [2]uint8{first | second | third}, "1 of 3"},
		{"one of two", true, [2]uint8{first | third}, "1 of 2"},
		{"the leader does not vote", true, [2]uint8{second | third | fourth}, "1 of 3"},
		{"both halves", true, [2]uint8{first | second | third, first | second | fourth}, ""},
		{"the new half only", true, [2]uint8{first | second, first | third | fourth}, "1 of 3"},
		{"the old half only", true, [2]uint8{third | fourth, first | second | third}, "0 of 2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x, err := newExplorer(World{Nodes: 4}, Bound{})
			if err != nil {
				t.Fatal(err)
			}
			c := cluster{}
			for i, durable := range [][]uint32{{5}, {5, 6}, {7}, nil} { // node 1 leads, and 2 has it too
				x.nodes.states = append(x.nodes.states, local{view: view{durable: durable}})
				c.nodes[i] = uint32(i)
			}
			err = x.judgeDecision(&c, 0, &decision{index: firstIndex + 1, place: 5, own: tc.own, voters: tc.voters})
			if tc.says == "" && err != nil || tc.says != "" && (err == nil || !strings.Contains(err.Error(), tc.says)) {
				t.Errorf("got %v, want %q", err, tc.says)
			}
		})
	}
}
