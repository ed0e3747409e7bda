// Package input reads encoded bytes that may come from anybody.
package input

import "encoding/binary"

// Reader takes values from the front of its data. Once something was wrong, everything that is read
// is zero.
type Reader struct {
	Data []byte // what is left
	Bad  bool   // something was wrong
}

// Fail says that something is wrong.
func (r *Reader) Fail() { r.Bad, r.Data = true, nil }

// Done reports whether nothing was wrong, and nothing is left.
func (r *Reader) Done() bool { return !r.Bad && len(r.Data) == 0 }

// Byte reads a byte.
func (r *Reader) Byte() byte {
	if b := r.Bytes(1); b != nil {
		return b[0]
	}
	return 0
}

// Uvarint reads a number in the one encoding that is the shortest: equal values have equal bytes
// only if no other is let through.
func (r *Reader) Uvarint() uint64 {
	v, n := binary.Uvarint(r.Data)
	if n <= 0 || n > 1 && r.Data[n-1] == 0 {
		r.Fail()
		return 0
	}
	r.Data = r.Data[n:]
	return v
}

// Varint reads a number that may be negative, likewise.
func (r *Reader) Varint() int64 {
	v := r.Uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// Bytes reads n bytes, still part of the input; nil if there are fewer.
func (r *Reader) Bytes(n uint64) []byte {
	if n > uint64(len(r.Data)) {
		r.Fail()
		return nil
	}
	b := r.Data[:n:n]
	r.Data = r.Data[n:]
	return b
}

// Count reads a number of items, each of which takes at least size bytes: the input cannot hold
// more of them than it has room for.
func (r *Reader) Count(size int) int {
	n := r.Uvarint()
	if n > uint64(len(r.Data)/size) {
		r.Fail()
		return 0
	}
	return int(n)
}
