package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The table in docs is about the code as it is: every rule can still be taken out, and stands there
// with somebody who noticed.
func TestEveryRuleCanBeTakenOutAndStandsInTheTable(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "mutations.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := parse(string(text))
	names := map[string]bool{}
	for _, s := range subjects() {
		for _, r := range s.removals {
			if names[r.name] {
				t.Errorf("two rules are called %s", r.name)
			}
			names[r.name] = true
			if _, err := r.changed(root); err != nil {
				t.Error(err)
			}
			switch row, ok := rows[r.name]; {
			case !ok:
				t.Errorf("docs/mutations.md does not have %s as it is now", r.name)
			case !row.noticed():
				t.Errorf("nobody notices when %s is taken out", r.name)
			}
		}
	}
	if n := strings.Count(string(text), "\n| `"); n != len(names) {
		t.Errorf("docs/mutations.md has %d rules, and there are %d", n, len(names))
	}
}

func TestEachBugIsKeptOut(t *testing.T) {
	against := rulesAgainst()
	for i, b := range bugs() {
		if b.number != i+1 {
			t.Errorf("bug %d stands at place %d", b.number, i+1)
		}
		if (len(against[b.number]) == 0) != (b.otherwise != "") {
			t.Errorf("bug %d is kept out by the rules %v, and otherwise by %q", b.number, against[b.number], b.otherwise)
		}
	}
}

func TestWhoNotices(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the simulator")
	}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	l := laboratory{root: root, bounds: bounds{seeds: 200, timeout: time.Minute, memory: 4 << 20}}
	for _, r := range []removal{
		electionRemovals()[0],
		{"nothing", "a comment is no rule", "", []edit{{"commit.go", "package raft", "package raft // the core"}}},
	} {
		dir := t.TempDir()
		overlay, err := r.overlay(root, dir)
		if err != nil {
			t.Fatal(err)
		}
		var o outcome
		if err := l.simulate(&o, dir, overlay); err != nil {
			t.Fatal(err)
		}
		if o.noticed() != (r.name != "nothing") {
			t.Errorf("%s: %s", r.name, &o)
		}
	}
}

func TestWhatCannotBeTakenOutIsAnError(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]edit{
		"not there":       {"commit.go", "no such text", ""},
		"there twice":     {"commit.go", "return", ""},
		"a comment":       {"commit.go", "// advanceCommit applies", ""},
		"no file":         {"no.go", "", ""},
		"no Go afterward": {"commit.go", "package raft", "package"},
	} {
		r := removal{name: name, edits: []edit{e}}
		if _, err := r.changed(root); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	var out, errs bytes.Buffer
	for _, args := range []string{"-only no-such-rule", "one-vote", "-seeds 0 -only one-vote", "-jobs 0 -only one-vote", "-only one-vote -write " + t.TempDir()} {
		if got := run(strings.Fields(args), &out, &errs); got != exitBad {
			t.Errorf("%s: exit status %d", args, got)
		}
	}
}

// A go command that fails before it runs a test has noticed nothing.
func TestTestsThatAreNotRunNoticeNothing(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	l := laboratory{root: root, bounds: bounds{seeds: 1, timeout: time.Minute, memory: 4 << 20}}
	var o outcome
	if err := l.test(&o, "", "./cmd/no-such-package"); err == nil || o.noticed() {
		t.Errorf("%v, noticed by %s", err, &o)
	}
}

func TestAnOverlayIsWrittenForOneRule(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	var out, errs bytes.Buffer
	if status := run([]string{"-only", "own-term", "-overlay", dir}, &out, &errs); status != exitNoticed {
		t.Fatalf("status %d: %s", status, &errs)
	}
	name := filepath.Join(dir, "overlay.json")
	if text, err := os.ReadFile(name); err != nil || out.String() != name+"\n" || !bytes.Contains(text, []byte("commit.go")) {
		t.Errorf("%v: %s, %s", err, &out, text)
	}
	for _, args := range [][]string{{"-overlay", dir}, {"-only", "own-term,one-vote", "-overlay", dir}} {
		if status := run(args, &out, &errs); status != exitBad {
			t.Errorf("%v: status %d", args, status)
		}
	}
}
