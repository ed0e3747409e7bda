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

// handleTransferLeader starts a transfer to the target, which the message has in From. A node that
// does not lead forwards the request to the leader. A request is ignored if its target may not
// lead, or if no leader is known.
func (r *raft) handleTransferLeader(m *pb.Message) {
	switch {
	case r.role == StateLeader:
		if err := r.startTransfer(transferTarget(m)); err != nil {
			r.logger.Infof("%x does not transfer the leadership: %v", r.id, err)
		}
		r.stepDownAsNonVoter()
	case r.lead == None:
		r.logger.Infof("%x does not transfer the leadership: %v", r.id, ErrNoLeader)
	default:
		r.send(pb.MsgTransferLeader, r.lead).From = transferTarget(m)
	}
}

// startTransfer begins to hand the leadership to a voter. It replaces a transfer to another target.
// A second request for the same target does not prolong the transfer. A request for the leader
// itself ends it.
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
	// The follower may be paused for a reason that is over; an append without entries finds out.
	pr.Ping()
	return nil
}

// maySucceed reports whether the target may be ordered to campaign: it has every entry. A leader
// that is no longer a voter accepts no proposals. It stays until those under way are committed, so
// that it can answer them.
func (r *raft) maySucceed(target *tracker.Progress) bool {
	last := r.log.LastIndex()
	return target.Match == last && (r.isVoter || r.log.Committed() == last)
}

// finishTransfer orders the target to campaign if nothing is missing any more, now that from has
// acknowledged entries. A leader that is a voter needs only the target's acknowledgement.
func (r *raft) finishTransfer(from uint64) {
	if r.transferee != from && r.isVoter {
		return
	}
	if i := r.members.Find(r.transferee); i >= 0 && r.maySucceed(r.members.Progress(i)) {
		r.orderCampaign()
	}
}

func (r *raft) orderCampaign() {
	r.send(pb.MsgTimeoutNow, r.transferee)
	r.campaignOrdered = true
	if !r.isVoter {
		r.transferee = None // it steps down, whether the target wins or not
	}
}

// bestVoter returns the other voter that is best suited to lead, or None. A voter that was heard
// from recently comes before one that was not. Among equals, the one with the highest Match comes
// first.
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

// tickTransfer gives up a transfer after an election timeout, so that clients are served again.
func (r *raft) tickTransfer() {
	if r.transferElapsed++; int(r.transferElapsed) >= r.limits.electionTicks() {
		r.abortTransfer("it takes too long")
	}
}

// hearTransferRefusal ends the transfer to a node that cannot campaign.
func (r *raft) hearTransferRefusal(from uint64) {
	if r.transferee == from {
		r.abortTransfer("the target refuses")
		r.stepDownAsNonVoter()
	}
}

func (r *raft) abortTransfer(why string) {
	if r.transferee != None {
		r.logger.Infof("%x gives up the transfer to %x: %s", r.id, r.transferee, why)
		r.transferee = None
	}
}

// handleTimeoutNow campaigns at once because the leader asks for it (thesis §3.10),
// without a pre-vote: the leader is alive, and voters would refuse one.
//
// An order without a term may be old, or not from a leader. With leases it starts an ordinary
// campaign, because voters break their promise to the leader for a transfer.
func (r *raft) handleTimeoutNow(m *pb.Message) error {
	switch {
	case m.Term != 0:
		r.heardFromLeader(m.From)
	case r.role != StateFollower:
		r.logger.Infof("%x ignores an order to campaign without a term: %s", r.id, r.role)
		return nil
	case r.leases():
		return r.campaign()
	}
	if !r.isVoter {
		if m.Term != 0 && m.From != None {
			resp := r.sendOnceTermDurable(pb.MsgVoteResp, m.From)
			resp.Reject, resp.Context = true, []byte(contextTransfer)
		}
		return nil
	}
	r.postponeCampaign()
	return r.campaignAsOrdered()
}

// postponeCampaign keeps the leader's order to campaign for an election timeout. The leader gives
// up the transfer after the same time.
func (r *raft) postponeCampaign() {
	r.openPostponed().campaignUntil = r.clock + uint64(r.limits.electionTicks())
}

// campaignAsOrdered obeys the leader's order as soon as all committed configuration changes are
// applied. A removed leader hands over right after the change that removes it, so the target often
// has to apply that change first.
func (r *raft) campaignAsOrdered() error {
	if r.clock >= r.postponed.campaignUntil || !r.isVoter {
		r.postponed.campaignUntil = 0
		return nil
	}
	if ready, err := r.readyToCampaign(); err != nil || !ready {
		return err
	}
	return r.campaignForVotes(contextTransfer, false)
}
