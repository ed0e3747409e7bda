package recording

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Reader reads a recording.
type Reader struct {
	in    *bufio.Reader
	begun bool
}

// NewReader reads from in.
func NewReader(in io.Reader) *Reader { return &Reader{in: bufio.NewReader(in)} }

// Next returns the next record. Its error is io.EOF at the end, and io.ErrUnexpectedEOF if the
// recording ends within a record. It matches ErrFormat if the bytes are no recording, and
// ErrDamaged if the recording is damaged. It may also be an error of the underlying reader. The
// record belongs to the caller.
//
// A record that is cut or damaged, and after it another life, is a Lost one without a number.
func (r *Reader) Next() (Record, error) {
	if !r.begun {
		if err := r.header(); err != nil {
			return Record{}, err
		}
		r.begun = true
	}
	for r.atHeader() {
		if err := r.header(); err != nil {
			return Record{}, err
		}
	}
	raw, record, err := r.frame()
	if err == nil || errors.Is(err, io.EOF) {
		return record, err
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, ErrFormat) {
		return Record{}, err
	}
	// What follows it may be part of what its length promised.
	r.in = bufio.NewReader(io.MultiReader(bytes.NewReader(raw), r.in))
	if r.skipToHeader() {
		return Record{Kind: Lost, Numbers: []uint64{0}}, nil
	}
	return Record{}, err
}

// frame reads a record, and returns the bytes that it has taken as well.
func (r *Reader) frame() (raw []byte, record Record, err error) {
	raw, length, err := r.length()
	if err != nil {
		return raw, Record{}, err
	}
	// A damaged length must not take memory that the bytes after it do not fill.
	var buf bytes.Buffer
	_, err = io.CopyN(&buf, r.in, int64(min(length, 1<<62))+sumBytes)
	head := len(raw)
	raw = append(raw, buf.Bytes()...)
	if err != nil {
		return raw, Record{}, unexpected(err)
	}
	end := len(raw) - sumBytes
	if binary.LittleEndian.Uint16(raw[end:]) != checksum(raw[head:end]) {
		return raw, Record{}, fmt.Errorf("%w: a record of %d bytes", ErrDamaged, length)
	}
	record, err = decode(raw[head:end])
	return raw, record, err
}

// length reads a uvarint. The error is io.EOF if there is nothing at all.
func (r *Reader) length() (raw []byte, length uint64, err error) {
	for len(raw) < binary.MaxVarintLen64 {
		b, err := r.in.ReadByte()
		if err != nil {
			if len(raw) > 0 {
				err = unexpected(err)
			}
			return raw, 0, err
		}
		if raw = append(raw, b); b < 0x80 {
			break
		}
	}
	length, n := binary.Uvarint(raw)
	if n <= 0 {
		return raw, 0, fmt.Errorf("%w: the length of a record is no number", ErrDamaged)
	}
	return raw, length, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// atHeader reports whether another life begins here, of whatever version. No record begins so:
// there is no kind 'a'. Nor does a header that was cut before its version, with another one after
// it.
func (r *Reader) atHeader() bool {
	next, _ := r.in.Peek(len(Header))
	return len(next) == len(Header) && string(next[:len(word)]) == word && next[len(word)] != word[0]
}

// skipToHeader goes to where the next life begins; false if none does.
func (r *Reader) skipToHeader() bool {
	for {
		if next, _ := r.in.Peek(len(Header)); string(next) == Header {
			return true
		}
		if _, err := r.in.Discard(1); err != nil {
			return false
		}
	}
}

func (r *Reader) header() error {
	var head [len(Header)]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		if r.begun {
			return unexpected(err) // cut in the header of a further life
		}
		return fmt.Errorf("%w: it ends before its header: %w", ErrFormat, err)
	}
	switch version := head[len(word)]; {
	case string(head[:len(word)]) != word:
		return fmt.Errorf("%w: it does not begin as a recording", ErrFormat)
	case version != Header[len(word)]:
		return fmt.Errorf("%w: version %d is not known here", ErrFormat, version)
	}
	return nil
}
