package raft

import "testing"

func TestALearnerMayWaitForALeaderForYears(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	n := &c.node(1).raft
	n.isVoter = false
	n.electionElapsed = neverTicks - 2
	for range 3 {
		c.node(1).Tick()
	}
	if n.electionElapsed != neverTicks-1 {
		t.Errorf("%d ticks without a leader", n.electionElapsed)
	}
}
