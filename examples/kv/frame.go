package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

// A snapshot travels in frames: length (4 bytes), CRC-32C (4 bytes), and so many bytes. The first
// frame is the MsgSnap. Chunks of the image follow, from the offset on that the receiver has asked
// for. An empty frame ends them, and a last one has the length and the SHA-256 of the whole image.

// maxChunk bounds the bytes of a frame.
const maxChunk = 1 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errBadFrame = errors.New("a damaged part of a snapshot")

func writeFrame(w io.Writer, b []byte) error {
	head := binary.BigEndian.AppendUint32(make([]byte, 0, 8), uint32(len(b)))
	head = binary.BigEndian.AppendUint32(head, crc32.Checksum(b, castagnoli))
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}

// frameReader reads frames. A frame is valid until the next one is read.
type frameReader struct {
	r   io.Reader
	buf []byte
}

func (f *frameReader) next() ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(head[:]))
	if n > maxChunk {
		return nil, fmt.Errorf("%w: %d bytes", errBadFrame, n)
	}
	if n > cap(f.buf) {
		f.buf = make([]byte, n)
	}
	b := f.buf[:n]
	if _, err := io.ReadFull(f.r, b); err != nil {
		return nil, err
	}
	if crc32.Checksum(b, castagnoli) != binary.BigEndian.Uint32(head[4:]) {
		return nil, fmt.Errorf("%w: its checksum is wrong", errBadFrame)
	}
	return b, nil
}

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
