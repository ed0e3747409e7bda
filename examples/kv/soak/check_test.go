package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// at gives an operation its times and outcome.
func at(call, end time.Duration, op operation, o outcome) operation {
	op.call, op.end, op.outcome = call, end, o
	return op
}

func puts(v uint32) operation          { return operation{kind: put, value: v} }
func gets(v uint32) operation          { return operation{kind: get, value: v} }
func swaps(expect, v uint32) operation { return operation{kind: swap, expect: expect, value: v} }
func end(op operation) operation       { op.atEnd = true; return op }

var histories = []struct {
	name string
	want porcupine.CheckResult
	ops  []operation
}{
	{"sequence", porcupine.Ok, []operation{
		at(1, 2, gets(absent), done), at(3, 4, puts(1), done), at(5, 6, swaps(1, 2), done), at(7, 8, swaps(1, 3), refused),
		at(9, 10, gets(2), done), at(11, 12, puts(absent), done), at(13, 14, swaps(absent, 4), done), at(15, 16, gets(4), done)}},
	{"lost write", porcupine.Illegal, []operation{at(1, 2, puts(1), done), at(3, 4, gets(absent), done)}},
	{"stale read", porcupine.Illegal, []operation{
		at(1, 2, puts(1), done), at(3, 4, puts(2), done), at(5, 6, gets(2), done), at(7, 8, gets(1), done)}},
	{"concurrent writes", porcupine.Ok, []operation{at(1, 5, puts(1), done), at(2, 4, puts(2), done), at(6, 7, gets(1), done)}},
	{"deletion undone", porcupine.Illegal, []operation{
		at(1, 2, puts(1), done), at(3, 4, puts(absent), done), at(5, 6, gets(1), done)}},
	{"swap without its condition", porcupine.Illegal, []operation{at(1, 2, puts(1), done), at(3, 4, swaps(2, 3), done)}},
	{"refused although the condition holds", porcupine.Illegal, []operation{
		at(1, 2, puts(1), done), at(3, 4, swaps(1, 2), refused)}},
	{"two swaps of one value", porcupine.Illegal, []operation{
		at(1, 2, puts(1), done), at(3, 6, swaps(1, 2), done), at(4, 5, swaps(1, 3), done)}},
	{"refused write has an effect", porcupine.Illegal, []operation{at(1, 2, swaps(5, 1), refused), at(3, 4, gets(1), done)}},
	{"write without an answer, late", porcupine.Ok, []operation{
		at(1, 2, puts(1), unknown), at(3, 4, puts(2), done), at(5, 6, gets(2), done), at(7, 8, gets(1), done)}},
	{"write without an answer, never", porcupine.Ok, []operation{
		at(1, 2, puts(1), unknown), at(3, 4, puts(2), done), at(5, 6, gets(2), done)}},
	{"write without an answer, twice", porcupine.Illegal, []operation{
		at(1, 2, puts(1), unknown), at(3, 4, gets(1), done), at(5, 6, puts(2), done), at(7, 8, gets(1), done)}},
	{"swap without an answer", porcupine.Ok, []operation{
		at(1, 2, puts(1), done), at(3, 4, swaps(1, 2), unknown), at(5, 6, gets(1), done), at(7, 8, gets(2), done)}},
	{"swap without an answer and its condition", porcupine.Illegal, []operation{
		at(1, 2, swaps(3, 4), unknown), at(5, 6, gets(4), done)}},
	{"read without an answer", porcupine.Ok, []operation{at(1, 2, puts(1), done), at(3, 4, gets(absent), unknown)}},
}

func TestAWrongHistoryIsNotLinearizable(t *testing.T) {
	for _, h := range histories {
		if got := check(h.ops, patience); got != h.want {
			t.Errorf("%s: %s, want %s", h.name, got, h.want)
		}
	}
}

func TestTheVerdictNamesTheKeyAndWritesItsHistory(t *testing.T) {
	keys := []*key{
		{name: "good", ops: []operation{at(1, 2, puts(1), done), at(3, 4, puts(2), unknown), end(at(5, 6, gets(1), done))}},
		{name: "stale", ops: []operation{at(3, 4, gets(absent), done), at(1, 2, puts(1), done)}},
		{name: "lost", ops: []operation{at(1, 2, puts(1), done), end(at(5, 6, gets(absent), done))}},
	}
	r := checkAll(keys, patience)
	if want := "7 operations on 3 keys were checked, 1 of them without an answer. 1 keys are not linearizable, 1 lack"; !strings.HasPrefix(r.String(), want) {
		t.Errorf("no %q in %s", want, r)
	}
	dir := t.TempDir()
	err := r.verdict(dir)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"of key stale is not linearizable", "a write to key lost is missing"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "good") {
		t.Error(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "history-stale"))
	if want := "1ns to 2ns, replica 0: put 1: done\n3ns to 4ns, replica 0: get = absent\n"; err != nil || string(got) != want {
		t.Errorf("%s, %v, want %s", got, err, want)
	}
	if err := checkAll(keys[:1], patience).verdict(dir); err != nil {
		t.Error(err)
	}
}

func TestAHistoryThatTakesTooLongFails(t *testing.T) {
	hard := &key{name: "hard", ops: []operation{at(100, 101, gets(1000), done)}}
	for i := range 60 { // each subset of them is a state to look at
		hard.ops = append(hard.ops, at(1, 2, puts(uint32(i+1)), unknown))
	}
	err := checkAll([]*key{hard}, 20*time.Millisecond).verdict(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "key hard takes too long") {
		t.Error(err)
	}
}

func TestARunWithoutLoadFails(t *testing.T) {
	k := &key{name: "k", ops: []operation{at(1, 2, puts(1), unknown), end(at(3, 4, gets(1), done))}}
	if err := checkAll([]*key{k}, patience).verdict(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no operation was answered") {
		t.Error(err)
	}
}

func TestManyWrongKeysAreCounted(t *testing.T) {
	var r result
	for range 13 {
		r.missing = append(r.missing, &key{name: "k"})
	}
	if err := r.verdict(t.TempDir()); !strings.Contains(err.Error(), "and 3 keys more") {
		t.Error(err)
	}
}

func TestOperationsAreDescribed(t *testing.T) {
	for want, op := range map[string]operation{
		"get = 7":                    at(0, 0, gets(7), done),
		"get: no answer":             at(0, 0, gets(0), unknown),
		"put absent: done":           at(0, 0, puts(absent), done),
		"put 3 if absent: refused":   at(0, 0, swaps(absent, 3), refused),
		"put absent if 3: no answer": at(0, 0, swaps(3, absent), unknown),
	} {
		if got := op.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
