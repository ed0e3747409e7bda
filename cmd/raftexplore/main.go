// Command raftexplore walks every interleaving of small worlds on the real code, and reports how
// many states there are. It prints a line for each bound of a world.
//
//	go run ./cmd/raftexplore -minutes 10
//	go run ./cmd/raftexplore -world async -minutes 2
//	go run ./cmd/raftexplore -list
//
// Each world is walked with its bounds, from small to large, until its share of the time is over.
// Two worlds are walked at a time, each on one core, so that the results of one do not depend on
// the other. If a property is broken, the command prints a script for cmd/raftscript that breaks
// it, and exits with status 1. With arguments that leave nothing to explore it exits with status 2.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/ffd200af/raft/rafttest/explore"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main, with what it needs from the process as arguments.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("raftexplore", flag.ContinueOnError)
	flags.SetOutput(stderr)
	minutes := flags.Float64("minutes", 1, "explore for about this `long`")
	only := flags.String("world", "", "explore only the world with this `name`; -list has the names")
	cores := flags.Int("cores", 2, "explore this `many` worlds at a time, on one core each")
	states := flags.Int("states", 20_000_000, "keep at most this `many` states of a world in memory; a state takes about 200 bytes")
	minorities := flags.Int("minorities", 100, "in one of this `many` states, check that the survivors of a dead minority elect a leader; 0 checks none")
	list := flags.Bool("list", false, "list the worlds and their bounds")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return 2
	}
	worlds := chosen(*only)
	switch {
	case len(worlds) == 0:
		fmt.Fprintf(stderr, "raftexplore: there is no world %q; -list has the names\n", *only)
		return 2
	case flags.NArg() > 0 || !(*minutes > 0) || *cores < 1 || *states < 1 || *minorities < 0:
		fmt.Fprintln(stderr, "raftexplore: -minutes, -cores and -states must be positive, -minorities must not be negative, and there are no other arguments")
		return 2
	case *list:
		listWorlds(stdout, worlds)
		return 0
	}
	p := plan{
		share:  time.Duration(*minutes * float64(time.Minute) * float64(min(*cores, len(worlds))) / float64(len(worlds))),
		states: *states,
		every:  *minorities,
		out:    stdout,
	}
	if !p.run(worlds, *cores) {
		return 1
	}
	return 0
}

func chosen(name string) []explore.World {
	var worlds []explore.World
	for _, w := range explore.Worlds() {
		if name == "" || w.Name == name {
			worlds = append(worlds, w)
		}
	}
	return worlds
}

func listWorlds(out io.Writer, worlds []explore.World) {
	for _, w := range worlds {
		fmt.Fprintf(out, "%s: %s\n", w.Name, w.About)
		for _, b := range w.Bounds {
			fmt.Fprintf(out, "    %s\n", b)
		}
	}
}

// plan is how worlds are explored.
type plan struct {
	share  time.Duration // for each world
	states int
	every  int // one in so many states is asked about dead minorities

	mu     sync.Mutex
	out    io.Writer
	broken bool
	total  explore.Result
}

// run explores the worlds, some at a time. It reports whether all is well.
func (p *plan) run(worlds []explore.World, cores int) bool {
	fmt.Fprintf(p.out, "%-11s %-50s %10s %6s %9s %9s %9s %8s  %s\n", "world", "bound", "states", "depth", "steps", "runs", "messages", "states/s", "")
	queue := make(chan explore.World, len(worlds))
	for _, w := range worlds {
		queue <- w
	}
	close(queue)
	var wait sync.WaitGroup
	for range cores {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for w := range queue {
				p.explore(w)
			}
		}()
	}
	wait.Wait()
	fmt.Fprintf(p.out, "%d states, %d steps, %d runs of the library, %d dead minorities\n", p.total.States, p.total.Steps, p.total.NodeSteps, p.total.Minorities)
	return !p.broken
}

// explore goes through the bounds of a world, each of which gets an equal part of the time that is
// left.
func (p *plan) explore(w explore.World) {
	end := time.Now().Add(p.share)
	for i, b := range w.Bounds {
		begin := time.Now()
		stop := begin.Add(end.Sub(begin) / time.Duration(len(w.Bounds)-i))
		r, err := explore.Explore(w, b, explore.Options{MaxStates: p.states, Minorities: p.every, Stop: func() bool { return time.Now().After(stop) }})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
		p.report(r, time.Since(begin))
		if r.Violation != nil {
			return
		}
	}
}

func (p *plan) report(r *explore.Result, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.total.States += r.States
	p.total.Steps += r.Steps
	p.total.NodeSteps += r.NodeSteps
	p.total.Minorities += r.Minorities
	how := "all"
	if !r.Done {
		how = fmt.Sprintf("all up to depth %d", r.Depth-1)
	}
	fmt.Fprintf(p.out, "%-11s %-50s %10d %6d %9d %9d %9d %8.0f  %s\n", r.World.Name, r.Bound, r.States, r.Depth, r.Steps, r.NodeSteps, r.Messages,
		float64(r.States)/took.Seconds(), how)
	if v := r.Violation; v != nil {
		p.broken = true
		fmt.Fprintf(p.out, "\n%v\n\n%s\n\n%s\n", v.Err, strings.Join(v.Steps, "\n"), v.Script)
	}
}
