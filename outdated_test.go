package raft

import (
	"errors"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// Acknowledgements and echoes of what is not there any more.

// writing steps a message into a node with asynchronous storage writes, and returns the acknowledgement of the write that follows.
func (c *testCluster) writing(m pb.Message) pb.Message {
	c.tb.Helper()
	c.step(m)
	for _, m := range c.node(m.To).Ready().Messages {
		if m.Type == pb.MsgStorageAppend {
			return m.Responses[len(m.Responses)-1]
		}
	}
	c.tb.Fatal("nothing is written")
	return pb.Message{}
}

func asyncWriting(cfg *Config) { cfg.AsyncStorageWrites = true }

func TestTheAcknowledgementOfAnEarlierSnapshotCountsForNothing(t *testing.T) {
	c := newTestCluster(t, 3, asyncWriting)
	snap := func(index uint64) pb.Message {
		return pb.Message{Type: pb.MsgSnap, From: 2, To: 1, Term: 2, Snapshot: snapAt(index, 2, pb.ConfState{Voters: []uint64{1, 2, 3}})}
	}
	first, second := c.writing(snap(50)), c.writing(snap(80))
	c.step(first)
	if got := c.node(1).BasicStatus().Applied; got != 1 {
		t.Errorf("applied %d while the snapshot at 80 is being written", got)
	}
	c.step(second)
	if got := c.node(1).BasicStatus().Applied; got != 80 {
		t.Errorf("applied %d, want 80", got)
	}
}

func TestTheAcknowledgementOfEntriesThatASnapshotReplacedCountsForNothing(t *testing.T) {
	c := newTestCluster(t, 3, asyncWriting)
	first := c.writing(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 1, LogTerm: 1, Commit: 1, Entries: entriesOf(2, 2, 2, 2, 2, 2, 2, 2, 2, 2)})
	c.writing(pb.Message{Type: pb.MsgSnap, From: 3, To: 1, Term: 3, Snapshot: snapAt(5, 3, pb.ConfState{Voters: []uint64{1, 2, 3}})})
	c.writing(pb.Message{Type: pb.MsgApp, From: 3, To: 1, Term: 3, Index: 5, LogTerm: 3, Commit: 5, Entries: entriesOf(6, 3, 3, 3, 3, 3)})
	c.step(first)
	if got := c.node(1).raft.log.Stable(); got != 5 {
		t.Errorf("entries up to %d count as durable, and only those that were replaced are", got)
	}
}

func TestTheOwnVoteOfAnEarlierCampaignDoesNotCount(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	n := c.node(1)
	if err := n.Campaign(); err != nil {
		t.Fatal(err)
	}
	rd := n.Ready() // the vote of term 2 is being written
	if err := n.Campaign(); err != nil {
		t.Fatal(err)
	}
	c.step(pb.Message{Type: pb.MsgVoteResp, From: 2, To: 1, Term: 3})
	n.Advance(rd)
	c.wantRole(1, StateCandidate, 3)
}

func TestTheEchoesOfAnEarlierReignConfirmNoRead(t *testing.T) {
	c := newTestCluster(t, 5, nil)
	c.elect(1)
	for i := range 5 {
		c.node(1).ReadIndex([]byte{byte(i) + 1})
		c.settle()
	}
	c.elect(2)
	c.elect(1)
	// Of the others only node 2 is left, and echoes the first round of the new reign.
	c.cut = func(m *pb.Message) bool { return m.From > 2 || m.To > 2 }
	answered := len(c.node(1).reads)
	c.node(1).ReadIndex([]byte("of two in five"))
	c.settle()
	if got := len(c.node(1).reads); got != answered {
		t.Errorf("%d reads were answered without a round of most", got-answered)
	}
}

// A leader that was removed hands over when the other has everything. Until then it cannot read without asking: the other is the
// only voter, and may be elected any time.
func TestARemovedLeaderOfTwoAsksBeforeItReads(t *testing.T) {
	c := newLeaseCluster(t, 2)
	c.propose(1, "x")
	c.settle()
	if err := c.tryChange(1, "r1"); err != nil {
		t.Fatal(err)
	}
	c.ready(1)
	c.deliver()
	c.ready(2)
	c.propose(1, "y") // node 2 does not get it, so the leadership cannot be handed over yet
	c.deliver()
	c.isolate(1)
	c.ready(1)
	c.wantRole(1, StateLeader, 2)
	c.wantConfig("voters=(2)", 1)
	c.wantLease(1, false)
	answered := len(c.node(1).reads)
	c.node(1).ReadIndex([]byte("r"))
	c.settle()
	if got := c.node(1).reads[answered:]; len(got) != 0 {
		t.Errorf("it answers alone: %+v", got)
	}
}

// Who votes gives the candidate time to win.
func TestAVoteThatIsGrantedStartsTheElectionTimerAgain(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	if err := c.node(1).SetRandomizedElectionTimeout(12); err != nil {
		t.Fatal(err)
	}
	c.tick(1, 11)
	c.step(voteFrom(2, 1, 2, entryAt(1, 1)))
	c.ready(1)
	c.tick(1, 11)
	c.wantRole(1, StateFollower, 2)
}

// Until a snapshot is durable, Storage holds what it replaces.
func TestEntriesThatASnapshotReplacesAreNotRead(t *testing.T) {
	c := newTestCluster(t, 3, asyncWriting)
	n := c.node(1)
	if err := n.storage.Append(entriesOf(2, 1, 1, 1)); err != nil {
		t.Fatal(err)
	}
	c.writing(pb.Message{Type: pb.MsgSnap, From: 2, To: 1, Term: 2, Snapshot: snapAt(5, 2, pb.ConfState{Voters: []uint64{1, 2, 3}})})
	for lo := uint64(1); lo <= 5; lo++ {
		if entries, err := n.raft.log.Entries(lo, 6, raftlog.NoLimit); !errors.Is(err, ErrCompacted) {
			t.Errorf("from %d on: %v, %v", lo, entries, err)
		}
	}
}

// An append thread cannot acknowledge what it was not given.
func TestWhatWasNotHandedOutIsNotAcknowledged(t *testing.T) {
	c := newTestCluster(t, 3, asyncWriting)
	n := c.node(1)
	c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 1, LogTerm: 1, Commit: 1, Entries: entriesOf(2, 2, 2)})
	c.step(pb.Message{Type: pb.MsgStorageAppendResp, From: LocalAppendThread, To: 1, Term: 2, Index: 3, LogTerm: 2})
	if got := n.raft.log.Stable(); got != 1 {
		t.Errorf("entries up to %d count as durable, and nobody has written them", got)
	}
}
