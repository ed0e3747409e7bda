package raft

import pb "github.com/ffd200af/raft/raftpb"

// changesOut are committed configuration changes that the application has in hand: they were handed
// out to be applied, and not yet given to ApplyConfChange. An application may call Advance in
// between. Then the node still uses an earlier configuration, although the changes count as applied.
//
// The quorums of two configurations that differ by one change have a server in common; those of
// configurations further apart may not (thesis §4.1). So a node with changes out does not campaign
// and restores no snapshot. As a leader it appends the next change, and does not commit it.
//
// As with v3.6, an application that rejects a change may make no call for it. So changes that have
// counted as applied for an election timeout are not out any more.
type changesOut struct {
	// count is the number of calls that are due, those for the first configuration included.
	count uint32
	// ticks is how long the last change has counted as applied without a call.
	ticks uint32
	// last is the end of the last batch with a change. It is 0 if the application has none in hand
	// but the first configuration, which is active already.
	last uint64
}

// hasChangesOut reports whether a change was handed out that may not be in effect.
func (r *raft) hasChangesOut() bool { return r.postponed != nil && r.postponed.out.last != 0 }

// handOutConfChanges notes the changes among entries that are handed out, and reports whether there
// are any.
func (r *raft) handOutConfChanges(entries []pb.Entry) bool {
	changes := confChanges(entries)
	if changes == 0 {
		return false
	}
	out := &r.openPostponed().out
	out.count, out.ticks = out.count+changes, 0
	if e := &entries[0]; e.Index != 1 || e.Term != bootstrapTerm || e.Type != pb.EntryConfChange {
		out.last = entries[len(entries)-1].Index
	}
	return true
}

// returnConfChange counts a call of ApplyConfChange, and reports whether it was the last one due. A
// second call for one change counts for the next one.
func (r *raft) returnConfChange() (settled bool) {
	if r.postponed == nil || r.postponed.out.count == 0 {
		return false
	}
	out := &r.postponed.out
	out.count, out.ticks = out.count-1, 0
	return out.count == 0
}

// tickConfChanges reports whether calls that are due have been due for too long.
func (r *raft) tickConfChanges() (settled bool) {
	if r.postponed == nil || r.postponed.out.count == 0 || r.postponed.out.last > r.log.applied {
		return false
	}
	r.postponed.out.ticks++
	return int(r.postponed.out.ticks) >= r.limits.electionTicks()
}
