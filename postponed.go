package raft

import pb "github.com/ffd200af/raft/raftpb"

// postponed is what has arrived and has to wait. Most nodes have nothing of the kind. The file of
// each mechanism says what ends its wait:
//
//	campaignUntil   transfer.go     entries have to be applied first
//	snapshot, from  snapshot.go     likewise
//	commit, proven  commit.go       Storage, or the first configuration, holds a report back
//	first           commit.go       the first configuration has to be looked at again
//	reading         apply.go        Storage cannot give entries to apply
//	out             changes_out.go  configuration changes may not be in effect yet
//
// The first two are about a leader of this term, and end with a new term or role.
type postponed struct {
	// campaignUntil: a campaign that the leader has ordered waits for committed configuration
	// changes to be applied, until the clock stands here; 0 if none does.
	campaignUntil uint64
	// snapshot of the leader from waits for entries that were handed out before it. They would be
	// applied after it, and a configuration change among them would take back the snapshot's
	// configuration.
	snapshot *pb.Snapshot
	from     uint64

	lasting
}

// lasting is what a new term or role does not end.
type lasting struct {
	// commit is the highest index that was reported as committed and could not be committed yet.
	// The first configuration is not durable, or Storage cannot give the configuration changes now.
	// The report came from another node, or at the start from this log's own entries. proven is the
	// same for reports with proof, see alone.go. The report is kept because the node that made it
	// may be gone.
	commit, proven uint64
	// first: try again to commit the first configuration. Storage could not give it, or it holds
	// back an index that a leader has counted.
	first bool
	// reading says whether Storage can give the entries to apply.
	reading reading
	// out counts the configuration changes that may not be in effect yet.
	out changesOut
}

// reading says whether Storage can give the entries to apply.
type reading uint8

const (
	readable    reading = iota
	unreadable          // they are not asked for until the next tick, or StorageAvailable
	tryToReread         // they may be there by now
)

// beyondTerm returns what a new term or role does not end.
func (p *postponed) beyondTerm() *postponed {
	if p == nil {
		return nil
	}
	rest := postponed{lasting: p.lasting}
	return rest.orNil()
}

// orNil returns p, or nil if nothing is postponed.
func (p *postponed) orNil() *postponed {
	if p == nil || *p == (postponed{}) {
		return nil
	}
	return p
}

// openPostponed returns postponed, and allocates it if needed.
func (r *raft) openPostponed() *postponed {
	if r.postponed == nil {
		r.postponed = &postponed{}
	}
	return r.postponed
}

// postponeCommit remembers a report that cannot be acted upon now.
func (r *raft) postponeCommit(index uint64, proof bool) {
	p := r.openPostponed()
	if proof {
		p.proven = max(p.proven, index)
	} else {
		p.commit = max(p.commit, index)
	}
}
