package raft

import (
	"errors"
	"math"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

// fuzzReader takes numbers from fuzz input; it never ends, it gives zeros.
type fuzzReader struct{ data []byte }

func (f *fuzzReader) byte() byte {
	if len(f.data) == 0 {
		return 0
	}
	b := f.data[0]
	f.data = f.data[1:]
	return b
}

// number is small most of the time, and at the edges of its range otherwise.
func (f *fuzzReader) number() uint64 {
	switch b := f.byte(); {
	case b < 240:
		return uint64(b % 12)
	case b < 250:
		return math.MaxUint64 - uint64(b-240)
	default:
		return 1 << (uint(b-250) * 12)
	}
}

func (f *fuzzReader) bytes() []byte {
	n := min(int(f.byte()%8), len(f.data))
	b := f.data[:n:n]
	f.data = f.data[n:]
	return b
}

// message makes a message of any shape. One in two is sane in its addressing, so that the
// fuzzer gets behind the front door.
func (f *fuzzReader) message(self uint64) pb.Message {
	m := pb.Message{
		Type: pb.MessageType(int8(f.byte()%30) - 2), From: f.number(), To: f.number(), Term: f.number(), LogTerm: f.number(), Index: f.number(),
		Commit: f.number(), Vote: f.number(), RejectHint: f.number(), Reject: f.byte()%2 == 1, Context: f.bytes(),
	}
	if f.byte()%2 == 0 {
		m.To, m.From = self, 1+uint64(f.byte()%3)
	}
	for n := f.byte() % 5; n > 0; n-- {
		e := pb.Entry{Type: pb.EntryType(f.byte() % 4), Term: f.number(), Index: f.number(), Data: f.bytes()}
		if f.byte()%4 != 0 {
			e.Index, e.Term, e.Type = m.Index+1+uint64(len(m.Entries)), m.Term, pb.EntryNormal
		}
		m.Entries = append(m.Entries, e)
	}
	if f.byte()%4 == 0 {
		m.Snapshot = &pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: f.number(), Term: f.number(), ConfState: pb.ConfState{
			Voters: []uint64{f.number(), f.number()}, Learners: []uint64{f.number()}, AutoLeave: f.byte()%2 == 0,
		}}}
	}
	return m
}

// FuzzStep feeds a node anything. It must not panic; what it refuses must leave it as it
// was; what it accepts must leave its invariants whole.
func FuzzStep(f *testing.F) {
	f.Add([]byte("0123456789abcdefghijklmnopqrstuvwxyz"))
	f.Add([]byte{3, 1, 2, 2, 1, 1, 1, 0, 0, 0, 0, 0, 3, 0, 2, 2, 1, 1})
	f.Add([]byte{7, 1, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 2, 1, 2, 3, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := &fuzzReader{data: data}
		options := r.byte()
		storage := NewMemoryStorage()
		if err := storage.ApplySnapshot(*snapAt(1, 1, threeVoters)); err != nil {
			t.Fatal(err)
		}
		cfg := testConfig(2, storage)
		cfg.PreVote, cfg.CheckQuorum, cfg.AsyncStorageWrites = options&1 != 0, options&2 != 0, options&4 != 0
		rn, err := NewRawNode(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		n := &testNode{RawNode: rn, storage: storage, cfg: cfg}
		if options&8 != 0 {
			_ = n.Campaign()
		}
		for len(r.data) > 0 && n.Err() == nil {
			n.fuzzAct(t, r)
			if err := n.Verify(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func (n *testNode) fuzzAct(t *testing.T, r *fuzzReader) {
	switch r.byte() % 8 {
	case 0:
		n.Tick()
	case 1:
		_ = n.Propose(r.bytes())
	case 2:
		n.fuzzBatch(t, r)
	case 3:
		n.ReportSnapshot(r.number(), SnapshotStatus(r.byte()))
		n.ReportUnreachable(r.number())
	default:
		m := r.message(n.cfg.ID)
		before := imageOf(n)
		err := n.Step(m)
		var refused *MessageError
		if errors.As(err, &refused) && imageOf(n) != before && n.Err() == nil {
			// The term rule and signs of life come before a handler's refusal.
			if !errors.Is(err, ErrBeyondLog) && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrBadConfChange) {
				t.Fatalf("%v changed %+v to %+v", err, before, imageOf(n))
			}
		}
	}
}

// fuzzBatch takes a Ready, or acknowledges one that was written: other calls come in between.
func (n *testNode) fuzzBatch(t *testing.T, r *fuzzReader) {
	switch {
	case n.held != nil:
		n.Advance(*n.held)
		n.held = nil
	case len(n.threads) > 0 && r.byte()%2 == 0:
		_ = n.Step(n.threads[0])
		n.threads = n.threads[1:]
	case n.HasReady():
		rd := n.Ready()
		n.persist(t, rd)
		if !n.cfg.AsyncStorageWrites {
			n.checkPromises(t, rd.Messages)
			n.held = &rd
			return
		}
		for _, m := range rd.Messages {
			for _, resp := range m.Responses {
				if resp.To == n.cfg.ID {
					n.threads = append(n.threads, resp)
				}
			}
		}
	}
}
