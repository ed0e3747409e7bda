package raft

import (
	"runtime"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// laggingDisk is a leader with asynchronous storage writes that has many writes under way. Its
// followers are fast.
type laggingDisk struct {
	c    *testCluster
	n    *testNode
	acks []pb.Message
	data []byte
}

func newLaggingDisk(t *testing.T, depth int, tune func(*Config)) *laggingDisk {
	c := newTestCluster(t, 1, func(cfg *Config) {
		cfg.AsyncStorageWrites, cfg.MaxUncommittedEntriesSize = true, 0
		if tune != nil {
			tune(cfg)
		}
	})
	if err := c.node(1).Campaign(); err != nil {
		t.Fatal(err)
	}
	l := &laggingDisk{c: c, n: c.node(1), data: make([]byte, 128), acks: make([]pb.Message, 0, 4*(depth+5000))}
	for l.n.HasReady() {
		l.handOut()
		l.acknowledge()
	}
	c.wantRole(1, StateLeader, 2)
	for range depth {
		l.propose()
	}
	return l
}

// propose adds a write that is under way.
func (l *laggingDisk) propose() {
	if err := l.n.Propose(l.data); err != nil {
		l.c.tb.Fatal(err)
	}
	l.handOut()
}

// handOut begins the writes that are due.
func (l *laggingDisk) handOut() {
	rd := l.n.Ready()
	for i := range rd.Messages {
		m := &rd.Messages[i]
		switch m.Type {
		case pb.MsgStorageAppend:
			if err := l.n.storage.Append(m.Entries); err != nil {
				l.c.tb.Fatal(err)
			}
			l.acks = append(l.acks, m.Responses...)
		case pb.MsgStorageApply:
			for _, r := range m.Responses {
				if err := l.n.Step(r); err != nil {
					l.c.tb.Fatal(err)
				}
			}
		}
	}
}

// acknowledge ends the oldest write.
func (l *laggingDisk) acknowledge() {
	for len(l.acks) > 0 {
		m := l.acks[0]
		l.acks = l.acks[1:]
		if err := l.n.Step(m); err != nil {
			l.c.tb.Fatal(err)
		}
		if m.Type == pb.MsgStorageAppendResp {
			return
		}
	}
}

// allocated is the number of bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestAStepOfALaggingDiskCostsTheSameAtEveryDepth(t *testing.T) {
	for _, depth := range []int{10, 1000, 50_000} {
		for reuse, limit := range map[bool]uint64{false: 1 << 10, true: 256} {
			l := newLaggingDisk(t, depth, func(cfg *Config) { cfg.ReuseMemory = reuse })
			const steps = 2000
			bytes := allocated(func() {
				for range steps {
					l.acknowledge()
					l.propose()
				}
			})
			if bytes/steps > limit {
				t.Errorf("depth %d, reuse %t: %d bytes a step", depth, reuse, bytes/steps)
			}
		}
	}
}

func TestTheCacheOfALaggingDiskStaysWithinItsLimit(t *testing.T) {
	const depth, limit = 4000, 1 << 20
	l := newLaggingDisk(t, depth, func(cfg *Config) { cfg.MaxCachedEntriesSize = limit })
	log := &l.n.raft.log
	underWay := func() uint64 { return uint64(depth) * (128 + raftlog.EntryBytes) }
	for range 20_000 {
		l.acknowledge()
		l.propose()
		if held := log.HeldBytes(); held > max(limit, underWay())+2*raftlog.LargestChunkBytes {
			t.Fatalf("%d bytes are in memory, %d of them are not durable", held, underWay())
		}
	}
	for len(l.acks) > 0 {
		l.acknowledge()
	}
	if held := log.HeldBytes(); held > limit+raftlog.LargestChunkBytes || held < limit/2 {
		t.Errorf("%d bytes are in memory", held)
	}
}

// A follower receives large appends faster than its disk writes them.
func TestAppendsInFlightToALaggingDiskAreCopiedOnce(t *testing.T) {
	const inFlight, perAppend, rounds = 64, 2048, 200
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.AsyncStorageWrites, cfg.ReuseMemory = true, true })
	n, data := c.node(1), make([]byte, 512)
	var acks []pb.Message
	last := uint64(1)
	step := func() {
		entries := make([]pb.Entry, perAppend)
		for i := range entries {
			entries[i] = pb.Entry{Term: 2, Index: last + uint64(i) + 1, Data: data}
		}
		prevTerm := uint64(2)
		if last == 1 {
			prevTerm = 1
		}
		noError(t, n.Step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: last, LogTerm: prevTerm, Commit: 1, Entries: entries}))
		last += perAppend
		for _, m := range n.Ready().Messages {
			if m.Type == pb.MsgStorageAppend {
				acks = append(acks, m.Responses...)
			}
		}
		for len(acks) > 2*inFlight {
			if acks[0].To == 1 {
				noError(t, n.Step(acks[0]))
			}
			acks = acks[1:]
		}
	}
	const entrySize = 64 // of the array of pb.Entry that holds it, rounded up
	if bytes := allocated(func() {
		for range rounds {
			step()
		}
	}); bytes > rounds*perAppend*entrySize*5/2 { // the sender's array, and the log's
		t.Errorf("%d bytes an entry", bytes/rounds/perAppend)
	}
	if held := n.raft.log.HeldBytes(); held > (inFlight+2)*perAppend*(512+raftlog.EntryBytes) {
		t.Errorf("%d bytes are in memory", held)
	}
}

// What a group has taken for traffic goes when it is idle.
func TestAnIdleGroupAfterTrafficTakesWhatAFreshOneTakes(t *testing.T) {
	const groups = 20
	for _, reuse := range []bool{false, true} {
		before := heapBytes()
		var clusters []*testCluster
		for range groups {
			c := newTestCluster(t, 3, func(cfg *Config) { cfg.ReuseMemory = reuse })
			c.elect(1)
			c.idle(3)
			clusters = append(clusters, c)
		}
		fresh := heapBytes()
		for _, c := range clusters {
			c.traffic(50, 20)
			c.idle(3)
		}
		after := heapBytes()
		if fresh, after := (fresh-before)/groups/3, (after-before)/groups/3; after > fresh {
			t.Errorf("reuse %t: %d bytes a replica, %d before the traffic", reuse, after, fresh)
		}
		runtime.KeepAlive(clusters)
	}
}

// traffic commits entries in rounds, and compacts the log.
func (c *testCluster) traffic(rounds, perRound int) {
	for range rounds {
		for range perRound {
			c.propose(1, "12345678901234567890123456789012345678901234567890")
		}
		c.settle()
	}
	for _, n := range c.nodes {
		n.applied = nil
		noError(c.tb, n.storage.Compact(n.raft.log.Applied()))
	}
}

// heapBytes is what is in use after a collection.
func heapBytes() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
