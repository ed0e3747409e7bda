package driver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/multiraft"
	pb "github.com/ffd200af/raft/raftpb"
)

// This file is the model of how to drive a multiraft.Store. One goroutine owns the store, its log
// on disk and all state machines. Everybody else talks to it through channels and the inbox.

// errLost ends a store of which others have heard another life, which was not before this one.
var errLost = errors.New("the folder of this store is lost or old; other stores have heard of a " +
	"newer one: move its replicas away, and start it with another id")

var always = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

func (s *Store) run() error {
	ticker := time.NewTicker(s.opts.Tick)
	defer ticker.Stop()
	var calls []func()
	for {
		var work <-chan struct{}
		if s.raft.HasReady() {
			work = always
		}
		ticks := 0
		select {
		case <-s.stop:
			return nil
		case <-ticker.C:
			ticks = 1
		case b := <-s.batches:
			if err := s.step(b); err != nil {
				return err
			}
		case <-s.inbox.wake:
		case <-work:
		}
		// Take what else has arrived: everything before one Ready shares a write, a sync and a
		// batch for each store. It comes before a tick, too: a timeout may wait for it.
		for n := len(s.batches); n > 0; n-- {
			if err := s.step(<-s.batches); err != nil {
				return err
			}
		}
		calls = s.inbox.take(calls)
		for _, call := range calls {
			call()
		}
		clear(calls)
		if ticks > 0 {
			if err := s.tick(); err != nil {
				return err
			}
		}
		if s.raft.HasReady() {
			if err := s.handle(s.raft.Ready()); err != nil {
				return err
			}
		}
	}
}

// handle does the work of one Ready, of many groups.
func (s *Store) handle(rd *multiraft.Ready) error {
	// 1. Send and apply what need not wait for the write. The followers write at the same time.
	s.send(rd.Early)
	if err := s.applyAll(rd, true); err != nil {
		return err
	}
	for _, r := range rd.Reads {
		s.confirm(r.Group, binary.BigEndian.Uint64(r.RequestCtx), r.Index)
	}
	for _, r := range rd.DroppedReads {
		s.refuse(binary.BigEndian.Uint64(r.Context))
	}
	// 2. Write what all groups have to write as one record, and sync it once.
	for i := range rd.Writes {
		w := &rd.Writes[i]
		if err := s.disk.Put(s.replicas[w.Group].Group, w.HardState, w.Entries, w.Snapshot); err != nil {
			return err
		}
	}
	if err := s.disk.Commit(rd.MustSync); err != nil {
		return err
	}
	// 3. Send and apply the rest.
	s.send(rd.Batches)
	if err := s.applyAll(rd, false); err != nil {
		return err
	}
	// 4. Note what has changed.
	for _, r := range rd.Roles {
		s.leaders[r.Group].Store(storeOf(r.Group, r.Lead))
	}
	for _, f := range rd.Failures {
		s.log.Error("a group is quarantined: restart this store, or move the replica", "group", f.Group, "err", f.Err)
	}
	s.raft.Advance(rd)
	for _, u := range rd.Unknowns {
		if err := s.meet(&u); err != nil {
			return err
		}
	}
	return nil
}

// send sends batches. The streams drop what they cannot take; Raft sends it again.
func (s *Store) send(batches []*multiraft.Batch) {
	for _, b := range batches {
		s.peers.Send(b.To, frame{kindBatch, b})
	}
}

// applyAll applies what is committed, and answers: what was durable before the write, or the rest.
func (s *Store) applyAll(rd *multiraft.Ready, durable bool) error {
	for i := range rd.Applies {
		if a := &rd.Applies[i]; a.Durable == durable {
			if err := s.apply(a); err != nil {
				return err
			}
		}
	}
	return nil
}

// step takes a batch of another store.
func (s *Store) step(b *multiraft.Batch) error {
	defer pool.Put(b)
	if heard := b.HeardIncarnation; heard != s.incarnation && heard>>lifeShift >= s.incarnation>>lifeShift {
		return errLost
	}
	for _, n := range s.removed(b) {
		s.peers.Send(b.From, frame{kindRemoved, n})
	}
	if err := s.raft.Step(b); err != nil { // what a group refuses has changed nothing
		s.log.Debug("a message is refused", "from", b.From, "err", err)
		return s.replaceOld(b)
	}
	return nil
}

// tick gives the groups a tick, and removes replicas whose time has come.
func (s *Store) tick() error {
	s.clock++
	s.raft.Tick()
	for len(s.leaving) > 0 && s.leaving[0].leavesAt <= s.clock {
		r := s.leaving[0]
		s.leaving = s.leaving[1:]
		if err := s.remove(r); err != nil {
			return err
		}
	}
	return nil
}

// propose proposes a command, and keeps its number until the command is applied.
func (s *Store) propose(group, number uint64, data []byte, done chan<- error) {
	if s.replicas[group] == nil {
		done <- ErrNotHere
	} else if err := s.raft.Propose(group, data); errors.Is(err, raft.ErrProposalDropped) {
		done <- ErrNoLeader
	} else if err != nil {
		done <- err
	} else {
		s.waiting[number] = done
	}
}

// apply brings a state machine forward, and answers those who wait for that.
func (s *Store) apply(a *multiraft.Apply) error {
	r := s.replicas[a.Group]
	if !raft.IsEmptySnap(a.Snapshot) {
		if err := r.restore(a.Snapshot); err != nil {
			return err
		}
	}
	for i := range a.Entries {
		e := &a.Entries[i]
		if e.Index != r.applied+1 {
			return fmt.Errorf("group %d: entry %d comes after %d", a.Group, e.Index, r.applied)
		}
		switch cc, err := asChange(e); {
		case err != nil:
			return err
		case cc != nil:
			conf, err := s.raft.ApplyConfChange(a.Group, cc)
			if err != nil {
				return err
			}
			r.conf = *conf
		default:
			if number, ok := r.execute(e.Data, s.origin); ok {
				if done := s.waiting[number]; done != nil {
					delete(s.waiting, number)
					done <- nil
				}
			}
		}
		r.applied, r.term = e.Index, e.Term
	}
	s.serve(r)
	s.leaveIfRemoved(r)
	return s.disk.Trim(r.Group, r.applied)
}

// asChange returns the configuration change in an entry, nil if it is another one.
func asChange(e *pb.Entry) (pb.ConfChangeI, error) {
	switch e.Type {
	case pb.EntryConfChange:
		var cc pb.ConfChange
		return &cc, cc.Unmarshal(e.Data)
	case pb.EntryConfChangeV2:
		var cc pb.ConfChangeV2
		return &cc, cc.Unmarshal(e.Data)
	}
	return nil, nil
}
