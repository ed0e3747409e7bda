package main

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Whether operations take longer with time.

// judgeLatency compares the quickest minute of the last third of a run with that of the first, by
// p50 and by p99. Other work on the machine slows down some minutes. Replicas that slow down with
// the number of writes do so in each of them.
func judgeLatency(h *history, length time.Duration, factor float64) (string, error) {
	if length < shortest {
		return fmt.Sprintf("Latency is not judged: the run takes less than %v.", shortest), nil
	}
	minutes, _ := byMinute(h, length)
	third := len(minutes) / 3
	text := "Latency of the quickest minute in the first third and in the last:"
	var failed error
	for _, percent := range []int{50, 99} {
		first, last := quickest(minutes[:third], percent), quickest(minutes[len(minutes)-third:], percent)
		text += fmt.Sprintf(" p%d %v and %v.", percent, first, last)
		if first == 0 || last == 0 || float64(last) > factor*float64(first) {
			failed = errors.Join(failed, fmt.Errorf("latency grows: p%d from %v to %v, and %.2f times as much is allowed", percent, first, last, factor))
		}
	}
	return text, failed
}

// quickest returns the lowest percentile of these minutes; 0 if nothing was answered in any.
func quickest(minutes [][]time.Duration, percent int) time.Duration {
	var best time.Duration
	for _, times := range minutes {
		slices.Sort(times)
		if p := percentile(times, percent); p > 0 && (best == 0 || p < best) {
			best = p
		}
	}
	return best
}
