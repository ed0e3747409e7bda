package main

import (
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// save writes the storage work of a Ready, and waits for it.
func (s *store) save(rd raft.Ready) error {
	m := raftpb.Message{
		Entries: rd.Entries, Term: rd.HardState.Term, Vote: rd.HardState.Vote, Commit: rd.HardState.Commit,
	}
	if !raft.IsEmptySnap(rd.Snapshot) {
		m.Snapshot = &rd.Snapshot
	}
	w, err := s.prepare(&m, rd.MustSync)
	if err != nil {
		return err
	}
	writes := []write{w}
	if err := s.perform(writes); err != nil {
		return err
	}
	s.wrote(&writes[0])
	return nil
}
