package raft

import (
	"math"

	"github.com/ffd200af/raft/tracker"
)

// Most ticks only advance clocks. This file computes how many such ticks come before one that does
// more. So a program with many groups need not call Tick on each of them:
//
//	now  1  2  3  ...  due-1  due
//	     |-- clocks only --|   an election, a heartbeat, a check, a retry
//
// The clocks of every node are raft.clock, electionElapsed, and the age of configuration changes
// that are out (changesOut.ticks). A leader also has heartbeatElapsed, transferElapsed, and the
// time for which its disk has acknowledged nothing (stalledTicks). For each learner it counts how
// long the learner has been silent and idle (catchUp). Each mechanism that counts ticks has a line
// in untilDue. If it has its own counter, it also has a line in passTicks. If untilDue leaves out a
// mechanism, the mechanism acts too late.

// neverDue is the distance of a tick that never comes.
const neverDue = math.MaxUint64

// tickN does what n calls of tick do.
func (r *raft) tickN(n uint64) {
	if n == 1 {
		r.tick()
		return
	}
	for n > 0 && r.broken == nil {
		due := r.untilDue()
		if n < due {
			r.passTicks(n)
			return
		}
		r.passTicks(due - 1)
		r.tick()
		n -= due
	}
}

// ticksUntil returns after how many ticks a counter that stands at elapsed reaches limit. It is at
// least 1.
func ticksUntil(elapsed, limit int) uint64 { return uint64(max(limit-elapsed, 1)) }

// countedUntil is ticksUntil for a counter that stops at neverTicks-1. It returns neverDue if the
// counter cannot reach the limit.
func countedUntil(elapsed uint32, limit int) uint64 {
	if limit >= neverTicks {
		return neverDue
	}
	return ticksUntil(int(elapsed), limit)
}

// untilDue returns the number of the next tick, counted from 1, that may do more than advance
// clocks. It may be too low, but never too high. In some states that end soon, such as the catch-up
// of a learner, it is simply 1.
func (r *raft) untilDue() uint64 {
	if r.log.MayRest() || r.outbox.mayRest() || r.async.mayRest() {
		return 1 // the next tick frees memory
	}
	due := r.untilPostponedDue()
	if r.role == StateLeader {
		return min(due, r.untilLeaderDue())
	}
	if r.reads.waiting() > 0 {
		asked := min(r.clock-r.reads.askedAt, neverTicks)
		due = min(due, ticksUntil(int(asked), r.limits.electionTicks()))
	}
	if r.isVoter || r.lead != None {
		due = min(due, countedUntil(r.electionElapsed, int(r.electionTimeout)))
	}
	return due
}

// untilPostponedDue covers what is tried again at each tick, and configuration changes that are
// out, see changesOut.
func (r *raft) untilPostponedDue() uint64 {
	p := r.postponed
	switch {
	case p == nil:
		return neverDue
	case p.lasting != lasting{out: p.out}:
		return 1 // something other than changes is postponed, and the next tick tries it again
	case r.agesChangesOut():
		return ticksUntil(int(p.out.ticks), r.limits.electionTicks())
	}
	return neverDue
}

// untilLeaderDue covers the clocks of a leader. A leader without other members needs the ticks of
// heartbeats too: each starts a round, for reads and leases.
func (r *raft) untilLeaderDue() uint64 {
	election := r.limits.electionTicks()
	due := countedUntil(uint32(r.heartbeatElapsed), r.limits.heartbeatTicks())
	if due == 1 || !r.isVoter || !r.areLearnersSteady() {
		return 1
	}
	due = min(due, countedUntil(r.electionElapsed, election), countedUntil(uint32(r.stalledTicks), election))
	if r.transferee != None {
		due = min(due, ticksUntil(int(r.transferElapsed), election))
	}
	return due
}

// areLearnersSteady reports whether ticks only count how long learners have been silent. That is so
// if each learner already had the whole log at the last tick, and nobody waits for the learner.
func (r *raft) areLearnersSteady() bool {
	all := r.catching.all()
	for i := range all {
		c := &all[i]
		if c.wait != nobodyWaits || c.State != CaughtUp {
			return false // always for a server that is no member yet: AddServer waits for it
		}
		match := r.members.Progress(r.members.Find(c.ID)).Match
		if match < r.log.LastIndex() || match > c.seen {
			return false
		}
	}
	return true
}

// passTicks advances the clocks by n ticks, none of which is due.
func (r *raft) passTicks(n uint64) {
	if n == 0 {
		return
	}
	r.clock += n
	r.electionElapsed = pass(r.electionElapsed, n)
	if r.agesChangesOut() {
		r.postponed.out.ticks += uint32(n)
	}
	if r.role != StateLeader {
		return
	}
	if r.transferee != None {
		r.transferElapsed = int32(pass(uint32(r.transferElapsed), n))
	}
	r.heartbeatElapsed = int32(pass(uint32(r.heartbeatElapsed), n))
	r.passStorageTicks(n)
	all := r.catching.all()
	for i := range all {
		r.passCatchUp(&all[i], r.members.Progress(r.members.Find(all[i].ID)), n)
	}
}

// passCatchUp does what n calls of tickCatchUp do for a steady learner.
func (r *raft) passCatchUp(c *catchUp, pr *tracker.Progress, n uint64) {
	if pr.TakeAnswer() {
		c.silent = 0
	}
	c.idle += max(0, int(n)-max(0, r.limits.electionTicks()-c.silent))
	c.silent += int(n)
}

// pass adds n ticks to a counter that stops at neverTicks-1.
func pass(elapsed uint32, n uint64) uint32 {
	if elapsed >= neverTicks-1 {
		return elapsed
	}
	return uint32(min(uint64(elapsed)+min(n, neverTicks), neverTicks-1))
}

// passStorageTicks does what n calls of tickStorage do.
func (r *raft) passStorageTicks(n uint64) {
	stable := r.log.Stable()
	switch {
	case stable == r.log.LastIndex():
		r.stalledAt, r.stalledTicks = stable, 0
	case stable != r.stalledAt:
		r.stalledAt, r.stalledTicks = stable, int32(pass(0, n-1))
	default:
		r.stalledTicks = int32(pass(uint32(r.stalledTicks), n))
	}
}
