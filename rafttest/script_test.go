package rafttest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
)

// Every command has its script: what it prints, and how it refuses what is written wrongly.
func TestScripts(t *testing.T) {
	// Not Walk: what a failing random test leaves in testdata is no script.
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			env := NewInteractionEnv(nil)
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				return env.Handle(t, *d)
			})
			if err := env.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestEveryCommandHasAScript(t *testing.T) {
	unseen := map[string]bool{}
	for name := range commands() {
		unseen[name] = true
	}
	for _, s := range readScripts(t) {
		script, err := ParseScript(strings.NewReader(s))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range script.Blocks {
			delete(unseen, b.Data.Cmd)
		}
	}
	if len(unseen) > 0 {
		t.Errorf("in no script of testdata: %v", unseen)
	}
}

// readScripts returns the scripts of testdata by path.
func readScripts(t testing.TB) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	scripts := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		scripts[path] = string(text)
	}
	return scripts
}

func TestReplayFindsWhatTheScriptsExpect(t *testing.T) {
	for path, text := range readScripts(t) {
		outcomes, err := Replay(strings.NewReader(text), nil)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		for _, o := range outcomes {
			if diff := cmp.Diff(o.Data.Expected, o.Actual); diff != "" {
				t.Errorf("%s:%d: %s\n%s", path, o.Line, o.Data.FullCmd(), diff)
			}
		}
	}
}

func TestRewritingAScriptWithWhatItExpectsChangesNothing(t *testing.T) {
	scripts := readScripts(t)
	scripts["comments, subtests, blank lines"] = "# a\n\n  # b\ncheck\n----\nok\n\nsubtest one\n\ncheck\n----\n----\na\n\nb\n----\n----\n\nsubtest end\n\n# the end\n"
	scripts["no command"] = "# nothing\n"
	for name, text := range scripts {
		script, err := ParseScript(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var expected []string
		for _, b := range script.Blocks {
			expected = append(expected, b.Data.Expected)
		}
		if diff := cmp.Diff(text, script.Rewrite(expected)); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
}

func TestRewriteChoosesTheFormThatCanHoldTheOutput(t *testing.T) {
	script, err := ParseScript(strings.NewReader("# c\ncheck \\\n   a=1\nbody\n\nmore\n----\nold\n"))
	if err != nil {
		t.Fatal(err)
	}
	const head = "# c\ncheck \\\n   a=1\nbody\n\nmore\n----\n"
	for _, tc := range []struct{ name, actual, want string }{
		{"a line", "new\n", head + "new\n"},
		{"without a newline", "new", head + "new\n"},
		{"nothing", "", head},
		{"a blank line", "a\n\nb\n", head + "----\na\n\nb\n----\n----\n"},
		{"a line of blanks", "a\n \nb\n", head + "----\na\n \nb\n----\n----\n"},
		{"a separator", "a\n----\n", head + "----\na\n----\n----\n----\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := script.Rewrite([]string{tc.actual})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Fatal(diff)
			}
		})
	}
}

// What this package reads from a script is what datadriven reads from it.
func TestScriptsAreReadAsDatadrivenReadsThem(t *testing.T) {
	scripts := readScripts(t)
	scripts["forms"] = "# c\n\none a=(b, c) \\\n  d\nbody\n\n  more\n----\nexpected\n  indented\n\n\n" +
		"two\n----\n----\nwith\n\nblank\n----\nline\n----\n----\n\nthree\n----\n\nfour\n----\nlast"
	for name, text := range scripts {
		script, err := ParseScript(strings.NewReader(text))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		at := 0
		datadriven.RunTestFromString(t, text, func(t *testing.T, want *datadriven.TestData) string {
			got := script.Blocks[at].Data
			line := script.Blocks[at].Line
			at++
			if got.Cmd != want.Cmd || got.FullCmd() != want.FullCmd() || got.Input != want.Input || got.Expected != want.Expected ||
				want.Pos != fmt.Sprintf("<string>:%d", line) {
				t.Errorf("%s, line %d: got %+v, want %+v", name, line, got, *want)
			}
			return want.Expected
		})
		if at != len(script.Blocks) {
			t.Errorf("%s: %d blocks, datadriven has %d", name, len(script.Blocks), at)
		}
	}
}

func TestMalformedScriptsAreErrors(t *testing.T) {
	for _, tc := range []struct{ name, script, want string }{
		{"no separator", "check\nok\n", `line 1: no line "----" behind the command "check"`},
		{"no separator after a comment", "# c\n\ncheck", `line 3: no line "----" behind the command "check"`},
		{"unfinished list", "check a=(1\n----\n", "line 1: cannot parse directive"},
		{"unfinished output", "check\n----\n----\nok\n\n", "line 1: expected output that began with two lines"},
		{"text behind the output", "check\n----\n----\nok\n----\n----\ncheck\n", "line 7: a blank line must follow"},
		{"an argument without a name", "check\n----\nok\n\ncheck =3\n----\n", "line 5: cannot parse directive"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			outcomes, err := Replay(strings.NewReader(tc.script), nil)
			if err == nil || !strings.Contains(err.Error(), tc.want) || outcomes != nil {
				t.Errorf("%v, %v; want %s", outcomes, err, tc.want)
			}
		})
	}
}

func TestASeriesOfCommandsIsAnOutcomeEach(t *testing.T) {
	outcomes, err := Replay(strings.NewReader("# c\nadd-nodes 1\n----\nsomething else\n\nnonsense\n----\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range outcomes {
		got = append(got, fmt.Sprintf("%d %s: %q %q", o.Line, o.Data.Cmd, o.Data.Expected, o.Actual[strings.LastIndex(strings.TrimSpace(o.Actual), "\n")+1:]))
	}
	if len(got) != 2 || !strings.HasPrefix(got[0], `2 add-nodes: "something else\n" "INFO 1 `) || got[1] != `6 nonsense: "" "unknown command \"nonsense\"\n"` {
		t.Errorf("%q", got)
	}
}

// FuzzReplay: no script makes the library or this package panic, and the same script prints the
// same.
func FuzzReplay(f *testing.F) {
	for _, text := range readScripts(f) {
		script, err := ParseScript(strings.NewReader(text))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(script.Rewrite(make([]string, len(script.Blocks)))) // short, without what they expect
	}
	f.Add("add-nodes 1 voters=(1) index=2\n----\n\ncampaign 1\n----\n\nstabilize\n----\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			return
		}
		script, err := ParseScript(strings.NewReader(text))
		if err != nil {
			return
		}
		first := script.Run(nil)
		for i, again := range script.Run(nil) {
			if again.Actual != first[i].Actual {
				t.Fatalf("line %d prints %q, and then %q", again.Line, first[i].Actual, again.Actual)
			}
		}
	})
}
