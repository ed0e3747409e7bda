package main

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/session"
)

// outcome is what a request gets when its command is applied.
type outcome struct {
	id    requestID
	index uint64 // of the entry; of a read, the last one that it may have seen
	done  bool   // of a write: it was carried out, its condition holds
	err   error  // of the session
	// revision is the one that the key has now: of a read, and of a write if it is known.
	revision uint64
	value    []byte // of a read
	page     page   // of a listing
	found    bool
	mode     readMode // how the read was confirmed
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
		o, err := s.applyCommand(b, e)
		if errors.Is(err, errBadCommand) {
			continue // the same on every replica
		}
		if err != nil {
			return nil, err
		}
		outcomes = append(outcomes, o)
	}
	err := errors.Join(setApplied(b, next.applied, next.conf), next.members.write(b, s.members), s.saveSessions(b))
	if err != nil {
		return nil, err
	}
	s.reveal(next.applied.index)
	if err := s.commit(b, false); err != nil {
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

// applyCommand applies one command, unless its session says that it is a repetition.
func (s *store) applyCommand(b *pebble.Batch, e *raftpb.Entry) (outcome, error) {
	c, err := decodeCommand(e.Data)
	if err != nil {
		return outcome{}, err
	}
	o := outcome{id: c.id, index: e.Index}
	if c.header == nil {
		o.done, err = execute(b, &c, e.Index)
		o.revision = c.writtenAt(e.Index, o.done)
		return o, err
	}
	var failed error
	reply, err := s.sessions.Apply(e.Index, *c.header, func() []byte {
		var done bool
		done, failed = execute(b, &c, e.Index)
		o.revision = c.writtenAt(e.Index, done) // a repetition does not know it
		return encodeReply(done)
	})
	if failed != nil || errors.Is(err, session.ErrApplied) || errors.Is(err, session.ErrBusy) {
		return o, errors.Join(failed, err) // this replica is in doubt
	}
	o.done, o.err = decodeReply(reply), err
	return o, nil
}

// execute carries a command out at an index. It reports whether its condition holds.
func execute(b *pebble.Batch, c *command, index uint64) (done bool, err error) {
	if c.op != opPut && c.op != opDelete {
		revision, value, err := readRow(b, c.key)
		if err != nil || !c.holds(revision, value) {
			return false, err
		}
	}
	if c.op.deletes() {
		return true, b.Delete(dataKey(c.key), nil)
	}
	return true, b.Set(dataKey(c.key), encodeRow(index, c.value), nil)
}

// A reply, as the session keeps it, says whether the condition held.
func encodeReply(done bool) []byte {
	if done {
		return []byte{1}
	}
	return []byte{0}
}

func decodeReply(reply []byte) bool { return len(reply) == 1 && reply[0] == 1 }

// read returns what this replica has, which may be behind.
func (s *store) read(key []byte) (outcome, error) {
	revision, value, err := readRow(s.db, key)
	return outcome{value: value, revision: revision, found: revision > 0}, err
}
