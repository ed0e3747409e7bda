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

// Next returns the next record. Its error is io.EOF at the end, io.ErrUnexpectedEOF if the recording ends within a record, one that
// matches ErrFormat if the bytes are no recording, or that of the underlying reader. The record belongs to the caller.
func (r *Reader) Next() (Record, error) {
	if !r.begun {
		if err := r.header(); err != nil {
			return Record{}, err
		}
		r.begun = true
	}
	n, err := binary.ReadUvarint(r.in)
	if err != nil {
		return Record{}, lengthError(err)
	}
	// A damaged length must not take memory that the bytes behind it do not fill.
	var buf bytes.Buffer
	if _, err := io.CopyN(&buf, r.in, int64(min(n, 1<<62))); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Record{}, err
	}
	return decode(buf.Bytes())
}

func lengthError(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrFormat, err)
}

func (r *Reader) header() error {
	var head [len(Header)]byte
	if _, err := io.ReadFull(r.in, head[:]); err != nil {
		return fmt.Errorf("%w: it ends before its header: %w", ErrFormat, err)
	}
	switch word, version := string(head[:len(head)-1]), head[len(head)-1]; {
	case word != Header[:len(word)]:
		return fmt.Errorf("%w: it does not begin as a recording", ErrFormat)
	case version != Header[len(word)]:
		return fmt.Errorf("%w: version %d is not known here", ErrFormat, version)
	}
	return nil
}
