package session

import "encoding/binary"

// input is encoded bytes that are being read. Once something was wrong, everything that
// is read is zero.
type input struct {
	data []byte // what is left
	bad  bool
}

func (in *input) fail() {
	in.bad = true
	in.data = nil
}

func (in *input) byte() byte {
	if len(in.data) == 0 {
		in.fail()
		return 0
	}
	b := in.data[0]
	in.data = in.data[1:]
	return b
}

// uvarint reads a number in the one encoding that is the shortest: equal values have equal
// bytes only if no other is let through.
func (in *input) uvarint() uint64 {
	v, n := binary.Uvarint(in.data)
	if n <= 0 || n > 1 && in.data[n-1] == 0 {
		in.fail()
		return 0
	}
	in.data = in.data[n:]
	return v
}

// bytes reads n bytes, still part of the input.
func (in *input) bytes(n uint64) []byte {
	if n > uint64(len(in.data)) {
		in.fail()
		return nil
	}
	b := in.data[:n:n]
	in.data = in.data[n:]
	return b
}

// count reads a number of items, each of which takes at least size bytes: what the
// input claims to contain cannot be more than it has room for.
func (in *input) count(size int) int {
	n := in.uvarint()
	if n > uint64(len(in.data)/size) {
		in.fail()
		return 0
	}
	return int(n)
}
