package input

import (
	"encoding/binary"
	"math"
	"testing"
)

func TestWhatWasWrittenIsRead(t *testing.T) {
	numbers := []int64{0, 1, -1, 63, -64, 64, math.MaxInt64, math.MinInt64}
	data := binary.AppendUvarint([]byte{7}, math.MaxUint64)
	for _, n := range numbers {
		data = binary.AppendVarint(data, n)
	}
	data = append(data, 2, 'a', 'b')
	r := Reader{Data: data}
	if b, n := r.Byte(), r.Uvarint(); b != 7 || n != math.MaxUint64 {
		t.Errorf("%d, %d", b, n)
	}
	for _, want := range numbers {
		if got := r.Varint(); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
	if n := r.Count(1); n != 2 || r.Done() || string(r.Bytes(2)) != "ab" || !r.Done() {
		t.Errorf("%d, %+v", n, r)
	}
}

// After something wrong, everything is zero: what is left over cannot be taken for a value.
func TestWhatIsWrongIsNoticed(t *testing.T) {
	for name, read := range map[string]func(r *Reader){
		"a number that does not end":   func(r *Reader) { r.Data = []byte{0x80}; r.Uvarint() },
		"a number that is too large":   func(r *Reader) { r.Data = binary.AppendUvarint([]byte{0xff}, math.MaxUint64); r.Uvarint() },
		"a number that is too long":    func(r *Reader) { r.Data = []byte{0x81, 0}; r.Uvarint() },
		"more bytes than there are":    func(r *Reader) { r.Bytes(4) },
		"more items than have room":    func(r *Reader) { r.Data = []byte{2, 1, 1, 1}; r.Count(2) },
		"a byte where nothing is left": func(r *Reader) { r.Data = nil; r.Byte() },
	} {
		r := Reader{Data: []byte{1, 2, 3}}
		if read(&r); !r.Bad || r.Done() || r.Byte() != 0 || r.Uvarint() != 0 || r.Varint() != 0 || r.Count(1) != 0 || r.Bytes(1) != nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}
