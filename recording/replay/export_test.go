package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
				recordings := lives(t, sim.Config{Seed: seed, Bootstrap: seed%2 == 0, Nodes: 3, Steps: 600, Faults: sim.NoFaults(), Tune: func(c *raft.Config) { c.AsyncStorageWrites = async }})
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

// Also where nodes crash and start again from what is on their disks, a script brings its node to
// where the recorded one was; unless that one has stopped because its disk failed, which disks of
// scripts do not.
func TestLaterLivesAreExportedToo(t *testing.T) {
	seeds := uint64(30)
	if testing.Short() {
		seeds = 8
	}
	alike, later, stopped, interleaved, otherwise := 0, 0, 0, 0, 0
	for seed := uint64(1); seed <= seeds; seed++ {
		// The application of a script rejects no changes, as that of Batches does.
		faults := sim.AllFaults()
		faults.ReadError *= 4
		faults.Batches, faults.Concurrent, faults.Mixed = false, seed%2 == 0, seed%3 == 0
		for n, data := range lives(t, sim.Config{Seed: seed, Bootstrap: seed%3 == 0, Steps: 3000, Faults: faults, DurableMachine: seed%4 < 2}) {
			records := read(t, data)
			var script bytes.Buffer
			if err := Export(records, Lives(records)[0], &script); err != nil {
				t.Fatal(err)
			}
			text := script.String()
			if strings.Contains(text, "force-disk") {
				later++
			}
			if strings.Contains(text, "take-ready") {
				interleaved++
			}
			ending := text[strings.LastIndex(text, "# ends"):]
			switch {
			case strings.HasPrefix(ending, "# ends as the recording did: "):
				alike++
			case strings.Contains(ending, "# recording: not started"),
				strings.Contains(ending, "The recorded node stopped") && strings.Contains(text, "Here the storage failed"):
				stopped++
			default:
				// What an entry held that the life has started with, and nobody has read, is not in
				// the recording.
				t.Logf("seed %d, life %d %s", seed, n, ending)
				otherwise++
			}
		}
	}
	t.Logf("%d end alike, %d were stopped by their disks; %d are later lives, in %d there is an input between Ready and Advance", alike, stopped, later, interleaved)
	if later < alike/2 || stopped > alike/5 || otherwise > alike/100 {
		t.Errorf("that does not say much; %d end otherwise", otherwise)
	}
}

func TestWhatAScriptCannotSayIsNotExported(t *testing.T) {
	c := recording.Record{Kind: recording.Start, Numbers: make([]uint64, 16)}
	c.Numbers[0] = 65
	for name, records := range map[string][]recording.Record{
		"the start is lost": {{Kind: recording.Checkpoint}},
		"a large id":        {c},
	} {
		if err := Export(records, Lives(records)[0], io.Discard); !errors.Is(err, ErrNoScript) {
			t.Errorf("%s: %v", name, err)
		}
	}
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
