package raft

import (
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
	"pgregory.net/rapid"
)

// atRest returns a cluster whose members, with node 1 as leader, may all sleep.
func atRest(tb rapid.TB, tune func(*Config)) *testCluster {
	tb.Helper()
	c := newTestCluster(tb, 3, tune)
	c.elect(1)
	c.propose(1, "x")
	c.settle()
	for id := uint64(1); id <= 3; id++ {
		c.wantMaySleep(id, true)
	}
	return c
}

// Each of these states lacks one thing that a group at rest has. Node id may not sleep then.
func TestANodeThatHasSomethingToDoMayNotSleep(t *testing.T) {
	states := map[string]struct {
		id uint64
		do func(c *testCluster)
	}{
		"a quarantined leader":           {1, func(c *testCluster) { _ = c.node(1).raft.quarantine("testing", ErrInvariant) }},
		"a candidate":                    {2, func(c *testCluster) { c.isolate(2); _ = c.node(2).Campaign(); c.settle() }},
		"a follower without a leader":    {2, func(c *testCluster) { _ = c.node(2).ForgetLeader(); c.settle() }},
		"a leader with work":             {1, func(c *testCluster) { c.tick(1, 1) }},
		"a leader whose work is out":     {1, func(c *testCluster) { c.tick(1, 1); c.node(1).Ready() }},
		"an entry that is not committed": {1, func(c *testCluster) { c.isolate(1); c.propose(1, "y"); c.settle() }},
		"a follower's entry that is not committed": {2, func(c *testCluster) {
			c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgAppResp }
			c.propose(1, "y")
			c.settle()
		}},
		"a member that lacks an entry": {1, func(c *testCluster) { c.isolate(3); c.propose(1, "y"); c.settle() }},
		"a learner that lacks an entry": {1, func(c *testCluster) {
			c.change(1, "l3")
			c.tick(1, 1)
			c.settle()
			c.wantMaySleep(1, true)
			c.isolate(3)
			c.propose(1, "y")
			c.settle()
			c.node(1).raft.catching.list = nil
		}},
		"a member that is probed": {1, func(c *testCluster) { c.node(1).ReportUnreachable(2) }},
		"a read": {1, func(c *testCluster) {
			c.isolate(1)
			c.node(1).ReadIndex([]byte("r"))
			c.settle()
		}},
		"a follower's read": {2, func(c *testCluster) {
			c.isolate(2)
			c.node(2).ReadIndex([]byte("r"))
			c.settle()
		}},
		"a transfer": {1, func(c *testCluster) {
			c.isolate(1)
			c.node(1).TransferLeader(2)
			c.settle()
		}},
		"a leader that does not vote": {1, func(c *testCluster) { c.node(1).raft.isVoter = false }},
		"a joint configuration": {1, func(c *testCluster) {
			changes, _ := pb.ConfChangesFromString("l3")
			_ = c.node(1).ProposeConfChange(pb.ConfChangeV2{Changes: changes, Transition: pb.ConfChangeTransitionJointExplicit})
			c.settle()
			c.tick(1, 2)
			c.settle()
		}},
		"a wait for a learner": {1, func(c *testCluster) {
			c.change(1, "l3")
			c.tick(1, 1)
			c.settle()
			_ = c.node(1).AwaitCatchUp(3)
			c.node(1).raft.catching.list[0].silent = 0
		}},
		"a server that is not in effect": {1, func(c *testCluster) {
			c.node(1).raft.openCatching().add(catchUp{CatchUp: CatchUp{ID: 9}})
		}},
		"a round of catching up": {1, func(c *testCluster) { c.change(1, "l3") }},
		"a change that is out": {2, func(c *testCluster) {
			c.node(2).raft.postponed = &postponed{lasting: lasting{out: changesOut{count: 1}}}
		}},
		"a snapshot that is not durable": {2, func(c *testCluster) {
			r := &c.node(2).raft
			r.log.Restore(&pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: r.log.LastIndex(), Term: r.term}})
			r.log.TakeWrite()
		}},
	}
	for _, name := range slices.Sorted(maps.Keys(states)) {
		t.Run(name, func(t *testing.T) {
			c := atRest(t, nil)
			states[name].do(c)
			c.wantMaySleep(states[name].id, false)
		})
	}
}

// With asynchronous storage writes the threads may be behind.
func TestANodeWhoseThreadsAreBehindMayNotSleep(t *testing.T) {
	c, _ := walkCluster(t, 3, func(cfg *Config) { cfg.AsyncStorageWrites = true })
	w := walker{testCluster: c}
	everybody := ^uint(0)
	_ = c.node(1).Campaign()
	w.talk(everybody, 20)
	leader := c.node(1)
	c.wantMaySleep(1, true)
	c.wantMaySleep(2, true)

	work := func(types ...pb.MessageType) { // of the leader's threads
		for i := 0; i < len(leader.threads); i++ {
			if slices.Contains(types, leader.threads[i].Type) {
				m := leader.threads[i]
				leader.threads = slices.Delete(leader.threads, i, i+1)
				rest := leader.threads
				leader.threads = []pb.Message{m}
				c.playThreads(leader, 1)
				leader.threads = rest
				i--
			}
		}
	}
	step := func(types ...pb.MessageType) {
		for range 10 {
			for _, n := range c.nodes {
				c.playReady(&strings.Builder{}, n)
				if n != leader {
					c.playThreads(n, 5)
				}
			}
			work(types...)
			wire := c.wire
			c.wire = nil
			for _, m := range wire {
				_ = c.node(m.To).Step(m)
			}
		}
	}
	c.propose(1, "x")
	step(pb.MsgStorageApply) // the others have it, and the append thread is behind
	if r := leader.raft; r.log.Committed() != r.log.LastIndex() || r.log.Stable() == r.log.LastIndex() {
		t.Fatalf("committed %d, stable %d, last %d", r.log.Committed(), r.log.Stable(), r.log.LastIndex())
	}
	r := leader.raft
	r.members.MaybeUpdate(1, r.log.LastIndex()) // so that only the leader's own disk is behind
	c.wantMaySleep(1, false)
	step(pb.MsgStorageApply, pb.MsgStorageAppend)
	c.wantMaySleep(1, true)

	c.propose(1, "y")
	step(pb.MsgStorageAppend) // the apply thread is behind
	if r := leader.raft; r.log.Committed() != r.log.LastIndex() || r.log.Applied() == r.log.LastIndex() {
		t.Fatalf("committed %d, applied %d, last %d", r.log.Committed(), r.log.Applied(), r.log.LastIndex())
	}
	c.wantMaySleep(1, false)
	step(pb.MsgStorageApply, pb.MsgStorageAppend)
	c.wantMaySleep(1, true)

	leader.raft.async.durableTerm--
	c.wantMaySleep(1, false)
}

func TestANodeThatGoesToSleepKeepsNoArrays(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.ReuseMemory = true })
	c.elect(1)
	c.propose(1, "x")
	c.node(1).ReadIndex([]byte("r"))
	c.settle()
	for id := uint64(1); id <= 3; id++ {
		n := c.node(id)
		n.FreeBuffers()
		if o := &n.raft.outbox; cap(o.filling) > 0 || o.lent != nil {
			t.Errorf("node %d keeps room for %d messages", id, cap(o.filling))
		}
		if rs := n.raft.reads; rs != nil && (cap(rs.lent) > 0 || cap(rs.contexts) > 0) {
			t.Errorf("node %d keeps room for reads", id)
		}
	}
	// What is out, or due, stays.
	c.tick(1, 1)
	c.node(1).FreeBuffers()
	rd := c.node(1).Ready()
	c.node(1).FreeBuffers()
	if len(rd.Messages) != 2 || rd.Messages[0].Type != pb.MsgHeartbeat || c.node(1).raft.outbox.lent == nil {
		t.Errorf("%v", rd.Messages)
	}
	c.node(1).Advance(rd)
}

// exchange is what TickAsleep stands for, tick by tick: a heartbeat for a follower, and the answers
// of the other members for a leader, until arrived ticks before the end, each to the heartbeat of
// delay ticks before.
func exchange(tb rapid.TB, rn *RawNode, n uint64, arrived, delay map[uint64]uint64) {
	tb.Helper()
	work := func() (messages []pb.Message) {
		for rn.HasReady() {
			rd := rn.Ready()
			if len(rd.Entries)+len(rd.CommittedEntries) > 0 {
				tb.Fatal("there is something to do")
			}
			messages = append(messages, rd.Messages...)
			rn.Advance(rd)
		}
		return messages
	}
	r := &rn.raft
	step := func(m pb.Message) {
		if err := rn.Step(m); err != nil {
			tb.Fatal(err)
		}
	}
	rounds := map[uint64][]byte{}
	for t := uint64(1); t <= n; t++ {
		rn.Tick()
		for _, m := range work() {
			rounds[t] = m.Context
		}
		if r.role == StateFollower {
			step(pb.Message{Type: pb.MsgHeartbeat, From: r.lead, To: r.id, Term: r.term, Commit: r.log.Committed()})
			work()
			continue
		}
		for id, ago := range arrived {
			if t+ago <= n {
				m := pb.Message{Type: pb.MsgHeartbeatResp, From: id, To: r.id, Term: r.term}
				if d := delay[id]; d < t {
					m.Context = rounds[t-d]
				}
				step(m)
			}
		}
	}
}

func TestTimeAsleepIsAsIfHeartbeatsHadBeenSent(t *testing.T) {
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		option := rapid.IntRange(0, 31).Draw(t, "options")
		c := newTestCluster(t, 3, func(cfg *Config) {
			cfg.CheckQuorum, cfg.PreVote, cfg.ReuseMemory = option&1 != 0, option&1 != 0, option&2 != 0
			if cfg.HeartbeatTick = 1 + option>>2&1*3; option&4 == 0 && option&1 != 0 {
				cfg.LeaseDriftTicks = option >> 3 & 1
			}
		})
		for id := uint64(1); id <= 3; id++ {
			c.tick(id, 10) // nothing is promised any more
		}
		c.elect(1)
		c.propose(1, "x")
		c.settle()
		if option&16 != 0 {
			c.change(1, "l3")
		}
		for range rapid.IntRange(2, 30).Draw(t, "ticks before") {
			c.tick(1, 1)
			if rapid.Bool().Draw(t, "settle") {
				c.settle()
			}
		}
		c.settle()
		dice := newGenerator(rapid.Uint64().Draw(t, "seed"), 0)
		for id := uint64(2); id <= 3; id++ {
			c.tick(id, int(dice.next()%5))
			c.node(id).raft.leadPresumed = dice.next()%2 == 0
		}
		if dice.next()%4 == 0 { // the leader has not ticked since
			c.propose(1, "y")
			c.settle()
		}
		if dice.next()%4 == 0 {
			_ = c.node(2).Campaign()
		}
		for range 20 {
			n := 1 + dice.next()%45
			arrived, delay := map[uint64]uint64{}, map[uint64]uint64{}
			for id := uint64(2); id <= 3; id++ {
				arrived[id], delay[id] = dice.next()%47, dice.next()%6
			}
			for _, node := range c.nodes {
				compareAsleep(t, seen, node, n, arrived, delay)
			}
		}
	})
	if testing.Short() {
		return // which does not come to everything
	}
	t.Log(seen)
	for _, want := range []string{"leader", "follower", "lease", "no lease", "learner", "inactive", "no check-quorum", "not at rest"} {
		if seen[want] == 0 {
			t.Errorf("never seen: %s", want)
		}
	}
}

// compareAsleep compares a node that is awake for n ticks with one that is asleep.
func compareAsleep(tb rapid.TB, seen map[string]int, node *testNode, n uint64, arrived, delay map[uint64]uint64) {
	tb.Helper()
	awake, asleep := copyOf(tb, node, node.RawNode), copyOf(tb, node, node.RawNode)
	if !node.raft.restsWithGroup() {
		seen["not at rest"]++
		awake.TickN(n)
		asleep.TickAsleep(n, nil)
		if !slices.Equal(wholeState(tb, awake), wholeState(tb, asleep)) {
			tb.Fatalf("after ticks:\n%+v\nasleep:\n%+v", awake.raft, asleep.raft)
		}
		return
	}
	if !node.MaySleep() {
		seen["has something to do"]++
		return
	}
	exchange(tb, awake, n, arrived, delay)
	if awake.raft.role != node.raft.role {
		seen["no quorum answers"]++
		return
	}
	asleep.TickAsleep(n, func(id uint64) (uint64, uint64) { return arrived[id], arrived[id] + delay[id] })
	for _, rn := range []*RawNode{awake, asleep} {
		rn.Advance(rn.Ready()) // so that both have forgotten what the last batch was
	}
	wantSameAsleep(tb, seen, awake, asleep)
}

// wantSameAsleep compares whole states, but for the rounds that a lease may still be extended by:
// they are not sent.
func wantSameAsleep(tb rapid.TB, seen map[string]int, awake, asleep *RawNode) {
	tb.Helper()
	r := &awake.raft
	if lead := r.role == StateLeader; lead {
		seen["leader"]++
		if r.leases() {
			if r.hasLease() != asleep.raft.hasLease() {
				tb.Fatalf("lease %t, after sleep %t", r.hasLease(), asleep.raft.hasLease())
			}
			seen[map[bool]string{true: "lease", false: "no lease"}[r.hasLease()]]++
			if r.lease != nil {
				r.lease.sent = nil
			}
			asleep.raft.lease.sent = nil
		}
		if !r.checkQuorum {
			seen["no check-quorum"]++
		}
		if len(r.catching.all()) > 0 {
			seen["learner"]++
		}
		if !r.members.Progress(1).RecentActive {
			seen["inactive"]++
		}
	} else {
		seen["follower"]++
	}
	if a, b := wholeState(tb, awake), wholeState(tb, asleep); !slices.Equal(a, b) {
		tb.Fatalf("with heartbeats:\n%+v\n%+v\nasleep:\n%+v\n%+v", *r, r.leadership, asleep.raft, asleep.raft.leadership)
	}
}

func TestTicksThatCannotBeCountedDoNotWrapWhileAsleep(t *testing.T) {
	c := atRest(t, func(cfg *Config) { cfg.ElectionTick, cfg.HeartbeatTick = math.MaxInt32, math.MaxInt32-1 })
	n := c.node(1)
	n.TickAsleep(1<<40, func(uint64) (arrived, sent uint64) { return 0, 0 })
	if r := &n.raft; r.electionElapsed != neverTicks-1 || r.heartbeatElapsed != neverTicks-1 {
		t.Errorf("electionElapsed %d, heartbeatElapsed %d", r.electionElapsed, r.heartbeatElapsed)
	}
}

// A round is more than a tick if heartbeats are seldom, and it may be long ago.
func TestARoundFromBeforeSleepDoesNotExtendTheLease(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.CheckQuorum, cfg.HeartbeatTick, cfg.LeaseDriftTicks = true, 4, 1 })
	for id := uint64(1); id <= 3; id++ {
		c.tick(id, 10) // nothing is promised any more
	}
	c.elect(1)
	c.run(12)
	n := c.node(1)
	start := n.raft.lease.start
	c.isolate(1)
	c.run(8)
	n.TickAsleep(5, func(uint64) (arrived, sent uint64) { return 9, 9 })
	if got := n.raft.lease.start; got != start || !n.raft.lease.held {
		t.Errorf("the lease starts at %d, and started at %d", got, start)
	}
}
