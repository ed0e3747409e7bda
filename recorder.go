package raft

import (
	"errors"
	"hash/fnv"
	"io"

	"github.com/ffd200af/raft/internal/checkpoint"
	"github.com/ffd200af/raft/internal/options"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/recording"
)

// recorder writes down what goes into a node, see Config.Recording. A nil recorder does nothing,
// and costs a comparison per call: each of its methods that stands in a hot path is a wrapper that
// is inlined.
type recorder struct {
	out *recording.Writer
	rec recording.Record
	// Scratch for numbers, blobs and encodings; a record is written before the next one begins.
	numbers []uint64
	blobs   [][]byte
	bytes   []byte

	// node is a pointer to what checkpoints hold; nil until it has started. shape is that of its
	// type, once it was needed.
	node  any
	shape uint64
	state []byte
}

func newRecorder(out io.Writer) *recorder {
	if out == nil {
		return nil
	}
	return &recorder{out: recording.NewWriter(out)}
}

// add writes a record, and before an input what the node is like, if that is wanted: nothing has
// come of the input yet.
func (r *recorder) add(kind recording.Kind, blobs [][]byte, numbers ...uint64) {
	if r.node != nil && kind.IsInput() {
		if room := r.out.CheckpointRoom(); room > 0 {
			r.checkpoint(room)
		}
	}
	r.numbers = append(r.numbers[:0], numbers...)
	r.rec = recording.Record{Kind: kind, Numbers: r.numbers, Blobs: blobs}
	r.out.Add(&r.rec)
}

// checkpoint writes down the whole state of the node, if it has no more than room bytes.
func (r *recorder) checkpoint(room int) {
	if r.shape == 0 {
		shape, err := checkpoint.Shape(r.node)
		if err != nil {
			return // a test sees to it that there is no error
		}
		r.shape = shape
	}
	var whole bool
	if r.state, whole = checkpoint.Append(r.state[:0], r.node, room); whole {
		r.out.Add(&recording.Record{Kind: recording.Checkpoint, Numbers: []uint64{r.shape, checkpoint.Sum(r.state)}, Blobs: [][]byte{r.state}})
	}
}

// note writes an input that is nothing but numbers.
func (r *recorder) note(kind recording.Kind, numbers ...uint64) {
	if r != nil {
		r.add(kind, nil, numbers...)
	}
}

// noteBytes writes an input with one blob.
func (r *recorder) noteBytes(kind recording.Kind, blob []byte, numbers ...uint64) {
	if r != nil {
		r.blobs = append(r.blobs[:0], blob)
		r.add(kind, r.blobs, numbers...)
	}
}

// step encodes a copy, so that messages which nobody records stay off the heap.
func (r *recorder) step(m *pb.Message) {
	message := *m
	r.bytes = encoded(r.bytes, &message)
	r.noteBytes(recording.Step, r.bytes)
}

func (r *recorder) noteConfChange(cc pb.ConfChangeI) {
	if r == nil {
		return
	}
	v2 := cc.AsV2()
	r.bytes = encoded(r.bytes, &v2)
	r.noteBytes(recording.ApplyConfChange, r.bytes)
}

// start writes the configuration, which is normalized and has a seed.
func (r *recorder) start(c *Config) {
	r.add(recording.Start, nil, options.Encode(c)...)
}

// batch writes the fingerprint of what a Ready hands out: of all of it, so that one bit more or
// less is noticed.
func (r *recorder) batch(batch *Ready) {
	rd := *batch // which stays off the heap, as in step
	h := fnv.New64a()
	numbers := func(list ...uint64) {
		for _, n := range list {
			h.Write([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), byte(n >> 32), byte(n >> 40), byte(n >> 48), byte(n >> 56)})
		}
	}
	object := func(m marshaler) {
		r.bytes = encoded(r.bytes, m)
		numbers(uint64(len(r.bytes)))
		h.Write(r.bytes)
	}
	if rd.SoftState != nil {
		numbers(rd.Lead, uint64(rd.RaftState))
	}
	object(&rd.HardState)
	object(&rd.Snapshot)
	for _, entries := range [...][]pb.Entry{rd.Entries, rd.CommittedEntries} {
		numbers(uint64(len(entries)))
		for i := range entries {
			object(&entries[i])
		}
	}
	numbers(uint64(len(rd.Messages)))
	for i := range rd.Messages {
		object(&rd.Messages[i])
	}
	for _, s := range rd.ReadStates {
		numbers(s.Index, uint64(len(s.RequestCtx)), 0)
		h.Write(s.RequestCtx)
	}
	for _, context := range rd.DroppedReads {
		numbers(uint64(len(context)))
		h.Write(context)
	}
	for _, c := range rd.CatchUps {
		numbers(c.ID, uint64(c.State), uint64(c.Rounds), uint64(c.LastTicks), uint64(c.Ticks), c.Target)
	}
	numbers(boolNumber(rd.MustSync))
	r.add(recording.Batch, nil, h.Sum64())
}

func boolNumber(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// marshaler is what every type of the wire is.
type marshaler interface {
	Size() int
	MarshalTo([]byte) (int, error)
}

// encoded returns the encoding of m in buf, or in a larger one. It is not nil.
func encoded(buf []byte, m marshaler) []byte {
	n := m.Size()
	if buf == nil || cap(buf) < n {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := m.MarshalTo(buf); err != nil {
		return buf[:0] // it cannot be said; the recording differs then when it is replayed
	}
	return buf
}

// recordedStorage writes down what Storage answers.
type recordedStorage struct {
	Storage
	*recorder
}

// answer writes an answer of the storage; the text of err comes before its blobs.
func (s *recordedStorage) answer(kind recording.Kind, err error, blobs [][]byte, numbers ...uint64) {
	code, text := recording.ErrorNone, []byte(nil)
	switch {
	case err == nil:
	case errors.Is(err, ErrCompacted):
		code = recording.ErrorCompacted
	case errors.Is(err, ErrUnavailable):
		code = recording.ErrorUnavailable
	case errors.Is(err, ErrSnapshotTemporarilyUnavailable):
		code = recording.ErrorSnapshotTemporarilyUnavailable
	default:
		code, text = recording.ErrorOther, []byte(err.Error())
	}
	s.add(kind, append([][]byte{text}, blobs...), append([]uint64{uint64(code)}, numbers...)...)
}

func (s *recordedStorage) InitialState() (pb.HardState, pb.ConfState, error) {
	hs, cs, err := s.Storage.InitialState()
	s.answer(recording.InitialState, err, [][]byte{encoded(nil, &hs), encoded(nil, &cs)})
	return hs, cs, err
}

func (s *recordedStorage) FirstIndex() (uint64, error) {
	i, err := s.Storage.FirstIndex()
	s.answer(recording.FirstIndex, err, nil, i)
	return i, err
}

func (s *recordedStorage) LastIndex() (uint64, error) {
	i, err := s.Storage.LastIndex()
	s.answer(recording.LastIndex, err, nil, i)
	return i, err
}

func (s *recordedStorage) Term(i uint64) (uint64, error) {
	term, err := s.Storage.Term(i)
	s.answer(recording.Term, err, nil, i, term)
	return term, err
}

func (s *recordedStorage) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	entries, err := s.Storage.Entries(lo, hi, maxSize)
	blobs := make([][]byte, 0, len(entries))
	for i := range entries {
		blobs = append(blobs, encoded(nil, &entries[i]))
	}
	s.answer(recording.Entries, err, blobs, lo, hi, maxSize)
	return entries, err
}

func (s *recordedStorage) Snapshot() (pb.Snapshot, error) {
	snap, err := s.Storage.Snapshot()
	s.answer(recording.Snapshot, err, [][]byte{encoded(nil, &snap)})
	return snap, err
}
