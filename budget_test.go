package raft

import (
	"fmt"
	"math"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

func reusingMemory(c *Config) { c.ReuseMemory = true }

// A steady round allocates nothing but log memory: the chunks in which the nodes and their
// MemoryStorage keep entries, a few allocations in a hundred rounds. Without Config.ReuseMemory
// there are blocks of messages. Messages with many entries have an array of their own.
func TestASteadyRoundAllocatesNothingBeyondLogMemory(t *testing.T) {
	for _, tc := range []struct {
		name             string
		nodes, proposals int
		perRound         float64 // allocations of log memory that are allowed in a round
		messages         float64 // allocations for messages without reuse
	}{
		{"one node, one entry", 1, 1, 0.05, 0},
		{"three nodes, one entry", 3, 1, 0.15, 0.34},
		{"three nodes, 64 entries", 3, 64, 1, 1.3},
		{"five nodes, 64 entries", 5, 64, 1.5, 1.5},
	} {
		for _, reuse := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, reuse %t", tc.name, reuse), func(t *testing.T) {
				c := newTestCluster(t, tc.nodes, func(cfg *Config) { cfg.ReuseMemory = reuse })
				c.elect(1)
				data := make([]byte, 128)
				for range 200 {
					c.round(tc.proposals, data)
				}
				c.compactAll()
				allowed := tc.perRound
				if !reuse {
					allowed += tc.messages
				}
				c.wantAllocationsPerRound(allowed, func() { c.round(tc.proposals, data) })
			})
		}
	}
}

// Without Config.ReuseMemory there are blocks of messages and of responses.
func TestAsynchronousStorageWritesAllocateNothingBeyondLogMemory(t *testing.T) {
	for reuse, allowed := range map[bool]float64{true: 0.1, false: 1.2} {
		t.Run(fmt.Sprint("reuse ", reuse), func(t *testing.T) {
			c := newTestCluster(t, 3, func(cfg *Config) { cfg.ReuseMemory = reuse })
			c.elect(1)
			for _, node := range c.nodes {
				node.cfg.AsyncStorageWrites = true
				c.restart(node.cfg.ID)
			}
			if err := c.node(1).Campaign(); err != nil {
				t.Fatal(err)
			}
			data := make([]byte, 128)
			c.asyncRound(0, nil)
			for range 200 {
				c.asyncRound(4, data)
			}
			c.compactAll()
			c.wantAllocationsPerRound(allowed, func() { c.asyncRound(4, data) })
		})
	}
}

func TestReadsAllocateNothing(t *testing.T) {
	for name, option := range map[string]ReadOnlyOption{"rounds": ReadOnlySafe, "leases": ReadOnlyLeaseBased} {
		t.Run(name, func(t *testing.T) {
			c := newTestCluster(t, 3, func(cfg *Config) { cfg.ReadOnlyOption, cfg.CheckQuorum, cfg.ReuseMemory = option, true, true })
			for id := uint64(1); id <= 3; id++ {
				c.tick(id, 10)
			}
			c.elect(1)
			context := []byte("context")
			round := func() {
				for range 64 {
					c.node(1).ReadIndex(context)
				}
				c.node(1).Tick()
				c.round(0, nil)
			}
			for range 10 {
				round()
			}
			// A hundred rounds share two arrays of contexts.
			if n := testing.AllocsPerRun(1, func() {
				for range 100 {
					round()
				}
			}); n > 6 {
				t.Errorf("%.0f allocations for 6400 reads", n)
			}
		})
	}
}

func TestTicksAndHeartbeatsAllocateNothing(t *testing.T) {
	for reuse, want := range map[bool]float64{true: 0, false: 3} { // an array of messages for each node
		c := newTestCluster(t, 3, func(cfg *Config) { cfg.ReuseMemory = reuse })
		c.elect(1)
		round := func() {
			for _, node := range c.nodes {
				node.Tick()
			}
			c.round(0, nil)
		}
		round()
		if n := testing.AllocsPerRun(100, round); n != want {
			t.Errorf("reuse %t: %.2f allocations a tick, want %.0f", reuse, n, want)
		}
	}
}

// 64 proposals before one Ready leave as one append per follower, and a whole round
// needs few messages.
func TestProposalsBeforeOneReadyLeaveAsOneAppendPerFollower(t *testing.T) {
	for _, nodes := range []int{3, 5} {
		t.Run(fmt.Sprint(nodes, " nodes"), func(t *testing.T) {
			c := newTestCluster(t, nodes, nil)
			c.elect(1)
			for i := range 64 {
				c.propose(1, fmt.Sprint(i))
			}
			rd := c.node(1).Ready()
			if got := len(rd.Messages); got != nodes-1 {
				t.Fatalf("%d messages, want one per follower", got)
			}
			for _, m := range rd.Messages {
				if m.Type != pb.MsgApp || len(m.Entries) != 64 {
					t.Errorf("to %d: %s with %d entries", m.To, m.Type, len(m.Entries))
				}
			}
		})
	}
}

// Appends go out with the entries, and once more when the commit index has moved; each
// is acknowledged once.
func TestARoundTakesTwoAppendsPerFollower(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	clear(c.sent)
	for i := range 64 {
		c.propose(1, fmt.Sprint(i))
	}
	c.settle()
	if c.sent[pb.MsgApp] != 4 || c.sent[pb.MsgAppResp] != 4 || len(c.sent) != 2 {
		t.Errorf("messages sent: %v, want 4 MsgApp and 4 MsgAppResp", c.sent)
	}
}

// countingStorage counts the calls that reach Storage.
type countingStorage struct {
	*MemoryStorage
	calls map[string]int
}

func (s countingStorage) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	s.calls["Entries"]++
	return s.MemoryStorage.Entries(lo, hi, maxSize)
}

func (s countingStorage) Term(i uint64) (uint64, error) {
	s.calls["Term"]++
	return s.MemoryStorage.Term(i)
}

func (s countingStorage) FirstIndex() (uint64, error) {
	s.calls["FirstIndex"]++
	return s.MemoryStorage.FirstIndex()
}

func (s countingStorage) LastIndex() (uint64, error) {
	s.calls["LastIndex"]++
	return s.MemoryStorage.LastIndex()
}

func TestASteadyRoundDoesNotAskStorage(t *testing.T) {
	calls := map[string]int{}
	c := newTestCluster(t, 3, func(cfg *Config) {
		cfg.Storage = countingStorage{cfg.Storage.(*MemoryStorage), calls}
	})
	c.elect(1)
	c.round(1, []byte("warm"))
	clear(calls)
	for range 4 {
		c.round(8, []byte("x"))
	}
	// A chunk that fills up between an entry's write and its application costs one read.
	if calls["Entries"] > 3 || len(calls) > 1 {
		t.Errorf("calls to Storage in four rounds: %v", calls)
	}
}

func BenchmarkRound(b *testing.B) {
	for _, tc := range []struct{ nodes, proposals int }{{1, 1}, {3, 1}, {3, 64}, {5, 64}} {
		b.Run(fmt.Sprintf("nodes=%d/proposals=%d", tc.nodes, tc.proposals), func(b *testing.B) {
			c := newTestCluster(b, tc.nodes, reusingMemory)
			c.elect(1)
			data := make([]byte, 128)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				c.round(tc.proposals, data)
				if i%1024 == 1023 {
					c.compactAll()
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*tc.proposals), "ns/entry")
		})
	}
}

func BenchmarkTick(b *testing.B) {
	b.Run("follower", func(b *testing.B) {
		c := newTestCluster(b, 3, nil)
		c.elect(1)
		n := c.node(2)
		n.raft.electionTimeout = math.MaxUint32
		b.ReportAllocs()
		for range b.N {
			n.Tick()
		}
	})
	b.Run("three nodes with heartbeats", func(b *testing.B) {
		c := newTestCluster(b, 3, reusingMemory)
		c.elect(1)
		b.ReportAllocs()
		for range b.N {
			for _, n := range c.nodes {
				n.Tick()
			}
			c.round(0, nil)
		}
	})
}
