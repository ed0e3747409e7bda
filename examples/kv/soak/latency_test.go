package main

import (
	"strings"
	"testing"
	"time"
)

// TestLatencyThatGrowsFails by p50 or by p99, if it grows in each minute.
func TestLatencyThatGrowsFails(t *testing.T) {
	const minutes = 9
	ms := time.Millisecond
	// run has minutes with 98 operations that take one time, and 2 that take another.
	run := func(common, rare func(minute int) time.Duration) error {
		h := newHistory(1)
		for m := range minutes {
			for i := range 100 {
				took := common(m)
				if i < 2 {
					took = rare(m)
				}
				end := time.Duration(m)*time.Minute + 30*time.Second
				h.record(h.keys[0], operation{kind: get, call: end - took, end: end, outcome: done})
			}
		}
		_, err := judgeLatency(h, minutes*time.Minute, 2)
		return err
	}
	flat := func(took time.Duration) func(int) time.Duration { return func(int) time.Duration { return took } }
	last := func(took, then time.Duration) func(int) time.Duration {
		return func(m int) time.Duration {
			if m >= minutes*2/3 {
				return then
			}
			return took
		}
	}
	if err := run(flat(ms), flat(9*ms)); err != nil {
		t.Error("flat:", err)
	}
	if err := run(last(ms, 2*ms), last(9*ms, 18*ms)); err != nil {
		t.Error("what is allowed:", err)
	}
	if err := run(last(ms, 3*ms), flat(9*ms)); err == nil || !strings.Contains(err.Error(), "p50 from 1ms to 3ms") {
		t.Error("p50 grows:", err)
	}
	if err := run(flat(ms), last(9*ms, 19*ms)); err == nil || !strings.Contains(err.Error(), "p99 from 9ms to 19ms") {
		t.Error("p99 grows:", err)
	}
	quiet := func(m int) time.Duration {
		if m%3 == 0 {
			return ms
		}
		return 50 * ms
	}
	if err := run(quiet, quiet); err != nil {
		t.Error("other work in most minutes:", err)
	}
	if text, err := judgeLatency(newHistory(1), shortest-1, 2); err != nil || !strings.Contains(text, "not judged") {
		t.Error("a short run:", text, err)
	}
	if _, err := judgeLatency(newHistory(1), shortest, 2); err == nil {
		t.Error("a run without answers is flat")
	}
}
