package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/ffd200af/raft/interop/bench/measure"
)

// row is one workload and what it costs.
type row struct {
	workload measure.Workload
	etcd     measure.Cost
	ours     measure.Cost
	reuse    measure.Cost // with Config.ReuseMemory
}

// held is the unit of the rows that measure memory: they are compared by it and not by time.
const held = "bytes-held"

// measuresMemory: the row is about what is held, and how long it took to build it does not matter.
func (r *row) measuresMemory() bool {
	_, ok := r.ours.Extra[held]
	return ok && r.workload.Unit == "replica"
}

// ratio is how many times less this library takes.
func (r *row) ratio() float64 { return r.ratioTo(r.ours) }

// reuseRatio is ratio with Config.ReuseMemory.
func (r *row) reuseRatio() float64 { return r.ratioTo(r.reuse) }

func (r *row) ratioTo(c measure.Cost) float64 {
	if r.measuresMemory() {
		return r.etcd.Extra[held] / c.Extra[held]
	}
	return r.etcd.Nanoseconds / c.Nanoseconds
}

// cost is the figure that the ratio compares.
func (r *row) cost(c measure.Cost) string {
	if r.measuresMemory() {
		return fmt.Sprintf("%.0f B", c.Extra[held])
	}
	return duration(c.Nanoseconds)
}

func duration(ns float64) string {
	switch {
	case ns < 100:
		return fmt.Sprintf("%.1f ns", ns)
	case ns < 10_000:
		return fmt.Sprintf("%.0f ns", ns)
	}
	return fmt.Sprintf("%.1f µs", ns/1000)
}

// count writes a number of allocations; what is amortised over thousands of operations is none.
func count(n float64) string {
	switch {
	case n < 0.005:
		return "0"
	case n < 10:
		return fmt.Sprintf("%.2f", n)
	}
	return fmt.Sprintf("%.0f", n)
}

func (r *row) text() string {
	line := fmt.Sprintf("%-52s %-12s %10s %10s %5.1fx %10s %5.1fx  allocs %6s %6s %6s", r.workload.Name, "/"+r.workload.Unit,
		r.cost(r.etcd), r.cost(r.ours), r.ratio(), r.cost(r.reuse), r.reuseRatio(),
		count(r.etcd.Allocs), count(r.ours.Allocs), count(r.reuse.Allocs))
	if extra := r.extra(); extra != "" {
		line += "  " + extra
	}
	return line
}

// extra is what a workload reports besides its cost.
func (r *row) extra() string {
	if n, ok := r.ours.Extra["leader-messages"]; ok {
		return fmt.Sprintf("messages of the leader: %.0f, %.0f", r.etcd.Extra["leader-messages"], n)
	}
	if n, ok := r.ours.Extra[held]; ok && !r.measuresMemory() {
		return fmt.Sprintf("bytes held: %.0f, %.0f", r.etcd.Extra[held], n)
	}
	return ""
}

// markdown is the table as a page.
func markdown(rows []row) string {
	var b strings.Builder
	b.WriteString("# Beside etcd/raft\n\n")
	b.WriteString("Both libraries ran in one process, in turns, with the same driver. Each figure is the fastest of\n")
	b.WriteString("several runs. The driver delivers messages by a call, and stores in each library's own\n")
	b.WriteString("`MemoryStorage`. Entries have 128 bytes. This command takes some minutes and measures again:\n\n")
	b.WriteString("```\ngo run ./interop/bench\n```\n\n")
	b.WriteString("Times differ between machines, and by a tenth between runs: compare the ratios. A ratio below 1\n")
	b.WriteString("means that this library is slower. The columns `reuse` are with `Config.ReuseMemory`, an option\n")
	b.WriteString("that v3.6 does not have. The other columns and the picture are without it.\n\n")
	b.WriteString("![how many times less time than etcd/raft](benchmarks.svg)\n\n")
	b.WriteString("| work | unit | etcd/raft v3.6.0 | here | ratio | reuse | ratio | allocations | here | reuse | |\n")
	b.WriteString("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|\n")
	for i := range rows {
		r := &rows[i]
		fmt.Fprintf(&b, "| %s | %s | %s | %s | **%.1f** | %s | **%.1f** | %s | %s | %s | %s |\n", r.workload.Name, r.workload.Unit,
			r.cost(r.etcd), r.cost(r.ours), r.ratio(), r.cost(r.reuse), r.reuseRatio(),
			count(r.etcd.Allocs), count(r.ours.Allocs), count(r.reuse.Allocs), r.extra())
	}
	fmt.Fprintf(&b, "\n%s, %s/%s, %d processors.\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	return b.String()
}
