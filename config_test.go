package raft

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

func TestAConfigThatCannotBeUsedIsRefusedByField(t *testing.T) {
	for _, tc := range []struct {
		field string
		spoil func(*Config)
	}{
		{"ID", func(c *Config) { c.ID = None }},
		{"ID", func(c *Config) { c.ID = LocalAppendThread }},
		{"Storage", func(c *Config) { c.Storage = nil }},
		{"HeartbeatTick", func(c *Config) { c.HeartbeatTick = 0 }},
		{"ElectionTick", func(c *Config) { c.ElectionTick = c.HeartbeatTick }},
		{"MaxInflightMsgs", func(c *Config) { c.MaxInflightMsgs = 0 }},
		{"MaxInflightBytes", func(c *Config) { c.MaxInflightBytes = c.MaxSizePerMsg - 1 }},
		{"SnapshotTicks", func(c *Config) { c.SnapshotTicks = -1 }},
		{"Applied", func(c *Config) { c.Applied = raftlog.MaxCounter }},
		{"ReadOnlyOption", func(c *Config) { c.ReadOnlyOption = 7 }},
		{"ReadOnlyOption", func(c *Config) { c.ReadOnlyOption, c.CheckQuorum = ReadOnlyLeaseBased, false }},
	} {
		cfg := DefaultConfig(1, NewMemoryStorage())
		tc.spoil(cfg)
		_, err := NewRawNode(cfg)
		var typed *ConfigError
		if !errors.Is(err, ErrInvalidConfig) || !errors.As(err, &typed) || typed.Field != tc.field {
			t.Errorf("%s: got %v", tc.field, err)
		}
	}
}

func TestTheDefaultConfigStartsANode(t *testing.T) {
	cfg := DefaultConfig(1, NewMemoryStorage())
	cfg.Logger = DiscardLogger
	rn, err := NewRawNode(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if rn.Status().Seed == 0 {
		t.Error("the drawn seed is not reported")
	}
}

func TestANodeDoesNotStartOnAStorageThatContradictsItself(t *testing.T) {
	good := func() *MemoryStorage {
		s := NewMemoryStorage()
		if err := s.Append(entriesOf(1, 1, 2, 2)); err != nil {
			t.Fatal(err)
		}
		return s
	}
	fallingTerms := NewMemoryStorage()
	if err := fallingTerms.Append(entriesOf(1, 2, 3, 1)); err != nil {
		t.Fatal(err)
	}
	badConf := good()
	if err := badConf.ApplySnapshot(*snapAt(9, 3, pb.ConfState{Voters: []uint64{1}, Learners: []uint64{1}})); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name    string
		storage Storage
	}{
		{"terms fall", fallingTerms},
		{"a node is voter and learner", badConf},
		{"the first index cannot be read", failingStorage{good(), map[string]error{"FirstIndex": errDisk}}},
	} {
		cfg := testConfig(1, tc.storage)
		if _, err := NewRawNode(&cfg); err == nil {
			t.Errorf("%s: the node starts", tc.name)
		}
	}
}

func TestStatusAndWithProgressShowWhatTheLeaderKnows(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	seen := func(id uint64) (ids []uint64, matches []uint64) {
		c.node(id).WithProgress(func(id uint64, typ ProgressType, pr tracker.Progress) {
			if typ != ProgressTypePeer || pr.Inflights != nil {
				t.Errorf("node %d: type %d, window %v", id, typ, pr.Inflights)
			}
			ids, matches = append(ids, id), append(matches, pr.Match)
		})
		return ids, matches
	}
	c.elect(1)
	c.propose(1, "x")
	c.settle()
	if ids, matches := seen(1); !slices.Equal(ids, []uint64{1, 2, 3}) || !slices.Equal(matches, []uint64{3, 3, 3}) {
		t.Errorf("the leader knows %v to have %v", ids, matches)
	}
	if ids, matches := seen(2); !slices.Equal(ids, []uint64{1, 2, 3}) || !slices.Equal(matches, []uint64{0, 0, 0}) {
		t.Errorf("a follower knows %v to have %v", ids, matches)
	}
	st := c.node(1).Status()
	if len(st.Progress) != 3 || st.Commit != 3 || st.Applied != 3 || st.Lead != 1 || st.Config.String() != "voters=(1 2 3)" {
		t.Errorf("status %s", st)
	}
	// What was handed out is a copy.
	c.propose(1, "y")
	c.node(1).Ready()
	if st.Progress[2].Next != 4 || st.Progress[2].Inflights.Count() != 0 {
		t.Errorf("the status has changed to %s", st)
	}
	if st := c.node(2).Status(); st.Progress != nil {
		t.Errorf("a follower's status has progress: %s", st)
	}
}

func TestProposalsAreDroppedWithTheReason(t *testing.T) {
	t.Run("no leader", func(t *testing.T) {
		c := newTestCluster(t, 3, nil)
		wantDropped(t, c.node(1), "", ErrNoLeader)
		if err := c.node(1).Campaign(); err != nil {
			t.Fatal(err)
		}
		wantDropped(t, c.node(1), "", ErrNoLeader)
	})
	t.Run("forwarding disabled", func(t *testing.T) {
		c := newTestCluster(t, 3, func(cfg *Config) { cfg.DisableProposalForwarding = true })
		c.elect(1)
		wantDropped(t, c.node(2), "x", ErrForwardingDisabled)
	})
	t.Run("forwarded", func(t *testing.T) {
		c := newTestCluster(t, 3, nil)
		c.elect(1)
		c.propose(2, "x")
		c.settle()
		c.wantApplied("x ")
	})
	t.Run("too many uncommitted bytes", func(t *testing.T) {
		c := newTestCluster(t, 3, func(cfg *Config) { cfg.MaxUncommittedEntriesSize = 10 })
		c.elect(1)
		c.isolate(1)
		c.propose(1, "larger than the limit, but the first")
		wantDropped(t, c.node(1), "x", ErrUncommittedFull)
		if err := c.node(1).Propose(nil); err != nil {
			t.Errorf("an entry without data: %v", err)
		}
		c.heal()
		c.settleTicking(1)
		c.propose(1, "x")
		c.propose(1, "yyy")
		wantDropped(t, c.node(1), "seven b", ErrUncommittedFull)
	})
}

// wantDropped fails unless the node drops a proposal of data and CheckProposal returns the reason.
// Programs compare with ==.
func wantDropped(t *testing.T, n *testNode, data string, why error) {
	t.Helper()
	if err := n.CheckProposal(len(data)); err != why || !errors.Is(err, ErrProposalDropped) {
		t.Errorf("it would be dropped because of %v, want %v", err, why)
	}
	if err := n.Propose([]byte(data)); err != ErrProposalDropped {
		t.Errorf("Propose returns %v", err)
	}
	m := pb.Message{Type: pb.MsgProp, From: n.cfg.ID, To: n.cfg.ID, Entries: []pb.Entry{{Data: []byte(data)}}}
	if err := n.Step(m); err != ErrProposalDropped {
		t.Errorf("Step returns %v", err)
	}
}

func TestFlowControlSplitsAppendsAndFillsTheWindow(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) {
		cfg.MaxInflightMsgs = 3
		cfg.MaxSizePerMsg = 50
	})
	c.elect(1)
	c.settleTicking(1)
	for range 20 {
		c.propose(1, "twenty bytes of data")
	}
	rd := c.node(1).Ready()
	perFollower := map[uint64]int{}
	for _, m := range rd.Messages {
		perFollower[m.To]++
		size := 0
		for i := range m.Entries {
			size += m.Entries[i].Size()
		}
		if size > 50 && len(m.Entries) > 1 {
			t.Errorf("an append of %d bytes with %d entries", size, len(m.Entries))
		}
	}
	if perFollower[2] != 3 || perFollower[3] != 3 {
		t.Errorf("appends per follower: %v, want the window of 3", perFollower)
	}
	c.node(1).persist(t, rd)
	c.wire = append(c.wire, rd.Messages...)
	c.node(1).Advance(rd)
	c.settle()
	c.wantCommit(3, 22)
}

func TestCommittedEntriesComeInBatchesOfTheConfiguredSize(t *testing.T) {
	c := newTestCluster(t, 1, func(cfg *Config) { cfg.MaxCommittedSizePerReady = 50 })
	c.elect(1)
	for range 10 {
		c.propose(1, "twenty bytes of data")
	}
	c.ready(1)
	batches := 0
	for n := c.node(1); n.HasReady(); batches++ {
		rd := n.Ready()
		if len(rd.CommittedEntries) > 2 {
			t.Errorf("%d entries in a batch", len(rd.CommittedEntries))
		}
		n.persist(t, rd)
		n.apply(t, rd.CommittedEntries)
		n.Advance(rd)
	}
	if batches < 5 {
		t.Errorf("%d batches", batches)
	}
	if got := len(c.node(1).applied); got != 11 {
		t.Errorf("applied %d entries, want 11", got)
	}
}

// setApplyBytes replaces Config.MaxCommittedSizePerReady.
func (l *limits) setApplyBytes(bytes uint64) {
	set := l.rare()
	set.applyBytes = bytes
	l.set = &set
}

func TestTicksThatCannotBeCountedMeanNever(t *testing.T) {
	huge := math.MaxInt
	c := newTestCluster(t, 3, func(cfg *Config) {
		cfg.ElectionTick, cfg.HeartbeatTick, cfg.SnapshotTicks = huge, huge-1, huge
		cfg.CheckQuorum = true
	})
	n := &c.node(1).raft
	if n.limits.rare().snapshotTimeouts == 0 {
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
