package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash"
)

// A snapshot travels in frames (package wire). The first frame is the MsgSnap. Chunks of the image
// follow, from the offset on that the receiver has asked for. An empty frame ends them, and a last
// one has the length and the SHA-256 of the whole image.

// maxChunk bounds the bytes of a frame of a snapshot.
const maxChunk = 1 << 20

// digest is the length and the checksum of an image.
type digest struct {
	hash.Hash
	size int64
}

func newDigest() *digest { return &digest{Hash: sha256.New()} }

func (d *digest) Write(b []byte) (int, error) {
	d.size += int64(len(b))
	return d.Hash.Write(b)
}

func (d *digest) encode() []byte {
	return d.Sum(binary.BigEndian.AppendUint64(nil, uint64(d.size)))
}

func (d *digest) is(end []byte) bool { return bytes.Equal(end, d.encode()) }

// chunker sends what is written to it in chunks, without the first skip bytes.
type chunker struct {
	*digest
	ctx  context.Context
	skip int64
	buf  []byte // its capacity is the size of a chunk
	send func(chunk []byte) error
}

func (c *chunker) Write(b []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	all := len(b)
	_, _ = c.digest.Write(b)
	skipped := min(c.skip, int64(all))
	c.skip -= skipped
	for b = b[skipped:]; len(b) > 0; {
		n := copy(c.buf[len(c.buf):cap(c.buf)], b)
		c.buf, b = c.buf[:len(c.buf)+n], b[n:]
		if len(c.buf) == cap(c.buf) {
			if err := c.flush(); err != nil {
				return 0, err
			}
		}
	}
	return all, nil
}

func (c *chunker) flush() error {
	chunk := c.buf
	c.buf = c.buf[:0]
	if len(chunk) == 0 {
		return nil
	}
	return c.send(chunk)
}
