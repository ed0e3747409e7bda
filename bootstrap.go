package raft

import (
	"errors"
	"fmt"

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
	// ErrBootstrapNotEmpty: the Storage holds a log already.
	ErrBootstrapNotEmpty = errors.New("raft: cannot bootstrap a storage that is not empty")
	// ErrBootstrapPeers: the list of peers is empty, or names a node twice or none.
	ErrBootstrapPeers = errors.New("raft: cannot bootstrap with these peers")
)

// bootstrap gives an empty node its first log: one committed configuration change per
// peer, in term 1, so that every node that is bootstrapped with the same list has the
// same log. They are applied here as well, because a node without a configuration could
// never elect a leader that would commit them.
func (r *raft) bootstrap(peers []Peer) error {
	last, err := r.log.storage.LastIndex()
	if err != nil {
		return wrapStorage("last index", err)
	}
	if last != 0 || r.log.lastIndex() != 0 || r.term != 0 {
		return fmt.Errorf("%w: last index %d, term %d", ErrBootstrapNotEmpty, r.log.lastIndex(), r.term)
	}
	if len(peers) == 0 {
		return fmt.Errorf("%w: the list is empty", ErrBootstrapPeers)
	}
	entries := make([]pb.Entry, 0, len(peers))
	for i, p := range peers {
		for _, earlier := range peers[:i] {
			if earlier.ID == p.ID {
				return fmt.Errorf("%w: %x stands twice", ErrBootstrapPeers, p.ID)
			}
		}
		if p.ID == None || IsLocalMsgTarget(p.ID) {
			return fmt.Errorf("%w: %x is not the id of a node", ErrBootstrapPeers, p.ID)
		}
		cc := pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: p.ID, Context: p.Context}
		data, err := cc.Marshal()
		if err != nil {
			return fmt.Errorf("raft: encoding the change that adds %x: %w", p.ID, err)
		}
		entries = append(entries, pb.Entry{Type: pb.EntryConfChange, Data: data})
	}
	r.becomeFollower(1, None)
	r.log.appendOwn(r.term, entries, payloadBytes(entries))
	if err := r.log.commitTo(r.log.lastIndex()); err != nil {
		return err
	}
	for _, p := range peers {
		r.applyConfChange(pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: p.ID}.AsV2())
	}
	return nil
}

func (r *recorder) noteBootstrap(peers []Peer) {
	if r == nil {
		return
	}
	var rec recording.Record
	rec.Kind = recording.Bootstrap
	for _, p := range peers {
		rec.Numbers, rec.Blobs = append(rec.Numbers, p.ID), append(rec.Blobs, p.Context)
	}
	r.out.Add(&rec)
}
