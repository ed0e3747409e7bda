// Code generated from package ours by go generate. DO NOT EDIT.

package etcd

import (
	"runtime"
	"testing"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/ffd200af/raft/interop/bench/measure"
)

const groups = 10_000

// idle returns the workloads of many groups in one process that have nothing to do.
func idle() []measure.Workload {
	return []measure.Workload{
		{Name: "memory of an idle replica of 3", Unit: "replica", PerOp: groups, Turns: 1, Run: memory},
		{Name: "10,000 idle groups of 3, tick of all", Unit: "group", PerOp: groups, Turns: 20, Run: idleGroups},
	}
}

// memory builds replicas that have heard from nobody, and reports what they hold.
func memory(b *testing.B) {
	replicas := make([]*raft.RawNode, groups)
	defer runtime.KeepAlive(replicas)
	before := heap()
	b.ReportAllocs()
	for range b.N {
		for i := range replicas {
			storage := raft.NewMemoryStorage()
			cs := pb.ConfState{Voters: []uint64{1, 2, 3}}
			snapshot := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: cs}}
			if err := storage.ApplySnapshot(snapshot); err != nil {
				b.Fatal(err)
			}
			rn, err := raft.NewRawNode(config(2, storage))
			if err != nil {
				b.Fatal(err)
			}
			replicas[i] = rn
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(heap()-before)/groups, "bytes-held")
}

func idleGroups(b *testing.B) {
	before := heap()
	all := make([]*cluster, groups)
	for i := range all {
		all[i] = newCluster(b, 3, nil)
	}
	held := float64(heap()-before) / groups
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for _, c := range all {
			for _, n := range c.nodes {
				n.Tick()
			}
			c.settle()
		}
	}
	b.StopTimer()
	b.ReportMetric(held, "bytes-held")
	runtime.KeepAlive(all)
}

// heap returns the bytes in use after everything unused is collected.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
