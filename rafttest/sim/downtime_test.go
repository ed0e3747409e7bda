package sim

import (
	"errors"
	"math"
	"slices"
	"testing"
)

// outage is the experiment with timeouts from 150 ticks on; spread is how far they differ at most.
func outage(spread int) Outage {
	return Outage{Seed: 1, Trials: 60, MinTicks: 150, SpreadTicks: spread, MessageTicks: 0.25, WriteTicks: 8}
}

func downtimes(t *testing.T, o Outage) []Downtime {
	t.Helper()
	all, err := Downtimes(o)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != o.Trials {
		t.Fatalf("%d trials, want %d", len(all), o.Trials)
	}
	return all
}

// extremes are the longest time without a leader and the shortest.
func extremes(all []Downtime) (worst, best float64) {
	best = math.Inf(1)
	for _, d := range all {
		worst, best = max(worst, d.Ticks), min(best, d.Ticks)
	}
	return worst, best
}

func TestRandomTimeoutsEndASplitVote(t *testing.T) {
	for _, async := range []bool{false, true} {
		o := outage(0)
		o.AsyncStorageWrites = async
		none, _ := extremes(downtimes(t, o))
		o.SpreadTicks = 50
		some, _ := extremes(downtimes(t, o))
		if some >= none {
			t.Errorf("asynchronous %t: the worst crash costs %.0f ticks with random timeouts, and %.0f without", async, some, none)
		}
	}
}

// The last heartbeat was sent no more than a heartbeat interval before the crash, and nobody waits
// less than the minimum after it, but for the part of a tick by which clocks differ.
func TestNobodyIsElectedBeforeTheMinimumTimeout(t *testing.T) {
	for _, spread := range []int{0, 50, 150} {
		o := outage(spread)
		if _, best := extremes(downtimes(t, o)); best < float64(o.MinTicks-o.MinTicks/2-1) {
			t.Errorf("spread %d: a leader after %.1f ticks", spread, best)
		}
	}
}

func TestCandidatesThatCannotWinCostTerms(t *testing.T) {
	terms := func(equal bool) (n int) {
		o := outage(150)
		o.EqualLogs = equal
		for _, d := range downtimes(t, o) {
			n += d.Terms
		}
		return n
	}
	if equal, different := terms(true), terms(false); equal >= different {
		t.Errorf("%d terms with equal logs, %d with different ones", equal, different)
	}
}

func TestATrialDependsOnItsSeedAndNumber(t *testing.T) {
	o := outage(50)
	all := downtimes(t, o)
	o.Trials = 20
	if again := downtimes(t, o); !slices.Equal(again, all[:20]) {
		t.Errorf("%v, and before %v", again, all[:20])
	}
	o.Seed = 2
	if other := downtimes(t, o); slices.Equal(other, all[:20]) {
		t.Error("another seed makes no difference")
	}
}

func TestATrialEndsAtItsBound(t *testing.T) {
	o := outage(0)
	o.BoundTicks = 50 // less than any timeout
	for _, d := range downtimes(t, o) {
		if !math.IsInf(d.Ticks, 1) || d.Terms != 0 {
			t.Errorf("%+v", d)
		}
	}
	o.BoundTicks = 400
	if worst, best := extremes(downtimes(t, o)); !math.IsInf(worst, 1) || best > 400 {
		t.Errorf("the best trial takes %.0f ticks, the worst %.0f; want some within 400 ticks and some not", best, worst)
	}
}

// The logs of all followers differ, and no message of the leader has made up for it, when it
// crashes.
func TestTheFollowersOfACrashedLeaderHaveDifferentLogs(t *testing.T) {
	o := outage(50)
	if err := o.check(); err != nil {
		t.Fatal(err)
	}
	s, err := newSimulation(o.config(0), nil)
	if err != nil {
		t.Fatal(err)
	}
	lead, err := s.prepareLeader()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.stagger(lead); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := s.awaitHeartbeat(lead); err != nil {
			t.Fatal(err)
		}
		if err := s.settle(); err != nil {
			t.Fatal(err)
		}
	}
	var last []uint64
	for _, h := range s.hosts {
		if h != lead {
			last = append(last, h.Durable.Last())
		}
		if h.Lead != lead.id {
			t.Errorf("server %d follows %d", h.id, h.Lead)
		}
	}
	slices.Sort(last)
	if n := lead.Durable.Last(); !slices.Equal(last, []uint64{n - 3, n - 2, n - 1, n}) {
		t.Errorf("the logs end at %d, the leader's at %d", last, n)
	}
}

func TestABroadcastTakesWhatItsPartsTake(t *testing.T) {
	o := Outage{Seed: 1, Trials: 200, MessageTicks: 1, WriteTicks: 20}
	got, err := BroadcastTicks(o)
	if err != nil {
		t.Fatal(err)
	}
	// Between the mean of one way there and back with a write, and the largest.
	if got < 22 || got > 66 {
		t.Errorf("a broadcast takes %.1f ticks", got)
	}
}

func TestAnOutageThatCannotBeUsedIsRefused(t *testing.T) {
	for name, change := range map[string]func(*Outage){
		"no trials":                   func(o *Outage) { o.Trials = 0 },
		"two servers":                 func(o *Outage) { o.Servers = 2 },
		"a negative spread":           func(o *Outage) { o.SpreadTicks = -1 },
		"timeouts without end":        func(o *Outage) { o.SpreadTicks = math.MaxInt / 2 },
		"a delay that is no number":   func(o *Outage) { o.WriteTicks = math.NaN() },
		"messages beyond the timeout": func(o *Outage) { o.MessageTicks = 2000 },
	} {
		o := outage(50)
		change(&o)
		if _, err := Downtimes(o); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: got %v, want %v", name, err, ErrConfig)
		}
	}
}
