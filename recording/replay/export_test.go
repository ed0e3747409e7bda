package replay

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/rafttest"
	"github.com/ffd200af/raft/rafttest/sim"
	"github.com/ffd200af/raft/recording"
)

// The script of a recording brings its node to where the recorded one was, with the same log.
func TestAnExportedScriptLeadsToTheSameState(t *testing.T) {
	for _, async := range []bool{false, true} {
		t.Run(fmt.Sprintf("async %t", async), func(t *testing.T) {
			leaders := 0
			for seed := uint64(1); seed <= 6; seed++ {
				recordings := lives(t, sim.Config{Seed: seed, Nodes: 3, Steps: 600, Faults: sim.NoFaults(), Tune: func(c *raft.Config) { c.AsyncStorageWrites = async }})
				for _, data := range recordings {
					if exportedLeads(t, read(t, data)) {
						leaders++
					}
				}
			}
			if leaders != 6 {
				t.Errorf("%d of 6 clusters have a leader", leaders)
			}
		})
	}
}

// exportedLeads exports a recording, runs the script, and compares where it ends.
func exportedLeads(t *testing.T, records []recording.Record) bool {
	t.Helper()
	var want raft.BasicStatus
	if err := Run(records, func(s *Step) error { want = s.Node.BasicStatus(); return nil }); err != nil {
		t.Fatal(err)
	}
	var script bytes.Buffer
	if err := Export(records, Lives(records)[0], &script); err != nil {
		t.Fatal(err)
	}
	script.WriteString("raft-state\n----\n\n")
	for _, command := range []string{"status", "raft-log"} {
		fmt.Fprintf(&script, "%s %d\n----\n\n", command, want.ID)
	}
	outcomes, err := rafttest.Replay(&script, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range outcomes {
		if o := &outcomes[i]; strings.Contains(o.Actual, "unknown command") || strings.Contains(o.Actual, "missing argument") {
			t.Fatalf("%s: %s", o.Directive, o.Actual)
		}
	}
	state := fmt.Sprintf("%d: %s (Voter) Term:%d Lead:%d\n", want.ID, want.RaftState, want.Term, want.Lead)
	if got := outcomes[len(outcomes)-3].Actual; !strings.Contains(got, state) {
		t.Errorf("the script of node %d ends with %q, want %q\n%s", want.ID, got, state, script.String()[:2000])
	}
	log := outcomes[len(outcomes)-1].Actual
	if last := fmt.Sprintf("/%d ", want.Commit); !strings.Contains(log, last) {
		t.Errorf("the script of node %d does not get to index %d: %s", want.ID, want.Commit, log[max(0, len(log)-100):])
	}
	return want.RaftState == raft.StateLeader
}

func TestEveryStepCanBePrinted(t *testing.T) {
	for _, data := range lives(t, sim.Config{Seed: 7, Steps: 2000}) {
		if err := Run(read(t, data), func(s *Step) error {
			if text := s.String(); !strings.HasPrefix(text, fmt.Sprint(s.Number, " ", s.Input.Kind)) || strings.Contains(text, "%!") {
				t.Errorf("step %d is printed as %q", s.Number, text)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}
