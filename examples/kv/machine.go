package main

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ffd200af/raft/raftpb"
)

// outcome is what a request gets when its command is applied.
type outcome struct {
	id    requestID
	value []byte // of a read
	found bool   // of a read
}

// apply applies committed entries in one batch together with the applied index, so
// that a restart neither skips nor repeats one. changeConf is called for configuration changes
// and returns the configuration that they lead to.
func (s *store) apply(entries []raftpb.Entry, changeConf func(raftpb.ConfChangeI) raftpb.ConfState) ([]outcome, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	b := s.db.NewIndexedBatch() // reads see the writes before them in the batch
	defer b.Close()
	next := *s.position()
	var outcomes []outcome
	for i := range entries {
		e := &entries[i]
		if e.Index != next.applied.index+1 {
			return nil, fmt.Errorf("kv: applying entry %d after %d", e.Index, next.applied.index)
		}
		next.applied = entryID{term: e.Term, index: e.Index}
		if e.Type != raftpb.EntryNormal {
			if err := applyChange(e, &next, changeConf); err != nil {
				return nil, err
			}
			continue
		}
		if len(e.Data) == 0 {
			continue // a leader's first entry
		}
		o, err := applyCommand(b, e.Data)
		if errors.Is(err, errBadCommand) {
			continue // the same on every replica
		}
		if err != nil {
			return nil, err
		}
		outcomes = append(outcomes, o)
	}
	if err := errors.Join(setApplied(b, next.applied, next.conf), next.members.write(b, s.members)); err != nil {
		return nil, err
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		return nil, err
	}
	s.moveTo(&next)
	return outcomes, nil
}

// applyChange applies a configuration change. One that the members do not admit is applied as
// a change of nothing: the node has to hear of every one.
func applyChange(e *raftpb.Entry, next *position, changeConf func(raftpb.ConfChangeI) raftpb.ConfState) error {
	cc, err := decodeChange(e)
	if err != nil {
		return err
	}
	if !next.members.admit(cc) {
		next.conf = changeConf(raftpb.ConfChange{})
		return nil
	}
	next.conf = changeConf(cc)
	next.members = next.members.follow(cc, next.conf)
	return nil
}

func decodeChange(e *raftpb.Entry) (raftpb.ConfChangeV2, error) {
	if e.Type == raftpb.EntryConfChangeV2 {
		var cc raftpb.ConfChangeV2
		err := cc.Unmarshal(e.Data)
		return cc, err
	}
	var cc raftpb.ConfChange
	err := cc.Unmarshal(e.Data)
	return cc.AsV2(), err
}

func applyCommand(b *pebble.Batch, data []byte) (outcome, error) {
	c, err := decodeCommand(data)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{id: c.id}
	switch c.op {
	case opPut:
		err = b.Set(dataKey(c.key), c.value, nil)
	case opDelete:
		err = b.Delete(dataKey(c.key), nil)
	case opRead:
		o.value, o.found, err = getFrom(b, dataKey(c.key))
	}
	return o, err
}

// read returns what this replica has, which may be behind.
func (s *store) read(key []byte) (outcome, error) {
	value, found, err := s.get(dataKey(key))
	return outcome{value: value, found: found}, err
}
