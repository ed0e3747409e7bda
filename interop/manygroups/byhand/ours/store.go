package ours

import (
	"context"
	"encoding/binary"
	"errors"
	"log"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ffd200af/raft/examples/shards/seglog"
	"github.com/ffd200af/raft/examples/shards/stream"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// Store drives nodes of many groups as examples/shards drives a multiraft.Store: one goroutine;
// what all groups with work have to write is one record with one sync; messages to a store are one
// frame. Log, streams and commands are the same. It has all groups of three stores 1 to 3, does not
// restart, and moves nothing.
type Store struct {
	id      uint64
	groups  []*group // by id; the first is nil
	due     []*group // that may have work
	log     *seglog.Log
	peers   *stream.Network
	leaders []atomic.Uint64
	waiting map[uint64]chan<- error
	numbers atomic.Uint64

	record  []byte
	early   [4]frame // to each store, before the write
	out     [4]frame // and after it
	readies []ready  // of a pass

	frames chan []message
	wake   chan struct{}
	mu     sync.Mutex
	calls  []func()
	stop   chan struct{}
	ended  chan struct{}
}

type group struct {
	id      uint64
	node    *raft.RawNode
	storage *raft.MemoryStorage
	values  map[string][]byte
	due     bool
}

type ready struct {
	group *group
	raft.Ready
}

type message struct {
	group uint64
	pb.Message
}

// frame is messages, encoded.
type frame struct{ b []byte }

// Append implements stream.Frame.
func (f *frame) Append(buf []byte) ([]byte, error) { return append(buf, f.b...), nil }

// keep is the number of applied entries that a group keeps in memory.
const keep = 1000

// Start starts a store with so many groups in an empty folder.
func Start(id uint64, dir string, listener net.Listener, peers map[uint64]string, groups uint64) (*Store, error) {
	disk, err := seglog.Open(dir, 64<<20, nil)
	if err != nil {
		return nil, err
	}
	s := &Store{
		id: id, groups: make([]*group, groups+1), log: disk, leaders: make([]atomic.Uint64, groups+1),
		waiting: map[uint64]chan<- error{}, record: make([]byte, seglog.RecordHead), frames: make(chan []message, 16),
		wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{}),
	}
	for g := uint64(1); g <= groups; g++ {
		storage := raft.NewMemoryStorage()
		snap := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: pb.ConfState{Voters: []uint64{1, 2, 3}}}}
		if err := errors.Join(storage.ApplySnapshot(snap), storage.SetHardState(pb.HardState{Term: 1, Commit: 1})); err != nil {
			return nil, err
		}
		node, err := raft.NewRawNode(&raft.Config{
			ID: id, ElectionTick: 10, HeartbeatTick: 1, Storage: storage, MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 256,
			MaxUncommittedEntriesSize: 1 << 30, CheckQuorum: true, PreVote: true,
			Logger: &raft.DefaultLogger{Logger: log.New(discard{}, "", 0)},
		})
		if err != nil {
			return nil, err
		}
		s.groups[g] = &group{id: g, node: node, storage: storage, values: map[string][]byte{}}
	}
	s.peers = stream.New(listener, peers, slog.New(slog.DiscardHandler), s.receive)
	go s.run()
	return s, nil
}

// Stop ends the store.
func (s *Store) Stop() error {
	close(s.stop)
	<-s.ended
	s.peers.Close()
	return s.log.Close()
}

// GroupOf returns the group of a key.
func (s *Store) GroupOf(key string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	h ^= h >> 32
	return h%uint64(len(s.groups)-1) + 1
}

// Leader returns the store that leads a group, 0 if none is known.
func (s *Store) Leader(g uint64) uint64 { return s.leaders[g].Load() }

// Put sets a key, and returns when that is applied.
func (s *Store) Put(ctx context.Context, key string, value []byte) error {
	g, number, done := s.GroupOf(key), s.numbers.Add(1), make(chan error, 1)
	b := make([]byte, 0, 20+len(key)+len(value))
	b = binary.LittleEndian.AppendUint64(b, s.id)
	b = binary.LittleEndian.AppendUint64(b, number)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(key)))
	b = append(append(b, key...), value...)
	s.call(func() {
		if err := s.groups[g].node.Propose(b); err != nil {
			done <- err
			return
		}
		s.waiting[number] = done
		s.touch(s.groups[g])
	})
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) call(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, f)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// receive decodes a frame.
func (s *Store) receive(b []byte) error {
	var all []message
	for len(b) > 0 {
		g, k := binary.Uvarint(b)
		n, l := binary.Uvarint(b[k:])
		b = b[k+l:]
		all = append(all, message{group: g})
		if err := all[len(all)-1].Unmarshal(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	select {
	case s.frames <- all:
	case <-s.stop:
	}
	return nil
}

func (s *Store) run() {
	defer close(s.ended)
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	always := make(chan struct{})
	close(always)
	var calls []func()
	for {
		var work <-chan struct{}
		if len(s.due) > 0 {
			work = always
		}
		ticks := false
		select {
		case <-s.stop:
			return
		case <-ticker.C:
			ticks = true
		case all := <-s.frames:
			s.step(all)
		case <-s.wake:
		case <-work:
		}
		for n := len(s.frames); n > 0; n-- {
			s.step(<-s.frames)
		}
		s.mu.Lock()
		calls, s.calls = s.calls, calls[:0]
		s.mu.Unlock()
		for _, call := range calls {
			call()
		}
		clear(calls)
		if ticks {
			for _, g := range s.groups[1:] {
				g.node.Tick()
				s.touch(g)
			}
		}
		if err := s.pass(); err != nil {
			log.Fatal(err)
		}
	}
}

func (s *Store) touch(g *group) {
	if !g.due {
		g.due = true
		s.due = append(s.due, g)
	}
}

func (s *Store) step(all []message) {
	for i := range all {
		g := s.groups[all[i].group]
		_ = g.node.Step(all[i].Message)
		s.touch(g)
	}
}

// pass does the work of all groups that have some.
func (s *Store) pass() error {
	sync := false
	for _, g := range s.due {
		g.due = false
		if !g.node.HasReady() {
			continue
		}
		rd := ready{g, g.node.Ready()}
		s.readies = append(s.readies, rd)
		sync = sync || rd.MustSync
		if err := s.collect(&rd); err != nil {
			return err
		}
	}
	clear(s.due)
	s.due = s.due[:0]
	s.send(&s.early)
	for i := range s.readies {
		if rd := &s.readies[i]; rd.isDurable() {
			if err := s.apply(rd); err != nil {
				return err
			}
		}
	}
	if len(s.record) > seglog.RecordHead {
		if _, err := s.log.Append(s.record, sync); err != nil {
			return err
		}
		s.record = s.record[:seglog.RecordHead]
	}
	s.send(&s.out)
	for i := range s.readies {
		rd := &s.readies[i]
		if !rd.isDurable() {
			if err := s.apply(rd); err != nil {
				return err
			}
		}
		rd.group.node.Advance(rd.Ready)
		if rd.group.node.HasReady() {
			s.touch(rd.group)
		}
	}
	clear(s.readies)
	s.readies = s.readies[:0]
	return nil
}

// send sends one frame to each store that there is something for.
func (s *Store) send(out *[4]frame) {
	for to := range out {
		if len(out[to].b) > 0 {
			s.peers.Send(uint64(to), &out[to])
			out[to].b = out[to].b[:0]
		}
	}
}

// isDurable reports whether what is committed was written before.
func (rd *ready) isDurable() bool {
	n := len(rd.CommittedEntries)
	return len(rd.Entries) == 0 || n == 0 || rd.CommittedEntries[n-1].Index < rd.Entries[0].Index
}

// collect encodes what a group has to write and to send.
func (s *Store) collect(rd *ready) (err error) {
	g := rd.group
	if len(rd.Entries) > 0 || !raft.IsEmptyHardState(rd.HardState) {
		b := binary.AppendUvarint(s.record, g.id)
		for _, n := range [...]uint64{rd.HardState.Term, rd.HardState.Vote, rd.HardState.Commit, uint64(len(rd.Entries))} {
			b = binary.AppendUvarint(b, n)
		}
		for i := range rd.Entries {
			e := &rd.Entries[i]
			n := e.Size()
			b = append(binary.AppendUvarint(b, uint64(n)), make([]byte, n)...)
			if _, err := e.MarshalTo(b[len(b)-n:]); err != nil {
				return err
			}
		}
		s.record = b
	}
	if !raft.IsEmptySnap(rd.Snapshot) {
		if err := g.storage.ApplySnapshot(rd.Snapshot); err != nil {
			return err
		}
	}
	if err := g.storage.Append(rd.Entries); err != nil {
		return err
	}
	if !raft.IsEmptyHardState(rd.HardState) {
		if err := g.storage.SetHardState(rd.HardState); err != nil {
			return err
		}
	}
	for i := range rd.Messages {
		m := &rd.Messages[i]
		out := &s.out[m.To]
		if m.Type == pb.MsgApp || m.Type == pb.MsgHeartbeat {
			out = &s.early[m.To] // a leader's followers write while it does
		}
		b := binary.AppendUvarint(out.b, g.id)
		n := m.Size()
		b = append(binary.AppendUvarint(b, uint64(n)), make([]byte, n)...)
		if _, err := m.MarshalTo(b[len(b)-n:]); err != nil {
			return err
		}
		out.b = b
	}
	return nil
}

// apply carries out what is committed.
func (s *Store) apply(rd *ready) error {
	g := rd.group
	if rd.SoftState != nil {
		s.leaders[g.id].Store(rd.SoftState.Lead)
	}
	for i := range rd.CommittedEntries {
		b := rd.CommittedEntries[i].Data
		if len(b) == 0 { // of a new leader
			continue
		}
		n := binary.LittleEndian.Uint32(b[16:])
		g.values[string(b[20:20+n])] = b[20+n:]
		if number := binary.LittleEndian.Uint64(b[8:]); binary.LittleEndian.Uint64(b) == s.id {
			if done := s.waiting[number]; done != nil {
				delete(s.waiting, number)
				done <- nil
			}
		}
	}
	if n := len(rd.CommittedEntries); n > 0 {
		applied := rd.CommittedEntries[n-1].Index
		if first, _ := g.storage.FirstIndex(); applied >= first+2*keep {
			// Its data would not be right. Nothing reads what a follower has got by a snapshot.
			if _, err := g.storage.CreateSnapshot(applied-keep, nil, nil); err != nil {
				return err
			}
			return g.storage.Compact(applied - keep)
		}
	}
	return nil
}
