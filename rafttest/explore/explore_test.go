package explore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/rafttest"
	"github.com/ffd200af/raft/tracker"
)

// The first bounds of each world take some hundred milliseconds each; cmd goes on from there.
func TestNothingIsBrokenInAnySmallWorld(t *testing.T) {
	for _, w := range Worlds() {
		t.Run(w.Name, func(t *testing.T) {
			for _, b := range w.Bounds[:2] {
				r, err := Explore(w, b, Options{MaxStates: 12_000, Minorities: 10})
				if err != nil {
					t.Fatal(err)
				}
				if r.Violation != nil {
					t.Fatalf("%s: %v\n%s\n%s", b, r.Violation.Err, strings.Join(r.Violation.Steps, "\n"), r.Violation.Script)
				}
				t.Logf("%s: %d states, depth %d, all: %t, %d minorities", b, r.States, r.Depth, r.Done, r.Minorities)
			}
		})
	}
}

func TestTheSameWorldHasTheSameStates(t *testing.T) {
	w := worldNamed(t, "plain")
	for _, want := range []struct {
		bound  Bound
		states int
	}{
		{Bound{Campaigns: 1}, 36},
		{Bound{Campaigns: 2}, 3436},
	} {
		r, err := Explore(w, want.bound, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !r.Done || r.States != want.states {
			t.Errorf("%s: %d states, all: %t, want %d", want.bound, r.States, r.Done, want.states)
		}
	}
}

func worldNamed(t *testing.T, name string) World {
	worlds := Worlds()
	i := slices.IndexFunc(worlds, func(w World) bool { return w.Name == name })
	if i < 0 {
		t.Fatalf("there is no world %q", name)
	}
	return worlds[i]
}

func TestADiskThatBreaksItsPromisesIsFound(t *testing.T) {
	for _, tc := range []struct {
		name  string
		world string
		fault fault
		bound Bound
		says  string
	}{
		{"a crash takes the vote back", "plain", forgetsVote, Bound{Campaigns: 2, Restarts: 1}, "one vote a term"},
		{"a crash takes an entry back", "plain", forgetsLog, Bound{Campaigns: 2, Restarts: 1}, "commit safety"},
		{"responses leave before the write", "plain", sendsBeforeWriting, Bound{Campaigns: 1}, "promise before durability"},
		// As if Advance took for written what the node has learnt since Ready.
		{"a vote counts as written that came before Advance", "advance", losesLateHardState, Bound{Campaigns: 2}, "promise before durability"},
		{"an own vote counts as written that came before Advance", "lone", losesLateHardState, Bound{Campaigns: 2}, "promise before durability: node 1 leads term 2"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := worldNamed(t, tc.world)
			w.fault = tc.fault
			r, err := Explore(w, tc.bound, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if r.Violation == nil || !strings.Contains(r.Violation.Err.Error(), tc.says) {
				t.Fatalf("found %v in %d states", r.Violation, r.States)
			}
			t.Logf("%v after %d states, in %d steps", r.Violation.Err, r.States, len(r.Violation.Steps))
		})
	}
}

// The explorer finds nodes that refuse their help once another node is dead, in the first state.
func TestSurvivorsThatElectNobodyAreFound(t *testing.T) {
	w := worldNamed(t, "plain")
	w.fault = withholdsVotes
	r, err := Explore(w, Bound{Campaigns: 1}, Options{Minorities: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.Violation == nil || !strings.Contains(r.Violation.Err.Error(), "no survivor leads") || r.Minorities == 0 {
		t.Fatalf("found %v, and %d minorities that elect", r.Violation, r.Minorities)
	}
	if r, err = Explore(w, Bound{Campaigns: 1}, Options{}); err != nil || r.Violation != nil {
		t.Fatalf("nobody asks, and found is %v, %v", r.Violation, err)
	}
}

// Equal fingerprints must mean equal behaviour. Where two paths have led a node to one fingerprint,
// both nodes are made to do whatever the first one was seen to do.
func TestNodesThatLookAlikeBehaveAlike(t *testing.T) {
	for _, w := range Worlds() {
		t.Run(w.Name, func(t *testing.T) {
			b := w.Bounds[min(2, len(w.Bounds)-1)]
			x, err := newExplorer(w, b)
			if err != nil {
				t.Fatal(err)
			}
			x.nodes.twice = make([]arrival, 0, 400)
			x.run(Options{MaxStates: 2000})
			compared := 0
			for _, a := range x.nodes.twice {
				for _, s := range stepsSeen(x.nodes, a.to) {
					n := x.nodes.reach(a.from)
					x.nodes.run(n, a.by)
					x.nodes.run(n, s)
					if err := sameOutcome(x.nodes, n, x.nodes.take(a.to, s)); err != nil {
						t.Fatalf("state %d reached from %d: %v", a.to, a.from, err)
					}
					compared++
				}
			}
			if compared < 500 {
				t.Errorf("only %d steps were compared", compared)
			}
		})
	}
}

// stepsSeen returns the steps that were taken in a state, in order.
func stepsSeen(ns *nodes, state uint32) []step {
	var steps []step
	for key := range ns.known {
		if uint32(key>>32) == state {
			steps = append(steps, step(key))
		}
	}
	slices.Sort(steps)
	return steps
}

func sameOutcome(ns *nodes, n *node, want *transition) error {
	if n.err() != nil || want.broken != nil {
		return fmt.Errorf("a step fails with %v, and before with %v", n.err(), want.broken)
	}
	if len(n.sent) != len(want.sent) || !slices.Equal(n.answers, want.answers) {
		return errors.New("a step has brought something else before")
	}
	for i := range n.sent {
		if number, err := ns.message(&n.sent[i]); err != nil || number != want.sent[i] {
			return fmt.Errorf("a step sends %s", raft.DescribeMessage(n.sent[i], nil))
		}
	}
	if ns.numbers[string(ns.print(nil, n))] != want.next {
		return errors.New("a step has led elsewhere before")
	}
	return nil
}

// A path that was found is told in the script language, and ends there where it ended here.
func TestAPathAndItsScriptEndAlike(t *testing.T) {
	for _, w := range Worlds() {
		if w.Batches || w.Late && !w.Async {
			continue // what happens in the middle of a Ready cannot be told
		}
		t.Run(w.Name, func(t *testing.T) {
			x, err := newExplorer(w, w.Bounds[1])
			if err != nil {
				t.Fatal(err)
			}
			x.run(Options{MaxStates: 3000})
			for at := len(x.seen.states) - 1; at > 0; at -= len(x.seen.states)/20 + 1 {
				_, text := x.tell("a path", x.path(uint32(at)))
				outcomes, err := rafttest.Replay(strings.NewReader(text), nil)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := outcomes[len(outcomes)-2].Actual, x.renderStates(uint32(at)); got != want {
					t.Fatalf("got\n%s, want\n%s\n%s", got, want, text)
				}
				if check := outcomes[len(outcomes)-1].Actual; check != "ok\n" {
					t.Fatalf("check says %s", check)
				}
			}
		})
	}
}

// renderStates renders what the command raft-state prints.
func (x *explorer) renderStates(at uint32) string {
	var b strings.Builder
	for i := range x.world.Nodes {
		n := x.nodes.reach(x.seen.states[at].nodes[i])
		st := n.raw.BasicStatus()
		role := "(Non-Voter)"
		n.raw.WithProgress(func(id uint64, typ raft.ProgressType, _ tracker.Progress) {
			if id == n.id && typ == raft.ProgressTypePeer {
				role = "(Voter)"
			}
		})
		fmt.Fprintf(&b, "%d: %s %s Term:%d Lead:%d\n", n.id, st.RaftState, role, st.Term, st.Lead)
	}
	return b.String()
}
