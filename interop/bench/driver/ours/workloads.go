package ours

import "github.com/ffd200af/raft/interop/bench/measure"

// Workloads returns the rows of the table, in its order.
func Workloads() []measure.Workload {
	var all []measure.Workload
	for _, part := range [][]measure.Workload{steady(), asynchronousWrites(), manyMembers(), codec(), backlogs(), concurrent(), idle()} {
		all = append(all, part...)
	}
	return all
}
