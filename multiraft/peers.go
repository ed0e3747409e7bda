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
	// did. awakeSince is the newest Batch.AwakeSince of this incarnation.
	incarnation, number uint64
	heardAt             uint64
	awakeSince          uint64
	silent              bool // not heard for an election timeout
	// confirmed is the newest batch of this store that the other one has confirmed. It was sent at
	// confirmedAt, or later in time, and its confirmation arrived at answeredAt.
	confirmed               uint64
	answeredAt, confirmedAt uint64
	deaf                    bool // no answer for an election timeout
	// sent is the number of the last batch to this store; the first batches of late ticks, oldest
	// first, are in firsts.
	sent   uint64
	firsts []firstBatch
	// sinceOwn is AwakeSince in the batches to this store.
	sinceOwn uint64
	// wakes are the groups that this store has to wake, until it confirms a batch that says so, and
	// owed the same. While a batch says so, what else it says does not let the group sleep.
	wakes []owedWake
	owed  map[uint64]bool // never iterated
	// wakeAll: every group in the waking list wakes, even if the store is heard again.
	wakeAll bool
	// restarted: leaders here with a member on that store have not been looked at yet. Until then
	// nothing that the store says counts as an answer.
	restarted bool
	// gone: the application has said that the store does not come back.
	gone bool
}

// owedWake is a group to wake, and the first batch that says so.
type owedWake struct{ group, number uint64 }

// firstBatch is the first batch that was sent in a tick.
type firstBatch struct{ number, tick uint64 }

// addPeer makes a store known, which counts as heard from now.
func (s *Store) addPeer(store uint64) int {
	s.peers = append(s.peers, &peer{store: store, owed: map[uint64]bool{}, heardAt: s.clock, answeredAt: s.clock})
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

// isFresh reports whether a batch is the newest of its store, so that it counts as a sign of life
// and its marks of sleep count. A batch of an earlier life, and one that a later one has overtaken,
// may be very old.
func (s *Store) isFresh(at int, b *Batch) bool {
	p := s.peers[at]
	return b.Incarnation > p.incarnation || b.Incarnation == p.incarnation && b.Number > p.number
}

// hearWakes wakes the groups that a batch says are awake elsewhere, before the batch counts as a
// heartbeat or an answer for them. What a batch says that a later one has overtaken, the later one
// says too, unless it does not hold any more.
func (s *Store) hearWakes(at int, b *Batch) {
	p := s.peers[at]
	if b.Incarnation > p.incarnation {
		if p.incarnation != 0 {
			s.splice(ledList(at), wakingList(at))
			p.wakeAll = true
			clear(s.invites) // some may be of the earlier life; their leaders offer again
			s.lookAtLeaders(at)
		}
		p.awakeSince = b.AwakeSince
	}
	if b.AwakeSince > p.awakeSince {
		p.awakeSince = b.AwakeSince
		s.lookAtLeaders(at)
	}
	for _, id := range b.Wakes {
		if i, ok := s.index[id]; ok {
			delete(s.offers, i)
			s.wakeTold(i, at)
		}
	}
}

// lookAtLeaders wakes the leaders here that have a member on a store whose replicas are awake.
func (s *Store) lookAtLeaders(at int) {
	s.peers[at].restarted, s.waking = true, true
	s.splice(ledList(0), wakingList(0))
	clear(s.offers) // what was agreed to does not count any more; leaders offer again
}

// hear notes a fresh batch as a sign of life.
func (s *Store) hear(at int, b *Batch) {
	p := s.peers[at]
	p.gone = false
	p.incarnation, p.number, p.heardAt = b.Incarnation, b.Number, s.clock
	if p.silent {
		p.silent = false
		if !p.wakeAll {
			s.splice(wakingList(at), ledList(at)) // their leader is still there
		}
	}
	if b.HeardIncarnation != s.cfg.Incarnation {
		return
	}
	told := 0
	for told < len(p.wakes) && p.wakes[told].number <= b.HeardNumber {
		delete(p.owed, p.wakes[told].group)
		told++
	}
	p.wakes = slices.Delete(p.wakes, 0, told)
	if b.HeardNumber > p.confirmed && !p.restarted {
		p.confirmed, p.answeredAt, p.deaf = b.HeardNumber, s.clock, false
		sent := 0
		for sent < len(p.firsts) && p.firsts[sent].number <= b.HeardNumber {
			p.confirmedAt = p.firsts[sent].tick
			sent++
		}
		p.firsts = slices.Delete(p.firsts, 0, sent)
	}
}

// tickPeers looks for stores that are silent or do not answer, wakes groups, and makes beats.
func (s *Store) tickPeers() {
	others := 0
	for at, p := range s.peers {
		if at == 0 || p.gone {
			continue
		}
		others++
		if !p.silent && s.clock-p.heardAt >= uint64(s.cfg.ElectionTick) {
			p.silent = true
			s.abandon(at)
		}
		if !p.deaf && s.clock-p.answeredAt >= uint64(s.cfg.ElectionTick) {
			p.deaf, s.waking = true, true
			s.splice(ledList(0), wakingList(0)) // some may have lost their quorum
		}
	}
	if s.waking {
		s.wakeSome()
	}
	if others > 0 && s.clock%uint64(s.cfg.BeatTicks) == 0 {
		s.beats = true
	}
}

// abandon wakes the groups that a store leads. Should it still be there, it learns by AwakeSince
// that its batches are no heartbeats any more.
func (s *Store) abandon(at int) {
	p := s.peers[at]
	if s.lists[ledList(at)].first != none {
		p.sinceOwn = p.sent + 1
	}
	s.splice(ledList(at), wakingList(at))
	s.waking = true
}

// wakeSome wakes the groups in the waking lists, up to the bound of a tick. A leader here that need
// not wake is put back.
func (s *Store) wakeSome() {
	left := s.cfg.MaxWakes
	for j := range s.peers {
		at := (j + 1) % len(s.peers) // this store's leaders come last
		p := s.peers[at]
		for ; left > 0 && s.lists[wakingList(at)].first != none; left-- {
			i := s.lists[wakingList(at)].first
			switch {
			case at > 0:
				s.wakeFollower(i)
			case s.mustWake(i):
				s.touch(i)
				s.groups[i].active = 0
				s.settle(i)
			default:
				s.unlink(i)
				s.link(i, ledList(0))
			}
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

// wakeFollower wakes a group whose leader's store is gone. If it is late for that, its election
// timeout ends with the next tick, so that the bound of campaigns holds.
func (s *Store) wakeFollower(i uint32) {
	s.touched++
	s.wake(i)
	s.takeTurns(i)
	g := &s.groups[i]
	g.node.TickN(min(s.clock-g.at, g.node.NextDue()-1))
	g.at = s.clock
	g.active = 0 // nothing but a store has woken it: it may sleep again at once
	s.settle(i)
}

// mustWake reports whether a leader here lost its quorum, or has a member on a store whose replicas
// have woken.
func (s *Store) mustWake(i uint32) bool {
	must := s.quorumSilence(i) >= uint64(s.cfg.ElectionTick)
	s.otherMembers(i, func(_, store uint64) {
		at := s.peerOf(store)
		must = must || at > 0 && s.peers[at].restarted
	})
	return must
}

// quorumSilence returns for how many ticks no quorum of a group that this store leads has answered.
// Stores that were forgotten do not answer.
func (s *Store) quorumSilence(i uint32) uint64 {
	g := &s.groups[i]
	silences := make([]uint64, 0, 8)
	g.node.WithProgress(func(id uint64, typ raft.ProgressType, _ tracker.Progress) {
		if typ != raft.ProgressTypePeer {
			return
		}
		switch at := s.peerOf(s.cfg.StoreOf(g.id, id)); {
		case at < 0 || s.peers[at].gone:
			silences = append(silences, never)
		case at == 0:
			silences = append(silences, 0)
		default:
			silences = append(silences, s.clock-s.peers[at].answeredAt)
		}
	})
	slices.Sort(silences)
	return silences[len(silences)/2]
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
	s.otherMembers(i, func(_, store uint64) { s.oweWake(s.peerOf(store), g.id) })
}

// oweLeaderWake ends what a leader may rely on: that this follower is asleep.
func (s *Store) oweLeaderWake(i uint32) {
	if g := &s.groups[i]; !g.leads {
		s.oweWake(s.peerOf(s.cfg.StoreOf(g.id, g.node.BasicStatus().Lead)), g.id)
	}
}

// oweWake has another store told, until it confirms that, that a replica here is awake, or gone.
func (s *Store) oweWake(at int, group uint64) {
	if at <= 0 || s.peers[at].owed[group] {
		return
	}
	p := s.peers[at]
	p.wakes = append(p.wakes, owedWake{group: group, number: p.sent + 1})
	p.owed[group] = true
	s.beats = true
}

// ForgetStore forgets a store that will not come back, so that it gets no more beats. Groups that
// it leads are woken first. A store that comes back all the same is watched again.
func (s *Store) ForgetStore(store uint64) {
	for at, p := range s.peers {
		if at == 0 || p.store != store {
			continue
		}
		s.abandon(at)
		s.splice(ledList(0), wakingList(0))
		p.gone, p.silent = true, true
	}
}
