package main

import (
	"bytes"
	"encoding/csv"
	"math"
	"strconv"
)

// table is the data: a column for each curve, a line for each trial, downtimes in milliseconds to
// the tick. A trial without a leader is "inf"; a curve with fewer trials has empty fields.
func table(curves []*curve) []byte {
	var out bytes.Buffer
	w := csv.NewWriter(&out)
	head := []string{"trial"}
	lines := 0
	for _, c := range curves {
		head = append(head, c.name())
		lines = max(lines, len(c.trials))
	}
	_ = w.Write(head) // a bytes.Buffer takes everything
	for i := range lines {
		line := []string{strconv.Itoa(i)}
		for _, c := range curves {
			field := ""
			if i < len(c.trials) {
				field = millisField(c.trials[i].Ticks / ticksPerMillisecond)
			}
			line = append(line, field)
		}
		_ = w.Write(line)
	}
	w.Flush()
	return out.Bytes()
}

func millisField(ms float64) string {
	if math.IsInf(ms, 1) {
		return "inf"
	}
	return strconv.FormatFloat(ms, 'f', 1, 64)
}
