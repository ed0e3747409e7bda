package ours

import (
	"testing"

	"github.com/ffd200af/raft"

	"github.com/ffd200af/raft/interop/bench/measure"
)

// entrySize is the size of an entry's data in bytes.
const entrySize = 128

// steady returns the workloads that repeat one thing.
func steady() []measure.Workload {
	return []measure.Workload{
		replication("1 node, 1 entry a round", 1, 1, false),
		replication("3 nodes, 1 entry a round", 3, 1, false),
		replication("3 nodes, 64 entries a round", 3, 64, false),
		replication("5 nodes, 64 entries a round", 5, 64, false),
		replication("7 nodes, 64 entries a round", 7, 64, false),
		replication("1 node, 1 entry a round, Ready after each call", 1, 1, true),
		replication("3 nodes, 1 entry a round, Ready after each call", 3, 1, true),
		replication("3 nodes, 64 entries a round, Ready after each call", 3, 64, true),
		heartbeats("3 nodes, tick with heartbeats", false),
		heartbeats("3 nodes, tick with heartbeats, Ready after each call", true),
		followerTick(),
		reads(),
	}
}

func replication(name string, nodes, entries int, oneByOne bool) measure.Workload {
	run := func(b *testing.B) {
		c := newCluster(b, nodes, nil)
		c.oneByOne = oneByOne
		data := make([]byte, entrySize)
		for range 200 {
			c.round(entries, data)
		}
		before := c.nodes[0].applied
		b.ReportAllocs()
		for b.Loop() {
			c.round(entries, data)
		}
		c.check(before + uint64(b.N*entries))
	}
	return measure.Workload{Name: name, Unit: "entry", PerOp: entries, Run: run}
}

func heartbeats(name string, oneByOne bool) measure.Workload {
	run := func(b *testing.B) {
		c := newCluster(b, 3, nil)
		c.oneByOne = oneByOne
		before := c.nodes[0].sent
		b.ReportAllocs()
		for b.Loop() {
			for _, n := range c.nodes {
				n.Tick()
				if oneByOne {
					c.work(n)
				}
			}
			c.settle()
		}
		if sent := c.nodes[0].sent - before; sent < 2*b.N {
			b.Fatalf("%d heartbeats in %d ticks", sent, b.N)
		}
	}
	return measure.Workload{Name: name, Unit: "tick of all", PerOp: 1, Run: run}
}

func followerTick() measure.Workload {
	// A sign of the leader now and then keeps the follower one.
	const perSign = 10_000
	run := func(b *testing.B) {
		c := newCluster(b, 3, func(cfg *raft.Config) { cfg.ElectionTick = 2 * perSign })
		follower := c.nodes[1]
		b.ReportAllocs()
		for b.Loop() {
			for range perSign {
				follower.Tick()
			}
			if follower.HasReady() {
				b.Fatal("the follower has something to do")
			}
			c.nodes[0].Tick()
			c.settle()
		}
	}
	return measure.Workload{Name: "tick of a follower", Unit: "tick", PerOp: perSign, Run: run}
}

func reads() measure.Workload {
	const perRound = 64
	run := func(b *testing.B) {
		c := newCluster(b, 3, nil)
		// A program that matches answers to requests gives every request bytes of its own.
		var contexts [perRound][]byte
		for i := range contexts {
			contexts[i] = []byte{'r', 'e', 'a', 'd', 0, 0, 0, byte(i)}
		}
		before := c.nodes[0].reads
		b.ReportAllocs()
		for b.Loop() {
			for _, ctx := range contexts {
				c.nodes[0].ReadIndex(ctx)
			}
			c.settle()
		}
		if got := c.nodes[0].reads - before; got != perRound*b.N {
			b.Fatalf("%d reads answered, want %d", got, perRound*b.N)
		}
	}
	return measure.Workload{Name: "linearizable reads, 64 a round", Unit: "read", PerOp: perRound, Run: run}
}
