package raft

import (
	"math"

	"github.com/ffd200af/raft/tracker"
)

// Most ticks only advance clocks. This file knows how many of them follow each other, so that a
// program with many groups need not call Tick on each of them:
//
//	now  1  2  3  ...  due-1  due
//	     |-- clocks only --|   an election, a heartbeat, a check, another attempt
//
// The clocks are raft.clock, electionElapsed, the leader's heartbeatElapsed, transferElapsed,
// stalledTicks with stalledAt, the silence of learners with their last answers, and the age of
// configuration changes that are out. Each mechanism that counts ticks has a line in untilDue and,
// if it has its own counter, one in passTicks. If untilDue leaves something out that tick does,
// that happens too late.

// neverDue is the distance of a tick that never comes.
const neverDue = math.MaxUint64

// tickN is n calls of tick.
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

// ticksUntil returns the number of the tick that counts from elapsed up to limit. It is at least 1.
func ticksUntil(elapsed, limit int) uint64 { return uint64(max(limit-elapsed, 1)) }

// countedUntil is ticksUntil for counters that stop before neverTicks.
func countedUntil(elapsed uint32, limit int) uint64 {
	if limit >= neverTicks && elapsed < neverTicks {
		return neverDue
	}
	return ticksUntil(int(elapsed), limit)
}

// untilDue returns the number of the next tick that does more than count, from 1 on.
func (r *raft) untilDue() uint64 {
	if r.log.MayRest() || r.outbox.mayRest() || r.async.mayRest() {
		return 1
	}
	due := r.postponed.untilDue(r.log.Applied(), r.limits.electionTicks())
	if r.role == StateLeader {
		return min(due, r.untilLeaderDue())
	}
	if r.reads.waiting() > 0 && r.role == StateFollower && !r.outbox.asks {
		asked := min(r.clock-r.reads.askedAt, neverTicks)
		due = min(due, ticksUntil(int(asked), r.limits.electionTicks()))
	}
	if r.isVoter || r.role == StateFollower && r.lead != None {
		due = min(due, countedUntil(r.electionElapsed, int(r.electionTimeout)))
	}
	return due
}

// untilDue is about what is tried again at each tick, and about changes that are out.
func (p *postponed) untilDue(applied uint64, electionTicks int) uint64 {
	switch {
	case p == nil:
		return neverDue
	case p.reading == unreadable || p.commit > 0 || p.proven > 0 || p.first:
		return 1
	case p.out != (changesOut{}) && p.out.end <= applied:
		return ticksUntil(int(p.out.ticks), electionTicks)
	}
	return neverDue
}

// untilLeaderDue is about the clocks of a leader. A leader without other members has heartbeats
// too: they are rounds of reads and leases.
func (r *raft) untilLeaderDue() uint64 {
	election := r.limits.electionTicks()
	due := countedUntil(uint32(r.heartbeatElapsed), r.limits.heartbeatTicks())
	if due == 1 {
		return due
	}
	due = min(due, countedUntil(r.electionElapsed, election))
	if r.transferee != None {
		due = min(due, ticksUntil(int(r.transferElapsed), election))
	}
	if !r.isVoter && (!r.steppingDown || r.transferee == None) {
		return 1 // it steps down
	}
	if stable := r.log.Stable(); r.checkQuorum && stable < r.log.LastIndex() {
		due = min(due, r.untilStalled(stable))
	}
	all := r.catching.all()
	for i := range all {
		c := &all[i]
		if m := r.members.Find(c.ID); m < 0 || !r.isSteady(c, r.members.Progress(m)) {
			return 1
		}
	}
	return due
}

// untilStalled returns the tick at which a leader gives up because of its own disk, see
// tickStorage.
func (r *raft) untilStalled(stable uint64) uint64 {
	if r.members.Find(r.bestVoter()) < 0 {
		return neverDue // nobody could take over
	}
	if stable != r.stalledAt {
		return uint64(r.limits.electionTicks()) + 1 // the first tick only sets stalledAt
	}
	return ticksUntil(int(r.stalledTicks), r.limits.electionTicks())
}

// isSteady reports whether ticks only count for how long a learner has been silent: it has
// everything, and nobody waits for it.
func (r *raft) isSteady(c *catchUp, pr *tracker.Progress) bool {
	return c.wait == nobodyWaits && !c.running && c.State == CaughtUp && c.Ticks == 0 &&
		pr.State != tracker.StateSnapshot && pr.Match <= c.seen && pr.Match >= r.log.LastIndex() && pr.Match >= c.Target
}

// passTicks advances the clocks by n ticks, none of which is due.
func (r *raft) passTicks(n uint64) {
	if n == 0 {
		return
	}
	r.clock += n
	r.electionElapsed = pass(r.electionElapsed, n)
	if p := r.postponed; p != nil && p.out != (changesOut{}) && p.out.end <= r.log.Applied() {
		p.out.ticks += uint32(n)
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
		if m := r.members.Find(all[i].ID); m >= 0 {
			r.passCatchUp(&all[i], r.members.Progress(m), n)
		}
	}
}

// passCatchUp is n ticks of tickCatchUp for a learner that is steady.
func (r *raft) passCatchUp(c *catchUp, pr *tracker.Progress, n uint64) {
	if pr.TakeAnswer() {
		c.silent = 0
	}
	c.idle += max(0, int(n)-max(0, r.limits.electionTicks()-c.silent))
	c.silent += int(n)
}

// pass adds n ticks to a counter that stops before neverTicks.
func pass(elapsed uint32, n uint64) uint32 {
	if elapsed >= neverTicks-1 {
		return elapsed
	}
	return uint32(min(uint64(elapsed)+min(n, neverTicks), neverTicks-1))
}

// passStorageTicks is n ticks of tickStorage.
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
