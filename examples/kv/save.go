package main

import (
	"errors"
	"fmt"

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
	s.reveal(p.applied.index)
	s.hard, s.prev, s.applied, s.last = p.hard, p.prev, p.applied, p.last
	s.conf, s.members, s.cluster = p.conf, p.members, p.cluster
	s.sessions, s.savedSessions = p.sessions, p.sessions.Applied()
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
	s.sizes.Compact(index)
	s.forgetImageBefore(index)
	if err := s.incoming.forget(index); err != nil {
		s.log.Warn("the file of a snapshot cannot be removed", "err", err)
	}
	return nil
}
