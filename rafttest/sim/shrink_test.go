package sim

import (
	"errors"
	"strings"
	"testing"
)

// moody is a machine that panics, or not, depending on other runs.
type moody struct {
	*KV
	applied *int
	panics  func(applied int) bool
}

func (m *moody) Apply(command []byte) []byte {
	if *m.applied++; m.panics(*m.applied) {
		panic("moody")
	}
	return m.KV.Apply(command)
}

func TestAMachineThatIsNotDeterministicIsNamed(t *testing.T) {
	for name, tc := range map[string]struct {
		panics func(applied int) bool
		seen   string
	}{
		"once, and never again":      {func(n int) bool { return n == 20 }, "breaks nothing"},
		"first at the second run":    {func(n int) bool { return n == 100 }, "one run breaks nothing, and the next breaks no panic at event"},
		"at another place each time": {func(n int) bool { return n%20 == 0 || n%31 == 0 }, "one run breaks no panic at event"},
	} {
		t.Run(name, func(t *testing.T) {
			applied := 0
			_, err := Shrink(Config{
				Seed: 1, Nodes: 1, Steps: 500, Faults: NoFaults(), Tune: plain, Command: KVCommand, Query: KVQuery,
				NewMachine: func() StateMachine { return &moody{NewKV(), &applied, tc.panics} },
			})
			if !errors.Is(err, ErrNotDeterministic) || !strings.Contains(err.Error(), tc.seen) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A machine that behaves the same for two runs, and for any number of replays, is found in the end.
func TestAMachineThatIsNotDeterministicLaterOnIsNamedToo(t *testing.T) {
	machines := 0
	cfg := Config{
		Seed: 1, Nodes: 1, Steps: 500, Faults: NoFaults(), Tune: plain, Command: KVCommand, Query: KVQuery,
		NewMachine: func() StateMachine {
			machines++
			last, applied := machines, 0
			return &moody{NewKV(), &applied, func(n int) bool { return n > 4 && last < 20 }}
		},
	}
	_, err := Shrink(cfg)
	if !errors.Is(err, ErrNotDeterministic) || !strings.Contains(err.Error(), "actions break no panic, or do not") {
		t.Errorf("got %v", err)
	}
}
