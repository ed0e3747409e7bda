package main

import (
	"encoding/binary"
	"errors"

	"github.com/ffd200af/raft/session"
)

// A command is what the replicas agree on: the data of a log entry.
//
//	op (1 byte) | request id (16 bytes) | session header, if op says so | fields
//
// The fields are the key and, for opSwap and opDeleteIf, the expected value, each behind its length
// (uvarint), and then the value.
type command struct {
	op op
	id requestID
	// header is of the client's session; nil if it has none.
	header *session.Header
	key    []byte
	expect []byte // of opSwap and opDeleteIf
	value  []byte // of all that write one
}

type op byte

const (
	opPut op = 1 + iota
	opDelete
	// opSwap writes if the key has the expected value.
	opSwap
	// opCreate writes if there is no such key.
	opCreate
	// opSession is about the session itself: the header is all there is.
	opSession
	// opDeleteIf deletes if the key has the expected value.
	opDeleteIf

	opLast = opDeleteIf
	// inSession is added to an op with a header.
	inSession op = 0x80
)

// requestID names an attempt at a request: the process that took it, drawn at random when it
// starts, and a number. The process recognises its own requests when they are applied.
type requestID [16]byte

// expects reports whether the op comes with an expected value.
func (o op) expects() bool { return o == opSwap || o == opDeleteIf }

var errBadCommand = errors.New("kv: log entry holds no command")

func (c *command) encode() []byte {
	b := make([]byte, 0, 64+len(c.key)+len(c.expect)+len(c.value))
	if c.header == nil {
		b = append(b, byte(c.op))
	} else {
		b = append(b, byte(c.op|inSession))
	}
	b = append(b, c.id[:]...)
	if c.header != nil {
		b = c.header.Append(b)
	}
	b = appendPart(b, c.key)
	if c.op.expects() {
		b = appendPart(b, c.expect)
	}
	return append(b, c.value...)
}

// decodeCommand reads a command; its slices are parts of b.
func decodeCommand(b []byte) (command, error) {
	var c command
	if len(b) < 1+len(c.id) {
		return c, errBadCommand
	}
	c.op = op(b[0]) &^ inSession
	if c.op < opPut || c.op > opLast || c.op == opSession && op(b[0])&inSession == 0 {
		return c, errBadCommand
	}
	withHeader := op(b[0])&inSession != 0
	b = b[1+copy(c.id[:], b[1:]):]
	if withHeader {
		h, rest, err := session.ParseHeader(b)
		if err != nil || (h.Kind == session.Execute) == (c.op == opSession) {
			return c, errBadCommand
		}
		c.header, b = &h, rest
	}
	var ok bool
	if c.key, b, ok = cutPart(b); !ok {
		return c, errBadCommand
	}
	if c.op.expects() {
		if c.expect, b, ok = cutPart(b); !ok {
			return c, errBadCommand
		}
	}
	c.value = b
	return c, nil
}

// appendPart appends bytes behind their length.
func appendPart(b, part []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

// cutPart is the reverse; it reports whether there is a whole part.
func cutPart(b []byte) (part, rest []byte, ok bool) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return nil, nil, false
	}
	return b[k : k+int(n)], b[k+int(n):], true
}
