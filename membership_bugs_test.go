package raft

import (
	"errors"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// What other systems got wrong about membership: known bugs 35 to 42.

func TestBug40TheLeaderRemovedFromAGroupOfTwoLeavesAWorkingGroup(t *testing.T) {
	c := newTestCluster(t, 2, nil)
	c.elect(1)
	if err := c.tryChange(1, "r1"); err != nil {
		t.Fatal(err)
	}
	// Node 1 is switched off as soon as it is out: what it has sent by then has to do.
	for round := 0; c.node(1).raft.role == StateLeader; round++ {
		if round == 10 {
			t.Fatal("it goes on to lead")
		}
		c.ready(1)
		c.deliver()
		c.ready(2)
		c.deliver()
	}
	c.ready(1)
	c.deliver()
	c.isolate(1)
	c.settle()
	c.wantRole(2, StateLeader, 3)
	c.wantConfig("voters=(2)", 2)
	c.propose(2, "alone")
	c.settle()
	if got := c.appliedData(2); got != "alone " {
		t.Errorf("applied %q", got)
	}
}

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

func TestBug36ACampaignWaitsForACommittedChangeToBeApplied(t *testing.T) {
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
	// Node 2 knows that the change is committed, and has not applied it.
	if c.node(2).raft.log.Committed() != 3 || len(c.node(2).applied) > 1 {
		t.Fatal("not the situation that is meant")
	}
	if err := c.node(2).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.wantRole(2, StateFollower, 2)
	// An order from the leader waits for it as well, and is obeyed then.
	c.step(pb.Message{Type: pb.MsgTimeoutNow, From: 1, To: 2, Term: 2})
	c.wantRole(2, StateFollower, 2)
	c.ready(2)
	c.wantRole(2, StateCandidate, 3)
	c.wantConfig("voters=(1 2 3 4)", 2)
}

func TestBug37ATruncationAcrossConfigurationEntriesChangesNoConfiguration(t *testing.T) {
	// Node 1 appends a change that nobody else gets.
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.isolate(1)
	if err := c.tryChange(1, "r3"); err != nil {
		t.Fatal(err)
	}
	c.settle()
	c.elect(2)
	c.change(2, "v4")
	c.heal()
	c.settleTicking(2)
	c.wantConfig("voters=(1 2 3 4)", 1, 2, 3)
	// After a restart it is the configuration of the snapshot plus the changes applied since.
	n := c.node(1)
	n.applied = nil
	c.restart(1)
	c.wantConfig("voters=(1 2 3)", 1)
	c.settle()
	c.wantConfig("voters=(1 2 3 4)", 1)
}

func TestBug38WhoIsPromotedWithoutKnowingItVotesAndCampaignsOnceItKnows(t *testing.T) {
	c := newTestCluster(t, 2, nil)
	c.join(nil)
	c.elect(1)
	c.change(1, "l3")
	c.settleTicking(1)
	// Node 3 gets the entry that promotes it, and does not learn that it is committed.
	c.cut = func(m *pb.Message) bool { return m.To == 3 && m.Commit >= 4 }
	c.change(1, "v3")
	c.wantConfig("voters=(1 2 3)", 1, 2)
	c.wantConfig("voters=(1 2) learners=(3)", 3)
	if c.node(3).raft.log.LastIndex() != 4 {
		t.Fatal("not the situation that is meant")
	}
	if err := c.node(3).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.wantRole(3, StateFollower, 2) // a learner, as far as it knows
	c.isolate(1)
	c.elect(2) // by the vote of node 3
	c.wantConfig("voters=(1 2 3)", 3)
	c.elect(3)
}

func TestBug39AJointConfigurationIsLeftOnceWhoeverLeads(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.join(nil)
	c.elect(1)
	if err := c.tryChange(1, "v4 r3"); err != nil {
		t.Fatal(err)
	}
	// Node 1 enters the joint configuration, and is cut off before it can leave it.
	for !c.node(1).raft.members.IsJoint() {
		c.ready(1)
		c.deliver()
		c.ready(2)
		c.ready(3)
		c.deliver()
	}
	c.deliver()
	c.isolate(1)
	c.settle()
	c.wantConfig("voters=(1 2 4)&&(1 2 3) autoleave", 2, 3)
	c.elect(2)
	c.settleTicking(2)
	c.wantConfig("voters=(1 2 4)", 2, 4)
	c.heal()
	c.settleTicking(2)
	left := 0
	for _, e := range c.node(2).applied {
		if e.Type == pb.EntryConfChangeV2 && len(e.Data) == 0 {
			left++
		}
	}
	if left != 1 {
		t.Errorf("the configuration was left %d times", left)
	}
	c.wantConfig("voters=(1 2 4)", 1, 2, 4)
	if err := c.node(2).CheckConfChange(pb.ConfChangeV2{}); !errors.Is(err, ErrBadConfChange) {
		t.Errorf("leaving what is not joint: %v", err)
	}
	c.wantRefusedChange(2, pb.ConfChangeV2{})
}

// wantRefusedChange fails unless the leader appends an entry without data instead of the change, as
// v3.6 does.
func (c *testCluster) wantRefusedChange(id uint64, cc pb.ConfChangeI) {
	c.tb.Helper()
	n := c.node(id)
	n.applied = nil
	if err := n.ProposeConfChange(cc); err != nil {
		c.tb.Fatal(err)
	}
	c.settle()
	if len(n.applied) != 1 || n.applied[0].Type != pb.EntryNormal || len(n.applied[0].Data) != 0 {
		c.tb.Errorf("applied %v, want an entry without data", n.applied)
	}
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

func TestBug41AReusedIDDoesNotElectItselfInAnOldConfiguration(t *testing.T) {
	// The log begins with the configuration changes that have built the cluster, one by one, node 1
	// first. Node 1 comes back with an empty disk and reads them again.
	c := newTestCluster(t, 0, nil)
	c.join(nil)
	add := func(term, index, id uint64) pb.Entry {
		cc := pb.ConfChange{NodeID: id}
		data, err := cc.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		return pb.Entry{Type: pb.EntryConfChange, Term: term, Index: index, Data: data}
	}
	c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 5, Commit: 100, Entries: []pb.Entry{add(1, 1, 1), {Term: 2, Index: 2}}})
	c.ready(1)
	c.step(pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 5, Commit: 2})
	c.ready(1)
	c.tick(1, 40)
	c.ready(1)
	// A restart forgets the leader's commit index. A heartbeat names an index that this log
	// has.
	c.restart(1)
	c.step(pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 5, Commit: 2})
	c.ready(1)
	c.tick(1, 40)
	c.ready(1)
	c.wantRole(1, StateFollower, 5)
	c.wantConfig("voters=()", 1)
	// Nor does another node's message prove anything, while a leader has named a higher index.
	c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 5, Index: 2, LogTerm: 2, Commit: 100})
	c.step(pb.Message{Type: pb.MsgVote, From: 2, To: 1, Term: 6, Index: 2, LogTerm: 2, Context: committedContext(entryAt(2, 2))})
	c.ready(1)
	c.wantConfig("voters=()", 1)
	// Once the change that ends the configuration is durable, the node can apply both.
	c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 6, Index: 2, LogTerm: 2, Commit: 4, Entries: []pb.Entry{add(2, 3, 2), add(2, 4, 3)}})
	c.ready(1)
	c.step(pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 6, Commit: 4})
	for c.ready(1) {
	}
	c.wantConfig("voters=(1 2 3)", 1)
}

// A crash may leave the commit index behind the log.
func TestBug41AConfigurationOfOneThatAChangeFollowsIsNotUsed(t *testing.T) {
	entries := []pb.Entry{{Term: 2, Index: 1}, {Term: 2, Index: 2, Type: pb.EntryConfChangeV2}, {Term: 2, Index: 3, Type: pb.EntryConfChangeV2}, {Term: 5, Index: 4}}
	for i, change := range []string{"r2", "v3"} {
		ccs, err := pb.ConfChangesFromString(change)
		if err != nil {
			t.Fatal(err)
		}
		if entries[1+i].Data, err = (&pb.ConfChangeV2{Changes: ccs}).Marshal(); err != nil {
			t.Fatal(err)
		}
	}
	cs := pb.ConfState{Voters: []uint64{1, 2}}
	c := newTestCluster(t, 0, nil)
	c.join(nil)
	n := c.node(1)
	n.storage.snapshot.conf = packConfState(&cs)
	if err := n.storage.Append(entries); err != nil {
		t.Fatal(err)
	}
	if err := n.storage.SetHardState(pb.HardState{Term: 5, Commit: 1}); err != nil {
		t.Fatal(err)
	}
	c.start(n)
	for _, commit := range []uint64{1, 2} { // the leader's heartbeats name what it knows to have matched
		c.step(pb.Message{Type: pb.MsgHeartbeat, From: 3, To: 1, Term: 5, Commit: commit})
		for c.ready(1) {
		}
		c.wantConfig("voters=(1 2)", 1)
	}
	c.step(pb.Message{Type: pb.MsgHeartbeat, From: 3, To: 1, Term: 5, Commit: 3})
	for c.ready(1) {
	}
	c.wantConfig("voters=(1 3)", 1)
}

// A snapshot of an earlier term comes from a leader whose log goes on.
func TestBug41ASnapshotOfAConfigurationOfOneIsNotRestored(t *testing.T) {
	for name, tc := range map[string]struct {
		term   uint64
		voters []uint64
		config string
	}{
		"earlier term, alone":       {4, []uint64{1}, "voters=()"},
		"earlier term, with others": {4, []uint64{1, 2}, "voters=(1 2)"},
		"earlier term, others":      {4, []uint64{2}, "voters=(2)"},
		"the leader's own term":     {5, []uint64{1}, "voters=(1)"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestCluster(t, 0, nil)
			c.join(nil)
			c.step(pb.Message{Type: pb.MsgSnap, From: 2, To: 1, Term: 5, Snapshot: snapAt(7, tc.term, pb.ConfState{Voters: tc.voters})})
			c.ready(1)
			c.wantConfig(tc.config, 1)
		})
	}
}

func TestBug42AForcedRecoveryMeetsAnUnappliedChange(t *testing.T) {
	// Nodes 2 and 3 are lost for ever. An operator makes node 1 the only voter in its Storage. Its
	// log holds a change that is not applied: adding node 4, which does not exist any more either.
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.isolate(1)
	if err := c.tryChange(1, "v4"); err != nil {
		t.Fatal(err)
	}
	c.settle()
	n := c.node(1)
	n.applied = nil
	n.storage.snapshot.conf = packConfState(&pb.ConfState{Voters: []uint64{1}})
	c.restart(1)
	c.wantConfig("voters=(1)", 1)
	if err := n.Campaign(); err != nil {
		t.Fatal(err)
	}
	// The application refuses the old change by applying an empty one instead.
	refused := false
	for n.HasReady() {
		rd := n.Ready()
		n.persist(t, rd)
		for _, e := range rd.CommittedEntries {
			if raftlog.IsConfChange(&e) {
				n.ApplyConfChange(pb.ConfChange{})
				refused = true
			}
		}
		n.Advance(rd)
		c.verify(n)
	}
	if !refused {
		t.Fatal("not the situation that is meant")
	}
	c.wantConfig("voters=(1)", 1)
	c.wantRole(1, StateLeader, 3)
	if err := n.Propose([]byte("x")); err != nil {
		t.Fatal(err)
	}
	c.settle()
	if got := c.appliedData(1); got != "x " {
		t.Errorf("applied %q", got)
	}
}

func TestBug38WhoIsPromotedWithoutKnowingItAndHasTheLongestLogIsTold(t *testing.T) {
	c := newTestCluster(t, 2, nil)
	c.join(nil)
	c.elect(1)
	c.change(1, "l3")
	c.settleTicking(1)
	// Node 3 gets the promotion and an entry more, without the commit index; node 2 gets the promotion only.
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
