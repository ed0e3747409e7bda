package raft

import (
	"bytes"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft/internal/checkpoint"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
	"pgregory.net/rapid"
)

// copyOf returns a node with the state of rn, and the Config and Storage of n.
func copyOf(tb rapid.TB, n *testNode, rn *RawNode) *RawNode {
	tb.Helper()
	cfg := n.cfg
	cfg.Recording = nil
	if snapshot, err := n.storage.Snapshot(); err == nil {
		cfg.Applied = snapshot.Metadata.Index
	}
	same, err := NewRawNode(&cfg)
	if err != nil {
		tb.Fatal(err)
	}
	if err := checkpoint.Restore(wholeState(tb, rn), same); err != nil {
		tb.Fatal(err)
	}
	return same
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

// checkDue compares n ticks with TickN, and looks at the ticks before NextDue. The nodes have the
// state of rn, which stays as it is.
func checkDue(tb rapid.TB, node *testNode, rn *RawNode, n uint64) {
	tb.Helper()
	one, many := copyOf(tb, node, rn), copyOf(tb, node, rn)
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
	before, after := copyOf(tb, node, rn), copyOf(tb, node, rn)
	passed := min(due-1, n)
	for range passed {
		after.Tick()
	}
	if due != neverDue && after.NextDue() < due-passed || due == neverDue && after.NextDue() != neverDue {
		tb.Fatalf("NextDue was %d and is %d after %d ticks", due, after.NextDue(), passed)
	}
	ready := after.HasReady()
	stopClocks(before)
	stopClocks(after)
	if ready != before.HasReady() || !bytes.Equal(wholeState(tb, before), wholeState(tb, after)) {
		tb.Fatalf("NextDue is %d, and %d ticks change more than clocks:\n%+v\n%+v", due, passed, before.raft, after.raft)
	}
}

// bends bring a node to states that walks seldom come to. Each does what programs, peers and disks
// do, or sets what they leave behind, and reports whether it could.
var bends = map[string]func(rn *RawNode, pick uint64) bool{
	"nothing to let go": func(rn *RawNode, _ uint64) bool {
		r := &rn.raft
		r.outbox.drain(nil) // the application has it
		r.log.Rest()
		r.outbox.rest()
		r.async.rest()
		return r.untilDue() > 1
	},
	"ticks": func(rn *RawNode, pick uint64) bool {
		for range 1 + pick%2 {
			rn.Tick()
		}
		return true
	},
	"other clocks": func(rn *RawNode, pick uint64) bool {
		r := &rn.raft
		if r.electionElapsed = uint32(pick % uint64(r.electionTimeout)); r.role == StateLeader {
			r.electionElapsed = uint32(pick % uint64(r.limits.electionTicks()))
			r.heartbeatElapsed = int32(pick / 20 % uint64(r.limits.heartbeatTicks()))
		}
		return true
	},
	"unreadable": func(rn *RawNode, _ uint64) bool { rn.raft.openPostponed().reading = unreadable; return true },
	"report": func(rn *RawNode, pick uint64) bool {
		rn.raft.openPostponed().commit = rn.raft.log.Committed() + pick%2
		return rn.raft.log.Committed()+pick%2 <= rn.raft.log.LastIndex()
	},
	"proof": func(rn *RawNode, _ uint64) bool {
		rn.raft.openPostponed().proven = rn.raft.log.Committed()
		return true
	},
	"first": func(rn *RawNode, _ uint64) bool { rn.raft.openPostponed().first = true; return true },
	"changes out": func(rn *RawNode, pick uint64) bool {
		r := &rn.raft
		r.openPostponed().out = changesOut{count: 1, end: r.log.Applied() + pick%2, ticks: uint32(pick / 2 % uint64(r.limits.electionTicks()))}
		return true
	},
	"question": func(rn *RawNode, pick uint64) bool {
		r := &rn.raft
		rn.ReadIndex([]byte("r"))
		if r.role == StateLeader || r.reads.waiting() == 0 {
			return false
		}
		r.clock += 40
		r.reads.askedAt = r.clock - pick%20
		return true
	},
	"transfer": func(rn *RawNode, pick uint64) bool {
		r := &rn.raft
		if r.role != StateLeader || r.stepDown() != nil {
			return false
		}
		r.transferElapsed = int32(pick % uint64(r.limits.electionTicks()))
		return true
	},
	"no voter": func(rn *RawNode, pick uint64) bool {
		r := &rn.raft
		if r.isVoter = false; r.role == StateLeader {
			r.steppingDown = r.transferee != None
		}
		return true
	},
	"stuck disk": func(rn *RawNode, pick uint64) bool {
		r := &rn.raft
		if r.role != StateLeader || rn.Propose([]byte("x")) != nil {
			return false
		}
		r.stalledAt, r.stalledTicks = r.log.Stable()-pick%2, int32(pick/2%uint64(r.limits.electionTicks()))
		return true
	},
	"learner answers": func(rn *RawNode, pick uint64) bool {
		return bendLearner(rn, pick, func(c *catchUp) {
			r := &rn.raft
			if pick/8%3 == 0 {
				_ = rn.Propose([]byte("x"))
			}
			if c.running {
				c.Ticks = int(pick / 24 % 2 * uint64(r.limits.electionTicks()))
			}
			_ = rn.Step(pb.Message{Type: pb.MsgAppResp, From: c.ID, To: r.id, Term: r.term, Index: r.log.LastIndex()})
		})
	},
	"learner silent": func(rn *RawNode, pick uint64) bool {
		return bendLearner(rn, pick, func(c *catchUp) { c.silent, c.idle = int(pick/8%20), int(pick/160%200) })
	},
	"learner awaited": func(rn *RawNode, pick uint64) bool {
		return bendLearner(rn, pick, func(c *catchUp) { _ = rn.AwaitCatchUp(c.ID) })
	},
}

// bendLearner does something with one of a leader's learners.
func bendLearner(rn *RawNode, pick uint64, do func(*catchUp)) bool {
	if rn.raft.role != StateLeader || len(rn.raft.catching.all()) == 0 {
		return false
	}
	all := rn.raft.catching.all()
	c := &all[pick%uint64(len(all))]
	do(c)
	return rn.raft.members.Find(c.ID) >= 0
}

// checkBent is checkDue after some bends of the node, and counts them.
func checkBent(tb rapid.TB, seen map[string]int, node *testNode, dice *generator) {
	tb.Helper()
	rn := copyOf(tb, node, node.RawNode)
	names := slices.Sorted(maps.Keys(bends))
	if rn.raft.role == StateLeader && len(rn.raft.catching.all()) > 0 && dice.next()%2 == 0 {
		names = slices.DeleteFunc(names, func(name string) bool { return name != "ticks" && !strings.HasPrefix(name, "learner") })
	}
	for range dice.next() % 6 {
		name := names[dice.next()%uint64(len(names))]
		if bends[name](rn, dice.next()>>8) {
			seen[name]++
		}
		if rn.Err() != nil {
			return
		}
	}
	noteDue(seen, rn)
	checkDue(tb, node, rn, dice.next()%45)
}

func TestTickNEqualsThatManyTicksAndNothingHappensBeforeNextDue(t *testing.T) {
	const nodes = 5
	weights := map[string]int{"split": 2, "talk": 10, "coup": 3, "rule": 3, "lead": 4, "tick": 3, "deliver": 2, "drop": 1,
		"threads": 2, "ready": 2, "read": 2, "transfer": 2, "unreachable": 1, "restart": 1, "compact": 1, "leave": 1,
		"add server": 2, "step down": 1}
	seen := map[string]int{}
	checkFixedAndDrawn(t, plans(nodes, weights, []int{60, 40, 20}, 32), func(tb rapid.TB, p plan) {
		option := p.options
		c, _ := walkCluster(tb, nodes, func(cfg *Config) {
			cfg.PreVote, cfg.CheckQuorum, cfg.AsyncStorageWrites = option&1 != 0, option&2 != 0, option&4 != 0
			cfg.HeartbeatTick = 1 + option>>3&1*6
			cfg.MaxSizePerMsg, cfg.MaxInflightMsgs, cfg.SnapshotTicks = 100, 4, 30
			cfg.MaxCachedEntriesSize = uint64(option&1) * 500
			if option&18 == 18 {
				cfg.LeaseDriftTicks = 1
			}
		})
		w := walker{testCluster: c}
		_ = c.node(1).Campaign()
		w.talk(^uint(0), 8)
		_ = c.node(1).ProposeConfChange(pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: 1 + p.dice.next()%nodes})
		for _, a := range p.acts {
			w.walk(a)
			for _, id := range []uint64{1 + p.dice.next()%nodes, c.leader()} {
				if id != None && c.node(id).Err() == nil {
					checkBent(tb, seen, c.node(id), &p.dice)
				}
			}
		}
	}, func() {
		want := []string{"leader", "follower", "candidate", "steady learner", "reads", "stalled", "late"}
		for _, want := range append(want, slices.Sorted(maps.Keys(bends))...) {
			if seen[want] == 0 {
				t.Errorf("no walk has come to a node with: %s", want)
			}
		}
	})
	t.Log(seen)
}

// noteDue counts what walks have come to, so that the property is not about idle nodes only.
func noteDue(seen map[string]int, rn *RawNode) {
	r := &rn.raft
	mark := func(name string, is bool) {
		if is {
			seen[name]++
		}
	}
	lead := r.role == StateLeader
	mark("leader", lead)
	mark("follower", r.role == StateFollower)
	mark("candidate", r.role == StateCandidate || r.role == StatePreCandidate)
	mark("steady learner", lead && len(r.catching.all()) > 0 && r.areLearnersSteady())
	mark("reads", !lead && r.reads.waiting() > 0)
	mark("stalled", lead && r.stalledTicks > 0)
	mark("late", rn.NextDue() > 5)
}

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

	t.Run("ticks that cannot be counted", func(t *testing.T) {
		c := newTestCluster(t, 3, func(cfg *Config) { cfg.ElectionTick, cfg.HeartbeatTick = math.MaxInt32, math.MaxInt32-1 })
		c.elect(1)
		c.settle()
		for _, n := range c.nodes {
			n.Tick()
			if due := n.NextDue(); due != math.MaxUint64 {
				t.Fatalf("node %d: NextDue is %d", n.cfg.ID, due)
			}
			n.TickN(math.MaxUint64 / 2) // which ends
		}
	})

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

func TestANodeThatATickQuarantinesTakesNoFurtherTicks(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	n := c.node(1)
	n.raft.openPostponed().commit = n.raft.log.LastIndex() + 1
	n.TickN(9)
	if n.Err() == nil || n.raft.clock != 1 {
		t.Errorf("%v, and the clock stands at %d", n.Err(), n.raft.clock)
	}
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
