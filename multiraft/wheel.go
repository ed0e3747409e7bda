package multiraft

// Groups are linked in lists, each group in one list at most. A group that is awake is in the
// bucket of a tick, and a group that sleeps is in the list of the store that leads it:
//
//	lists: | bucket 0 | ... | bucket 255 | led by store 0 | waking | led by store 1 | waking | ...
//
// A bucket holds groups whose next tick may be due when the clock gets there. A due tick that moves
// away leaves its group where it is, so that a follower's heartbeats cost nothing here; the group
// is put in a later bucket when its bucket comes up. A tick that is further away than the wheel is
// large is in the last bucket.

const (
	wheelSize = 256
	none      = ^uint32(0) // no group, no list
	never     = ^uint64(0) // a tick that does not come
)

// list is a doubly linked list of groups; its ends are none if it is empty.
type list struct{ first, last uint32 }

// ledList is the list of the sleeping groups that a peer leads, wakingList that of those among them
// that are being woken.
func ledList(peer int) uint32    { return uint32(wheelSize + 2*peer) }
func wakingList(peer int) uint32 { return uint32(wheelSize + 2*peer + 1) }

// link adds a group, which is in no list, to the end of one.
func (s *Store) link(i, to uint32) {
	l, g := &s.lists[to], &s.groups[i]
	g.list, g.prev, g.next = to, l.last, none
	if l.last == none {
		l.first = i
	} else {
		s.groups[l.last].next = i
	}
	l.last = i
}

// unlink takes a group out of its list, if it is in one.
func (s *Store) unlink(i uint32) {
	g := &s.groups[i]
	if g.list == none {
		return
	}
	l := &s.lists[g.list]
	if g.prev == none {
		l.first = g.next
	} else {
		s.groups[g.prev].next = g.next
	}
	if g.next == none {
		l.last = g.prev
	} else {
		s.groups[g.next].prev = g.prev
	}
	g.list = none
}

// plan puts a group where its next due tick is noticed.
func (s *Store) plan(i uint32) {
	g := &s.groups[i]
	due := g.node.NextDue()
	if due >= never-g.at {
		g.due = never
	} else {
		g.due = g.at + due
	}
	if g.list != none && s.bucketTick(g.list) <= g.due {
		return
	}
	s.unlink(i)
	if g.due != never {
		s.linkDue(i)
	}
}

// linkDue puts a group, which is in no list, into the bucket of its due tick, or into the last one.
func (s *Store) linkDue(i uint32) {
	s.link(i, uint32(min(s.groups[i].due, s.clock+wheelSize-1)%wheelSize))
}

// bucketTick returns the tick, after the clock, at which a bucket comes up.
func (s *Store) bucketTick(bucket uint32) uint64 {
	return s.clock + 1 + (uint64(bucket)-s.clock-1)%wheelSize
}

// turn makes the ticks of the groups whose ticks are due now.
func (s *Store) turn() {
	bucket := s.clock % wheelSize
	campaigns := s.cfg.MaxCampaigns
	for s.lists[bucket].first != none { // a peer that becomes known moves the lists
		i := s.lists[bucket].first
		s.unlink(i)
		g := &s.groups[i]
		switch {
		case g.due > s.clock:
			s.linkDue(i)
			continue
		case g.leads:
			s.touch(i)
		case campaigns > 0:
			campaigns--
			s.touch(i)
		default: // it loses this tick
			s.touched++
			g.node.TickN(s.clock - g.at - 1)
			g.at = s.clock
			g.due = s.clock + 1
			s.linkDue(i)
			continue
		}
		s.settle(i)
		if g := &s.groups[i]; g.leads && !g.queued && !g.out && s.isIdle(g) {
			s.sleepIfAgreed(i, nil) // it has sent nothing: it may be the only member
		}
	}
}
