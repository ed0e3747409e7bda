package main

import (
	"github.com/cockroachdb/pebble/v2"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// A leader sends entries while it writes them itself (thesis §10.2.1), and a follower takes the
// next entries while it writes the last ones. So writes have a goroutine of their own. What has
// come together while one write was under way is written with one sync.

// write is the storage work of one Ready.
type write struct {
	batch     *pebble.Batch
	sync      bool
	next      position // the store when it is written; without a snapshot only hard and last
	responses []raftpb.Message
	bytes     int64 // of the batch

	snapshot string         // name of the image to install instead of batch; empty if there is none
	entries  []raftpb.Entry // to write after the snapshot
}

// writer performs writes, oldest first. All but run belongs to the loop.
type writer struct {
	store   *store
	queued  []write
	current []write // with run
	ticks   int     // since run has them

	begin chan []write
	ended chan error // one for each begin, and closed with run
}

func newWriter(s *store) *writer {
	return &writer{store: s, begin: make(chan []write, 1), ended: make(chan error, 1)}
}

// run writes until begin is closed.
func (w *writer) run() {
	defer close(w.ended)
	for writes := range w.begin {
		w.ended <- w.store.perform(writes)
	}
}

// add queues the work that a message to the append thread asks for.
func (w *writer) add(m *raftpb.Message, sync bool) error {
	next, err := w.store.prepare(m, sync)
	if err == nil {
		w.queued = append(w.queued, next)
		w.store.space.waiting.Add(next.bytes)
	}
	return err
}

// start begins with what is queued, unless something is being written.
func (w *writer) start() {
	if len(w.current) == 0 && len(w.queued) > 0 {
		w.current, w.queued, w.ticks = w.queued, w.current, 0
		w.begin <- w.current
	}
}

func (w *writer) tick() {
	if len(w.current) > 0 {
		w.ticks++
	}
}

// finish notes that what was being written is written. It calls f for the responses.
func (w *writer) finish(f func([]raftpb.Message)) {
	for i := range w.current {
		w.store.wrote(&w.current[i])
		w.store.space.waiting.Add(-w.current[i].bytes)
		f(w.current[i].responses)
	}
	clear(w.current)
	w.current, w.ticks = w.current[:0], 0
}

// stop waits until the write under way has ended, or never can.
func (w *writer) stop() {
	close(w.begin)
	for open := true; open; {
		select {
		case _, open = <-w.ended:
		case <-w.store.failed:
			return
		}
	}
}

// prepare makes a batch of the storage work that m asks for.
func (s *store) prepare(m *raftpb.Message, sync bool) (write, error) {
	if m.Snapshot != nil {
		return s.prepareInstall(m), nil
	}
	w := write{batch: s.db.NewBatch(), sync: sync, next: position{last: s.end}, responses: m.Responses}
	if n := len(m.Entries); n > 0 {
		// A newer leader overwrites the entries from the first of these on. Where there are none,
		// nothing is deleted: every read merges the deleted ranges that are not compacted yet.
		if first := m.Entries[0].Index; first <= w.next.last {
			if err := w.batch.DeleteRange(logKey(first), logEnd, nil); err != nil {
				return w, err
			}
		}
		for i := range m.Entries {
			if err := setMessage(w.batch, logKey(m.Entries[i].Index), &m.Entries[i]); err != nil {
				return w, err
			}
		}
		w.next.last = m.Entries[n-1].Index
		s.countEntries(m.Entries)
	}
	if hard := (raftpb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}); !raft.IsEmptyHardState(hard) {
		w.next.hard = hard
		if err := setMessage(w.batch, keyHard, &hard); err != nil {
			return w, err
		}
	}
	s.end, w.bytes = w.next.last, int64(w.batch.Len())
	return w, nil
}

// prepareInstall is prepare for a message with a snapshot.
func (s *store) prepareInstall(m *raftpb.Message) write {
	meta := &m.Snapshot.Metadata
	w := write{next: *s.position(), responses: m.Responses, snapshot: string(m.Snapshot.Data), entries: m.Entries}
	at := entryID{term: meta.Term, index: meta.Index}
	w.next.prev, w.next.applied, w.next.last, w.next.conf = at, at, at.index, meta.ConfState
	if n := len(m.Entries); n > 0 {
		w.next.last = m.Entries[n-1].Index
	}
	s.sizes = newSizes(at.index)
	s.countEntries(m.Entries)
	w.next.hard = raftpb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}
	s.end, s.installing = w.next.last, w.snapshot
	return w
}

// perform writes batches, with one sync: the engine's log has them in order. What is before a
// snapshot has a sync of its own, because the snapshot is not in that log.
func (s *store) perform(writes []write) error {
	sync := false
	for i := range writes {
		w := &writes[i]
		if w.snapshot != "" {
			s.reveal(w.next.applied.index)
			if err := s.install(w); err != nil {
				return err
			}
			continue
		}
		sync = sync || w.sync
		last := i == len(writes)-1 || writes[i+1].snapshot != ""
		if err := s.commit(w.batch, sync && last); err != nil {
			return err
		}
		sync = sync && !last
		if err := w.batch.Close(); err != nil {
			return err
		}
	}
	return nil
}

// wrote notes that w is written.
func (s *store) wrote(w *write) {
	hard := s.hard
	if w.snapshot != "" {
		s.moveTo(&w.next)
		s.settle(w.snapshot)
	}
	s.last, s.hard = w.next.last, hard
	if !raft.IsEmptyHardState(w.next.hard) {
		s.hard = w.next.hard
	}
}

// settle lets go of the image that was to be installed.
func (s *store) settle(name string) {
	if s.installing == name {
		s.installing = ""
	}
	if err := s.incoming.settle(name); err != nil {
		s.log.Warn("the file of a snapshot cannot be removed", "name", name, "err", err)
	}
}
