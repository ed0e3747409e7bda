package raft

import (
	pb "github.com/ffd200af/raft/raftpb"
)

// propose appends entries if this node leads, and passes them on if it knows the
// leader. The entries' data is kept, the slice is not.
func (r *raft) propose(entries []pb.Entry) error {
	switch r.role {
	case StateLeader:
		return r.appendProposal(entries)
	case StateFollower:
		return r.forward(entries)
	default:
		return ErrNoLeader
	}
}

// forward sends a proposal to the leader.
func (r *raft) forward(entries []pb.Entry) error {
	if r.lead == None {
		return ErrNoLeader
	}
	if r.disableForwarding {
		return ErrForwardingDisabled
	}
	m := r.send(pb.MsgProp, r.lead)
	m.Term = 0 // an input belongs to no term
	m.Entries = append([]pb.Entry(nil), entries...)
	return nil
}

// appendProposal admits entries to the leader's log, all or none.
func (r *raft) appendProposal(entries []pb.Entry) error {
	if r.members.Find(r.id) < 0 {
		return ErrNotMember
	}
	if r.transferee != None {
		return ErrTransferring
	}
	last := r.log.lastIndex()
	if last+uint64(len(entries)) >= maxCounter {
		return ErrLogFull
	}
	bytes := payloadBytes(entries)
	// Something always gets through: an entry without data, or the first one on a log that is
	// otherwise applied, whatever its size.
	if bytes > 0 && r.unappliedBytes > 0 && r.unappliedBytes+bytes > r.limits.unappliedBytes {
		return ErrUncommittedFull
	}
	change := -1
	for i := range entries {
		if !isConfChange(&entries[i]) {
			continue
		}
		if change >= 0 && !r.trustConfChanges {
			return ErrConfChangePending
		}
		if err := r.admitConfChange(&entries[i]); err != nil {
			return err
		}
		change = i
	}
	if change >= 0 {
		r.pendingConfIndex = last + 1 + uint64(change)
	}
	r.unappliedBytes += bytes
	traceAppend(r, entries)
	r.log.appendOwn(r.term, entries, bytes)
	return nil
}

// proposalApplied gives back the room that applied entries took.
func (r *raft) proposalApplied(bytes uint64) {
	if r.role != StateLeader {
		return
	}
	r.unappliedBytes -= min(bytes, r.unappliedBytes)
}
