package raft

import (
	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// changesOut counts the configuration changes that are out. A change is out from when it is handed
// out until the application gives it to ApplyConfChange. That may be after Advance. So a change may
// count as applied while the node still uses an earlier configuration.
//
// The quorums of two configurations that differ by one change have a server in common. Those of
// configurations further apart may have none (thesis §4.1). So a leader with a change out appends
// the next change, and does not commit it. A node with a change out does not campaign, and restores
// no snapshot. With Config.DisableConfChangeValidation the application has to see to that.
//
// As with v3.6, an application that rejects a change need not call ApplyConfChange. So a change is
// not out any more when it has counted as applied for an election timeout.
type changesOut struct {
	// count is the number of changes that are out, but for those of the first configuration, which
	// are first. They are in effect before they are handed out.
	count, first uint32
	// end is the end of the last batch that was handed out with a change.
	end uint64
	// ticks is for how long that change has counted as applied without another call.
	ticks uint32
}

// hasChangesOut reports whether a change is out that may not be in effect.
func (r *raft) hasChangesOut() bool { return r.postponed != nil && r.postponed.out.count > 0 }

// mayRestore reports whether a snapshot may replace the configuration. A call of ApplyConfChange
// that comes after it would change the snapshot's configuration.
func (r *raft) mayRestore() bool {
	return r.log.Applied() == r.log.Applying() && (r.postponed == nil || r.postponed.out == changesOut{})
}

// noteChangesOut counts the changes among entries that are handed out. It reports whether there are
// any.
func (r *raft) noteChangesOut(entries []pb.Entry) bool {
	changes := raftlog.ConfChanges(entries)
	if changes == 0 {
		return false
	}
	out := &r.openPostponed().out
	if e := &entries[0]; e.Index == 1 && isOfFirst(e) {
		out.first += changes // all of it comes in one batch
	} else {
		out.count += changes
	}
	out.end, out.ticks = entries[len(entries)-1].Index, 0
	return true
}

// noteChangeIn counts a call of ApplyConfChange, before cc is in effect. It reports whether this
// was the last change that was out. A second call for a change counts for the next one.
func (r *raft) noteChangeIn(cc *pb.ConfChangeV2) (last bool) {
	if r.postponed == nil || r.postponed.out == (changesOut{}) {
		return false
	}
	out := &r.postponed.out
	switch {
	case out.first > 0 && r.addsVoterAgain(cc):
		out.first--
	case out.count > 0:
		out.count--
		out.first = 0 // calls come in the order of the log
	}
	out.ticks = 0
	return out.count+out.first == 0
}

// addsVoterAgain reports whether cc adds one voter, who votes already. Each change of the first
// configuration does.
func (r *raft) addsVoterAgain(cc *pb.ConfChangeV2) bool {
	if len(cc.Changes) != 1 || cc.Changes[0].Type != pb.ConfChangeAddNode {
		return false
	}
	i := r.members.Find(cc.Changes[0].NodeID)
	return i >= 0 && r.members.IsVoter(i)
}

// agesChangesOut reports whether ticks count for changes that are out: they count as applied.
func (r *raft) agesChangesOut() bool {
	p := r.postponed
	return p != nil && p.out != (changesOut{}) && p.out.end <= r.log.Applied()
}

// tickChangesOut counts a tick. It reports whether changes have been out for too long.
func (r *raft) tickChangesOut() (over bool) {
	if !r.agesChangesOut() {
		return false
	}
	r.postponed.out.ticks++
	return int(r.postponed.out.ticks) >= r.limits.electionTicks()
}
