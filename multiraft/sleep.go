package multiraft

import (
	pb "github.com/ffd200af/raft/raftpb"
)

// offer is a leader's offer of sleep: at this term and commit index.
type offer struct {
	term, commit uint64
	agreed       []uint64 // replicas
	// since is a tick. Batches of it and later ones tell the followers of nothing but the offer.
	since uint64
}

// invite is an offer of the leader of this term that a follower has to answer.
type invite struct {
	term, commit uint64
}

// wake ends the sleep of a group, and makes up for the time: every fresh batch from the leader's
// store was a heartbeat, and every one that confirms a newer batch was an answer. A follower has
// then seen the ticks up to the last of them, a leader the present one.
func (s *Store) wake(i uint32) {
	g := &s.groups[i]
	g.asleep = false
	s.unlink(i)
	until := s.clock
	if !g.leads {
		led := s.peerOf(s.cfg.StoreOf(g.id, g.node.BasicStatus().Lead))
		until = max(g.at, s.peers[max(led, 0)].heardAt) // which is long ago if the store is not known
	} else if quiet := s.quorumSilence(i); quiet >= uint64(s.cfg.ElectionTick) {
		until = max(g.at, s.clock-min(quiet, s.clock)) // what follows may be a check that fails
	}
	g.node.TickAsleep(until-g.at, func(replica uint64) (arrived, sent uint64) {
		at := s.peerOf(s.cfg.StoreOf(g.id, replica))
		if at < 0 {
			return never, never
		}
		return until - min(until, s.peers[at].answeredAt), until - min(until, s.peers[at].confirmedAt)
	})
	g.at, g.active = until, s.clock
}

// wakeTold wakes a group because another store has said that a replica there is awake, or leads no
// more.
func (s *Store) wakeTold(i uint32, by int) {
	g := &s.groups[i]
	if !g.asleep {
		return
	}
	if g.leads || by == s.peerOf(s.cfg.StoreOf(g.id, g.node.BasicStatus().Lead)) {
		s.wake(i)
	}
	s.touch(i)
	s.settle(i)
}

// sleep leaves a group, whose node has seen every tick, to the beats of the stores until wake.
func (s *Store) sleep(i uint32) {
	g := &s.groups[i]
	led := 0
	if !g.leads {
		led = s.peerOf(s.cfg.StoreOf(g.id, g.node.BasicStatus().Lead))
	}
	if led < 0 || !g.leads && (led == 0 || s.peers[led].silent) {
		return // nobody would notice that the leader is gone
	}
	if g.leads && s.quorumSilence(i) >= uint64(s.cfg.ElectionTick) {
		return // nor that the quorum is
	}
	delete(s.offers, i)
	s.unlink(i)
	s.link(i, ledList(led))
	g.asleep, g.due = true, never
	g.node.FreeBuffers()
}

// stepHeartbeat takes a heartbeat, with an offer of sleep if it has the mark and is fresh. An offer
// alone does not wake a follower: considerSleep decides when the response is handed out.
func (s *Store) stepHeartbeat(h *Heartbeat, fresh bool) error {
	m := pb.Message{Type: pb.MsgHeartbeat, From: h.From, To: h.To, Term: h.Term, Commit: h.Commit, Context: h.Context}
	i, err := s.find(h.Group)
	if err != nil || !h.Sleep || !fresh || !s.groups[i].maySleep {
		return s.stepLine(h.Group, &m, fresh)
	}
	if g := &s.groups[i]; g.asleep {
		if st := g.node.BasicStatus(); st.Term != h.Term || st.Commit != h.Commit || st.Lead != h.From {
			return s.stepTo(i, &m, fresh)
		}
	} else {
		s.touch(i)
	}
	s.touched++
	s.invites[i] = invite{term: h.Term, commit: h.Commit}
	if err = s.groups[i].node.Step(m); err != nil {
		delete(s.invites, i)
	}
	s.settle(i)
	return err
}

// stepResponse takes the response to a heartbeat. Agreement does not wake a leader that sleeps. It
// counts only if it is fresh: the follower may have woken since.
func (s *Store) stepResponse(at int, h *Heartbeat, fresh bool) error {
	m := pb.Message{Type: pb.MsgHeartbeatResp, From: h.From, To: h.To, Term: h.Term, Context: h.Context}
	i, err := s.find(h.Group)
	if err != nil || !h.Sleep || !fresh {
		return s.stepLine(h.Group, &m, fresh)
	}
	g := &s.groups[i]
	if g.asleep {
		if st := g.node.BasicStatus(); g.leads && st.Term == h.Term && st.Commit == h.Commit {
			return nil
		}
	}
	err = s.touch(i).Step(m)
	s.settle(i)
	o := s.offers[i]
	if err != nil || o == nil || o.term != h.Term || o.commit != h.Commit || s.peers[at].confirmedAt < o.since {
		return err
	}
	o.agree(h.From)
	s.sleepIfAgreed(i, o)
	return nil
}

// stepLine is stepMessage without the wrapping.
func (s *Store) stepLine(id uint64, m *pb.Message, fresh bool) error {
	i, err := s.find(id)
	if err != nil {
		if err == ErrNoGroup {
			s.noteUnknown(id, m)
		}
		return err
	}
	return s.stepTo(i, m, fresh)
}

// stepTo gives a group a message, and wakes it. A leader that sends one is awake, but if it is not
// fresh, the leader may sleep again.
func (s *Store) stepTo(i uint32, m *pb.Message, fresh bool) error {
	if g := &s.groups[i]; fresh && g.asleep && !g.leads {
		if st := g.node.BasicStatus(); m.From == st.Lead && m.Term == st.Term {
			s.wake(i)
		}
	}
	err := s.touch(i).Step(*m)
	s.settle(i)
	return err
}

func (o *offer) agree(replica uint64) {
	if !o.has(replica) {
		o.agreed = append(o.agreed, replica)
	}
}

func (o *offer) has(replica uint64) bool {
	for _, id := range o.agreed {
		if id == replica {
			return true
		}
	}
	return false
}

// sleepIfAgreed lets a leader sleep when all other members have agreed to its offer; without an
// offer, if there are none.
func (s *Store) sleepIfAgreed(i uint32, o *offer) {
	g := &s.groups[i]
	if g.queued || !s.isIdle(g) || !g.node.MaySleep() {
		return
	}
	if st := g.node.BasicStatus(); o != nil && (st.Term != o.term || st.Commit != o.commit) {
		return
	}
	all := true
	s.otherMembers(i, func(replica, _ uint64) { all = all && o != nil && o.has(replica) })
	if all {
		s.sleep(i)
	}
}

// isIdle reports whether nothing but heartbeats has happened in a group for SleepTicks.
func (s *Store) isIdle(g *group) bool {
	return g.maySleep && s.clock-g.active >= uint64(s.cfg.SleepTicks)
}

// line is a heartbeat or a response in a batch that is being made, which may get the mark of sleep.
type line struct {
	batch    *Batch
	at       int
	response bool
}

func (l *line) mark(commit uint64) {
	h := &l.batch.Heartbeats
	if l.response {
		h = &l.batch.Responses
	}
	(*h)[l.at].Sleep, (*h)[l.at].Commit = true, commit
}

// considerSleep follows a Ready of a group that had only messages. A leader marks the heartbeats in
// it, if it may sleep. A follower answers an offer, and sleeps with it or wakes.
func (s *Store) considerSleep(i uint32) {
	g := &s.groups[i]
	if inv, ok := s.invites[i]; ok {
		delete(s.invites, i)
		s.answerInvite(i, inv)
		return
	}
	if !g.leads || len(s.lines) == 0 && !s.others {
		return
	}
	if s.others || !s.isIdle(g) || !g.node.MaySleep() {
		s.interrupt(i)
		return
	}
	st := g.node.BasicStatus()
	o := s.offers[i]
	if o == nil || o.term != st.Term || o.commit != st.Commit {
		o = &offer{term: st.Term, commit: st.Commit, since: s.clock}
		s.offers[i] = o
	}
	g.offered = true
	for j := range s.lines {
		if l := &s.lines[j]; !l.response && l.batch.Heartbeats[l.at].Commit == o.commit {
			l.mark(o.commit)
		}
	}
}

// interrupt follows a message of a leader that may wake followers who have agreed: they have to
// agree to a later offer.
func (s *Store) interrupt(i uint32) {
	if o := s.offers[i]; o != nil {
		o.agreed, o.since = nil, s.clock+1
	}
}

// answerInvite lets a follower sleep that has what the leader has and nothing to do, and wakes one
// that slept at another commit index.
func (s *Store) answerInvite(i uint32, inv invite) {
	g := &s.groups[i]
	st := g.node.BasicStatus()
	if st.Term != inv.term || st.Commit != inv.commit || !g.node.MaySleep() {
		if g.asleep {
			s.touch(i)
			s.settle(i)
		}
		return
	}
	if !g.asleep {
		s.sleep(i)
	}
	for j := range s.lines {
		if l := &s.lines[j]; l.response && g.asleep {
			l.mark(inv.commit)
		}
	}
}
