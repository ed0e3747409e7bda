package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// bounds are how much is tried before a removal counts as not noticed.
type bounds struct {
	seeds   int           // of the simulator, from 1 on
	timeout time.Duration // after which a run that does not end counts as one that was noticed
	memory  int           // of a process, in KiB of address space: without its rule, code may ask for ever more
}

// laboratory is where removals are tried.
type laboratory struct {
	root string // of the module
	bounds
}

// outcome is what noticed a removal.
type outcome struct {
	// property is what a run of the simulator broke, if one did, and seed the first one that did; 0
	// if that is not known.
	property string
	seed     int
	apart    bool // the simulator was not asked
	// worlds are those of the explorer in which something was broken, if it was asked.
	worlds   []string
	explored bool
	// tests are the names of tests that failed, scripts among them.
	tests []string
}

func (o *outcome) noticed() bool { return o.property != "" || len(o.worlds) > 0 || len(o.tests) > 0 }

// exploring is the test that walks the first bounds of each world of the explorer.
const exploring = "TestNothingIsBrokenInAnySmallWorld"

// try takes a rule of a subject out and looks who notices. An error means that nothing was tried.
func (l *laboratory) try(s *subject, r *removal) (*outcome, error) {
	dir, err := os.MkdirTemp("", "raftmutate")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	overlay, err := r.overlay(l.root, dir)
	if err != nil {
		return nil, err
	}
	var o outcome
	if o.apart = s.apart; !s.apart {
		if err := l.simulate(&o, dir, overlay); err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	if err := l.test(&o, overlay, s.packages...); err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	if !s.explored {
		return &o, nil
	}
	o.explored = true
	if err := l.test(&o, overlay, "-run", exploring, "./rafttest/explore"); err != nil {
		return nil, fmt.Errorf("%s: %w", r.name, err)
	}
	return &o, nil
}

// failure finds the property and the seed in what the simulator says of a broken run.
var failure = regexp.MustCompile(`a property is broken: ([^:\n]+):.*\(seed (\d+), event \d+\)`)

// errTimeout is a process that was ended because it took too long.
var errTimeout = errors.New("it did not end")

// simulate runs seeds, one after the other, until one breaks something.
func (l *laboratory) simulate(o *outcome, dir, overlay string) error {
	binary := filepath.Join(dir, "sim.test")
	if out, err := l.command(10*time.Minute, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, "./rafttest/sim"); err != nil {
		return fmt.Errorf("it does not compile: %w\n%s", err, out)
	}
	out, err := l.command(l.timeout, binary, "-test.run=^TestSeeds$", "-test.timeout=0", "-seeds", strconv.Itoa(l.seeds))
	switch m := failure.FindSubmatch(out); {
	case err == nil:
	case m != nil:
		o.property = string(m[1])
		o.seed, err = strconv.Atoi(string(m[2]))
		return err
	case errors.Is(err, errTimeout):
		o.property = "a run does not end"
	case bytes.Contains(out, []byte("out of memory")):
		o.property = "a run takes all memory"
	default:
		return fmt.Errorf("the simulator: %w\n%s", err, tail(out))
	}
	return nil
}

// testEvent is what matters of a line of go test -json.
type testEvent struct {
	Action, Package, Test, Output string
}

// test runs tests, and notes those that fail.
func (l *laboratory) test(o *outcome, overlay string, which ...string) error {
	args := []string{"test", "-json", "-short", "-vet=off", "-timeout", l.timeout.String(), "-overlay", overlay}
	out, err := l.command(10*time.Minute, "go", append(args, which...)...)
	if err == nil {
		return nil
	}
	ran, noted := false, false
	for line := range bytes.Lines(out) {
		var e testEvent
		if json.Unmarshal(line, &e) != nil {
			continue
		}
		if strings.HasPrefix(e.Action, "build-fail") {
			return fmt.Errorf("it does not compile: %s", tail(out))
		}
		ran = ran || e.Action == "run"
		if e.Action == "fail" {
			noted = noted || e.Test != ""
			o.note(&e)
		}
	}
	if !ran {
		return fmt.Errorf("no test was run: %w\n%s", err, tail(out))
	}
	// A test that failed because its subtests did says no more than they do.
	o.tests = slices.DeleteFunc(o.tests, func(name string) bool {
		return slices.ContainsFunc(o.tests, func(other string) bool { return strings.HasPrefix(other, name+"/") })
	})
	if !noted {
		// Without a test that says so: it has run out of memory, or of time.
		o.tests = append(o.tests, "the tests do not end")
	}
	return nil
}

// note takes in a test that failed, or a package in which something did.
func (o *outcome) note(e *testEvent) {
	world, explored := strings.CutPrefix(e.Test, exploring+"/")
	switch {
	case explored:
		o.worlds = append(o.worlds, world)
	case e.Test == "" || e.Test == exploring:
	default:
		o.tests = append(o.tests, e.Test)
	}
}

// command runs a program at the root of the module, on one processor and within the bounds of
// memory.
func (l *laboratory) command(timeout time.Duration, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	limited := append([]string{"-c", fmt.Sprintf(`ulimit -v %d; exec "$@"`, l.memory), "sh", name}, args...)
	cmd := exec.CommandContext(ctx, "sh", limited...)
	cmd.Dir = l.root
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = errTimeout
	}
	return out, err
}

// tail is the end of an output.
func tail(out []byte) []byte { return out[max(0, len(out)-3000):] }
