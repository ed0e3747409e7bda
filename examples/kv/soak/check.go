package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// model is one key. Its state is the value.
var model = porcupine.Model{
	Init: func() any { return uint32(absent) },
	Step: func(state, input, _ any) (bool, any) {
		ok, after := step(state.(uint32), input.(operation))
		return ok, after
	},
}

// step says whether an operation may have its outcome on a value, and which value follows.
func step(value uint32, op operation) (bool, uint32) {
	switch {
	case op.kind == get:
		return value == op.value, value
	case op.kind == put:
		return true, op.value
	case op.outcome == done:
		return value == op.expect, op.value
	case op.outcome == refused:
		return value != op.expect, value
	case value == op.expect:
		return true, op.value
	}
	return true, value
}

// check asks whether operations on one key are linearizable. A write without an answer may take
// effect at any time after its call, so that it never returns. A read without one says nothing.
func check(ops []operation, limit time.Duration) porcupine.CheckResult {
	var history []porcupine.Operation
	for i, op := range ops {
		o := porcupine.Operation{ClientId: i, Input: op, Call: int64(op.call), Return: int64(op.end)}
		if op.outcome == unknown {
			if op.kind == get {
				continue
			}
			o.Return = math.MaxInt64
		}
		history = append(history, o)
	}
	return porcupine.CheckOperationsTimeout(model, history, limit)
}

// result is the outcome of checking all keys.
type result struct {
	limit                                time.Duration
	keys, operations, unanswered, load   int // load is what was answered before the end
	notLinearizable, missing, notDecided []*key
}

// checkAll checks key by key: operations on different keys do not depend on one another.
func checkAll(keys []*key, limit time.Duration) result {
	r := result{limit: limit, keys: len(keys)}
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan *key)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for k := range next {
				answer := check(k.ops, limit)
				onlyEnd := answer == porcupine.Illegal && check(beforeEnd(k.ops), limit) == porcupine.Ok
				mu.Lock()
				r.add(k, answer, onlyEnd)
				mu.Unlock()
			}
		})
	}
	for _, k := range keys {
		next <- k
	}
	close(next)
	wg.Wait()
	return r
}

// beforeEnd leaves out the reads on each replica at the end.
func beforeEnd(ops []operation) []operation {
	return slices.DeleteFunc(slices.Clone(ops), func(op operation) bool { return op.atEnd })
}

func (r *result) add(k *key, answer porcupine.CheckResult, onlyEnd bool) {
	r.operations += len(k.ops)
	for _, op := range k.ops {
		switch {
		case op.outcome == unknown:
			r.unanswered++
		case !op.atEnd:
			r.load++
		}
	}
	switch {
	case answer == porcupine.Unknown:
		r.notDecided = append(r.notDecided, k)
	case onlyEnd:
		r.missing = append(r.missing, k)
	case answer == porcupine.Illegal:
		r.notLinearizable = append(r.notLinearizable, k)
	}
}

func (r result) String() string {
	return fmt.Sprintf("%d operations on %d keys were checked, %d of them without an answer. %d keys are not linearizable, "+
		"%d lack a write at the end, and %d took longer than %v to check.", r.operations, r.keys, r.unanswered,
		len(r.notLinearizable), len(r.missing), len(r.notDecided), r.limit)
}

// verdict writes the histories of the keys that failed into dir.
func (r result) verdict(dir string) error {
	var failed []error
	if r.load == 0 {
		failed = append(failed, errors.New("no operation was answered"))
	}
	for _, f := range []struct {
		keys []*key
		text string
	}{
		{r.notLinearizable, "the history of key %s is not linearizable"},
		{r.missing, "a write to key %s is missing, or one that was replaced is back, on a replica at the end"},
		{r.notDecided, "the history of key %s takes too long to check"},
	} {
		for i, k := range f.keys {
			if i == 10 {
				failed = append(failed, fmt.Errorf("and %d keys more", len(f.keys)-i))
				break
			}
			file := filepath.Join(dir, "history-"+k.name)
			err := os.WriteFile(file, []byte(describe(k.ops)), 0o644)
			failed = append(failed, fmt.Errorf(f.text+": see %s", k.name, file), err)
		}
	}
	return errors.Join(failed...)
}

// describe lists operations in the order of their calls.
func describe(ops []operation) string {
	var b strings.Builder
	for _, op := range slices.SortedFunc(slices.Values(ops), func(a, b operation) int { return cmp.Compare(a.call, b.call) }) {
		fmt.Fprintf(&b, "%v to %v, replica %d: %s\n", op.call, op.end, op.replica, op)
	}
	return b.String()
}

func (op operation) String() string {
	outcome := []string{"no answer", "done", "refused"}[op.outcome]
	switch {
	case op.kind == get && op.outcome == done:
		return "get = " + value(op.value)
	case op.kind == get:
		return "get: " + outcome
	case op.kind == put:
		return fmt.Sprintf("put %s: %s", value(op.value), outcome)
	}
	return fmt.Sprintf("put %s if %s: %s", value(op.value), value(op.expect), outcome)
}

func value(n uint32) string {
	if n == absent {
		return "absent"
	}
	return fmt.Sprint(n)
}
