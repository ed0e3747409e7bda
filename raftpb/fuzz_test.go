package raftpb

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// FuzzDecode decodes any bytes as any type: no panic, no more memory than promised, and
// what was decoded is encoded to something that decodes to the same encoding.
func FuzzDecode(f *testing.F) {
	m := append64()
	m.Responses = []Message{{Snapshot: &Snapshot{Metadata: SnapshotMetadata{ConfState: ConfState{Voters: []uint64{1, 2}}}}}}
	data, _ := m.Marshal()
	for i := range types {
		f.Add(uint8(i), data)
		f.Add(uint8(i), bytes.Repeat([]byte{0x3a, 0}, 50))
		f.Add(uint8(i), bytes.Repeat([]byte{0x12, 0}, 50))
		f.Add(uint8(i), bytes.Repeat([]byte{0x0a, 1, 1}, 50))
		f.Add(uint8(i), bytes.Repeat([]byte{0x72, 2, 0x4a, 0}, 50))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		typ := types[int(which)%len(types)]
		m := typ.zero()
		err := m.Unmarshal(data)
		if held := footprint(m); held > MaxDecodeBase+MaxDecodeFactor*len(data) {
			t.Fatalf("%s: %d bytes of memory for %d of input", typ.name, held, len(data))
		}
		if err != nil {
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

// FuzzEncode builds a value of any type from the input: decoding its encoding gives the
// same value.
func FuzzEncode(f *testing.F) {
	f.Add([]byte("seed"))
	f.Fuzz(rapid.MakeFuzz(func(t *rapid.T) {
		typ := types[rapid.IntRange(0, len(types)-1).Draw(t, "type")]
		m := typ.draw(t)
		data, err := m.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		got := typ.zero()
		if err := got.Unmarshal(data); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, got); diff != "" {
			t.Fatal(diff)
		}
	}))
}
