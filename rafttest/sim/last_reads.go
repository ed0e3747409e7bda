package sim

import "github.com/ffd200af/raft/rafttest/property"

// When everybody has recovered, nobody asks for anything any more but each member for one read. It
// has to end, with an answer or without one: in a busy cluster the next read would help one along
// that waits for what never comes.

// lastReader owns the reads that are asked for in the end.
const lastReader = -2

func (s *simulation) lastReads() {
	s.quiet = true
	members(&s.leader().Conf, func(id uint64) {
		if h := s.host(id); !h.stuck { // a stuck node may not know the members
			h.lastRead = readDue
		}
	})
	end := s.now + ticks(s.cfg.RecoverTicks)
	for s.w.failure == nil && s.readsWait() {
		if s.now > end || !s.step() {
			s.w.failf(property.Progress, nil, "a read does not end within %d ticks: %s", s.cfg.RecoverTicks, s.standing())
		}
	}
}

// lastRead is how far a host is with its last read. A node that is down by then may stay so.
type lastRead uint8

const (
	noRead    lastRead = iota
	readDue            // it is to be asked when it is not blocked any more
	readWaits          // it was asked
)

// readsWait asks those that are due, and reports whether one of the last reads waits at a member
// that is up. A node that was removed since drops its read: its next Ready reports that, and may
// never come.
func (s *simulation) readsWait() bool {
	waits, lead := false, s.leader()
	for _, h := range s.hosts {
		if h.rn == nil || h.lastRead == noRead || lead != nil && !isMember(&lead.Conf, h.id) {
			continue
		}
		waits = true
		if h.lastRead == readDue && !h.blocked {
			// The next thing that happens to it is mostly a tick, which may come before Ready.
			h.lastRead = readWaits
			s.w.askReadIndex(h.node)
			s.owners = append(s.owners, readOwner{client: lastReader})
		}
	}
	return waits
}
