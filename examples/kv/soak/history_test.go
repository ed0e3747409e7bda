package main

import (
	"math/rand/v2"
	"testing"
)

func TestAKeyIsReplacedBeforeItsHistoryIsTooLong(t *testing.T) {
	h, rng := newHistory(1), rand.New(rand.NewPCG(1, 1))
	count := map[kind]int{}
	deletions := 0
	for range 3 * maxOperations {
		k, op := h.draw(rng)
		count[op.kind]++
		if op.kind != get && op.value == absent {
			deletions++
		}
		op.outcome = done
		h.record(k, op)
	}
	if len(h.keys) != 3 || len(h.keys[0].ops) != maxOperations || h.keys[0].name == h.keys[1].name {
		t.Errorf("%d keys, %d operations on the first", len(h.keys), len(h.keys[0].ops))
	}
	if count[get] < 400 || count[put] < 300 || count[swap] < 200 || deletions < 100 {
		t.Error(count, deletions)
	}
}

func TestAKeyIsReplacedAfterWritesWithoutAnAnswer(t *testing.T) {
	h, rng := newHistory(1), rand.New(rand.NewPCG(1, 1))
	first := h.keys[0]
	for range maxUnknown {
		if k, _ := h.draw(rng); k != first {
			t.Fatalf("key %s is in use after %d writes", k.name, first.unknown)
		}
		h.record(first, puts(1))
		h.record(first, gets(0)) // does not count
	}
	if k, _ := h.draw(rng); k == first {
		t.Errorf("it is still in use after %d writes", k.unknown)
	}
}

func TestConditionsNameTheLatestKnownValue(t *testing.T) {
	h, rng := newHistory(1), rand.New(rand.NewPCG(1, 1))
	h.record(h.keys[0], at(1, 2, gets(7), done))
	h.record(h.keys[0], at(3, 4, puts(8), unknown))
	deletions := 0
	for range 200 {
		_, op := h.draw(rng)
		if op.kind != swap {
			continue
		}
		if op.expect != 7 {
			t.Fatal(op)
		}
		if op.value == absent {
			deletions++
		}
	}
	if deletions == 0 {
		t.Error("no deletion has a condition")
	}
}
