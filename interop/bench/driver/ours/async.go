package ours

import (
	"runtime"
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"

	"github.com/ffd200af/raft/interop/bench/measure"
)

// asynchronousWrites returns the workloads with asynchronous storage writes.
func asynchronousWrites() []measure.Workload {
	return []measure.Workload{
		asynchronous("3 nodes, 1 entry a round, asynchronous storage", 3, 1),
		asynchronous("3 nodes, 64 entries a round, asynchronous storage", 3, 64),
		slowDisk("3 nodes, 100 writes of the leader under way", 100),
		slowDisk("3 nodes, 1,000 writes of the leader under way", 1000),
		slowDisk("3 nodes, 10,000 writes of the leader under way", 10_000),
		slowDisk("3 nodes, 50,000 writes of the leader under way", 50_000),
		{Name: "append of 1 MiB, 64 of them under way", Unit: "append", PerOp: 1, Turns: 500, Run: bigAppends},
	}
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

// slowDisk has a leader with depth writes under way. In a step it proposes, and its oldest write
// ends.
func slowDisk(name string, depth int) measure.Workload {
	run := func(b *testing.B) {
		c := newCluster(b, 3, func(cfg *raft.Config) { cfg.AsyncStorageWrites = true })
		c.lag = measure.Size(depth)
		c.nodes[0].keepsLog = true // its storage is behind what it applies
		data := make([]byte, entrySize)
		for range c.lag {
			c.round(1, data)
		}
		before := c.nodes[1].applied // the leader applies what it has stored
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			c.round(1, data)
		}
		b.StopTimer()
		if got := c.nodes[1].applied - before; got != uint64(b.N) || c.disk.len() != c.lag {
			b.Fatalf("%d of %d entries applied, %d writes under way", got, b.N, c.disk.len())
		}
	}
	return measure.Workload{Name: name, Unit: "entry", PerOp: 1, Turns: 2000, Run: run}
}

// write leaves a write to the disk of node 1, which ends the oldest if it has too many.
func (c *cluster) write(n *node, m *pb.Message) {
	late := *m
	late.Responses = append([]pb.Message(nil), m.Responses...)
	c.disk.put(late)
	for c.disk.len() > c.lag {
		oldest := c.disk.take()
		c.store(n, &oldest)
	}
}

// store does what a message to the storage asks for, and delivers the answers.
func (c *cluster) store(n *node, m *pb.Message) {
	if m.Snapshot != nil {
		c.must(n.storage.ApplySnapshot(*m.Snapshot))
	}
	c.must(n.storage.Append(m.Entries))
	if hs := (pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}); !raft.IsEmptyHardState(hs) {
		c.must(n.storage.SetHardState(hs))
	}
	c.deliverAll(n, m.Responses)
}

func (c *cluster) deliverAll(n *node, messages []pb.Message) {
	for i := range messages {
		c.deliver(n, &messages[i])
	}
}

// deliver hands a message of an asynchronous node to whom it is for: another node, or the storage,
// which does at once what it asks for and answers.
func (c *cluster) deliver(n *node, m *pb.Message) {
	switch m.To {
	case raft.LocalAppendThread:
		if c.lag > 0 && n == c.nodes[0] {
			c.write(n, m)
		} else {
			c.store(n, m)
		}
	case raft.LocalApplyThread:
		n.apply(c, m.Entries)
		c.deliverAll(n, m.Responses)
	default:
		c.send(*m)
	}
}

// bigAppends has a follower that is sent large appends faster than it can store them.
func bigAppends(b *testing.B) {
	const entries, size, underWay = 1000, 1000, 64
	cs := pb.ConfState{Voters: []uint64{1, 2, 3}}
	storage := raft.NewMemoryStorage()
	c := &cluster{tb: b, lag: underWay, oneByOne: true}
	c.must(storage.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: cs}}))
	cfg := config(1, storage)
	cfg.AsyncStorageWrites = true
	c.add(cfg, storage)
	follower := c.nodes[0]
	follower.keepsLog = true // until it is compacted below
	next := uint64(2)
	receive := func() {
		m := pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 1, LogTerm: 1, Index: next - 1}
		for range entries {
			m.Entries = append(m.Entries, pb.Entry{Term: 1, Index: next, Data: make([]byte, size)})
			next++
		}
		m.Commit = m.Index
		c.inbox.put(m)
		c.settle()
	}
	before := heap()
	for range underWay {
		receive()
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		receive()
		if last, err := storage.LastIndex(); err == nil && last > 1 {
			c.must(storage.Compact(min(last, follower.applied)))
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(heap()-before), "bytes-held")
	runtime.KeepAlive(c)
}
