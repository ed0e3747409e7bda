package raftpb

import (
	"bytes"
	"runtime"
	"testing"

	"pgregory.net/rapid"
)

// FuzzDecode decodes any bytes as any type: no panic, no more memory than promised, and what was
// decoded is encoded to something that decodes to the same encoding.
func FuzzDecode(f *testing.F) {
	m := append64()
	m.Responses = []Message{{Snapshot: &Snapshot{Metadata: SnapshotMetadata{ConfState: ConfState{Voters: []uint64{1, 2}}}}}}
	data, _ := m.Marshal()
	for i := range types {
		f.Add(uint8(i), data)
		f.Add(uint8(i), bytes.Repeat([]byte{0x3a, 0}, 50))
		f.Add(uint8(i), bytes.Repeat([]byte{0x12, 0}, 50))
		f.Add(uint8(i), bytes.Repeat([]byte{0x0a, 1, 1}, 50))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		typ := types[int(which)%len(types)]
		m := typ.zero()
		if err := m.Unmarshal(data); err != nil {
			return
		}
		first, err := m.Marshal()
		if err != nil || len(first) != m.Size() {
			t.Fatalf("%s: %d bytes, size %d, %v", typ.name, len(first), m.Size(), err)
		}
		again := typ.zero()
		if err := again.Unmarshal(first); err != nil {
			t.Fatalf("%s: own encoding %x: %v", typ.name, first, err)
		}
		if second, _ := again.Marshal(); !bytes.Equal(first, second) {
			t.Fatalf("%s: encoded as %x, then as %x", typ.name, first, second)
		}
		_ = m.String()
	})
}

// FuzzEncode builds a value from the input and looks whether it survives.
func FuzzEncode(f *testing.F) {
	f.Add([]byte("seed"))
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		m := drawMessage(t)
		data, err := m.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		var got Message
		if err := got.Unmarshal(data); err != nil {
			t.Fatal(err)
		}
		if again, _ := got.Marshal(); !bytes.Equal(data, again) {
			t.Fatalf("encoded as %x, then as %x", data, again)
		}
	}))
}

// The inputs that cost the most memory a byte stay below the promised multiple.
func TestDecodingAllocatesAtMostAMultipleOfTheInput(t *testing.T) {
	const n = 1 << 16
	packed := append([]byte{0x0a}, putLength(n)...)
	packed = append(packed, make([]byte, n)...)
	for _, tc := range []struct {
		name  string
		into  coded
		input []byte
	}{
		{"empty entries", &Message{}, bytes.Repeat([]byte{0x3a, 0}, n)},
		{"responses of the least size", &Message{}, bytes.Repeat(append([]byte{0x72, 14}, bytes.Repeat([]byte{0x10, 0}, 7)...), n/16)},
		{"empty changes", &ConfChangeV2{}, bytes.Repeat([]byte{0x12, 0}, n)},
		{"single ids", &ConfState{}, bytes.Repeat([]byte{0x08, 1}, n)},
		{"packed ids", &ConfState{}, packed},
		{"packed ids in many pieces", &ConfState{}, bytes.Repeat([]byte{0x0a, 4, 1, 2, 3, 4}, n/4)},
		{"snapshots merged again and again", &Message{}, bytes.Repeat([]byte{0x4a, 6, 0x12, 4, 0x0a, 2, 0x08, 1}, n/4)},
		{"contexts over and over", &Message{}, bytes.Repeat([]byte{0x62, 1, 'x'}, n/2)},
		{"huge lengths that are not there", &Message{}, bytes.Repeat([]byte{0x3a, 0xff, 0xff, 0xff, 0x7f}, n/4)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_ = tc.into.Unmarshal(tc.input)
			runtime.ReadMemStats(&after)
			if used, limit := after.TotalAlloc-before.TotalAlloc, uint64(MaxDecodeBase+MaxDecodeFactor*len(tc.input)); used > limit {
				t.Errorf("%d bytes for an input of %d: factor %.1f", used, len(tc.input), float64(used)/float64(len(tc.input)))
			}
		})
	}
}

func putLength(n int) []byte {
	b := make([]byte, sizeUvarint(uint64(n)))
	putUvarint(b, 0, uint64(n))
	return b
}
