package raft

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/recording"
)

// Peer is a first member of a cluster.
type Peer struct {
	ID uint64
	// Context travels in the configuration change that adds the peer, for the
	// application: an address, for instance.
	Context []byte
}

// Errors of Bootstrap.
var (
	// ErrBootstrapNotEmpty: the Storage holds a log already, which is no beginning of what
	// Bootstrap with these peers has written.
	ErrBootstrapNotEmpty = errors.New("raft: cannot bootstrap a storage that is not empty")
	// ErrBootstrapPeers: the list of peers is empty, or names a node twice or none.
	ErrBootstrapPeers = errors.New("raft: cannot bootstrap with these peers")
)

// bootstrap gives an empty node its first log: one committed configuration change per
// peer, so that every node that is bootstrapped with the same list has the
// same log. They are applied here as well, because a node without a configuration could
// never elect a leader that would commit them. stored is the commit index that Storage has.
func (r *raft) bootstrap(peers []Peer, stored uint64) error {
	first, err := firstEntries(peers)
	if err != nil {
		return err
	}
	has, err := r.bootstrapped(first, stored)
	if err != nil {
		return err
	}
	if r.term == 0 {
		r.becomeFollower(bootstrapTerm, None)
	}
	if has < len(first) {
		// All of it is written again: what is durable of it may be applied while the rest is not.
		r.log.Truncate(1)
		r.log.AppendOwn(bootstrapTerm, first, raftlog.PayloadBytes(first))
	}
	if err := r.log.CommitTo(uint64(len(first))); err != nil {
		return err
	}
	for _, p := range peers {
		r.applyConfChange(pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: p.ID}.AsV2())
	}
	return nil
}

// firstEntries are the configuration changes that add peers, without index and term.
func firstEntries(peers []Peer) ([]pb.Entry, error) {
	if len(peers) == 0 {
		return nil, fmt.Errorf("%w: the list is empty", ErrBootstrapPeers)
	}
	entries := make([]pb.Entry, 0, len(peers))
	for i, p := range peers {
		if slices.ContainsFunc(peers[:i], func(earlier Peer) bool { return earlier.ID == p.ID }) {
			return nil, fmt.Errorf("%w: %x stands twice", ErrBootstrapPeers, p.ID)
		}
		if p.ID == None || IsLocalMsgTarget(p.ID) {
			return nil, fmt.Errorf("%w: %x is not the id of a node", ErrBootstrapPeers, p.ID)
		}
		cc := pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: p.ID, Context: p.Context}
		data, err := cc.Marshal()
		if err != nil {
			return nil, fmt.Errorf("raft: encoding the change that adds %x: %w", p.ID, err)
		}
		entries = append(entries, pb.Entry{Type: pb.EntryConfChange, Data: data})
	}
	return entries, nil
}

// bootstrapped returns how many of the first entries the node has. There are some, and none was
// stored as committed, when a crash has torn the write that Bootstrap has asked for.
func (r *raft) bootstrapped(first []pb.Entry, committed uint64) (int, error) {
	last, err := r.log.StoredLast()
	if err != nil {
		return 0, err
	}
	notEmpty := fmt.Errorf("%w: last index %d, term %d", ErrBootstrapNotEmpty, r.log.LastIndex(), r.term)
	if last == 0 && r.log.LastIndex() == 0 {
		if r.term != 0 {
			return 0, notEmpty
		}
		return 0, nil
	}
	if committed != 0 || r.role != StateFollower || r.members.Len() > 0 || r.log.LastIndex() != last {
		return 0, notEmpty
	}
	has, err := firstConfiguration(&r.log)
	if err != nil {
		return 0, err
	}
	if n := uint64(len(first)); has == 0 || has > n || has < n && has < last {
		return 0, notEmpty
	}
	for i := range has {
		at, err := r.log.Entries(i+1, i+2, raftlog.NoLimit)
		if err != nil {
			return 0, err
		}
		if !bytes.Equal(at[0].Data, first[i].Data) {
			return 0, notEmpty
		}
	}
	return int(has), nil
}

func (r *recorder) noteBootstrap(peers []Peer) {
	if r == nil {
		return
	}
	var ids []uint64
	var contexts [][]byte
	for _, p := range peers {
		ids, contexts = append(ids, p.ID), append(contexts, p.Context)
	}
	r.add(recording.Bootstrap, contexts, ids...)
}
