package raft

import (
	"context"
	"math"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
	"pgregory.net/rapid"
)

// leaseWorld is a cluster of three in continuous time: a moment is a fraction of a tick. Every node
// ticks at its own phase and with its own period, messages take no time, which is the worst case
// for a lease, and after the cut the leader, node 1, is alone while the others do everything to
// elect another one and to commit. At every moment node 1 is asked for a lease read.
type leaseWorld struct {
	*testCluster
	election, drift int
	period, phase   [3]int // in moments
	preVote         bool
	cutAt           int // in moments after the first lease
	restart         [3]bool
	news            [3]bool // this voter hears of a higher term right after the cut

	served, overtaken int
}

func (w *leaseWorld) run(tb rapid.TB) {
	w.testCluster = newTestCluster(tb, 3, func(c *Config) {
		c.ElectionTick, c.LeaseDriftTicks, c.CheckQuorum, c.PreVote = w.election, w.drift, true, w.preVote
		c.ReadOnlyOption = ReadOnlyLeaseBased
	})
	for _, n := range w.nodes {
		w.tick(n.cfg.ID, w.election) // nothing is promised any more
	}
	w.elect(1)
	longest := 3 * w.election * max(w.period[0], w.period[1], w.period[2])
	for at := range longest + w.cutAt {
		if at == w.cutAt {
			w.cutOff()
		}
		w.moment(at, at >= w.cutAt)
	}
}

// cutOff separates node 1, and does what is to happen to the others then.
func (w *leaseWorld) cutOff() {
	w.isolate(1)
	for i := range w.nodes {
		id := uint64(i + 1)
		if i == 0 {
			continue
		}
		if w.restart[i] {
			w.testCluster.restart(id)
		}
		if w.news[i] {
			_ = w.node(id).Step(pb.Message{Type: pb.MsgHeartbeatResp, From: 5 - id, To: id, Term: w.node(id).raft.term + 1})
		}
	}
}

func (w *leaseWorld) moment(at int, cut bool) {
	for i, n := range w.nodes {
		if (at+w.phase[i])%w.period[i] == 0 {
			n.Tick()
		}
		if cut && i > 0 {
			_ = n.Campaign()
			_ = n.Propose([]byte("x"))
		}
		w.settle()
		w.read()
	}
}

// read asks node 1. What it answers must be all that anybody has committed.
func (w *leaseWorld) read() {
	index, ok := w.node(1).LeaseRead()
	if newest := w.largestCommit(); ok {
		w.served++
		if index < newest {
			w.tb.Fatalf("a lease read is answered at %d while %d is committed: %+v", index, newest, w)
		}
	} else if w.node(1).raft.role == StateLeader && index < newest && w.leader() != 1 {
		w.overtaken++
	}
}

func TestACutOffLeaderServesNoLeaseReadWhateverThePhaseOfTheTicks(t *testing.T) {
	served, overtaken := 0, 0
	const period = 5
	// The clocks of the voters gain the allowed tick in an election timeout of five.
	for voters := period - 1; voters <= period; voters++ {
		for phases := range period * period {
			for cut := range 2 * period {
				w := leaseWorld{election: 5, drift: 1, cutAt: cut, preVote: phases%2 == 0,
					period: [3]int{period, voters, voters}, phase: [3]int{0, phases % period, phases / period}}
				w.run(t)
				served, overtaken = served+w.served, overtaken+w.overtaken
			}
		}
	}
	if served == 0 || overtaken == 0 {
		t.Fatalf("%d reads were served, in %d cases there was another leader: nothing is shown", served, overtaken)
	}
}

func TestALeaseIsNeverStaleUnderRandomClocksRestartsAndNews(t *testing.T) {
	worlds := rapid.Custom(func(t *rapid.T) leaseWorld {
		w := leaseWorld{election: rapid.IntRange(4, 10).Draw(t, "election"), preVote: rapid.Bool().Draw(t, "preVote")}
		w.drift = rapid.IntRange(1, w.election-2).Draw(t, "drift")
		slowest := rapid.IntRange(w.election, 3*w.election).Draw(t, "slowest")
		// The leader's clock is the slowest, the others gain what the drift allows, or less.
		fastest := (slowest*(w.election-w.drift) + w.election - 1) / w.election
		w.period[0] = slowest
		for i := range w.period {
			if i > 0 {
				w.period[i] = rapid.IntRange(fastest, slowest).Draw(t, "period")
				w.restart[i] = rapid.Bool().Draw(t, "restart")
				w.news[i] = rapid.Bool().Draw(t, "news")
			}
			w.phase[i] = rapid.IntRange(0, slowest).Draw(t, "phase")
		}
		w.cutAt = rapid.IntRange(0, 3*slowest).Draw(t, "cut")
		return w
	})
	served, overtaken := 0, 0
	checkFixedAndDrawn(t, worlds, func(tb rapid.TB, w leaseWorld) {
		w.run(tb)
		served, overtaken = served+w.served, overtaken+w.overtaken
	}, func() {
		if served == 0 || overtaken == 0 {
			t.Fatalf("%d reads were served, in %d cases there was another leader: nothing is shown", served, overtaken)
		}
	})
}

// newLeaseCluster returns a cluster in which node 1 leads and has a lease.
func newLeaseCluster(t *testing.T, n int, tune func(cfg *Config)) *testCluster {
	t.Helper()
	c := newTestCluster(t, n, func(cfg *Config) {
		cfg.ReadOnlyOption, cfg.CheckQuorum = ReadOnlyLeaseBased, true
		if tune != nil {
			tune(cfg)
		}
	})
	for id := range n {
		c.tick(uint64(id+1), 10)
	}
	c.elect(1)
	c.wantLease(1, false)
	c.settleTicking(1)
	c.wantLease(1, true)
	return c
}

func TestALeaseAnswersReadsWithoutMessagesOnLeaderAndFollower(t *testing.T) {
	c := newLeaseCluster(t, 3, nil)
	before := c.sent[pb.MsgHeartbeat]
	c.wantRead(c.readAt(1, "a"), "a", 2)
	c.wantRead(c.readAt(2, "b"), "b", 2)
	if c.sent[pb.MsgHeartbeat] != before {
		t.Error("a round was sent")
	}
	// Without a lease there is a round.
	c.isolate(1)
	c.tick(1, 8)
	c.wantLease(1, false)
	if got := c.readAt(1, "c"); len(got) != 0 {
		t.Errorf("answered %+v", got)
	}
	c.heal()
	c.settleTicking(1)
	c.wantRead(c.node(1).reads, "c", 2)
}

func TestALeaseRunsFromTheTickAtWhichTheRoundWasSent(t *testing.T) {
	// E is 10, the drift 1: eight ticks.
	c := newLeaseCluster(t, 3, nil)
	c.settle()
	var late []pb.Message
	c.cut = func(m *pb.Message) bool {
		if m.Type == pb.MsgHeartbeatResp {
			late = append(late, *m)
		}
		return m.Type == pb.MsgHeartbeatResp
	}
	c.tick(1, 1)
	c.settle() // the round of this tick is echoed, and the echo is late
	sent := late
	c.isolate(1)
	c.tick(1, 6)
	c.wantLease(1, true)
	c.tick(1, 1)
	c.wantLease(1, false)
	for _, m := range sent {
		c.step(m)
	}
	c.wantLease(1, true) // the round was sent seven ticks ago
	c.tick(1, 1)
	c.wantLease(1, false)
}

func TestBug46ALeaseOfAnEarlierTermIsOver(t *testing.T) {
	c := newLeaseCluster(t, 3, nil)
	for _, to := range []uint64{2, 1} {
		c.node(3 - to).TransferLeader(to)
		c.settle()
	}
	c.wantRole(1, StateLeader, 4)
	c.wantCommit(1, 4)
	c.wantLease(1, false)
}

func TestALeaderRemembersNoMoreRoundsThanALeaseHasTicks(t *testing.T) {
	c := newLeaseCluster(t, 3, nil)
	for range 100 {
		c.settleTicking(1)
	}
	if n := len(c.node(1).raft.lease.sent); n > 8 {
		t.Errorf("%d rounds", n)
	}
}

func TestBug46AConfigurationChangeEndsTheLeaseUntilItsOwnQuorumHasEchoed(t *testing.T) {
	c := newLeaseCluster(t, 3, nil)
	c.join(nil)
	c.join(nil)
	c.isolate(4, 5)
	for _, change := range []string{"v4", "v5"} {
		if err := c.tryChange(1, change); err != nil {
			t.Fatal(err)
		}
		for c.node(1).raft.pendingConfIndex > c.node(1).raft.log.Applied() {
			c.ready(1)
			c.deliver()
			c.ready(2)
			c.ready(3)
			c.deliver()
		}
		c.wantLease(1, false)
		if change == "v4" {
			c.settleTicking(1)
			c.wantLease(1, true)
		}
	}
	// Three of five: with node 3 gone there are only two of them.
	c.isolate(3, 4, 5)
	c.settleTicking(1)
	c.wantLease(1, false)
	c.isolate(4, 5)
	c.settleTicking(1)
	c.wantLease(1, true)
}

func TestBug46APausedLeaderThatMakesUpForItsTicksHasNoLease(t *testing.T) {
	c := newLeaseCluster(t, 3, nil)
	c.isolate(1)
	for range 20 {
		c.node(1).TickQuiesced() // without heartbeats, without a look at the quorum
	}
	c.wantRole(1, StateLeader, 2)
	c.wantLease(1, false)
}

func TestAPromiseOutlivesTheTerm(t *testing.T) {
	c := newLeaseCluster(t, 3, nil)
	// Node 2 hears of a later term from somebody who does not lead it.
	c.step(pb.Message{Type: pb.MsgHeartbeatResp, From: 3, To: 2, Term: 5})
	for _, kind := range []pb.MessageType{pb.MsgVote, pb.MsgPreVote} {
		for _, term := range []uint64{5, 6} {
			m := voteFrom(3, 2, term, entryAt(2, 2))
			m.Type = kind
			c.step(m)
			if got := c.answers(2, pb.MsgVoteResp); len(got) != 0 {
				t.Errorf("%s at term %d: %v", kind, term, got)
			}
			if got := c.answers(2, pb.MsgPreVoteResp); len(got) != 0 {
				t.Errorf("%s at term %d: %v", kind, term, got)
			}
		}
	}
	c.wantRole(2, StateFollower, 5)
	// What was promised to a leader is not forgotten with it, nor is it.
	if err := c.node(3).ForgetLeader(); err != nil || c.node(3).raft.lead != 1 || !c.node(3).raft.hasPromised() {
		t.Errorf("node 3 follows %d, promised %t, %v", c.node(3).raft.lead, c.node(3).raft.hasPromised(), err)
	}
}

func TestALeaseWaitsForTheFirstCommitOfTheTerm(t *testing.T) {
	c := newLeaseCluster(t, 3, nil)
	c.tick(2, 10)
	c.tick(3, 10)
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgAppResp }
	if err := c.node(2).Campaign(); err != nil {
		t.Fatal(err)
	}
	// Node 1 still leads, and votes for nobody: node 3 does.
	c.settle()
	c.settleTicking(2)
	c.wantRole(2, StateLeader, 3)
	c.wantLease(2, false)
	c.heal()
	c.settleTicking(2)
	c.wantLease(2, true)
}

func TestWhereOneVoterDecidesItsReadsNeedNobody(t *testing.T) {
	c := newTestCluster(t, 1, func(cfg *Config) { cfg.ReadOnlyOption, cfg.CheckQuorum = ReadOnlyLeaseBased, true })
	c.tick(1, 10)
	c.elect(1)
	c.wantRead(c.readAt(1, "a"), "a", 2)
	c.wantLease(1, true)
	// Without leases there is none.
	c = newTestCluster(t, 1, nil)
	c.elect(1)
	c.wantLease(1, false)
}

func TestANodeMakesUpForTicksThatItCouldNotTake(t *testing.T) {
	c := newTestCluster(t, 1, nil)
	c.elect(1)
	n := newNode()
	for range 200 {
		n.Tick()
	}
	before := c.node(1).raft.clock
	n.drainTicks(c.node(1).RawNode)
	if got := c.node(1).raft.clock - before; got != 200 {
		t.Errorf("the clock moved by %d", got)
	}
}

// What a voter promises begins when it hears from the leader. Ticks that were due before that and
// wait for a busy goroutine would otherwise be counted afterwards, and the promise end too soon.
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
	c := newLeaseCluster(t, 3, nil)
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
		c := newLeaseCluster(t, 3, nil)
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
