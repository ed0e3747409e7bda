package session

import (
	"encoding/binary"

	"github.com/ffd200af/raft/internal/input"
)

// Kind is what a Header asks for.
type Kind uint8

// The kinds. Clients ask for the first four; the others are the server's.
const (
	// Register opens a session. Its id is the log index of the entry. A client that does
	// not learn it registers again; the first session then ends by itself.
	Register Kind = 1 + iota
	// Execute executes the command that follows the header, once.
	Execute
	// KeepAlive shows that an idle client is alive, and acknowledges replies.
	KeepAlive
	// Close ends a session. Closing one that is gone gives ErrExpired, which is as good.
	Close
	// Configure sets the limits. Sessions that they do not admit expire: those that hold a
	// longer reply or more replies than one may have, and of the others, until the rest
	// fits, those whose last command is the longest ago.
	Configure
	// Advance only moves the agreed time, for a leader that has nothing else to write.
	Advance
)

// Header is what the table has to know of a log entry, in front of the application's own bytes.
// Each kind uses the fields that name it; the others are ignored and not encoded.
type Header struct {
	Kind Kind
	// Time is the time at which the server that proposed the entry did so, in a unit that
	// all servers share, milliseconds for example. It is never the client's. A value below the
	// agreed time counts as the agreed time. All kinds.
	Time uint64
	// Session is the log index of the entry that registered the session. Execute, KeepAlive, Close.
	Session uint64
	// Sequence numbers the commands of a session, from 1. A command that is sent again keeps its
	// number. Execute.
	Sequence uint64
	// Awaiting is the lowest sequence number to which the client waits for the reply, at
	// most Sequence; 1 if it has none yet. The table drops all replies below, and never executes a
	// command below (thesis §6.3). Execute; also KeepAlive, where it is one more than
	// the last sequence number if there is nothing to wait for, and 0 says nothing.
	Awaiting uint64
	// Limits are the new limits. Configure.
	Limits Limits
}

// check refuses a header that no correct client or server writes.
func (h *Header) check() error {
	switch h.Kind {
	case Register, KeepAlive, Close, Advance:
		return nil
	case Execute:
		if h.Awaiting == 0 || h.Awaiting > h.Sequence {
			return ErrMalformed
		}
		return nil
	case Configure:
		return h.Limits.check()
	}
	return ErrMalformed
}

// fields lists the n fields of the header's kind in the order of their encoding.
func (h *Header) fields() (list [6]*uint64, n int) {
	l := &h.Limits
	switch h.Kind {
	case Execute:
		return [6]*uint64{&h.Time, &h.Session, &h.Sequence, &h.Awaiting}, 4
	case KeepAlive:
		return [6]*uint64{&h.Time, &h.Session, &h.Awaiting}, 3
	case Close:
		return [6]*uint64{&h.Time, &h.Session}, 2
	case Configure:
		return [6]*uint64{&h.Time, &l.Sessions, &l.Window, &l.ReplyBytes, &l.TotalBytes, &l.Lifetime}, 6
	}
	return [6]*uint64{&h.Time}, 1
}

// Append appends the encoded header to b and returns the extended slice: a byte for the kind,
// then the fields of that kind as varints. The application's bytes follow.
func (h Header) Append(b []byte) []byte {
	b = append(b, byte(h.Kind))
	list, n := h.fields()
	for _, field := range list[:n] {
		b = binary.AppendUvarint(b, *field)
	}
	return b
}

// ParseHeader decodes the header at the front of data and returns what follows it, a part of
// data. What it accepts it would encode to the same bytes. The error is ErrMalformed or, for a
// Configure command, ErrLimits; a server that parses before it proposes keeps both out of the
// log.
func ParseHeader(data []byte) (h Header, rest []byte, err error) {
	in := input.Reader{Data: data}
	h.Kind = Kind(in.Byte())
	list, n := h.fields()
	for _, field := range list[:n] {
		*field = in.Uvarint()
	}
	if in.Bad {
		return Header{}, nil, ErrMalformed
	}
	if err := h.check(); err != nil {
		return Header{}, nil, err
	}
	return h, in.Data, nil
}
