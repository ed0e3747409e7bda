package sim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/ffd200af/raft/rafttest/property"
)

// Shrunk is a minimised failure: a list of actions on the cluster, without time and chance, that
// breaks the same property.
type Shrunk struct {
	// Failure is the one that the actions lead to; its Trace is all of them.
	Failure *Failure
	// Actions is how many there are, Of how many there were, Replays how many tries that took.
	Actions, Of, Replays int
	// Script is the run in the language of package rafttest. It replays the failure without the
	// simulator, and ends with the command check.
	Script string
	// Shown: that was tried, and the check names the same property (for property.NoPanic, the
	// replay panics). Scripts cannot show what only the simulator looks at: property.SameResults,
	// property.Durability, and a Disk or StateMachine of one's own. If the failure is not shown,
	// the first comment of the script says so.
	Shown bool
}

// ErrNoFailure is returned by Shrink for a Config whose run fails no property.
var ErrNoFailure = errors.New("sim: the run breaks nothing")

// ErrNotShrunk is returned by Shrink for failures that are about time: property.Progress.
var ErrNotShrunk = errors.New("sim: the failure does not come from the order of actions alone")

// ErrNotDeterministic is matched by the error of Shrink for a Config that does not give the same
// run each time. The Disk, the StateMachine or the commands then depend on more than the seed. The
// error says how the runs differ.
var ErrNotDeterministic = errors.New("sim: the run is not deterministic")

// maxReplays bounds how often Shrink repeats a run.
const maxReplays = 20_000

// Shrink runs cfg, which fails, and takes away what is not needed for that (delta debugging): it
// records what was done to the nodes, messages that arrived included, and repeats it with parts
// left out. Messages are identified by their content, so that leaving out earlier ones does not
// matter. It prefers a run whose script shows the failure to a shorter one whose script does not.
// It repeats the run at most 20,000 times, and replays a script at most 300 times. The error is
// ErrNoFailure, ErrNotShrunk or ErrConfig, or matches ErrNotDeterministic.
func Shrink(cfg Config) (*Shrunk, error) {
	cfg.Watch, cfg.Picture = nil, nil // they were told what happens when the run failed
	rec := &recorder{}
	s, err := simulate(cfg, rec)
	if err != nil {
		return nil, err
	}
	if err := sameAgain(cfg, s.w.failure); err != nil {
		return nil, err
	}
	if s.w.failure == nil {
		return nil, ErrNoFailure
	}
	sh := shrinker{cfg: *s.cfg, sim: s, property: s.w.failure.Property}
	actions := rec.actions
	if actions = sh.replay(actions); actions == nil {
		if sh.replay(rec.actions) != nil {
			return nil, sh.differs(len(rec.actions))
		}
		return nil, ErrNotShrunk
	}
	sh.clocks = s.clocks()
	sh.clocks.slip = max(sh.clocks.slip, sh.clocks.excess(actions, sh.cfg.Nodes))
	done := func() bool { return sh.replays >= maxReplays*3/4 }
	actions = sh.shorten(sh.reduce(actions, sh.replay, done), sh.replay, done)
	if tidy := sh.replay(tidyTicks(actions)); tidy != nil {
		actions = tidy
	}
	actions, shown := sh.show(actions)
	return sh.result(actions, len(rec.actions), shown)
}

// sameAgain runs cfg once more, and returns an error if the run does not fail as f says, or fails
// although f is nil.
func sameAgain(cfg Config, f *Failure) error {
	s, err := simulate(cfg, nil)
	if err != nil {
		return fmt.Errorf("%w: it can be started once, and then not: %w", ErrNotDeterministic, err)
	}
	if first, second := outcome(f), outcome(s.w.failure); first != second {
		return fmt.Errorf("%w: one run %s, and the next %s", ErrNotDeterministic, first, second)
	}
	return nil
}

// outcome describes how a run ends.
func outcome(f *Failure) string {
	if f == nil {
		return "breaks nothing"
	}
	return fmt.Sprintf("breaks %s at event %d: %s", f.Property, f.Event, f.Detail)
}

// differs returns the error about actions that break the property in one run and not in another.
func (sh *shrinker) differs(actions int) error {
	return fmt.Errorf("%w: the same %d actions break %s, or do not", ErrNotDeterministic, actions, sh.property)
}

// shrinker repeats actions in worlds like that of a simulation.
type shrinker struct {
	cfg      Config
	sim      *simulation
	property property.Name
	replays  int
	scripts  int // how many were replayed
	clocks   clocks
	// longer are lists of actions that have failed on the way to the shortest one, each a good deal
	// shorter than the last.
	longer [][]action
}

// world repeats actions, and returns the world and the position of the one that broke the property,
// -1 if none did.
func (sh *shrinker) world(actions []action, rec *recorder) (*world, int) {
	sh.replays++
	w, err := newWorld(&sh.cfg, sh.sim.w.base, sh.cfg.Nodes, nil)
	if err != nil {
		return nil, -1
	}
	w.keep, w.verifies, w.recorder = true, sh.sim.w.verifies, rec
	last := -1
	w.guard(func() {
		for last+1 < len(actions) && w.failure == nil {
			last++
			w.do(&actions[last])
		}
	})
	if w.failure == nil || w.failure.Property != sh.property {
		return w, -1
	}
	return w, last
}

// replay returns what was done up to the failure, nil if there was none. Messages are noted as they
// were delivered.
func (sh *shrinker) replay(actions []action) []action {
	rec := &recorder{actions: make([]action, 0, len(actions))}
	if _, end := sh.world(actions, rec); end < 0 {
		return nil
	}
	return rec.actions
}

// reduce leaves out ever smaller parts, as long as what is left still fails, until nothing more can
// go or it is done. try repeats actions and returns what there was to do up to the failure, nil if
// there was none.
func (sh *shrinker) reduce(actions []action, try func([]action) []action, done func() bool) []action {
	sh.keep(actions)
	for size := (len(actions) + 1) / 2; !done(); {
		before := len(actions)
		for at := len(actions) - size; at > -size && !done(); at -= size {
			from, to := max(at, 0), min(at+size, len(actions))
			if from >= to {
				continue
			}
			for _, rest := range sh.without(actions, from, to) {
				if less := sh.accepts(actions, rest, try); less != nil {
					actions = less
					break
				}
			}
		}
		switch {
		case size > 1:
			size = min(size, len(actions)+1) / 2
		case len(actions) == before:
			return actions
		}
	}
	return actions
}

// keep remembers actions that fail.
func (sh *shrinker) keep(actions []action) {
	if k := len(sh.longer); k == 0 || len(actions) < len(sh.longer[k-1])*7/8 {
		sh.longer = append(sh.longer, actions)
	}
}

// tidyTicks puts ticks of a node together that have only ticks of others between them.
func tidyTicks(actions []action) []action {
	tidy := append([]action(nil), actions...)
	for from := 0; from < len(tidy); {
		to := from
		for to < len(tidy) && tidy[to].kind == doTick {
			to++
		}
		slices.SortStableFunc(tidy[from:to], func(a, b action) int { return cmp.Compare(a.node, b.node) })
		from = to + 1
	}
	return tidy
}

// without returns ways to leave out the actions from from to to. Where leases count on the clocks,
// ticks go as long as the clocks can still have run like that: otherwise the run would fail for
// want of them.
func (sh *shrinker) without(actions []action, from, to int) [][]action {
	ways := [][]action{append(append([]action(nil), actions[:from]...), actions[to:]...)}
	if sh.timed() {
		ways = append(ways, thin(actions, from, to)...)
	}
	return slices.DeleteFunc(ways, func(rest []action) bool { return len(rest) == len(actions) })
}

// timed reports whether the failure may come from how the clocks run.
func (sh *shrinker) timed() bool {
	return sh.property == property.ReadSafety && sh.sim.w.base.LeaseDriftTicks > 0
}

// timely reports whether the clocks can have run like that, if it matters.
func (sh *shrinker) timely(actions []action) bool {
	return !sh.timed() || sh.clocks.excess(actions, sh.cfg.Nodes) <= sh.clocks.slip
}

func (sh *shrinker) result(actions []action, of int, shown bool) (*Shrunk, error) {
	rec := &recorder{describe: true}
	w, end := sh.world(actions, rec)
	if end < 0 {
		return nil, sh.differs(len(actions))
	}
	f := *w.failure
	f.Event, f.Trace = uint64(len(actions)), rec.lines
	script := headline(&f, shown) + sh.script(actions)
	return &Shrunk{Failure: &f, Actions: len(actions), Of: of, Replays: sh.replays, Shown: shown, Script: script}, nil
}
