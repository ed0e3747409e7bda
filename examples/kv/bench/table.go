package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// row is a load, and what its runs have shown: a list for each side, by turn.
type row struct {
	name    string
	samples [][]sample
}

// table is Markdown: two lines for a load, the second with the ratio. All figures are medians over
// the turns.
func table(rows []row, first, second string) string {
	var text strings.Builder
	text.WriteString("| load | server | operations/s | p50 | p99 | CPU s: leader, others | peak MiB: leader, others | clients' CPU s |\n")
	text.WriteString("|---|---|---:|---:|---:|---|---|---:|\n")
	for _, r := range rows {
		line(&text, r.name, first, r.samples[0])
		line(&text, r.ratio(), second, r.samples[1])
	}
	return text.String()
}

func line(text *strings.Builder, title, name string, samples []sample) {
	rates := collect(samples, func(s sample) float64 { return s.perSecond })
	fmt.Fprintf(text, "| %s | %s | %.0f (%.0f-%.0f) | %v | %v | %s | %s | %.1f |\n", title, name,
		median(rates), slices.Min(rates), slices.Max(rates),
		rounded(median(collect(samples, func(s sample) time.Duration { return s.p50 }))),
		rounded(median(collect(samples, func(s sample) time.Duration { return s.p99 }))),
		perServer(samples, "%.1f", func(u usage) float64 { return u.cpu.Seconds() }),
		perServer(samples, "%.0f", func(u usage) float64 { return float64(u.peak) / (1 << 20) }),
		median(collect(samples, func(s sample) float64 { return s.used[servers].cpu.Seconds() })))
}

// ratio compares the runs of each turn with one another.
func (r row) ratio() string {
	var ratios []float64
	for turn, s := range r.samples[0] {
		ratios = append(ratios, s.perSecond/r.samples[1][turn].perSecond)
	}
	return fmt.Sprintf("**%.2fx** (%.2f-%.2f)", median(ratios), slices.Min(ratios), slices.Max(ratios))
}

// perServer lists a figure for the leader and the others.
func perServer(samples []sample, format string, figure func(usage) float64) string {
	var words []string
	for i := range servers {
		words = append(words, fmt.Sprintf(format, median(collect(samples, func(s sample) float64 { return figure(s.used[i]) }))))
	}
	return strings.Join(words, ", ")
}

func collect[T any](samples []sample, figure func(sample) T) []T {
	var all []T
	for _, s := range samples {
		all = append(all, figure(s))
	}
	return all
}

// median is the mean of the two in the middle if their number is even.
func median[T float64 | time.Duration](figures []T) T {
	slices.Sort(figures)
	n := len(figures)
	return (figures[(n-1)/2] + figures[n/2]) / 2
}

// rounded keeps three digits of a time, about.
func rounded(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit)
}
