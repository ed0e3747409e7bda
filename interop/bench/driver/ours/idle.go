package ours

import (
	"runtime"
	"testing"

	"github.com/ffd200af/raft"

	"github.com/ffd200af/raft/interop/bench/measure"
)

const groups = 10_000

// idle returns the workloads of many groups in one process that have nothing to do.
func idle() []measure.Workload {
	return []measure.Workload{
		{Name: "memory of a new replica of 3", Unit: "replica", PerOp: 3 * groups, Turns: 1, Run: memory(nil)},
		{Name: "memory of an idle replica of 3, leader elected", Unit: "replica", PerOp: 3 * groups, Turns: 1, Run: memory(elect)},
		{Name: "memory of an idle replica of 3, after traffic", Unit: "replica", PerOp: 3 * groups, Turns: 1, Run: memory(traffic)},
		{Name: "10,000 idle groups of 3, tick of all", Unit: "group", PerOp: groups, Turns: 20, Run: idleGroups},
	}
}

// memory builds groups, has each do something, and reports what a replica holds, with its storage.
func memory(do func(*cluster)) func(b *testing.B) {
	return func(b *testing.B) {
		n := measure.Size(groups)
		replicas := make([]*raft.RawNode, 0, 3*n)
		before := heap()
		b.ReportAllocs()
		for range n {
			c := startCluster(b, 3, nil)
			if do != nil {
				do(c)
			}
			for _, node := range c.nodes {
				replicas = append(replicas, node.RawNode)
			}
		}
		b.StopTimer()
		b.ReportMetric(float64(heap()-before)/float64(len(replicas)), "bytes-held")
		runtime.KeepAlive(replicas)
	}
}

// elect elects a leader and lets some heartbeats pass.
func elect(c *cluster) {
	c.must(c.nodes[0].Campaign())
	c.settle()
	c.idle()
}

// traffic writes something, and compacts it.
func traffic(c *cluster) {
	elect(c)
	data := make([]byte, entrySize)
	for range 10 {
		c.round(10, data)
	}
	for _, n := range c.nodes {
		c.must(n.storage.Compact(n.applied))
	}
	c.idle()
}

func (c *cluster) idle() {
	for range 5 {
		for _, n := range c.nodes {
			n.Tick()
		}
		c.settle()
	}
}

func idleGroups(b *testing.B) {
	before := heap()
	n := measure.Size(groups)
	all := make([]*cluster, n)
	for i := range all {
		all[i] = newCluster(b, 3, nil)
	}
	held := float64(heap()-before) / float64(n)
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
