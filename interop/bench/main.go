// Command bench measures this library and etcd/raft v3.6 side by side, with the same driver in one
// process. It prints each row when it is measured, and writes a table and a picture:
//
//	go run ./interop/bench   # some minutes; writes docs/benchmarks.md and docs/benchmarks.svg
//	go run ./interop/bench -only reads -out ''
//
// This library runs with the Config of a program for v3.6, and with Config.ReuseMemory.
//
// Each row is run several times, in turns. The fastest run of each side counts, because something
// else disturbed the slower ones. Times depend on the machine: compare the ratios.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/ffd200af/raft/interop/bench/driver/etcd"
	"github.com/ffd200af/raft/interop/bench/driver/ours"
	"github.com/ffd200af/raft/interop/bench/measure"
)

func main() {
	testing.Init() // the flags of package testing, which runs the workloads
	only := flag.String("only", "", "measure only rows whose name matches this `regexp`")
	out := flag.String("out", "docs", "write benchmarks.md and benchmarks.svg to this `folder`; empty writes none")
	length := flag.Duration("length", 100*time.Millisecond, "length of a run")
	runs := flag.Int("runs", 15, "`runs` of each row for each library; a third of them where a run takes long")
	flag.Parse()
	if err := bench(*only, *out, *length, *runs); err != nil {
		log.Fatal(err)
	}
}

func bench(only, out string, length time.Duration, runs int) error {
	wanted, err := regexp.Compile(only)
	if err != nil {
		return fmt.Errorf("-only: %w", err)
	}
	var rows []row
	theirs := etcd.Workloads()
	for i, w := range ours.Workloads() {
		if !wanted.MatchString(w.Name) {
			continue
		}
		r := row{workload: w}
		sides := []side{{&r.etcd, theirs[i], false}, {&r.ours, w, false}, {&r.reuse, w, true}}
		turns := runs
		if w.Turns > 0 {
			turns = (runs + 2) / 3
		}
		for range turns {
			for _, s := range sides {
				if err := s.measure(length); err != nil {
					return err
				}
			}
			slices.Reverse(sides) // whoever comes later finds the others' heap
		}
		fmt.Println(r.text())
		rows = append(rows, r)
	}
	if out == "" {
		return nil
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return fmt.Errorf("folder for the results: %w", err)
	}
	for name, text := range map[string]string{"benchmarks.md": markdown(rows), "benchmarks.svg": chart(rows)} {
		if err := os.WriteFile(filepath.Join(out, name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("results: %w", err)
		}
	}
	return nil
}

// side is one library's part of a row.
type side struct {
	fastest  *measure.Cost
	workload measure.Workload
	reuse    bool // with Config.ReuseMemory
}

// measure runs the workload once more, and keeps the cost if it is the lowest.
func (s side) measure(length time.Duration) error {
	runtime.GC()
	cost, err := measure.Once(s.workload, length, s.reuse)
	if err != nil {
		return err
	}
	if s.fastest.Nanoseconds == 0 || cost.Nanoseconds < s.fastest.Nanoseconds {
		*s.fastest = cost
	}
	return nil
}
