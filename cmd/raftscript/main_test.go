package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ffd200af/raft/rafttest"
)

const (
	asExpected = "# A node on its own.\nlog-level error\n----\nok\n\nadd-nodes 1 voters=(1) index=2\n----\nok\n\n" +
		"raft-state\n----\n1: StateFollower (Voter) Term:0 Lead:0\n"
	differing = "log-level error\n----\nok\n\nadd-nodes 2 voters=(1,2) index=2\n----\nok\n\n" +
		"raft-state\n----\n1: StateFollower (Voter) Term:0 Lead:0\n3: StateLeader\n\n# the end\n"
	otherWords = "add-nodes 1 voters=(1) index=2\n----\nINFO other words\n\nlog-level warn\n----\n  WARN of nothing\nok\n"
)

// replayed is what a call of run on some scripts has done.
type replayed struct {
	status         int
	stdout, stderr string
	files          []string // the scripts afterwards
}

// replayScripts writes scripts to files, and runs the command on them. FILE<n> stands for their
// paths in what it has printed.
func replayScripts(t *testing.T, flags []string, scripts ...string) replayed {
	t.Helper()
	dir := t.TempDir()
	args := flags
	var names []string
	for i, text := range scripts {
		path := filepath.Join(dir, string(rune('a'+i))+".txt")
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
		names = append(names, path, "FILE"+string(rune('1'+i)))
	}
	var stdout, stderr bytes.Buffer
	r := replayed{status: run(args, &stdout, &stderr)}
	shorten := strings.NewReplacer(names...)
	r.stdout, r.stderr = shorten.Replace(stdout.String()), shorten.Replace(stderr.String())
	for i := range scripts {
		text, err := os.ReadFile(names[2*i])
		if err != nil {
			t.Fatal(err)
		}
		r.files = append(r.files, string(text))
	}
	return r
}

func (r replayed) want(t *testing.T, status int, stdout string) {
	t.Helper()
	if r.status != status || r.stdout != stdout {
		t.Errorf("status %d, want %d; output:\n%s\nwant:\n%s\nerrors: %s", r.status, status, r.stdout, stdout, r.stderr)
	}
}

func TestAScriptThatGoesAsExpectedIsStatus0(t *testing.T) {
	r := replayScripts(t, nil, asExpected)
	r.want(t, 0, "FILE1: 3 commands, as expected\n")
}

func TestADifferenceIsShownLineByLineAndIsStatus1(t *testing.T) {
	r := replayScripts(t, nil, asExpected, differing)
	r.want(t, 1, `FILE1: 3 commands, as expected
FILE2:9: raft-state
  1: StateFollower (Voter) Term:0 Lead:0
- 3: StateLeader
+ 2: StateFollower (Voter) Term:0 Lead:0

FILE2: 3 commands, 1 differ
`)
	if r.files[1] != differing {
		t.Error("the file was changed")
	}
}

func TestRewriteWritesWhatHappened(t *testing.T) {
	r := replayScripts(t, []string{"-rewrite"}, asExpected, differing)
	r.want(t, 0, "FILE1: 3 commands, as expected\nFILE2: 3 commands, 1 rewritten\n")
	if r.files[0] != asExpected {
		t.Errorf("a script that went as expected was changed:\n%s", r.files[0])
	}
	if want := strings.Replace(differing, "3: StateLeader", "2: StateFollower (Voter) Term:0 Lead:0", 1); r.files[1] != want {
		t.Errorf("rewritten:\n%s", r.files[1])
	}
	again := replayScripts(t, nil, r.files[1])
	again.want(t, 0, "FILE1: 3 commands, as expected\n")
}

func TestLogLinesCanBeIgnored(t *testing.T) {
	r := replayScripts(t, []string{"-ignore-log"}, otherWords)
	r.want(t, 0, "FILE1: 2 commands, as expected\n")
	if r := replayScripts(t, nil, otherWords); r.status != 1 {
		t.Errorf("with log lines: status %d", r.status)
	}
	// What else differs still counts, and log lines are not shown.
	r = replayScripts(t, []string{"-ignore-log"}, strings.Replace(otherWords, "INFO other words", "INFO other words\nno", 1))
	r.want(t, 1, "FILE1:1: add-nodes 1 voters=(1) index=2\n- no\n+ ok\n\nFILE1: 2 commands, 1 differ\n")
}

func TestRewriteKeepsTheWordsOfIgnoredLogLines(t *testing.T) {
	r := replayScripts(t, []string{"-rewrite", "-ignore-log"}, otherWords)
	r.want(t, 0, "FILE1: 2 commands, as expected\n")
	if r.files[0] != otherWords {
		t.Errorf("rewritten:\n%s", r.files[0])
	}
}

func TestABadScriptIsStatus2AndTheOthersAreStillPlayed(t *testing.T) {
	r := replayScripts(t, nil, "check\n", differing, asExpected)
	if r.status != 2 || r.stderr != "raftscript: FILE1: line 1: no line \"----\" behind the command \"check\"\n" {
		t.Errorf("status %d, errors: %s", r.status, r.stderr)
	}
	if !strings.Contains(r.stdout, "FILE2: 3 commands, 1 differ\n") || !strings.Contains(r.stdout, "FILE3: 3 commands, as expected\n") {
		t.Errorf("output:\n%s", r.stdout)
	}
}

func TestWrongUsageIsStatus2(t *testing.T) {
	for _, tc := range []struct {
		name   string
		args   []string
		status int
		stderr string
	}{
		{"no file", nil, 2, "usage: raftscript"},
		{"an unknown flag", []string{"-fast"}, 2, "flag provided but not defined"},
		{"a file that does not exist", []string{filepath.Join(t.TempDir(), "nothing")}, 2, "no such file"},
		{"a directory", []string{t.TempDir()}, 2, "is a directory"},
		{"a question for help", []string{"-h"}, 0, "usage: raftscript"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if status := run(tc.args, &stdout, &stderr); status != tc.status || !strings.Contains(stderr.String(), tc.stderr) {
				t.Errorf("status %d, errors: %s", status, &stderr)
			}
			if stdout.Len() > 0 {
				t.Errorf("output: %s", &stdout)
			}
		})
	}
}

func TestHelpPrintsTheReference(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run([]string{"help"}, &stdout, &stderr); status != 0 || stdout.String() != rafttest.Reference() || stderr.Len() > 0 {
		t.Errorf("status %d, errors: %s, output:\n%s", status, &stderr, &stdout)
	}
}

func TestLogLinesBeginWithALevel(t *testing.T) {
	for _, tc := range []struct{ output, want string }{
		{"ok\n", "ok\n"},
		{"", "ok\n"},
		{"INFO a\nDEBUG b\nWARN c\nERROR d\nFATAL e\n", "ok\n"},
		{"> 1 handling Ready\n  INFO a\n  INFO: b\n  INFORMATION c\n  an INFO\nINFO\n", "> 1 handling Ready\n  INFO: b\n  INFORMATION c\n  an INFO\nINFO\n"},
	} {
		if got := withoutLog(tc.output); got != tc.want {
			t.Errorf("without the log of %q: %q, want %q", tc.output, got, tc.want)
		}
	}
}

func TestDiffKeepsWhatIsCommon(t *testing.T) {
	for _, tc := range []struct{ name, expected, actual, want string }{
		{"same", "a\nb\n", "a\nb\n", "  a\n  b\n"},
		{"both empty", "", "", ""},
		{"all new", "", "a\nb\n", "+ a\n+ b\n"},
		{"all gone", "a\nb\n", "", "- a\n- b\n"},
		{"changed in the middle", "a\nb\nc\n", "a\nx\nc\n", "  a\n- b\n+ x\n  c\n"},
		{"moved", "a\nb\nc\nd\n", "b\nc\na\nd\n", "- a\n  b\n  c\n+ a\n  d\n"},
		{"one of two equal lines", "a\na\n", "a\n", "  a\n- a\n"},
		{"two changes", "h\na\nb\nc\nd\nt\n", "h\nb\nx\nd\ny\nt\n", "  h\n- a\n  b\n- c\n+ x\n  d\n+ y\n  t\n"},
		{"an empty line", "\n", "a\n", "- \n+ a\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := diff(tc.expected, tc.actual); got != tc.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, tc.want)
			}
		})
	}
}

func TestADiffOfHugeTextsShowsBothWhole(t *testing.T) {
	got := diff("h\n"+strings.Repeat("a\n", 3000), "h\n"+strings.Repeat("b\n", 3000))
	if want := "  h\n" + strings.Repeat("- a\n", 3000) + strings.Repeat("+ b\n", 3000); got != want {
		t.Errorf("%d bytes, want %d", len(got), len(want))
	}
}

func TestAScriptWithoutACommandIsNoSuccess(t *testing.T) {
	r := replayScripts(t, nil, "# Nothing but words.\n")
	r.want(t, exitBad, "")
}
