package main

import (
	"github.com/cockroachdb/pebble/v2"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// A leader sends entries while it writes them itself (thesis §10.2.1), and a follower takes the next
// entries while it writes the last ones. So writes have a goroutine of their own. What has come
// together while one write was under way is written with one sync.

// write is the storage work of one Ready.
type write struct {
	batch     *pebble.Batch
	sync      bool
	next      position // what the store is when the batch is written, of hard and last alone
	restored  bool     // or of all
	responses []raftpb.Message
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
	w := write{batch: s.db.NewBatch(), sync: sync, next: position{last: s.end}, responses: m.Responses}
	if m.Snapshot != nil {
		w.next, w.sync, w.restored = *s.position(), true, true
		if err := replaceAll(w.batch, *m.Snapshot, &w.next); err != nil {
			return w, err
		}
	}
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
	}
	if hard := (raftpb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}); !raft.IsEmptyHardState(hard) {
		w.next.hard = hard
		if err := setMessage(w.batch, keyHard, &hard); err != nil {
			return w, err
		}
	}
	s.end = w.next.last
	return w, nil
}

// perform writes batches, with at most one sync: the engine's log has them in order.
func (s *store) perform(writes []write) error {
	sync := false
	for i := range writes {
		w := &writes[i]
		sync = sync || w.sync
		if err := s.commit(w.batch, sync && i == len(writes)-1); err != nil {
			return err
		}
		if err := w.batch.Close(); err != nil {
			return err
		}
	}
	return nil
}

// wrote notes that w is written.
func (s *store) wrote(w *write) {
	if w.restored {
		s.moveTo(&w.next)
	}
	s.last = w.next.last
	if !raft.IsEmptyHardState(w.next.hard) {
		s.hard = w.next.hard
	}
}
