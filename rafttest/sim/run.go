package sim

import (
	"fmt"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/rafttest/property"
)

// Run simulates a cluster and checks it after every event. The error is a *Failure if a property
// was broken, and matches ErrConfig if cfg cannot be used. The Result is as far as the run got.
func Run(cfg Config) (Result, error) {
	s, err := simulate(cfg, nil)
	if err != nil {
		return Result{Seed: cfg.Seed}, err
	}
	if s.w.failure == nil {
		return s.result(), nil
	}
	return s.result(), explain(cfg, s.w.failure)
}

// explain runs a failure again, and adds what was done last.
func explain(cfg Config, f *Failure) *Failure {
	cfg.Watch, cfg.Picture = nil, nil
	rec := &recorder{describe: true}
	again, err := simulate(cfg, rec)
	if err != nil || again.w.failure == nil || again.w.failure.Detail != f.Detail || again.w.failure.Event != f.Event {
		f.Detail += " (and it does not happen again: the Disk, the StateMachine or the commands depend on more than the seed)"
		return f
	}
	f.Trace = rec.lines
	if n := len(f.Trace) - again.cfg.TraceLines; n > 0 {
		f.Trace = f.Trace[n:]
	}
	return f
}

// newSimulation builds the cluster at its first moment, without clients and faults. The error is
// about cfg.
func newSimulation(cfg Config, rec *recorder) (*simulation, error) {
	drawn, base, err := cfg.draw()
	if err != nil {
		return nil, err
	}
	var s *simulation
	now := func() uint64 {
		if s == nil {
			return 0
		}
		return s.now
	}
	w, err := newWorld(&drawn, base, drawn.Nodes, now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	w.recorder = rec
	s = &simulation{
		w: w, cfg: &drawn, faults: drawn.Faults, r: rng{state: drawn.Seed ^ 0x5eed},
		messageTime: meanTime(drawn.MessageTicks), writeTime: meanTime(drawn.WriteTicks),
	}
	for _, n := range w.nodes {
		if n.rn == nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, w.failure)
		}
		h := s.addHost(n)
		// The first write is the one that cannot be made up for by anybody else.
		h.crashWriting = drawn.Bootstrap && drawn.Faults.CrashWriting > 0 && s.r.chance(0.3)
	}
	return s, nil
}

// simulate runs to the end, or to the first failure. The error is about cfg.
func simulate(cfg Config, rec *recorder) (*simulation, error) {
	s, err := newSimulation(cfg, rec)
	if err != nil {
		return nil, err
	}
	for range s.cfg.Clients {
		s.addClient()
	}
	for k := range faultKinds {
		s.scheduleFault(k)
	}
	s.scheduleAdmin()
	s.w.guard(s.run)
	s.forgetPending()
	s.stampFailure()
	return s, nil
}

// stampFailure notes when the run failed, if it did.
func (s *simulation) stampFailure() {
	if f := s.w.failure; f != nil {
		f.Event, f.Time = s.events, s.now
	}
}

// run lets everything happen, and recover.
func (s *simulation) run() {
	for s.events < uint64(s.cfg.Steps) && s.w.failure == nil && s.step() {
	}
	if s.w.failure == nil {
		s.recover()
	}
}

// recover ends the faults, and waits for everybody to get on.
func (s *simulation) recover() {
	calm := NoFaults()
	calm.Drift, calm.MaxNodes = s.faults.Drift, s.faults.MaxNodes
	s.faults, s.recovering = calm, true
	s.net.heal()
	s.drawCuts()
	for _, h := range s.hosts {
		h.stalledUntil, h.crashWriting, h.failWriting = 0, false, false
		s.w.repair(h.node)
		if h.blocked {
			h.blockedUntil = s.now
			s.at(s.now, h, evUnblock, 0, 0)
		}
		s.restart(h)
	}
	if s.cfg.Faults.Minority && !s.cfg.Faults.ReuseID {
		s.loseMinority()
	}
	s.target = s.w.o.Commit
	for i := range s.clients {
		s.clients[i].recovered = false
	}
	began, end := s.now, s.now+ticks(s.cfg.RecoverTicks)
	for s.w.failure == nil && !s.recovered() {
		if s.now > end || !s.step() {
			s.w.failf(property.Progress, nil, "no recovery within %d ticks of the end of the faults: %s", s.cfg.RecoverTicks, s.standing())
		}
	}
	took := int((s.now - began) / tickTime)
	if s.w.failure == nil {
		s.lastReads()
	}
	if s.w.failure == nil && s.w.stats.Stuck > 0 {
		s.calm()
	}
	s.cfg.RecoverTicks = took
	for _, h := range s.hosts {
		if h.rn != nil && s.w.failure == nil {
			s.w.verify(h.node)
		}
	}
}

// standing describes where everybody stands.
func (s *simulation) standing() string {
	out := []byte(fmt.Sprintf("committed %d", s.target))
	for _, h := range s.hosts {
		switch {
		case h.lost:
			out = fmt.Appendf(out, "; node %d is lost", h.id)
		case h.dead:
			out = fmt.Appendf(out, "; node %d is dead", h.id)
		case h.rn == nil:
			out = fmt.Appendf(out, "; node %d is down", h.id)
		default:
			st := h.rn.Status()
			out = fmt.Appendf(out, "; node %d: %s in term %d of leader %d, log up to %d, commit %d, applied %d, %s",
				h.id, st.RaftState, st.Term, st.Lead, h.Log.Last(), st.Commit, h.rep.applied, raft.DescribeConfState(h.Conf))
			if h.lastRead != noRead {
				out = append(out, ", its read waits"...)
			}
			if h.stuck {
				out = append(out, ", with a disk that is stuck"...)
			}
		}
	}
	for i := range s.clients {
		if c := &s.clients[i]; !c.recovered {
			out = fmt.Appendf(out, "; client %d waits", c.number)
		}
	}
	return string(out)
}

func (s *simulation) result() Result {
	r := Result{Seed: s.cfg.Seed, Hash: s.w.hash, Stats: s.w.stats, Commit: s.w.o.Commit, Ticks: int(s.now / tickTime), RecoverTicks: s.cfg.RecoverTicks, History: s.history}
	r.Stats.Events = int(s.events)
	for _, n := range s.w.nodes {
		r.Term = max(r.Term, n.Term)
	}
	return r
}
