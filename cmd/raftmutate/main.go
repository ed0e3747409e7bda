// Command raftmutate removes one safety rule at a time from the library and reports which checks
// fail: the simulator, and after how many seeds; the explorer; tests and scripts. A rule whose
// removal fails no check is a hole in the tests.
//
//	go run ./cmd/raftmutate -write docs/mutations.md
//	go run ./cmd/raftmutate -only one-vote,own-term -write docs/mutations.md
//
// The command edits a copy of the source and gives it to the go command with -overlay; the files
// themselves stay as they are. The whole table takes about two hours on two idle cores. A line
// is printed for each rule as it is done. The exit status is 1 if a removal was not noticed.
//
// With its own flag -overlay, the command tries nothing, and writes the overlay into a folder. Any
// program can then be built without the rule:
//
//	go run ./cmd/raftmutate -only own-term -overlay /tmp/own-term
//	go build -overlay /tmp/own-term/overlay.json ./cmd/raftscript
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// The exit statuses.
const (
	exitNoticed = iota
	exitHole
	exitBad
)

// run is main with everything that it needs from the process as arguments.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("raftmutate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	only := flags.String("only", "", "remove the rules with these `names`, separated by commas; empty for all")
	write := flags.String("write", "", "write the table to this Markdown `file`; with -only, rows of other rules stay")
	seeds := flags.Int("seeds", 500, "run this `many` seeds of the simulator")
	timeout := flags.Duration("timeout", 2*time.Minute, "time limit of the simulator, and of each package of tests")
	jobs := flags.Int("jobs", 2, "try this `many` rules at a time, on one core each")
	overlay := flags.String("overlay", "", "`folder` to write an overlay without the one rule of -only to; nothing is tried")
	if flags.Parse(args) != nil {
		return exitBad
	}
	if flags.NArg() > 0 || *seeds < 1 || *jobs < 1 {
		fmt.Fprintln(stderr, "raftmutate: -seeds and -jobs must be positive, and -only names the rules; see -h")
		return exitBad
	}
	root, err := moduleRoot()
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitBad
	}
	chosen, err := choose(*only)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitBad
	}
	if *overlay != "" {
		return writeOverlay(root, *overlay, chosen, stdout, stderr)
	}
	l := laboratory{root: root, bounds: bounds{seeds: *seeds, timeout: *timeout, memory: 4 << 20}}
	t := &table{bounds: l.bounds, subjects: subjects(), rows: map[string]row{}}
	if *write != "" && *only != "" {
		before, err := os.ReadFile(*write)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			fmt.Fprintln(stderr, err)
			return exitBad
		}
		t.rows = parse(string(before))
	}
	l.tryAll(t, chosen, *jobs, stdout)
	if *write != "" {
		t.err = errors.Join(t.err, os.WriteFile(*write, []byte(t.markdown()), 0o644))
	}
	if t.err != nil {
		fmt.Fprintln(stderr, t.err)
		return exitBad
	}
	holes := t.holes()
	fmt.Fprintf(stdout, "%d of %d rules in the table; %d removals fail no check %s\n", len(t.rows), t.size(), len(holes), strings.Join(holes, " "))
	if len(holes) > 0 {
		return exitHole
	}
	return exitNoticed
}

// writeOverlay writes the library without a rule into a folder, and prints the name of the file for
// -overlay.
func writeOverlay(root, dir string, names []string, stdout, stderr io.Writer) int {
	if len(names) != 1 {
		fmt.Fprintln(stderr, "-overlay takes out one rule: name it with -only")
		return exitBad
	}
	_, r := find(names[0])
	err := os.MkdirAll(dir, 0o700)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitBad
	}
	name, err := r.overlay(root, dir)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return exitBad
	}
	fmt.Fprintln(stdout, name)
	return exitNoticed
}

// moduleRoot is the folder, here or above, that holds this module.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		b, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(b), "module github.com/ffd200af/raft\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("raftmutate must run inside the module whose rules it removes")
		}
	}
}

// choose returns the names, which have to be there; all of them for none.
func choose(only string) ([]string, error) {
	if only != "" {
		names := strings.Split(only, ",")
		for _, name := range names {
			if _, r := find(name); r == nil {
				return nil, fmt.Errorf("there is no rule %q", name)
			}
		}
		return names, nil
	}
	var names []string
	for _, s := range subjects() {
		for i := range s.removals {
			names = append(names, s.removals[i].name)
		}
	}
	return names, nil
}

// tryAll tries removals, some at a time, and tells of each when it is done.
func (l *laboratory) tryAll(t *table, names []string, jobs int, out io.Writer) {
	var mu sync.Mutex
	var workers sync.WaitGroup
	queue := make(chan string)
	for range jobs {
		workers.Add(1)
		go func() {
			defer workers.Done()
			for name := range queue {
				begin := time.Now()
				o, err := l.try(find(name))
				mu.Lock()
				if err != nil {
					t.err = errors.Join(t.err, err)
				} else {
					t.rows[name] = o.row()
					fmt.Fprintf(out, "%-28s %5.1fs  %s\n", name, time.Since(begin).Seconds(), o)
				}
				mu.Unlock()
			}
		}()
	}
	for _, name := range names {
		queue <- name
	}
	close(queue)
	workers.Wait()
}
