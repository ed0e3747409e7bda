package sim

import (
	"errors"
	"flag"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var (
	seeds  = flag.Int("seeds", 40, "how many seeds TestSeeds runs")
	length = flag.Duration("length", 0, "how long TestSeeds runs, however many seeds that are; 0 leaves it to -seeds")
	from   = flag.Uint64("from", 1, "the first seed of TestSeeds")
	boots  = flag.Bool("bootstrap", false, "whether the clusters of TestSeeds begin with Bootstrap")
	steps  = flag.Int("steps", 0, "events of each run, 0 for the default")
	script = flag.String("script", "", "file to which TestSeeds writes a script of the first failure, made small; relative to this package")
)

// TestSeeds runs seeds, as many at a time as there are processors:
//
//	go test ./rafttest/sim -run TestSeeds -seeds 1000 -from 1 -script "$PWD/failure.txt"
//	go test ./rafttest/sim -run TestSeeds -length 10m -timeout 0 -bootstrap
func TestSeeds(t *testing.T) {
	var (
		mu      sync.Mutex
		all     Stats
		failed  error
		failing uint64
		workers sync.WaitGroup
		next    atomic.Uint64
		runs    atomic.Uint64
		stop    atomic.Bool
	)
	begin := time.Now()
	done := func(seed uint64) bool {
		if *length > 0 {
			return time.Since(begin) >= *length
		}
		return seed >= *from+uint64(*seeds)
	}
	config := func(seed uint64) Config { return Config{Seed: seed, Steps: *steps, Bootstrap: *boots} }
	work := func() {
		for !stop.Load() {
			seed := *from + next.Add(1) - 1
			if done(seed) {
				return
			}
			runs.Add(1)
			res, err := Run(config(seed))
			mu.Lock()
			all.add(&res.Stats)
			if err != nil {
				stop.Store(true) // those before it are under way
				if failed == nil || seed < failing {
					failed, failing = err, seed
				}
			}
			mu.Unlock()
		}
	}
	for range runtime.GOMAXPROCS(0) {
		workers.Add(1)
		go func() {
			defer workers.Done()
			work()
		}()
	}
	workers.Wait()
	if failed != nil {
		fail(t, config(failing), failed)
	}
	t.Logf("%d seeds, %.0f events a second on %s: %s", runs.Load(), float64(all.Events)/time.Since(begin).Seconds(), runtime.GOARCH, &all)
}

// fail tells a failure, and writes its script.
func fail(t *testing.T, cfg Config, err error) {
	t.Helper()
	var f *Failure
	if !errors.As(err, &f) {
		t.Fatal(err)
	}
	if *script != "" {
		small, err := Shrink(cfg)
		if err != nil {
			t.Error(err)
		} else if err := os.WriteFile(*script, []byte(small.Script), 0o644); err != nil {
			t.Error(err)
		} else {
			t.Logf("%d of %d actions are left: %s", small.Actions, small.Of, small.Failure.Story())
		}
	}
	t.Fatalf("\n%s", f.Story())
}
