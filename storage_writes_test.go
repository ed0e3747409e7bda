package raft

import (
	"fmt"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// newAsyncCluster returns three nodes with asynchronous storage writes, of which node 1 leads.
func newAsyncCluster(t *testing.T, tune func(*Config)) *testCluster {
	t.Helper()
	c := newTestCluster(t, 3, func(cfg *Config) {
		cfg.AsyncStorageWrites = true
		if tune != nil {
			tune(cfg)
		}
	})
	if err := c.node(1).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.settleThreads(nil)
	c.wantRole(1, StateLeader, 2)
	return c
}

func TestALeaderWhoseDiskStallsShowsItAndStepsDown(t *testing.T) {
	for _, checkQuorum := range []bool{false, true} {
		t.Run(fmt.Sprint("check-quorum ", checkQuorum), func(t *testing.T) {
			c := newAsyncCluster(t, func(cfg *Config) { cfg.CheckQuorum = checkQuorum })
			stalled := func(id uint64, m *pb.Message) bool { return id == 1 && m.To == LocalAppendThread }
			c.tick(1, 1)
			c.settleThreads(nil)
			c.propose(1, "x")
			c.settleThreads(stalled)
			c.wantCommit(1, 3) // the others are enough
			for tick := 1; tick < 10; tick++ {
				c.tick(1, 1)
				c.settleThreads(stalled)
				c.wantRole(1, StateLeader, 2)
				if got := c.node(1).BasicStatus().StalledTicks; got != tick {
					t.Fatalf("stalled for %d ticks after %d", got, tick)
				}
			}
			c.tick(1, 1)
			c.settleThreads(stalled)
			if !checkQuorum {
				c.wantRole(1, StateLeader, 2)
				// One acknowledgement shows that the disk lives.
				c.settleThreads(nil)
				c.tick(1, 1)
				if got := c.node(1).BasicStatus().StalledTicks; got != 0 {
					t.Errorf("stalled for %d ticks", got)
				}
				return
			}
			// The order to campaign reached a voter that has everything.
			if lead := c.leader(); lead != 2 && lead != 3 {
				t.Errorf("node %d leads", lead)
			}
		})
	}
}

func TestASlowDiskIsNotAStalledOne(t *testing.T) {
	c := newAsyncCluster(t, func(cfg *Config) { cfg.CheckQuorum = true })
	// A write is always under way, and each is acknowledged two ticks later.
	for i := range 30 {
		c.propose(1, fmt.Sprint(i))
		c.tick(1, 1)
		oldest := true
		c.settleThreads(func(id uint64, m *pb.Message) bool {
			if id != 1 || m.To != LocalAppendThread {
				return false
			}
			hold := !oldest || i%2 == 0
			oldest = false
			return hold
		})
		c.wantRole(1, StateLeader, 2)
	}
	if c.node(1).raft.log.Stable() == c.node(1).raft.log.LastIndex() {
		t.Fatal("not the situation that is meant")
	}
	if got := c.node(1).BasicStatus().StalledTicks; got > 3 {
		t.Errorf("stalled for %d ticks", got)
	}
}

func TestALeaderWithADeadDiskOrdersNoLaggardToCampaign(t *testing.T) {
	c := newAsyncCluster(t, func(cfg *Config) { cfg.CheckQuorum = true })
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgApp }
	ordered := false
	for range 30 {
		_ = c.node(1).Propose([]byte("x"))
		c.tick(1, 1)
		c.settleThreads(func(id uint64, m *pb.Message) bool { return id == 1 && m.To == LocalAppendThread })
		ordered = ordered || c.node(2).raft.term > 2 || c.node(3).raft.term > 2
	}
	if ordered || c.node(1).raft.role == StateLeader {
		t.Errorf("ordered %t, node 1 is %s", ordered, c.node(1).raft.role)
	}
}

func TestTheOnlyVoterDoesNotStepDownForItsDisk(t *testing.T) {
	c := newTestCluster(t, 1, func(cfg *Config) { cfg.CheckQuorum = true })
	c.elect(1)
	c.propose(1, "x")
	c.tick(1, 30)
	c.wantRole(1, StateLeader, 2)
	if got := c.node(1).BasicStatus().StalledTicks; got < 20 {
		t.Errorf("stalled for %d ticks", got)
	}
}

func TestALeaderWithAnIdleDiskIsNotStalled(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.CheckQuorum = true })
	c.elect(1)
	for range 30 {
		c.tick(1, 1)
		c.settle()
	}
	c.wantRole(1, StateLeader, 2)
	if got := c.node(1).BasicStatus().StalledTicks; got != 0 {
		t.Errorf("stalled for %d ticks", got)
	}
}

func TestWhatTheApplyThreadHasInHandIsBounded(t *testing.T) {
	one := uint64((&pb.Entry{Term: 2, Index: 3, Data: make([]byte, 100)}).Size())
	c := newAsyncCluster(t, func(cfg *Config) { cfg.MaxCommittedSizePerReady = 3 * one })
	applyStalls := func(id uint64, m *pb.Message) bool { return id == 1 && m.To == LocalApplyThread }
	for range 20 {
		if err := c.node(1).Propose(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		c.settleThreads(applyStalls)
	}
	inHand := func() (entries int) {
		for _, m := range c.node(1).threads {
			entries += len(m.Entries)
		}
		return entries
	}
	if got := inHand(); got != 3 {
		t.Fatalf("%d entries are with the apply thread, want 3", got)
	}
	c.wantCommit(1, 22)
	// What is acknowledged makes room.
	first := c.node(1).threads[0]
	c.node(1).threads = c.node(1).threads[1:]
	c.storageWork(c.node(1), first)
	c.settleThreads(applyStalls)
	if got := inHand(); got != 3 {
		t.Errorf("%d entries are with the apply thread, want 3", got)
	}
	c.settleThreads(nil)
	if got := len(c.node(1).applied); got != 21 {
		t.Errorf("%d entries are applied", got)
	}
}

func TestReusedResponsesStayValidUntilTheirAcknowledgementAndOneMore(t *testing.T) {
	c := newAsyncCluster(t, reusingMemory)
	var kept [][]pb.Message
	var copies []string
	for i := range 40 {
		c.propose(1, fmt.Sprint(i))
		c.settleThreads(func(id uint64, m *pb.Message) bool { return id == 2 && m.To == LocalAppendThread })
		n := c.node(2)
		if len(n.threads) == 0 {
			t.Fatal("nothing was written")
		}
		m := n.threads[0]
		n.threads = n.threads[1:]
		kept, copies = append(kept, m.Responses), append(copies, fmt.Sprint(m.Responses))
		// The acknowledgement comes last in the array, and is stepped first here.
		for j := len(m.Responses) - 1; j >= 0; j-- {
			if r := m.Responses[j]; r.To == 2 {
				n.persist(t, Ready{Entries: m.Entries, HardState: pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}})
				c.step(r)
			} else {
				if fmt.Sprint(m.Responses) != copies[len(copies)-1] {
					t.Fatal("responses changed before they were sent")
				}
				c.wire = append(c.wire, r)
			}
		}
		for _, array := range n.raft.async.appendResponses.free {
			for _, r := range array[:cap(array)] {
				if r.To != 0 {
					t.Fatal("an array that is not used keeps what it carried")
				}
			}
		}
		if last := len(kept) - 1; fmt.Sprint(kept[last]) != copies[last] {
			t.Fatal("responses changed right after their acknowledgement")
		}
	}
}

func TestHeartbeatsDoNotPileUpWhileNobodyCallsReady(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.tick(1, 1000)
	if got := len(c.answers(1, pb.MsgHeartbeat)); got != 2*maxBeats {
		t.Errorf("%d heartbeats", got)
	}
	c.tick(1, 1)
	if got := len(c.answers(1, pb.MsgHeartbeat)); got != 2 {
		t.Errorf("then %d heartbeats", got)
	}
	// A leader that has been alone for a while greets who comes.
	alone := newTestCluster(t, 1, nil)
	alone.elect(1)
	alone.tick(1, 2*maxBeats)
	alone.node(1).ApplyConfChange(pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: 2})
	alone.tick(1, 1)
	if got := len(alone.answers(1, pb.MsgHeartbeat)); got != 1 {
		t.Errorf("%d heartbeats to a newcomer", got)
	}
}

func TestASlightlyLateFollowerIsServedFromTheCache(t *testing.T) {
	for _, tc := range []struct {
		name   string
		cached uint64
		reads  bool // Storage is asked
	}{{"with a cache", 1 << 20, false}, {"without one", 0, true}, {"with a small one", 5 << 10, true}} {
		t.Run(tc.name, func(t *testing.T) {
			c := newTestCluster(t, 3, nil)
			n := c.node(1)
			calls := map[string]int{}
			n.cfg.Storage, n.cfg.MaxCachedEntriesSize, n.cfg.MaxSizePerMsg = countingStorage{n.storage, calls}, tc.cached, 1<<10
			c.start(n)
			c.elect(1)
			c.isolate(3)
			for i := range 2000 {
				c.propose(1, fmt.Sprint(i))
				c.settle()
			}
			c.heal()
			clear(calls)
			c.settleTicking(1)
			if last := c.node(3).raft.log.LastIndex(); last != 2002 {
				t.Fatalf("node 3 has %d entries", last)
			}
			if got := calls["Entries"] > 0; got != tc.reads {
				t.Errorf("Storage was asked for entries %d times", calls["Entries"])
			}
			if held := n.raft.log.HeldBytes(); held > tc.cached+raftlog.LargestChunkBytes {
				t.Errorf("%d bytes are cached", held)
			}
			if c.appliedData(3) != c.appliedData(1) {
				t.Error("node 3 has applied something else")
			}
		})
	}
}

// A write is what was handed out, not what was learnt since.
func TestWhatIsLearntBetweenReadyAndAdvanceIsWrittenNext(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	n := c.node(1)
	if err := n.Campaign(); err != nil {
		t.Fatal(err)
	}
	rd := n.Ready()
	if err := n.Step(pb.Message{Type: pb.MsgVote, From: 2, To: 1, Term: 5, Index: 1, LogTerm: 1}); err != nil {
		t.Fatal(err)
	}
	n.persist(t, rd)
	n.Advance(rd)
	if hs := n.Ready().HardState; hs.Term != 5 || hs.Vote != 2 {
		t.Errorf("the next write has %v", hs)
	}
}

// What a storage thread has acknowledged is let go of at once, however long the next write is in
// coming.
func TestWhatIsAcknowledgedIsLetGo(t *testing.T) {
	c := newAsyncCluster(t, func(cfg *Config) { cfg.ReuseMemory = true })
	c.isolate(3)
	c.propose(1, "x")
	c.settleThreads(nil)
	leader := c.node(1)
	cs := leader.raft.members.ConfState()
	_, err := leader.storage.CreateSnapshot(leader.raft.log.Applied(), &cs, []byte("state"))
	noError(t, err)
	noError(t, leader.storage.Compact(leader.raft.log.Applied()))
	c.heal()
	for range 3 {
		c.tick(1, 1)
		c.settleThreads(nil)
	}
	if s, _ := c.node(3).storage.Snapshot(); string(s.Data) != "state" {
		t.Fatalf("node 3 has the snapshot %v", s.Metadata)
	}
	for _, n := range c.nodes {
		for _, pool := range []*responsePool{n.raft.async.appendResponses, n.raft.async.applyResponses} {
			for _, array := range append(append(pool.out.All(), pool.resting), pool.free...) {
				for _, m := range array[:cap(array)] {
					if m.Snapshot != nil || m.Entries != nil {
						t.Errorf("node %d keeps what a %s carries: %v, %d entries", n.cfg.ID, m.Type, m.Snapshot, len(m.Entries))
					}
				}
			}
		}
	}
}

// A commit index alone need not be durable, and nothing waits for it: its write has no responses,
// whether or not arrays of responses are used again.
func TestTheWriteOfACommitIndexAloneHasNoResponses(t *testing.T) {
	for _, reuse := range []bool{false, true} {
		c := newTestCluster(t, 1, func(cfg *Config) { cfg.AsyncStorageWrites, cfg.ReuseMemory = true, reuse })
		n := c.node(1)
		if err := n.Campaign(); err != nil {
			t.Fatal(err)
		}
		writes := 0
		for n.HasReady() {
			rd := n.Ready()
			for i := range rd.Messages {
				m := &rd.Messages[i]
				if m.Type == pb.MsgStorageAppend && len(m.Entries) == 0 && m.Commit > 1 && !rd.MustSync {
					writes++
					if len(m.Responses) > 0 {
						t.Errorf("reuse %t: %d responses", reuse, len(m.Responses))
					}
				}
				c.deliverOrStore(n, m)
			}
		}
		if writes == 0 {
			t.Errorf("reuse %t: no such write", reuse)
		}
	}
}

func TestBug13AnAcknowledgementWaitsForItsOwnDurableWrite(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.AsyncStorageWrites = true })
	n := c.node(2)
	c.step(appendTo(2, entryAt(1, 1), 1, entriesOf(2, 2, 2)...))
	wantGated := func(rd Ready) {
		t.Helper()
		if len(rd.Messages) != 1 || rd.Messages[0].Type != pb.MsgStorageAppend {
			t.Fatalf("sent past the storage: %v", rd.Messages)
		}
		if r := rd.Messages[0].Responses[0]; r.Type != pb.MsgAppResp || r.Index != 3 {
			t.Fatalf("held back %v, want the acknowledgement of 3", rd.Messages[0].Responses)
		}
	}
	wantGated(n.Ready())
	// The write is under way; an empty append matches what it will bring.
	c.step(appendTo(2, entryAt(2, 3), 1))
	wantGated(n.Ready())
}

// An application whose write fails does not call Advance and sends nothing; the node
// then promises nothing, and what is on disk is what a restart finds.
func TestBug25AWriteThatFailsIsNotPaperedOver(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.withLogs(2, nil, []uint64{2, 2, 2})
	n := c.node(2)
	c.step(appendTo(3, entryAt(1, 1), 3, entriesOf(2, 3, 3)...))
	rd := n.Ready()
	if len(rd.Entries) != 2 || len(rd.Messages) != 1 {
		t.Fatalf("%d entries and %d messages", len(rd.Entries), len(rd.Messages))
	}
	// The store has deleted the suffix and then failed: no Advance.
	n.storage = NewMemoryStorage()
	n.cfg.Storage = n.storage
	if err := n.storage.ApplySnapshot(*snapAt(1, 1, pb.ConfState{Voters: []uint64{1, 2, 3}})); err != nil {
		t.Fatal(err)
	}
	if n.HasReady() || len(n.Ready().Messages) != 0 {
		t.Fatal("the node goes on without its write")
	}
	c.start(n)
	n.verified = nil
	c.step(appendTo(3, entryAt(1, 1), 3, entriesOf(2, 3, 3)...))
	if got := c.answers(2, pb.MsgAppResp); len(got) != 1 || got[0].Index != 3 {
		t.Fatalf("answered %v", got)
	}
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
