package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// A frame is its length (4 bytes), a CRC-32C (4 bytes), and so many bytes.

const (
	// HeadSize is the number of bytes before those of a frame.
	HeadSize = 8
	// keptSize is the size of the largest frame whose memory is used again.
	keptSize = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrBadFrame is the error of a frame that is damaged or too large.
var ErrBadFrame = errors.New("a damaged frame")

// PutHead writes the head of the frame that has the bytes b.
func PutHead(head, b []byte) {
	binary.BigEndian.PutUint32(head, uint32(len(b)))
	binary.BigEndian.PutUint32(head[4:], crc32.Checksum(b, castagnoli))
}

// WriteFrame writes a frame.
func WriteFrame(w io.Writer, b []byte) error {
	var head [HeadSize]byte
	PutHead(head[:], b)
	if _, err := w.Write(head[:]); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}

// Reader reads frames of at most Max bytes. A frame is valid until the next one is read.
type Reader struct {
	From io.Reader
	Max  int

	head [HeadSize]byte
	size int    // of the frame that comes
	sum  uint32 // likewise
	buf  []byte
}

// Next reads a frame.
func (f *Reader) Next() ([]byte, error) {
	if _, err := f.Head(); err != nil {
		return nil, err
	}
	return f.Body()
}

// Head reads what comes before the bytes of a frame, and returns their number.
func (f *Reader) Head() (size int, err error) {
	if _, err := io.ReadFull(f.From, f.head[:]); err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(f.head[:])
	if uint64(n) > uint64(f.Max) {
		return 0, fmt.Errorf("%w: %d bytes", ErrBadFrame, n)
	}
	f.size, f.sum = int(n), binary.BigEndian.Uint32(f.head[4:])
	return f.size, nil
}

// Body reads the bytes of a frame. Those of a large one are not kept for the next.
func (f *Reader) Body() ([]byte, error) {
	if f.size > cap(f.buf) || cap(f.buf) > keptSize {
		f.buf = make([]byte, f.size)
	}
	b := f.buf[:f.size]
	if _, err := io.ReadFull(f.From, b); err != nil {
		return nil, err
	}
	if crc32.Checksum(b, castagnoli) != f.sum {
		return nil, fmt.Errorf("%w: its checksum is wrong", ErrBadFrame)
	}
	return b, nil
}

// Skip reads over the bytes of a frame with a Request, and returns its ID. It takes no memory.
func (f *Reader) Skip() (id uint64, err error) {
	if f.size < IDSize {
		return 0, ErrBadFrame
	}
	sum := crc32.New(castagnoli)
	rest := io.TeeReader(io.LimitReader(f.From, int64(f.size)), sum)
	var first [IDSize]byte
	if _, err := io.ReadFull(rest, first[:]); err != nil {
		return 0, err
	}
	n, err := io.Copy(io.Discard, rest)
	switch {
	case err != nil:
		return 0, err
	case n < int64(f.size-IDSize):
		return 0, io.ErrUnexpectedEOF
	case sum.Sum32() != f.sum:
		return 0, fmt.Errorf("%w: its checksum is wrong", ErrBadFrame)
	}
	return binary.BigEndian.Uint64(first[:]), nil
}
