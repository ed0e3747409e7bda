package sim

import (
	"math"
	"slices"
)

// faultKind is what a fault event brings about, and what a mend event ends.
type faultKind uint8

const (
	faultPartition faultKind = iota
	faultCrash
	faultCrashWriting
	faultPause
	faultStall
	faultReadError
	faultUnavailable
	faultLoseDisk
	faultCompact
	faultTransfer
	faultCampaign
	faultForget
	faultWriteError
	faultKinds
)

// mean is the mean time between two faults of a kind, in ticks; 0 for never.
func (f *Faults) mean(k faultKind) int {
	return [faultKinds]int{
		f.Partition, f.Crash, f.CrashWriting, f.Pause, f.Stall, f.ReadError, f.Unavailable, f.LoseDisk,
		f.Compact, f.Transfer, f.Campaign, f.Forget, f.WriteError,
	}[k]
}

func (s *simulation) scheduleFault(k faultKind) {
	if mean := s.faults.mean(k); mean > 0 {
		s.q.push(event{at: s.now + s.r.around(ticks(mean)), node: -1, kind: evFault, sub: uint8(k)})
	}
}

// anyHost returns a host that is up, nil if there is none; the leader more often than others.
func (s *simulation) anyHost() *host {
	if lead := s.leader(); lead != nil && s.r.chance(0.3) {
		return lead
	}
	for range 4 * len(s.hosts) {
		if h := s.hosts[s.r.below(len(s.hosts))]; h.rn != nil {
			return h
		}
	}
	return nil
}

// fault makes something go wrong.
func (s *simulation) fault(e *event) {
	if s.recovering {
		return
	}
	k := faultKind(e.sub)
	s.scheduleFault(k)
	if k == faultPartition {
		s.partition()
		return
	}
	h := s.anyHost()
	if h == nil {
		return
	}
	switch k {
	case faultCrash:
		s.crash(h)
	case faultCrashWriting:
		h.crashWriting = true
	case faultWriteError:
		h.failWriting = true
	case faultPause:
		s.w.stats.Pauses++
		s.block(h, s.now+s.r.around(ticks(s.faults.PauseTicks)))
	case faultStall:
		s.w.stats.Stalls++
		h.stalledUntil = s.now + s.r.around(ticks(s.faults.StallTicks))
		// What a node does on the word of others while its disk is stuck is forgotten if it never
		// comes back to itself.
		h.crashWriting = s.faults.CrashWriting > 0 && s.r.chance(0.3)
	case faultReadError, faultUnavailable:
		s.w.failRead(h.node, k == faultUnavailable)
	case faultLoseDisk:
		s.loseDisk(h)
	default:
		s.disturb(h, k)
	}
}

// disturb does what is no fault, and unusual. A host that is blocked is not asked.
func (s *simulation) disturb(h *host, k faultKind) {
	if h.blocked {
		return
	}
	switch k {
	case faultCompact:
		s.w.compact(h.node, uint64([]int{0, 0, 2, 20}[s.r.below(4)]))
	case faultTransfer:
		if lead := s.leader(); lead != nil && !lead.blocked {
			h = lead
		}
		if s.r.chance(0.3) {
			_ = s.w.ask(h.node, action{kind: doStepDown})
		} else {
			_ = s.w.ask(h.node, action{kind: doTransfer, peer: s.hosts[s.r.below(len(s.hosts))].id})
		}
	case faultCampaign:
		_ = s.w.ask(h.node, action{kind: doCampaign})
	case faultForget:
		_ = s.w.ask(h.node, action{kind: doForget})
	}
	s.after(h)
}

// partition cuts some hosts off from others, for a while. A later one replaces it.
func (s *simulation) partition() {
	s.w.stats.Partitions++
	s.net.heal()
	side := s.r.next()
	switch s.r.below(4) {
	case 0: // one host
		side = 1 << s.r.below(len(s.hosts))
	case 1: // the leader
		if lead := s.leader(); lead != nil {
			side = 1 << (lead.id - 1)
		}
	}
	oneWay, only := s.r.chance(0.3), s.r.next()
	for i := range s.hosts {
		if side>>i&1 != 0 {
			s.net.cut[i] |= ^side
		} else if !oneWay {
			s.net.cut[i] |= side
		}
	}
	if s.r.chance(0.2) { // with holes
		for i := range s.hosts {
			s.net.cut[i] &= only
		}
	}
	s.drawCuts()
	s.q.push(event{at: s.now + s.r.around(ticks(s.faults.PartitionTicks)), node: -1, kind: evMend, arg: int32(s.w.stats.Partitions)})
}

// mend ends a partition, if there was no other since.
func (s *simulation) mend(e *event) {
	if int(e.arg) == s.w.stats.Partitions && !s.recovering { // see recover and loseMinority
		s.net.heal()
		s.drawCuts()
	}
}

func (s *simulation) crash(h *host) {
	s.w.crash(h.node, s.r.below(len(h.Unsynced)+1))
	s.wentDown(h)
}

// crashNow ends a node's life in the middle of the write that is due: the power goes, or the write
// fails. In the second case the machine stays up, and what was written before is still there.
func (s *simulation) crashNow(h *host) {
	keep := s.r.below(len(h.Unsynced) + 1) // nothing of this write
	if !h.crashWriting {
		keep = len(h.Unsynced)
		s.w.stats.WriteErrors++
	}
	switch {
	case s.faults.Tear:
		keep = len(h.Unsynced) + 1 + s.r.below([]int{2, 6, 30}[s.r.below(3)])
	case s.r.chance(0.5):
		keep = math.MaxInt32
	}
	s.w.crashWriting(h.node, keep)
	s.wentDown(h)
}

// wentDown forgets what belonged to the node's life, and sees to it that it comes back.
func (s *simulation) wentDown(h *host) {
	if h.downNoted {
		return
	}
	s.endLife(h)
	s.at(s.now+s.r.around(ticks(max(1, s.faults.DownTicks))), h, evRestart, 0, 0)
}

// endLife forgets what belonged to the node's life.
func (s *simulation) endLife(h *host) {
	h.downNoted = true
	h.life++
	h.lastRead = noRead
	for i := range h.waiting {
		if h.waiting[i].kind == evDeliver {
			s.lose(h.waiting[i].arg)
		}
	}
	h.waiting, h.reads = nil, nil
	h.blocked, h.blockedUntil, h.missed = false, 0, 0
	h.readyDue, h.appendBusy, h.applyBusy, h.acksDue = false, false, false, false
	h.crashWriting, h.failWriting = false, false
}

func (s *simulation) restart(h *host) {
	if h.rn != nil || h.lost || h.dead {
		return
	}
	if s.faults.ReadError > 0 && s.r.chance(0.05) {
		s.w.failRead(h.node, false)
	}
	if !s.w.restart(h.node) {
		if h.store.Failed { // its disk could not be read; perhaps it can next time
			s.at(s.now+s.r.around(tickTime), h, evRestart, 0, 0)
		}
		return
	}
	s.w.stats.Restarts++
	h.downNoted = false
	s.scheduleTick(h, uint64(s.r.below(int(h.period)))+1)
	if s.faults.Campaign > 0 && s.r.chance(0.3) {
		// Its next life may repeat what the last one did, before anybody has got further.
		_ = s.w.ask(h.node, action{kind: doCampaign})
	}
	s.after(h)
}

// loseDisk destroys a disk, if the cluster can do without it and will whatever becomes of the
// changes under way.
func (s *simulation) loseDisk(h *host) {
	if s.faults.ReuseID && s.r.chance(0.5) {
		s.w.backup(h.node)
		return
	}
	if !s.canLose(h.id) || len(s.hosts) >= s.faults.MaxNodes {
		return // or nobody could take its place
	}
	s.w.crash(h.node, 0)
	s.wentDown(h)
	s.w.loseDisk(h.node, s.r.chance(0.7), s.faults.ReuseID)
}

// canLose reports whether a quorum stays without a node: there is no change of the configuration
// under way anywhere that could still happen, and no more than a minority of the voters is lost.
func (s *simulation) canLose(id uint64) bool {
	lead := s.leader()
	if lead == nil || len(lead.Conf.VotersOutgoing) > 0 || lead.rep.applied < s.w.o.LastConfChange {
		return false
	}
	if lead.stage != idle || lead.rn.HasReady() || slices.Contains(lead.Conf.Learners, id) {
		return false // a change may be in what it has not handed out yet, or be about to promote the learner
	}
	for _, n := range s.w.nodes {
		if n.Leads() && n.id != lead.id {
			return false // another one may be proposing
		}
	}
	// Who alone knows that a change is committed must stay until the others do: they need its vote
	// otherwise.
	told, live := true, 0
	members(&lead.Conf, func(m uint64) {
		n := s.w.node(m)
		told = told && (n.gone() || n.id == id || n.Hard.Commit >= s.w.o.LastConfChange)
	})
	for _, v := range lead.Conf.Voters {
		if v != id && !s.w.node(v).gone() {
			live++
		}
	}
	return told && live > len(lead.Conf.Voters)/2
}
