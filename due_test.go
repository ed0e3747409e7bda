package raft

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/ffd200af/raft/internal/checkpoint"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
	"pgregory.net/rapid"
)

// copyOf returns a node with the same state and the same Storage.
func copyOf(tb rapid.TB, n *testNode) *RawNode {
	tb.Helper()
	cfg := n.cfg
	cfg.Recording = nil
	if snapshot, err := n.storage.Snapshot(); err == nil {
		cfg.Applied = snapshot.Metadata.Index
	}
	rn, err := NewRawNode(&cfg)
	if err != nil {
		tb.Fatal(err)
	}
	if err := checkpoint.Restore(wholeState(tb, n.RawNode), rn); err != nil {
		tb.Fatal(err)
	}
	return rn
}

// wholeState returns the whole state of a node.
func wholeState(tb rapid.TB, rn *RawNode) []byte {
	tb.Helper()
	state, whole := checkpoint.Append(nil, rn, math.MaxInt/2)
	if !whole {
		tb.Fatal("the state is too large")
	}
	return state
}

// stopClocks sets the clocks of a node to zero. What is left, no tick may change before NextDue.
func stopClocks(rn *RawNode) {
	r := &rn.raft
	r.clock, r.electionElapsed = 0, 0
	if r.postponed != nil {
		r.postponed.out.ticks = 0
	}
	if r.leadership == nil {
		return
	}
	r.heartbeatElapsed, r.transferElapsed, r.stalledTicks, r.stalledAt = 0, 0, 0, 0
	learners := r.catching.all()
	for i := range learners {
		learners[i].idle, learners[i].silent = 0, 0
	}
	for i := 0; r.role == StateLeader && i < r.members.Len(); i++ {
		r.members.Progress(i).TakeAnswer()
	}
}

// checkDue compares n ticks with TickN, and looks at the ticks before NextDue and at the due one.
func checkDue(tb rapid.TB, node *testNode, n uint64) {
	tb.Helper()
	one, many := copyOf(tb, node), copyOf(tb, node)
	due := one.NextDue()
	for range n {
		one.Tick()
	}
	many.TickN(n)
	if (one.Err() == nil) != (many.Err() == nil) {
		tb.Fatalf("%d ticks: %v, TickN: %v", n, one.Err(), many.Err())
	}
	if one.Err() == nil && !bytes.Equal(wholeState(tb, one), wholeState(tb, many)) {
		tb.Fatalf("%d ticks and TickN lead to different states, NextDue %d:\n%+v\n%+v", n, due, one.raft, many.raft)
	}
	before, after := copyOf(tb, node), copyOf(tb, node)
	passed := min(due-1, n)
	for range passed {
		after.Tick()
	}
	if passed < due-1 && due != neverDue && after.NextDue() != due-passed {
		tb.Fatalf("NextDue was %d and is %d after %d ticks", due, after.NextDue(), passed)
	}
	ready := after.HasReady()
	stopClocks(before)
	stopClocks(after)
	if ready != before.HasReady() || !bytes.Equal(wholeState(tb, before), wholeState(tb, after)) {
		tb.Fatalf("NextDue is %d, and %d ticks change more than clocks:\n%+v\n%+v", due, passed, before.raft, after.raft)
	}
}

func TestTickNEqualsThatManyTicksAndNothingHappensBeforeNextDue(t *testing.T) {
	const nodes = 5
	weights := map[string]int{"split": 2, "talk": 10, "coup": 3, "rule": 3, "lead": 4, "tick": 3, "deliver": 2, "drop": 1,
		"threads": 2, "ready": 2, "read": 2, "transfer": 2, "unreachable": 1, "restart": 1, "compact": 1, "leave": 1,
		"add server": 2, "step down": 1}
	seen := map[string]int{}
	checkFixedAndDrawn(t, plans(nodes, weights, []int{100, 60, 30}, 32), func(tb rapid.TB, p plan) {
		option := p.options
		c, _ := walkCluster(tb, nodes, func(cfg *Config) {
			cfg.PreVote, cfg.CheckQuorum, cfg.AsyncStorageWrites = option&1 != 0, option&2 != 0, option&4 != 0
			cfg.HeartbeatTick = 1 + option>>3&1*3
			cfg.MaxSizePerMsg, cfg.MaxInflightMsgs, cfg.SnapshotTicks = 100, 4, 30
			cfg.MaxCachedEntriesSize = uint64(option&1) * 500
			if option&18 == 18 {
				cfg.LeaseDriftTicks = 1
			}
		})
		w := walker{testCluster: c}
		for _, a := range p.acts {
			w.walk(a)
			node := c.node(1 + p.dice.next()%nodes)
			if node.Err() != nil {
				continue
			}
			noteDue(seen, node)
			checkDue(tb, node, p.dice.next()%45)
		}
	}, func() {
		for _, want := range []string{"leader", "follower", "candidate", "transfer", "learner", "reads", "stalled", "late"} {
			if seen[want] == 0 {
				t.Errorf("no walk has come to a node with: %s", want)
			}
		}
	})
	t.Log(seen)
}

// noteDue counts what walks have come to, so that the property is not about idle nodes only.
func noteDue(seen map[string]int, n *testNode) {
	r := &n.raft
	mark := func(name string, is bool) {
		if is {
			seen[name]++
		}
	}
	lead := r.role == StateLeader
	mark("leader", lead)
	mark("follower", r.role == StateFollower)
	mark("candidate", r.role == StateCandidate || r.role == StatePreCandidate)
	mark("transfer", lead && r.transferee != None)
	mark("learner", lead && len(r.catching.all()) > 0)
	mark("reads", !lead && r.reads.waiting() > 0)
	mark("stalled", lead && r.stalledTicks > 0)
	mark("late", n.NextDue() > 5)
}

// Walks come to these states seldom, or not at all.
func TestTickNEqualsThatManyTicksInRareStates(t *testing.T) {
	states := map[string]func(c *testCluster, n *testNode){
		"a change is out": func(c *testCluster, n *testNode) {
			n.raft.postponed = &postponed{lasting: lasting{out: changesOut{count: 1, end: n.raft.log.Applied()}}}
		},
		"a change is out for long": func(c *testCluster, n *testNode) {
			n.raft.postponed = &postponed{lasting: lasting{out: changesOut{count: 1, end: n.raft.log.Applied(), ticks: 7}}}
		},
		"a change is not applied": func(c *testCluster, n *testNode) {
			n.raft.postponed = &postponed{lasting: lasting{out: changesOut{count: 1, end: n.raft.log.Applied() + 1}}}
		},
		"entries cannot be read": func(c *testCluster, n *testNode) {
			n.raft.postponed = &postponed{lasting: lasting{reading: unreadable}}
		},
		"a report waits": func(c *testCluster, n *testNode) {
			n.raft.postponed = &postponed{lasting: lasting{commit: n.raft.log.Committed()}}
		},
		"a proof waits": func(c *testCluster, n *testNode) {
			n.raft.postponed = &postponed{lasting: lasting{proven: n.raft.log.Committed()}}
		},
		"the first configuration waits": func(c *testCluster, n *testNode) { n.raft.postponed = &postponed{lasting: lasting{first: true}} },
		"the disk is stuck": func(c *testCluster, n *testNode) {
			c.propose(1, "x")
			n.tick(c, 3)
		},
		"the disk was stuck": func(c *testCluster, n *testNode) {
			n.raft.stalledAt, n.raft.stalledTicks = n.raft.log.Stable(), 3
		},
		"the disk is stuck and nobody else votes": func(c *testCluster, n *testNode) {
			c.change(1, "r2")
			c.change(1, "r3")
			c.propose(1, "x")
		},
		"it does not vote": func(c *testCluster, n *testNode) { n.raft.isVoter = false },
		"it steps down":    func(c *testCluster, n *testNode) { n.raft.isVoter, n.raft.steppingDown = false, true },
		"it hands over": func(c *testCluster, n *testNode) {
			c.isolate(2)
			c.propose(1, "x")
			n.TransferLeader(2)
			c.settle()
		},
		"it hands over and does not vote": func(c *testCluster, n *testNode) {
			n.raft.isVoter, n.raft.steppingDown, n.raft.transferee = false, true, 2
		},
		"a read waits": func(c *testCluster, n *testNode) {
			c.isolate(1)
			n.ReadIndex([]byte("r"))
			c.settle()
		},
		"a read was asked long ago": func(c *testCluster, n *testNode) {
			n.ReadIndex([]byte("r"))
			n.raft.clock += 100
		},
		"a read of a follower is on its way": func(c *testCluster, n *testNode) {
			c.isolate(1)
			c.node(2).ReadIndex([]byte("r"))
			c.settle()
		},
		"a learner has been silent": func(c *testCluster, n *testNode) {
			c.change(1, "l3")
			c.isolate(3)
			for range 12 {
				c.tick(1, 1)
				c.settle()
			}
		},
		"a learner is waited for": func(c *testCluster, n *testNode) {
			c.change(1, "l3")
			c.isolate(3)
			_ = n.AwaitCatchUp(3)
		},
		"a learner lacks an entry": func(c *testCluster, n *testNode) {
			c.change(1, "l3")
			for range 3 {
				c.tick(1, 1)
				c.settle()
			}
			c.isolate(3)
			c.propose(1, "x")
			c.settle()
		},
		"a learner gets a snapshot": func(c *testCluster, n *testNode) {
			c.change(1, "l3")
			n.raft.members.Progress(2).BecomeSnapshot(n.raft.log.LastIndex())
		},
	}
	for _, name := range slices.Sorted(maps.Keys(states)) {
		for _, heartbeat := range []int{1, 9} {
			t.Run(name, func(t *testing.T) {
				c := newTestCluster(t, 3, func(cfg *Config) { cfg.HeartbeatTick, cfg.CheckQuorum = heartbeat, true })
				c.elect(1)
				c.settle()
				states[name](c, c.node(1))
				for _, n := range c.nodes {
					for ticks := range uint64(25) {
						checkDue(t, n, ticks)
					}
				}
			})
		}
	}
}

func (n *testNode) tick(c *testCluster, ticks int) { c.tick(n.cfg.ID, ticks) }

func TestNextDueIsNotSmallerThanItHasToBe(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.HeartbeatTick = 4; cfg.CheckQuorum = true })
	c.elect(1)
	c.settle()
	want := func(id, due uint64) {
		t.Helper()
		if got := c.node(id).NextDue(); got != due {
			t.Fatalf("node %d: NextDue is %d, want %d", id, got, due)
		}
	}
	rest := func() { // an entry that nobody needs any more goes with the next tick
		for id := uint64(1); id <= 3; id++ {
			want(id, 1)
			c.tick(id, 1)
		}
	}
	rest()
	want(1, 3)
	want(2, uint64(c.node(2).raft.electionTimeout)-1)
	c.tick(2, 5)
	want(2, uint64(c.node(2).raft.electionTimeout)-6)
	c.tick(1, 2)
	want(1, 1)
	c.tick(1, 1)
	want(1, 4)

	t.Run("a learner that has everything", func(t *testing.T) {
		c.join(func(cfg *Config) { cfg.HeartbeatTick = 4; cfg.CheckQuorum = true })
		c.change(1, "l4")
		for range 12 {
			c.tick(1, 1)
			c.settle()
		}
		if due := c.node(1).NextDue(); due < 2 {
			t.Errorf("NextDue of the leader is %d", due)
		}
		for range 9 {
			c.node(1).Tick()
		}
		c.node(4).Tick() // lets go of an entry
		due := c.node(4).NextDue()
		if due == neverDue || due < 2 {
			t.Errorf("NextDue of a learner that knows a leader is %d", due)
		}
		c.node(4).TickN(due)
		if got := c.node(4).NextDue(); got != neverDue {
			t.Errorf("NextDue of a learner that knows no leader is %d", got)
		}
	})
}

func TestACounterThatHasStoppedDoesNotWrap(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	n := c.node(1)
	n.raft.isVoter = false // for which counting never ends
	n.TickN(math.MaxUint64 / 2)
	if got := n.raft.electionElapsed; got != neverTicks-1 {
		t.Errorf("electionElapsed is %d", got)
	}
	n.raft.quarantine("testing", ErrInvariant)
	if got := n.NextDue(); got != neverDue {
		t.Errorf("NextDue of a quarantined node is %d", got)
	}
	n.TickN(3)
}

func TestALongTimeIsPassedInFewSteps(t *testing.T) {
	// A tick that is due would campaign; the test ends only if the others are not made one by one.
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.ElectionTick, cfg.HeartbeatTick = 1<<29, 1<<28 })
	c.node(1).TickN(1 << 28)
	if got := c.node(1).raft.clock; got != 1<<28 {
		t.Errorf("the clock stands at %d", got)
	}
	c.elect(1)
	for _, m := range []tracker.StateType{tracker.StateReplicate} {
		if got := c.node(1).raft.members.Progress(1).State; got != m {
			t.Fatalf("member 2 is in %s", got)
		}
	}
	c.sent[pb.MsgHeartbeat] = 0
	c.node(1).TickN(1 << 28)
	c.settle()
	if got := c.sent[pb.MsgHeartbeat]; got != 2 {
		t.Errorf("%d heartbeats in one interval", got)
	}
}
