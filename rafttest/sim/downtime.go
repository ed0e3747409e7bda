package sim

import (
	"fmt"
	"math"

	"github.com/ffd200af/raft"
)

// Outage is the experiment behind Figure 16 of the Raft paper: how long is a cluster without a
// leader when its leader crashes? Each trial is the worst case that the paper describes. The
// followers' logs differ in length, so that some of the candidates cannot win; the leader sends a
// heartbeat to all of them at once, so that their election timeouts start together; then it
// crashes, at a moment that is uniform in its heartbeat interval, and stays down. Pre-vote and
// check-quorum are off.
//
// Ticks are the unit of time and of timeouts. Make them short where candidates that are close
// together matter: clocks tick in no phase with each other, so that timeouts spread over one tick
// more than they are drawn from.
type Outage struct {
	// Seed decides everything that is left to chance. A trial depends on it and on its number, not
	// on how many there are.
	Seed uint64
	// Trials is the number of leaders that crash, each in a cluster of its own.
	Trials int
	// Servers is the number of voters, 0 for 5. At least 3.
	Servers int
	// MinTicks and SpreadTicks say where election timeouts are drawn from, uniformly and anew for
	// each server and term: from MinTicks to MinTicks+SpreadTicks, both included. Heartbeats are
	// sent every MinTicks/2 ticks.
	MinTicks, SpreadTicks int
	// MessageTicks and WriteTicks are those of Config, from the crash on. Before it a write takes
	// no time: who is to crash has to stay the leader until then, however short the timeouts are.
	MessageTicks, WriteTicks float64
	// EqualLogs leaves out that the followers' logs differ: any of them can win.
	EqualLogs bool
	// AsyncStorageWrites lets a candidate ask for votes while it writes its own. Otherwise it
	// writes first.
	AsyncStorageWrites bool
	// BoundTicks is how long a trial waits for a leader, 0 for 1,000 times MinTicks.
	BoundTicks int
}

// Downtime is what a crash has led to.
type Downtime struct {
	// Ticks is the time from the crash to the moment at which a server has got the votes to lead;
	// +Inf if nobody has within Outage.BoundTicks.
	Ticks float64
	// Terms is the number of terms that began meanwhile: 1 if the first candidate was elected.
	Terms int
}

// Downtimes crashes leaders and returns what each crash has led to, in the order of the trials.
// Safety is checked after every event, as in Run. The error is a *Failure if a property was broken,
// and matches ErrConfig if o cannot be used.
func Downtimes(o Outage) ([]Downtime, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	all := make([]Downtime, 0, o.Trials)
	for k := range o.Trials {
		d, err := o.trial(k)
		if err != nil {
			return all, fmt.Errorf("trial %d: %w", k, err)
		}
		all = append(all, d)
	}
	return all, nil
}

// BroadcastTicks is the mean broadcast time of o as the paper defines it: from when a server sends
// a message to all others until it has the answers of all, each of which waits for the write of
// what it answers. It is measured once in each of o.Trials clusters.
func BroadcastTicks(o Outage) (float64, error) {
	o.MinTicks, o.SpreadTicks = maxElectionTicks, 0 // nobody is to campaign meanwhile
	if err := o.check(); err != nil {
		return 0, err
	}
	sum := uint64(0)
	for k := range o.Trials {
		s, err := newSimulation(o.config(k), nil)
		if err != nil {
			return 0, err
		}
		lead, err := s.prepareLeader()
		if err != nil {
			return 0, err
		}
		s.writeTime = meanTime(o.WriteTicks)
		took, err := s.broadcast(lead)
		if err != nil {
			return 0, err
		}
		sum += took
	}
	return float64(sum) / tickTime / float64(o.Trials), nil
}

// maxElectionTicks bounds election timeouts: virtual time and the sums of ticks stay far from
// wrapping.
const maxElectionTicks = 1 << 20

func (o *Outage) check() error {
	o.Servers = orInt(o.Servers, 5)
	o.BoundTicks = orInt(o.BoundTicks, 1000*o.MinTicks)
	switch {
	case o.Trials < 1 || o.BoundTicks < 0:
		return fmt.Errorf("%w: Trials must be positive, and BoundTicks not negative", ErrConfig)
	case o.Servers < 3 || o.Servers > maxNodes/2:
		return fmt.Errorf("%w: Servers must be between 3 and %d", ErrConfig, maxNodes/2)
	case o.MinTicks < 4 || o.SpreadTicks < 0 || o.MinTicks+o.SpreadTicks > maxElectionTicks:
		return fmt.Errorf("%w: election timeouts must be between 4 and %d ticks", ErrConfig, maxElectionTicks)
	}
	return nil
}

// config is that of the cluster of a trial.
func (o *Outage) config(k int) Config {
	seed := mix(o.Seed, uint64(k)+1)
	return Config{
		Seed: seed, Nodes: o.Servers,
		// Who has lost a message is not told, so that followers stay as far behind as they are put.
		Faults:       &Faults{LoseReports: 1, MaxNodes: o.Servers},
		MessageTicks: o.MessageTicks, WriteTicks: o.WriteTicks,
		Tune: func(c *raft.Config) {
			*c = raft.Config{
				ElectionTick: o.MinTicks, HeartbeatTick: o.MinTicks / 2, AsyncStorageWrites: o.AsyncStorageWrites,
				MaxSizePerMsg: noLimit, MaxInflightMsgs: 256,
			}
		},
		ElectionTimeout: func(id, term uint64) int {
			r := rng{state: mix(mix(seed, id), term)}
			return o.MinTicks + r.below(o.SpreadTicks+1)
		},
	}
}

// trial crashes a leader. A failure is run again, for its trace.
func (o *Outage) trial(k int) (Downtime, error) {
	d, s, err := o.crash(k, nil)
	if s == nil || s.w.failure == nil {
		return d, err
	}
	rec := &recorder{describe: true}
	if _, again, _ := o.crash(k, rec); again != nil && again.w.failure != nil {
		again.w.failure.Trace = rec.lines[max(0, len(rec.lines)-again.cfg.TraceLines):]
		return d, again.w.failure
	}
	return d, s.w.failure
}

// crash brings a cluster into the state of the worst case, ends its leader, and waits for another
// one.
func (o *Outage) crash(k int, rec *recorder) (Downtime, *simulation, error) {
	s, err := newSimulation(o.config(k), rec)
	if err != nil {
		return Downtime{}, nil, err
	}
	defer s.stampFailure()
	lead, err := s.prepareLeader()
	if err == nil && !o.EqualLogs {
		err = s.stagger(lead)
	}
	if err == nil {
		err = s.awaitHeartbeat(lead)
	}
	if err != nil {
		return Downtime{}, s, err
	}
	interval := int(ticks(o.MinTicks / 2))
	s.runUntil(s.now + uint64(s.r.below(interval)))
	term := lead.Term
	s.w.crash(lead.node, 0)
	s.endLife(lead)
	s.net.heal()
	s.writeTime = meanTime(o.WriteTicks)
	d := s.awaitElection(ticks(o.BoundTicks))
	for _, h := range s.hosts {
		d.Terms = max(d.Terms, int(h.Term-term))
	}
	return d, s, nil
}

// awaitElection runs until a server is elected, if that happens in time.
func (s *simulation) awaitElection(bound uint64) Downtime {
	began, elections := s.now, s.w.stats.Elections
	for s.w.failure == nil && s.runs(began+bound) {
		if s.w.stats.Elections > elections {
			return Downtime{Ticks: float64(s.now-began) / tickTime}
		}
	}
	return Downtime{Ticks: math.Inf(1)}
}
