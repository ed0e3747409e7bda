package sim

import (
	"errors"
	"flag"
	"os"
	"runtime"
	"testing"
	"time"
)

var (
	seeds  = flag.Int("seeds", 40, "how many seeds TestSeeds runs")
	from   = flag.Uint64("from", 1, "the first seed of TestSeeds")
	steps  = flag.Int("steps", 0, "events of each run, 0 for the default")
	script = flag.String("script", "", "file to which TestSeeds writes a script of the first failure, made small")
)

// TestSeeds runs seeds one after the other:
//
//	go test ./rafttest/sim -run TestSeeds -seeds 1000 -from 1 -script failure.txt
func TestSeeds(t *testing.T) {
	var all Stats
	begin := time.Now()
	for seed := *from; seed < *from+uint64(*seeds); seed++ {
		cfg := Config{Seed: seed, Steps: *steps}
		res, err := Run(cfg)
		all.add(&res.Stats)
		if err != nil {
			fail(t, cfg, err)
		}
	}
	t.Logf("%d seeds, %.0f events a second on %s: %s", *seeds, float64(all.Events)/time.Since(begin).Seconds(), runtime.GOARCH, &all)
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
