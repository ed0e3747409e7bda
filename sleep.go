package raft

import (
	"github.com/ffd200af/raft/recording"
	"github.com/ffd200af/raft/tracker"
)

// A group may sleep when its members only exchange heartbeats. A program that watches its processes
// by other means, as package multiraft does, need not send them. One message between two processes
// can stand for the heartbeats, or for the answers, of all groups that both processes know to be
// asleep.
// TickAsleep then makes up for the time that a member was asleep:
//
//	falls asleep |<-- as if with heartbeats and answers -->| awake, ticks as usual
//
// Nothing else happens in a group at rest, so only clocks change, and what a leader notes of its
// members' answers.

// MaySleep reports whether the clock of this node may stop, because its group needs no ticks. A
// leader may sleep when every member has acknowledged the whole log, and the log is committed,
// applied and durable here. No read, transfer, configuration change, snapshot or wait for a learner
// may be under way, and no Ready may be due. A follower may sleep when it knows the leader, its own
// log is committed, applied and durable, and nothing is under way on it. A follower may lack
// entries that it has not heard of. So the program must compare the leader's term and commit index
// with the follower's. A candidate never sleeps.
//
// MaySleep only looks. A program that stops the ticks of a group has to start them again, after
// TickAsleep, when anything arrives for it and when the leader's process is gone. Package multiraft
// does that.
func (rn *RawNode) MaySleep() bool {
	r := &rn.raft
	return r.restsWithGroup() && !rn.lent && !rn.HasReady()
}

// restsWithGroup reports whether nothing but heartbeats is left to do for this node.
func (r *raft) restsWithGroup() bool {
	if !r.isAtRest() {
		return false
	}
	return r.role == StateFollower && r.lead != None || r.role == StateLeader && r.leadsAtRest()
}

// isAtRest reports whether everything in the log is committed, applied and durable here, and
// nothing waits: no read, no snapshot, no postponed report, no configuration change.
func (r *raft) isAtRest() bool {
	// What counts as applied is committed and durable.
	return r.broken == nil && r.log.Applied() == r.log.LastIndex() && !r.log.Restores() && r.async.isAtRest(r.term) &&
		r.reads.waiting() == 0 && r.postponed.orNil() == nil && !r.members.IsJoint()
}

// isAtRest reports whether the term is durable. A commit index may still be on its way to the disk.
func (a *asyncWrites) isAtRest(term uint64) bool {
	return a == nil || a.durableTerm == term
}

// leadsAtRest reports whether every member has acknowledged the whole log, and the leader has begun
// nothing with any of them.
func (r *raft) leadsAtRest() bool {
	if !r.isVoter || r.transferee != None {
		return false
	}
	last := r.log.LastIndex()
	for i := range r.members.Len() {
		pr := r.members.Progress(i)
		if pr.Match < last || r.members.ID(i) != r.id && pr.State != tracker.StateReplicate {
			return false
		}
	}
	return r.areLearnersSteady()
}

// TickAsleep makes up for n ticks in which the group was asleep: MaySleep was true on this node,
// and nothing has happened since but heartbeats that the program did not send. On a follower it is
// the same as n ticks with a heartbeat from the leader after each. On a leader it is the same as n
// ticks whose heartbeats the members have answered as answered says.
//
// answered is called once for each other member, in the order of their ids. It returns two ages in
// ticks. arrived is the age of the member's last answer. sent is the age of the newest heartbeat
// that the member has answered; TickAsleep computes the lease from it. An age of 0 means the
// present tick. An age of n or more means that there is none in these n ticks.
//
// TickAsleep does not make a leader at rest step down. So the program has to know that between any
// two checks of the quorum (Config.CheckQuorum) in this time, a quorum has answered.
//
// It takes constant time for each member. On a node that is not at rest it does what TickN does.
func (rn *RawNode) TickAsleep(n uint64, answered func(id uint64) (arrived, sent uint64)) {
	r := &rn.raft
	switch {
	case n == 0 || r.err() != nil:
	case !r.restsWithGroup():
		rn.TickN(n)
	case r.role == StateFollower:
		if r.admit(recording.TickAsleep, n) == nil {
			r.passAsleep(n)
			r.electionElapsed, r.heardLeaderAt, r.leadPresumed = 0, r.clock, false
		}
	default:
		answers := r.answersAsleep(n, answered)
		if r.admit(recording.TickAsleep, answers...) == nil {
			r.leadAsleep(n, answers[1:])
		}
	}
}

// passAsleep passes n ticks in which only the clock advances.
func (r *raft) passAsleep(n uint64) {
	r.log.Rest()
	r.clock += n
}

// answersAsleep returns n, and what answered returns for each other member.
func (r *raft) answersAsleep(n uint64, answered func(id uint64) (arrived, sent uint64)) []uint64 {
	answers := append(make([]uint64, 0, 2*r.members.Len()+1), n)
	for i := range r.members.Len() {
		if id := r.members.ID(i); id != r.id {
			arrived, sent := answered(id)
			answers = append(answers, arrived, sent)
		}
	}
	return answers
}

// leadAsleep is the leader's half of TickAsleep.
func (r *raft) leadAsleep(n uint64, answers []uint64) {
	r.passAsleep(n)
	elapsed, beats := cycle(uint32(r.heartbeatElapsed), n, r.limits.heartbeatTicks())
	sinceCheck, checks := cycle(r.electionElapsed, n, r.limits.electionTicks())
	r.heartbeatElapsed, r.electionElapsed = int32(elapsed), sinceCheck
	r.stalledAt, r.stalledTicks = r.log.Stable(), 0
	checked := r.checkQuorum && checks > 0
	if r.leases() {
		r.openReads().round += n // one in each tick, so that ages in ticks are ages in rounds
		r.members.Echo(r.id, r.reads.round)
	}
	for i := range r.members.Len() {
		pr := r.members.Progress(i)
		if checked {
			pr.RecentActive = r.members.ID(i) == r.id
		}
		if r.members.ID(i) == r.id {
			continue
		}
		for range min(beats, 2) { // once for each heartbeat; more than two change nothing
			pr.Rest()
		}
		arrived, sent := answers[0], answers[1]
		answers = answers[2:]
		if arrived < n {
			// An answer that came before the last check does not count for the next one.
			active := pr.RecentActive || !checked || arrived <= uint64(r.electionElapsed)
			pr.HeardFrom()
			pr.RecentActive = active
		}
		r.answerAsleep(i, n, arrived)
		if r.leases() && sent < n {
			r.members.Echo(r.members.ID(i), r.reads.round-sent)
		}
	}
	if r.leases() {
		r.leaseAsleep(n)
	}
}

// answerAsleep counts n ticks for a member that has answered in each of them up to its last answer.
// arrived is the age of that answer.
func (r *raft) answerAsleep(i int, n, arrived uint64) {
	pr := r.members.Progress(i)
	count := func(n uint64) {
		if c := r.catching.find(r.members.ID(i)); c != nil && n > 0 {
			r.passCatchUp(c, pr, n)
		}
	}
	if arrived >= n {
		count(n)
		return
	}
	for range min(2, n-arrived) { // later ones change nothing more
		count(1)
		pr.Answer()
	}
	count(arrived)
}

// leaseAsleep extends the lease by the newest round that a quorum has echoed while the group was
// asleep.
func (r *raft) leaseAsleep(n uint64) {
	if ago := r.reads.round - r.members.Confirmed(); ago < n {
		if r.lease == nil {
			r.lease = &lease{}
		}
		r.lease.held, r.lease.start = true, max(r.lease.start, r.clock-ago)
	}
}

// cycle adds n ticks to a counter that starts again when it reaches limit. times is how often that
// has happened.
func cycle(elapsed uint32, n uint64, limit int) (after uint32, times uint64) {
	if limit >= neverTicks {
		return pass(elapsed, n), 0
	}
	rest := uint64(elapsed) + n%uint64(limit)
	return uint32(rest % uint64(limit)), n/uint64(limit) + rest/uint64(limit)
}
