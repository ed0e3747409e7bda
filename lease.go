package raft

// Leases (thesis §6.4.1): while a quorum cannot have voted for anybody else, a leader may
// answer reads without asking. Each broadcast of heartbeats is a round, and a follower that
// echoes one has promised something: not to vote for another node, nor to campaign itself,
// before an election timeout has passed on its own clock (thesis §4.2.3). So the lease runs from the tick
// at which the leader sent the newest round that a quorum has echoed:
//
//	leader's ticks    T                                T+E-1-drift    T+E-1
//	                  |-- lease ----------------------------|  margin   |
//	a voter hears it     |  1    2    ...    E-1   E
//	                     |-- promise ---------------| earliest vote
//
// The voter's first tick may come right after the heartbeat, so its E ticks may take only E-1
// ticks of time; and a tick of the leader lasts until its next one, so it may not serve in
// the tick that ends then. The drift margin, Config.LeaseDriftTicks, is how many ticks a
// voter's clock may gain in that time.
//
// What ends a lease early: losing the role, a transfer (once the order to campaign is given there is
// no lease for the rest of the term, because the order may arrive late and voters obey it in
// spite of their promise), and a change of the configuration until a quorum of the new
// one has echoed. A voter that restarts keeps silent for an election timeout, because it
// does not know what it has promised. All this needs the same configuration on all voters, and ticks
// that keep coming: a process that was stopped has to make up for the ticks it missed before it reads.

// lease is what a leader knows of its lease.
type lease struct {
	// sent says at which tick rounds were sent: the first round of each tick, oldest first, of
	// the ticks that still matter.
	sent []sentRound
	// A quorum has promised at tick start to support this leader; held is false if it never has.
	held  bool
	start uint64
}

type sentRound struct{ round, tick uint64 }

// leases reports whether leases are kept and promises given.
func (r *raft) leases() bool { return r.limits.leaseTicks() != 0 }

// noteSentRound remembers when a round was sent. Rounds that are too old for a lease are forgotten,
// so there are never more than leaseTicks.
func (r *raft) noteSentRound(round uint64) {
	if !r.leases() {
		return
	}
	if r.lease == nil {
		r.lease = &lease{}
	}
	sent := r.lease.sent
	if n := len(sent); n > 0 && sent[n-1].tick == r.clock {
		return
	}
	old := 0
	for old < len(sent) && r.clock-sent[old].tick >= r.limits.leaseTicks() {
		old++
	}
	sent = sent[:copy(sent, sent[old:])]
	r.lease.sent = append(sent, sentRound{round: round, tick: r.clock})
}

// extendLease: a quorum has echoed the round.
func (r *raft) extendLease(round uint64) {
	if r.lease == nil {
		return
	}
	for _, s := range r.lease.sent {
		if s.round > round {
			break
		}
		r.lease.held, r.lease.start = true, max(r.lease.start, s.tick)
	}
}

// endLease ends the lease until a quorum of the configuration, as it is now, has echoed a round.
func (r *raft) endLease() {
	if r.leadership != nil && r.lease != nil {
		r.lease.end()
	}
}

func (l *lease) end() { *l = lease{sent: l.sent[:0]} }

// hasLease reports whether no other node can have become leader, and what this one has
// committed is all that is committed.
func (r *raft) hasLease() bool {
	if r.role != StateLeader || r.log.Committed() < r.termStart || r.transferee != None || r.campaignOrdered {
		return false
	}
	if r.members.DecidesAlone(r.id) {
		return r.leases() // there is nobody to be elected
	}
	return r.lease != nil && r.lease.held && r.clock-r.lease.start < r.limits.leaseTicks()
}

// hasPromised reports whether this node may have promised a leader not to support another one. It
// counts from the last sign of any leader; the term or the role may have changed since.
func (r *raft) hasPromised() bool {
	return r.leases() && r.clock-r.heardLeaderAt < uint64(r.limits.electionTicks())
}
