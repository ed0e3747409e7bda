package main

import "time"

// clock says how many ticks are due. A ticker drops those that nobody takes in time, when the
// process is stopped or the disk is slow; a node whose clock stands still meanwhile would take
// its lease for valid that others have seen expire.
//
// It counts the monotonic clock of the system. On a system where that stands still while the
// machine sleeps, do not trust leases on machines that sleep.
type clock struct {
	tick    time.Duration
	started time.Time
	given   int64 // ticks since then
}

// mostDue bounds the ticks that are given at once: they are enough for every timeout to pass
// that is counted in ticks, and more mean nothing else.
const mostDue = 100

func newClock(tick time.Duration, now time.Time) *clock { return &clock{tick: tick, started: now} }

// due returns how many ticks have to be given now.
func (c *clock) due(now time.Time) int {
	n := max(0, c.passed(now)-c.given)
	c.given += n
	return int(min(n, mostDue))
}

// isLate reports whether ticks have to be given now.
func (c *clock) isLate(now time.Time) bool { return c.passed(now) > c.given }

func (c *clock) passed(now time.Time) int64 { return int64(now.Sub(c.started) / c.tick) }
