package raft

import (
	"errors"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// withLearner returns a cluster of one voter, which leads, and a learner, node 2, that is cut off
// and lacks everything.
func withLearner(t *testing.T) *testCluster {
	c := newTestCluster(t, 1, func(cfg *Config) { cfg.CatchUpRounds, cfg.MaxSizePerMsg = 3, 1 })
	c.join(nil)
	c.elect(1)
	c.isolate(2)
	c.change(1, "l2")
	return c
}

func TestALearnerIsCaughtUpWhenARoundTookLessThanAnElectionTimeout(t *testing.T) {
	c := withLearner(t)
	c.tick(1, 10)
	c.settle()
	if got := c.wantCatchUp(1, 2, CatchingUp); got.Rounds != 0 || got.Ticks != 10 || got.Target != 3 {
		t.Errorf("after a timeout: %+v", got)
	}
	// The first round ends too late, and the second one was in time.
	if err := c.node(1).AwaitCatchUp(2); err != nil {
		t.Fatal(err)
	}
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgAppResp && m.Index > 3 }
	c.propose(1, "x")
	c.settleTicking(1)
	if got := c.wantCatchUp(1, 2, CatchingUp); got.Rounds != 1 || got.LastTicks < 10 || len(c.node(1).news) != 0 {
		t.Errorf("after a slow round: %+v, told %+v", got, c.node(1).news)
	}
	c.heal()
	c.settleTicking(1)
	if got := c.wantCatchUp(1, 2, CaughtUp); got.Rounds != 2 || got.LastTicks >= 10 {
		t.Errorf("after a fast round: %+v", got)
	}
	c.wantNews(1, 2, CaughtUp)
	// At the end of the log there is nothing to count.
	c.settleTicking(1)
	if got := c.wantCatchUp(1, 2, CaughtUp); got.Rounds != 2 || got.Ticks != 0 || len(c.node(1).news) != 0 {
		t.Errorf("at the end of the log: %+v, told %+v", got, c.node(1).news)
	}
}

func TestALearnerCanFallBehindAgain(t *testing.T) {
	c := withLearner(t)
	c.heal()
	c.settleTicking(1)
	c.wantCatchUp(1, 2, CaughtUp)
	c.isolate(2)
	c.propose(1, "x")
	c.settle()
	c.tick(1, 9)
	c.wantCatchUp(1, 2, CaughtUp)
	c.tick(1, 1)
	c.wantCatchUp(1, 2, CatchingUp)
}

func TestAWaitForALearnerThatIsTooSlowEndsAfterTheConfiguredRounds(t *testing.T) {
	c := withLearner(t)
	c.heal()
	c.settleTicking(1)
	// Each round is acknowledged when it has lasted too long already, and there is always more.
	c.cut = func(m *pb.Message) bool { return m.From == 2 }
	c.propose(1, "x")
	c.tick(1, 10)
	if err := c.node(1).AwaitCatchUp(2); err != nil {
		t.Fatal(err)
	}
	for round := uint64(1); round <= 3; round++ {
		if len(c.node(1).news) != 0 {
			t.Fatalf("told %+v before round %d", c.node(1).news, round)
		}
		c.tick(1, 1)
		c.propose(1, "x")
		c.settle()
		c.tick(1, 10)
		c.step(pb.Message{Type: pb.MsgAppResp, From: 2, To: 1, Term: 2, Index: 3 + round})
		c.tick(1, 1)
		c.settle()
	}
	c.wantNews(1, 2, CatchUpGivenUp)
	// It is a learner like before, and may be waited for again.
	c.heal()
	c.settleTicking(1)
	c.wantCatchUp(1, 2, CaughtUp)
	if err := c.node(1).AwaitCatchUp(2); err != nil {
		t.Fatal(err)
	}
	c.settleTicking(1)
	c.wantNews(1, 2, CaughtUp)
}

func TestAWaitForALearnerWithoutProgressEnds(t *testing.T) {
	c := withLearner(t)
	if err := c.node(1).AddServer(2, nil); err != nil {
		t.Fatal(err)
	}
	c.tick(1, 29)
	c.settle()
	if len(c.node(1).news) != 0 {
		t.Fatalf("told %+v", c.node(1).news)
	}
	c.tick(1, 1)
	c.settle()
	c.wantNews(1, 2, CatchUpGivenUp)
	c.heal()
	c.settleTicking(1)
	c.wantConfig("voters=(1) learners=(2)", 1)
}

func TestALearnerThatIsBeingSentASnapshotIsNotGivenUp(t *testing.T) {
	c := withLearner(t)
	c.compact(c.node(1))
	c.heal()
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgSnap }
	c.settleTicking(1)
	if err := c.node(1).AddServer(2, nil); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		c.tick(1, 1)
		c.settle()
	}
	if len(c.node(1).news) != 0 {
		t.Fatalf("told %+v", c.node(1).news)
	}
}

func TestAServerIsAddedAsALearnerAndPromotedWhenItHasCaughtUp(t *testing.T) {
	// Without validation nobody but the leader itself holds back a second proposal.
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.DisableConfChangeValidation = true })
	c.join(nil)
	c.elect(1)
	c.isolate(4)
	for range 2 { // asking again changes nothing
		if err := c.node(1).AddServer(4, []byte("address")); err != nil {
			t.Fatal(err)
		}
		c.settleTicking(1)
		c.wantConfig("voters=(1 2 3) learners=(4)", 1)
	}
	c.heal()
	c.tick(1, 1)
	c.settle()
	c.tick(1, 3)
	c.settleTicking(1)
	c.wantConfig("voters=(1 2 3 4)", 1, 2, 3, 4)
	c.wantNews(1, 4, CatchUpPromoted)
	changes := 0
	for _, e := range c.node(1).applied {
		if raftlog.IsConfChange(&e) {
			changes++
			if cc, err := decodeConfChange(&e); err != nil || string(cc.Context) != "address" {
				t.Errorf("change %+v, %v", cc, err)
			}
		}
	}
	if changes != 2 {
		t.Errorf("%d configuration changes", changes)
	}
	if c.node(1).Status().CatchUp != nil {
		t.Error("a voter is counted among the learners")
	}
	if err := c.node(1).AddServer(4, nil); err != nil || c.node(1).HasReady() {
		t.Errorf("adding a voter: %v", err)
	}
}

func TestAddingAServerIsRefusedWhereItCannotBegin(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	if err := c.node(2).AddServer(4, nil); !errors.Is(err, ErrNotLeader) || !errors.Is(err, ErrProposalDropped) {
		t.Errorf("on a follower: %v", err)
	}
	if err := c.node(2).AwaitCatchUp(4); !errors.Is(err, ErrNotLeader) {
		t.Errorf("waiting on a follower: %v", err)
	}
	if err := c.node(1).AwaitCatchUp(2); !errors.Is(err, ErrNotLearner) {
		t.Errorf("waiting for a voter: %v", err)
	}
	if err := c.node(1).AddServer(None, nil); !errors.Is(err, ErrBadConfChange) {
		t.Errorf("without an id: %v", err)
	}
	if err := c.tryChange(1, "l5"); err != nil {
		t.Fatal(err)
	}
	if err := c.node(1).AddServer(4, nil); !errors.Is(err, ErrConfChangePending) {
		t.Errorf("while a change is pending: %v", err)
	}
	c.settle()
	leaving := pb.ConfChangeV2{Transition: pb.ConfChangeTransitionJointExplicit, Changes: []pb.ConfChangeSingle{{Type: pb.ConfChangeRemoveNode, NodeID: 3}}}
	if err := c.node(1).ProposeConfChange(leaving); err != nil {
		t.Fatal(err)
	}
	c.settle()
	if err := c.node(1).AddServer(3, nil); !errors.Is(err, ErrConfChangePending) {
		t.Errorf("a voter that is about to go: %v", err)
	}
}

func TestAPromotionWaitsForAnotherChange(t *testing.T) {
	c := withLearner(t)
	if err := c.node(1).AddServer(2, nil); err != nil {
		t.Fatal(err)
	}
	c.heal()
	c.settle()
	if err := c.tryChange(1, "l3"); err != nil {
		t.Fatal(err)
	}
	c.tick(1, 1)
	c.settleTicking(1)
	c.wantConfig("voters=(1 2) learners=(3)", 1)
	c.wantNews(1, 2, CatchUpPromoted)
}

func TestWhoWaitsForAServerIsToldWhenTheLeadershipIsLost(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	if err := c.node(1).AddServer(4, nil); err != nil {
		t.Fatal(err)
	}
	c.settle()
	c.elect(2)
	c.wantNews(1, 4, CatchUpGivenUp)
	// The next leader goes on.
	c.join(nil)
	if err := c.node(2).AddServer(4, nil); err != nil {
		t.Fatal(err)
	}
	c.settleTicking(2)
	c.settleTicking(2)
	c.wantConfig("voters=(1 2 3 4)", 2)
	c.wantNews(2, 4, CatchUpPromoted)
}

func TestWhoWaitsForAServerIsToldWhenTheApplicationRefusesIt(t *testing.T) {
	for name, join := range map[string]bool{"as a learner": false, "as a voter": true} {
		t.Run(name, func(t *testing.T) {
			c := newTestCluster(t, 1, nil)
			c.join(nil)
			c.elect(1)
			if err := c.node(1).AddServer(2, nil); err != nil {
				t.Fatal(err)
			}
			if join {
				c.settle()
			}
			n := c.node(1)
			for range 15 {
				c.tick(1, 1)
				for n.HasReady() {
					rd := n.Ready()
					n.persist(t, rd)
					c.wire = append(c.wire, rd.Messages...)
					n.news = append(n.news, rd.CatchUps...)
					n.Advance(rd) // configuration changes are not applied
				}
				c.deliver()
				c.ready(2)
				c.deliver()
			}
			c.wantNews(1, 2, CatchUpGivenUp)
		})
	}
}

func TestALearnerThatIsRemovedIsNotWaitedFor(t *testing.T) {
	c := withLearner(t)
	if err := c.node(1).AwaitCatchUp(2); err != nil {
		t.Fatal(err)
	}
	c.change(1, "r2")
	c.wantNews(1, 2, CatchUpGivenUp)
	if c.node(1).Status().CatchUp != nil {
		t.Error("it is still counted")
	}
}

func TestStepDownGivesTheLeadershipToTheBestVoter(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	if err := c.node(1).StepDown(); !errors.Is(err, ErrNotLeader) {
		t.Errorf("on a follower: %v", err)
	}
	c.elect(1)
	c.lagBehind(2)
	if err := c.node(1).StepDown(); err != nil {
		t.Fatal(err)
	}
	c.wantTransferee(1, 3)
	if err := c.node(1).StepDown(); err != nil { // goes on
		t.Fatal(err)
	}
	c.settle()
	c.wantRole(3, StateLeader, 3)
	c.wantRole(1, StateFollower, 3)

	// A voter that is silent is no good successor, however long its log.
	c = newTestCluster(t, 3, func(cfg *Config) { cfg.CheckQuorum = true })
	c.elect(1)
	c.cut = func(m *pb.Message) bool { return m.To == 3 && m.Type == pb.MsgApp }
	c.propose(1, "x")
	c.settle()
	c.tick(1, 10)
	c.settle()
	c.cut = func(m *pb.Message) bool { return m.To == 3 && m.Type == pb.MsgApp || m.To == 2 }
	c.tick(1, 10)
	c.settle()
	if err := c.node(1).StepDown(); err != nil {
		t.Fatal(err)
	}
	c.wantTransferee(1, 3)

	alone := newTestCluster(t, 1, nil)
	alone.elect(1)
	if err := alone.node(1).StepDown(); !errors.Is(err, ErrTransferTarget) {
		t.Errorf("without another voter: %v", err)
	}
}

func TestAServerThatTheApplicationRefusedCanBeAskedForAgain(t *testing.T) {
	c := newTestCluster(t, 1, nil)
	c.join(nil)
	c.elect(1)
	n := c.node(1)
	for try := 1; try <= 2; try++ {
		if err := n.AddServer(2, nil); err != nil {
			t.Fatal(err)
		}
		changes := 0
		for range 12 {
			for n.HasReady() {
				rd := n.Ready()
				n.persist(t, rd)
				if raftlog.ConfChanges(rd.CommittedEntries) > 0 {
					changes++
					n.ApplyConfChange(pb.ConfChange{})
				}
				n.news = append(n.news, rd.CatchUps...)
				n.Advance(rd)
			}
			c.tick(1, 1)
		}
		if changes != 1 {
			t.Errorf("try %d brings %d changes", try, changes)
		}
		c.wantNews(1, 2, CatchUpGivenUp)
	}
}

// On an idle cluster the Match of a dead learner stays the last index.
func TestALearnerThatDoesNotAnswerIsNotCaughtUp(t *testing.T) {
	c := newTestCluster(t, 1, func(cfg *Config) { cfg.CatchUpRounds = 3 })
	c.join(nil)
	c.elect(1)
	c.change(1, "l2")
	for range 30 {
		c.settleTicking(1)
	}
	n := c.node(1)
	if st := n.Status().CatchUp; st[2].State != CaughtUp {
		t.Fatalf("%+v", st)
	}
	c.isolate(2)
	for _, wait := range []func() error{
		func() error { return n.AwaitCatchUp(2) },
		func() error { return n.AddServer(2, nil) },
	} {
		n.news = nil
		if err := wait(); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			c.settleTicking(1)
		}
		if len(n.news) != 1 || n.news[0].State != CatchUpGivenUp {
			t.Errorf("%+v", n.news)
		}
		c.wantConfig("voters=(1) learners=(2)", 1)
	}
	c.heal()
	if err := n.AddServer(2, nil); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		c.settleTicking(1)
	}
	c.wantConfig("voters=(1 2)", 1)
}

func TestAWaitEndsWhileThePromotionIsIllegal(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.CatchUpRounds = 2 })
	c.join(nil)
	c.elect(1)
	c.change(1, "l4")
	n := c.node(1)
	joint := pb.ConfChangeV2{Transition: pb.ConfChangeTransitionJointExplicit, Changes: []pb.ConfChangeSingle{{Type: pb.ConfChangeRemoveNode, NodeID: 3}}}
	if err := n.ProposeConfChange(joint); err != nil {
		t.Fatal(err)
	}
	c.settle()
	if err := n.AddServer(9, nil); !errors.Is(err, ErrProposalDropped) || !errors.Is(err, ErrBadConfChange) {
		t.Errorf("while joint: %v", err)
	}
	context := []byte("context")
	if err := n.AddServer(4, context); err != nil {
		t.Fatal(err)
	}
	for i := range context {
		context[i] = 'x' // it is the caller's
	}
	if got := string(n.raft.catching.find(4).context); got != "context" {
		t.Errorf("context %q", got)
	}
	for range 60 {
		c.settleTicking(1)
	}
	if len(n.news) != 1 || n.news[0].State != CatchUpGivenUp {
		t.Errorf("%+v", n.news)
	}
}

// A server that is removed and added in one change may have an empty log.
func TestALearnerThatIsAddedAgainHasToCatchUpAgain(t *testing.T) {
	c := withLearner(t)
	c.heal()
	c.settleTicking(1)
	c.wantCatchUp(1, 2, CaughtUp)
	c.isolate(2)
	if err := c.node(1).AddServer(2, nil); err != nil {
		t.Fatal(err)
	}
	c.change(1, "r2 l2")
	c.step(pb.Message{Type: pb.MsgHeartbeatResp, From: 2, To: 1, Term: 2})
	c.tick(1, 1)
	c.settle()
	c.wantConfig("voters=(1) learners=(2)", 1)
	if got := c.wantCatchUp(1, 2, CatchingUp); got.Rounds != 0 || got.Ticks != 1 {
		t.Errorf("after a tick: %+v", got)
	}
	c.heal()
	c.settleTicking(1)
	c.wantNews(1, 2, CatchUpPromoted)
	c.wantConfig("voters=(1 2)", 1)
}

// Its log may have been as long before, if it had the change before it was committed.
func TestALearnerThatIsAddedAgainBeginsARound(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.join(nil)
	c.elect(1)
	c.change(1, "l4")
	c.settleTicking(1)
	c.wantCatchUp(1, 4, CaughtUp)
	again, err := pb.ConfChangesFromString("r4 l4")
	if err != nil {
		t.Fatal(err)
	}
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgAppResp && m.From < 4 }
	if err := c.node(1).ProposeConfChange(pb.ConfChangeV2{Transition: pb.ConfChangeTransitionJointExplicit, Changes: again}); err != nil {
		t.Fatal(err)
	}
	c.settle()
	c.tick(1, 1)
	c.isolate(4)
	c.settleTicking(1)
	c.heal()
	c.settleTicking(1)
	if got := c.wantCatchUp(1, 4, CaughtUp); got.Rounds != 1 || got.Ticks != 0 {
		t.Errorf("%+v", got)
	}
}
