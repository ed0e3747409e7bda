package raft

import (
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

func TestBug21AProposalThatLostItsPlaceIsNotAppliedAsSuccess(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.isolate(1)
	c.propose(1, "lost")
	c.settle()
	c.elect(2)
	c.propose(2, "won")
	c.settle()
	c.heal()
	c.settleTicking(2)
	c.wantApplied("won ")
}

// A log that comes near the largest index takes nothing more, before anything could wrap.
func TestALogThatIsAboutToWrapTakesNoProposals(t *testing.T) {
	c := newTestCluster(t, 1, nil)
	n := c.node(1)
	n.storage = NewMemoryStorage()
	if err := n.storage.ApplySnapshot(*snapAt(raftlog.MaxCounter-4, 2, pb.ConfState{Voters: []uint64{1}})); err != nil {
		t.Fatal(err)
	}
	n.cfg.Storage = n.storage
	c.start(n)
	c.elect(1) // its first entry is at maxCounter-3
	c.propose(1, "x")
	c.settle()
	if err := n.Step(pb.Message{Type: pb.MsgProp, To: 1, Entries: make([]pb.Entry, 3)}); err != ErrProposalDropped {
		t.Errorf("three entries more: %v", err)
	}
	c.propose(1, "the last one")
	c.settle()
	wantDropped(t, n, "one more", ErrLogFull)
	if st := n.BasicStatus(); st.RaftState != StateLeader || st.Applied != raftlog.MaxCounter-1 {
		t.Errorf("it is %s and has applied up to %d below the bound", st.RaftState, raftlog.MaxCounter-st.Applied)
	}
}
