package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestRewriteImportsChangesImportsOnly(t *testing.T) {
	const file = `// Package x speaks of a/raft.
package x

import (
	"fmt"
	"fmt"

	raft "a/raft" // as a/raft
	_ "a/raft/raftpb"
	"a/rafting"
)

var path = "a/raft"
`
	const want = `// Package x speaks of a/raft.
package x

import (
	"fmt"
	"fmt"

	raft "b/c/v3" // as a/raft
	_ "b/c/v3/raftpb"
	"a/rafting"
)

var path = "a/raft"
`
	got, err := rewriteImports([]byte(file), "a/raft", "b/c/v3")
	if err != nil || string(got) != want {
		t.Errorf("got %v\n%s", err, got)
	}
	if _, err := rewriteImports([]byte("package"), "a", "b"); err == nil {
		t.Error("a file that is no Go file is rewritten")
	}
}

func TestACopyOfThisTreeHasNoTraceOfItsPath(t *testing.T) {
	_, ours, err := libraries()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := ours.copyTo(dir, "example.com/old/raft", true); err != nil {
		t.Fatal(err)
	}
	gomod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil || !strings.HasPrefix(string(gomod), "module example.com/old/raft\n") {
		t.Errorf("go.mod: %v\n%s", err, gomod)
	}
	if n := strings.Count(string(gomod), "\ngo "); n != 1 {
		t.Errorf("%d go lines in\n%s", n, gomod)
	}
	if _, err := output(dir, []string{"GOWORK=off", "GOFLAGS=-mod=mod"}, "go", "vet", ".", "./raftpb"); err != nil {
		t.Error(err)
	}
	imports, err := output(dir, []string{"GOWORK=off"}, "go", "list", "-f", "{{.Imports}}", "./...")
	if err != nil || strings.Contains(string(imports), ourPath) {
		t.Errorf("imports: %v\n%s", err, imports)
	}
}

func TestResultsOfEvents(t *testing.T) {
	const events = `{"Action":"start"}
{"Action":"run","Test":"TestA"}
{"Action":"run","Test":"TestA/x"}
{"Action":"output","Test":"TestA/x","Output":"why\n"}
{"Action":"fail","Test":"TestA/x"}
{"Action":"run","Test":"TestA/y"}
{"Action":"pass","Test":"TestA/y"}
{"Action":"fail","Test":"TestA"}
{"Action":"run","Test":"TestB"}
{"Action":"skip","Test":"TestB"}
no event
{"Action":"run","Test":"TestC"}
{"Action":"pass","Test":"TestC"}
{"Action":"run","Test":"TestD"}
{"Action":"output","Test":"TestD","Output":"panic: here\n"}
{"Action":"fail"}`
	r, ends := newResults(), 0
	if err := r.read(strings.NewReader(events), func() { ends++ }); err != nil {
		t.Fatal(err)
	}
	if ends != 5 {
		t.Errorf("%d tests ended", ends)
	}
	if pass, all := r.counts(); pass != 2 || all != 5 {
		t.Errorf("%d of %d pass", pass, all)
	}
	if got, want := r.failures(), []string{"TestA/x", "TestD"}; !slices.Equal(got, want) {
		t.Errorf("failures %q, want %q", got, want)
	}
	if r.outcomes["TestD"] != unended || r.outputs["TestD"][0] != "panic: here\n" || r.outputs["TestA/x"][0] != "why\n" {
		t.Errorf("%v %q", r.outcomes, r.outputs)
	}
}

func TestTheOutputOfAFailureIsItsTail(t *testing.T) {
	var hang, crash tail
	for i := range 100 {
		hang.add(fmt.Sprint(i))
		crash.add(fmt.Sprint(i))
	}
	for range 100 {
		hang.add("    logger.go:146: stopping\n")
	}
	hang.add("SIGQUIT: quit\n")
	crash.add("panic: why\n")
	for range 100 {
		hang.add("stack")
		crash.add("stack")
	}
	if got := hang.text(); len(got) != keptLines || got[keptLines-1] != "99" {
		t.Errorf("hang: %q", got)
	}
	if got := crash.text(); len(got) != keptLines || got[0] != "panic: why\n" {
		t.Errorf("crash: %q", got)
	}
}

func TestTheWorstOfRepeatedRunsCounts(t *testing.T) {
	r := newResults()
	r.set("TestA", passed, nil)
	r.set("TestA", failed, []string{"once"})
	r.set("TestA", passed, nil)
	if r.outcomes["TestA"] != failed || r.outputs["TestA"][0] != "once" {
		t.Errorf("%v %q", r.outcomes, r.outputs)
	}
}

func TestWorseNamesWhatPassesWithTheOtherSideOnly(t *testing.T) {
	theirs, ours := newResults(), newResults()
	for test, o := range map[string][2]outcome{
		"TestA":      {passed, failed},
		"TestA/x":    {passed, failed},
		"TestA/y":    {passed, passed},
		"TestB":      {failed, failed},
		"TestC":      {failed, passed},
		"TestHangs":  {passed, unended},
		"TestSkips":  {passed, skipped},
		"TestAbsent": {passed, 0},
	} {
		theirs.set(test, o[0], nil)
		ours.set(test, o[1], nil)
	}
	if got, want := theirs.worse(ours), []string{"TestA/x", "TestAbsent", "TestHangs"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestGroupsHaveNoNameTwice(t *testing.T) {
	packages := []string{"a/wal", "b/snap", "c/wal", "d/wal/v3", "e/x"}
	var names [][]string
	for _, group := range groups(packages) {
		var of []string
		for _, i := range group {
			of = append(of, packages[i])
		}
		names = append(names, of)
	}
	want := [][]string{{"a/wal", "b/snap", "e/x"}, {"c/wal"}, {"d/wal/v3"}}
	if !slices.EqualFunc(names, want, slices.Equal) {
		t.Errorf("got %q, want %q", names, want)
	}
}

func TestComplaintsAreThoseOfThePackage(t *testing.T) {
	const text = "go test -c a/b a/bc: exit status 1\n# a/b [a/b.test]\nx.go:1: b\n# a/bc [a/bc.test]\ny.go:1: bc\n"
	for pkg, want := range map[string]string{"a/b": "# a/b [a/b.test]\nx.go:1: b\n", "a/bc": "# a/bc [a/bc.test]\ny.go:1: bc\n\n", "a/c": text} {
		if got := complaints(text, pkg); got != want {
			t.Errorf("%s: %q, want %q", pkg, got, want)
		}
	}
}

func TestEveryRowOfTheTableCanRun(t *testing.T) {
	for _, p := range table {
		for _, s := range p.suites {
			if _, err := regexp.Compile(s.short); err != nil {
				t.Errorf("%s %s: %v", p.name, s.dir, err)
			}
			if len(p.own) == 0 && !slices.ContainsFunc(p.modules, func(m module) bool { return m.dir == s.dir }) {
				t.Errorf("%s: no module in %s", p.name, s.dir)
			}
		}
	}
}

func TestAnEditThatDoesNotFitIsAnError(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.go")
	if err := os.WriteFile(file, []byte("x y x"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := (&edit{"a.go", "x", "&x"}).apply(dir); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "&x y &x" {
		t.Errorf("%v %q", err, text)
	}
	if (&edit{"a.go", "z", "x"}).apply(dir) == nil || (&edit{"b.go", "x", "z"}).apply(dir) == nil {
		t.Error("an edit of what is not there is no error")
	}
}

func TestSelected(t *testing.T) {
	p := &program{name: "p", suites: []suite{
		{dir: "a", packages: []string{"./x/...", "./y"}, short: "."},
		{dir: ".", packages: []string{"./z"}},
	}}
	names := func(opts options) (out []string) {
		for _, s := range p.selected(opts) {
			out = append(out, s.packages...)
		}
		return out
	}
	for _, test := range []struct {
		opts options
		want []string
	}{
		{options{}, []string{"./x/...", "./y", "./z"}},
		{options{short: true}, []string{"./x/...", "./y"}},
		{options{only: []string{"p/a/y", "p/z"}}, []string{"./y", "./z"}},
		{options{only: []string{"p/a/x/deep"}}, []string{"./x/..."}},
		{options{only: []string{"p/a/y/deep", "p/z/deep", "q", "p/a/xx"}}, nil},
		{options{only: []string{"p"}}, []string{"./x/...", "./y", "./z"}},
	} {
		if got := names(test.opts); !slices.Equal(got, test.want) {
			t.Errorf("%+v: got %q, want %q", test.opts, got, test.want)
		}
	}
}

func TestReasonIsThatOfTheTestOrOfItsParent(t *testing.T) {
	p := &program{accepted: map[string]string{"TestA": "a", "TestB/x": "x"}}
	for test, want := range map[string]string{"TestA": "a", "TestA/y/z": "a", "TestB": "", "TestB/x": "x", "TestB/x/y": "x", "TestB/xy": "", "TestC": ""} {
		if got := p.reason(test); got != want {
			t.Errorf("%s: %q, want %q", test, got, want)
		}
	}
}

// A package whose tests panic and hang, as the processes of programs do.
const badTests = `package bad

import (
	"os"
	"testing"
)

func TestPasses(t *testing.T) {}
func TestPanics(t *testing.T) { panic("on purpose") }
func TestFails(t *testing.T)  { t.Run("here", func(t *testing.T) { t.Fatal("on purpose") }) }
func TestExits(t *testing.T)  { os.Exit(3) }
func TestHangs(t *testing.T)  { select {} }
func TestLast(t *testing.T)   {}
func Example()                { println("no test: it has no output") }
`

func TestOtherTestsOfThePackageRunAfterAPanicAnExitAndAHang(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module bad\n\ngo 1.21\n", "bad_test.go": badTests} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := &side{dir: dir, base: t.TempDir(), p: &program{name: "p"}}
	binaries, err := s.build(options{}, suite{dir: ".", packages: []string{"./..."}})
	if err != nil || len(binaries) != 1 || binaries[0].file == "" {
		t.Fatalf("%v %+v", err, binaries)
	}
	// The hang is ended when no test has ended for the stall: it cannot end by itself.
	got, err := binaries[0].run(options{stall: time.Second}, "", 1)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]outcome{"TestPasses": passed, "TestPanics": failed, "TestFails": failed, "TestFails/here": failed,
		"TestExits": unended, "TestHangs": unended, "TestLast": passed}
	for test, o := range want {
		if min(got.outcomes[test], failed) != min(o, failed) {
			t.Errorf("%s %v, want %v", test, got.outcomes[test], o)
		}
	}
	if len(got.outcomes) != len(want) {
		t.Errorf("got %v", got.outcomes)
	}
	if _, err := os.Stat(filepath.Join(s.base, "output", "p.json")); err != nil {
		t.Error(err)
	}
}

func TestTheRateOfABenchmark(t *testing.T) {
	got, err := putRate([]byte("\nSummary:\n  Total:\t2.1 secs.\n  Requests/sec:\t9512.3456\n\nResponse time histogram:\n"))
	if err != nil || got != 9512.3456 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := putRate([]byte("nothing")); err == nil {
		t.Error("no error without a rate")
	}
}

func TestTheMedianOfEachFigure(t *testing.T) {
	got := median([]measured{{10, 3}, {30, 1}, {20, 2}})
	if got != (measured{20, 2}) {
		t.Errorf("got %v", got)
	}
}
