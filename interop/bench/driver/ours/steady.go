package ours

import (
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"

	"github.com/ffd200af/raft/interop/bench/measure"
)

// entrySize is the size of an entry's data in bytes.
const entrySize = 128

// steady returns the workloads that repeat one thing.
func steady() []measure.Workload {
	return []measure.Workload{
		replication("1 node, 1 entry a round", 1, 1),
		replication("3 nodes, 1 entry a round", 3, 1),
		replication("3 nodes, 64 entries a round", 3, 64),
		replication("5 nodes, 64 entries a round", 5, 64),
		replication("7 nodes, 64 entries a round", 7, 64),
		asynchronous("3 nodes, 1 entry a round, asynchronous storage", 3, 1),
		asynchronous("3 nodes, 64 entries a round, asynchronous storage", 3, 64),
		heartbeats(),
		followerTick(),
		reads(),
	}
}

func replication(name string, nodes, entries int) measure.Workload {
	run := func(b *testing.B) {
		c := newCluster(b, nodes, nil)
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

func heartbeats() measure.Workload {
	run := func(b *testing.B) {
		c := newCluster(b, 3, nil)
		before := c.nodes[0].sent
		b.ReportAllocs()
		for b.Loop() {
			for _, n := range c.nodes {
				n.Tick()
			}
			c.settle()
		}
		if sent := c.nodes[0].sent - before; sent < 2*b.N {
			b.Fatalf("%d heartbeats in %d ticks", sent, b.N)
		}
	}
	return measure.Workload{Name: "3 nodes, tick with heartbeats", Unit: "tick of all", PerOp: 1, Run: run}
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

func asynchronous(name string, nodes, entries int) measure.Workload {
	run := func(b *testing.B) {
		c := newCluster(b, nodes, func(cfg *raft.Config) { cfg.AsyncStorageWrites = true })
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

// deliver hands a message of an asynchronous node to whom it is for: another node, or the storage, which does at
// once what it asks for and answers.
func (c *cluster) deliver(n *node, m *pb.Message) {
	switch m.To {
	case raft.LocalAppendThread:
		if m.Snapshot != nil {
			c.must(n.storage.ApplySnapshot(*m.Snapshot))
		}
		c.must(n.storage.Append(m.Entries))
		if hs := (pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}); !raft.IsEmptyHardState(hs) {
			c.must(n.storage.SetHardState(hs))
		}
	case raft.LocalApplyThread:
		n.apply(c, m.Entries)
	default:
		c.must(c.nodes[m.To-1].Step(*m))
	}
	for i := range m.Responses {
		c.deliver(n, &m.Responses[i])
	}
}
