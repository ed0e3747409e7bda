package raft

import (
	"errors"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

func TestBug26ANodeThatComesBackWithAnOldDiskIsNoticed(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	for range 3 {
		c.propose(1, "x")
		c.settle()
	}
	// The log is older than the hard state: the node does not start.
	old := NewMemoryStorage()
	if err := old.ApplySnapshot(*snapAt(1, 1, pb.ConfState{Voters: []uint64{1, 2, 3}})); err != nil {
		t.Fatal(err)
	}
	if err := old.SetHardState(c.node(3).BasicStatus().HardState); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(3, old)
	if _, err := NewRawNode(&cfg); !errors.Is(err, ErrCommitBeyondLog) {
		t.Fatalf("started with a log that ends before its commit index: %v", err)
	}
	// All of the disk is old or empty: the leader's next heartbeat finds out, and it
	// does not vote any more.
	n := c.node(3)
	n.storage = NewMemoryStorage()
	if err := n.storage.ApplySnapshot(*snapAt(1, 1, pb.ConfState{Voters: []uint64{1, 2, 3}})); err != nil {
		t.Fatal(err)
	}
	n.cfg.Storage = n.storage
	c.start(n)
	n.verified = nil
	c.tick(1, 1)
	c.settle()
	if !errors.Is(n.Err(), ErrCommitBeyondLog) {
		t.Fatalf("not noticed: %v", n.Err())
	}
	if err := n.Step(voteFrom(2, 3, 9, entryAt(9, 9))); !errors.Is(err, ErrQuarantined) {
		t.Errorf("it votes: %v", err)
	}
}

func TestBug27AMinorityThatLostUnsyncedWritesLosesNothingForTheCluster(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.propose(1, "a")
	c.settle()
	synced := c.node(3).BasicStatus().Commit
	c.propose(1, "b")
	c.settle()
	// Node 3 acknowledged b but had not synced it.
	n := c.node(3)
	lost := NewMemoryStorage()
	if err := lost.ApplySnapshot(*snapAt(1, 1, pb.ConfState{Voters: []uint64{1, 2, 3}})); err != nil {
		t.Fatal(err)
	}
	kept, err := n.storage.Entries(2, synced+1, raftlog.NoLimit)
	if err != nil {
		t.Fatal(err)
	}
	if err := lost.Append(kept); err != nil {
		t.Fatal(err)
	}
	if err := lost.SetHardState(pb.HardState{Term: 2, Vote: 1, Commit: synced}); err != nil {
		t.Fatal(err)
	}
	n.storage, n.cfg.Storage = lost, lost
	n.applied = n.applied[:len(n.applied)-1] // its state machine was not synced either
	c.restart(3)
	n.verified = nil
	c.isolate(3)
	c.elect(2)
	c.propose(2, "c")
	c.settle()
	c.heal()
	c.settleTicking(2)
	c.wantApplied("a b c ")
}

func TestBug28AppliedMayBeAheadOfTheStoredCommitIndex(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.withLogs(2, []uint64{2, 2, 2})
	n := c.node(1)
	n.cfg.Applied = 3
	c.start(n)
	c.verify(n)
	c.wantCommit(1, 3)
	if n.HasReady() && len(n.Ready().CommittedEntries) != 0 {
		t.Error("applied entries are handed out again")
	}
	n.cfg.Applied = 5
	if _, err := NewRawNode(&n.cfg); !errors.Is(err, ErrCommitBeyondLog) {
		t.Errorf("applied behind the end of the log: %v", err)
	}
}

func TestAGroupThatBeginsInTermZeroElects(t *testing.T) {
	three := pb.ConfState{Voters: []uint64{1, 2, 3}}
	for name, fill := range map[string]func(s *MemoryStorage){
		"a snapshot": func(s *MemoryStorage) { _ = s.ApplySnapshot(*snapAt(1, 0, three)) },
		"entries": func(s *MemoryStorage) {
			_ = s.ApplySnapshot(*snapAt(1, 0, three))
			_ = s.Append([]pb.Entry{{Index: 2}, {Index: 3}})
			_ = s.SetHardState(pb.HardState{Commit: 3})
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestCluster(t, 3, nil)
			c.startFrom(fill)
			c.elect(1)
			c.propose(1, "x")
			c.settle()
			c.wantApplied("x ")
		})
	}
}

func TestASnapshotOfTermZeroIsSent(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.startFrom(func(s *MemoryStorage) { _ = s.ApplySnapshot(*snapAt(9, 0, pb.ConfState{Voters: []uint64{1, 2, 3}})) })
	c.isolate(3)
	c.elect(1)
	n := c.node(3)
	n.storage = NewMemoryStorage()
	n.cfg.Storage, n.applied = n.storage, nil
	c.start(n)
	c.heal()
	c.settleTicking(1)
	c.wantCommit(3, 10)
}

// forgetful is a Storage that does not know the term before its first entry.
type forgetful struct{ *MemoryStorage }

func (s forgetful) Term(i uint64) (uint64, error) {
	if first, err := s.FirstIndex(); err != nil || i < first {
		return 0, ErrCompacted
	}
	return s.MemoryStorage.Term(i)
}

func TestAStorageThatHasForgottenTheTermBeforeItsFirstEntryIsStarted(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	for range 4 {
		c.propose(1, "x")
	}
	c.settle()
	for _, n := range c.nodes {
		if err := n.storage.Compact(3); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range []uint64{2, 3} {
		n := c.node(id)
		n.cfg.Storage, n.cfg.Applied, n.applied = forgetful{n.storage}, 3, nil
		c.start(n)
	}
	c.isolate(1)
	c.elect(2)
	c.propose(2, "y")
	c.settle()
	c.wantCommit(2, 8)
	c.wantCommit(3, 8)
}

// The entry before the first one may be all that the follower has committed.
func TestAFollowerAppendsAfterTheEntryWhoseTermIsForgotten(t *testing.T) {
	s := NewMemoryStorage()
	if err := s.ApplySnapshot(*snapAt(5, 2, pb.ConfState{Voters: []uint64{1, 2}})); err != nil {
		t.Fatal(err)
	}
	if err := s.Append([]pb.Entry{{Term: 5, Index: 6}}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetHardState(pb.HardState{Term: 5, Commit: 5}); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig(1, forgetful{s})
	cfg.Logger = DiscardLogger
	n, err := NewRawNode(cfg)
	if err != nil {
		t.Fatal(err)
	}
	// An entry of an earlier term takes the place of the first one.
	err = n.Step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 6, Index: 5, LogTerm: 2, Entries: []pb.Entry{{Term: 4, Index: 6}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Verify(); err != nil {
		t.Fatal(err)
	}
	rd := n.Ready()
	if len(rd.Messages) != 1 || rd.Messages[0].Reject || rd.Messages[0].Index != 6 {
		t.Errorf("answers %v", rd.Messages)
	}
	if got := n.raft.log.Last(); got != (raftlog.EntryID{Term: 4, Index: 6}) {
		t.Errorf("the log ends at %v", got)
	}
}

func TestAppliedBeforeTheLogBeginsIsAnError(t *testing.T) {
	s := NewMemoryStorage()
	if err := s.ApplySnapshot(*snapAt(9, 1, pb.ConfState{Voters: []uint64{1}})); err != nil {
		t.Fatal(err)
	}
	for applied, want := range map[uint64]bool{0: true, 7: false, 8: false, 9: true} {
		cfg := DefaultConfig(1, s)
		cfg.Logger, cfg.Applied = DiscardLogger, applied
		if _, err := NewRawNode(cfg); (err == nil) != want || err != nil && !errors.Is(err, ErrInvalidConfig) {
			t.Errorf("applied %d: %v", applied, err)
		}
	}
}
