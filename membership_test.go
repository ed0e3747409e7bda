package raft

import (
	"errors"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

func TestALeaderThatIsRemovedOrDemotedHandsOverAndStepsDown(t *testing.T) {
	for name, changes := range map[string]string{"removed": "r1", "demoted": "l1", "removed with others": "r1 v4"} {
		t.Run(name, func(t *testing.T) {
			// Without an order to campaign, a sticky voter would wait for an election timeout.
			c := newTestCluster(t, 3, func(cfg *Config) { cfg.PreVote, cfg.CheckQuorum = true, true })
			c.join(nil)
			c.elect(1)
			c.settleTicking(1)
			c.change(1, changes)
			if c.node(1).raft.role != StateFollower {
				t.Fatalf("node 1 is %s", c.node(1).raft.role)
			}
			lead := c.leader()
			if lead != 2 && lead != 3 {
				t.Fatalf("node %d leads", lead)
			}
			c.propose(lead, "x")
			c.settle()
			if got := c.appliedData(5 - lead); got != "x " {
				t.Errorf("the other voter applied %q", got)
			}
		})
	}
}

func TestARemovedLeaderAnswersWhatIsUnderWayBeforeItGoes(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	// The acknowledgements of what comes behind the removal are late.
	if err := c.tryChange(1, "r1"); err != nil {
		t.Fatal(err)
	}
	c.ready(1)
	for _, data := range []string{"a", "b", "c"} {
		c.propose(1, data)
	}
	var late []pb.Message
	c.cut = func(m *pb.Message) bool {
		if m.Type == pb.MsgAppResp && m.Index > 3 {
			late = append(late, *m)
			return true
		}
		return false
	}
	c.settle()
	c.heal()
	c.wantConfig("voters=(2 3)", 1)
	c.wantRole(1, StateLeader, 2)
	wantDropped(t, c.node(1), "d", ErrNotMember)
	for _, m := range late {
		c.step(m)
	}
	c.wantRole(1, StateFollower, 2)
	c.settle()
	if c.leader() == None {
		t.Error("nobody leads")
	}
	if got := c.appliedData(1); got != "a b c " {
		t.Errorf("the removed leader applied %q", got)
	}
}

// What the smaller quorum has already is committed with the change, and not when somebody
// acknowledges something next.
func TestASmallerQuorumCommitsAtOnce(t *testing.T) {
	c := newTestCluster(t, 2, nil)
	c.elect(1)
	if err := c.tryChange(1, "r2"); err != nil {
		t.Fatal(err)
	}
	c.ready(1)
	c.deliver()
	c.propose(1, "x")
	c.ready(1) // it is durable on node 1
	c.wire = nil
	c.ready(2)
	c.deliver() // node 2 acknowledges the change
	c.ready(1)  // which is applied
	if st := c.node(1).BasicStatus(); st.Commit != 4 {
		t.Errorf("committed up to %d, the only voter has 4", st.Commit)
	}
}

func TestARemovedLeaderWithoutASuccessorStepsDownAfterAnElectionTimeout(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	if err := c.tryChange(1, "r1"); err != nil {
		t.Fatal(err)
	}
	c.ready(1)
	c.propose(1, "never acknowledged")
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgAppResp && m.Index > 3 }
	c.settle()
	c.wantRole(1, StateLeader, 2)
	c.wantTransferee(1, 2)
	c.tick(1, 9)
	c.wantRole(1, StateLeader, 2)
	c.tick(1, 1)
	c.wantRole(1, StateFollower, 2)
}

// A change is checked against the newest configuration in the log: there is never a newer
// one than the active one when a change is admitted, so a change that the one before made
// illegal is refused whenever it comes.
func TestAChangeIsCheckedAgainstTheNewestConfigurationInTheLog(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	for _, step := range []struct{ change, then string }{{"r2", "r2"}, {"r3", "r1"}} {
		if err := c.tryChange(1, step.change); err != nil {
			t.Fatal(err)
		}
		if err := c.tryChange(1, step.then); !errors.Is(err, ErrProposalDropped) {
			t.Errorf("%s behind %s: %v", step.then, step.change, err)
		}
		c.settle()
	}
	if err := c.tryChange(1, "r1"); !errors.Is(err, ErrBadConfChange) || errors.Is(err, ErrProposalDropped) {
		t.Errorf("removing the last voter: %v", err)
	}
	c.wantConfig("voters=(1)", 1)
}

func TestValidationCanBeLeftToTheApplication(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.DisableConfChangeValidation = true })
	c.elect(1)
	for _, change := range []string{"v4", "r9", "r1 r2 r3 r4"} {
		if err := c.tryChange(1, change); err != nil {
			t.Errorf("%s: %v", change, err)
		}
	}
	c.settle() // the last one is not legal, and applied by nobody
	c.wantConfig("voters=(1 2 3 4)", 1, 2, 3)
}

func TestAnOrderToCampaignIsGoodForAnElectionTimeout(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	if err := c.tryChange(1, "v4"); err != nil {
		t.Fatal(err)
	}
	c.ready(1)
	c.deliver()
	c.ready(2)
	c.deliver()
	c.ready(1)
	c.deliver()
	c.step(pb.Message{Type: pb.MsgTimeoutNow, From: 1, To: 2, Term: 2})
	for range 10 {
		c.tick(2, 1)
		c.step(pb.Message{Type: pb.MsgHeartbeat, From: 1, To: 2, Term: 2})
	}
	c.ready(2)
	c.wantRole(2, StateFollower, 2)
	c.wantConfig("voters=(1 2 3 4)", 2)
}

func TestAJointConfigurationIsLeftByHandIfThatIsAskedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		transition pb.ConfChangeTransition
		joint      string
	}{
		"explicit": {pb.ConfChangeTransitionJointExplicit, "voters=(1 2)&&(1 2 3)"},
		"implicit": {pb.ConfChangeTransitionJointImplicit, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestCluster(t, 3, nil)
			c.elect(1)
			ccs, err := pb.ConfChangesFromString("r3")
			if err != nil {
				t.Fatal(err)
			}
			if err := c.node(1).ProposeConfChange(pb.ConfChangeV2{Transition: tc.transition, Changes: ccs}); err != nil {
				t.Fatal(err)
			}
			c.settleTicking(1)
			if tc.joint != "" {
				c.wantConfig(tc.joint, 1, 2)
				c.elect(2) // whoever leads, it stays joint
				c.wantConfig(tc.joint, 1, 2)
				if err := c.tryChange(2, "v4"); !errors.Is(err, ErrBadConfChange) {
					t.Errorf("another change while joint: %v", err)
				}
				if err := c.node(2).ProposeConfChange(pb.ConfChangeV2{}); err != nil {
					t.Fatal(err)
				}
				c.settle()
			}
			c.wantConfig("voters=(1 2)", 1, 2)
		})
	}
}

func TestThatAConfigurationChangeIsCommittedIsDurableBeforeItIsApplied(t *testing.T) {
	// One entry is applied at a time, so the commit index passes the change before it is handed
	// out.
	c := newTestCluster(t, 2, func(cfg *Config) { cfg.MaxCommittedSizePerReady = 1 })
	c.elect(1)
	c.propose(1, "before")
	if err := c.tryChange(1, "r2"); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for range 4 {
		for _, n := range c.nodes {
			for n.HasReady() {
				rd := n.Ready()
				if rd.Commit >= 4 && !rd.MustSync {
					t.Errorf("node %d tells of the change without a sync", n.cfg.ID)
				}
				if change := raftlog.ConfChanges(rd.CommittedEntries) > 0; change && !rd.MustSync {
					t.Errorf("node %d applies the change without a sync", n.cfg.ID)
				} else if change {
					seen++
				}
				n.persist(t, rd)
				c.wire = append(c.wire, rd.Messages...)
				n.apply(t, rd.CommittedEntries)
				n.Advance(rd)
			}
		}
		c.deliver()
	}
	if seen != 2 {
		t.Errorf("the change was applied %d times", seen)
	}
}

// The opposite hazard of known bug 38: the promoted learner has the longest log, so nobody else can
// win, and it does not know that it may campaign. Whoever asks it for its vote tells it.
func TestARefusalThatNamesAnotherEntryThanTheLogHasMeansNothing(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.isolate(1)
	c.propose(1, "x")
	c.settle()
	for _, term := range []uint64{1, 3} {
		c.step(pb.Message{Type: pb.MsgVoteResp, From: 2, To: 1, Term: 2, Reject: true, Context: committedContext(entryAt(term, 3))})
		c.wantCommit(1, 2)
	}
	c.step(pb.Message{Type: pb.MsgVoteResp, From: 2, To: 1, Term: 2, Reject: true, Context: committedContext(entryAt(2, 9))})
	c.wantCommit(1, 2)
}

func TestAFollowerThatForgetsItsLeaderReportsItsReadsAsDropped(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.isolate(1)
	c.node(2).ReadIndex([]byte("x"))
	if err := c.node(2).ForgetLeader(); err != nil {
		t.Fatal(err)
	}
	c.ready(2)
	c.wantDroppedReads(2, "x")
}

// A node that does not vote campaigns in no later term, so what it says comes in the one that it is
// left in.
func TestARefusalOfAnEarlierTermTellsWhatIsCommitted(t *testing.T) {
	for _, typ := range []pb.MessageType{pb.MsgVoteResp, pb.MsgPreVoteResp} {
		c := newTestCluster(t, 3, preVote)
		c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 1, LogTerm: 1, Commit: 1, Entries: []pb.Entry{{Type: pb.EntryConfChangeV2, Term: 2, Index: 2}}})
		c.step(voteFrom(3, 1, 5, entryAt(1, 1)))
		c.ready(1)
		if err := c.node(1).Campaign(); err != nil {
			t.Fatal(err)
		}
		c.step(pb.Message{Type: typ, From: 2, To: 1, Term: 2, Reject: true, Context: committedContext(entryAt(2, 2))})
		c.wantCommit(1, 2)
		c.wantRole(1, StateFollower, 5)
	}
}

// Only where changes are not validated may a leader be removed and added again by one batch.
func TestALeaderThatIsAddedAgainLeadsOn(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.DisableConfChangeValidation = true })
	c.elect(1)
	n := c.node(1)
	c.isolate(3)
	for _, change := range []string{"r1", "v1"} {
		if err := c.tryChange(1, change); err != nil {
			t.Fatal(err)
		}
	}
	c.ready(1)
	changes := c.wire
	c.wire = nil
	c.propose(1, "x")
	c.ready(1) // it is durable here before the configuration changes
	later := c.wire
	c.wire = changes
	c.deliver()
	c.ready(2)
	c.deliver()
	c.ready(1)
	c.wire = append(c.wire, later...)
	c.settle()
	c.wantRole(1, StateLeader, n.raft.term)
	c.wantConfig("voters=(1 2 3)", 1)
	if n.raft.transferee != None || n.raft.steppingDown {
		t.Errorf("it hands over to %d, stepping down %t", n.raft.transferee, n.raft.steppingDown)
	}
	// Two of three have it.
	if got := c.appliedData(1); got != "x " {
		t.Errorf("applied %q", got)
	}
	orders := c.sent[pb.MsgTimeoutNow]
	c.heal()
	c.change(1, "r1")
	if n.raft.role != StateFollower || c.sent[pb.MsgTimeoutNow] != orders+1 {
		t.Errorf("removed for good it is %s and has ordered %d campaigns", n.raft.role, c.sent[pb.MsgTimeoutNow]-orders)
	}
}

// What other systems got wrong about membership: known bugs 35 to 42.

func TestBug40ARemovedNodeWithAHighTermDoesNotDisturb(t *testing.T) {
	for _, preVote := range []bool{false, true} {
		c := newTestCluster(t, 4, func(cfg *Config) { cfg.CheckQuorum, cfg.PreVote = true, preVote })
		c.elect(1)
		c.isolate(4)
		c.change(1, "r4") // node 4 does not learn of it
		for range 10 {
			c.tick(4, 20)
			c.ready(4)
		}
		if preVote != (c.node(4).raft.term == 2) {
			t.Fatalf("node 4 is at term %d", c.node(4).raft.term)
		}
		c.heal()
		c.settleTicking(1)
		for range 3 {
			c.tick(4, 20)
			c.settleTicking(1)
		}
		c.wantRole(1, StateLeader, 2)
	}
}

// Programs propose a change once, when they become the leader.
func TestBug35AChangeBeforeTheFirstCommitOfTheTermTakesEffectAfterIt(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	if err := c.node(1).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.ready(1)
	c.deliver()
	c.ready(2)
	c.deliver()
	c.wantRole(1, StateLeader, 2)
	if err := c.tryChange(1, "v4"); err != nil {
		t.Fatalf("before the no-op is committed: %v", err)
	}
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgApp }
	c.settle()
	c.wantConfig("voters=(1 2 3)", 1, 2, 3)
	c.heal()
	c.settleTicking(1)
	c.wantConfig("voters=(1 2 3 4)", 1, 2, 3)
}

func TestBug35ChangesAreNotStackedOnOneAnother(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.change(1, "l4")
	if err := c.tryChange(1, "v4"); err != nil {
		t.Fatal(err)
	}
	if err := c.tryChange(1, "v5"); !errors.Is(err, ErrConfChangePending) || !errors.Is(err, ErrProposalDropped) {
		t.Errorf("a change on top of one that is not applied: %v", err)
	}
	// Two in one proposal are no better.
	c.settle()
	entries := make([]pb.Entry, 2)
	for i := range entries {
		typ, data, err := pb.MarshalConfChange(pb.ConfChange{NodeID: uint64(5 + i)})
		if err != nil {
			t.Fatal(err)
		}
		entries[i] = pb.Entry{Type: typ, Data: data}
	}
	c.step(pb.Message{Type: pb.MsgProp, From: 1, To: 1, Entries: entries})
	if entries[1].Type != pb.EntryConfChange {
		t.Error("the caller's entries have changed")
	}
	c.settle()
	c.wantConfig("voters=(1 2 3 4 5)", 1)
}

func TestBug39ALeaderProposesToLeaveOnce(t *testing.T) {
	// One entry is applied at a time, and several times there is an occasion to leave.
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.MaxCommittedSizePerReady = 1 })
	c.elect(1)
	if err := c.tryChange(1, "r2 r3"); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		c.propose(1, "x")
	}
	c.settle()
	c.wantConfig("voters=(1)", 1)
	if last := c.node(1).raft.log.LastIndex(); last != 9 {
		t.Errorf("the log ends at %d, so there is more than one proposal to leave", last)
	}
}

func TestBug35ANewLeaderProposesNoChangeBeforeItHasAppliedItsLog(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.isolate(1)
	c.elect(2)
	if err := c.tryChange(2, "v4"); err != nil {
		t.Fatal(err)
	}
	c.cut = func(m *pb.Message) bool { return m.To == 2 || m.To == 1 }
	c.settle() // node 3 has the change, nobody knows that it is committed
	c.isolate(2)
	if err := c.node(3).Campaign(); err != nil {
		t.Fatal(err)
	}
	for c.node(3).raft.role != StateLeader || c.node(3).raft.log.Committed() < c.node(3).raft.termStart {
		c.ready(3)
		c.deliver()
		c.ready(1)
		c.deliver()
		if c.node(3).raft.role != StateLeader {
			continue
		}
		if err := c.tryChange(3, "v5"); !errors.Is(err, ErrConfChangePending) {
			t.Fatalf("with the earlier change in the log: %v", err)
		}
	}
	// The change of the term before is committed with the no-op, and not applied.
	if err := c.tryChange(3, "v5"); !errors.Is(err, ErrConfChangePending) {
		t.Errorf("before the earlier change is applied: %v", err)
	}
	c.settle()
	c.wantConfig("voters=(1 2 3 4)", 3)
}

func TestBug38WhoIsPromotedWithoutKnowingItAndHasTheLongestLogIsTold(t *testing.T) {
	c := newTestCluster(t, 2, nil)
	c.join(nil)
	c.elect(1)
	c.change(1, "l3")
	c.settleTicking(1)
	// Node 3 gets the promotion and an entry more, without the commit index; node 2 gets the
	// promotion only.
	if err := c.tryChange(1, "v3"); err != nil {
		t.Fatal(err)
	}
	c.ready(1)
	c.deliver()
	c.propose(1, "more")
	c.cut = func(m *pb.Message) bool { return m.To == 2 && len(m.Entries) > 0 || m.To == 3 && m.Commit >= 4 }
	c.ready(1)
	c.deliver()
	c.ready(2)
	c.ready(3)
	c.deliver()
	c.cut = func(m *pb.Message) bool { return m.To == 3 || m.Type == pb.MsgApp }
	c.tick(1, 1)
	c.settle()
	c.isolate(1)
	c.wantConfig("voters=(1 2 3)", 2)
	c.wantConfig("voters=(1 2) learners=(3)", 3)
	if c.node(3).raft.log.LastIndex() <= c.node(2).raft.log.LastIndex() {
		t.Fatal("not the situation that is meant")
	}
	for range 2 { // the first refusal shows that node 3 knows less, the next request tells it
		if err := c.node(2).Campaign(); err != nil {
			t.Fatal(err)
		}
		c.settle()
	}
	c.wantConfig("voters=(1 2 3)", 3)
	c.elect(3)
	c.settle()
}
