package raft

import (
	"bytes"
	"context"
	"log"
	"strings"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

func TestHeartbeatsWithoutATermKeepAGroupTogether(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.CheckQuorum, cfg.PreVote = true, true })
	c.elect(1)
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgHeartbeat || m.Type == pb.MsgHeartbeatResp }
	term := c.node(1).BasicStatus().Term
	for range 100 {
		for id := uint64(1); id <= 3; id++ {
			c.tick(id, 1)
		}
		for id := uint64(2); id <= 3; id++ {
			c.termless(pb.Message{Type: pb.MsgHeartbeat, From: 1, To: id})
			c.termless(pb.Message{Type: pb.MsgHeartbeatResp, From: id, To: 1})
		}
		c.settle()
	}
	c.wantRole(1, StateLeader, term)
}

func TestAHeartbeatWithoutATermCommits(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgApp && len(m.Entries) == 0 }
	c.propose(1, "x")
	c.settle()
	c.wantCommit(2, 2)
	c.termless(pb.Message{Type: pb.MsgHeartbeat, From: 1, To: 2, Commit: 3})
	c.settle()
	c.wantCommit(2, 3)
}

func TestAHeartbeatWithoutATermNamesALeaderUntilOneWithTheTermComes(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	lead := func(want uint64) {
		t.Helper()
		if got := c.node(2).BasicStatus().Lead; got != want {
			t.Fatalf("the leader is %d, want %d", got, want)
		}
	}
	c.termless(pb.Message{Type: pb.MsgHeartbeat, From: 3, To: 2})
	lead(3)
	c.step(pb.Message{Type: pb.MsgHeartbeat, To: 2})
	lead(3) // nobody is named
	term := c.node(2).BasicStatus().Term + 1
	c.step(pb.Message{Type: pb.MsgHeartbeatResp, From: 1, To: 2, Term: term})
	c.termless(pb.Message{Type: pb.MsgHeartbeat, From: 3, To: 2})
	lead(3)
	c.step(pb.Message{Type: pb.MsgHeartbeat, From: 1, To: 2, Term: term})
	lead(1) // the leader of the term
	c.ready(2)
	c.wire = nil
	c.termless(pb.Message{Type: pb.MsgHeartbeat, From: 3, To: 2})
	lead(1)
	if got := c.answers(2, pb.MsgAppResp); len(got) != 1 || got[0].Term != term || got[0].To != 3 {
		t.Errorf("an earlier leader is answered with %v, want the term", got)
	}
}

func TestAnEchoWithoutATermConfirmsNoRead(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.node(1).ReadIndex([]byte("x"))
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgHeartbeatResp }
	c.settle()
	c.termless(pb.Message{Type: pb.MsgHeartbeatResp, From: 2, To: 1, Context: []byte{0, 0, 0, 0, 0, 0, 0, 1}})
	c.ready(1)
	if got := c.node(1).reads; len(got) != 0 {
		t.Errorf("answered %+v", got)
	}
	c.heal()
	c.wire = nil
	c.termless(pb.Message{Type: pb.MsgHeartbeat, From: 1, To: 2, Context: []byte("round")})
	if got := c.answers(2, pb.MsgHeartbeatResp); len(got) != 1 || got[0].Context != nil {
		t.Errorf("a round of no term is echoed: %v", got)
	}
}

func TestASnapshotWithoutATermIsTaken(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.termless(pb.Message{Type: pb.MsgSnap, From: 1, To: 2, Snapshot: snapAt(9, 2, pb.ConfState{Voters: []uint64{1, 2, 3}})})
	c.ready(2)
	c.wantCommit(2, 9)
	// A new member learns the term from it.
	c.termless(pb.Message{Type: pb.MsgSnap, From: 1, To: 3, Snapshot: snapAt(10, 7, pb.ConfState{Voters: []uint64{1, 2, 3}})})
	c.ready(3)
	c.wantCommit(3, 10)
	c.wantRole(3, StateFollower, 7)
}

func TestAnOrderToCampaignWithoutATermOrASenderIsObeyed(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.CheckQuorum, cfg.PreVote = true, true })
	c.elect(1)
	c.step(pb.Message{Type: pb.MsgTimeoutNow, To: 2})
	c.settle()
	c.wantRole(2, StateLeader, 3)
}

func TestAnOrderToCampaignWithoutATermDoesNotEndALease(t *testing.T) {
	c := newLeaseCluster(t, 3, nil)
	c.step(pb.Message{Type: pb.MsgTimeoutNow, To: 2})
	c.settle()
	c.wantRole(1, StateLeader, c.node(1).BasicStatus().Term)
	c.wantRole(2, StateFollower, c.node(1).BasicStatus().Term)
}

// The voters have promised the leader not to support another node, and the target has lost the
// leader. In a transfer they would vote for it all the same.
func TestAnOrderToCampaignWithoutATermIsNoTransferWhereLeasesAreKept(t *testing.T) {
	c := newLeaseCluster(t, 3, nil)
	for range 10 {
		c.isolate(2)
		c.tick(1, 1)
		c.tick(2, 1)
		c.settle()
	}
	if c.node(2).raft.hasPromised() {
		t.Fatal("the target has heard the leader")
	}
	c.isolate(1)
	c.wantLease(1, true)
	c.step(pb.Message{Type: pb.MsgTimeoutNow, From: 1, To: 2})
	c.settle()
	if got := c.node(2).BasicStatus().RaftState; got == StateLeader {
		t.Error("the target leads while another leader has a lease")
	}
	c.wantLease(1, true)
}

func TestAnOrderToCampaignWithoutATermIsObeyedInSilence(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.join(nil)
	c.change(1, "l4")
	c.step(pb.Message{Type: pb.MsgTimeoutNow, To: 4})
	c.step(pb.Message{Type: pb.MsgTimeoutNow, From: 1, To: 4})
	c.step(pb.Message{Type: pb.MsgTimeoutNow, To: 4, Term: c.node(1).BasicStatus().Term})
	if got := c.answers(4, pb.MsgVoteResp); len(got) != 0 {
		t.Errorf("a learner answers %v", got)
	}
}

func TestAPresumedLeaderStaysPresumedUntilTheTermsLeaderIsNamed(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.termless(pb.Message{Type: pb.MsgHeartbeat, From: 3, To: 2})
	c.step(pb.Message{Type: pb.MsgHeartbeat, To: 2, Term: 1})
	c.step(pb.Message{Type: pb.MsgHeartbeat, From: 1, To: 2, Term: 1})
	if got := c.node(2).BasicStatus().Lead; got != 1 {
		t.Errorf("the leader is %d, want 1", got)
	}
}

// v3.6 does not look at the recipient; some transports leave it out.
func TestAMessageWithoutARecipientIsTaken(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	if err := c.node(2).Step(pb.Message{Type: pb.MsgHeartbeat, From: 1, Term: 7}); err != nil {
		t.Fatal(err)
	}
	c.wantRole(2, StateFollower, 7)
}

func TestAReadAtANodeThatIsNoLeaderAnyMoreIsPassedOn(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.elect(2)
	c.node(3).raft.lead, c.node(3).verified = 1, nil // it has not heard of the new leader
	c.node(3).ReadIndex([]byte("x"))
	c.ready(3)
	c.node(3).raft.lead, c.node(3).verified = 2, nil
	c.settle()
	c.wantRead(c.node(3).reads, "x", c.node(2).BasicStatus().Commit)
}

func TestANodeLogsRefusedMessagesOnceInAnElectionTimeout(t *testing.T) {
	var out bytes.Buffer
	cfg := DefaultConfig(1, NewMemoryStorage())
	cfg.Logger = &DefaultLogger{Logger: log.New(&out, "", 0)}
	n := StartNode(cfg, []Peer{{ID: 1}, {ID: 2}})
	defer n.Stop()
	for range 3 {
		bad := pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 1, Entries: []pb.Entry{{Term: 1, Index: 7}}}
		if err := n.Step(context.Background(), bad); err != nil {
			t.Fatal(err)
		}
	}
	n.Stop()
	if got := strings.Count(out.String(), "refuses a message"); got != 1 {
		t.Errorf("%d lines:\n%s", got, &out)
	}
}
