package main

import (
	"testing"
	"time"
)

func TestTicksThatWereMissedAreMadeUpFor(t *testing.T) {
	start := time.Now()
	c := newClock(10*time.Millisecond, start)
	for _, step := range []struct {
		at   time.Duration
		want int
	}{{0, 0}, {9, 0}, {10, 1}, {11, 0}, {29, 1}, {30, 1}, {75, 4}, {75, 0}, {70, 0}, {79, 0}, {80, 1}, {10000, mostDue}, {10009, 0}, {10010, 1}} {
		if got := c.due(start.Add(step.at * time.Millisecond)); got != step.want {
			t.Errorf("%d ticks are due after %d ms, want %d", got, step.at, step.want)
		}
	}
}
