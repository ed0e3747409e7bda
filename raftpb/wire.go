package raftpb

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/bits"
	"slices"
)

// Wire types: the three low bits of a tag. The others are the field number.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireGroup   = 3
	wireEnd     = 4
	wireFixed32 = 5
)

// Encoding goes backwards, from the last field to the first: when the length of an
// embedded message is due, the message has been written and nobody has to compute its
// size again. A put function writes so that its field ends before position i, and
// returns the position at which it starts. The room has been checked by fits.

// fits returns n, or an error if that is more than b has room for.
func fits(n int, b []byte) (int, error) {
	if n > len(b) {
		return 0, fmt.Errorf("raftpb: %w: need %d bytes, have %d", io.ErrShortBuffer, n, len(b))
	}
	return n, nil
}

// appendTo appends the encoding of m to b.
func appendTo(b []byte, m interface {
	Size() int
	MarshalToSizedBuffer([]byte) (int, error)
}) ([]byte, error) {
	n := m.Size()
	b = slices.Grow(b, n)
	end := len(b) + n
	_, err := m.MarshalToSizedBuffer(b[len(b):end])
	return b[:end], err
}

// merge decodes the encoding of src, which may be nil, into dst, as runtimes of protobuf do. Its
// callers cannot return an error. After an error, dst holds what was merged before it.
func merge(dst interface{ Unmarshal([]byte) error }, src interface {
	Size() int
	Marshal() ([]byte, error)
}) {
	if src.Size() == 0 {
		return
	}
	if b, err := src.Marshal(); err == nil {
		_ = dst.Unmarshal(b)
	}
}

// sizeUvarint is the number of bytes that v takes, 7 bits in each. For long numbers it divides by
// 7 and rounds up, which is exact up to length 64. Counting bits is slow on many processors.
func sizeUvarint(v uint64) int {
	if v < 1<<14 {
		if v < 1<<7 {
			return 1
		}
		return 2
	}
	return (bits.Len64(v)*9 + 64) >> 6
}

// sizeField is the size of a varint field with a one-byte tag.
func sizeField(v uint64) int { return 1 + sizeUvarint(v) }

// sizeEmbedded is the size of a field, with a one-byte tag, that holds n bytes.
func sizeEmbedded(n int) int { return 1 + sizeUvarint(uint64(n)) + n }

// sizeBytes is the size of a bytes field; a nil one is not written, an empty one is.
func sizeBytes(v []byte) int {
	if v == nil {
		return 0
	}
	return sizeEmbedded(len(v))
}

func putField(b []byte, i int, tag byte, v uint64) int {
	i = putUvarint(b, i, v) - 1
	b[i] = tag
	return i
}

// putShort is putField for a number of one byte. It is inlined, and so are putPair and putMiddle.
func putShort(b []byte, i int, tag byte, v uint64) int {
	binary.LittleEndian.PutUint16(b[i-2:], uint16(v)<<8|uint16(tag))
	return i - 2
}

// putPair is putShort for the numbers of two consecutive fields. The tag is that of the first.
func putPair(b []byte, i int, tag byte, v, w uint64) int {
	binary.LittleEndian.PutUint32(b[i-4:], uint32(w)<<24|uint32(tag+1<<3)<<16|uint32(v)<<8|uint32(tag))
	return i - 4
}

// isMiddle reports whether v takes three bytes, as the indexes of many logs do.
func isMiddle(v uint64) bool { return v-1<<14 < 1<<21-1<<14 }

// putMiddle is putField for a number of three bytes.
func putMiddle(b []byte, i int, tag byte, v uint64) int {
	binary.LittleEndian.PutUint32(b[i-4:], uint32(v>>14)<<24|uint32(v>>7&0x7f|0x80)<<16|uint32(v&0x7f|0x80)<<8|uint32(tag))
	return i - 4
}

func putUvarint(b []byte, i int, v uint64) int {
	switch {
	case v < 1<<7:
		b[i-1] = byte(v)
		return i - 1
	case v < 1<<14:
		b[i-1], b[i-2] = byte(v>>7), byte(v)|0x80
		return i - 2
	case v < 1<<21:
		b[i-1], b[i-2], b[i-3] = byte(v>>14), byte(v>>7)|0x80, byte(v)|0x80
		return i - 3
	}
	start := i - sizeUvarint(v)
	i = start
	if v >= 1<<56 {
		binary.LittleEndian.PutUint64(b[i:], spread(v)|more)
		i, v = i+8, v>>56
	}
	for ; v >= 0x80; i++ {
		b[i] = byte(v) | 0x80
		v >>= 7
	}
	b[i] = byte(v)
	return start
}

// more is the high bit of each byte, which says that another byte of the same number follows.
const more = 0x8080_8080_8080_8080

// spread puts the low 56 bits of v into eight bytes, 7 bits in each.
func spread(v uint64) uint64 {
	v = v&0x0000_0000_0fff_ffff | v&0x00ff_ffff_f000_0000<<4
	v = v&0x0000_3fff_0000_3fff | v&0x0fff_c000_0fff_c000<<2
	return v&0x007f_007f_007f_007f | v&0x3f80_3f80_3f80_3f80<<1
}

// gather is the inverse of spread. It ignores the high bit of each byte.
func gather(v uint64) uint64 {
	v = v&0x007f_007f_007f_007f | v&0x7f00_7f00_7f00_7f00>>1
	v = v&0x0000_3fff_0000_3fff | v&0x3fff_0000_3fff_0000>>2
	return v&0x0000_0000_0fff_ffff | v&0x0fff_ffff_0000_0000>>4
}

// number returns what a bool is encoded as.
func number(v bool) uint64 {
	if v {
		return 1
	}
	return 0
}

func putBytes(b []byte, i int, tag byte, v []byte) int {
	if v == nil {
		return i
	}
	i -= len(v)
	copy(b[i:], v)
	return putField(b, i, tag, uint64(len(v)))
}

// Decoding functions take the input and a position in it, and return what they read
// and the position behind it.

// readTag reads the tag at i, which has to be inside b. It is uvarint in a form that the
// compiler inlines: nearly all tags take one byte.
func readTag(b []byte, i int) (tag uint64, next int, err error) {
	tag, next = uint64(b[i]), i+1
	if tag >= 0x80 {
		tag, next, err = uvarint(b, i)
	}
	return
}

// quick is uvarint for numbers of one or two bytes, small enough to be inlined. next is 0 where it
// does not know. A branch per byte is faster than arithmetic, for which the next field would wait.
func quick(b []byte, i int) (v uint64, next int) {
	if i+1 >= len(b) {
		return 0, 0
	}
	v = uint64(b[i])
	if v < 0x80 {
		return v, i + 1
	}
	if w := uint64(b[i+1]); w < 0x80 {
		return v&0x7f | w<<7, i + 2
	}
	return 0, 0
}

func uvarint(b []byte, i int) (v uint64, next int, err error) {
	if i < len(b) && b[i] < 0x80 {
		return uint64(b[i]), i + 1, nil
	}
	if i+1 < len(b) && b[i+1] < 0x80 {
		return uint64(b[i]&0x7f) | uint64(b[i+1])<<7, i + 2, nil
	}
	if i+2 < len(b) && b[i+2] < 0x80 {
		return uint64(b[i]&0x7f) | uint64(b[i+1]&0x7f)<<7 | uint64(b[i+2])<<14, i + 3, nil
	}
	for shift := 0; shift < 64; shift += 7 {
		if i >= len(b) {
			return 0, i, io.ErrUnexpectedEOF
		}
		c := b[i]
		i++
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v, i, nil
		}
	}
	return 0, i, ErrIntOverflowRaft
}

// inOrder reads numbers whose fields stand in the order of tags, each of one byte. It stops at
// anything else, malformed numbers included, and returns the position of that. It spells uvarint
// out: a call for each number takes longer than reading the numbers.
func inOrder(b []byte, i int, tags string, into []*uint64) int {
	for k, p := range into {
		if i+1 >= len(b) || b[i] != tags[k] {
			break
		}
		v, next := uint64(b[i+1]), i+2
		if v >= 0x80 {
			v &= 0x7f
			shift := 7
			if i+9 <= len(b) {
				if x := binary.LittleEndian.Uint64(b[i+1:]); x&more == more { // many ids are so long
					v, next, shift = gather(x), i+9, 56
				}
			}
			for ; ; shift += 7 {
				if next >= len(b) || shift >= 64 {
					return i
				}
				c := b[next]
				next++
				v |= uint64(c&0x7f) << (shift & 63) // without the mask, the shift takes a test
				if c < 0x80 {
					break
				}
			}
		}
		*p, i = v, next
	}
	return i
}

// span reads a length and returns the bytes that it covers, still part of the input.
func span(b []byte, i int) (in []byte, next int, err error) {
	n, i, err := uvarint(b, i)
	if err != nil {
		return nil, i, err
	}
	return cut(b, i, n)
}

// cut returns the n bytes at i, still part of the input.
func cut(b []byte, i int, n uint64) (in []byte, next int, err error) {
	if n > uint64(len(b)-i) {
		return nil, i, tooLong(n)
	}
	end := i + int(n)
	return b[i:end:end], end, nil
}

func tooLong(n uint64) error {
	if n > math.MaxInt64 {
		return ErrInvalidLengthRaft
	}
	return io.ErrUnexpectedEOF
}

// copied is span with a copy, which is never nil.
func copied(b []byte, i int) (v []byte, next int, err error) {
	in, i, err := span(b, i)
	if err != nil {
		return nil, i, err
	}
	return clone(in), i, nil
}

// clone returns a copy without room to spare. It is nil if v is nil, and not if v is empty.
func clone(v []byte) []byte {
	if v == nil {
		return nil
	}
	own := make([]byte, len(v))
	copy(own, v)
	return own
}

// room returns s with room for n more. It doubles what it cannot keep, so that all
// allocations of a slice together stay below 4 times what it needs in the end;
// slices.Grow grows large slices in smaller steps, which add up to more.
func room[T any](s []T, n int) []T {
	if n <= cap(s)-len(s) {
		return s
	}
	return append(make([]T, 0, max(len(s)+n, 2*cap(s))), s...)
}

// unpack appends packed integers to ids.
func unpack(ids []uint64, in []byte) ([]uint64, error) {
	n := 0
	for _, c := range in {
		if c < 0x80 { // the last byte of an integer
			n++
		}
	}
	ids = room(ids, n)
	for i := 0; i < len(in); {
		v, next, err := uvarint(in, i)
		if err != nil {
			return ids, err
		}
		ids, i = append(ids, v), next
	}
	return ids, nil
}

// skip passes over the field at i whose tag has been read. Fields up to the number
// known are the message's own; one that comes here has the wrong wire type.
func skip(b []byte, i int, tag uint64, known int) (next int, err error) {
	if err := legal(tag); err != nil {
		return i, err
	}
	if tag&7 == wireEnd {
		return i, ErrUnexpectedEndOfGroupRaft
	}
	if tag>>3 <= uint64(known) {
		return i, fmt.Errorf("%w: %d for field %d", ErrWireType, tag&7, tag>>3)
	}
	for open := 0; ; {
		switch tag & 7 {
		case wireGroup:
			if open++; open > MaxNesting {
				return i, ErrNesting
			}
		case wireEnd:
			open--
		default:
			if i, err = skipValue(b, i, tag); err != nil {
				return i, err
			}
		}
		if open == 0 {
			return i, nil
		}
		if tag, i, err = uvarint(b, i); err != nil {
			return i, err
		}
		if err := legal(tag); err != nil {
			return i, err
		}
	}
}

// legal refuses field number 0 and those beyond 29 bits.
func legal(tag uint64) error {
	if tag>>3 == 0 || tag > math.MaxUint32 {
		return fmt.Errorf("%w: field number %d", ErrWireType, tag>>3)
	}
	return nil
}

// skipValue passes over a value that is not a group.
func skipValue(b []byte, i int, tag uint64) (next int, err error) {
	switch tag & 7 {
	case wireVarint:
		_, next, err = uvarint(b, i)
	case wireFixed64:
		next = i + 8
	case wireBytes:
		_, next, err = span(b, i)
	case wireFixed32:
		next = i + 4
	default:
		err = fmt.Errorf("%w: %d for field %d", ErrWireType, tag&7, tag>>3)
	}
	if err == nil && next > len(b) {
		err = io.ErrUnexpectedEOF
	}
	return next, err
}
