package multiraft

import (
	"slices"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/tracker"
)

// peer is what the store knows of another store; peers[0] is the store itself.
type peer struct {
	store uint64
	// incarnation and number are those of the newest batch that has arrived; heardAt is when it
	// did.
	incarnation, number uint64
	heardAt             uint64
	silent              bool
	// sent is the number of the last batch to this store.
	sent uint64
	// wakes are the groups that this store has to wake, until it confirms a batch that says so.
	wakes []owedWake
	// wakeAll: every group in the waking list wakes, even if the store is heard again. On peers[0]:
	// if not set, only those with a member on a store that has restarted.
	wakeAll bool
	// restarted: leaders here with a member on that store have not been looked at yet.
	restarted bool
	// gone: the application has said that the store does not come back.
	gone bool
}

// owedWake is a group to wake, and the first batch that says so.
type owedWake struct{ group, number uint64 }

// addPeer makes a store known, which counts as heard from now.
func (s *Store) addPeer(store uint64) int {
	s.peers = append(s.peers, &peer{store: store, heardAt: s.clock})
	s.lists = append(s.lists, list{none, none}, list{none, none})
	return len(s.peers) - 1
}

// peerOf returns the position of a store, which it makes known; -1 for 0.
func (s *Store) peerOf(store uint64) int {
	if store == 0 {
		return -1
	}
	for i, p := range s.peers {
		if p.store == store {
			return i
		}
	}
	return s.addPeer(store)
}

// hear notes a batch as a sign of life. It reports whether the batch is the newest of its store, so
// that its marks of sleep count. A batch of an earlier life, and one that a later one has
// overtaken, may be very old.
func (s *Store) hear(b *Batch) (fresh bool) {
	at := s.peerOf(b.From)
	p := s.peers[at]
	if b.HeardIncarnation == s.cfg.Incarnation {
		p.wakes = slices.DeleteFunc(p.wakes, func(w owedWake) bool { return w.number <= b.HeardNumber })
	}
	if b.Incarnation < p.incarnation || b.Incarnation == p.incarnation && b.Number <= p.number {
		return false
	}
	if b.Incarnation > p.incarnation && p.incarnation != 0 {
		s.restarted(at)
	}
	p.gone = false
	p.incarnation, p.number, p.heardAt = b.Incarnation, b.Number, s.clock
	if p.silent {
		p.silent = false
		if !p.wakeAll {
			s.splice(wakingList(at), ledList(at)) // their leader is still there
		}
	}
	return true
}

// restarted: a store has another incarnation. It leads nothing any more, and its replicas do not
// sleep any more.
func (s *Store) restarted(at int) {
	p := s.peers[at]
	p.wakes, p.wakeAll, p.restarted = nil, true, true
	s.splice(ledList(at), wakingList(at))
	s.splice(ledList(0), wakingList(0))
	s.waking = true
	clear(s.invites) // some may be of the earlier life; their leaders offer again
}

// tickPeers looks for silent stores, wakes groups, and makes beats.
func (s *Store) tickPeers() {
	silent, others := 0, 0
	for at, p := range s.peers {
		if at == 0 || p.gone {
			continue
		}
		others++
		if !p.silent && s.clock-p.heardAt >= uint64(s.cfg.ElectionTick) {
			p.silent = true
			s.splice(ledList(at), wakingList(at))
			s.waking = true
		}
		if p.silent {
			silent++
		}
	}
	if self := s.peers[0]; others > 0 && silent == others && !self.silent {
		self.silent, self.wakeAll, s.waking = true, true, true
		s.splice(ledList(0), wakingList(0))
	} else if silent < others {
		self.silent = false
	}
	if s.waking {
		s.wakeSome()
	}
	if others > 0 && s.clock%uint64(s.cfg.BeatTicks) == 0 {
		s.beats = true
	}
}

// wakeSome wakes the groups in the waking lists, up to the bound of a tick. A leader here that need
// not wake is put back.
func (s *Store) wakeSome() {
	left := s.cfg.MaxWakes
	for j := range s.peers {
		at := (j + 1) % len(s.peers) // this store's leaders come last
		p := s.peers[at]
		for ; left > 0; left-- {
			i := s.lists[wakingList(at)].first
			if i == none {
				break
			}
			if at == 0 && !p.wakeAll && !s.hasRestartedMember(i) {
				s.unlink(i)
				s.link(i, ledList(0))
				continue
			}
			s.touch(i)
			s.groups[i].active = 0 // nothing but a store has woken it: it may sleep again at once
			if at > 0 {
				s.takeTurns(i)
			}
			s.settle(i)
		}
		if s.lists[wakingList(at)].first != none {
			return
		}
		p.wakeAll = false
	}
	s.waking = false
	for _, p := range s.peers {
		p.restarted = false
	}
}

// takeTurns gives the members of a group without its leader election timeouts that do not overlap,
// an election timeout apart. All of them wake at about the same time, and would often campaign in
// one tick and split the votes. The order differs from group to group, so that the groups of a dead
// store go to all others.
func (s *Store) takeTurns(i uint32) {
	g := &s.groups[i]
	st := g.node.BasicStatus()
	before, others := 0, 0
	g.node.WithProgress(func(id uint64, typ raft.ProgressType, _ tracker.Progress) {
		switch {
		case id == st.Lead || typ != raft.ProgressTypePeer:
			return
		case id < st.ID:
			before++
		}
		others++
	})
	if others == 0 {
		return
	}
	turn := (uint64(before) + g.id) % uint64(others)
	election := uint64(s.cfg.ElectionTick)
	timeout := election*(1+turn) + mix(s.cfg.Seed^s.clock, g.id)%election
	_ = g.node.SetRandomizedElectionTimeout(int(timeout)) // an error leaves the timeout as it is
}

// hasRestartedMember reports whether a member of a group is on a store that has restarted.
func (s *Store) hasRestartedMember(i uint32) (has bool) {
	s.otherMembers(i, func(_, store uint64) {
		at := s.peerOf(store)
		has = has || at > 0 && s.peers[at].restarted
	})
	return has
}

// otherMembers calls f for every member of a group besides this store's.
func (s *Store) otherMembers(i uint32, f func(replica, store uint64)) {
	g := &s.groups[i]
	self := g.node.BasicStatus().ID
	g.node.WithProgress(func(id uint64, _ raft.ProgressType, _ tracker.Progress) {
		if id != self {
			f(id, s.cfg.StoreOf(g.id, id))
		}
	})
}

// splice moves all groups of a list to the end of another.
func (s *Store) splice(from, to uint32) {
	for s.lists[from].first != none {
		i := s.lists[from].first
		s.unlink(i)
		s.link(i, to)
	}
}

// oweWakes ends what followers may rely on: this replica's leadership. It is for a leader that has
// offered sleep.
func (s *Store) oweWakes(i uint32) {
	g := &s.groups[i]
	if !g.offered {
		return
	}
	g.offered = false
	delete(s.offers, i)
	s.otherMembers(i, func(_, store uint64) {
		if at := s.peerOf(store); at > 0 {
			p := s.peers[at]
			p.wakes = append(p.wakes, owedWake{group: g.id, number: p.sent + 1})
			s.beats = true
		}
	})
}

// ForgetStore forgets a store that will not come back, so that it gets no more beats. Groups that
// it leads are woken first.
func (s *Store) ForgetStore(store uint64) {
	for at, p := range s.peers {
		if at == 0 || p.store != store {
			continue
		}
		s.splice(ledList(at), wakingList(at))
		p.wakes, p.wakeAll, s.waking = nil, true, true
		p.gone = true
	}
}
