package main

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/session"
)

// position is the part of the store's state that a batch changes; it becomes the
// state when the batch is written.
type position struct {
	hard          raftpb.HardState
	prev, applied entryID
	last          uint64
	conf          raftpb.ConfState
	members       members
	sessions      *session.Table
	cluster       string
}

func (s *store) position() *position {
	return &position{
		hard: s.hard, prev: s.prev, applied: s.applied, last: s.last,
		conf: s.conf, members: s.members, sessions: s.sessions, cluster: s.cluster,
	}
}

func (s *store) moveTo(p *position) {
	s.hard, s.prev, s.applied, s.last = p.hard, p.prev, p.applied, p.last
	s.conf, s.members, s.cluster = p.conf, p.members, p.cluster
	s.sessions, s.savedSessions = p.sessions, p.sessions.Applied()
}

// replaceAll puts a snapshot from the leader in the place of data and log.
func replaceAll(b *pebble.Batch, snap raftpb.Snapshot, next *position) error {
	meta := &snap.Metadata
	id := entryID{term: meta.Term, index: meta.Index}
	if err := b.DeleteRange(logStart, logEnd, nil); err != nil {
		return err
	}
	for _, prefix := range agreed {
		if err := b.DeleteRange([]byte{prefix}, []byte{prefix + 1}, nil); err != nil {
			return err
		}
	}
	ms, sessions := members{}, new(session.Table)
	err := readImage(snap.Data, func(key, value []byte) error {
		var err error
		switch {
		case len(key) == 0 || !bytes.Contains(agreed, key[:1]):
			err = errBadImage
		case key[0] == clusterPrefix && string(value) != next.cluster:
			err = fmt.Errorf("%w: a snapshot of cluster %s came to cluster %s", errStranger, value, next.cluster)
		case key[0] == memberPrefix:
			err = ms.addRow(key, value)
		case key[0] == sessionPrefix:
			err = sessions.UnmarshalBinary(value)
		}
		if err != nil {
			return err
		}
		return b.Set(key, value, nil)
	})
	if err != nil {
		return err
	}
	next.prev, next.applied, next.last, next.conf = id, id, id.index, meta.ConfState
	next.members, next.sessions = ms, sessions
	return errors.Join(b.Set(keyPrev, encodeID(id), nil), setApplied(b, id, meta.ConfState))
}

// compact drops the log up to and including index, which must be applied.
func (s *store) compact(index uint64) error {
	if index <= s.prev.index {
		return nil
	}
	if index > s.applied.index {
		return fmt.Errorf("kv: compacting to %d, applied %d", index, s.applied.index)
	}
	term, err := s.Term(index)
	if err != nil {
		return err
	}
	next := *s.position()
	next.prev = entryID{term: term, index: index}
	b := s.db.NewBatch()
	defer b.Close()
	err = errors.Join(b.DeleteRange(logKey(s.prev.index+1), logKey(index+1), nil), b.Set(keyPrev, encodeID(next.prev), nil))
	if err != nil {
		return err
	}
	if err := s.commit(b, false); err != nil {
		return err
	}
	s.moveTo(&next)
	s.snapshots.forgetBefore(index)
	return nil
}
