package raftpb

import (
	"bytes"
	"errors"
	"reflect"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// footprint is the memory behind a decoded value, what a slice has to spare included.
func footprint(m any) int { return behind(reflect.ValueOf(m).Elem()) }

func behind(v reflect.Value) int {
	n := 0
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			n += behind(v.Field(i))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			n = int(v.Type().Elem().Size()) + behind(v.Elem())
		}
	case reflect.Slice:
		n = v.Cap() * int(v.Type().Elem().Size())
		for i := 0; v.Type().Elem().Kind() == reflect.Struct && i < v.Len(); i++ {
			n += behind(v.Index(i))
		}
	}
	return n
}

// field is a length-delimited field with a one-byte tag.
func field(number byte, content []byte) []byte {
	b := make([]byte, sizeEmbedded(len(content))-len(content))
	putField(b, len(b), number<<3|wireBytes, uint64(len(content)))
	return append(b, content...)
}

func times(n int, parts ...[]byte) []byte { return bytes.Repeat(bytes.Join(parts, nil), n) }

// allocated is what Unmarshal allocates, garbage included.
func allocated(m coded, input []byte) (n int, err error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = m.Unmarshal(input)
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc), err
}

// The inputs that cost the most memory a byte stay below the promised multiple.
func TestDecodingAllocatesAtMostAMultipleOfTheInput(t *testing.T) {
	const n = 1 << 14
	chain := []byte(nil)
	for range MaxNesting {
		chain = field(14, chain)
	}
	empty := field(14, nil)
	emptyEntries := times(n, field(7, nil))
	pieces := func(ids int) []byte { return field(1, make([]byte, ids)) }
	growing := pieces(128) // each step needs one more than there is room for
	for room := 128; room < n; room *= 2 {
		growing = append(append(growing, pieces(1)...), pieces(room-1)...)
	}
	growing = append(growing, pieces(1)...)
	growingIDs := field(9, field(2, field(1, growing)))
	for _, tc := range []struct {
		name  string
		into  coded
		input []byte
		want  error
	}{
		{"empty entries", &Message{}, emptyEntries, nil},
		{"empty responses", &Message{}, times(n, empty), ErrDecodeLimit},
		{"empty responses two deep", &Message{}, times(n/16, field(14, times(16, empty))), ErrDecodeLimit},
		{"empty responses among empty entries", &Message{}, append(times(n/8, empty), emptyEntries...), ErrDecodeLimit},
		{"responses in each other", &Message{}, times(n/16, chain), ErrDecodeLimit},
		{"responses with nothing but a snapshot", &Message{}, times(n, field(14, field(9, nil))), ErrDecodeLimit},
		{"responses with a snapshot and a field", &Message{}, times(n, field(14, []byte{0x10, 0x80, 1, 0x4a, 0})), ErrDecodeLimit},
		{"responses with an entry each", &Message{}, times(n, field(14, field(7, nil))), ErrDecodeLimit},
		{"responses of two small fields", &Message{}, times(n, field(14, []byte{0x10, 1, 0x18, 2, 0x20, 3})), nil},
		{"empty changes", &ConfChangeV2{}, times(n, field(2, nil)), nil},
		{"single ids", &ConfState{}, times(n, []byte{0x08, 1}), nil},
		{"packed ids", &ConfState{}, pieces(n), nil},
		{"packed ids in small pieces", &ConfState{}, times(n, pieces(4)), nil},
		{"packed ids in large pieces", &ConfState{}, times(n/64, pieces(100)), nil},
		{"packed ids in growing pieces", &ConfState{}, growing, nil},
		{"packed ids in growing pieces and empty responses", &Message{}, append(times(len(growing)*21/100, empty), growingIDs...), nil},
		{"packed ids in growing pieces and more empty responses", &Message{}, append(times(len(growing)/4, empty), growingIDs...), ErrDecodeLimit},
		{"a snapshot merged again and again", &Message{}, times(n, field(9, field(2, field(1, []byte{0x08, 1})))), nil},
		{"contexts over and over", &Message{}, times(n, field(12, []byte("x"))), nil},
		{"entries with a byte of data", &Message{}, times(n, field(7, field(4, []byte("x")))), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			used, err := allocated(tc.into, tc.input)
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if limit := MaxDecodeBase + MaxDecodeFactor*len(tc.input); used > limit {
				t.Errorf("%d bytes for an input of %d: factor %.1f", used, len(tc.input), float64(used)/float64(len(tc.input)))
			}
		})
	}
}

// Random heaps of the smallest things that can be nested: what nobody thought of above.
func TestNoHeapOfSmallFieldsTakesMoreMemoryThanPromised(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		input := drawHeap(t, 4)
		used, err := allocated(&Message{}, input)
		if err != nil && !errors.Is(err, ErrDecodeLimit) {
			t.Fatalf("%x: %v", input, err)
		}
		if limit := MaxDecodeBase + MaxDecodeFactor*len(input); used > limit {
			t.Fatalf("%d bytes for an input of %d", used, len(input))
		}
	})
}

func drawHeap(t *rapid.T, depth int) []byte {
	var b []byte
	for range rapid.IntRange(0, 4).Draw(t, "parts") {
		part := field(rapid.SampledFrom([]byte{7, 9, 14}).Draw(t, "field"), nil)
		if depth > 0 && rapid.Bool().Draw(t, "nested") {
			part = field(14, drawHeap(t, depth-1))
		}
		const enough = 1 << 15 // bytes: repetitions of repetitions grow quickly
		n := rapid.SampledFrom([]int{1, 10, 100}).Draw(t, "times")
		b = append(b, times(min(n, 1+enough/len(part)), part)...)
	}
	return b
}

func TestALengthThatIsNotThereCostsNothing(t *testing.T) {
	for _, input := range []string{"3a ffffff7f", "4a ffffff7f", "62 ffffffff07", "72 ffffffff0f"} {
		if used, err := allocated(&Message{}, unhex(t, input)); err == nil || used > MaxDecodeBase {
			t.Errorf("%s: %d bytes, %v", input, used, err)
		}
	}
}

func TestTheLimitsRefuseNothingThatMarshalWrites(t *testing.T) {
	deep := Message{Snapshot: &Snapshot{}}
	for range MaxNesting {
		deep = Message{Snapshot: &Snapshot{}, Responses: []Message{deep}}
	}
	for _, tc := range []struct {
		name string
		m    coded
		into coded
	}{
		{"empty entries", &Message{Entries: make([]Entry, 500)}, &Message{}},
		{"empty responses", &Message{Responses: make([]Message, 500)}, &Message{}},
		{"responses as deep as they may be", &deep, &Message{}},
		{"small ids", &ConfState{Voters: make([]uint64, 500), LearnersNext: make([]uint64, 500)}, &ConfState{}},
		{"empty changes", &ConfChangeV2{Changes: make([]ConfChangeSingle, 500)}, &ConfChangeV2{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			data, _ := tc.m.Marshal()
			if err := tc.into.Unmarshal(data); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.m, tc.into); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheLimitsDoNotCountWhatTheReceiverHolds(t *testing.T) {
	ids := &ConfState{Voters: make([]uint64, 5000)}
	entries := &Message{Entries: make([]Entry, 5000)}
	if err := ids.Unmarshal([]byte{0x08, 7}); err != nil || len(ids.Voters) != 5001 || ids.Voters[5000] != 7 {
		t.Errorf("%d voters, %v", len(ids.Voters), err)
	}
	if err := entries.Unmarshal(field(7, []byte{0x18, 7})); err != nil || len(entries.Entries) != 5001 || entries.Entries[5000].Index != 7 {
		t.Errorf("%d entries, %v", len(entries.Entries), err)
	}
}

func TestTheCostsCoverTheSizes(t *testing.T) {
	for _, tc := range []struct {
		value any
		cost  int
	}{{Entry{}, entryCost}, {Message{}, messageCost}, {Snapshot{}, snapshotCost}} {
		if size := int(reflect.TypeOf(tc.value).Size()); size > tc.cost {
			t.Errorf("%T has %d bytes, counted as %d", tc.value, size, tc.cost)
		}
	}
}
