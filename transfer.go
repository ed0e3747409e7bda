package raft

import (
	"fmt"

	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// Leadership transfer (thesis §3.10): the leader stops accepting proposals, brings the target's log
// up to its own, and tells it to campaign at once. The order is repeated with each heartbeat. A
// target that has obeyed ignores it, because the target is in a later term. The leader gives up
// after an election timeout. It also gives up when the target refuses, because the target does not
// know that it is a voter. Every change of role or term ends the transfer.

// checkTransfer returns the reason why target cannot be given the leadership.
func (r *raft) checkTransfer(target uint64) error {
	if i := r.members.Find(target); i < 0 || !r.members.IsVoter(i) || r.members.LeavesVoters(i) {
		return fmt.Errorf("%w: %x", ErrTransferTarget, target)
	}
	return nil
}

// startTransfer begins to hand the leadership to a voter. An earlier transfer to somebody else is
// given up; asking again for the same target does not prolong it; asking for
// the leader itself ends it.
func (r *raft) startTransfer(target uint64) error {
	if target == r.id {
		r.abortTransfer("the leader is to stay")
		return nil
	}
	if err := r.checkTransfer(target); err != nil || r.transferee == target {
		return err
	}
	r.transferee = target
	r.transferElapsed = 0
	r.logger.Infof("%x starts to hand the leadership at term %d to %x", r.id, r.term, target)
	pr := r.members.Change(r.members.Find(target))
	if r.maySucceed(pr) {
		r.orderCampaign()
		return nil
	}
	// Whatever holds it up may be over; an append without entries finds out.
	pr.Ping()
	return nil
}

// maySucceed: the target has everything. A leader that does not vote any more, and accepts no
// proposals, stays until those under way are committed, so that it can answer them.
func (r *raft) maySucceed(target *tracker.Progress) bool {
	last := r.log.LastIndex()
	return target.Match == last && (r.mayCampaign || r.log.Committed() == last)
}

// finishTransfer orders the target to campaign if an acknowledgement of from was the last
// thing that was missing.
func (r *raft) finishTransfer(from uint64) {
	if r.transferee != from && r.mayCampaign {
		return
	}
	if i := r.members.Find(r.transferee); i >= 0 && r.maySucceed(r.members.Progress(i)) {
		r.orderCampaign()
	}
}

func (r *raft) orderCampaign() {
	r.send(pb.MsgTimeoutNow, r.transferee)
	r.campaignOrdered = true
	if !r.mayCampaign {
		r.transferee = None // there is nothing to come back to
	}
}

// bestVoter is the other voter that is best suited to lead: one that was heard from recently
// before one that was not, then the one with the longest log. None if there is none.
func (r *raft) bestVoter() uint64 {
	best, bestActive, bestMatch := None, false, uint64(0)
	for i := range r.members.Len() {
		id := r.members.ID(i)
		if id == r.id || !r.members.IsVoter(i) || r.members.LeavesVoters(i) {
			continue
		}
		pr := r.members.Progress(i)
		if best == None || pr.RecentActive && !bestActive || pr.RecentActive == bestActive && pr.Match > bestMatch {
			best, bestActive, bestMatch = id, pr.RecentActive, pr.Match
		}
	}
	return best
}

// stepDown gives the leadership to the best voter. A transfer that is under way goes on.
func (r *raft) stepDown() error {
	if r.role != StateLeader {
		return ErrNotLeader
	}
	if r.transferee != None {
		return nil
	}
	target := r.bestVoter()
	if target == None {
		return fmt.Errorf("%w: there is no other voter", ErrTransferTarget)
	}
	return r.startTransfer(target)
}

// tickTransfer gives a transfer up that takes longer than an election timeout, so that
// clients are served again.
func (r *raft) tickTransfer() {
	if r.transferElapsed++; int(r.transferElapsed) >= r.limits.electionTicks() {
		r.abortTransfer("it takes too long")
	}
}

func (r *raft) abortTransfer(why string) {
	if r.transferee != None {
		r.logger.Infof("%x gives up the transfer to %x: %s", r.id, r.transferee, why)
		r.transferee = None
	}
}
