package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/ffd200af/raft/rafttest/sim"
)

// ticksPerMillisecond is how fine clocks are. Clocks have no common phase, so timeouts are spread
// over a tick even where they are drawn without randomness; a tenth of a millisecond is what the
// timers of an ordinary machine are good for, and little beside the smallest randomness of the
// figure.
const ticksPerMillisecond = 10

// The delays, in milliseconds: the only figures that are fitted, to the paper's broadcast time of
// 15. A message there and back takes half a millisecond, which is what the paper gives for a
// broadcast without slow storage (§5.6); the rest is the write.
const (
	messageMillis = 0.25
	writeMillis   = 8.1
)

// boundMillis is where the axis of the paper's figure ends, and a trial.
const boundMillis = 100_000

// variant is how a cluster differs from others with the same timeouts.
type variant struct{ async, equal bool }

// name is what the page and the data call it, "" for the ordinary one.
func (v variant) name() string {
	name := ""
	if v.async {
		name = "async"
	}
	if v.equal {
		name += " equal"
	}
	return name
}

// curve is a line of the figure: many crashes with the same timeouts, in milliseconds.
type curve struct {
	least, most int
	variant
	trials []sim.Downtime
}

// timeouts renders the range of the election timeouts.
func (c *curve) timeouts() string { return fmt.Sprintf("%d-%d", c.least, c.most) }

// name is the head of the curve's column.
func (c *curve) name() string {
	if v := c.variant.name(); v != "" {
		return c.timeouts() + " " + v
	}
	return c.timeouts()
}

// outage is the experiment for a curve.
func (c *curve) outage(trials int, seed uint64) sim.Outage {
	if c.least == c.most {
		// Nearly all of them are without a leader for very long; so the paper has fewer too.
		trials = (trials + 9) / 10
	}
	return sim.Outage{
		Seed: seed, Trials: trials, Servers: 5,
		MinTicks: c.least * ticksPerMillisecond, SpreadTicks: (c.most - c.least) * ticksPerMillisecond,
		MessageTicks: messageMillis * ticksPerMillisecond, WriteTicks: writeMillis * ticksPerMillisecond,
		BoundTicks: boundMillis * ticksPerMillisecond, AsyncStorageWrites: c.async, EqualLogs: c.equal,
	}
}

// millis are the downtimes, shortest first.
func (c *curve) millis() []float64 {
	all := make([]float64, len(c.trials))
	for i, d := range c.trials {
		all[i] = d.Ticks / ticksPerMillisecond
	}
	slices.Sort(all)
	return all
}

// The ranges of the paper's two graphs. What they share is measured once.
var (
	randomness = [][2]int{{150, 150}, {150, 151}, {150, 155}, {150, 175}, {150, 200}, {150, 300}}
	minimum    = [][2]int{{12, 24}, {25, 50}, {50, 100}, {100, 200}, {150, 300}}
)

// allCurves are the curves of the figure, with synchronous and with asynchronous writes, and some
// with equal logs.
func allCurves() []*curve {
	var all []*curve
	for _, v := range []variant{{}, {async: true}, {equal: true}, {async: true, equal: true}} {
		for i, r := range slices.Concat(randomness, minimum[:len(minimum)-1]) {
			if v.equal && i != 2 && i != 4 && i != 5 && i != 6 {
				continue // those that the paper gives figures for, and its recommendation, will do
			}
			all = append(all, &curve{least: r[0], most: r[1], variant: v})
		}
	}
	return all
}

// find returns the curve for a range, nil if there is none.
func find(curves []*curve, r [2]int, v variant) *curve {
	for _, c := range curves {
		if c.least == r[0] && c.most == r[1] && c.variant == v {
			return c
		}
	}
	return nil
}

// measure runs the trials of all curves, as many curves at a time as there are processors. Each has
// a world of its own for each trial, so the order does not matter.
func measure(curves []*curve, trials int, seed uint64) error {
	var workers sync.WaitGroup
	var done atomic.Int32
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	errs := make([]error, len(curves))
	for i, c := range curves {
		workers.Go(func() {
			room <- struct{}{}
			c.trials, errs[i] = sim.Downtimes(c.outage(trials, seed))
			fmt.Fprintf(os.Stderr, "%d of %d: %s\n", done.Add(1), len(curves), c.name())
			<-room
		})
	}
	workers.Wait()
	for i, err := range errs {
		if err != nil {
			return fmt.Errorf("%s: %w", curves[i].name(), err)
		}
	}
	return nil
}

// broadcastMillis is the broadcast time that the delays lead to.
func broadcastMillis(seed uint64) (float64, error) {
	c := curve{least: 150, most: 300}
	ticks, err := sim.BroadcastTicks(c.outage(2000, seed))
	if err != nil {
		return 0, fmt.Errorf("broadcast time: %w", err)
	}
	return ticks / ticksPerMillisecond, nil
}
