package main

import (
	"maps"
	"sync/atomic"

	"github.com/ffd200af/raft"
)

// How a replica learns of members that come and go, and of its own removal.
//
// A configuration is used from the moment its change is applied, so a replica that has not heard
// yet that a removal is committed still counts on the removed one, and may need its vote.
// Therefore the removed replica stops serving clients at once, but goes on
// with Raft until the others say that they have applied the removal.

// leavingTicks is how long a removed replica waits for others who do not answer.
const leavingTicks = 40

// departure is what a loop knows of its replica's removal.
type departure struct {
	begun atomic.Bool // anybody may look: clients are refused
	ticks int         // since then
	told  map[uint64]bool
}

// followMembers makes the members of the store known, if they have changed.
func (l *loop) followMembers() {
	if known := l.members.Load(); known != nil && maps.Equal(*known, l.store.members) {
		return
	}
	l.useMembers()
}

// useMembers makes the members of the store known to everybody.
func (l *loop) useMembers() {
	now := l.store.members
	l.members.Store(&now)
	// A replica that is being added knows nobody yet but from those who add it.
	if len(now) > 0 {
		l.peers.follow(now.peers())
	}
	if now[l.peers.self].Removed {
		l.depart()
	}
}

func (l *loop) depart() {
	if !l.departure.begun.Swap(true) {
		l.peers.ask()
	}
}

// tickDeparture asks the others again and again whether they know of the removal of this replica. A
// replica that was removed while it was away need not ask: its streams ask now and then.
func (l *loop) tickDeparture() {
	if d := &l.departure; d.begun.Load() {
		d.ticks++
		l.peers.ask()
	}
}

// hearRemoved takes the word of a peer that this replica was removed. It is certain: the peer
// has applied the removal, and ids never come back.
func (l *loop) hearRemoved(from uint64) {
	l.departure.told[from] = true
	l.depart()
}

// mayLeave reports whether this replica was removed and nobody needs it any more. A leader hands
// over first: the others need not wait for an election timeout then.
func (l *loop) mayLeave() bool {
	d := &l.departure
	if !d.begun.Load() {
		return false
	}
	if d.ticks >= leavingTicks {
		return true
	}
	for id := range l.peers.peers {
		if !d.told[id] {
			return false
		}
	}
	return l.node.BasicStatus().RaftState != raft.StateLeader
}
