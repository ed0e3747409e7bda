package raft

import (
	"fmt"

	pb "github.com/ffd200af/raft/raftpb"
)

// Leadership transfer (thesis §3.10): the leader stops accepting proposals, brings the
// target's log up to its own, and tells it to campaign at once. It gives up after an
// election timeout. The state dies with the role and the term, because every change of
// either forgets it.

// startTransfer begins to hand the leadership to a voter. An earlier transfer to somebody else is
// given up; asking again for the same target does not prolong it; asking for
// the leader itself ends it.
func (r *raft) startTransfer(target uint64) error {
	if target == r.id {
		r.abortTransfer("the leader is to stay")
		return nil
	}
	i := r.members.Find(target)
	if i < 0 || !r.members.IsVoter(i) || r.members.LeavesVoters(i) {
		return fmt.Errorf("%w: %x", ErrTransferTarget, target)
	}
	if r.transferee == target {
		return nil
	}
	r.transferee = target
	r.transferElapsed = 0
	r.logger.Infof("%x starts to hand the leadership at term %d to %x", r.id, r.term, target)
	pr := r.members.Progress(i)
	if pr.Match == r.log.lastIndex() {
		r.orderCampaign()
		return nil
	}
	// Whatever holds it up may be over; an append without entries finds out.
	pr.Ping()
	return nil
}

// finishTransfer orders the target to campaign if it has everything now.
func (r *raft) finishTransfer(from, match uint64) {
	if r.transferee == from && match == r.log.lastIndex() {
		r.orderCampaign()
	}
}

func (r *raft) orderCampaign() {
	r.send(pb.MsgTimeoutNow, r.transferee)
}

// tickTransfer gives a transfer up that takes longer than an election timeout, so that
// clients are served again.
func (r *raft) tickTransfer() {
	if r.transferee == None {
		return
	}
	if r.transferElapsed++; r.transferElapsed >= r.limits.electionTicks {
		r.abortTransfer("it takes too long")
	}
}

func (r *raft) abortTransfer(why string) {
	if r.transferee != None {
		r.logger.Infof("%x gives up the transfer to %x: %s", r.id, r.transferee, why)
		r.transferee = None
	}
}
