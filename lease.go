package raft

// Leases (thesis §6.4.1): while a quorum cannot have voted for anybody else, a leader may answer
// reads without asking. Each broadcast of heartbeats is a round, and a follower that echoes one
// promises not to vote for another node, nor to campaign itself, before an election timeout has
// passed on its own clock (thesis §4.2.3). So the lease runs from the tick at which the leader sent
// the newest round that a quorum has echoed:
//
//	leader's ticks    T                                T+E-1-drift    T+E-1
//	                  |-- lease ----------------------------|  margin   |
//	a voter hears it     |  1    2    ...    E-1   E
//	                     |-- promise ---------------| earliest vote
//
// The voter's first tick may come right after the heartbeat, so its E ticks may take only E-1 ticks
// of time. The leader's clock shows a tick until the next one comes, so the leader may answer reads
// only while its clock shows less than T+E-1-drift. The drift margin, Config.LeaseDriftTicks, is
// how many ticks a voter's clock may gain in that time.
//
// Three things end a lease early. The leader loses the role. A transfer begins: once the order to
// campaign is given, there is no lease for the rest of the term, because the order may arrive late
// and voters break their promise for it. The configuration changes: there is no lease until a
// quorum of the new one has echoed a round.
//
// A voter that restarts neither votes nor campaigns for an election timeout, because it does not
// know what it has promised. All voters must have the same Config, and ticks must keep coming: a
// process that was stopped has to make up for the ticks that it missed before it reads.

// lease is what a leader knows of its lease.
type lease struct {
	// sent holds the first round of each tick, oldest first. Ticks that are too old for a lease are
	// forgotten.
	sent []sentRound
	// held reports whether a quorum has promised to support this leader. start is the tick from
	// which the newest such promise counts.
	held  bool
	start uint64
}

type sentRound struct{ round, tick uint64 }

// leases reports whether leases are kept and promises given.
func (r *raft) leases() bool { return r.limits.set != nil && r.limits.set.lease != 0 }

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

// extendLease extends the lease, because a quorum has echoed the round.
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

// hasLease reports whether no other node can have become leader, and this node knows everything
// that is committed.
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
