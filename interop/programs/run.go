package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A pair is a package of a program on both sides.
type pair struct {
	label      string
	suite      suite
	etcd, ours *binary // etcd is nil until it is needed
}

// runProgram runs the tests of suites of a program on both sides, prints the results, and returns
// the number of tests to report.
func runProgram(opts options, base string, p *program, suites []suite) (int, error) {
	etcd, ours, err := layOutBoth(p, base)
	if err != nil {
		return 0, err
	}
	failures := 0
	for _, suite := range suites {
		pairs, err := buildPairs(opts, etcd, ours, suite)
		if err != nil {
			return failures, err
		}
		n, err := runPairs(opts, p, etcd, pairs)
		failures += n
		if err != nil {
			return failures, err
		}
	}
	return failures, nil
}

// layOutBoth lays a program out with each of the two libraries.
func layOutBoth(p *program, base string) (etcd, ours *side, err error) {
	etcdLibrary, ourLibrary, err := libraries()
	if err != nil {
		return nil, nil, err
	}
	fmt.Printf("%s: fetching and compiling\n", p.name)
	if etcd, err = layOut(p, etcdLibrary, base); err != nil {
		return nil, nil, err
	}
	ours, err = layOut(p, ourLibrary, base)
	return etcd, ours, err
}

// buildPairs compiles the tests of a suite: with -short, for this library only.
func buildPairs(opts options, etcd, ours *side, s suite) ([]*pair, error) {
	binaries, err := ours.build(opts, s)
	if err != nil {
		return nil, err
	}
	pairs := make([]*pair, len(binaries))
	for i, b := range binaries {
		pairs[i] = &pair{label: b.label, suite: s, ours: b}
	}
	if opts.short {
		return pairs, nil
	}
	if binaries, err = etcd.build(opts, s); err != nil {
		return nil, err
	}
	for _, b := range binaries {
		i := slices.IndexFunc(pairs, func(p *pair) bool { return p.label == b.label })
		if i < 0 {
			return nil, fmt.Errorf("%s: no such package with this library", b.label)
		}
		pairs[i].etcd = b
	}
	return pairs, nil
}

// A tested pair holds its results.
type tested struct {
	*pair
	etcd, ours *results // etcd is nil with -short
	err        error
}

// runPairs runs some packages at a time, prints a line for each, and then looks into the failures.
func runPairs(opts options, p *program, etcd *side, pairs []*pair) (int, error) {
	done := make(chan tested)
	todo := make(chan *pair)
	var workers sync.WaitGroup
	for range opts.jobs {
		workers.Go(func() {
			for pair := range todo {
				done <- pair.run(opts)
			}
		})
	}
	go func() {
		for _, pair := range pairs {
			todo <- pair
		}
		close(todo)
		workers.Wait()
		close(done)
	}()
	var all []tested
	var err error
	for t := range done {
		if t.ran() {
			fmt.Println(t.line())
		}
		all = append(all, t)
		err = cmp.Or(err, t.err)
	}
	if err != nil {
		return 0, err
	}
	slices.SortFunc(all, func(a, b tested) int { return strings.Compare(a.label, b.label) })
	failures := 0
	for _, t := range all {
		n, err := t.judge(opts, p, etcd)
		failures += n
		if err != nil {
			return failures, err
		}
	}
	return failures, nil
}

// run runs the tests of the pair, one side after the other: some use fixed ports and files.
func (p *pair) run(opts options) tested {
	t := tested{pair: p}
	match := opts.run
	if match == "" && opts.short {
		match = p.suite.short
	}
	if t.ours, t.err = p.ours.run(opts, match, p.suite.repeat); t.err != nil || p.etcd == nil {
		return t
	}
	t.etcd, t.err = p.etcd.run(opts, match, p.suite.repeat)
	return t
}

// ran reports whether the package has results: a package without a selected test has none.
func (t *tested) ran() bool {
	return len(t.ours.outcomes) > 0 || t.pair.ours.file == "" || t.etcd != nil && len(t.etcd.outcomes) > 0
}

// line is the line of the package in the output.
func (t *tested) line() string {
	ours := count(t.pair.ours, t.ours)
	if t.etcd == nil {
		return fmt.Sprintf("%-52s %s", t.label, ours)
	}
	return fmt.Sprintf("%-52s v3.6.0: %-28s this library: %s", t.label, count(t.pair.etcd, t.etcd), ours)
}

func count(b *binary, r *results) string {
	if b.file == "" {
		return "does not compile"
	}
	pass, all := r.counts()
	return fmt.Sprintf("%d of %d pass (%.1fs)", pass, all, r.took.Seconds())
}
