package raft

import (
	"fmt"

	"github.com/ffd200af/raft/confchange"
	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// errOtherJoint: a joint configuration has to be left before any other change, and only a joint
// configuration can be left (thesis §4.3).
var errOtherJoint = fmt.Errorf("%w: a joint configuration can only be left, and no other can", ErrBadConfChange)

// admitConfChange decides whether the leader may append a configuration change. One change is under
// way at a time. The last change in the log is at most at index pending, and has to be applied
// first. It counts as applied after ApplyConfChange or Advance, whichever comes first: the
// application may answer its client in between, and the client may propose the next change. See
// also changesOut.
//
// A change may be appended before the leader has committed in its term. Configurations take effect
// when they are applied. The change is committed only together with the first entry of the term, so
// its new quorum cannot act earlier (thesis §4.1). The known bug of single-server changes can
// happen only where a configuration takes effect before it is committed.
func (r *raft) admitConfChange(e *pb.Entry, pending uint64) error {
	cc, err := decodeConfChange(e)
	if err != nil {
		return err
	}
	if r.limits.rare().trustConfChanges {
		return nil
	}
	if pending > max(r.log.Applied(), r.effective) {
		return ErrConfChangePending
	}
	if r.members.IsJoint() != (len(cc.Changes) == 0) {
		return errOtherJoint
	}
	if _, err := confchange.Apply(r.members.Config(), cc); err != nil {
		return fmt.Errorf("%w: %w", ErrBadConfChange, err)
	}
	return nil
}

// applyConfChange applies a committed change to the active configuration. An illegal change has no
// effect, on every node alike.
func (r *raft) applyConfChange(cc pb.ConfChangeV2) {
	cfg, err := confchange.Apply(r.members.Config(), cc)
	if err != nil {
		r.logger.Warningf("%x: configuration change %s is not applied: %v", r.id, confchange.Describe(cc.Changes...), err)
		return
	}
	for _, id := range confchange.Readded(cfg, cc.Changes) {
		r.members.Forget(id)
	}
	r.switchConfig(cfg)
}

// switchConfig makes cfg the active configuration. The new quorum may be smaller, and may commit
// entries and confirm reads at once.
func (r *raft) switchConfig(cfg tracker.Config) {
	traceSwitchConfig(r, &cfg)
	r.setConfig(cfg)
	r.logger.Infof("%x uses configuration %s", r.id, cfg)
	if r.role != StateLeader {
		return
	}
	r.leaving = false
	if i := r.members.Find(r.transferee); i < 0 || !r.members.IsVoter(i) || r.members.LeavesVoters(i) {
		r.abortTransfer("the target does not vote any more")
	}
	if r.steppingDown && r.isVoter {
		r.steppingDown = false
		r.abortTransfer("the leader votes again")
	}
	r.members.MaybeUpdate(r.id, r.log.Stable()) // this node may not have been a member before
	r.trackLearners()
	r.endLease()
	r.advanceCommit()
	r.reconfirmReads()
	r.stepDownAsNonVoter()
	r.leaveJoint() // the application may say that it is applied after Advance
}

// stepDownAsNonVoter makes a leader step down if it is no voter of the active configuration,
// because it was removed or demoted (thesis §4.2.2). The leader first brings the best voter up to
// its own log. This also commits the proposals that are under way. Then it orders that voter to
// campaign, and steps down. After an election timeout it steps down without the order. It accepts
// no proposals meanwhile.
//
// The other nodes learn that the change is committed: the Ready that hands the change out to be
// applied also holds appends with the commit index.
func (r *raft) stepDownAsNonVoter() {
	if r.role != StateLeader || r.isVoter {
		return
	}
	if !r.steppingDown {
		r.steppingDown = true
		r.logger.Infof("%x does not vote any more and gives up the leadership of term %d", r.id, r.term)
		if err := r.stepDown(); err != nil {
			r.logger.Infof("%x has nobody to hand the leadership to: %v", r.id, err)
		}
	}
	if r.transferee == None {
		r.becomeFollower(r.term, None)
	}
}

// leaveJoint proposes to leave a joint configuration that is to be left automatically, once the
// entry that entered it is applied (thesis §4.3). Each leader does this, so a change of leader does
// not stop it. pendingConfIndex makes a leader propose it only once.
func (r *raft) leaveJoint() {
	if r.role != StateLeader || !r.members.AutoLeave() || r.leaving || r.pendingConfIndex > r.log.Applied() {
		return
	}
	if r.log.LastIndex()+1 >= raftlog.MaxCounter {
		return
	}
	leave := [1]pb.Entry{{Type: pb.EntryConfChangeV2}}
	traceAppend(r, leave[:])
	r.log.AppendOwn(r.term, leave[:], 0)
	r.pendingConfIndex, r.leaving = r.log.LastIndex(), true
	r.logger.Infof("%x proposes to leave the joint configuration", r.id)
}
