package sim

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/rafttest"
)

// The script of a run goes the way of the run, whatever the options and the faults are: all nodes
// end alike, and the check finds nothing in a run that breaks nothing.
func TestTheScriptOfASoundRunGoesItsWay(t *testing.T) {
	seeds := uint64(40)
	if testing.Short() {
		seeds = 10
	}
	played := uint64(0)
	for seed := uint64(1); seed <= seeds; seed++ {
		rec := &recorder{}
		s, err := simulate(Config{Seed: seed, Steps: 700, RecoverTicks: 3000, Bootstrap: seed%4 == 0}, rec)
		if err != nil || s.w.failure != nil {
			t.Fatalf("seed %d: %v %v", seed, err, s.w.failure)
		}
		if slices.ContainsFunc(rec.actions, func(a action) bool { return bytes.Contains(a.data, []byte(refusedChange)) }) {
			continue // the application of a script rejects no changes
		}
		played++
		playsAlike(t, s, rec.actions)
	}
	if played < seeds/2 {
		t.Errorf("only %d runs were played", played)
	}
}

// playsAlike compares a run with its script.
func playsAlike(t *testing.T, s *simulation, actions []action) {
	t.Helper()
	seed := s.cfg.Seed
	sh := &shrinker{cfg: *s.cfg, sim: s}
	w, _ := sh.world(actions, nil)
	script, err := rafttest.ParseScript(strings.NewReader(sh.script(actions)))
	if err != nil {
		t.Fatal(err)
	}
	env := rafttest.NewInteractionEnv(nil)
	last := ""
	for _, b := range script.Blocks {
		last = env.Run(b.Data)
	}
	if last != "ok" {
		t.Errorf("seed %d: the check prints %s", seed, last)
	}
	for _, n := range w.nodes {
		up := env.Nodes[n.id-1].RawNode
		if (n.rn == nil) != (up == nil) {
			t.Errorf("seed %d: node %d is up in the run %t, in the script %t", seed, n.id, n.rn != nil, up != nil)
			continue
		}
		if n.rn != nil && describe(n.rn) != describe(up) {
			t.Errorf("seed %d: node %d is in the run %s\nin the script %s", seed, n.id, describe(n.rn), describe(up))
		}
	}
}

func describe(rn *raft.RawNode) string { return rn.Status().String() }
