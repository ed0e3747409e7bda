package raft

import (
	"fmt"
	"runtime"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

// What a unit of work may send. The numbers are what the protocol needs; one more is a defect
// that no other test would see.
func TestWhatAnOperationSends(t *testing.T) {
	const entries = 5000
	log := func(term func(i int) uint64) []uint64 {
		terms := make([]uint64, entries)
		for i := range terms {
			terms[i] = term(i)
		}
		return terms
	}
	// The two logs share nothing after the snapshot: 50 terms each, of which no two are the same.
	odd := log(func(i int) uint64 { return uint64(3 + 2*(i/100)) })
	even := log(func(i int) uint64 { return uint64(2 + 2*(i/100)) })

	for _, tc := range []struct {
		name string
		prep func(c *testCluster)
		do   func(c *testCluster)
		want map[pb.MessageType]int
	}{
		{
			name: "one proposal, five nodes",
			prep: func(c *testCluster) { c.elect(1) },
			do:   func(c *testCluster) { c.propose(1, "x"); c.settle() },
			want: map[pb.MessageType]int{pb.MsgApp: 8, pb.MsgAppResp: 8},
		},
		{
			name: "a heartbeat interval of everybody",
			prep: func(c *testCluster) { c.elect(1) },
			do: func(c *testCluster) {
				for id, n := range c.nodes {
					c.tick(uint64(id+1), n.cfg.HeartbeatTick)
				}
				c.settle()
			},
			want: map[pb.MessageType]int{pb.MsgHeartbeat: 4, pb.MsgHeartbeatResp: 4},
		},
		{
			name: "64 reads at the leader",
			prep: func(c *testCluster) { c.elect(1) },
			do: func(c *testCluster) {
				for i := range 64 {
					c.node(1).ReadIndex(fmt.Append(nil, i))
				}
				c.settle()
			},
			want: map[pb.MessageType]int{pb.MsgHeartbeat: 4, pb.MsgHeartbeatResp: 4},
		},
		{
			name: "a follower 5,000 entries behind",
			prep: func(c *testCluster) { c.withLogs(103, odd, odd, odd, odd, nil) },
			do:   func(c *testCluster) { c.elect(1) },
			// Every follower is probed with the first entry of the term and told once that it is committed. The
			// one that is behind refuses, and gets all of it in one append.
			want: map[pb.MessageType]int{pb.MsgVote: 4, pb.MsgVoteResp: 4, pb.MsgApp: 8, pb.MsgAppResp: 8},
		},
		{
			name: "5,000 conflicting entries over 50 terms",
			prep: func(c *testCluster) { c.withLogs(103, odd, odd, odd, odd, even) },
			do:   func(c *testCluster) { c.elect(1) },
			// One probe per term of conflict (thesis §3.5), not one per entry, and one append
			// with all entries.
			want: map[pb.MessageType]int{pb.MsgVote: 4, pb.MsgVoteResp: 4, pb.MsgApp: 58, pb.MsgAppResp: 58},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newTestCluster(t, 5, func(cfg *Config) { cfg.MaxSizePerMsg = noLimit })
			tc.prep(c)
			c.settle()
			clear(c.sent)
			tc.do(c)
			if got, want := fmt.Sprint(c.sent), fmt.Sprint(tc.want); got != want {
				t.Errorf("sent %s, want %s", got, want)
			}
		})
	}
}

// A process may hold tens of thousands of groups that are idle nearly always.
func TestAnIdleReplicaTakesAtMost800Bytes(t *testing.T) {
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	const n = 5000
	nodes := make([]*RawNode, n)
	before := heap()
	for i := range nodes {
		storage := NewMemoryStorage()
		cs := pb.ConfState{Voters: []uint64{1, 2, 3}}
		noError(t, storage.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: cs}}))
		cfg := testConfig(2, storage)
		node, err := NewRawNode(&cfg)
		noError(t, err)
		nodes[i] = node
	}
	limit := 808
	if StateTraceDeployed {
		limit += 32 // a pointer to the trace that there may be, rounded up
	}
	if bytes := int(heap()-before) / n; bytes > limit {
		t.Errorf("%d bytes", bytes)
	}
	runtime.KeepAlive(nodes)
}

// After its first heartbeats an idle group has its messages' arrays, and takes no more from then on.
func TestAnIdleGroupKeepsOneArrayOfMessagesANode(t *testing.T) {
	for _, reuse := range []bool{false, true} {
		c := newTestCluster(t, 3, func(cfg *Config) { cfg.ReuseMemory = reuse })
		c.elect(1)
		for range 30 {
			for id := range c.nodes {
				c.tick(uint64(id+1), 1)
			}
			c.settle()
		}
		for _, n := range c.nodes {
			box := n.raft.outbox
			if cap(box.filling) > 4 || cap(box.lent) > 0 {
				t.Errorf("reuse %t: node %d keeps arrays of %d and %d messages", reuse, n.cfg.ID, cap(box.filling), cap(box.lent))
			}
		}
	}
}
