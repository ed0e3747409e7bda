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

// Messages and snapshots travel in frames: length (4 bytes), CRC-32C (4 bytes), and so many bytes.
//
// The first frame of a snapshot is the MsgSnap. Chunks of the image follow, from the offset on that
// the receiver has asked for. An empty frame ends them, and a last one has the length and the
// SHA-256 of the whole image.

const (
	// frameHead is the number of bytes before those of a frame.
	frameHead = 8
	// maxChunk bounds the bytes of a frame of a snapshot.
	maxChunk = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errBadFrame = errors.New("a damaged frame")

func putFrameHead(head, b []byte) {
	binary.BigEndian.PutUint32(head, uint32(len(b)))
	binary.BigEndian.PutUint32(head[4:], crc32.Checksum(b, castagnoli))
}

func writeFrame(w io.Writer, b []byte) error {
	var head [frameHead]byte
	putFrameHead(head[:], b)
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}

// frameReader reads frames of at most max bytes. A frame is valid until the next one is read.
type frameReader struct {
	r    io.Reader
	max  int
	size int    // of the frame that comes
	sum  uint32 // likewise
	buf  []byte
}

// next reads a frame.
func (f *frameReader) next() ([]byte, error) {
	if _, err := f.head(); err != nil {
		return nil, err
	}
	return f.body()
}

// head reads what comes before the bytes of a frame, and returns their number.
func (f *frameReader) head() (size int, err error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(f.r, head[:]); err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if uint64(n) > uint64(f.max) {
		return 0, fmt.Errorf("%w: %d bytes", errBadFrame, n)
	}
	f.size, f.sum = int(n), binary.BigEndian.Uint32(head[4:])
	return f.size, nil
}

// body reads the bytes of a frame. Those of a large one are not kept for the next.
func (f *frameReader) body() ([]byte, error) {
	if f.size > cap(f.buf) || cap(f.buf) > maxChunk {
		f.buf = make([]byte, f.size)
	}
	b := f.buf[:f.size]
	if _, err := io.ReadFull(f.r, b); err != nil {
		return nil, err
	}
	if crc32.Checksum(b, castagnoli) != f.sum {
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
