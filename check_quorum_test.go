package raft

import "testing"

func TestALeaderThatHearsNoQuorumStepsDown(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.CheckQuorum = true })
	c.elect(1)
	c.settleTicking(1)
	c.isolate(1)
	c.tick(1, 10) // those who answered since the last check count once more
	c.settle()
	c.wantRole(1, StateLeader, 2)
	c.tick(1, 10)
	c.wantRole(1, StateFollower, 2)
}
