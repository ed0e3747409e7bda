// Command programs runs the tests of published programs with this library in place of their raft.
//
//	go run ./interop/programs                  # every program, both sides: about an hour
//	go run ./interop/programs -short           # the share of CI
//	go run ./interop/programs -only etcd/contrib
//	go run ./interop/programs -load            # etcd servers under load, both sides: ten minutes
//
// It fetches the programs through the Go module proxy, into a temporary directory. There it lays
// each of them out twice: once with go.etcd.io/raft/v3 v3.6.0, once with a copy of this tree's
// packages under the import path that the program uses. The programs' sources stay as published,
// except for the edits in table.go: v3.6.0 makes them necessary, or a test is not stable.
//
// For each package it prints how many tests pass with v3.6.0 and how many with this library. It
// names each test that passes with v3.6.0 and fails with this library, and exits 1 if there is one.
//
// Tests of programs depend on timing. So a test that fails with this library only is run again,
// alone, on both sides, before it is reported (again.go has the rule). A test that panics or hangs
// counts as failed, and the other tests of its package run in another process.
//
// With -short the tests run with this library only, and v3.6.0 runs those that fail. For a further
// program, add a row to the table in table.go.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// options are what the command line says.
type options struct {
	only  []string // programs or packages; empty means all
	run   string   // which tests, as for go test -run; empty means all
	short bool
	load  bool
	keep  string        // the directory to work in and to leave; empty means a temporary one
	again int           // how often a test that failed is run again on each side
	jobs  int           // packages that run at the same time
	stall time.Duration // a test that takes longer hangs
}

func main() {
	var opts options
	flag.Func("only", "run this `program` or package and those below it, such as etcd/server/storage; may be repeated", func(s string) error {
		opts.only = append(opts.only, s)
		return nil
	})
	flag.StringVar(&opts.run, "run", "", "run tests whose name `matches`")
	flag.BoolVar(&opts.short, "short", false, "run the share of CI; v3.6.0 runs only what fails with this library")
	flag.BoolVar(&opts.load, "load", false, "run etcd servers under load instead of tests")
	flag.StringVar(&opts.keep, "keep", "", "work in `directory` and leave it, with the output of every test")
	flag.IntVar(&opts.again, "again", 5, "run a test that failed again this many `times` on each side")
	flag.IntVar(&opts.jobs, "jobs", runtime.NumCPU(), "run this `many` packages at the same time")
	flag.DurationVar(&opts.stall, "stall", 3*time.Minute, "stop a test that takes `longer`")
	flag.Parse()
	failures, err := runAll(opts)
	if err != nil {
		fatal(err)
	}
	if failures > 0 {
		os.Exit(1)
	}
}

// wants reports whether the options select a package, or with pattern some package below it.
func (o *options) wants(label string, pattern bool) bool {
	if len(o.only) == 0 {
		return true
	}
	for _, only := range o.only {
		if below(label, only) || pattern && below(only, label) {
			return true
		}
	}
	return false
}

// below reports whether a path equals another one or is below it.
func below(path, of string) bool {
	return path == of || strings.HasPrefix(path, of+"/")
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "programs:", err)
	os.Exit(1)
}

// runAll runs the programs that opts select, and returns the number of tests to report.
func runAll(opts options) (int, error) {
	dir, err := workDir(opts.keep)
	if err != nil {
		return 0, err
	}
	if opts.keep == "" {
		defer os.RemoveAll(dir)
	}
	if opts.load {
		return 0, runLoads(filepath.Join(dir, "load"))
	}
	failures := 0
	for _, p := range table {
		if suites := p.selected(opts); len(suites) > 0 {
			n, err := runProgram(opts, filepath.Join(dir, p.name), p, suites)
			if err != nil {
				return failures, fmt.Errorf("%s: %w", p.name, err)
			}
			failures += n
		}
	}
	fmt.Printf("%d tests pass with v3.6.0 and fail with this library\n", failures)
	return failures, nil
}

func workDir(keep string) (string, error) {
	if keep == "" {
		return os.MkdirTemp("", "programs")
	}
	dir, err := filepath.Abs(keep)
	if err != nil {
		return "", err
	}
	return dir, os.MkdirAll(dir, 0o755)
}
