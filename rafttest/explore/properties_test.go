package explore

import (
	"errors"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// The views that the properties are of are made by hand here: the library itself breaks none.
func TestEachPropertyIsJudged(t *testing.T) {
	withDisk := func(index, term uint64) *property.Node {
		n := property.NewAlone(1, &property.Witness{})
		n.Recovers(property.NewView(index, term), pb.HardState{})
		return n
	}
	behind, has := withDisk(firstIndex, 1), withDisk(firstIndex+1, 1)
	for _, tc := range []struct {
		name      string
		views     [3]view // the node that took the step comes first
		committed bool    // 1/3
		broken    property.Name
	}{
		{"logs that differ below a common term", [3]view{{log: []uint32{3}}, {log: []uint32{4}}}, false, property.LogMatching},
		{"disks that differ below a common term", [3]view{{durable: []uint32{3}}, {}, {durable: []uint32{4}}}, false, property.LogMatching},
		{"a commit that is on one disk", [3]view{{rec: has}, {rec: behind}, {rec: behind}}, true, property.CommitSafety},
		{"all is well", [3]view{{log: []uint32{1}, rec: has}, {log: []uint32{1, 3}, rec: has}, {rec: behind}}, true, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			x, err := newExplorer(World{Nodes: 3, Voters: []uint64{1, 2, 3}}, Bound{})
			if err != nil {
				t.Fatal(err)
			}
			x.nodes.places.terms = []uint64{1, 1, 2, 3, 3}
			c := cluster{}
			if tc.committed {
				p := x.pasts.list[0].Clone()
				p.Begins(firstIndex+1, 1)
				c.past = x.pasts.number(p)
			}
			for i, v := range tc.views {
				x.nodes.states = append(x.nodes.states, local{view: v})
				c.nodes[i] = uint32(i)
			}
			err = x.judge(&c, 0)
			var v *property.Violation
			if tc.broken == "" && err != nil || tc.broken != "" && (!errors.As(err, &v) || v.Property != tc.broken) {
				t.Errorf("got %v, want %q", err, tc.broken)
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
