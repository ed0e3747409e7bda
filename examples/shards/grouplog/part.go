package grouplog

import (
	"encoding/binary"
	"errors"

	pb "github.com/ffd200af/raft/raftpb"
)

// part is what a record says about one group.
type part struct {
	kind    kind
	group   uint64
	replica uint64 // only if the kind is not writes

	snapshot pb.Snapshot // replaces the log
	entries  []pb.Entry
	image    pb.Snapshot // of the state machine; the log stays
	hard     pb.HardState
}

// kind says what becomes of what was there before.
type kind byte

const (
	writes  kind = iota // it stays
	begins              // it goes: this is the beginning of a replica, or all of one
	removed             // it goes, and nothing comes
)

// append appends the encoding of p: kind, group, replica, snapshot, image, hard state and the
// number of entries, then the entries. Numbers are varints. Snapshots and entries stand behind
// their lengths.
func (p *part) append(b []byte) ([]byte, error) {
	b = append(b, byte(p.kind))
	b = binary.AppendUvarint(b, p.group)
	if p.kind != writes {
		b = binary.AppendUvarint(b, p.replica)
	}
	for _, s := range []*pb.Snapshot{&p.snapshot, &p.image} {
		if s.Metadata.Index == 0 {
			b = append(b, 0)
			continue
		}
		var err error
		if b, err = appendMessage(b, s); err != nil {
			return nil, err
		}
	}
	for _, n := range [...]uint64{p.hard.Term, p.hard.Vote, p.hard.Commit, uint64(len(p.entries))} {
		b = binary.AppendUvarint(b, n)
	}
	for i := range p.entries {
		var err error
		if b, err = appendMessage(b, &p.entries[i]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// size is about the number of bytes that append appends.
func (p *part) size() int {
	size := 16 + p.snapshot.Size() + p.image.Size()
	for i := range p.entries {
		size += 2 + p.entries[i].Size()
	}
	return size
}

type message interface {
	Size() int
	MarshalTo([]byte) (int, error)
	Unmarshal([]byte) error
}

// appendMessage appends a message behind its length.
func appendMessage(b []byte, m message) ([]byte, error) {
	n := m.Size()
	b = binary.AppendUvarint(b, uint64(n))
	at := len(b)
	b = append(b, make([]byte, n)...)
	_, err := m.MarshalTo(b[at:])
	return b, err
}

var errPart = errors.New("grouplog: a record that cannot be read")

// decode is the reverse of append. It shares nothing with b, and returns the rest of it.
func (p *part) decode(b []byte) (rest []byte, err error) {
	d := decoder{b: b}
	p.kind = kind(d.number())
	p.group = d.number()
	if p.kind != writes {
		p.replica = d.number()
	}
	d.message(&p.snapshot)
	d.message(&p.image)
	p.hard = pb.HardState{Term: d.number(), Vote: d.number(), Commit: d.number()}
	n := d.number()
	if n > uint64(len(d.b)) {
		return nil, errPart
	}
	p.entries = make([]pb.Entry, n)
	for i := range p.entries {
		d.message(&p.entries[i])
	}
	if d.err == nil && p.kind > removed {
		d.err = errPart
	}
	return d.b, d.err
}

// decoder takes values from the front of b.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) number() uint64 {
	n, k := binary.Uvarint(d.b)
	if k <= 0 {
		d.b, d.err = nil, errPart
		return 0
	}
	d.b = d.b[k:]
	return n
}

func (d *decoder) message(m message) {
	n := d.number()
	if n > uint64(len(d.b)) {
		d.b, d.err = nil, errPart
		return
	}
	if err := m.Unmarshal(d.b[:n]); err != nil && d.err == nil {
		d.err = err
	}
	d.b = d.b[n:]
}
