package main

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/compaction"
	"github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/session"
)

// store is everything that a replica has on disk, in one Pebble database:
//
//	i          the folder's own name
//	n          the number of synced batches, see mark
//	h          hard state
//	t          the entry before the first one in the log (term, index)
//	a          what is applied: term, index, configuration
//	l<index>   log entries
//	c          the id of the cluster
//	k<key>     the data, see revision.go
//	m<id>      the members
//	s          the sessions of clients
//
// The last four are what replicas agree on, and make up a snapshot.
//
// It implements raft.Storage. All methods but perform, look and those of images are called by the
// replica's loop only.
//
// Pebble writes one log of its own in order, so a batch that is durable implies that
// all earlier ones are. This is why only what promises something (hard state,
// entries, snapshots) is synced: a batch of applied data that a crash loses is applied again
// from the entries, and a compaction, which comes after it, cannot outlive it.
type store struct {
	*engine
	hard raftpb.HardState
	// prev is the entry before the first one in the log.
	prev  entryID
	last  uint64
	sizes *compaction.Log // of the entries up to end
	// end is the last entry in the log when all is written that was prepared, see writer.
	end uint64

	applied entryID
	// visible is the last index that a read may see now. See reveal.
	visible atomic.Uint64
	conf    raftpb.ConfState
	members members // as of applied

	// sessions are as of applied, too. A batch that changes them writes them whole: limits keep
	// them small (see sessionLimits).
	sessions      *session.Table
	savedSessions uint64 // the last entry that the written ones have seen

	// identity was drawn at random when the folder was made. A replica is a member together with
	// it: one that has lost its disk has forgotten what it voted for and what it
	// acknowledged, and must not come back under the same id.
	identity string

	// cluster is the id of the cluster. It is empty as long as this replica is new and belongs to
	// none, see identity.go.
	cluster string

	snapshots  snapshots
	incoming   incoming
	installing string // name of the image that the writer is to install

	// lookers are the goroutines that look at the data. The database stays open for them.
	lookers sync.RWMutex
	closed  bool
	looks   chan struct{} // has one for each read that looks

	log *slog.Logger
}

type entryID struct{ term, index uint64 }

var (
	keyIdentity = []byte("i")
	keySynced   = []byte("n")
	keyHard     = []byte("h")
	keyPrev     = []byte("t")
	keyApplied  = []byte("a")
	keyCluster  = []byte{clusterPrefix}
	keySessions = []byte("s")
	logStart    = []byte("l")
	logEnd      = []byte("m")
)

const (
	clusterPrefix = 'c'
	dataPrefix    = 'k'
	memberPrefix  = 'm'
	sessionPrefix = 's'
)

var errBadImage = errors.New("kv: snapshot holds a row that is not agreed on")

// agreed are the prefixes of the rows that all replicas agree on.
var agreed = []byte{clusterPrefix, dataPrefix, memberPrefix, sessionPrefix}

func logKey(index uint64) []byte { return binary.BigEndian.AppendUint64([]byte("l"), index) }
func dataKey(key []byte) []byte  { return append([]byte{dataPrefix}, key...) }

// openStore opens the database in dir. A new one has a name and nothing else: begin makes it one of
// the first replicas, and a replica that is added gets everything from the others.
func openStore(dir string) (*store, error) { return openStoreIn(vfs.Default, dir) }

// openStoreIn is openStore in a file system that need not be the machine's.
func openStoreIn(fs vfs.FS, dir string) (*store, error) {
	e, err := openEngine(fs, dir)
	if err != nil {
		return nil, err
	}
	s := &store{engine: e, looks: make(chan struct{}, maxLooks), incoming: incoming{fs: fs, dir: dir}, log: slog.New(slog.DiscardHandler)}
	if err := s.guard(func() error { return errors.Join(s.incoming.clear(), s.load()) }); err != nil {
		return nil, s.closeAfter(fmt.Errorf("%s: %w", dir, err))
	}
	return s, nil
}

func (s *store) close() error {
	return s.guard(func() error {
		s.lookers.Lock()
		s.closed = true
		s.lookers.Unlock()
		s.closeImages()
		return s.engine.close()
	})
}

// closeAfter closes the store after an error. It returns the error, or the failure of the engine
// that has led to it.
func (s *store) closeAfter(err error) error {
	if cause := s.failure(); cause != nil {
		return cause
	}
	return errors.Join(err, s.close())
}

func (s *store) load() error {
	identity, found, err := s.get(keyIdentity)
	if err != nil {
		return err
	}
	if !found {
		if err := s.create(); err != nil {
			return err
		}
		if identity, _, err = s.get(keyIdentity); err != nil {
			return err
		}
	}
	s.identity = string(identity)
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
	if s.applied, s.conf, err = readApplied(s.db); err != nil {
		return err
	}
	if err := checkRevisions(s.db); err != nil {
		return err
	}
	s.reveal(s.applied.index)
	if s.members, err = readMembers(s.db); err != nil {
		return err
	}
	if err := s.loadSessions(); err != nil {
		return err
	}
	if err := s.findLast(); err != nil {
		return err
	}
	return s.loadCluster()
}

func (s *store) create() error {
	b := s.db.NewBatch()
	defer b.Close()
	_, used, err := s.get(keyApplied)
	if err != nil {
		return err
	}
	if !used { // otherwise it was made before folders had names
		none := entryID{}
		err = errors.Join(setMessage(b, keyHard, &raftpb.HardState{}), b.Set(keyPrev, encodeID(none), nil),
			setApplied(b, none, raftpb.ConfState{}))
	}
	if err = errors.Join(err, b.Set(keyIdentity, []byte(rand.Text()), nil)); err != nil {
		return err
	}
	return s.commit(b, true)
}

// begin makes a new folder one of the first replicas: with a log that begins behind entry 1 of term
// 1, on each of them alike.
func (s *store) begin(first members) error {
	at := entryID{term: 1, index: 1}
	next := *s.position()
	next.hard, next.prev, next.applied, next.last = raftpb.HardState{Term: 1, Commit: 1}, at, at, at.index
	next.conf = raftpb.ConfState{Voters: slices.Sorted(maps.Keys(first))}
	next.members, next.cluster = first, clusterOf(first)
	b := s.db.NewBatch()
	defer b.Close()
	err := errors.Join(setMessage(b, keyHard, &next.hard), b.Set(keyPrev, encodeID(at), nil), setApplied(b, at, next.conf),
		first.write(b, nil), b.Set(keyCluster, []byte(next.cluster), nil))
	if err != nil {
		return err
	}
	return s.become(b, &next)
}

// become writes a batch that makes next the state, while the loop does not run.
func (s *store) become(b *pebble.Batch, next *position) error {
	if err := s.commit(b, true); err != nil {
		return err
	}
	s.moveTo(next)
	s.end = s.last
	return nil
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
	s.end = s.last
	return errors.Join(it.Close(), s.measureLog())
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

// eachRow calls f for every row under a prefix, in order. The slices are valid until f returns.
func eachRow(r pebble.Reader, prefix byte, f func(key, value []byte) error) error {
	it, err := r.NewIter(&pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}})
	if err != nil {
		return err
	}
	for it.First(); it.Valid(); it.Next() {
		if err := f(it.Key(), it.Value()); err != nil {
			return errors.Join(err, it.Close())
		}
	}
	return errors.Join(it.Error(), it.Close())
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
