package multiraft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/input"
	pb "github.com/ffd200af/raft/raftpb"
)

// Batch is everything that goes from one store to another at a time. A batch without content is a
// beat.
type Batch struct {
	From, To uint64 // stores
	// Incarnation of the sender, and the number of the batch among those to this store.
	Incarnation, Number uint64
	// HeardIncarnation and HeardNumber are those of the newest batch that the sender has heard from
	// the store To; 0 if none.
	HeardIncarnation, HeardNumber uint64
	// AwakeSince is the number of a batch to this store. Followers at the sender that had gone to
	// sleep before it are awake; 0 if there was no such batch.
	AwakeSince uint64

	// Heartbeats of leaders, and responses of followers.
	Heartbeats []Heartbeat
	Responses  []Heartbeat
	// Wakes are groups whose replicas must not sleep any more: a leader here is none any more, or a
	// follower here has woken.
	Wakes []uint64
	// Messages are all others.
	Messages []Message
}

// Heartbeat is a MsgHeartbeat or a MsgHeartbeatResp of a group.
type Heartbeat struct {
	Group, From, To uint64 // replicas
	Term            uint64
	// Commit is the commit index of a heartbeat. A response has one only with Sleep.
	Commit  uint64
	Context []byte
	// Sleep offers sleep at Term and Commit, or agrees to it.
	Sleep bool
}

// Message is a message of a group.
type Message struct {
	Group uint64
	pb.Message
}

// Each calls f for all messages in the batch, heartbeats and responses included, as members of the
// groups that run without a Store expect them.
func (b *Batch) Each(f func(group uint64, m pb.Message)) {
	for i := range b.Heartbeats {
		h := &b.Heartbeats[i]
		f(h.Group, h.heartbeat())
	}
	for i := range b.Responses {
		h := &b.Responses[i]
		f(h.Group, h.response())
	}
	for i := range b.Messages {
		f(b.Messages[i].Group, b.Messages[i].Message)
	}
}

func (h *Heartbeat) heartbeat() pb.Message {
	return pb.Message{Type: pb.MsgHeartbeat, From: h.From, To: h.To, Term: h.Term, Commit: h.Commit, Context: h.Context}
}

func (h *Heartbeat) response() pb.Message {
	return pb.Message{Type: pb.MsgHeartbeatResp, From: h.From, To: h.To, Term: h.Term, Context: h.Context}
}

// reset empties a batch, and keeps its arrays.
func (b *Batch) reset() {
	if b == nil {
		return
	}
	clear(b.Heartbeats)
	clear(b.Responses)
	clear(b.Messages)
	*b = Batch{Heartbeats: b.Heartbeats[:0], Responses: b.Responses[:0], Wakes: b.Wakes[:0], Messages: b.Messages[:0]}
}

// batchFor returns the batch for a peer, of those of a Ready.
func (s *Store) batchFor(batches *[]*Batch, at int) *Batch {
	for len(*batches) <= at {
		*batches = append(*batches, nil)
	}
	b := (*batches)[at]
	if b == nil {
		b = &Batch{}
		(*batches)[at] = b
	}
	b.From, b.To = s.cfg.ID, s.peers[at].store
	return b
}

// mayPrecede reports whether a message may be sent before its Ready is written (thesis §10.2.1). It
// promises nothing that the write has to keep. Leaders send most of these, and the term of a leader
// is durable.
func mayPrecede(t pb.MessageType) bool {
	switch t {
	case pb.MsgApp, pb.MsgSnap, pb.MsgHeartbeat, pb.MsgReadIndex, pb.MsgReadIndexResp, pb.MsgProp:
		return true
	}
	return false
}

// sendTogether moves what may be sent early to the other batches: there is no write to wait for.
func (s *Store) sendTogether(rd *Ready) {
	for at, b := range rd.early {
		if b == nil || b.To == 0 {
			continue
		}
		late := s.batchFor(&rd.late, at)
		late.Heartbeats = append(late.Heartbeats, b.Heartbeats...)
		late.Messages = append(late.Messages, b.Messages...)
		b.reset()
	}
}

// finishAll finishes the batches that have something to send, and appends them to list.
func (s *Store) finishAll(batches, list []*Batch) []*Batch {
	for at, b := range batches {
		if b != nil && b.To != 0 {
			s.finish(at, b)
			list = append(list, b)
		}
	}
	return list
}

// maxFirsts bounds how long the ticks of batches that are not confirmed are remembered.
const maxFirsts = 100

// finish numbers a batch, and adds what is about the stores themselves.
func (s *Store) finish(at int, b *Batch) {
	p := s.peers[at]
	p.sent++
	if n := len(p.firsts); n == 0 || p.firsts[n-1].tick != s.clock {
		p.firsts = append(slices.Delete(p.firsts, 0, max(0, n-maxFirsts)), firstBatch{number: p.sent, tick: s.clock})
	}
	b.Incarnation, b.Number = s.cfg.Incarnation, p.sent
	b.HeardIncarnation, b.HeardNumber, b.AwakeSince = p.incarnation, p.number, p.sinceOwn
	for _, w := range p.wakes {
		b.Wakes = append(b.Wakes, w.group)
	}
}

// route copies the messages of a group into the batches of their stores. A message to a replica
// whose store is not known is lost.
func (s *Store) route(i uint32, ready *raft.Ready, rd *Ready) {
	g := &s.groups[i]
	s.lines, s.others = s.lines[:0], false
	early := s.cfg.SendEarly && !mayCommitChange(ready)
	for j := range ready.Messages {
		m := &ready.Messages[j]
		at := s.peerOf(s.cfg.StoreOf(g.id, m.To))
		if at <= 0 {
			continue
		}
		batches := &rd.late
		if early && mayPrecede(m.Type) {
			batches = &rd.early
		}
		b := s.batchFor(batches, at)
		switch {
		case m.Type == pb.MsgHeartbeat && m.From != 0:
			s.lines = append(s.lines, line{b, len(b.Heartbeats), false})
			b.Heartbeats = append(b.Heartbeats, Heartbeat{Group: g.id, From: m.From, To: m.To, Term: m.Term, Commit: m.Commit, Context: m.Context})
		case m.Type == pb.MsgHeartbeatResp:
			s.lines = append(s.lines, line{b, len(b.Responses), true})
			b.Responses = append(b.Responses, Heartbeat{Group: g.id, From: m.From, To: m.To, Term: m.Term, Context: m.Context})
		default:
			s.others = true
			b.Messages = append(b.Messages, Message{g.id, *m})
			rd.bytes += payload(m.Entries)
		}
	}
}

// ErrBatch is matched by errors about a batch that cannot be read, or is for another store.
var ErrBatch = errors.New("multiraft: bad batch")

// leastMessage is how long an encoded message is at least.
const leastMessage = 20

// version is the first byte of an encoded batch.
const version = 1

// Append appends the encoding of the batch to buf. The encoding is a version, then numbers as
// varints, and messages in the encoding of package raftpb with their lengths.
func (b *Batch) Append(buf []byte) ([]byte, error) {
	buf = append(buf, version)
	for _, n := range [...]uint64{b.From, b.To, b.Incarnation, b.Number, b.HeardIncarnation, b.HeardNumber, b.AwakeSince} {
		buf = binary.AppendUvarint(buf, n)
	}
	for _, lines := range [...][]Heartbeat{b.Heartbeats, b.Responses} {
		buf = binary.AppendUvarint(buf, uint64(len(lines)))
		for i := range lines {
			buf = lines[i].append(buf)
		}
	}
	buf = binary.AppendUvarint(buf, uint64(len(b.Wakes)))
	for _, group := range b.Wakes {
		buf = binary.AppendUvarint(buf, group)
	}
	buf = binary.AppendUvarint(buf, uint64(len(b.Messages)))
	for i := range b.Messages {
		m := &b.Messages[i]
		buf = binary.AppendUvarint(buf, m.Group)
		size := m.Message.Size()
		buf = binary.AppendUvarint(buf, uint64(size))
		at := len(buf)
		buf = append(buf, make([]byte, size)...)
		if _, err := m.Message.MarshalTo(buf[at:]); err != nil {
			return buf[:at], groupError(m.Group, err)
		}
	}
	return buf, nil
}

func (h *Heartbeat) append(buf []byte) []byte {
	for _, n := range [...]uint64{h.Group, h.From, h.To, h.Term, h.Commit} {
		buf = binary.AppendUvarint(buf, n)
	}
	sleep := uint64(0)
	if h.Sleep {
		sleep = 1
	}
	buf = binary.AppendUvarint(buf, uint64(len(h.Context))<<1|sleep)
	return append(buf, h.Context...)
}

// Unmarshal reads a batch from all of data, and shares nothing with it. The error matches ErrBatch.
// The memory that it takes is bounded by a multiple of len(data).
func (b *Batch) Unmarshal(data []byte) error {
	if len(data) == 0 || data[0] != version {
		return fmt.Errorf("%w: unknown version", ErrBatch)
	}
	d := input.Reader{Data: data[1:]}
	b.reset()
	for _, n := range [...]*uint64{&b.From, &b.To, &b.Incarnation, &b.Number, &b.HeardIncarnation, &b.HeardNumber, &b.AwakeSince} {
		*n = d.Uvarint()
	}
	for _, lines := range [...]*[]Heartbeat{&b.Heartbeats, &b.Responses} {
		n := d.Count(6)
		*lines = slices.Grow(*lines, n)
		for ; n > 0; n-- {
			*lines = append(*lines, readHeartbeat(&d))
		}
	}
	for n := d.Count(1); n > 0; n-- {
		b.Wakes = append(b.Wakes, d.Uvarint())
	}
	n := d.Count(2 + leastMessage)
	b.Messages = slices.Grow(b.Messages, n)
	for ; n > 0; n-- {
		m := Message{Group: d.Uvarint()}
		if err := m.Message.Unmarshal(d.Bytes(d.Uvarint())); err != nil {
			return fmt.Errorf("%w: group %x: %w", ErrBatch, m.Group, err)
		}
		b.Messages = append(b.Messages, m)
	}
	if !d.Done() {
		return fmt.Errorf("%w: it ends in the middle, or has a tail", ErrBatch)
	}
	return nil
}

func readHeartbeat(d *input.Reader) Heartbeat {
	h := Heartbeat{Group: d.Uvarint(), From: d.Uvarint(), To: d.Uvarint(), Term: d.Uvarint(), Commit: d.Uvarint()}
	n := d.Uvarint()
	h.Sleep = n&1 != 0
	if n >>= 1; n > 0 {
		h.Context = append([]byte(nil), d.Bytes(n)...)
	}
	return h
}
