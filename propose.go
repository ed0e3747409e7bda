package raft

import (
	"errors"
	"slices"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// propose appends entries if this node leads. Otherwise it forwards them to the leader, if one is
// known. It keeps the entries' data, and not the slice.
func (r *raft) propose(entries []pb.Entry) error {
	if r.role == StateLeader {
		return r.appendProposal(entries)
	}
	if err := r.admitForward(); err != nil {
		return err
	}
	m := r.send(pb.MsgProp, r.lead)
	m.Term = 0 // an input belongs to no term
	m.Entries = append([]pb.Entry(nil), entries...)
	return nil
}

// admitProposal returns the reason why n entries with that many bytes of payload would be dropped
// now, or nil.
func (r *raft) admitProposal(n int, bytes uint64) error {
	if r.role != StateLeader {
		return r.admitForward()
	}
	switch {
	case r.members.Find(r.id) < 0:
		return ErrNotMember
	case r.transferee != None:
		return ErrTransferring
	case r.log.LastIndex()+uint64(n) >= raftlog.MaxCounter:
		return ErrLogFull
	case bytes > 0 && r.unappliedBytes > 0 && !r.limits.admitsUnapplied(r.unappliedBytes+bytes):
		// Two kinds are always admitted: entries without data, and a proposal of any size when
		// everything else is applied.
		return ErrUncommittedFull
	}
	return nil
}

// admitForward returns the reason why a node that does not lead cannot forward a proposal, or nil.
func (r *raft) admitForward() error {
	switch {
	case r.role != StateFollower || r.lead == None:
		return ErrNoLeader
	case r.disableForwarding:
		return ErrForwardingDisabled
	}
	return nil
}

// appendProposal admits entries to the leader's log, all or none. An entry without data replaces a
// configuration change that must wait or does not fit a joint configuration.
func (r *raft) appendProposal(entries []pb.Entry) error {
	pending := r.pendingConfIndex
	for i := range entries {
		if !raftlog.IsConfChange(&entries[i]) {
			continue
		}
		switch err := r.admitConfChange(&entries[i], pending); {
		case err == nil:
			pending = r.log.LastIndex() + 1 + uint64(i)
		case errors.Is(err, ErrConfChangePending) || errors.Is(err, errOtherJoint):
			r.logger.Infof("%x: a configuration change becomes an entry without data: %v", r.id, err)
			entries = slices.Clone(entries) // the caller's array is not changed
			entries[i] = pb.Entry{}
		default:
			return err
		}
	}
	bytes := raftlog.PayloadBytes(entries)
	if err := r.admitProposal(len(entries), bytes); err != nil {
		return err
	}
	r.pendingConfIndex = pending
	r.unappliedBytes += bytes
	traceAppend(r, entries)
	r.log.AppendOwn(r.term, entries, bytes)
	return nil
}

// proposalApplied subtracts applied entries from the bytes that are not applied.
func (r *raft) proposalApplied(bytes uint64) {
	if r.role != StateLeader {
		return
	}
	r.unappliedBytes -= min(bytes, r.unappliedBytes)
}
