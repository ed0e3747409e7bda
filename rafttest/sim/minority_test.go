package sim

import (
	"errors"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// Each node votes only for the next one, and the last for none. While all nodes are up there is a
// leader. The first and the last alone elect no leader.
func TestADeadMinorityShowsWhoDoesNotHelp(t *testing.T) {
	p := plant{tamper: func(n *node, m *pb.Message) bool {
		if m.To == n.id+1 || m.Type != pb.MsgVoteResp || m.Reject {
			return false
		}
		m.Reject = true
		return true
	}}
	config := func(seed uint64, minority bool) Config {
		return Config{Seed: seed, Nodes: 3, Steps: 1000, Tune: plain, plant: &p, Faults: &Faults{Partition: 60, PartitionTicks: 20, Minority: minority}}
	}
	stuck, dead := 0, 0
	for seed := uint64(1); seed <= 10; seed++ {
		run(t, config(seed, false))
		res, err := Run(config(seed, true))
		dead += res.Stats.Dead
		var f *Failure
		if err == nil {
			continue
		}
		if !errors.As(err, &f) || f.Property != property.Progress {
			t.Fatal(err)
		}
		stuck++
	}
	if stuck == 0 || dead == 0 {
		t.Errorf("%d nodes died in 10 runs, %d runs got stuck", dead, stuck)
	}
}
