package raft

import (
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

// A candidate that cannot win raises the term of the others. Were that to start their timers again,
// those who can win would wait for another timeout each time.
func TestALaterTermAloneDoesNotStartTheElectionTimerAgain(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.propose(1, "x")
	c.settle()
	const timeout = 12
	if err := c.node(2).SetRandomizedElectionTimeout(timeout); err != nil {
		t.Fatal(err)
	}
	for term := uint64(3); term < 3+timeout-1; term++ {
		c.tick(2, 1)
		c.step(voteFrom(3, 2, term, entryAt(1, 1)))
		c.ready(2)
		c.wantRole(2, StateFollower, term)
	}
	c.tick(2, 1)
	c.wantRole(2, StateCandidate, 3+timeout-1)
}

func TestAVoteALeaderAndTheEndOfAReignStartTheElectionTimerAgain(t *testing.T) {
	for name, event := range map[string]func(c *testCluster){
		"a vote that is granted": func(c *testCluster) { c.step(voteFrom(3, 2, 9, entryAt(8, 9))) },
		"a sign of the leader":   func(c *testCluster) { c.step(pb.Message{Type: pb.MsgHeartbeat, From: 1, To: 2, Term: 2}) },
		"another leader's append": func(c *testCluster) {
			c.step(pb.Message{Type: pb.MsgApp, From: 3, To: 2, Term: 4, Index: 1, LogTerm: 1})
		},
		"a leader that steps down": func(c *testCluster) {
			c.elect(2)
			c.step(voteFrom(3, 2, 9, entryAt(1, 1)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestCluster(t, 3, nil)
			c.elect(1)
			if err := c.node(2).SetRandomizedElectionTimeout(12); err != nil {
				t.Fatal(err)
			}
			c.tick(2, 9)
			event(c)
			c.ready(2)
			c.tick(2, 9) // less than any timeout
			if st := c.node(2).BasicStatus(); st.RaftState != StateFollower {
				t.Errorf("it is %s", st.RaftState)
			}
		})
	}
}
