package raft

import (
	"errors"
	"math"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// Programs written for v3.6 start from a first snapshot without a term, from a Storage that has
// forgotten the term before its first entry, or with ticks that mean never.

// startFrom replaces the disk of every node and starts it.
func (c *testCluster) startFrom(fill func(s *MemoryStorage)) {
	c.tb.Helper()
	for _, n := range c.nodes {
		n.storage = NewMemoryStorage()
		fill(n.storage)
		n.cfg.Storage = n.storage
		c.start(n)
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

func TestTicksThatCannotBeCountedMeanNever(t *testing.T) {
	huge := math.MaxInt
	c := newTestCluster(t, 3, func(cfg *Config) {
		cfg.ElectionTick, cfg.HeartbeatTick, cfg.SnapshotTicks = huge, huge-1, huge
		cfg.CheckQuorum = true
	})
	n := &c.node(1).raft
	if n.limits.snapshotTimeouts == 0 {
		t.Error("no time for a snapshot")
	}
	n.electionElapsed = neverTicks - 2 // as after years
	c.tick(1, 5)
	c.wantRole(1, StateFollower, 1)
	if err := c.node(1).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.settle()
	c.wantRole(1, StateLeader, 2)
	n.electionElapsed, n.heartbeatElapsed = neverTicks-2, neverTicks-2
	beats := c.sent[pb.MsgHeartbeat]
	c.tick(1, 5)
	c.settle()
	c.wantRole(1, StateLeader, 2)
	if c.sent[pb.MsgHeartbeat] != beats {
		t.Error("heartbeats are sent")
	}
}

func TestSnapshotTicksAreRoundedUpToElectionTimeouts(t *testing.T) {
	for _, tc := range []struct {
		ticks int
		want  uint32
	}{{0, 100}, {1, 1}, {10, 1}, {11, 2}, {1 << 30, 107374183}, {math.MaxInt, neverTicks}} {
		cfg := Config{ElectionTick: 10, SnapshotTicks: tc.ticks}
		if got := snapshotTimeouts(&cfg); got != tc.want {
			t.Errorf("%d ticks are %d timeouts, want %d", tc.ticks, got, tc.want)
		}
	}
}
