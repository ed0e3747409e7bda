package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/rafttest/picture"
	"github.com/ffd200af/raft/rafttest/property"
)

// run runs a Config that has to succeed.
func run(t *testing.T, cfg Config) Result {
	t.Helper()
	res, err := Run(cfg)
	if err != nil {
		fail(t, cfg, err)
	}
	return res
}

func TestTheSameSeedGivesTheSameRun(t *testing.T) {
	hashes := map[uint64]uint64{}
	for seed := uint64(1); seed <= 8; seed++ {
		cfg := Config{Seed: seed, Steps: 3000, KeepHistory: true}
		a, b := run(t, cfg), run(t, cfg)
		if a.Hash != b.Hash || fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("seed %d: two runs have the hashes %x and %x", seed, a.Hash, b.Hash)
		}
		if other, ok := hashes[a.Hash]; ok {
			t.Errorf("seeds %d and %d have the same hash", other, seed)
		}
		hashes[a.Hash] = seed
	}
}

// A run that is recorded, as Shrink and failures do, is the same run; and its actions, repeated in
// a world without time and chance, lead to the same place.
func TestActionsLeadWhereTheRunLed(t *testing.T) {
	for seed := uint64(1); seed <= 8; seed++ {
		plain, err := simulate(Config{Seed: seed, Steps: 2000}, nil)
		if err != nil {
			t.Fatal(err)
		}
		rec := &recorder{}
		s, err := simulate(Config{Seed: seed, Steps: 2000}, rec)
		if err != nil {
			t.Fatal(err)
		}
		if s.w.hash != plain.w.hash {
			t.Errorf("seed %d: recording changes the run", seed)
		}
		sh := shrinker{cfg: *s.cfg, sim: s}
		w, _ := sh.world(rec.actions, nil)
		if w.failure != nil {
			t.Fatal(w.failure)
		}
		for i, n := range w.nodes {
			if o := s.w.nodes[i]; n.rep.applied != o.rep.applied || n.Hard != o.Hard || n.Commit != o.Commit || !slices.Equal(n.Durable.Terms, o.Durable.Terms) {
				t.Errorf("seed %d: node %d has applied %d with %v, and in the run %d with %v", seed, n.id, n.rep.applied, n.Hard, o.rep.applied, o.Hard)
			}
		}
	}
}

// Whoever joins gets the log from its beginning, and whoever crashes at first bootstraps again.
func TestClustersThatBootstrap(t *testing.T) {
	var all Stats
	for seed := uint64(1); seed <= 20; seed++ {
		res := run(t, Config{Seed: seed, Bootstrap: true})
		all.add(&res.Stats)
	}
	faults := &Faults{CrashWriting: 50, Tear: true, DownTicks: 5}
	for seed := uint64(1); seed <= 20; seed++ {
		res := run(t, Config{Seed: seed, Nodes: 3, Steps: 2000, Faults: faults, Bootstrap: true})
		all.add(&res.Stats)
	}
	if all.Joined == 0 || all.TornWrites == 0 || all.Commands == 0 {
		t.Errorf("%s", &all)
	}
}

// Each kind of fault, and whatever else a run is for, does happen.
func TestSeedsSeeEverything(t *testing.T) {
	var all Stats
	idle := 0
	for seed := uint64(1); seed <= 60; seed++ {
		res := run(t, Config{Seed: seed, Steps: 5000})
		all.add(&res.Stats)
		if res.Stats.Commands == 0 {
			idle++
		}
	}
	if idle > 6 {
		t.Errorf("%d of 60 runs carry out no command", idle)
	}
	faults := AllFaults()
	faults.CrashWriting, faults.DownTicks = 10, 5
	for seed := uint64(1); all.TornWrites == 0 && seed <= 20; seed++ {
		res := run(t, Config{Seed: seed, Nodes: 3, Faults: faults})
		all.TornWrites += res.Stats.TornWrites
	}
	for _, f := range all.fields() {
		if *f.count == 0 {
			t.Errorf("no %s in any run", f.name)
		}
	}
}

// driftRun is a cluster that reads from leases while leaders come and go. The leadership is handed
// over at random: whose clock is the fastest would lead most of the time otherwise, and it is the
// slow leader that is in danger.
func driftRun(seed uint64, f Faults) Config {
	f.Partition, f.PartitionTicks, f.Transfer = 20, 10, 30
	return Config{
		Seed: seed, Nodes: 3, Clients: 4, Faults: &f,
		Tune: func(c *raft.Config) {
			c.ElectionTick, c.HeartbeatTick = 10, 1
			c.CheckQuorum, c.ReadOnlyOption, c.LeaseDriftTicks = true, raft.ReadOnlyLeaseBased, 2
		},
	}
}

func TestLeasesHoldWithinTheDriftTheyAllowFor(t *testing.T) {
	reads := 0
	for seed := uint64(1); seed <= 20; seed++ {
		reads += run(t, driftRun(seed, Faults{Drift: 2})).Stats.LeaseReads
	}
	if reads == 0 {
		t.Error("nobody has read from a lease")
	}
}

// Elections may take for ever, too, when one clock is twice as fast as the others: that is not what
// is looked for.
func TestClocksBeyondTheDriftMakeReadsStale(t *testing.T) {
	for seed := uint64(1); seed <= 100; seed++ {
		_, err := Run(driftRun(seed, Faults{Drift: 12, DriftUnknown: true}))
		var f *Failure
		if errors.As(err, &f) && f.Property == property.ReadSafety {
			return
		}
		if err != nil && (f == nil || f.Property != property.Progress) {
			t.Fatal(err)
		}
	}
	t.Error("100 seeds find no stale read")
}

// A server that comes back under its id without what was durable may elect somebody who lacks what
// it has acknowledged, or vote twice. Either the node itself notices, and is replaced, or the
// checks do, or nothing has come of it.
func TestAnIDThatComesBackWithoutItsDiskIsNoticed(t *testing.T) {
	lost, noticed, broken := 0, 0, map[property.Name]int{}
	const runs = 60
	for seed := uint64(1); seed <= runs; seed++ {
		res, err := Run(Config{Seed: seed, Nodes: 3, Steps: 5000, Tune: plain, Faults: &Faults{
			LoseDisk: 60, DownTicks: 5, ReuseID: true, Partition: 60, PartitionTicks: 20, Drop: 0.05, Transfer: 100,
		}})
		lost += res.Stats.LostDisks
		noticed += res.Stats.Noticed
		var f *Failure
		if err != nil && (!errors.As(err, &f) || !slices.Contains(lostDiskBreaks, f.Property)) {
			t.Fatalf("seed %d: a lost disk is no reason for %v", seed, err)
		}
		if f != nil {
			broken[f.Property]++
		}
	}
	t.Logf("%d disks came back without what was durable, %d nodes noticed it, runs broke %v", lost, noticed, broken)
	if noticed == 0 || len(broken) == 0 {
		t.Error("no node notices it, or no run breaks a property")
	}
}

// lostDiskBreaks are the properties that need what a lost disk has had.
var lostDiskBreaks = []property.Name{
	property.ElectionSafety, property.LeaderCompleteness, property.LogMatching,
	property.CommitSafety, property.StateMachineSafety, property.OneVote,
}

func TestAFailureTellsItsStory(t *testing.T) {
	cfg := Config{Seed: 3, NewMachine: func() StateMachine { return &forgetful{KV: NewKV()} }, Command: KVCommand, Query: KVQuery}
	for ; ; cfg.Seed++ {
		_, err := Run(cfg)
		var f *Failure
		if !errors.As(err, &f) {
			if cfg.Seed < 40 && err == nil {
				continue
			}
			t.Fatalf("a state machine that forgets is not found out: %v", err)
		}
		if f.Property != property.SameResults || !errors.Is(err, ErrFailed) {
			t.Errorf("got %v", err)
		}
		if f.Seed != cfg.Seed || f.Event == 0 || f.Time == 0 || f.Node == 0 || len(f.Trace) == 0 || len(f.Trace) > defaultTraceLines {
			t.Errorf("the failure lacks something: %+v", f)
		}
		if !strings.HasSuffix(f.Story(), f.Error()+"\n") || !strings.Contains(f.Error(), fmt.Sprintf("seed %d", f.Seed)) {
			t.Errorf("its story is %q", f.Story())
		}
		return
	}
}

// forgetful loses a key when it is restored.
type forgetful struct{ *KV }

func (m *forgetful) Restore(data []byte) error {
	err := m.KV.Restore(data)
	delete(m.values, "k1")
	return err
}

func TestAConfigThatCannotBeUsedIsRefused(t *testing.T) {
	for name, cfg := range map[string]Config{
		"negative steps":            {Steps: -1},
		"too many nodes":            {Nodes: maxNodes},
		"a machine without command": {NewMachine: func() StateMachine { return NewKV() }},
		"nodes that cannot start":   {Tune: func(c *raft.Config) { c.ElectionTick = 0 }},
	} {
		if _, err := Run(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: got %v, want %v", name, err, ErrConfig)
		}
	}
	if _, err := Shrink(Config{Seed: 1, Steps: 100}); !errors.Is(err, ErrNoFailure) {
		t.Errorf("shrinking a run that breaks nothing: %v", err)
	}
}

// BenchmarkEvents measures events, of all seeds alike: a benchmark's iteration is one event.
func BenchmarkEvents(b *testing.B) {
	events := 0
	for seed := uint64(1); events < b.N; seed++ {
		res, err := Run(Config{Seed: seed})
		if err != nil {
			b.Fatal(err)
		}
		events += res.Stats.Events
	}
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

// A panic is a failure with a seed like any other, and is made small.
func TestAPanicIsAFailure(t *testing.T) {
	cfg := Config{
		Seed: 1, Nodes: 1, Steps: 500, Faults: NoFaults(), Tune: plain,
		NewMachine: func() StateMachine { return &brittle{KV: NewKV()} }, Command: KVCommand, Query: KVQuery,
	}
	_, err := Run(cfg)
	var f *Failure
	if !errors.As(err, &f) || f.Property != property.NoPanic || !strings.Contains(f.Detail, "brittle") || strings.Contains(f.Detail, "happen again") {
		t.Fatalf("got %v", err)
	}
	small, err := Shrink(cfg)
	if err != nil || small.Failure.Property != property.NoPanic || small.Actions >= small.Of {
		t.Errorf("made small: %+v, %v", small, err)
	}
}

// brittle panics at its fifth command.
type brittle struct {
	*KV
	commands []string
}

func (m *brittle) Apply(command []byte) []byte {
	m.commands = append(m.commands, string(command))
	return append(m.KV.Apply(command), m.commands[len(m.commands)/5*5]...)
}

// TestAPictureChangesNothing: a run is the same with a picture, and the picture has the messages.
func TestAPictureChangesNothing(t *testing.T) {
	for seed := uint64(1); seed <= 6; seed++ {
		cfg := Config{Seed: seed, Steps: 1500}
		plain, err := Run(cfg)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Picture = picture.NewRecorder()
		drawn, err := Run(cfg)
		if err != nil || drawn.Hash != plain.Hash {
			t.Errorf("seed %d: hash %x, with a picture %x: %v", seed, plain.Hash, drawn.Hash, err)
		}
		p := cfg.Picture.Picture()
		fates := map[picture.Fate]int{}
		for i := range p.Messages {
			if m := &p.Messages[i]; m.ByHand {
				t.Errorf("seed %d: nobody has sent %s", seed, m.Detail)
			} else {
				fates[m.Fate]++
			}
		}
		// A message that was duplicated arrives again, so there are more arrows than messages.
		total := 0
		for _, n := range fates {
			total += n
		}
		if total < drawn.Stats.Messages || drawn.Stats.Dropped > 0 && fates[picture.Lost] == 0 {
			t.Errorf("seed %d: %v, and %d messages were sent, %d lost", seed, fates, drawn.Stats.Messages, drawn.Stats.Dropped)
		}
	}
}
