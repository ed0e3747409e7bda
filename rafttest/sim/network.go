package sim

import (
	pb "github.com/ffd200af/raft/raftpb"
)

// network says what happens to messages between hosts.
type network struct {
	// cut[i] has a bit for each host to which messages of host i are lost.
	cut []uint64
	// latest[i][j] is when the last message from i to j arrives, where messages keep their order.
	latest [][]uint64
}

func (n *network) grow(hosts int) {
	for len(n.cut) < hosts {
		n.cut = append(n.cut, 0)
		n.latest = append(n.latest, nil)
	}
	for i := range n.latest {
		for len(n.latest[i]) < hosts {
			n.latest[i] = append(n.latest[i], 0)
		}
	}
}

func (n *network) isCut(from, to uint64) bool { return n.cut[from-1]>>(to-1)&1 != 0 }

func (n *network) heal() { clear(n.cut) }

// transmit sends a message on its way, when the write that it waits for is done.
func (s *simulation) transmit(f int32, delay uint64) {
	m := &s.w.flights[f]
	if !s.w.has(m.To) {
		s.w.release(f)
		return
	}
	if s.net.isCut(m.sender, m.To) || s.r.chance(s.faults.Drop) {
		s.lose(f)
		return
	}
	if s.r.chance(s.faults.Duplicate) {
		s.w.stats.Duplicated++
		s.dispatch(s.w.launch(*m), delay+s.r.around(tickTime))
	}
	s.dispatch(f, delay)
}

// dispatch schedules the arrival of a message.
func (s *simulation) dispatch(f int32, delay uint64) {
	m := &s.w.flights[f]
	arrival := s.now + delay + s.r.around(s.messageTime)
	if s.r.chance(s.faults.Slow) {
		arrival += s.r.around(ticks(s.faults.SlowTicks))
	}
	if latest := &s.net.latest[m.sender-1][m.To-1]; !s.faults.Reorder {
		arrival = max(arrival, *latest)
		*latest = arrival
	}
	s.at(arrival, s.host(m.To), evDeliver, 0, f)
}

// What is told to the sender of a message.
const (
	reportUnreachable uint8 = iota
	reportSnapshotFailed
	reportSnapshotDone
)

// lose drops a message. Its sender may be told.
func (s *simulation) lose(f int32) {
	m := &s.w.flights[f]
	s.w.node(m.To).Misses(&m.Message)
	s.w.stats.Dropped++
	if m.Type == pb.MsgSnap {
		s.tell(m, reportSnapshotFailed)
	} else if m.Type == pb.MsgApp && s.r.chance(0.2) {
		s.tell(m, reportUnreachable)
	}
	s.w.release(f)
}

// tell reports the fate of a message to its sender, a little later.
func (s *simulation) tell(m *flight, what uint8) {
	if from := s.host(m.sender); from.rn != nil && !s.r.chance(s.faults.LoseReports) {
		s.at(s.now+s.r.around(tickTime), from, evReport, what, int32(m.To))
	}
}

func (s *simulation) report(h *host, e *event) {
	a := action{kind: doSnapStatus, peer: uint64(e.arg)}
	switch e.sub {
	case reportUnreachable:
		a.kind = doUnreachable
	case reportSnapshotFailed:
		a.n = 1
	}
	_ = s.w.ask(h.node, a)
}

// arrive delivers a message.
func (s *simulation) arrive(h *host, f int32) {
	m := &s.w.flights[f]
	if m.lost || s.net.isCut(m.sender, m.To) {
		s.lose(f)
		return
	}
	if s.w.deliver(f) && m.Type == pb.MsgSnap {
		s.tell(m, reportSnapshotDone)
	}
	s.w.release(f)
	s.after(h)
}
