package main

import (
	"fmt"
	"log"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/ffd200af/raft/interop/manygroups/byhand/etcd"
	"github.com/ffd200af/raft/interop/manygroups/byhand/ours"
	"github.com/ffd200af/raft/interop/manygroups/writes"
)

// drivers are what clients write to.
var drivers = []struct {
	name  string
	start writes.Start
}{
	{"examples/shards", writes.Shards},
	{"nodes by hand", func(o writes.Options) (writes.Store, error) {
		return ours.Start(o.ID, o.Dir, o.Listener, o.Peers, o.Groups)
	}},
	{"etcd/raft v3.6.0", func(o writes.Options) (writes.Store, error) {
		return etcd.Start(o.ID, o.Dir, o.Listener, o.Peers, o.Groups)
	}},
}

// writesAll lets clients write to all drivers in turns. rows are numbers of groups and of clients.
func writesAll(rows string, turns int, length time.Duration) {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.NumCPU() + 3) // as examples/shards does
	}
	for _, row := range strings.Split(rows, ",") {
		var groups uint64
		var clients int
		if _, err := fmt.Sscanf(row, "%dx%d", &groups, &clients); err != nil {
			log.Fatalf("-rows: %q: %v", row, err)
		}
		results := make([][]writes.Result, len(drivers))
		for range turns {
			for i, d := range drivers {
				r, err := writes.Run(d.start, groups, clients, length)
				if err != nil {
					log.Fatalf("%s: %v", d.name, err)
				}
				results[i] = append(results[i], r)
				runtime.GC()
			}
		}
		for i, d := range drivers {
			fmt.Printf("writes: %4d groups, %4d clients, %-16s  %s\n", groups, clients, d.name, middle(results[i]))
		}
	}
}

// middle describes the medians of some turns, and the range of writes.
func middle(turns []writes.Result) string {
	of := func(f func(writes.Result) float64) (low, mid, high float64) {
		var all []float64
		for _, t := range turns {
			all = append(all, f(t))
		}
		slices.Sort(all)
		return all[0], all[len(all)/2], all[len(all)-1]
	}
	low, rate, high := of(func(r writes.Result) float64 { return r.Writes })
	_, cpu, _ := of(func(r writes.Result) float64 { return r.CPU.Seconds() * 1e6 })
	_, p50, _ := of(func(r writes.Result) float64 { return r.P50.Seconds() * 1e3 })
	_, p99, _ := of(func(r writes.Result) float64 { return r.P99.Seconds() * 1e3 })
	return fmt.Sprintf("%7.0f writes/s (%.0f-%.0f), %5.1f us of CPU each, p50 %.1f ms, p99 %.1f ms", rate, low, high, cpu, p50, p99)
}
