package raft

import (
	"context"
	"math"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

// What a voter promises begins when it hears from the leader. Ticks that were due before that and wait for a busy goroutine would
// otherwise be counted afterwards, and the promise end too soon.
func TestThroughANodeDueTicksComeBeforeAMessage(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.CheckQuorum, cfg.LeaseDriftTicks = true, 1 })
	voter := c.node(1)
	n := newNode()
	for range 12 {
		n.Tick()
	}
	n.calls.rn = voter.RawNode
	if err := n.Step(context.Background(), pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 2}); err != nil {
		t.Fatal(err)
	}
	n.drainTicks(voter.RawNode)
	if !voter.raft.hasPromised() {
		t.Error("no tick has come since the heartbeat, and the promise to its leader is over")
	}
}

// Nor does a leader answer others from a lease that has ended in ticks that wait.
func TestThroughANodeALeaseEndsBeforeTheReadThatComesAfterIt(t *testing.T) {
	c := newLeaseCluster(t, 3)
	n := newNode()
	for range 9 {
		n.Tick()
	}
	c.wire = nil
	n.calls.rn = c.node(1).RawNode
	err := n.Step(context.Background(), pb.Message{Type: pb.MsgReadIndex, From: 3, To: 1, Entries: []pb.Entry{{Data: []byte("r")}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.answers(1, pb.MsgReadIndexResp); len(got) > 0 {
		t.Errorf("answered from a lease that has ended: %v", got)
	}
}

func TestTicksThatAreSkippedEndALeaseAndNoPromise(t *testing.T) {
	for _, skipped := range []uint64{20, math.MaxUint64} {
		c := newLeaseCluster(t, 3)
		for id := uint64(1); id <= 3; id++ {
			c.node(id).SkipTicks(skipped)
		}
		c.wantLease(1, false)
		if !c.node(2).raft.hasPromised() {
			t.Errorf("%d ticks that were skipped end what a follower has promised", skipped)
		}
		if got := c.node(1).raft.clock; got < 20 {
			t.Errorf("the clock of the leader stands at %d after %d ticks that were skipped", got, skipped)
		}
	}
}
