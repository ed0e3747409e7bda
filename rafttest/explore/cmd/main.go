package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/ffd200af/raft/rafttest/explore"
)

func main() {
	name := flag.String("world", "plain", "")
	secs := flag.Int("s", 20, "")
	flag.Parse()
	if f, err := os.Create("/tmp/cpu.prof"); err == nil {
		_ = pprof.StartCPUProfile(f)
		defer pprof.StopCPUProfile()
	}
	for _, w := range explore.Worlds() {
		if w.Name != *name {
			continue
		}
		for _, b := range w.Bounds {
			t := time.Now()
			r, err := explore.Explore(w, b, explore.Options{Stop: func() bool { return time.Since(t) > time.Duration(*secs)*time.Second }})
			if err != nil {
				panic(err)
			}
			d := time.Since(t)
			fmt.Printf("%s %s: states=%d steps=%d depth=%d places=%d done=%v nodestates=%d nodesteps=%d msgs=%d %.0f states/s %.1fs\n", w.Name, b, r.States, r.Steps, r.Depth, r.Places, r.Done, r.NodeStates, r.NodeSteps, r.Messages, float64(r.States)/d.Seconds(), d.Seconds())
			if r.Violation != nil {
				fmt.Println(r.Violation.Err)
				for _, s := range r.Violation.Steps {
					fmt.Println("  ", s)
				}
				return
			}
		}
	}
}
