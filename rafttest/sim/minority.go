package sim

import (
	"math"
	"slices"

	"github.com/ffd200af/raft/confchange"
	"github.com/ffd200af/raft/internal/survivors"
	"github.com/ffd200af/raft/rafttest/property"
)

// How a run ends with Faults.Minority: some nodes never return, and some disks never acknowledge
// again. What the nodes know decides which of them may be lost, see package survivors. The rest has
// to recover as it does after other faults. Removed nodes may stay up, and disturb.

// forever is a moment that no run reaches.
const forever = math.MaxUint64 / 2

// loseMinority lets a minority die. Before that, all links are cut until every node has finished
// its work, so that the observer knows what each node knows. In some runs that lasts until nodes
// forget their leader. Messages under way are lost, because one could carry a configuration change
// that no live log has.
func (s *simulation) loseMinority() {
	for i := range s.net.cut {
		s.net.cut[i] = ^uint64(0)
	}
	s.awaitRest() // a leader that was paused has read what came before
	s.loseFlights()
	r := rng{state: mix(s.cfg.Seed, 0xdead)}
	silence := r.below(3) * s.w.base.ElectionTick
	if lead := s.leader(); lead != nil && len(lead.rn.Status().CatchUp) > 0 {
		// The leader may promote a learner within an election timeout of the learner's last
		// answer.
		silence = max(silence, s.w.base.ElectionTick+2)
	}
	for end := s.now + ticks(silence); s.now < end && s.w.failure == nil && s.step(); {
	}
	s.awaitRest()
	if s.w.failure != nil {
		return
	}
	s.loseFlights()
	s.net.heal()
	s.drawCuts()
	for i := range s.net.latest {
		clear(s.net.latest[i]) // no link waits for what is lost
	}
	known := make([]survivors.Node, len(s.hosts))
	var up, fragile survivors.Set
	for i, h := range s.hosts {
		if h.rn == nil {
			continue
		}
		known[i] = s.knownTo(h)
		up |= 1 << i
		// A leader whose disk is stuck steps down only with CheckQuorum. A node that writes
		// synchronously stands still with its disk, as a dead one does.
		if s.w.base.AsyncStorageWrites && h.options.CheckQuorum {
			fragile |= 1 << i
		}
	}
	live, work := survivors.Draw(known, up, fragile, r.below)
	for i, h := range s.hosts {
		switch {
		case up>>i&1 == 0 || work>>i&1 != 0:
		case live>>i&1 == 0:
			h.dead = true
			s.w.crash(h.node, 0)
			s.endLife(h)
			s.w.stats.Dead++
		default:
			h.stuck, h.stalledUntil = true, forever
			s.w.stats.Stuck++
		}
	}
}

// loseFlights loses all messages under way.
func (s *simulation) loseFlights() {
	for i := range s.w.flights {
		s.w.flights[i].lost = true
	}
}

// awaitRest lets time pass until every node has been at rest once, and leaders are at rest now.
// Only a leader appends to its log without messages.
func (s *simulation) awaitRest() {
	rested := make([]bool, len(s.hosts))
	waits := func() bool {
		all := true
		for i, h := range s.hosts {
			now := s.rests(h)
			rested[i] = rested[i] || now
			all = all && rested[i] && (now || !h.Leads())
		}
		return !all
	}
	for end := s.now + ticks(s.cfg.RecoverTicks); waits() && s.w.failure == nil; {
		if s.now > end || !s.step() {
			s.w.failf(property.Progress, nil, "a node does not come to rest within %d ticks, cut off from others: %s", s.cfg.RecoverTicks, s.standing())
		}
	}
}

// calm lets a few election timeouts pass. A leader whose disk works must keep its term: a node
// whose disk is stuck must not disturb it. A removed node that stays up may, so there may be no
// leader now. So may a node with a later term whose slow disk has held back its answers.
func (s *simulation) calm() {
	lead := s.leader()
	if lead == nil || lead.stuck {
		return
	}
	for _, h := range s.hosts {
		if h.rn != nil && !h.stuck && (!isMember(&lead.Conf, h.id) || h.Term > lead.Term) {
			return
		}
	}
	term, elections := lead.Term, s.w.stats.Elections
	for end := s.now + ticks(5*s.w.base.ElectionTick); s.now < end && s.w.failure == nil && s.step(); {
		if !slices.Contains(lead.Conf.Voters, lead.id) && !slices.Contains(lead.Conf.VotersOutgoing, lead.id) {
			return // it hands the leadership over
		}
		if lead.Term != term || s.w.stats.Elections != elections {
			s.w.failf(property.Progress, lead.node, "a node whose disk is stuck disturbs leader %d of term %d: %s", lead.id, term, s.standing())
		}
	}
}

// rests reports whether a host has no work. A host whose disk is lost never has any.
func (s *simulation) rests(h *host) bool {
	if h.rn == nil {
		return h.lost
	}
	return !h.blocked && h.stage == idle && !h.rn.HasReady() && len(h.AppendWork)+len(h.ApplyWork)+len(h.acks) == 0
}

// knownTo returns what a node knows of the configuration.
func (s *simulation) knownTo(h *host) survivors.Node {
	known := survivors.Node{ID: h.id, Applied: h.rep.applied, Commit: h.Commit}
	var err error
	if len(h.Conf.Voters) > 0 {
		if known.Config, err = confchange.FromConfState(h.Conf); err != nil {
			s.w.failf(property.Healthy, h.node, "node %d has a configuration that cannot be: %v", h.id, err)
		}
	}
	if err := known.AddChanges(s.w.logOf(h.node)); err != nil {
		s.w.failf(property.Healthy, h.node, "%v", err)
	}
	known.Changes = slices.DeleteFunc(known.Changes, func(c survivors.Change) bool { return string(c.Change.Context) == refusedChange })
	return known
}
