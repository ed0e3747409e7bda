package explore

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// What is left out of an exploration (deliveries that bring something for nothing are made at once, superfluous states are
// not looked at, the first of nodes that are alike goes first) must be reached all the same. Without any of
// that, these bounds end within a second; what the nodes can be in together is compared.
func TestReductionsLeaveNothingOut(t *testing.T) {
	for _, tc := range []struct {
		world string
		bound Bound
	}{
		{"plain", Bound{Campaigns: 1}},
		{"plain", Bound{Campaigns: 1, Proposals: 1}},
		{"plain", Bound{Campaigns: 1, Restarts: 1}},
		{"led", Bound{Campaigns: 1}},
		{"led", Bound{Proposals: 1, Beats: 1}},
		{"led", Bound{Transfers: 1}},
		{"figure-3.7", Bound{Campaigns: 1, Proposals: 1}},
		{"batches", Bound{Campaigns: 1}},
		{"advance", Bound{Campaigns: 1, Between: 1}},
		{"lone", Bound{Campaigns: 2, Proposals: 1}},
		{"lone", Bound{Campaigns: 1, Changes: 1}},
		{"pre-vote", Bound{Campaigns: 1}},
		{"async-late", Bound{Campaigns: 1}},
		{"remove", Bound{Changes: 1}},
		{"learner", Bound{Changes: 1}},
		{"snapshots", Bound{Campaigns: 1, Compactions: 1}},
	} {
		t.Run(fmt.Sprint(tc.world, " ", tc.bound), func(t *testing.T) {
			reduced, states := together(t, tc.world, tc.bound, false)
			all, allStates := together(t, tc.world, tc.bound, true)
			t.Logf("%d states of %d, %d views of %d", states, allStates, len(reduced), len(all))
			for views := range all {
				if !reduced[views] {
					t.Errorf("missing:\n%s", views)
				}
			}
			for views := range reduced {
				if !all[views] {
					t.Errorf("comes from nowhere:\n%s", views)
				}
			}
		})
	}
}

// together returns what all nodes can be in at a time, and the number of states.
func together(t *testing.T, world string, b Bound, all bool) (map[string]bool, int) {
	x, err := newExplorer(worldNamed(t, world), b)
	if err != nil {
		t.Fatal(err)
	}
	x.seen.all = all
	x.run(Options{MaxStates: 400_000})
	if !x.done || x.violation != nil {
		t.Fatalf("without an end after %d states, or broken: %v", len(x.seen.states), x.violation)
	}
	found := map[string]bool{}
	known := map[uint32]string{}
	for i := range x.seen.states {
		found[x.viewsOf(&x.seen.states[i].site, known)] = true
	}
	return found, len(x.seen.states)
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
