package run

import (
	"flag"
	"strings"
	"testing"
)

// without is given when these tests run with a library that lacks a rule: see
// TestEachLessonBreaksWithoutItsRule in the folder above.
var without = flag.String("without", "", "rule that the library lacks")

// With its rules, the library breaks nothing in any lesson, and each lesson says what it shows.
func TestNothingBreaksInALessonWithTheRule(t *testing.T) {
	for _, l := range Lessons() {
		t.Run(l.Rule, func(t *testing.T) {
			r, err := NewLesson(l.Rule)
			if err != nil {
				t.Fatal(err)
			}
			said, last := 0, 0
			for r.At() < r.Len() {
				beats(t, r, 1)
				if v := r.View(); v.Said != last {
					last = v.Said
					said++
				}
			}
			if said != len(l.steps) {
				t.Errorf("%d comments in %d steps", said, len(l.steps))
			}
			if broken := r.View().Broken; len(broken) > 0 {
				t.Error(broken)
			}
			script, err := r.Script()
			if err != nil {
				t.Fatal(err)
			}
			replays(t, script)
		})
	}
}

func TestSomethingBreaksInTheLessonWithoutTheRule(t *testing.T) {
	if *without == "" {
		t.Skip("the library lacks no rule")
	}
	r, err := NewLesson(*without)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Goto(r.Len()); err != nil {
		t.Fatal(err)
	}
	t.Log(strings.Join(r.View().Broken, "\n"))
	if len(r.View().Broken) == 0 {
		t.Error("nothing breaks")
	}
	r.SetWithout(*without)
	script, err := r.Script()
	if err != nil {
		t.Fatal(err)
	}
	replays(t, script)
	sameWhenOpened(t, script, r)
}

func TestTheLastCommentStaysUntilTheRunTakesItsOwnWay(t *testing.T) {
	r, err := Open(strings.NewReader("# About it.\nadd-nodes 1 voters=(1) index=2\n----\nok\n\ncampaign 1\n----\nok\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Begin(); err != nil || r.At() != 1 {
		t.Fatalf("begins at %d: %v", r.At(), err)
	}
	beats(t, r, 1)
	if v := r.View(); v.Comment != "About it." || v.Said != 1 {
		t.Errorf("%q, said at %d", v.Comment, v.Said)
	}
	beats(t, r, 1)
	if v := r.View(); v.Comment != "" {
		t.Errorf("%q after the end of the script", v.Comment)
	}
}
