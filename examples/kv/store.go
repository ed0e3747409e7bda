package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// store is everything that a replica has on disk, in one Pebble database:
//
//	h          hard state
//	t          the entry before the first one in the log (term, index)
//	a          what is applied: term, index, configuration
//	l<index>   log entries
//	d<key>     the data
//
// It implements raft.Storage. All methods but those of the snapshot builder are
// called by the replica's loop only.
//
// Pebble writes one log of its own in order, so a batch that is durable implies that
// all earlier ones are. This is why only what promises something (hard state,
// entries, snapshots) is synced: a batch of applied data that a crash loses is applied again
// from the entries, and a compaction, which comes after it, cannot outlive it.
type store struct {
	db   *pebble.DB
	hard raftpb.HardState
	// prev is the entry before the first one in the log.
	prev entryID
	last uint64

	applied entryID
	conf    raftpb.ConfState

	snapshots snapshotBuilder
}

type entryID struct{ term, index uint64 }

var (
	keyHard    = []byte("h")
	keyPrev    = []byte("t")
	keyApplied = []byte("a")
	logStart   = []byte("l")
	logEnd     = []byte("m")
	dataStart  = []byte("d")
	dataEnd    = []byte("e")
)

func logKey(index uint64) []byte { return binary.BigEndian.AppendUint64([]byte("l"), index) }
func dataKey(key []byte) []byte  { return append([]byte("d"), key...) }

// openStore opens the database in dir. An empty one starts with the given voters: with
// a log that begins behind entry 1 of term 1, on every first replica alike.
func openStore(dir string, voters []uint64) (*store, error) {
	db, err := pebble.Open(dir, &pebble.Options{Logger: quietLogger{}})
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", dir, err)
	}
	s := &store{db: db}
	if err := s.load(voters); err != nil {
		return nil, errors.Join(fmt.Errorf("reading %s: %w", dir, err), db.Close())
	}
	return s, nil
}

func (s *store) close() error {
	s.snapshots.wait()
	return s.db.Close()
}

func (s *store) load(voters []uint64) error {
	if _, found, err := s.get(keyApplied); err != nil {
		return err
	} else if !found {
		if err := s.create(voters); err != nil {
			return err
		}
	}
	hard, _, err := s.get(keyHard)
	if err != nil {
		return err
	}
	if err := s.hard.Unmarshal(hard); err != nil {
		return err
	}
	prev, _, err := s.get(keyPrev)
	if err != nil {
		return err
	}
	if s.prev, _, err = decodeID(prev); err != nil {
		return err
	}
	applied, _, err := s.get(keyApplied)
	if err != nil {
		return err
	}
	id, rest, err := decodeID(applied)
	if err != nil {
		return err
	}
	s.applied = id
	if err := s.conf.Unmarshal(rest); err != nil {
		return err
	}
	return s.findLast()
}

func (s *store) create(voters []uint64) error {
	first := entryID{term: 1, index: 1}
	conf := raftpb.ConfState{Voters: voters}
	hard := raftpb.HardState{Term: 1, Commit: 1}
	b := s.db.NewBatch()
	defer b.Close()
	err := errors.Join(setMessage(b, keyHard, &hard), b.Set(keyPrev, encodeID(first), nil), setApplied(b, first, conf))
	return errors.Join(err, b.Commit(pebble.Sync))
}

func (s *store) findLast() error {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: logStart, UpperBound: logEnd})
	if err != nil {
		return err
	}
	s.last = s.prev.index
	if it.Last() {
		s.last = binary.BigEndian.Uint64(it.Key()[1:])
	}
	return it.Close()
}

// get returns a copy of a value.
func (s *store) get(key []byte) ([]byte, bool, error) { return getFrom(s.db, key) }

func getFrom(r pebble.Reader, key []byte) ([]byte, bool, error) {
	value, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	value = append([]byte{}, value...)
	return value, true, closer.Close()
}

// save writes the storage work of one Ready in one atomic batch. It is on disk when
// save returns, if anything depends on that.
func (s *store) save(rd raft.Ready) error {
	b := s.db.NewBatch()
	defer b.Close()
	next := *s.position()
	sync := rd.MustSync
	if !raft.IsEmptySnap(rd.Snapshot) {
		if err := replaceAll(b, rd.Snapshot, &next); err != nil {
			return err
		}
		sync = true
	}
	if n := len(rd.Entries); n > 0 {
		// What stands behind the first entry was overwritten by a newer leader.
		if err := b.DeleteRange(logKey(rd.Entries[0].Index), logEnd, nil); err != nil {
			return err
		}
		for i := range rd.Entries {
			if err := setMessage(b, logKey(rd.Entries[i].Index), &rd.Entries[i]); err != nil {
				return err
			}
		}
		next.last = rd.Entries[n-1].Index
	}
	if !raft.IsEmptyHardState(rd.HardState) {
		if err := setMessage(b, keyHard, &rd.HardState); err != nil {
			return err
		}
		next.hard = rd.HardState
	}
	if b.Empty() {
		return nil
	}
	if err := b.Commit(writeOptions(sync)); err != nil {
		return err
	}
	s.moveTo(&next)
	return nil
}

func writeOptions(sync bool) *pebble.WriteOptions {
	if sync {
		return pebble.Sync
	}
	return pebble.NoSync
}

// position is the part of the store's state that a batch changes; it becomes the
// state when the batch is written.
type position struct {
	hard          raftpb.HardState
	prev, applied entryID
	last          uint64
	conf          raftpb.ConfState
}

func (s *store) position() *position {
	return &position{hard: s.hard, prev: s.prev, applied: s.applied, last: s.last, conf: s.conf}
}

func (s *store) moveTo(p *position) {
	s.hard, s.prev, s.applied, s.last, s.conf = p.hard, p.prev, p.applied, p.last, p.conf
}

// replaceAll puts a snapshot from the leader in the place of data and log.
func replaceAll(b *pebble.Batch, snap raftpb.Snapshot, next *position) error {
	meta := &snap.Metadata
	id := entryID{term: meta.Term, index: meta.Index}
	if err := errors.Join(b.DeleteRange(dataStart, dataEnd, nil), b.DeleteRange(logStart, logEnd, nil)); err != nil {
		return err
	}
	err := readImage(snap.Data, func(key, value []byte) error { return b.Set(dataKey(key), value, nil) })
	if err != nil {
		return err
	}
	next.prev, next.applied, next.last, next.conf = id, id, id.index, meta.ConfState
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
	err = errors.Join(b.DeleteRange(logStart, logKey(index+1), nil), b.Set(keyPrev, encodeID(next.prev), nil))
	if err != nil {
		return err
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		return err
	}
	s.moveTo(&next)
	s.snapshots.forgetBefore(index)
	return nil
}

// InitialState implements raft.Storage. The configuration is the one at the applied index.
func (s *store) InitialState() (raftpb.HardState, raftpb.ConfState, error) {
	return s.hard, s.conf, nil
}

// FirstIndex implements raft.Storage.
func (s *store) FirstIndex() (uint64, error) { return s.prev.index + 1, nil }

// LastIndex implements raft.Storage.
func (s *store) LastIndex() (uint64, error) { return s.last, nil }

// Term implements raft.Storage.
func (s *store) Term(i uint64) (uint64, error) {
	switch {
	case i == s.prev.index:
		return s.prev.term, nil
	case i < s.prev.index:
		return 0, raft.ErrCompacted
	case i > s.last:
		return 0, raft.ErrUnavailable
	}
	entries, err := s.Entries(i, i+1, 0)
	if err != nil {
		return 0, err
	}
	return entries[0].Term, nil
}

// Entries implements raft.Storage.
func (s *store) Entries(lo, hi, maxSize uint64) ([]raftpb.Entry, error) {
	if lo <= s.prev.index {
		return nil, raft.ErrCompacted
	}
	if hi > s.last+1 {
		return nil, raft.ErrUnavailable
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: logKey(lo), UpperBound: logKey(hi)})
	if err != nil {
		return nil, err
	}
	var entries []raftpb.Entry
	var size uint64
	for it.First(); it.Valid(); it.Next() {
		var e raftpb.Entry
		if err := e.Unmarshal(it.Value()); err != nil {
			return nil, errors.Join(err, it.Close())
		}
		if size += uint64(e.Size()); size > maxSize && len(entries) > 0 {
			break
		}
		entries = append(entries, e)
	}
	if err := errors.Join(it.Error(), it.Close()); err != nil {
		return nil, err
	}
	if lo < hi && len(entries) == 0 {
		return nil, fmt.Errorf("kv: entry %d is missing", lo)
	}
	return entries, nil
}

func encodeID(id entryID) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, id.term), id.index)
}

func decodeID(b []byte) (entryID, []byte, error) {
	if len(b) < 16 {
		return entryID{}, nil, io.ErrUnexpectedEOF
	}
	return entryID{term: binary.BigEndian.Uint64(b), index: binary.BigEndian.Uint64(b[8:])}, b[16:], nil
}

func setApplied(b *pebble.Batch, id entryID, conf raftpb.ConfState) error {
	data, err := conf.Marshal()
	if err != nil {
		return err
	}
	return b.Set(keyApplied, append(encodeID(id), data...), nil)
}

func setMessage(b *pebble.Batch, key []byte, m interface{ Marshal() ([]byte, error) }) error {
	data, err := m.Marshal()
	if err != nil {
		return err
	}
	return b.Set(key, data, nil)
}

// quietLogger keeps Pebble's progress reports to itself; errors still come back as errors.
type quietLogger struct{}

func (quietLogger) Infof(string, ...interface{})  {}
func (quietLogger) Errorf(string, ...interface{}) {}

// Fatalf is called when the database cannot go on, for instance because the disk is
// full: nothing may be acknowledged any more.
func (quietLogger) Fatalf(format string, args ...interface{}) {
	panic(fmt.Sprintf("pebble: "+format, args...))
}
