package raft

import (
	"errors"
	"reflect"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

// failingStorage fails on demand.
type failingStorage struct {
	*MemoryStorage
	fail map[string]error
}

func (s failingStorage) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	if err := s.fail["Entries"]; err != nil {
		return nil, err
	}
	return s.MemoryStorage.Entries(lo, hi, maxSize)
}

func (s failingStorage) Snapshot() (pb.Snapshot, error) {
	if err := s.fail["Snapshot"]; err != nil {
		return pb.Snapshot{}, err
	}
	return s.MemoryStorage.Snapshot()
}

func (s failingStorage) FirstIndex() (uint64, error) {
	if err := s.fail["FirstIndex"]; err != nil {
		return 0, err
	}
	return s.MemoryStorage.FirstIndex()
}

func TestABrokenInvariantOrStorageQuarantinesTheNodeAndNothingElse(t *testing.T) {
	for _, tc := range []struct {
		name string
		node uint64
		do   func(c *testCluster, fail map[string]error)
		want error
	}{
		{"a heartbeat commits beyond the log", 2, func(c *testCluster, _ map[string]error) {
			_ = c.node(2).Step(pb.Message{Type: pb.MsgHeartbeat, From: 1, To: 2, Term: 2, Commit: 50})
		}, ErrCommitBeyondLog},
		{"an append contradicts a committed entry", 2, func(c *testCluster, _ map[string]error) {
			_ = c.node(2).Step(pb.Message{Type: pb.MsgApp, From: 3, To: 2, Term: 9, Index: 1, LogTerm: 1, Entries: entriesOf(2, 9)})
		}, ErrCommittedConflict},
		{"an append follows another entry than the committed one", 2, func(c *testCluster, _ map[string]error) {
			_ = c.node(2).Step(pb.Message{Type: pb.MsgApp, From: 3, To: 2, Term: 9, Index: 2, LogTerm: 8})
		}, ErrCommittedConflict},
		{"a snapshot contradicts a committed entry", 2, func(c *testCluster, _ map[string]error) {
			_ = c.node(2).Step(pb.Message{Type: pb.MsgSnap, From: 3, To: 2, Term: 9, Snapshot: snapAt(2, 9, pb.ConfState{Voters: []uint64{1, 2, 3}})})
		}, ErrCommittedConflict},
		{"entries for a follower cannot be read", 1, func(c *testCluster, fail map[string]error) {
			c.lagBehind(3)
			fail["Entries"] = errDisk
			c.settleTicking(1)
		}, errDisk},
		{"a snapshot cannot be read", 1, func(c *testCluster, fail map[string]error) {
			c.lagBehind(3)
			c.compact(c.node(1))
			fail["Snapshot"] = errDisk
			c.settleTicking(1)
		}, errDisk},
		{"the first index cannot be read", 1, func(c *testCluster, fail map[string]error) {
			c.lagBehind(3)
			c.compact(c.node(1))
			fail["FirstIndex"] = errDisk
			c.settleTicking(1)
		}, ErrStorage},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fails := map[string]error{}
			c := newTestCluster(t, 3, func(cfg *Config) {
				if cfg.ID == tc.node {
					cfg.Storage = failingStorage{cfg.Storage.(*MemoryStorage), fails}
				}
			})
			c.elect(1)
			tc.do(c, fails)
			n := c.node(tc.node)
			wantQuarantined(t, n, tc.want)
			for _, other := range c.nodes {
				if other != n && other.Err() != nil {
					t.Errorf("node %d is quarantined too: %v", other.cfg.ID, other.Err())
				}
			}
		})
	}
}

// wantQuarantined: the node says why, and nothing moves it any more.
func wantQuarantined(t *testing.T, n *testNode, want error) {
	t.Helper()
	err := n.Err()
	var typed *QuarantineError
	if !errors.Is(err, want) || !errors.Is(err, ErrQuarantined) || !errors.As(err, &typed) {
		t.Fatalf("quarantined by %v, want %v", err, want)
	}
	before := n.BasicStatus()
	n.Tick()
	for name, got := range map[string]error{
		"Propose":           n.Propose([]byte("x")),
		"ProposeConfChange": n.ProposeConfChange(pb.ConfChange{NodeID: 4}),
		"Campaign":          n.Campaign(),
		"Bootstrap":         n.Bootstrap([]Peer{{ID: 1}}),
		"Step":              n.Step(pb.Message{Type: pb.MsgHeartbeat, From: 1, To: n.cfg.ID, Term: 50}),
	} {
		if got != err {
			t.Errorf("%s returned %v, want the reason", name, got)
		}
	}
	n.ReportUnreachable(2)
	n.ReportSnapshot(2, SnapshotFailure)
	n.ApplyConfChange(pb.ConfChange{Type: pb.ConfChangeRemoveNode, NodeID: 2})
	n.Advance(Ready{})
	if n.HasReady() || !reflect.DeepEqual(n.Ready(), Ready{}) {
		t.Error("there is a Ready")
	}
	if after := n.BasicStatus(); after != before {
		t.Errorf("the state changed from %+v to %+v", before, after)
	}
}
