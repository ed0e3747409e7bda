package main

import (
	"bufio"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// An outcome is how a test ended.
type outcome int

const (
	passed outcome = iota + 1
	skipped
	failed
	unended // it panicked, hung or was running when its process died
)

func (o outcome) String() string {
	return [...]string{"", "passes", "is skipped", "fails", "does not end"}[o]
}

// results holds the tests of a package that began, and their subtests.
type results struct {
	outcomes map[string]outcome
	outputs  map[string][]string // the last lines of those that failed
	took     time.Duration
}

func newResults() *results {
	return &results{outcomes: map[string]outcome{}, outputs: map[string][]string{}}
}

// event is a line of what test2json writes.
type event struct {
	Action, Test, Output string
}

// A tail keeps the lines that best explain why a test failed: the beginning of a panic, else the
// last lines of its output. It leaves out the stacks of a process that was stopped, and the log
// lines of the program, which go on after the failure.
type tail struct {
	lines    []string
	panicked bool
	stopped  bool
}

const keptLines = 30

func (t *tail) add(line string) {
	t.stopped = t.stopped || strings.HasPrefix(line, "SIGQUIT: quit")
	logged := strings.HasPrefix(strings.TrimSpace(line), "logger.go:")
	if logged || t.stopped || t.panicked && len(t.lines) >= keptLines {
		return
	}
	if !t.panicked && strings.HasPrefix(line, "panic: ") {
		t.panicked, t.lines = true, nil
	}
	if t.lines = append(t.lines, line); len(t.lines) >= 2*keptLines {
		t.lines = slices.Delete(t.lines, 0, keptLines)
	}
}

func (t *tail) text() []string {
	if t == nil {
		return nil
	}
	return t.lines[max(0, len(t.lines)-keptLines):]
}

// read takes in the events of one process, and calls ended when a test or subtest ends.
func (r *results) read(events io.Reader, ended func()) error {
	running := map[string]bool{}
	lines := map[string]*tail{}
	in := bufio.NewReader(events)
	var err error
	for err == nil {
		var line []byte
		line, err = in.ReadBytes('\n')
		var e event
		if json.Unmarshal(line, &e) != nil || e.Test == "" {
			continue
		}
		switch e.Action {
		case "run":
			running[e.Test] = true
			lines[e.Test] = new(tail)
		case "output":
			if l := lines[e.Test]; l != nil {
				l.add(e.Output)
			}
		case "pass", "skip", "fail":
			o := map[string]outcome{"pass": passed, "skip": skipped, "fail": failed}[e.Action]
			r.set(e.Test, o, lines[e.Test].text())
			delete(running, e.Test)
			delete(lines, e.Test)
			ended()
		}
	}
	for test := range running {
		r.set(test, unended, lines[test].text())
	}
	if err == io.EOF {
		return nil
	}
	return err
}

// set records the outcome of a test. Of a test that runs several times, the worst outcome stays.
func (r *results) set(test string, o outcome, lines []string) {
	if o <= r.outcomes[test] {
		return
	}
	r.outcomes[test] = o
	if o >= failed {
		r.outputs[test] = lines
	}
}

// merge takes over the results of other tests.
func (r *results) merge(other *results) {
	for test, o := range other.outcomes {
		r.set(test, o, other.outputs[test])
	}
}

// counts returns how many tests and subtests passed, and how many passed or failed.
func (r *results) counts() (pass, all int) {
	for _, o := range r.outcomes {
		if o == passed {
			pass++
		}
		if o != skipped {
			all++
		}
	}
	return pass, all
}

// failures returns the tests that failed, without those whose subtests failed.
func (r *results) failures() []string {
	bad := map[string]bool{}
	for test, o := range r.outcomes {
		if o >= failed {
			bad[test] = true
		}
	}
	return leaves(bad)
}

// worse returns the tests that pass in r and do not in other, without those that have subtests of
// which that is true. A test that is skipped in other is none of them.
func (r *results) worse(other *results) []string {
	bad := map[string]bool{}
	for test, o := range r.outcomes {
		if got := other.outcomes[test]; o == passed && got != passed && got != skipped {
			bad[test] = true
		}
	}
	return leaves(bad)
}

// leaves returns, in order, the tests of a set that have no subtest in it.
func leaves(tests map[string]bool) []string {
	parents := map[string]bool{}
	for test := range tests {
		for i := range test {
			if test[i] == '/' {
				parents[test[:i]] = true
			}
		}
	}
	var out []string
	for _, test := range slices.Sorted(maps.Keys(tests)) {
		if !parents[test] {
			out = append(out, test)
		}
	}
	return out
}

// top is the test that a subtest belongs to.
func top(test string) string {
	test, _, _ = strings.Cut(test, "/")
	return test
}
