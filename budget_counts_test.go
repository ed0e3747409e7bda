package raft

import (
	"fmt"
	"runtime"
	"testing"
	"unsafe"

	"github.com/ffd200af/raft/internal/raftlog"
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
			// Every follower is probed with the first entry of the term and told once that it is
			// committed. The one that is behind refuses, and gets all of it in one append.
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
			c := newTestCluster(t, 5, func(cfg *Config) { cfg.MaxSizePerMsg = raftlog.NoLimit })
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
func TestWhatAnIdleReplicaOfThreeTakes(t *testing.T) {
	newReplicas := func(reuse bool) *testCluster {
		return newTestCluster(t, 3, func(cfg *Config) { cfg.ReuseMemory = reuse })
	}
	elected := func(reuse bool) *testCluster {
		c := newReplicas(reuse)
		c.elect(1)
		c.idle(5)
		return c
	}
	afterTraffic := func(reuse bool) *testCluster {
		c := elected(reuse)
		c.traffic(5, 20)
		c.idle(5)
		return c
	}
	for _, tc := range []struct {
		name  string
		group func() *testCluster
		most  int
	}{
		{"new", func() *testCluster { return newReplicas(false) }, 600},
		{"leader elected", func() *testCluster { return elected(false) }, 795},
		{"after traffic", func() *testCluster { return afterTraffic(false) }, 750},
		{"leader elected, ReuseMemory", func() *testCluster { return elected(true) }, 1035},
		{"after traffic, ReuseMemory", func() *testCluster { return afterTraffic(true) }, 985},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// A node, and its MemoryStorage, without what the test has around them.
			type replica struct {
				*RawNode
				*MemoryStorage
			}
			var replicas []replica
			before := heapBytes()
			for range 300 {
				for _, n := range tc.group().nodes {
					n.verified = nil // of the test
					replicas = append(replicas, replica{n.RawNode, n.storage})
				}
			}
			held := int(heapBytes()-before) - cap(replicas)*int(unsafe.Sizeof(replica{}))
			if StateTraceDeployed {
				tc.most += 64 // a pointer to the trace that there may be, rounded up
			}
			if bytes := held / len(replicas); bytes > tc.most {
				t.Errorf("%d bytes, want at most %d", bytes, tc.most)
			} else {
				t.Logf("%d bytes", bytes)
			}
			runtime.KeepAlive(replicas)
		})
	}
}

// An idle group keeps no array of messages. With ReuseMemory it keeps one, and takes no more.
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
			lent := 0
			if box.lent != nil {
				lent = cap(*box.lent)
			}
			if cap(box.filling) > 4 || lent > 0 || !reuse && cap(box.filling) > 0 {
				t.Errorf("reuse %t: node %d keeps arrays of %d and %d messages", reuse, n.cfg.ID, cap(box.filling), lent)
			}
		}
	}
}

// The next tick drops the blocks of a node that was busy, so that tick is due.
func TestBlocksOfMessagesGoAtTheNextTick(t *testing.T) {
	for _, async := range []bool{false, true} {
		c := newTestCluster(t, 3, func(cfg *Config) { cfg.AsyncStorageWrites = async })
		n := c.node(2)
		boxes := []*outbox{&n.raft.outbox}
		if async {
			boxes = append(boxes, &n.raft.async.gated)
		}
		for _, box := range boxes {
			*box = outbox{filling: make([]pb.Message, 0, 1)}
			if due := n.NextDue(); due != 1 {
				t.Errorf("async %t: %d ticks to go with a block", async, due)
			}
			if n.Tick(); cap(box.filling) != 0 || n.NextDue() == 1 {
				t.Errorf("async %t: there is room for %d messages, %d ticks to go", async, cap(box.filling), n.NextDue())
			}
		}
	}
}

// Small batches share a block, and neither with a large batch nor with messages that hold much.
func TestAProgramThatKeepsItsMessagesKeepsLittleElse(t *testing.T) {
	const rounds, messageBytes = 300, 160
	for name, others := range map[string]func(take func(n int, m pb.Message) []pb.Message){
		"large batches": func(take func(int, pb.Message) []pb.Message) { take(2*blockMessages, pb.Message{}) },
		"much data": func(take func(int, pb.Message) []pb.Message) {
			take(1, pb.Message{Entries: []pb.Entry{{Data: make([]byte, 10_000)}}})
		},
		"many entries": func(take func(int, pb.Message) []pb.Message) {
			take(1, pb.Message{Entries: make([]pb.Entry, 500)})
		},
		"snapshots": func(take func(int, pb.Message) []pb.Message) {
			take(1, pb.Message{Snapshot: &pb.Snapshot{Data: make([]byte, 10_000)}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			box, kept := &outbox{}, make([][]pb.Message, 0, rounds)
			take := func(n int, m pb.Message) []pb.Message {
				for range n {
					*box.next() = m
				}
				messages := box.take(false)
				if len(messages) != n || cap(messages) != n {
					t.Fatalf("%d messages came in an array for %d, want %d", len(messages), cap(messages), n)
				}
				return messages
			}
			before := heapBytes()
			for range rounds {
				kept = append(kept, take(1, pb.Message{}))
				others(take)
			}
			box.rest()
			if held := heapBytes() - before; held > rounds*messageBytes*5/4 {
				t.Errorf("%d messages keep %d bytes", rounds, held)
			}
			if cap(box.filling) != 0 {
				t.Errorf("at rest there is an array for %d", cap(box.filling))
			}
			runtime.KeepAlive(kept)
		})
	}
}
