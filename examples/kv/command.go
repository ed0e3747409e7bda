package main

import (
	"encoding/binary"
	"errors"
)

// A command is what the replicas agree on: the data of a log entry.
//
//	op (1 byte) | request id (16 bytes) | key length (uvarint) | key | value
type command struct {
	op    op
	id    requestID
	key   []byte
	value []byte // of a put
}

type op byte

const (
	opPut op = 1 + iota
	opDelete
	// opRead changes nothing. A read that has gone through the log sees every write that was
	// acknowledged before it began.
	opRead
)

// requestID names a request: the process that took it, drawn at random when it
// starts, and a number. The process recognises its own requests when they are applied.
type requestID [16]byte

var errBadCommand = errors.New("kv: log entry holds no command")

func (c *command) encode() []byte {
	b := make([]byte, 0, 1+len(c.id)+binary.MaxVarintLen64+len(c.key)+len(c.value))
	b = append(b, byte(c.op))
	b = append(b, c.id[:]...)
	b = binary.AppendUvarint(b, uint64(len(c.key)))
	b = append(b, c.key...)
	return append(b, c.value...)
}

// decodeCommand reads a command; its slices are parts of b.
func decodeCommand(b []byte) (command, error) {
	var c command
	if len(b) < 1+len(c.id) {
		return c, errBadCommand
	}
	c.op = op(b[0])
	if c.op < opPut || c.op > opRead {
		return c, errBadCommand
	}
	copy(c.id[:], b[1:])
	b = b[1+len(c.id):]
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return c, errBadCommand
	}
	c.key, c.value = b[k:k+int(n)], b[k+int(n):]
	return c, nil
}
