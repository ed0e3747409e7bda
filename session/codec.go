package session

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/ffd200af/raft/internal/input"
)

// The encoding of a table, all numbers as varints:
//
//	version   one byte
//	limits    sessions, window, reply bytes, total bytes, lifetime
//	table     applied index, agreed time, number of sessions
//	session   id, time of the last command since that of the session before, awaiting, number
//	          of replies; in the order of use, the one used longest ago first
//	reply     sequence number, as the distance from the lowest that it could be; 0 if it was too
//	          long, or 1 + the length and the bytes; by rising sequence number
//
// There is one encoding for one state: no map is iterated over, every number has one form, and
// what could only be written in another order is not accepted.
const (
	version = 1

	leastSession = 4 // bytes
	leastReply   = 2 // bytes
)

// MarshalBinary returns the encoded table. See AppendBinary.
func (t *Table) MarshalBinary() ([]byte, error) {
	return t.AppendBinary(make([]byte, 0, 64+32*uint64(len(t.sessions))+t.bytes))
}

// AppendBinary appends the encoded table to b and returns the extended slice. Tables with the
// same state have the same encoding, and replicas that have applied the same entries have the
// same state. It carries no checksum: that is for the snapshot that it is part of. The error is
// ErrBusy.
func (t *Table) AppendBinary(b []byte) ([]byte, error) {
	if t.busy {
		return b, ErrBusy
	}
	b = append(b, version)
	l := &t.limits
	for _, v := range [...]uint64{
		l.Sessions, l.Window, l.ReplyBytes, l.TotalBytes, l.Lifetime, t.applied, t.now, uint64(len(t.sessions)),
	} {
		b = binary.AppendUvarint(b, v)
	}
	var active uint64
	for s := t.order.oldest; s != nil; s = s.newer {
		b = s.append(b, active)
		active = s.active
	}
	return b, nil
}

// append appends the encoded session, given the time in the one before.
func (s *session) append(b []byte, active uint64) []byte {
	b = binary.AppendUvarint(b, s.id)
	b = binary.AppendUvarint(b, s.active-active)
	b = binary.AppendUvarint(b, s.awaiting)
	b = binary.AppendUvarint(b, uint64(s.replies.count))
	least := s.awaiting
	for i := range s.replies.count {
		r := s.replies.at(i)
		b = binary.AppendUvarint(b, r.sequence-least)
		least = r.sequence + 1
		if r.tooLong {
			b = append(b, 0)
			continue
		}
		b = binary.AppendUvarint(b, 1+uint64(len(r.data)))
		b = append(b, r.data...)
	}
	return b
}

// UnmarshalBinary replaces the whole table, its limits included, with the encoded one. It keeps
// no part of data. After an error, which matches ErrCorrupt, ErrVersion or ErrBusy, the
// table is as it was.
//
// data may come from anybody: what is accepted keeps all bounds, and encodes to the same bytes. The
// memory that is allocated is at most a fixed multiple of the length of data.
func (t *Table) UnmarshalBinary(data []byte) error {
	if t.busy {
		return ErrBusy
	}
	in := input.Reader{Data: data}
	if v := in.Byte(); !in.Bad && v != version {
		return fmt.Errorf("%w: %d", ErrVersion, v)
	}
	var fresh Table
	sessions := fresh.readHead(&in)
	var active uint64
	for range sessions {
		s := readSession(&in, active, &fresh)
		if s == nil {
			return ErrCorrupt
		}
		active = s.active
		fresh.add(s)
	}
	if !in.Done() || !fresh.isWithinBounds() {
		return ErrCorrupt
	}
	*t = fresh
	return nil
}

// readHead reads what comes before the sessions, and returns their number.
func (t *Table) readHead(in *input.Reader) (sessions int) {
	l := &t.limits
	for _, v := range [...]*uint64{
		&l.Sessions, &l.Window, &l.ReplyBytes, &l.TotalBytes, &l.Lifetime, &t.applied, &t.now,
	} {
		*v = in.Uvarint()
	}
	return in.Count(leastSession)
}

// readSession returns the next session, or nil if it cannot be one of the table. Numbers that are
// missing are 0: whether there were any, UnmarshalBinary asks in the end.
func readSession(in *input.Reader, active uint64, t *Table) *session {
	s := &session{id: in.Uvarint()}
	idle := in.Uvarint()
	s.awaiting = in.Uvarint()
	n := in.Count(leastReply)
	if s.id == 0 || s.id > t.applied || t.Contains(s.id) || s.awaiting == 0 || idle > t.now-active {
		return nil
	}
	s.active = active + idle
	least := s.awaiting
	for range n {
		distance := in.Uvarint()
		// Behind the largest sequence number of all there is none.
		if distance > math.MaxUint64-least || least == 0 {
			return nil
		}
		r := reply{sequence: least + distance}
		least = r.sequence + 1
		if length := in.Uvarint(); length == 0 {
			r.tooLong = true
		} else {
			r.data = append(r.data, in.Bytes(length-1)...)
		}
		s.replies.insert(r)
	}
	if !t.limits.admits(s) {
		return nil
	}
	return s
}

// isWithinBounds reports whether a decoded table keeps the limits that it carries.
func (t *Table) isWithinBounds() bool {
	l := &t.limits
	if *l == (Limits{}) {
		return len(t.sessions) == 0
	}
	if l.check() != nil || uint64(len(t.sessions)) > l.Sessions || t.bytes > l.TotalBytes {
		return false
	}
	s := t.order.oldest
	return s == nil || l.Lifetime == 0 || t.now-s.active <= l.Lifetime
}
