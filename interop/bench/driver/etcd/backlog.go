// Code generated from package ours by go generate. DO NOT EDIT.

package etcd

import (
	"testing"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/ffd200af/raft/interop/bench/measure"
)

const (
	backlog       = 1_000_000
	conflicts     = 100_000
	conflictTerms = 50
)

// backlogs returns the workloads in which a follower has a long way to go.
func backlogs() []measure.Workload {
	return []measure.Workload{
		{Name: "catch up a follower 1,000,000 entries behind", Unit: "entry", PerOp: backlog, Turns: 3, Run: catchUp},
		{Name: "repair 100,000 conflicting entries over 50 terms", Unit: "entry", PerOp: conflicts, Turns: 10, Run: repair},
	}
}

// log returns n entries after index 1 whose terms are those that term gives for the place.
func log(n int, term func(i int) uint64) []pb.Entry {
	entries := make([]pb.Entry, n)
	data := make([]byte, entrySize)
	for i := range entries {
		entries[i] = pb.Entry{Term: term(i), Index: uint64(i + 2), Data: data}
	}
	return entries
}

// withLogs returns three nodes that have these logs after index 1; node 1, which has the first,
// leads.
func withLogs(tb testing.TB, term uint64, logs ...[]pb.Entry) *cluster {
	c := &cluster{tb: tb}
	cs := pb.ConfState{Voters: []uint64{1, 2, 3}}
	for i, entries := range logs {
		storage := raft.NewMemoryStorage()
		snapshot := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: cs}}
		c.must(storage.ApplySnapshot(snapshot))
		c.must(storage.Append(entries))
		c.must(storage.SetHardState(pb.HardState{Term: term, Commit: 1}))
		c.add(config(uint64(i+1), storage), storage)
		c.nodes[i].keepsLog = true
	}
	return c
}

// catchUp has nodes 1 and 2 with a million entries and node 3 with none.
func catchUp(b *testing.B) {
	entries := log(measure.Size(backlog), func(int) uint64 { return 1 })
	b.ReportAllocs()
	for range b.N {
		b.StopTimer()
		c := withLogs(b, 1, entries, entries, nil)
		b.StartTimer()
		c.must(c.nodes[0].Campaign())
		c.settle()
		c.check(uint64(len(entries) + 2))
	}
}

// repair has node 3 with a log of as many entries as the others, all of them of other terms.
func repair(b *testing.B) {
	conflicts := measure.Size(conflicts)
	perTerm := conflicts / conflictTerms
	odd := log(conflicts, func(i int) uint64 { return uint64(3 + 2*(i/perTerm)) })
	even := log(conflicts, func(i int) uint64 { return uint64(2 + 2*(i/perTerm)) })
	sent := 0
	b.ReportAllocs()
	for range b.N {
		b.StopTimer()
		c := withLogs(b, 3+2*conflictTerms, odd, odd, even)
		b.StartTimer()
		c.must(c.nodes[0].Campaign())
		c.settle()
		c.check(uint64(conflicts + 2))
		sent += c.nodes[0].sent
	}
	b.ReportMetric(float64(sent)/float64(b.N), "leader-messages")
}
