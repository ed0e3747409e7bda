package raft

import (
	"errors"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

func transferTo(leader, target uint64) pb.Message {
	return pb.Message{Type: pb.MsgTransferLeader, From: target, To: leader}
}

func TestALeadershipIsTransferredToACaughtUpVoter(t *testing.T) {
	// A pre-vote would be refused while the leader is alive, and so would the vote.
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.PreVote, cfg.CheckQuorum = true, true })
	c.elect(1)
	c.settleTicking(1)
	c.node(1).TransferLeader(3)
	c.settle()
	c.wantRole(3, StateLeader, 3)
	c.wantRole(1, StateFollower, 3)
	c.wantTransferee(1, None)
}

func TestALaggardLeadsOnlyWhenItHasEverything(t *testing.T) {
	// One entry to an append: each acknowledgement but the last is not enough.
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.MaxSizePerMsg = 1 })
	c.elect(1)
	c.lagBehind(3)
	c.node(1).TransferLeader(3)
	ordered := false
	c.cut = func(m *pb.Message) bool {
		if m.Type == pb.MsgTimeoutNow {
			ordered = true
			if last := c.node(3).raft.log.LastIndex(); last != c.node(1).raft.log.LastIndex() {
				t.Errorf("the target is to campaign with its log at %d", last)
			}
		}
		return false
	}
	c.settle()
	if !ordered {
		t.Fatal("the target was not brought up to date")
	}
	c.wantRole(3, StateLeader, 3)
}

// Nothing is sent to a follower that was reported unreachable, until a sign of life; but a transfer
// to it finds out at once whether it is there.
func TestATransferDoesNotWaitForAnUnreachableFollowersHeartbeat(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.node(1).ReportUnreachable(3)
	c.propose(1, "x")
	c.settle()
	c.node(1).TransferLeader(3)
	c.settle()
	c.wantRole(3, StateLeader, 3)
}

func TestProposalsAreDroppedDuringATransferWhichEndsByItself(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.isolate(3)
	c.node(1).TransferLeader(3)
	wantDropped(t, c.node(1), "x", ErrTransferring)
	for range 9 {
		c.tick(1, 1)
		c.settle()
	}
	c.wantTransferee(1, 3)
	wantDropped(t, c.node(1), "x", ErrTransferring)
	c.node(1).TransferLeader(3) // asking again gives it no more time
	c.tick(1, 1)
	c.wantTransferee(1, None)
	c.propose(1, "y")
	c.heal()
	c.settleTicking(1)
	c.wantApplied("y ")
}

func TestTheLeadershipDoesNotGoToWhoCannotLead(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	for target, want := range map[uint64]error{2: nil, 9: ErrTransferTarget} {
		if err := c.node(1).CheckTransfer(target); !errors.Is(err, want) {
			t.Errorf("to %d: %v, want %v", target, err, want)
		}
	}
	if err := c.node(2).CheckTransfer(3); !errors.Is(err, ErrNotLeader) {
		t.Errorf("at a follower: %v", err)
	}
	c.step(transferTo(1, 9)) // a stranger
	c.wantTransferee(1, None)
	c.node(1).ApplyConfChange(pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: 4})
	c.step(transferTo(1, 4))
	c.wantTransferee(1, None)
}

func TestATransferCanBeRedirectedAndTakenBack(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.lagBehind(3)
	c.node(1).TransferLeader(3)
	c.node(1).TransferLeader(1)
	c.wantTransferee(1, None)
	c.node(1).TransferLeader(3)
	c.node(1).TransferLeader(2)
	c.wantTransferee(1, 2)
	c.settle()
	c.wantRole(2, StateLeader, 3)
}

func TestAFollowerPassesTheOrderToTransferOn(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.step(transferTo(2, 3))
	c.ready(2)
	if len(c.wire) != 0 {
		t.Errorf("without a leader it sends %v", c.wire)
	}
	c.elect(1)
	c.node(2).TransferLeader(3)
	c.settle()
	c.wantRole(3, StateLeader, 3)
}

func TestAFollowerThatForgetsItsLeaderVotesForAnother(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.CheckQuorum = true })
	c.elect(1)
	request := voteFrom(3, 2, 3, entryAt(2, 2))
	c.step(request)
	c.wantRole(2, StateFollower, 2)
	if err := c.node(2).ForgetLeader(); err != nil {
		t.Fatal(err)
	}
	c.step(request)
	if got := c.answers(2, pb.MsgVoteResp); len(got) != 1 || got[0].Reject {
		t.Errorf("answered %v", got)
	}
	// It means nothing to a leader.
	if err := c.node(1).ForgetLeader(); err != nil {
		t.Fatal(err)
	}
	c.wantRole(1, StateLeader, 2)
}

func TestALearnerObeysNoOrderToCampaign(t *testing.T) {
	c := withLearner(t)
	term := c.node(1).BasicStatus().Term
	c.step(pb.Message{Type: pb.MsgTimeoutNow, From: 1, To: 2, Term: term})
	c.settle()
	c.wantRole(2, StateFollower, term)
	c.wantRole(1, StateLeader, term)
}

// The leader is told that a snapshot is durable before the node itself is, and may order it to
// campaign at once.
func TestAnOrderToCampaignWaitsForASnapshotToBeDurable(t *testing.T) {
	storage := NewMemoryStorage()
	cfg := testConfig(1, storage)
	cfg.AsyncStorageWrites = true
	rn, err := NewRawNode(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	step := func(m pb.Message) {
		t.Helper()
		if err := rn.Step(m); err != nil {
			t.Fatal(err)
		}
	}
	s := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 5, Term: 2, ConfState: pb.ConfState{Voters: []uint64{1, 2, 3}}}}
	step(pb.Message{Type: pb.MsgSnap, From: 2, To: 1, Term: 2, Snapshot: &s})
	var acks []pb.Message
	for _, m := range rn.Ready().Messages {
		if m.To != LocalAppendThread {
			continue
		}
		if err := storage.ApplySnapshot(*m.Snapshot); err != nil {
			t.Fatal(err)
		}
		for _, a := range m.Responses {
			if a.To == 1 {
				acks = append(acks, a)
			}
		}
	}
	step(pb.Message{Type: pb.MsgTimeoutNow, From: 2, To: 1, Term: 2})
	if rn.raft.role != StateFollower || len(acks) == 0 {
		t.Fatalf("it is a %s before its snapshot is durable, with %d acknowledgements to come", rn.raft.role, len(acks))
	}
	for _, a := range acks {
		step(a)
	}
	if rn.raft.role != StateCandidate || rn.raft.term != 3 {
		t.Errorf("it is a %s in term %d", rn.raft.role, rn.raft.term)
	}
}

func TestAnOrderThatIsLostIsRepeatedWithTheHeartbeats(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.settleTicking(1)
	lost := 0
	c.cut = func(m *pb.Message) bool {
		if m.Type == pb.MsgTimeoutNow {
			lost++
		}
		return m.Type == pb.MsgTimeoutNow && lost < 3
	}
	c.node(1).TransferLeader(2)
	c.settle()
	for range 3 {
		c.tick(1, 1)
		c.settle()
	}
	c.wantRole(2, StateLeader, 3)
	if lost != 3 {
		t.Errorf("%d orders, and the third is obeyed", lost)
	}
}

func TestATransferEndsAtOnceIfTheTargetRefuses(t *testing.T) {
	c := newTestCluster(t, 2, nil)
	c.join(nil)
	c.elect(1)
	c.change(1, "l3")
	c.settleTicking(1)
	// Node 3 has the entry that promotes it, and does not know that it is committed.
	c.cut = func(m *pb.Message) bool { return m.To == 3 && m.Type == pb.MsgApp && len(m.Entries) == 0 }
	c.change(1, "v3")
	c.wantConfig("voters=(1 2 3)", 1)
	c.wantConfig("voters=(1 2) learners=(3)", 3)
	c.node(1).TransferLeader(3)
	c.settle()
	c.wantRole(1, StateLeader, 2)
	if r := &c.node(1).raft; r.transferee != None {
		t.Errorf("the transfer to %d goes on", r.transferee)
	}
	// Other rejections of a voter do not end a transfer to it.
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgTimeoutNow }
	c.node(1).TransferLeader(2)
	c.step(pb.Message{Type: pb.MsgVoteResp, From: 2, To: 1, Term: 2, Reject: true})
	if r := &c.node(1).raft; r.transferee != 2 {
		t.Error("the refusal of a vote ends the transfer")
	}
}
