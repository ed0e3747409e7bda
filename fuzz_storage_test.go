package raft

import (
	"errors"
	"fmt"
	"math"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

// anyStorage holds anything, as a disk does that was written by somebody else, or not wholly: its
// answers need not fit together.
type anyStorage struct {
	hard        pb.HardState
	conf        pb.ConfState
	first, last uint64
	entries     []pb.Entry // behind first-1, as far as they go
	snapshot    pb.Snapshot
	// lie makes answers differ from what is there, once in a while.
	lie *fuzzReader
}

var errFuzzedDisk = errors.New("the disk does not work")

func newAnyStorage(r *fuzzReader) *anyStorage {
	s := &anyStorage{hard: pb.HardState{Term: r.number(), Vote: r.number(), Commit: r.number()}}
	s.conf = pb.ConfState{Voters: []uint64{1, 2, 3}}
	if r.byte()%2 == 0 {
		s.conf = pb.ConfState{Voters: r.ids(), VotersOutgoing: r.ids(), Learners: r.ids(), LearnersNext: r.ids(), AutoLeave: r.byte()%2 == 0}
	}
	s.first = 1 + uint64(r.byte()%4)
	term := uint64(r.byte() % 3)
	for n := r.byte() % 12; n > 0; n-- {
		e := pb.Entry{Index: s.first + uint64(len(s.entries)), Type: pb.EntryType(r.byte() % 3), Data: r.bytes()}
		if term += uint64(r.byte()%8) / 6; r.byte() == 77 {
			term, e.Index = r.number(), r.number()
		}
		e.Term = term
		s.entries = append(s.entries, e)
	}
	s.last = s.first + uint64(len(s.entries)) - 1
	if r.byte()%4 == 0 {
		s.first, s.last = r.number(), r.number()
	}
	s.snapshot.Metadata = pb.SnapshotMetadata{Index: r.number(), Term: r.number(), ConfState: s.conf}
	if r.byte()%4 == 0 {
		s.lie = r
	}
	return s
}

// ids is a short list of nodes.
func (f *fuzzReader) ids() []uint64 {
	var list []uint64
	for n := f.byte() % 4; n > 0; n-- {
		list = append(list, f.number())
	}
	return list
}

// fails is an error once in a while, if the storage lies.
func (s *anyStorage) fails() error {
	if s.lie == nil || s.lie.byte()%16 != 1 {
		return nil
	}
	return []error{errFuzzedDisk, ErrCompacted, ErrUnavailable, ErrSnapshotTemporarilyUnavailable}[s.lie.byte()%4]
}

func (s *anyStorage) InitialState() (pb.HardState, pb.ConfState, error) {
	return s.hard, s.conf, s.fails()
}
func (s *anyStorage) FirstIndex() (uint64, error)    { return s.first, s.fails() }
func (s *anyStorage) LastIndex() (uint64, error)     { return s.last, s.fails() }
func (s *anyStorage) Snapshot() (pb.Snapshot, error) { return s.snapshot, s.fails() }

func (s *anyStorage) Term(i uint64) (uint64, error) {
	if at := i - s.first; at < uint64(len(s.entries)) {
		term := s.entries[at].Term
		if s.lie != nil && s.lie.byte()%16 == 1 {
			term += uint64(s.lie.byte() % 4)
		}
		return term, s.fails()
	}
	if i+1 == s.first {
		return s.snapshot.Metadata.Term % 3, s.fails()
	}
	return 0, ErrUnavailable
}

func (s *anyStorage) Entries(lo, hi, _ uint64) ([]pb.Entry, error) {
	from, to := lo-s.first, hi-s.first
	if from > to || to > uint64(len(s.entries)) {
		return nil, ErrUnavailable
	}
	if s.lie != nil && s.lie.byte()%8 == 1 {
		to -= min(to, uint64(s.lie.byte()%3))
		from = min(from, to)
	}
	return s.entries[from:to:to], s.fails()
}

// FuzzStorage starts a node from a disk that holds anything, and runs it for a while. It says what
// is wrong with the disk or runs; it does not panic, and what it believes of itself holds together.
func FuzzStorage(f *testing.F) {
	f.Add([]byte{3, 1, 2, 1, 1, 0, 5, 0, 0, 7, 0, 1, 0, 0, 0, 0, 7, 0, 0, 0, 0, 7, 0, 1, 1, 9, 9, 9})
	f.Add([]byte("a disk that somebody else has written 0123456789"))
	f.Add([]byte{5, 2, 3, 0, 2, 1, 2, 2, 1, 2, 0, 0, 1, 2, 2, 8, 1, 0, 7, 1, 2, 0, 0, 7, 1, 1, 0, 7, 0, 3, 4, 4, 4, 4})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &fuzzReader{data: data}
		s := newAnyStorage(r)
		cfg := testConfig(1+uint64(r.byte()%4), s)
		options := r.byte()
		cfg.AsyncStorageWrites, cfg.PreVote, cfg.CheckQuorum = options&1 != 0, options&2 != 0, options&4 != 0
		if options&8 != 0 {
			cfg.Applied = r.number()
		}
		rn, err := NewRawNode(&cfg)
		if err != nil {
			wantStartError(t, err)
			return
		}
		n := anyNode{RawNode: rn, disk: s}
		for range 40 {
			if err := rn.Verify(); err != nil && !errors.Is(err, ErrStorage) {
				t.Fatalf("from %+v: %v", s, err)
			}
			n.act(r)
		}
	})
}

// anyNode is a node on such a disk, with the Ready that it has in hand, and what its threads have
// not acknowledged.
type anyNode struct {
	*RawNode
	disk *anyStorage
	held *Ready
	acks []pb.Message
}

// wantStartError: the error says whose fault it is.
func wantStartError(t *testing.T, err error) {
	t.Helper()
	var config *ConfigError
	for _, known := range []error{ErrStorage, ErrCommitBeyondLog, ErrOutOfRange, ErrBadConfChange} {
		if errors.Is(err, known) {
			return
		}
	}
	if !errors.As(err, &config) {
		t.Fatalf("no known error: %v", err)
	}
}

func (n *anyNode) act(r *fuzzReader) {
	switch r.byte() % 6 {
	case 0:
		_ = n.Campaign()
	case 1:
		n.Tick()
	case 2:
		_ = n.Step(r.message(n.raft.id))
	case 3:
		_ = n.Propose(r.bytes())
	case 4:
		n.acknowledge()
	default:
		if n.held != nil || !n.HasReady() {
			return
		}
		rd := n.Ready()
		n.disk.write(&rd)
		n.held = &rd
		for _, m := range rd.Messages {
			for _, resp := range m.Responses {
				if resp.To == n.raft.id {
					n.acks = append(n.acks, resp)
				}
			}
		}
	}
}

// acknowledge says that what is in hand is done.
func (n *anyNode) acknowledge() {
	for i := range n.acks {
		_ = n.Step(n.acks[i])
	}
	if n.held != nil {
		n.Advance(*n.held)
	}
	n.acks, n.held = nil, nil
}

// write takes what a batch says as far as it fits.
func (s *anyStorage) write(rd *Ready) {
	if !IsEmptySnap(rd.Snapshot) && rd.Snapshot.Metadata.Index < math.MaxUint32 {
		s.snapshot, s.entries, s.first = rd.Snapshot, nil, rd.Snapshot.Metadata.Index+1
		s.last = s.first - 1
	}
	for _, e := range rd.Entries {
		if at := e.Index - s.first; at <= uint64(len(s.entries)) {
			s.entries = append(s.entries[:at:at], e)
			s.last = e.Index
		}
	}
}

func (s *anyStorage) String() string {
	return fmt.Sprintf("%+v, %+v, entries [%d, %d] of %d", s.hard, s.conf, s.first, s.last, len(s.entries))
}
