// Code generated from package ours by go generate. DO NOT EDIT.

// Package etcd drives etcd/raft through the workloads of the benchmarks.
// It is the text of package ours with etcd/raft's import path: what is measured differs in the
// library and in nothing else.
package etcd

import (
	"testing"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/ffd200af/raft/interop/bench/measure"
)

// compactEvery is how many entries a node applies before its storage drops them, so that a long run
// measures replication and not a growing heap.
const compactEvery = 10_000

// silent is a Logger that says nothing.
type silent struct{}

func (silent) Debug(...any)            {}
func (silent) Debugf(string, ...any)   {}
func (silent) Error(...any)            {}
func (silent) Errorf(string, ...any)   {}
func (silent) Info(...any)             {}
func (silent) Infof(string, ...any)    {}
func (silent) Warning(...any)          {}
func (silent) Warningf(string, ...any) {}
func (silent) Fatal(v ...any)          { panic(v) }
func (silent) Fatalf(f string, v ...any) {
	panic(v)
}
func (silent) Panic(v ...any)            { panic(v) }
func (silent) Panicf(f string, v ...any) { panic(v) }

type node struct {
	*raft.RawNode
	storage   *raft.MemoryStorage
	applied   uint64
	compacted uint64
	async     bool
	keepsLog  bool // somebody may need all of it
	reads     int
	sent      int
}

// cluster is a group of nodes in one process; a message is delivered by a call.
type cluster struct {
	tb    testing.TB
	nodes []*node
	// oneByOne: as programs for v3.6 do, it looks for a Ready after each call and each message.
	oneByOne bool
	inbox    queue // messages on their way, with oneByOne
	// lag is how many writes node 1 has under way. Only asynchronous nodes can have some.
	lag  int
	disk queue // these writes
}

// queue is a queue of messages.
type queue struct {
	messages []pb.Message
	taken    int
}

func (q *queue) len() int         { return len(q.messages) - q.taken }
func (q *queue) put(m pb.Message) { q.messages = append(q.messages, m) }

func (q *queue) take() pb.Message {
	if q.taken > len(q.messages)/2 {
		q.messages = append(q.messages[:0], q.messages[q.taken:]...)
		q.taken = 0
	}
	m := q.messages[q.taken]
	q.messages[q.taken] = pb.Message{}
	q.taken++
	return m
}

func config(id uint64, storage *raft.MemoryStorage) *raft.Config {
	c := &raft.Config{
		ID:              id,
		ElectionTick:    10,
		HeartbeatTick:   1,
		Storage:         storage,
		MaxSizePerMsg:   1 << 20,
		MaxInflightMsgs: 256,
		Logger:          silent{},
	}
	measure.Configure(c)
	return c
}

// newCluster returns n nodes of which node 1 leads.
func newCluster(tb testing.TB, n int, set func(*raft.Config)) *cluster {
	c := startCluster(tb, n, set)
	c.must(c.nodes[0].Campaign())
	c.settle()
	return c
}

// startCluster returns n nodes that have heard nothing.
func startCluster(tb testing.TB, n int, set func(*raft.Config)) *cluster {
	c := &cluster{tb: tb}
	var cs pb.ConfState
	for id := range n {
		cs.Voters = append(cs.Voters, uint64(id+1))
	}
	for id := range n {
		storage := raft.NewMemoryStorage()
		snapshot := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: cs}}
		c.must(storage.ApplySnapshot(snapshot))
		cfg := config(uint64(id+1), storage)
		if set != nil {
			set(cfg)
		}
		c.add(cfg, storage)
	}
	return c
}

func (c *cluster) add(cfg *raft.Config, storage *raft.MemoryStorage) {
	rn, err := raft.NewRawNode(cfg)
	c.must(err)
	applied, err := storage.FirstIndex()
	c.must(err)
	c.nodes = append(c.nodes, &node{RawNode: rn, storage: storage, async: cfg.AsyncStorageWrites,
		applied: applied - 1, compacted: applied - 1})
}

func (c *cluster) must(err error) {
	if err != nil {
		c.tb.Fatal(err)
	}
}

// settle works until no node has anything to do.
func (c *cluster) settle() {
	if c.oneByOne {
		for _, n := range c.nodes {
			c.work(n)
		}
		for c.inbox.len() > 0 {
			c.receive(c.inbox.take())
		}
		return
	}
	for busy := true; busy; {
		busy = false
		for _, n := range c.nodes {
			if n.HasReady() {
				busy = true
				c.process(n)
			}
		}
	}
}

// work processes what a node has to do.
func (c *cluster) work(n *node) {
	for n.HasReady() {
		c.process(n)
	}
}

// receive hands one message to its node, or answers for a member that is no node.
func (c *cluster) receive(m pb.Message) {
	if m.To > uint64(len(c.nodes)) {
		if answer, ok := answerTo(m); ok {
			c.inbox.put(answer)
		}
		return
	}
	n := c.nodes[m.To-1]
	c.must(n.Step(m))
	c.work(n)
}

// process does what one Ready asks for: store, send, apply.
func (c *cluster) process(n *node) {
	rd := n.Ready()
	n.sent += len(rd.Messages)
	n.reads += len(rd.ReadStates)
	if n.async {
		c.deliverAll(n, rd.Messages)
		return
	}
	if !raft.IsEmptySnap(rd.Snapshot) {
		c.must(n.storage.ApplySnapshot(rd.Snapshot))
		n.applied = rd.Snapshot.Metadata.Index
		n.compacted = n.applied
	}
	if len(rd.Entries) > 0 {
		c.must(n.storage.Append(rd.Entries))
	}
	if !raft.IsEmptyHardState(rd.HardState) {
		c.must(n.storage.SetHardState(rd.HardState))
	}
	for i := range rd.Messages {
		c.send(rd.Messages[i])
	}
	n.apply(c, rd.CommittedEntries)
	n.Advance(rd)
}

func (c *cluster) send(m pb.Message) {
	if c.oneByOne {
		c.inbox.put(m)
		return
	}
	c.must(c.nodes[m.To-1].Step(m))
}

func (n *node) apply(c *cluster, entries []pb.Entry) {
	if len(entries) == 0 {
		return
	}
	n.applied = entries[len(entries)-1].Index
	if !n.keepsLog && n.applied-n.compacted >= compactEvery {
		n.compacted = n.applied
		c.must(n.storage.Compact(n.applied))
	}
}

// round proposes n entries at node 1 and works until every node has applied them.
func (c *cluster) round(n int, data []byte) {
	for range n {
		c.must(c.nodes[0].Propose(data))
		if c.oneByOne {
			c.work(c.nodes[0])
		}
	}
	c.settle()
}

// check fails the benchmark where a node has not applied what node 1 has.
func (c *cluster) check(want uint64) {
	for i, n := range c.nodes {
		if n.applied != want {
			c.tb.Fatalf("node %d has applied %d, want %d", i+1, n.applied, want)
		}
	}
}
