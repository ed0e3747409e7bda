package main

import (
	_ "embed"
	"fmt"
	"math"
	"strings"
)

//go:embed differences.md
var differences string

// page is the result for readers.
func page(curves []*curve, broadcast float64) []byte {
	var out strings.Builder
	fmt.Fprintf(&out, opening, broadcast, messageMillis, writeMillis, 1.0/ticksPerMillisecond)
	for _, part := range parts {
		fmt.Fprintf(&out, "\n## %s\n\n%s\n", part.title, tableHead)
		for _, c := range curves {
			if c.variant == part.variant {
				line(&out, c)
			}
		}
	}
	out.WriteString("\n" + differences)
	return []byte(out.String())
}

const opening = `# A cluster without its leader

How long is a cluster of five without a leader when its leader crashes? This page repeats Figure 16
of the Raft paper (Ongaro and Ousterhout, *In Search of an Understandable Consensus Algorithm*,
§9.3) with this library, in its simulator. One command runs the trials again. It takes some minutes,
and writes this page, the picture, and the data of every trial, [elections.csv](elections.csv). The
same seed gives the same files.

` + "```\ngo run ./figures\n```" + `

![time without a leader](elections.svg)

Each trial has a cluster of its own, prepared for the worst case, as in the paper. The four
followers have logs of different lengths, so only two of them can win. The leader sends a heartbeat
to all of them at once. It crashes at a moment that is drawn uniformly from the heartbeat interval,
which is half of the minimum timeout. Time counts from the crash until a server has the votes to
lead. Timeouts are drawn uniformly from the range, anew for each server and term. Pre-vote and
check-quorum are off. Safety is checked after every event. A trial ends after 100 s, where the
paper's axis ends.

Only the broadcast time is fitted to the paper: %.1f ms here, about 15 ms in the paper. A message
takes %g ms on average and a write %g ms. Each time is drawn anew, up to three times the average.
A tick is %g ms.

A candidate asks for votes when its own vote is durable. With **synchronous writes**, which is what
the loop around a ` + "`Ready`" + ` does by default, a server does nothing else while it writes. With
**asynchronous writes** (` + "`AsyncStorageWrites`" + `) it goes on with messages and ticks. The picture and
the tables have both. Dots in the picture are the figures in the paper's text.
`

const tableHead = `| timeouts (ms) | trials | shortest | median | mean | 99% | worst | terms a trial | no leader in 100 s | the paper (ms) |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---|`

// parts are the tables.
var parts = []struct {
	title string
	variant
}{
	{"Synchronous writes", variant{}},
	{"Asynchronous writes", variant{async: true}},
	{"Synchronous writes, logs of equal length", variant{equal: true}},
	{"Asynchronous writes, logs of equal length", variant{async: true, equal: true}},
}

// line is what a table says of a curve.
func line(out *strings.Builder, c *curve) {
	s := summarize(c)
	paper := ""
	if !c.equal { // the paper's servers had different logs
		paper = quoted([2]int{c.least, c.most})
	}
	fmt.Fprintf(out, "| %s | %d | %s | %s | %s | %s | %s | %.1f | %d | %s |\n", c.timeouts(), s.trials,
		cell(s.least), cell(s.median), cell(s.mean), cell(s.p99), cell(s.most), s.terms, s.without, paper)
}

// cell renders milliseconds.
func cell(ms float64) string {
	if math.IsInf(ms, 1) {
		return "-"
	}
	return fmt.Sprintf("%.0f", ms)
}
