package main

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/ffd200af/raft/session"
)

// A command is what the replicas agree on: the data of a log entry.
//
//	op (1 byte) | request id (16 bytes) | session header, if op says so | fields
//
// The fields are the key and, for opSwap and opDeleteIf, the expected value, each behind its length
// (uvarint); for ops on a revision, the revision (uvarint); and then the value.
type command struct {
	op op
	id requestID
	// header is of the client's session; nil if it has none.
	header *session.Header
	key    []byte
	expect []byte // of opSwap and opDeleteIf
	// revision is of opPutAt, opPutNotAt, opDeleteAt and opDeleteNotAt.
	revision uint64
	value    []byte // of all that write one
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
	// opPutAt writes if the key has the revision, and opPutNotAt if it has another one.
	opPutAt
	opPutNotAt
	// opDeleteAt deletes if the key has the revision, and opDeleteNotAt if it has another one.
	opDeleteAt
	opDeleteNotAt

	opLast = opDeleteNotAt
	// inSession is added to an op with a header.
	inSession op = 0x80
)

// requestID names an attempt at a request: the process that took it, drawn at random when it
// starts, and a number. The process recognises its own requests when they are applied.
type requestID [16]byte

// expects reports whether the op comes with an expected value.
func (o op) expects() bool { return o == opSwap || o == opDeleteIf }

// onRevision reports whether the op comes with a revision.
func (o op) onRevision() bool { return o >= opPutAt && o <= opDeleteNotAt }

// deletes reports whether the op deletes.
func (o op) deletes() bool {
	return o == opDelete || o == opDeleteIf || o == opDeleteAt || o == opDeleteNotAt
}

// at makes a put or a delete one that depends on the revision.
func (c *command) at(cond *condition) {
	switch {
	case c.op.deletes() && cond.not:
		c.op = opDeleteNotAt
	case c.op.deletes():
		c.op = opDeleteAt
	case cond.not:
		c.op = opPutNotAt
	default:
		c.op = opPutAt
	}
	c.revision = cond.revision
}

// holds reports whether the condition of the command holds for what the key has. Its revision is 0
// if there is no such key.
func (c *command) holds(revision uint64, value []byte) bool {
	switch c.op {
	case opSwap, opDeleteIf:
		return revision > 0 && bytes.Equal(value, c.expect)
	case opCreate:
		return revision == 0
	case opPutAt, opDeleteAt:
		return revision == c.revision
	case opPutNotAt, opDeleteNotAt:
		return revision != c.revision
	}
	return true
}

// writtenAt is the revision that the command gave to its key; 0 if it gave none.
func (c *command) writtenAt(index uint64, done bool) uint64 {
	if !done || c.op.deletes() {
		return 0
	}
	return index
}

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
	if c.op.onRevision() {
		b = binary.AppendUvarint(b, c.revision)
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
	if c.op.onRevision() {
		n := 0
		if c.revision, n = binary.Uvarint(b); n <= 0 {
			return c, errBadCommand
		}
		b = b[n:]
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
