// Command raftscript replays scripts of package rafttest and compares what happens with what they
// expect.
//
//	raftscript [-rewrite] [-ignore-log] FILE...
//	raftscript replay|step|export [-life N] RECORDING...
//	raftscript show [-o FILE] [-group N] [-svg [-steps A-B] | -shiviz] SCRIPT
//	raftscript show [-o FILE] [-group N] [-svg [-steps A-B] | -shiviz] [GROUP:]RECORDING...
//	raftscript show [-o FILE] [-svg [-steps A-B] | -shiviz] -seed N [-nodes N] [-events N]
//	raftscript stories -o FOLDER SCRIPT...
//	raftscript trace [-check=false] FILE | -seed N [-nodes N] [-steps N] [-prevote]
//	raftscript help
//
// The first form prints each command whose output differs, with a diff of the lines: "-" was
// expected and did not happen, "+" happened and was not expected. With -rewrite, the files get what
// happened as their new expectations. With -ignore-log, log lines (a level word, then text) count
// on neither side: each implementation has its own words. The exit status is 0 if all scripts went
// as expected, 1 if some differ, and 2 if a script cannot be read or the usage is wrong.
//
// The second form is for recordings of a node (package recording). replay re-executes what the node
// did and verifies that every output is identical. It also checks the properties of package
// rafttest/property that one node can break. Its exit statuses are the same, and 1 too if a part of
// a life is cut or damaged and was not replayed. step prints each input with its outputs, and the
// records that cannot be replayed as they are. export prints a script that does the same, as far as
// a script can; its last line says whether it does. A recording may hold several lives of the node,
// one after the other: -life N selects the Nth one. Without it, replay and step use all lives, and
// export the last one.
//
// show draws a script, recordings or a simulated cluster (package picture): as a page that needs no
// other file, as an image (-svg), or as a log that ShiViz reads (-shiviz). It draws what happens,
// not what the script expects. Recordings of several nodes become one picture, in which a message
// arrives after it was sent. GROUP is the number of the Raft group that a node belongs to, where
// there are several. -group draws one of them.
//
// stories writes a site: a page with a picture for each script, and an index by subject and by
// section of the thesis. Both stand in the comment at the top of a script.
//
// trace needs a binary that was built with -tags with_tla; any other binary exits with 1. It writes
// the state trace of a script, a recording or a simulated cluster to its output, as NDJSON that
// Traceetcdraft.tla reads (see raft.TraceLogger). It then reports on standard error whether the
// trace is a run of that specification, as far as it can check. The exit status is 1 if the trace
// is no such run. A recording shows one node and is not checked: a trace that can be validated
// shows all nodes of a cluster.
//
// help prints the reference of the script language.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/ffd200af/raft/rafttest"
)

// The exit statuses.
const (
	exitSame = iota
	exitDifferent
	exitBad
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// options are the flags of the command line.
type options struct {
	rewrite   bool
	ignoreLog bool
}

// run is main with everything that it needs from the process as arguments.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "trace" {
		return runTrace(args[1:], stdout, stderr)
	}
	if len(args) > 0 && args[0] == "show" {
		return runShow(args[1:], stdout, stderr)
	}
	if len(args) > 0 && args[0] == "stories" {
		return runStories(args[1:], stdout, stderr)
	}
	if len(args) == 1 && args[0] == "help" {
		fmt.Fprint(stdout, rafttest.Reference())
		return exitSame
	}
	if len(args) > 0 {
		if onRecordings(args[0]) != nil {
			return runRecordings(args[0], args[1:], stdout, stderr)
		}
	}
	var opts options
	flags := flag.NewFlagSet("raftscript", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&opts.rewrite, "rewrite", false, "write what happened into the files as their new expectations")
	flags.BoolVar(&opts.ignoreLog, "ignore-log", false, "do not compare log lines")
	flags.Usage = func() {
		fmt.Fprintln(stderr, "usage: raftscript [-rewrite] [-ignore-log] FILE...\n       raftscript replay|step|export [-life N] RECORDING...\n       "+showUsage+"\n       "+storiesUsage+"\n       "+traceUsage+"\n       raftscript help")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitSame
		}
		return exitBad
	}
	if flags.NArg() == 0 {
		flags.Usage()
		return exitBad
	}
	status := exitSame
	for _, path := range flags.Args() {
		same, err := runScript(path, opts, stdout)
		switch {
		case err != nil:
			fmt.Fprintf(stderr, "raftscript: %s: %v\n", path, err)
			status = exitBad
		case !same:
			status = max(status, exitDifferent)
		}
	}
	return status
}

// runScript runs the script in a file and prints the outcome. It reports whether everything went as
// expected, or does now because it was rewritten.
func runScript(path string, opts options, stdout io.Writer) (bool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	script, err := rafttest.ParseScript(bytes.NewReader(text))
	if err != nil {
		return false, err
	}
	if len(script.Blocks) == 0 {
		return false, errors.New("the script has no command")
	}
	outcomes := script.Run(nil)
	results := make([]string, len(outcomes))
	different := 0
	for i := range outcomes {
		o := &outcomes[i]
		expected, actual := o.Data.Expected, o.Actual
		results[i] = actual
		if opts.ignoreLog {
			expected, actual = withoutLog(expected), withoutLog(actual)
		}
		if expected == actual {
			results[i] = o.Data.Expected // its log lines may be another implementation's
			continue
		}
		different++
		if !opts.rewrite {
			fmt.Fprintf(stdout, "%s:%d: %s\n%s\n", path, o.Line, o.Directive, diff(expected, actual))
		}
	}
	switch {
	case different == 0:
		fmt.Fprintf(stdout, "%s: %d commands, as expected\n", path, len(outcomes))
		return true, nil
	case opts.rewrite:
		fmt.Fprintf(stdout, "%s: %d commands, %d rewritten\n", path, len(outcomes), different)
		return true, rewriteFile(path, script.Rewrite(results))
	}
	fmt.Fprintf(stdout, "%s: %d commands, %d differ\n", path, len(outcomes), different)
	return false, nil
}

func rewriteFile(path, text string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), info.Mode().Perm())
}

// withoutLog leaves out log lines. What printed nothing else prints ok, as a command does that has
// nothing to say.
func withoutLog(output string) string {
	var out strings.Builder
	for line := range strings.Lines(output) {
		if !isLogLine(line) {
			out.WriteString(line)
		}
	}
	if strings.TrimSpace(out.String()) == "" {
		return "ok\n"
	}
	return out.String()
}

func isLogLine(line string) bool {
	word, _, ok := strings.Cut(strings.TrimLeft(line, " "), " ")
	if !ok {
		return false
	}
	switch word {
	case "DEBUG", "INFO", "WARN", "ERROR", "FATAL":
		return true
	}
	return false
}
