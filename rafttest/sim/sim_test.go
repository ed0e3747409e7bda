package sim

import (
	"errors"
	"flag"
	"runtime"
	"testing"
	"time"
)

var (
	seeds = flag.Int("seeds", 40, "how many seeds TestSeeds runs")
	from  = flag.Uint64("from", 1, "the first seed of TestSeeds")
	steps = flag.Int("steps", 0, "events of each run, 0 for the default")
)

// TestSeeds runs seeds one after the other:
//
//	go test ./rafttest/sim -run TestSeeds -seeds 1000 -from 1
func TestSeeds(t *testing.T) {
	var all Stats
	begin := time.Now()
	for seed := *from; seed < *from+uint64(*seeds); seed++ {
		res, err := Run(Config{Seed: seed, Steps: *steps})
		all.add(&res.Stats)
		var f *Failure
		if errors.As(err, &f) {
			t.Fatalf("\n%s", f.Story())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d seeds, %.0f events a second on %s: %s", *seeds, float64(all.Events)/time.Since(begin).Seconds(), runtime.GOARCH, &all)
}
