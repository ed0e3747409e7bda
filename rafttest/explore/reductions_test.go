package explore

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What is left out of an exploration (deliveries that bring something for nothing are made at once,
// superfluous states are not looked at, the first of nodes that are alike goes first) must be
// reached all the same. These bounds end within a second without any of that; what the nodes can be
// in together is compared.
func TestReductionsLeaveNothingOut(t *testing.T) {
	for _, tc := range []struct {
		world  string
		voters int
		bound  Bound
	}{
		{"plain", 3, Bound{Campaigns: 1}},
		{"plain", 3, Bound{Campaigns: 1, Proposals: 1}},
		{"plain", 3, Bound{Campaigns: 1, Restarts: 1}},
		{"plain", 2, Bound{Campaigns: 2, Restarts: 1}},
		{"led", 3, Bound{Campaigns: 1}},
		{"led", 3, Bound{Proposals: 1, Beats: 1}},
		{"led", 3, Bound{Transfers: 1}},
		{"figure-3.7", 3, Bound{Campaigns: 1, Proposals: 1}},
		{"batches", 3, Bound{Campaigns: 1}},
		{"batches", 2, Bound{Campaigns: 2}},
		{"batches", 2, Bound{Campaigns: 1, Proposals: 1, Restarts: 1}},
		{"advance", 2, Bound{Campaigns: 1}},
		{"advance", 2, Bound{Campaigns: 1, Proposals: 1, Between: 1}},
		{"lone", 1, Bound{Campaigns: 2, Proposals: 1}},
		{"lone", 1, Bound{Campaigns: 1, Changes: 1}},
		{"pre-vote", 3, Bound{Campaigns: 1}},
		{"async-late", 2, Bound{Campaigns: 1}},
		{"remove", 3, Bound{Changes: 1}},
		{"learner", 2, Bound{Changes: 1}},
		{"snapshots", 3, Bound{Campaigns: 1, Compactions: 1}},
	} {
		t.Run(fmt.Sprint(tc.world, " ", tc.voters, " ", tc.bound), func(t *testing.T) {
			w := worldNamed(t, tc.world)
			if tc.voters < len(w.Voters) { // two go further
				w.Nodes, w.Voters, w.Alike = tc.voters, w.Voters[:tc.voters], w.Voters[:tc.voters]
			}
			everything := wholly(t, w, tc.bound, true)
			reduced := wholly(t, w, tc.bound, false)
			t.Logf("%d states of %d", len(reduced.seen.states), len(everything.seen.states))
			sameSet(t, reduced.together(), everything.together())
			// Without symmetry it can be told which node is which, and all that is in them is
			// compared.
			w.Alike = nil
			numbers := map[string]int{}
			sameSet(t, wholly(t, w, tc.bound, false).exactly(numbers), everything.exactly(numbers))
		})
	}
}

func sameSet[K comparable](t *testing.T, reduced, all map[K]string) {
	t.Helper()
	for key, views := range all {
		if _, reached := reduced[key]; !reached {
			t.Fatalf("missing, of %d:\n%s", len(all), views)
		}
	}
	for key, views := range reduced {
		if _, reached := all[key]; !reached {
			t.Fatalf("comes from nowhere:\n%s", views)
		}
	}
}

// wholly explores to the end; all: without reductions.
func wholly(t *testing.T, w World, b Bound, all bool) *explorer {
	x, err := newExplorer(w, b)
	if err != nil {
		t.Fatal(err)
	}
	x.seen.all = all
	x.run(Options{MaxStates: 400_000})
	if !x.done || x.violation != nil {
		t.Fatalf("without an end after %d states, or broken: %v", len(x.seen.states), x.violation)
	}
	return x
}

// together returns what all nodes can be in at a time, as far as it can be seen.
func (x *explorer) together() map[string]string {
	found, known := map[string]string{}, map[uint32]string{}
	for at := range x.seen.heads {
		views := x.viewsOf(&at, known)
		found[views] = views
	}
	return found
}

// exactly returns in which states all nodes can be at a time, numbered by their fingerprints.
func (x *explorer) exactly(numbers map[string]int) map[[maxNodes]int]string {
	own := make([]int, len(x.nodes.states))
	for print, state := range x.nodes.numbers {
		if _, known := numbers[print]; !known {
			numbers[print] = len(numbers)
		}
		own[state] = numbers[print]
	}
	found, known := map[[maxNodes]int]string{}, map[uint32]string{}
	for at := range x.seen.heads {
		var key [maxNodes]int
		for i := range x.world.Nodes {
			key[i] = own[at.nodes[i]]
		}
		if _, reached := found[key]; !reached {
			found[key] = x.viewsOf(&at, known)
		}
	}
	return found
}

// viewsOf renders the nodes. Those that are interchangeable at the beginning are sorted.
func (x *explorer) viewsOf(s *site, known map[uint32]string) string {
	var alike, views []string
	for i := range x.world.Nodes {
		state := s.nodes[i]
		if _, rendered := known[state]; !rendered {
			known[state] = x.renderView(state)
		}
		if slices.Contains(x.world.Alike, uint64(i+1)) && x.first.moved>>i&1 == 0 {
			alike = append(alike, known[state])
		} else {
			views = append(views, fmt.Sprintf("%d: %s", i+1, known[state]))
		}
	}
	slices.Sort(alike)
	return strings.Join(append(views, alike...), "\n")
}

func (x *explorer) renderView(state uint32) string {
	n := x.nodes.reach(state)
	st := n.raw.BasicStatus()
	x.nodes.keep(n, state)
	v := &x.nodes.states[state].view
	terms := func(log []uint32) (list []uint64) {
		for _, place := range log {
			list = append(list, x.nodes.places.terms[place])
		}
		return list
	}
	return fmt.Sprintf("%s of term %d, commit %d, log %v, durable %v, term %d", st.RaftState, st.Term, st.Commit, terms(v.log), terms(v.durable), n.disk.hard.Term)
}
