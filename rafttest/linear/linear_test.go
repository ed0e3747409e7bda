package linear

import (
	"flag"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/ffd200af/raft/rafttest/sim"
)

var (
	seeds = flag.Int("seeds", 60, "how many seeds to run")
	from  = flag.Uint64("from", 1, "the first seed")
)

// patience bounds the search in one history. What takes longer is counted as unknown and told; more
// than a tenth of that fails the test.
const patience = 2 * time.Second

// model is a register per key, which can be set, appended to, and read. An output of nil is
// unknown.
func model() porcupine.Model {
	return porcupine.Model{
		Partition: byKey,
		Init:      func() any { return "" },
		Step: func(state, input, output any) (bool, any) {
			if output == nil {
				_, after := sim.KVStep(state.(string), input.(string), "")
				return true, after
			}
			return step(state, input, output)
		},
	}
}

func step(state, input, output any) (bool, any) {
	ok, after := sim.KVStep(state.(string), input.(string), output.(string))
	return ok, after
}

// byKey takes a history apart: operations on different keys have nothing to do with one another.
func byKey(history []porcupine.Operation) [][]porcupine.Operation {
	var parts [][]porcupine.Operation
	place := map[string]int{}
	for _, o := range history {
		key := strings.Fields(o.Input.(string))[1]
		i, ok := place[key]
		if !ok {
			i = len(parts)
			place[key], parts = i, append(parts, nil)
		}
		parts[i] = append(parts[i], o)
	}
	return parts
}

// operations renders a history for the checker. An operation without an answer may take effect at
// any time after its call, so it never returns.
func operations(history []sim.Operation) []porcupine.Operation {
	ops := make([]porcupine.Operation, 0, len(history))
	for _, h := range history {
		o := porcupine.Operation{ClientId: h.Client, Input: string(h.Input), Call: h.Call, Output: string(h.Output), Return: h.Return}
		if h.Unknown {
			o.Output, o.Return = nil, math.MaxInt64
		}
		ops = append(ops, o)
	}
	return ops
}

// broken renders the operations on the keys for which a history is not linearizable, in the order
// of their calls.
func broken(history []sim.Operation) string {
	var b strings.Builder
	for _, part := range byKey(operations(history)) {
		if porcupine.CheckOperationsTimeout(model(), part, patience) != porcupine.Illegal {
			continue
		}
		for _, o := range part {
			output, end := "?", "never"
			if o.Output != nil {
				output, end = fmt.Sprintf("%q", o.Output), fmt.Sprint(o.Return)
			}
			fmt.Fprintf(&b, "client %d, from %d to %s: %s = %s\n", o.ClientId, o.Call, end, o.Input, output)
		}
	}
	return b.String()
}

func TestHistoriesAreLinearizable(t *testing.T) {
	checked, unknown := 0, 0
	for seed := *from; seed < *from+uint64(*seeds); seed++ {
		res, err := sim.Run(sim.Config{Seed: seed, Bootstrap: seed%4 == 0, Clients: 4, KeepHistory: true})
		if err != nil {
			t.Fatal(err)
		}
		checked += len(res.History)
		switch porcupine.CheckOperationsTimeout(model(), operations(res.History), patience) {
		case porcupine.Illegal:
			t.Errorf("the history of seed %d is not linearizable:\n%s", seed, broken(res.History))
		case porcupine.Unknown:
			unknown++
		}
	}
	t.Logf("%d operations in %d runs, %d runs took too long to decide", checked, *seeds, unknown)
	if checked == 0 || unknown > *seeds/10 {
		t.Errorf("%d operations were checked, and %d of %d runs took too long", checked, unknown, *seeds)
	}
}

// The checker notices what is wrong with a history.
func TestHistoriesThatAreWrongAreNoticed(t *testing.T) {
	op := func(client int, input, output string, call, end int64) sim.Operation {
		return sim.Operation{Client: client, Input: []byte(input), Output: []byte(output), Call: call, Return: end}
	}
	lost := sim.Operation{Client: 3, Input: []byte("append k x;"), Call: 1, Unknown: true}
	for name, test := range map[string]struct {
		history []sim.Operation
		want    bool
	}{
		"one after the other":  {[]sim.Operation{op(1, "put k a", "a", 1, 2), op(2, "get k", "a", 3, 4)}, true},
		"a stale read":         {[]sim.Operation{op(1, "put k a", "a", 1, 2), op(2, "get k", "", 3, 4)}, false},
		"read while it is put": {[]sim.Operation{op(1, "put k a", "a", 1, 4), op(2, "get k", "", 2, 3)}, true},
		"executed twice":       {[]sim.Operation{op(1, "append k a;", "a;", 1, 2), op(2, "get k", "a;a;", 3, 4)}, false},
		"an unknown one took effect later": {[]sim.Operation{
			lost, op(2, "get k", "", 3, 4), op(2, "get k", "x;", 5, 6),
		}, true},
		"and is not taken back": {[]sim.Operation{
			lost, op(2, "get k", "x;", 3, 4), op(2, "get k", "", 5, 6),
		}, false},
		"other keys do not matter": {[]sim.Operation{op(1, "put k a", "a", 1, 2), op(2, "get l", "", 3, 4)}, true},
	} {
		if got := porcupine.CheckOperations(model(), operations(test.history)); got != test.want {
			t.Errorf("%s: got %t, want %t", name, got, test.want)
		}
	}
}

// staleReads is a state machine that answers every read from before the last command.
type staleReads struct {
	*sim.KV
	before *sim.KV
}

func (m *staleReads) Apply(command []byte) []byte {
	if err := m.before.Restore(m.KV.Snapshot()); err != nil {
		panic(err)
	}
	return m.KV.Apply(command)
}

func (m *staleReads) Read(query []byte) []byte { return m.before.Read(query) }

func (m *staleReads) Restore(data []byte) error {
	if err := m.before.Restore(data); err != nil {
		return err
	}
	return m.KV.Restore(data)
}

func TestAMachineThatReadsStaleStateIsFoundOut(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		res, err := sim.Run(sim.Config{
			Seed: seed, Clients: 4, KeepHistory: true, Faults: sim.NoFaults(), Command: sim.KVCommand, Query: sim.KVQuery,
			NewMachine: func() sim.StateMachine { return &staleReads{KV: sim.NewKV(), before: sim.NewKV()} },
		})
		if err != nil {
			t.Fatal(err)
		}
		if porcupine.CheckOperationsTimeout(model(), operations(res.History), patience) == porcupine.Illegal {
			if !strings.Contains(broken(res.History), "get k") {
				t.Error("the history of the broken key is not told")
			}
			return
		}
	}
	t.Error("five runs with stale reads look linearizable")
}
