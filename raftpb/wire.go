package raftpb

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
)

// Errors of Unmarshal. Test with errors.Is; input that ends too early gives
// io.ErrUnexpectedEOF.
var (
	// ErrInvalidLengthRaft: a length reaches beyond what can be addressed.
	ErrInvalidLengthRaft = errors.New("raftpb: invalid length")
	// ErrIntOverflowRaft: an integer does not fit into 64 bits.
	ErrIntOverflowRaft = errors.New("raftpb: integer overflow")
	// ErrUnexpectedEndOfGroupRaft: a group ends that did not begin.
	ErrUnexpectedEndOfGroupRaft = errors.New("raftpb: unexpected end of group")
	// ErrWireType: a known field has another wire type than it should, or a tag is illegal.
	ErrWireType = errors.New("raftpb: wrong wire type")
	// ErrNesting: messages or groups are nested too deeply, or a message claims more
	// responses than its length can hold.
	ErrNesting = errors.New("raftpb: too deep or too many nested messages")
)

// Wire types.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireGroup   = 3
	wireEnd     = 4
	wireFixed32 = 5
)

// Limits of decoding.
const (
	maxDepth = 16 // nested responses, nested unknown groups

	// MaxDecodeFactor bounds the memory that Unmarshal allocates, together with
	// MaxDecodeBase: at most MaxDecodeBase + MaxDecodeFactor*len(input) bytes. The worst
	// case is a run of empty entries, which take 2 bytes each on the wire.
	MaxDecodeFactor = 32
	MaxDecodeBase   = 8 << 10
)

// sizeUvarint is the number of bytes that v takes.
func sizeUvarint(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// sizeBytes is the size of a length-delimited field of n bytes behind its tag.
func sizeBytes(n int) int { return sizeUvarint(uint64(n)) + n }

// putUvarint writes v at b[i:] and returns the position behind it.
func putUvarint(b []byte, i int, v uint64) int {
	for v >= 0x80 {
		b[i] = byte(v) | 0x80
		v >>= 7
		i++
	}
	b[i] = byte(v)
	return i + 1
}

// putField writes a varint field whose tag fits into one byte.
func putField(b []byte, i int, tag byte, v uint64) int {
	b[i] = tag
	if v < 0x80 {
		b[i+1] = byte(v)
		return i + 2
	}
	return putUvarint(b, i+1, v)
}

func putBool(b []byte, i int, tag byte, v bool) int {
	b[i], b[i+1] = tag, 0
	if v {
		b[i+1] = 1
	}
	return i + 2
}

// putBytes writes a bytes field; a nil one is left out, an empty one is not.
func putBytes(b []byte, i int, tag byte, v []byte) int {
	if v == nil {
		return i
	}
	i = putField(b, i, tag, uint64(len(v)))
	return i + copy(b[i:], v)
}

// sizeField is the size of a varint field with a one-byte tag.
func sizeField(v uint64) int { return 1 + sizeUvarint(v) }

func sizeBytesField(v []byte) int {
	if v == nil {
		return 0
	}
	return 1 + sizeBytes(len(v))
}

// wireMessage is what every type of the package can do.
type wireMessage interface {
	Size() int
	put(b []byte, i int) int
}

func marshal(m wireMessage) []byte {
	b := make([]byte, m.Size())
	m.put(b, 0)
	return b
}

func short(need, have int) error {
	return fmt.Errorf("raftpb: %w: need %d bytes, have %d", io.ErrShortBuffer, need, have)
}

// marshalTo writes m at the start of b.
func marshalTo(m wireMessage, b []byte) (int, error) {
	n := m.Size()
	if n > len(b) {
		return 0, short(n, len(b))
	}
	m.put(b, 0)
	return n, nil
}

// marshalToEnd writes m at the end of b.
func marshalToEnd(m wireMessage, b []byte) (int, error) {
	n := m.Size()
	if n > len(b) {
		return 0, short(n, len(b))
	}
	m.put(b, len(b)-n)
	return n, nil
}

// reader walks over the fields of one encoded message.
type reader struct {
	b     []byte
	i     int
	depth int // levels of nesting that are left
	field int // of the current field
	wire  int
}

func (r *reader) uvarint() (uint64, error) {
	if r.i < len(r.b) && r.b[r.i] < 0x80 {
		r.i++
		return uint64(r.b[r.i-1]), nil
	}
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		if r.i >= len(r.b) {
			return 0, io.ErrUnexpectedEOF
		}
		c := r.b[r.i]
		r.i++
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v, nil
		}
	}
	return 0, ErrIntOverflowRaft
}

// next moves to the next field; false at the end.
func (r *reader) next() (bool, error) {
	if r.i >= len(r.b) {
		return false, nil
	}
	tag, err := r.uvarint()
	if err != nil {
		return false, err
	}
	r.field, r.wire = int(int32(tag>>3)), int(tag&7)
	if r.wire == wireEnd {
		return false, ErrUnexpectedEndOfGroupRaft
	}
	if r.field <= 0 {
		return false, fmt.Errorf("%w: field number %d", ErrWireType, r.field)
	}
	return true, nil
}

func (r *reader) want(wire int) error {
	if r.wire != wire {
		return fmt.Errorf("%w: %d for field %d", ErrWireType, r.wire, r.field)
	}
	return nil
}

// value reads the current field as a varint.
func (r *reader) value(v *uint64) error {
	if err := r.want(wireVarint); err != nil {
		return err
	}
	var err error
	*v, err = r.uvarint()
	return err
}

func (r *reader) enum(v *int32) error {
	var u uint64
	err := r.value(&u)
	*v = int32(u)
	return err
}

func (r *reader) bool(v *bool) error {
	var u uint64
	err := r.value(&u)
	*v = u != 0
	return err
}

// bytes returns the current field's bytes, still part of the input.
func (r *reader) bytes() ([]byte, error) {
	if err := r.want(wireBytes); err != nil {
		return nil, err
	}
	n, err := r.uvarint()
	if err != nil {
		return nil, err
	}
	if n > 1<<62 {
		return nil, ErrInvalidLengthRaft
	}
	if n > uint64(len(r.b)-r.i) {
		return nil, io.ErrUnexpectedEOF
	}
	start := r.i
	r.i += int(n)
	return r.b[start:r.i:r.i], nil
}

// copied returns a copy of the current field's bytes, never nil.
func (r *reader) copied(v *[]byte) error {
	b, err := r.bytes()
	if err == nil {
		*v = append(make([]byte, 0, len(b)), b...)
	}
	return err
}

// inner returns a reader for the message in the current field.
func (r *reader) inner() (reader, error) {
	b, err := r.bytes()
	return reader{b: b, depth: r.depth}, err
}

// values appends the current field, packed or not, to v.
func (r *reader) values(v *[]uint64) error {
	if r.wire != wireBytes {
		var u uint64
		err := r.value(&u)
		if err == nil {
			*v = append(*v, u)
		}
		return err
	}
	in, err := r.inner()
	if err != nil {
		return err
	}
	n := 0 // integers end where a byte is below 0x80
	for _, c := range in.b {
		if c < 0x80 {
			n++
		}
	}
	*v = slices.Grow(*v, n)
	for in.i < len(in.b) {
		u, err := in.uvarint()
		if err != nil {
			return err
		}
		*v = append(*v, u)
	}
	return nil
}

// count returns how often a field stands in the message that r is at the start of.
func (r reader) count(field int) (int, error) {
	for n := 0; ; {
		more, err := r.next()
		if err != nil || !more {
			return n, err
		}
		if r.field == field {
			n++
		}
		if err := r.skip(); err != nil {
			return 0, err
		}
	}
}

// skip passes over the current field, which nobody knows.
func (r *reader) skip() error {
	for open := 0; ; {
		switch r.wire {
		case wireVarint:
			if _, err := r.uvarint(); err != nil {
				return err
			}
		case wireFixed64:
			r.i += 8
		case wireFixed32:
			r.i += 4
		case wireBytes:
			if _, err := r.bytes(); err != nil {
				return err
			}
		case wireGroup:
			if open++; open > maxDepth {
				return ErrNesting
			}
		case wireEnd:
			open--
		default:
			return fmt.Errorf("%w: %d for field %d", ErrWireType, r.wire, r.field)
		}
		if r.i > len(r.b) {
			return io.ErrUnexpectedEOF
		}
		if open == 0 {
			return nil
		}
		tag, err := r.uvarint()
		if err != nil {
			return err
		}
		r.field, r.wire = int(int32(tag>>3)), int(tag&7)
	}
}
