// Package measure is what the two drivers of the benchmarks have in common: a workload, and how it
// is run.
package measure

import (
	"flag"
	"fmt"
	"reflect"
	"testing"
	"time"
)

// Workload is one row of the table: something that can be done with either library.
type Workload struct {
	Name string
	// Unit is what one operation is: "entry", "tick of the cluster", ...
	Unit string
	// PerOp is how many units one turn of the benchmark's loop does.
	PerOp int
	// Turns is how often the loop turns; 0 leaves it to the time that a run is to take. Work with a
	// long preparation has it.
	Turns int
	Run   func(*testing.B)
}

// Cost is what one unit of a workload took: the time in nanoseconds, the number of allocations and
// their bytes.
type Cost struct {
	Nanoseconds, Allocs, Bytes float64
	// Extra are figures that the workload reports itself, by their unit.
	Extra map[string]float64
}

// reuseMemory is what Configure sets. Runs follow one another.
var reuseMemory bool

// small is what Shrink sets.
var small bool

// Shrink makes later runs small: they show that a workload works, and not what it costs.
func Shrink() { small = true }

// Size returns n, the size of something in a workload, or a hundredth of it in a small run.
func Size(n int) int {
	if small {
		return max(n/100, 3)
	}
	return n
}

// Configure sets Config.ReuseMemory as the run wants it. config is a pointer to the Config of
// either library, of which one has no such field.
func Configure(config any) {
	if f := reflect.ValueOf(config).Elem().FieldByName("ReuseMemory"); f.IsValid() {
		f.SetBool(reuseMemory)
	}
}

// Once runs w for about d, with or without Config.ReuseMemory, and returns the cost of a unit.
func Once(w Workload, d time.Duration, reuse bool) (Cost, error) {
	reuseMemory = reuse
	turns := d.String()
	if w.Turns > 0 {
		turns = fmt.Sprintf("%dx", w.Turns)
	}
	if err := flag.Set("test.benchtime", turns); err != nil {
		return Cost{}, fmt.Errorf("set the length of the run: %w", err)
	}
	r := testing.Benchmark(w.Run)
	if r.N == 0 {
		return Cost{}, fmt.Errorf("workload %q failed", w.Name)
	}
	units := float64(r.N) * float64(w.PerOp)
	return Cost{
		Nanoseconds: float64(r.T.Nanoseconds()) / units,
		Allocs:      float64(r.MemAllocs) / units,
		Bytes:       float64(r.MemBytes) / units,
		Extra:       r.Extra,
	}, nil
}
