// Package driver runs a store of many Raft groups on package multiraft: a key-value map for each
// group, one log on disk for all, and streams to the other stores. loop.go is the part to copy.
package driver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/multiraft"
	pb "github.com/ffd200af/raft/raftpb"

	"github.com/ffd200af/raft/examples/shards/grouplog"
	"github.com/ffd200af/raft/examples/shards/stream"
)

// Options are what a store is started with. Those without a default have to be set.
type Options struct {
	ID       uint64 // of this store: 1 to 65,535
	Dir      string
	Listener net.Listener      // for streams of other stores
	Peers    map[uint64]string // where the other stores take streams
	// Founders are the stores that the groups begin on, with so many Replicas each. They and Groups
	// must be the same on every store, and at every start.
	Founders []uint64
	Replicas int    // 3
	Groups   uint64 // 48

	Tick       time.Duration // 100 ms
	SleepTicks int           // a group sleeps when it is idle for as long; 0: an election timeout
	Disk       grouplog.Options
	Log        *slog.Logger // slog.Default()
}

// electionTick is the shortest election timeout, in ticks.
const electionTick = 10

// lifeShift is where the life of the log stands in an incarnation.
const lifeShift = 32

// Store is a store that runs.
type Store struct {
	opts   Options
	origin uint64 // of the commands that are proposed here, in this life
	// incarnation is the life of the log, and a random number below it.
	incarnation uint64
	log         *slog.Logger

	// These belong to the loop.
	raft     *multiraft.Store
	disk     *grouplog.Log
	replicas map[uint64]*replica
	waiting  map[uint64]chan<- error // writes that are not applied yet, by number
	reads    map[uint64]*read        // reads whose index is not known yet, by number
	clock    uint64
	leaving  []*replica

	peers   *stream.Network
	batches chan *multiraft.Batch
	inbox   inbox
	numbers atomic.Uint64
	leaders []atomic.Uint64 // the store that leads each group, as far as known here

	stop  chan struct{}
	once  sync.Once
	ended chan struct{}
	err   error // once ended is closed
}

// Errors of requests. Others are those of the context, and of package multiraft.
var (
	// ErrNotHere means that the store has no replica of the group. Another one has.
	ErrNotHere = errors.New("the group of this key is not on this store")
	// ErrNoLeader means that nothing was done, because no leader is known.
	ErrNoLeader = errors.New("the group has no leader at the moment")
	// ErrBusy means that nothing was done, because too many requests wait.
	ErrBusy = errors.New("too many requests")
	// ErrStopped means that the store is stopped. Whether a write is carried out is not known.
	ErrStopped = errors.New("the store is stopped")
)

// Start starts a store from what is in Dir. A store that is started with an empty folder begins the
// groups that it is a founder of.
func Start(o Options) (*Store, error) {
	o.Replicas, o.Groups = cmp.Or(o.Replicas, 3), cmp.Or(o.Groups, 48)
	o.Tick, o.Log = cmp.Or(o.Tick, 100*time.Millisecond), cmp.Or(o.Log, slog.Default())
	disk, err := grouplog.Open(filepath.Join(o.Dir, "log"), o.Disk)
	if err != nil {
		return nil, err
	}
	s := &Store{
		opts: o, origin: disk.Life()<<storeBits | o.ID, incarnation: disk.Life()<<lifeShift | uint64(rand.Uint32()),
		log: o.Log.With("store", o.ID), disk: disk,
		replicas: map[uint64]*replica{}, waiting: map[uint64]chan<- error{}, reads: map[uint64]*read{},
		batches: make(chan *multiraft.Batch, 16), inbox: inbox{wake: make(chan struct{}, 1)},
		leaders: make([]atomic.Uint64, o.Groups+1), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	s.raft, err = multiraft.New(multiraft.Config{
		ID: o.ID, Incarnation: s.incarnation, StoreOf: storeOf, ElectionTick: electionTick, SleepTicks: o.SleepTicks,
		SendEarly: true,
	})
	if err == nil {
		err = o.checkSettings()
	}
	if err == nil {
		err = s.addGroups()
	}
	if err != nil {
		return nil, errors.Join(err, disk.Close())
	}
	s.peers = stream.New(o.Listener, o.Peers, s.log, s.receive)
	go func() {
		s.err = s.run()
		s.once.Do(func() { close(s.stop) }) // for what waits for the loop
		s.peers.Close()
		s.err = errors.Join(s.err, s.disk.Close())
		close(s.ended)
	}()
	return s, nil
}

// addGroups starts the replicas of this store. At the first start it makes them.
func (s *Store) addGroups() error {
	for id := uint64(1); id <= s.opts.Groups; id++ {
		if voters := s.founders(id); slices.Contains(voters, s.opts.ID) && s.disk.Group(id) == nil {
			meta := pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: pb.ConfState{Voters: voters}}
			if _, err := s.disk.Begin(id, s.opts.ID, pb.Snapshot{Metadata: meta, Data: emptyMachine}); err != nil {
				return err
			}
		}
	}
	for _, g := range s.disk.Groups() {
		if err := s.addReplica(g); err != nil {
			return err
		}
	}
	return s.disk.Commit(false) // which syncs beginnings
}

// addReplica starts a replica from what is on disk.
func (s *Store) addReplica(g *grouplog.Group) error {
	r := &replica{Group: g}
	snapshot, err := g.MemoryStorage.Snapshot()
	if err == nil {
		err = r.restore(snapshot)
	}
	if err != nil {
		return fmt.Errorf("group %d: %w", g.ID, err)
	}
	g.Image = r.image
	s.replicas[g.ID] = r
	cfg := raft.DefaultConfig(g.Replica, g)
	cfg.Applied = r.applied
	cfg.ElectionTick = electionTick
	cfg.DeferCommit = true // clients wait for leaders, and not for followers to apply
	cfg.Logger = raft.DiscardLogger
	return s.raft.AddGroup(g.ID, cfg)
}

// founders returns the first replicas of a group. They have the ids of their stores.
func (s *Store) founders(group uint64) []uint64 {
	var ids []uint64
	n := len(s.opts.Founders)
	for i := range min(s.opts.Replicas, n) {
		ids = append(ids, s.opts.Founders[(int(group)+i)%n])
	}
	return ids
}

// A replica's id has the id of its store in the low bits. Above them is the index that the group
// had applied when the replica was added, so that no id is used twice.
const storeBits = 16

func replicaID(store, index uint64) uint64 { return index<<storeBits | store }

func storeOf(_, replica uint64) uint64 { return replica & (1<<storeBits - 1) }

// Stop ends the store, as if it were killed.
func (s *Store) Stop() error {
	s.once.Do(func() { close(s.stop) })
	<-s.ended
	return s.err
}

// Ended is closed when the store has ended. Stop then returns why.
func (s *Store) Ended() <-chan struct{} { return s.ended }

// GroupOf returns the group of a key: a hash of it.
func (s *Store) GroupOf(key string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	h ^= h >> 32
	return h%s.opts.Groups + 1
}

// Leader returns the store that leads a group, as far as this store knows; 0 if it does not.
func (s *Store) Leader(group uint64) uint64 { return s.leaders[group].Load() }

// Put sets a key. It returns when that is committed and applied.
func (s *Store) Put(ctx context.Context, key string, value []byte) error {
	return s.write(ctx, opPut, key, value)
}

// Delete removes a key, as Put sets it.
func (s *Store) Delete(ctx context.Context, key string) error {
	return s.write(ctx, opDelete, key, nil)
}

func (s *Store) write(ctx context.Context, op byte, key string, value []byte) error {
	group, number, done := s.GroupOf(key), s.numbers.Add(1), make(chan error, 1)
	data := encodeCommand(s.origin, number, op, key, value)
	if !s.inbox.put(func() { s.propose(group, number, data, done) }) {
		return ErrBusy
	}
	err := s.await(ctx, done)
	if ctx.Err() != nil {
		s.inbox.put(func() { delete(s.waiting, number) })
	}
	return err
}

// Get returns the value of a key, or nil. The read is linearizable. The value must not be changed.
func (s *Store) Get(ctx context.Context, key string) ([]byte, error) {
	number, done := s.numbers.Add(1), make(chan error, 1)
	r := &read{key: key, done: done}
	if !s.inbox.put(func() { s.ask(s.GroupOf(key), number, r) }) {
		return nil, ErrBusy
	}
	err := s.await(ctx, done)
	if ctx.Err() != nil {
		s.inbox.put(func() { delete(s.reads, number) })
	}
	if err != nil {
		return nil, err
	}
	return r.value, nil
}

// await returns what a request has come to.
func (s *Store) await(ctx context.Context, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.ended:
		return ErrStopped
	}
}

// do runs f on the loop, and returns its error.
func (s *Store) do(ctx context.Context, f func() error) error {
	done := make(chan error, 1)
	if !s.inbox.put(func() { done <- f() }) {
		return ErrBusy
	}
	return s.await(ctx, done)
}

// inbox is what is to be done on the loop, in order.
type inbox struct {
	wake chan struct{}

	mu    sync.Mutex
	calls []func()
}

// maxCalls bounds what waits in an inbox.
const maxCalls = 1 << 16

func (i *inbox) put(f func()) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.calls) >= maxCalls {
		return false
	}
	i.calls = append(i.calls, f)
	select {
	case i.wake <- struct{}{}:
	default:
	}
	return true
}

// take returns what is there, and leaves spare in its place.
func (i *inbox) take(spare []func()) []func() {
	i.mu.Lock()
	defer i.mu.Unlock()
	calls := i.calls
	i.calls = spare[:0]
	return calls
}
