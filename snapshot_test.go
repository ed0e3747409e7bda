package raft

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

func snapTo(to, term uint64, s *pb.Snapshot) pb.Message {
	return pb.Message{Type: pb.MsgSnap, From: 1, To: to, Term: term, Snapshot: s}
}

var threeVoters = pb.ConfState{Voters: []uint64{1, 2, 3}}

func TestASnapshotBehindTheCommitIndexChangesNothing(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.propose(1, "x")
	c.settle()
	c.settleTicking(1)
	c.step(snapTo(2, 2, snapAt(2, 2, pb.ConfState{Voters: []uint64{2}})))
	c.wantLastIndex(2, 3)
	c.wantCommit(2, 3)
	if got := c.answers(2, pb.MsgAppResp); len(got) != 1 || got[0].Index != 3 {
		t.Errorf("answered %v, want everything that is committed", got)
	}
	if n := c.node(2).raft.members.Len(); n != 3 {
		t.Errorf("the configuration went back to %d members", n)
	}
}

func TestASnapshotFromBeforeTheCompactedLogChangesNothing(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	for range 5 {
		c.propose(1, "x")
		c.settle()
	}
	c.settleTicking(1)
	c.compact(c.node(2))
	c.restart(2)
	c.step(snapTo(2, 2, snapAt(3, 2, pb.ConfState{Voters: []uint64{2}})))
	c.wantLastIndex(2, 7)
	c.wantCommit(2, 7)
	if rd := c.node(2).Ready(); !IsEmptySnap(rd.Snapshot) {
		t.Error("the state machine is to go back")
	}
}

func TestNothingIsAppliedBeforeAPendingSnapshot(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	n := c.node(2)
	c.step(snapTo(2, 2, snapAt(10, 2, threeVoters)))
	c.step(appendTo(2, entryAt(2, 10), 11, entriesOf(11, 2)...))
	rd := n.Ready()
	if rd.Snapshot.Metadata.Index != 10 || len(rd.CommittedEntries) != 0 {
		t.Fatalf("snapshot at %d with %d entries to apply", rd.Snapshot.Metadata.Index, len(rd.CommittedEntries))
	}
	n.persist(t, rd)
	n.Advance(rd)
	if rd := n.Ready(); len(rd.CommittedEntries) != 1 {
		t.Fatalf("%d entries to apply after the snapshot", len(rd.CommittedEntries))
	}
}

func TestANodeWithAPendingSnapshotDoesNotCampaign(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.step(snapTo(2, 2, snapAt(10, 2, threeVoters)))
	if err := c.node(2).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.wantRole(2, StateFollower, 2)
}

// oldSnapshot answers with a snapshot from before the compaction.
type oldSnapshot struct {
	*MemoryStorage
	old *pb.Snapshot
}

func (s oldSnapshot) Snapshot() (pb.Snapshot, error) {
	if s.old != nil {
		return *s.old, nil
	}
	return s.MemoryStorage.Snapshot()
}

func TestBug33ASnapshotOlderThanNeededIsNotCounted(t *testing.T) {
	old := oldSnapshot{old: snapAt(1, 1, threeVoters)}
	c := newTestCluster(t, 3, func(cfg *Config) {
		if cfg.ID == 1 {
			old.MemoryStorage = cfg.Storage.(*MemoryStorage)
			cfg.Storage = &old
		}
	})
	c.elect(1)
	c.lagBehind(3)
	c.compact(c.node(1))
	clear(c.sent)
	c.settleTicking(1)
	pr := c.node(1).Status().Progress[3]
	if c.sent[pb.MsgSnap] != 0 || pr.State == tracker.StateSnapshot {
		t.Fatalf("sent %v, node 3 is %s", c.sent, pr.String())
	}
	old.old = nil
	c.settleTicking(1)
	c.wantCommit(3, c.node(1).BasicStatus().Commit)
}

func TestASnapshotReportFreesTheFollower(t *testing.T) {
	for _, status := range []SnapshotStatus{SnapshotFinish, SnapshotFailure} {
		c := newTestCluster(t, 3, nil)
		c.elect(1)
		c.lagBehind(3)
		c.compact(c.node(1))
		lost := true
		c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgSnap && lost }
		c.settleTicking(1)
		if pr := c.node(1).Status().Progress[3]; pr.State != tracker.StateSnapshot {
			t.Fatalf("node 3 is %s", pr.String())
		}
		lost = false
		c.node(1).ReportSnapshot(3, status)
		c.settleTicking(1)
		c.settleTicking(1)
		c.wantCommit(3, c.node(1).BasicStatus().Commit)
	}
}

func TestALostSnapshotReportFreesTheFollowerAfterATimeout(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.SnapshotTicks = 30 })
	c.elect(1)
	c.lagBehind(3)
	c.compact(c.node(1))
	lost := true
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgSnap && lost }
	for range 20 {
		c.tick(1, 1)
		c.settle()
	}
	lost = false
	if pr := c.node(1).Status().Progress[3]; pr.State != tracker.StateSnapshot {
		t.Fatalf("node 3 is %s", pr.String())
	}
	for range 30 {
		c.tick(1, 1)
		c.settle()
	}
	c.wantCommit(3, c.node(1).BasicStatus().Commit)
}

func TestAFollowerThatGotTheEntriesElsewhereNeedsNoReport(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.lagBehind(3)
	c.compact(c.node(1))
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgSnap }
	c.settleTicking(1)
	s, err := c.node(1).storage.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	c.step(snapTo(3, 2, &s))
	c.settle()
	if pr := c.node(1).Status().Progress[3]; pr.State != tracker.StateReplicate {
		t.Fatalf("node 3 is %s", pr.String())
	}
	c.propose(1, "more")
	c.settle()
	c.wantCommit(3, c.node(1).BasicStatus().Commit)
}

// Entries that are with the application are older than a snapshot that comes then: it would be
// taken back by them, its configuration by a change among them.
func TestASnapshotWaitsForWhatIsBeingApplied(t *testing.T) {
	for _, async := range []bool{false, true} {
		t.Run(fmt.Sprintf("async %t", async), func(t *testing.T) {
			c := newTestCluster(t, 3, func(cfg *Config) { cfg.AsyncStorageWrites = async })
			n := c.node(1)
			c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 1, LogTerm: 1, Commit: 3, Entries: entriesOf(2, 2, 2)})
			rd := n.Ready()
			apply := takeStorageWork(t, c, n, rd)
			if async {
				rd = n.Ready()
				apply = takeStorageWork(t, c, n, rd)
			}
			if len(rd.CommittedEntries) == 0 {
				t.Fatal("nothing to apply")
			}
			snap := snapAt(9, 2, pb.ConfState{Voters: []uint64{1, 2, 3, 4}})
			c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 3, LogTerm: 2, Commit: 4, Entries: []pb.Entry{{Term: 2, Index: 4}}})
			c.step(pb.Message{Type: pb.MsgSnap, From: 2, To: 1, Term: 2, Snapshot: snap})
			if st := n.Status(); len(st.Config.Voters.IDs()) != 3 || st.Commit != 4 {
				t.Errorf("the snapshot did not wait: %+v", st)
			}
			if async {
				for range 2 { // entry 4 is written, and then due
					again := n.Ready()
					if len(again.CommittedEntries) > 0 || !IsEmptySnap(again.Snapshot) {
						t.Errorf("handed out while it waits: %d entries, snapshot %t", len(again.CommittedEntries), !IsEmptySnap(again.Snapshot))
					}
					takeStorageWork(t, c, n, again)
				}
				c.step(apply)
			} else {
				n.Advance(rd)
			}
			if st := n.Status(); len(st.Config.Voters.IDs()) != 4 || st.Commit != 9 {
				t.Errorf("the snapshot still waits: %+v", st)
			}
			if rd := n.Ready(); rd.Snapshot.Metadata.Index != 9 {
				t.Error("the snapshot is not handed out")
			}
		})
	}
}

// takeStorageWork persists a batch, acknowledges the writes, and returns the acknowledgement of
// what is to be applied.
func takeStorageWork(t *testing.T, c *testCluster, n *testNode, rd Ready) (applied pb.Message) {
	t.Helper()
	n.persist(t, rd)
	for _, m := range slices.Clone(rd.Messages) {
		for _, resp := range m.Responses {
			switch {
			case m.To == LocalApplyThread:
				applied = resp
			case resp.To == n.cfg.ID:
				c.step(resp)
			}
		}
	}
	return applied
}

// A snapshot that waits is its leader's: in a later term it is as good as lost.
func TestASnapshotThatWaitsIsForgottenInALaterTerm(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	n := c.node(1)
	c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 1, LogTerm: 1, Commit: 2, Entries: entriesOf(2, 2)})
	rd := n.Ready()
	n.persist(t, rd)
	c.step(pb.Message{Type: pb.MsgSnap, From: 2, To: 1, Term: 2, Snapshot: snapAt(9, 2, pb.ConfState{Voters: []uint64{1, 2, 3, 4}})})
	c.step(pb.Message{Type: pb.MsgHeartbeat, From: 3, To: 1, Term: 3})
	n.Advance(rd)
	if st := n.Status(); st.Commit != 2 {
		t.Errorf("an earlier leader's snapshot is restored: %+v", st)
	}
}

// While a snapshot waits, what the leader sends behind it is not rejected: the leader would send
// the snapshot again.
func TestASnapshotThatWaitsIsSentOnce(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	n := c.node(1)
	c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 1, LogTerm: 1, Commit: 2, Entries: entriesOf(2, 2)})
	rd := n.Ready() // entry 2 is being applied
	n.persist(t, rd)
	c.step(pb.Message{Type: pb.MsgSnap, From: 2, To: 1, Term: 2, Snapshot: snapAt(9, 2, pb.ConfState{Voters: []uint64{1, 2, 3}})})
	c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 9, LogTerm: 2, Commit: 9, Entries: entriesOf(10, 2)})
	n.Advance(rd)
	for _, m := range c.answers(1, pb.MsgAppResp) {
		if m.Reject {
			t.Errorf("the append behind it is rejected: %s", DescribeMessage(m, nil))
		}
	}
	if st := n.Status(); st.Commit != 9 {
		t.Errorf("it is not restored: %+v", st)
	}
}

// A commit index is not synced, and the application's snapshot is. After a crash the snapshot may
// be ahead.
func TestALeaderWhoseSnapshotIsAheadOfItsCommitIndexWaits(t *testing.T) {
	s := NewMemoryStorage()
	cs := pb.ConfState{Voters: []uint64{1, 2, 3}}
	if err := s.ApplySnapshot(*snapAt(1, 1, cs)); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(entriesOf(2, 1, 1, 1, 1, 1, 1, 1, 1)); err != nil {
		t.Fatal(err)
	}
	_ = s.SetHardState(pb.HardState{Term: 1, Commit: 5})
	if _, err := s.CreateSnapshot(8, &cs, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Compact(4); err != nil {
		t.Fatal(err)
	}
	c := newTestCluster(t, 3, nil)
	n := c.node(1)
	n.storage, n.cfg.Storage = s, s
	c.start(n)
	if err := n.Campaign(); err != nil {
		t.Fatal(err)
	}
	c.ready(1)
	c.step(pb.Message{Type: pb.MsgVoteResp, From: 2, To: 1, Term: 2})
	c.wantRole(1, StateLeader, 2)
	c.ready(1)
	c.wire = nil
	refusal := pb.Message{Type: pb.MsgAppResp, From: 3, To: 1, Term: 2, Index: 9, Reject: true, RejectHint: 2, LogTerm: 1}
	c.step(refusal)
	if got := c.answers(1, pb.MsgSnap); len(got) > 0 || n.Err() != nil {
		t.Fatalf("sent %v, the leader says %v", got, n.Err())
	}
	// The first commit of the term brings the commit index up to the snapshot and beyond.
	c.step(pb.Message{Type: pb.MsgAppResp, From: 2, To: 1, Term: 2, Index: 10})
	c.ready(1)
	c.step(pb.Message{Type: pb.MsgHeartbeatResp, From: 3, To: 1, Term: 2})
	if got := c.answers(1, pb.MsgSnap); len(got) != 1 {
		t.Errorf("%d snapshots are sent when it is committed", len(got))
	}
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

// A follower that takes no snapshot costs less and less: the first retry comes at once, as in v3.6,
// and then the leader waits twice as long each time, up to a bound.
func TestSnapshotsThatFailAreSentMoreAndMoreRarely(t *testing.T) {
	for _, how := range []string{"reported as failed", "reported as sent, and lost"} {
		t.Run(how, func(t *testing.T) {
			c, lines := withLagging(t, nil)
			leader := c.node(1)
			cs := leader.raft.members.ConfState()
			_, err := leader.storage.CreateSnapshot(leader.raft.log.Applied(), &cs, []byte("state"))
			noError(t, err)
			noError(t, leader.storage.Compact(leader.raft.log.Applied()))
			failing := true
			var at []uint64
			c.cut = func(m *pb.Message) bool {
				if m.Type == pb.MsgSnap && failing {
					at = append(at, leader.raft.clock)
				}
				return m.Type == pb.MsgSnap && failing
			}
			status := SnapshotFailure
			if how != "reported as failed" {
				status = SnapshotFinish
			}
			before, start := *lines, leader.raft.clock
			for range 1000 {
				n := len(at)
				c.run(1)
				if len(at) > n {
					leader.ReportSnapshot(3, status)
				}
			}
			if len(at) < 10 || len(at) > 25 {
				t.Errorf("%d snapshots in 1,000 ticks", len(at))
			}
			if info, warning := lines.info-before.info, lines.warning-before.warning; info != 1 || warning != 1 {
				t.Errorf("%d lines at Info and %d warnings for %d snapshots", info, warning, len(at))
			}
			if at[0]-start > 2 || at[1]-at[0] > 2 {
				t.Errorf("the first snapshots are sent after %d and %d ticks", at[0]-start, at[1]-at[0])
			}
			most := uint64(maxSnapshotWait * leader.cfg.ElectionTick)
			for i := 2; i < len(at); i++ {
				if wait := at[i] - at[i-1]; wait > most+2 || wait+2 < min(1<<(i-1), most) {
					t.Errorf("snapshot %d is sent %d ticks after the one before", i+1, wait)
				}
			}
			failing = false
			c.run(maxSnapshotWait*leader.cfg.ElectionTick + 2)
			if last := c.node(3).raft.log.LastIndex(); last != leader.raft.log.LastIndex() {
				t.Errorf("node 3 has the log up to %d of %d", last, leader.raft.log.LastIndex())
			}
			if n := leader.raft.members.Progress(2).MaySendSnapshot(leader.raft.clock, 1000, 1000); !n {
				t.Error("the leader goes on to wait when the follower has taken a snapshot")
			}
		})
	}
}

// A program for v3.6 may retry a failed snapshot without a tick: the follower's next sign of life
// is enough.
func TestTheFirstRetryOfASnapshotNeedsNoTick(t *testing.T) {
	c, _ := withLagging(t, nil)
	leader := c.node(1)
	cs := leader.raft.members.ConfState()
	_, err := leader.storage.CreateSnapshot(leader.raft.log.Applied(), &cs, nil)
	noError(t, err)
	noError(t, leader.storage.Compact(leader.raft.log.Applied()))
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgSnap }
	for clear(c.sent); c.sent[pb.MsgSnap] == 0; {
		c.run(1)
	}
	leader.ReportSnapshot(3, SnapshotFailure)
	noError(t, leader.Step(pb.Message{Type: pb.MsgHeartbeatResp, From: 3, To: 1, Term: leader.raft.term}))
	c.settle()
	if n := c.sent[pb.MsgSnap]; n != 2 {
		t.Errorf("%d snapshots", n)
	}
}
