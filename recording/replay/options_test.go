package replay

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/rafttest/sim"
)

// An option that was added after the first version of the format is recorded, replayed, printed and
// exported like the others.
func TestALaterOptionIsReplayedAndExported(t *testing.T) {
	tune := func(c *raft.Config) { c.StepDownOnRemoval = true }
	records := read(t, lives(t, sim.Config{Seed: 4, Nodes: 1, Steps: 100, Faults: sim.NoFaults(), Tune: tune})[0])
	if c, err := Config(&records[0]); err != nil || !c.StepDownOnRemoval {
		t.Errorf("it starts with %+v, %v", c, err)
	}
	if err := Run(records, nil); err != nil {
		t.Error(err)
	}
	const option = " step-down-on-removal=true"
	if text := Describe(&records[0]); !strings.Contains(text, option) {
		t.Errorf("the start is printed as %s", text)
	}
	var script bytes.Buffer
	if err := Export(records, Lives(records)[0], &script); err != nil || !strings.Contains(script.String(), option) {
		t.Errorf("%v\n%.300s", err, script.String())
	}
}

// A recording of a newer version is refused, not replayed without an option that it needs.
func TestAnOptionThatIsNotKnownIsRefused(t *testing.T) {
	records := read(t, lives(t, sim.Config{Seed: 4, Nodes: 1, Steps: 100, Faults: sim.NoFaults()})[0])
	records[0].Numbers = append(slices.Clone(records[0].Numbers), 0, 0, 0, 7) // more than there are
	if err := Run(records, nil); !errors.Is(err, ErrUnknownOption) {
		t.Errorf("replayed: %v", err)
	}
	if err := Export(records, Lives(records)[0], &bytes.Buffer{}); !errors.Is(err, ErrUnknownOption) {
		t.Errorf("exported: %v", err)
	}
}
