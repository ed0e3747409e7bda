package sim

import (
	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// tickTime is the length of a tick of the slowest clock, in microseconds of virtual time.
const tickTime = 10_000

// simulation puts time and chance over a world: a queue of what is due, and one source of chance
// for everything.
type simulation struct {
	w      *world
	cfg    *Config
	faults *Faults
	r      rng
	q      queue
	now    uint64
	events uint64

	// The mean times that a message and a write take, in microseconds.
	messageTime, writeTime uint64

	hosts   []*host
	net     network
	clients []client
	owners  []readOwner // of reads, by number
	stamp   int64       // orders the calls and returns of operations
	history []Operation

	removed    uint64 // nodes that were removed, a bit for each id; ids are never used again
	recovering bool
	target     uint64 // the commit index when recovery began
	quiet      bool   // clients ask for nothing any more
	probed     uint64 // the commit index at which leases were probed last
	elected    int    // the elections after which a read was probed
}

// host is what drives a node: its clock, its threads, and what waits while it is busy.
type host struct {
	*node
	life   uint32
	period uint64 // the length of its ticks
	// Until then the node does nothing: it writes (in sync mode) or is paused. What comes in waits,
	// and ticks that are missed are made up for first.
	blockedUntil uint64
	blocked      bool
	missed       int
	waiting      []event
	// What is scheduled already.
	readyDue, appendBusy, applyBusy, acksDue bool
	// applyTicks is how long something has been there to be applied, with Faults.ApplyLate.
	applyTicks int

	stalledUntil uint64
	crashWriting bool // in its next write
	failWriting  bool // its next write
	downNoted    bool // that the node is down
	// dead: the node never starts again. stuck: its disk never acknowledges again. See
	// loseMinority.
	dead, stuck bool

	reads    []pendingRead // answered by raft, and waiting for the replica to apply
	lastRead lastRead      // see lastReads
}

// microseconds of ticks.
func ticks(n int) uint64 { return uint64(n) * tickTime }

// meanTime is a mean time of Config in microseconds.
func meanTime(meanTicks float64) uint64 {
	if meanTicks == 0 {
		return tickTime / 10
	}
	return uint64(meanTicks * tickTime)
}

func (s *simulation) addHost(n *node) *host {
	h := &host{node: n, period: tickTime}
	if s.faults.Drift > 0 {
		// In as many ticks of the slowest clock as an election takes, the fastest gains Drift
		// ticks. The extremes, between which leases are in danger, are drawn more often than what
		// lies between.
		share := float64(min(max(s.r.between(-1000, 2000), 0), 1000)) / 1000
		gain := s.faults.Drift / float64(s.w.base.ElectionTick) * share
		h.period = uint64(tickTime / (1 + gain))
		if float64(h.period)*(1+gain) < tickTime {
			h.period++
		}
	}
	s.hosts = append(s.hosts, h)
	s.net.grow(len(s.hosts))
	s.scheduleTick(h, uint64(s.r.below(int(h.period)))+1)
	return h
}

func (s *simulation) host(id uint64) *host { return s.hosts[id-1] }

// at schedules an event for a host.
func (s *simulation) at(when uint64, h *host, kind eventKind, sub uint8, arg int32) {
	s.q.push(event{at: when, life: h.life, node: int16(h.id - 1), kind: kind, sub: sub, arg: arg})
}

func (s *simulation) scheduleTick(h *host, in uint64) { s.at(s.now+in, h, evTick, 0, 0) }

// step takes the next event; false if there is none.
func (s *simulation) step() bool {
	e, ok := s.q.pop()
	if !ok {
		return false
	}
	s.now = e.at
	s.events++
	s.w.hash = mix(s.w.hash, e.at<<16^uint64(e.kind)<<8^uint64(e.sub)^uint64(uint16(e.node))<<48)
	switch e.kind {
	case evFault:
		s.fault(&e)
		return true
	case evMend:
		s.mend(&e)
		return true
	case evAdmin:
		s.admin()
		return true
	case evClient:
		s.clientEvent(&e)
		return true
	}
	h := s.hosts[e.node]
	if e.kind == evRestart {
		s.restart(h)
		return true
	}
	if e.life != h.life {
		if e.kind == evDeliver {
			s.lose(e.arg)
		}
		return true
	}
	s.hostEvent(h, &e)
	return true
}

// hostEvent lets a host deal with an event of its current life.
func (s *simulation) hostEvent(h *host, e *event) {
	switch e.kind {
	case evTick:
		s.scheduleTick(h, h.period)
		if h.blocked {
			h.missed++
			return
		}
		s.tick(h)
	case evUnblock:
		s.unblock(h)
		return
	case evAppend:
		s.appendDone(h)
		return
	case evApply:
		h.applyBusy = false
		s.w.doApply(h.node)
	case evReady:
		h.readyDue = false
		if !h.blocked {
			s.work(h)
		}
		return
	default:
		if h.blocked {
			h.waiting = append(h.waiting, *e)
			return
		}
		s.perform(h, e)
		return
	}
	s.after(h)
}

// perform carries out an event that had to wait while the host was blocked.
func (s *simulation) perform(h *host, e *event) {
	switch e.kind {
	case evDeliver:
		s.arrive(h, e.arg)
		return
	case evReport:
		s.report(h, e)
	case evClient:
		s.serve(h, e)
		return
	case evStage:
		s.stageDone(h)
		return
	case evAcks:
		h.acksDue = false
		s.w.doAcks(h.node)
	}
	s.after(h)
}

// after takes in what an action on a host has brought, and lets the host go on.
func (s *simulation) after(h *host) {
	s.collect(h, 0)
	if h.rn == nil || s.w.failure != nil {
		return
	}
	if h.blocked || h.readyDue {
		return
	}
	if s.r.chance(s.faults.Lazy) {
		h.readyDue = true
		s.at(s.now+s.r.around(tickTime/4), h, evReady, 0, 0)
		return
	}
	s.work(h)
}

// collect takes what the last action has sent and answered. Messages leave after a delay.
func (s *simulation) collect(h *host, delay uint64) {
	if h.rn == nil && !h.downNoted {
		s.wentDown(h)
	}
	for _, f := range s.w.sent {
		s.transmit(f, delay)
	}
	s.w.sent = s.w.sent[:0]
	if len(s.w.answers) > 0 {
		s.answered()
		s.w.answers = s.w.answers[:0]
	}
	if len(s.w.reads) > 0 {
		s.readAnswers(h)
		s.w.reads = s.w.reads[:0]
	}
	if len(h.reads) > 0 {
		s.serveReads(h)
	}
	if len(h.ApplyWork) > 0 && !h.applyBusy && !s.w.base.AsyncStorageWrites {
		h.applyBusy = true
		s.at(s.now+s.r.around(ticks(s.w.base.ElectionTick)/8), h, evApply, 0, 0)
	}
	if s.probed != s.w.o.Commit {
		s.probed = s.w.o.Commit
		s.probeLeases(h)
	}
	if s.elected != s.w.stats.Elections && h.rn != nil {
		s.elected = s.w.stats.Elections
		s.probeRead(h)
	}
}

// probeRead asks a node for a read as soon as it leads, when it knows least of what is committed.
func (s *simulation) probeRead(h *host) {
	s.w.askReadIndex(h.node)
	s.owners = append(s.owners, readOwner{client: -1})
}

// probeLeases asks every other node that takes itself for the leader for a read from its lease,
// when something new is committed. Nodes that are blocked cannot be asked, and have ticks to make
// up for first.
func (s *simulation) probeLeases(by *host) {
	if s.w.base.LeaseDriftTicks == 0 {
		return
	}
	for _, h := range s.hosts {
		if h.Leads() && h != by && !h.blocked && h.rn != nil {
			s.w.leaseRead(h.node)
		}
	}
}

// block makes a host wait.
func (s *simulation) block(h *host, until uint64) {
	h.blockedUntil = max(h.blockedUntil, until)
	if !h.blocked {
		h.blocked = true
		s.at(h.blockedUntil, h, evUnblock, 0, 0)
	}
}

// unblock lets a host go on, if nothing else blocks it: first with the ticks it has missed, because
// leases count on them, then with what came in.
func (s *simulation) unblock(h *host) {
	if s.now < h.blockedUntil {
		s.at(h.blockedUntil, h, evUnblock, 0, 0)
		return
	}
	h.blocked = false
	if h.missed > 0 && s.cfg.Faults.Batches && s.r.chance(0.5) {
		_ = s.w.ask(h.node, action{kind: doSkip, n: uint64(h.missed)})
		h.missed = 0
	}
	for h.missed > 0 && !h.blocked && h.rn != nil {
		h.missed--
		s.tick(h)
		s.collect(h, 0)
	}
	if h.rn != nil {
		s.after(h)
	}
	for len(h.waiting) > 0 && !h.blocked && h.rn != nil && s.w.failure == nil {
		e := h.waiting[0]
		h.waiting = h.waiting[1:]
		s.perform(h, &e)
	}
}

// leader returns the host that leads the latest term, nil if none does.
func (s *simulation) leader() *host {
	var best *host
	for _, h := range s.hosts {
		if h.rn != nil && h.Leads() && (best == nil || h.Term > best.Term) {
			best = h
		}
	}
	return best
}

// members calls f for every member of a configuration.
func members(cs *pb.ConfState, f func(id uint64)) {
	for _, ids := range [...][]uint64{cs.Voters, cs.VotersOutgoing, cs.Learners} {
		for _, id := range ids {
			f(id)
		}
	}
}

// recovered reports whether everybody has got over the faults.
func (s *simulation) recovered() bool {
	lead := s.leader()
	if lead == nil || lead.Commit < s.target {
		return false
	}
	for i := range s.clients {
		if !s.clients[i].recovered {
			return false
		}
	}
	// And a joint configuration is left that is to be left by itself.
	all := true
	members(&lead.Conf, func(id uint64) {
		n := s.w.node(id)
		h := s.host(id)
		all = all && (n.lost || h.dead || h.stuck || n.rn != nil && n.rep.applied >= s.target)
	})
	joint := len(lead.Conf.VotersOutgoing) > 0 && lead.Conf.AutoLeave
	return all && !joint && lead.Lead != raft.None
}
