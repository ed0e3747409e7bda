package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The table by minute.

// table shows what happened in each minute. Memory and data are the highest of a minute.
func table(h *history, samples []sample, length time.Duration) string {
	var b strings.Builder
	b.WriteString("| minute | operations/s | p50 | p99 | without answer | resident MiB of 1, 2, 3 | data MiB of 1, 2, 3 |\n" +
		"|---|---|---|---|---|---|---|\n")
	times, unanswered := byMinute(h, length)
	for m := range times {
		seconds := min(time.Minute, length-time.Duration(m)*time.Minute).Seconds()
		slices.Sort(times[m])
		fmt.Fprintf(&b, "| %d | %.0f | %v | %v | %d | %s | %s |\n", m+1, float64(len(times[m]))/seconds,
			percentile(times[m], 50), percentile(times[m], 99), unanswered[m],
			highest(samples, m, func(s sample) int { return s.resident }),
			highest(samples, m, func(s sample) int { return s.data }))
	}
	return b.String()
}

// byMinute returns how long the operations took that were answered, and how many were not, by the
// minute in which they ended. What ended after the time is over counts for the last minute.
func byMinute(h *history, length time.Duration) (times [][]time.Duration, unanswered []int) {
	minutes := int((length + time.Minute - 1) / time.Minute)
	times, unanswered = make([][]time.Duration, minutes), make([]int, minutes)
	for _, k := range h.keys {
		for _, op := range k.ops {
			m := min(int(op.end/time.Minute), minutes-1)
			switch {
			case op.atEnd:
			case op.outcome == unknown:
				unanswered[m]++
			default:
				times[m] = append(times[m], op.end-op.call)
			}
		}
	}
	return times, unanswered
}

// percentile expects sorted times.
func percentile(times []time.Duration, percent int) time.Duration {
	if len(times) == 0 {
		return 0
	}
	return times[(len(times)-1)*percent/100].Round(100 * time.Microsecond)
}

// highest lists a figure of each replica in MiB.
func highest(samples []sample, minute int, figure func(sample) int) string {
	var top [servers]int
	for _, s := range samples {
		if int(s.at/time.Minute) == minute {
			top[s.replica] = max(top[s.replica], figure(s))
		}
	}
	var words []string
	for _, bytes := range top {
		words = append(words, fmt.Sprintf("%.1f", float64(bytes)/(1<<20)))
	}
	return strings.Join(words, ", ")
}
