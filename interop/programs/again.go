package main

import (
	"fmt"
	"slices"
	"strings"
)

// judge runs the tests that failed with this library only again, alone, on both sides. It prints
// what it finds, and returns the number of tests to report.
//
// A failure is reported, with three exceptions. The test then passes every time with this library.
// It passes sometimes with this library, and not always with v3.6.0. It never passes with v3.6.0.
func (t *tested) judge(opts options, p *program, etcd *side) (int, error) {
	if t.pair.etcd != nil && t.pair.etcd.file == "" {
		fmt.Printf("not compared: %s does not compile with v3.6.0\n%s", t.label, indent(t.pair.etcd.err))
		return 0, nil
	}
	var suspects []string
	for _, name := range t.suspects() {
		if reason := p.reason(name); reason != "" {
			fmt.Printf("accepted: %s %s: %s\n", t.label, name, reason)
			continue
		}
		suspects = append(suspects, name)
	}
	if t.pair.ours.file == "" && len(suspects) > 0 {
		fmt.Printf("FAIL %s: does not compile with this library\n%s", t.label, indent(t.pair.ours.err))
		return len(suspects), nil
	}
	failures := 0
	for len(suspects) > 0 {
		test := top(suspects[0])
		n := slices.IndexFunc(suspects, func(name string) bool { return top(name) != test })
		if n < 0 {
			n = len(suspects)
		}
		names := suspects[:n]
		suspects = suspects[n:]
		reported, err := t.again(opts, etcd, test, names)
		if err != nil {
			return failures, err
		}
		failures += reported
	}
	return failures, nil
}

// suspects returns the tests that pass with v3.6.0 and fail with this library. Where v3.6.0 has not
// run, these are all that fail.
func (t *tested) suspects() []string {
	switch {
	case t.etcd != nil:
		return t.etcd.worse(t.ours)
	case t.pair.ours.file == "":
		return []string{"compile"}
	}
	return t.ours.failures()
}

// again runs one test alone and returns how many of the subtests in names to report.
func (t *tested) again(opts options, etcd *side, test string, names []string) (int, error) {
	ours, err := t.pair.ours.times(opts, test, names)
	if err != nil {
		return 0, err
	}
	if ours == opts.again {
		fmt.Printf("passes alone: %s %s failed once, then passed %d times with this library\n", t.label, test, ours)
		return 0, nil
	}
	if t.pair.etcd == nil {
		if t.pair.etcd, err = etcd.buildOne(t.pair.ours); err != nil {
			return 0, err
		}
	}
	theirs, err := t.pair.etcd.times(opts, test, names)
	if err != nil {
		return 0, err
	}
	tally := fmt.Sprintf("run alone, passes %d of %d times with v3.6.0 and %d with this library", theirs, opts.again, ours)
	if theirs == 0 || ours > 0 && theirs < opts.again {
		fmt.Printf("unsteady: %s %s: %s\n", t.label, strings.Join(names, " "), tally)
		return 0, nil
	}
	for _, name := range names {
		fmt.Printf("FAIL %s %s: %v; %s\n", t.label, name, t.ours.outcomes[name], tally)
		fmt.Print(indent(strings.Join(t.ours.outputs[name], "")))
	}
	return len(names), nil
}

// times runs a test alone and returns how often all the subtests in names passed. A test that does
// not end is not tried as often.
func (b *binary) times(opts options, test string, names []string) (int, error) {
	passes, unendings := 0, 0
	for range opts.again {
		got, err := b.run(opts, exactly([]string{test}), 1)
		if err != nil {
			return passes, err
		}
		bad := func(name string) bool { return got.outcomes[name] != passed }
		if !slices.ContainsFunc(names, bad) {
			passes++
		}
		if got.outcomes[test] == unended {
			if unendings++; unendings == 2 {
				break
			}
		}
	}
	return passes, nil
}

func indent(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		out.WriteString("\t" + strings.TrimSuffix(line, "\n") + "\n")
	}
	return out.String()
}
