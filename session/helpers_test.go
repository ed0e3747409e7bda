package session

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// smallLimits are reached by a handful of commands.
var smallLimits = Limits{Sessions: 3, Window: 2, ReplyBytes: 4, TotalBytes: 10, Lifetime: 100}

// replica is a table with a log of its own: each call applies one entry.
type replica struct {
	tb       rapid.TB
	table    Table
	executed int // commands executed so far
}

func newReplica(tb rapid.TB, l Limits) *replica {
	r := &replica{tb: tb}
	r.want(nil)(r.apply(Header{Kind: Configure, Limits: l}, ""))
	return r
}

// apply applies an entry whose command, if it is executed, returns the given reply.
func (r *replica) apply(h Header, reply string) (string, error) {
	r.tb.Helper()
	got, err := r.table.Apply(r.table.applied+1, h, func() []byte {
		r.executed++
		return []byte(reply)
	})
	r.table.verify(r.tb)
	return string(got), err
}

func (r *replica) register(time uint64) (id uint64) {
	r.tb.Helper()
	r.want(nil)(r.apply(Header{Kind: Register, Time: time}, ""))
	return r.table.applied
}

// execute applies a command at the agreed time.
func (r *replica) execute(id, sequence, awaiting uint64, reply string) (string, error) {
	r.tb.Helper()
	return r.apply(Header{Kind: Execute, Session: id, Sequence: sequence, Awaiting: awaiting}, reply)
}

// want returns a check of an outcome for an error.
func (r *replica) want(err error) func(string, error) {
	r.tb.Helper()
	return func(_ string, got error) {
		r.tb.Helper()
		if !errors.Is(got, err) {
			r.tb.Fatalf("got error %v, want %v", got, err)
		}
	}
}

// wantReply returns a check of an outcome for a reply, after so many executions in all.
func (r *replica) wantReply(reply string, executed int) func(string, error) {
	r.tb.Helper()
	return func(got string, err error) {
		r.tb.Helper()
		if got != reply || err != nil || r.executed != executed {
			r.tb.Fatalf("got %q, %v after %d executions, want %q after %d", got, err, r.executed, reply, executed)
		}
	}
}

// wantSessions checks who is left, in the order of use.
func (r *replica) wantSessions(ids ...uint64) {
	r.tb.Helper()
	var got []uint64
	for s := r.table.order.oldest; s != nil; s = s.newer {
		got = append(got, s.id)
	}
	if len(got) != len(ids) {
		r.tb.Fatalf("sessions %d, want %d", got, ids)
	}
	for i := range ids {
		if got[i] != ids[i] || !r.table.Contains(ids[i]) {
			r.tb.Fatalf("sessions %d, want %d", got, ids)
		}
	}
}

// verify checks what holds of every table:
//
//	a session is in the map <=> it is in the order of use
//	a before b ==> a.active <= b.active <= now
//	Lifetime > 0 ==> now - s.active <= Lifetime
//	0 < s.id <= applied
//	awaiting <= sequence of a reply < awaiting + Window, and they rise
//	bytes = sum over the sessions = sum over their replies
//	every limit is kept, in what is counted and in the memory behind it
func (t *Table) verify(tb rapid.TB) {
	tb.Helper()
	var sessions, bytes, active uint64
	var older *session
	for s := t.order.oldest; s != nil; older, s = s, s.newer {
		sessions++
		if t.sessions[s.id] != s || s.older != older || s.id == 0 || s.id > t.applied {
			tb.Fatalf("session %d is not where it should be", s.id)
		}
		if s.active < active || s.active > t.now || t.limits.Lifetime > 0 && t.now-s.active > t.limits.Lifetime {
			tb.Fatalf("session %d was active at %d, its predecessor at %d, now is %d", s.id, s.active, active, t.now)
		}
		active = s.active
		s.verify(tb, t.limits)
		bytes += s.replies.bytes
	}
	if t.order.newest != older || sessions != uint64(len(t.sessions)) || sessions > t.limits.Sessions {
		tb.Fatalf("%d sessions in order, %d in the map, %d allowed", sessions, len(t.sessions), t.limits.Sessions)
	}
	if bytes != t.bytes || bytes > t.limits.TotalBytes {
		tb.Fatalf("%d bytes, counted as %d, %d allowed", bytes, t.bytes, t.limits.TotalBytes)
	}
}

func (s *session) verify(tb rapid.TB, l Limits) {
	tb.Helper()
	var bytes uint64
	for i := range s.replies.count {
		r := s.replies.at(i)
		if r.sequence-s.awaiting >= l.Window || i > 0 && r.sequence <= s.replies.at(i-1).sequence {
			tb.Fatalf("session %d awaits %d and has a reply to %d", s.id, s.awaiting, r.sequence)
		}
		if uint64(len(r.data)) > l.ReplyBytes || r.tooLong && r.data != nil {
			tb.Fatalf("session %d has a reply of %d bytes", s.id, len(r.data))
		}
		bytes += uint64(len(r.data))
	}
	if bytes != s.replies.bytes || uint64(s.replies.count) > l.Window {
		tb.Fatalf("session %d has %d replies of %d bytes, counted as %d", s.id, s.replies.count, bytes, s.replies.bytes)
	}
	for i := s.replies.count; i < len(s.replies.ring); i++ {
		if r := s.replies.at(i); r.data != nil || r.tooLong || r.sequence != 0 {
			tb.Fatalf("session %d holds on to a dropped reply", s.id)
		}
	}
}

// encoded returns the table's bytes.
func (t *Table) encoded(tb rapid.TB) []byte {
	tb.Helper()
	data, err := t.MarshalBinary()
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// restored returns a table made of the encoding of t, which has to be the same in all.
func (t *Table) restored(tb rapid.TB) *Table {
	tb.Helper()
	data := t.encoded(tb)
	fresh := &Table{}
	if err := fresh.UnmarshalBinary(data); err != nil {
		tb.Fatalf("own encoding %x: %v", data, err)
	}
	fresh.verify(tb)
	if again := fresh.encoded(tb); !bytes.Equal(data, again) {
		tb.Fatalf("encoded as %x, then as %x", data, again)
	}
	return fresh
}

func TestTheZeroTableAdmitsNobody(t *testing.T) {
	r := &replica{tb: t}
	r.want(ErrNotConfigured)(r.apply(Header{Kind: Register}, ""))
	r.want(ErrExpired)(r.execute(1, 1, 1, "a"))
	r.want(ErrExpired)(r.apply(Header{Kind: KeepAlive, Session: 1}, ""))
	r.want(ErrExpired)(r.apply(Header{Kind: Close, Session: 1}, ""))
	if r.executed != 0 || r.table.Len() != 0 || r.table.Limits() != (Limits{}) {
		t.Error("the zero table is not empty")
	}
	r.table.restored(t)
}
