package raftpb

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// coded is a type with its whole codec.
type coded interface {
	Marshal() ([]byte, error)
	MarshalTo([]byte) (int, error)
	MarshalToSizedBuffer([]byte) (int, error)
	Size() int
	Unmarshal([]byte) error
	Reset()
	String() string
	ProtoMessage()
}

// types holds a generator, and a maker of a zero value, of every type.
var types = []struct {
	name string
	draw func(*rapid.T) coded
	zero func() coded
}{
	{"Entry", func(t *rapid.T) coded { m := drawEntry(t); return &m }, func() coded { return &Entry{} }},
	{"HardState", func(t *rapid.T) coded { m := drawHardState(t); return &m }, func() coded { return &HardState{} }},
	{"ConfState", func(t *rapid.T) coded { m := drawConfState(t); return &m }, func() coded { return &ConfState{} }},
	{"SnapshotMetadata", func(t *rapid.T) coded { m := drawMetadata(t); return &m }, func() coded { return &SnapshotMetadata{} }},
	{"Snapshot", func(t *rapid.T) coded { m := drawSnapshot(t); return &m }, func() coded { return &Snapshot{} }},
	{"Message", func(t *rapid.T) coded { m := drawMessage(t); return &m }, func() coded { return &Message{} }},
	{"ConfChange", func(t *rapid.T) coded { m := drawConfChange(t); return &m }, func() coded { return &ConfChange{} }},
	{"ConfChangeSingle", func(t *rapid.T) coded { m := drawConfChangeSingle(t); return &m }, func() coded { return &ConfChangeSingle{} }},
	{"ConfChangeV2", func(t *rapid.T) coded { m := drawConfChangeV2(t); return &m }, func() coded { return &ConfChangeV2{} }},
}

func TestDecodingIsTheInverseOfEncoding(t *testing.T) {
	for _, typ := range types {
		t.Run(typ.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m := typ.draw(t)
				data, err := m.Marshal()
				if err != nil || len(data) != m.Size() {
					t.Fatalf("%d bytes, size %d, %v", len(data), m.Size(), err)
				}
				got := typ.zero()
				if err := got.Unmarshal(data); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(m, got); diff != "" {
					t.Fatal(diff)
				}
				for i := range data {
					data[i] ^= 0xff // what was decoded must not refer to the input
				}
				if diff := cmp.Diff(m, got); diff != "" {
					t.Fatalf("refers to the input:\n%s", diff)
				}
				m.Reset()
				if diff := cmp.Diff(typ.zero(), m); diff != "" {
					t.Fatalf("Reset left:\n%s", diff)
				}
			})
		})
	}
}

func TestTheWaysToEncodeAgreeAndRefuseShortBuffers(t *testing.T) {
	for _, typ := range types {
		t.Run(typ.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				m := typ.draw(t)
				want, _ := m.Marshal()
				buf := bytes.Repeat([]byte{0xaa}, len(want)+rapid.IntRange(0, 9).Draw(t, "more"))
				n, err := m.MarshalTo(buf)
				if err != nil || !bytes.Equal(buf[:n], want) || !allAre(buf[n:], 0xaa) {
					t.Fatalf("MarshalTo: %d, %v, %x, want %x", n, err, buf, want)
				}
				buf = bytes.Repeat([]byte{0xaa}, len(buf))
				n, err = m.MarshalToSizedBuffer(buf)
				if err != nil || !bytes.Equal(buf[len(buf)-n:], want) || !allAre(buf[:len(buf)-n], 0xaa) {
					t.Fatalf("MarshalToSizedBuffer: %d, %v, %x, want %x", n, err, buf, want)
				}
				if len(want) == 0 {
					return
				}
				short := make([]byte, rapid.IntRange(0, len(want)-1).Draw(t, "short"))
				if _, err := m.MarshalTo(short); !errors.Is(err, io.ErrShortBuffer) {
					t.Fatalf("MarshalTo a short buffer: %v", err)
				}
				if _, err := m.MarshalToSizedBuffer(short); !errors.Is(err, io.ErrShortBuffer) {
					t.Fatalf("MarshalToSizedBuffer to a short buffer: %v", err)
				}
			})
		})
	}
}

// MarshalTo ignores the length of its buffer, as generated code does.
func TestMarshalToUsesTheCapacity(t *testing.T) {
	for _, typ := range types {
		rapid.Check(t, func(t *rapid.T) {
			m := typ.draw(t)
			want, _ := m.Marshal()
			buf := make([]byte, 0, len(want))
			if n, err := m.MarshalTo(buf); err != nil || !bytes.Equal(buf[:n], want) {
				t.Fatalf("%s: %v, %x, want %x", typ.name, err, buf[:n], want)
			}
		})
	}
}

func TestANilMessageHasSizeZero(t *testing.T) {
	for _, m := range []coded{
		(*Entry)(nil), (*HardState)(nil), (*ConfState)(nil), (*SnapshotMetadata)(nil), (*Snapshot)(nil), (*Message)(nil),
		(*ConfChange)(nil), (*ConfChangeSingle)(nil), (*ConfChangeV2)(nil),
	} {
		if m.Size() != 0 {
			t.Errorf("%T: %d", m, m.Size())
		}
	}
}

// The array that Data had before is not changed: the program may have given it away.
func TestDecodingAnEntryWritesIntoNoArrayOfItsOwn(t *testing.T) {
	data := []byte("before")
	e := Entry{Data: data}
	if err := e.Unmarshal([]byte{2<<3 | wireVarint, 5}); err != nil || &e.Data[0] != &data[0] || e.Term != 5 {
		t.Errorf("without data: %v, %v", e.String(), err)
	}
	if err := e.Unmarshal(field(4, []byte("after"))); err != nil || string(e.Data) != "after" || string(data) != "before" {
		t.Errorf("with data: %v, %v; before it was %q", e.String(), err, data)
	}
}

func allAre(b []byte, c byte) bool {
	return len(bytes.Trim(b, string([]byte{c}))) == 0 || bytes.Count(b, []byte{c}) == len(b)
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The bytes below are written by hand from the rules in raft.proto.
func TestTheEncodingIsTheWireFormat(t *testing.T) {
	for _, tc := range []struct {
		name string
		m    coded
		want string
	}{
		{"zeros are written", &HardState{}, "0800 1000 1800"},
		{"hard state", &HardState{Term: 1, Vote: 300, Commit: 5}, "0801 10ac02 1805"},
		{"an entry without data", &Entry{Term: 2, Index: 7}, "0800 1002 1807"},
		{"an entry with empty data", &Entry{Term: 2, Index: 7, Data: []byte{}}, "0800 1002 1807 2200"},
		{"an entry with data", &Entry{Type: EntryConfChangeV2, Term: 2, Index: 7, Data: []byte("ab")}, "0802 1002 1807 22026162"},
		{"a negative enum takes ten bytes", &Entry{Type: -1}, "08ffffffffffffffffff01 1000 1800"},
		{"ids are not packed", &ConfState{Voters: []uint64{1, 2}, Learners: []uint64{3}, VotersOutgoing: []uint64{4}, LearnersNext: []uint64{5}, AutoLeave: true},
			"0801 0802 1003 1804 2005 2801"},
		{"metadata has a configuration always", &SnapshotMetadata{Index: 9, Term: 3}, "0a02 2800 1009 1803"},
		{"a snapshot has metadata always", &Snapshot{}, "1208 0a02 2800 1000 1800"},
		{"a snapshot with data", &Snapshot{Data: []byte("x")}, "0a0178 1208 0a02 2800 1000 1800"},
		{"an empty message", &Message{}, "0800 1000 1800 2000 2800 3000 4000 5000 5800 6800"},
		{"a full message", &Message{
			Type: MsgApp, To: 2, From: 1, Term: 9, LogTerm: 8, Index: 200, Commit: 190, Vote: 4, Reject: true, RejectHint: 3, Context: []byte("c"),
			Entries: []Entry{{Term: 9, Index: 201}}, Snapshot: &Snapshot{}, Responses: []Message{{To: 7}},
		}, "0803 1002 1801 2009 2808 30c801 3a07 0800 1009 18c901 40be01 4a0a 1208 0a02 2800 1000 1800 5001 5803 620163 6804" +
			"7214 0800 1007 1800 2000 2800 3000 4000 5000 5800 6800"},
		{"a change", &ConfChange{ID: 1, Type: ConfChangeRemoveNode, NodeID: 3, Context: []byte("c")}, "0801 1001 1803 220163"},
		{"changes", &ConfChangeV2{Transition: ConfChangeTransitionJointExplicit, Changes: []ConfChangeSingle{{Type: ConfChangeAddLearnerNode, NodeID: 4}}, Context: []byte{}},
			"0802 1204 0803 1004 1a00"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.m.Marshal()
			if want := unhex(t, tc.want); err != nil || !bytes.Equal(got, want) {
				t.Errorf("got  %x (%v)\nwant %x", got, err, want)
			}
		})
	}
}

func TestDecodingAcceptsWhatOthersMayWrite(t *testing.T) {
	for _, tc := range []struct {
		name  string
		input string
		got   coded
		want  coded
	}{
		{"packed ids", "0a03 01ac02", &ConfState{}, &ConfState{Voters: []uint64{1, 300}}},
		{"packed and single ids", "0801 0a02 0203 0804", &ConfState{}, &ConfState{Voters: []uint64{1, 2, 3, 4}}},
		{"fields in any order", "1805 0801", &HardState{}, &HardState{Term: 1, Commit: 5}},
		{"the last of repeated scalars", "0801 0802", &HardState{}, &HardState{Term: 2}},
		{"parts of an embedded message", "1202 1009 1202 1803", &Snapshot{}, &Snapshot{Metadata: SnapshotMetadata{Index: 9, Term: 3}}},
		{"a number in more bytes than it needs", "0881808000", &HardState{}, &HardState{Term: 1}},
		{"unknown fields of every wire type", "7801 79 0102030405060708 7a0161 7b 7b 0801 7c 7c 7d 01020304 0802", &HardState{}, &HardState{Term: 2}},
		{"nothing", "", &Message{}, &Message{}},
		{"values are merged", "1003", &HardState{Term: 1, Vote: 2}, &HardState{Term: 1, Vote: 3}},
		{"an absent bytes field leaves what was there", "1003", &Entry{Data: []byte("old")}, &Entry{Term: 3, Data: []byte("old")}},
		{"bytes are replaced", "2201 6e", &Entry{Data: []byte("old")}, &Entry{Data: []byte("n")}},
		{"the last of repeated bytes", "0a0161 0a0162", &Snapshot{}, &Snapshot{Data: []byte("b"), Metadata: SnapshotMetadata{}}},
		{"a snapshot is merged into the one that is there", "4a06 1204 1009 1803",
			&Message{Snapshot: &Snapshot{Data: []byte("d"), Metadata: SnapshotMetadata{ConfState: ConfState{Voters: []uint64{1}}}}},
			&Message{Snapshot: &Snapshot{Data: []byte("d"), Metadata: SnapshotMetadata{ConfState: ConfState{Voters: []uint64{1}}, Index: 9, Term: 3}}}},
		{"ids are appended", "0802 0a0103", &ConfState{Voters: []uint64{1}}, &ConfState{Voters: []uint64{1, 2, 3}}},
		{"changes are appended", "1204 0801 1002", &ConfChangeV2{Changes: []ConfChangeSingle{{NodeID: 1}}},
			&ConfChangeV2{Changes: []ConfChangeSingle{{NodeID: 1}, {Type: ConfChangeRemoveNode, NodeID: 2}}}},
		{"any number but 0 is true", "2802", &ConfState{}, &ConfState{AutoLeave: true}},
		{"an enum of 64 bits is cut to 32", "08 8380808080 01", &Message{}, &Message{Type: MsgApp}},
		{"data that is empty is not nil", "3a02 2200 3a00", &Message{}, &Message{Entries: []Entry{{Data: []byte{}}, {}}}},
		{"entries are appended", "3a02 1805", &Message{Entries: []Entry{{Index: 4}}}, &Message{Entries: []Entry{{Index: 4}, {Index: 5}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.got.Unmarshal(unhex(t, tc.input)); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, tc.got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodingRefusesWhatIsMalformed(t *testing.T) {
	deep := Message{}
	for range MaxNesting + 1 {
		deep = Message{Responses: []Message{deep}}
	}
	deepData, _ := deep.Marshal()
	for _, tc := range []struct {
		name  string
		into  coded
		input []byte
		want  error
	}{
		{"a tag without a value", &HardState{}, unhex(t, "08"), io.ErrUnexpectedEOF},
		{"an unfinished number", &HardState{}, unhex(t, "0880"), io.ErrUnexpectedEOF},
		{"a number of eleven bytes", &HardState{}, unhex(t, "08 8080808080808080808001"), ErrIntOverflowRaft},
		{"data beyond the end", &Entry{}, unhex(t, "2205 6162"), io.ErrUnexpectedEOF},
		{"a length that is negative", &Entry{}, unhex(t, "22 ffffffffffffffffff01"), ErrInvalidLengthRaft},
		{"an entry beyond the end", &Message{}, unhex(t, "3a05 0800"), io.ErrUnexpectedEOF},
		{"an error inside an entry", &Message{}, unhex(t, "3a01 08"), io.ErrUnexpectedEOF},
		{"a scalar as bytes", &HardState{}, unhex(t, "0a0161"), ErrWireType},
		{"bytes as a scalar", &Entry{}, unhex(t, "2001"), ErrWireType},
		{"field number 0", &HardState{}, unhex(t, "0001"), ErrWireType},
		{"wire type 6", &HardState{}, unhex(t, "7e"), ErrWireType},
		{"the end of no group", &HardState{}, unhex(t, "0c"), ErrUnexpectedEndOfGroupRaft},
		{"a group without an end", &HardState{}, unhex(t, "7b 0801"), io.ErrUnexpectedEOF},
		{"groups nested too deeply", &HardState{}, bytes.Repeat([]byte{0x7b}, 100), ErrNesting},
		{"responses nested too deeply", &Message{}, deepData, ErrNesting},
		{"a thousand empty responses", &Message{}, bytes.Repeat([]byte{0x72, 0}, 1000), ErrDecodeLimit},
		{"a tag of 33 bits", &HardState{}, unhex(t, "8880808010 01"), ErrWireType},
		{"field number 0 inside an unknown group", &HardState{}, unhex(t, "7b 0001 7c"), ErrWireType},
		{"packed ids whose last one is cut off", &ConfState{}, unhex(t, "0a02 0180 0801"), io.ErrUnexpectedEOF},
		{"an error inside a configuration", &Snapshot{}, unhex(t, "1204 0a02 0880"), io.ErrUnexpectedEOF},
		{"an error inside a change", &ConfChangeV2{}, unhex(t, "1202 1080"), io.ErrUnexpectedEOF},
		{"metadata beyond the end", &Snapshot{}, unhex(t, "1209 10"), io.ErrUnexpectedEOF},
		{"a snapshot beyond the end", &Message{}, unhex(t, "4a09 12"), io.ErrUnexpectedEOF},
		{"a configuration as a scalar", &SnapshotMetadata{}, unhex(t, "0801"), ErrWireType},
		{"an error behind an entry", &Message{}, unhex(t, "3a02 1001 10ffffffffffffffffffff01"), ErrIntOverflowRaft},
		{"an unknown fixed64 beyond the end", &HardState{}, unhex(t, "79 0102"), io.ErrUnexpectedEOF},
		{"an unknown fixed32 beyond the end", &HardState{}, unhex(t, "7d 01"), io.ErrUnexpectedEOF},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.into.Unmarshal(tc.input); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
		})
	}
}

func TestEntriesOfOneMessageCannotOverwriteEachOther(t *testing.T) {
	data, _ := (&Message{Entries: []Entry{{Data: []byte("aa")}, {Data: []byte("bb")}}}).Marshal()
	var m Message
	if err := m.Unmarshal(data); err != nil {
		t.Fatal(err)
	}
	_ = append(m.Entries[0].Data, "XX"...)
	if got := string(m.Entries[1].Data); got != "bb" {
		t.Errorf("the second entry is %q", got)
	}
}

func append64() Message {
	m := Message{Type: MsgApp, To: 2, From: 1, Term: 9, LogTerm: 8, Index: 1000, Commit: 900}
	for i := range 64 {
		m.Entries = append(m.Entries, Entry{Term: 9, Index: uint64(1001 + i), Data: make([]byte, 128)})
	}
	return m
}

// One array for the entries, and one for each 4096 bytes of data.
func TestSmallEntriesOfAMessageShareArrays(t *testing.T) {
	m := append64()
	for _, tc := range []struct{ entries, most int }{{0, 0}, {1, 2}, {2, 2}, {31, 2}, {64, 3}} {
		cut := m
		cut.Entries = m.Entries[:tc.entries]
		data, _ := cut.Marshal()
		if n := int(testing.AllocsPerRun(100, func() {
			var got Message
			if err := got.Unmarshal(data); err != nil {
				t.Fatal(err)
			}
		})); n > tc.most {
			t.Errorf("decoding %d entries allocates %d times, want at most %d", tc.entries, n, tc.most)
		}
	}
}

// A program that keeps one entry of a message keeps little more, however long the message was.
func TestAKeptEntryKeepsLittleOfItsMessage(t *testing.T) {
	const messages = 64
	for _, size := range []int{1, 100, maxShared - 9, maxShared, 1000, 60_000} {
		m := Message{Type: MsgApp}
		for total := 0; total < 1<<17; total += size {
			m.Entries = append(m.Entries, Entry{Term: 9, Index: 1, Data: make([]byte, size)})
		}
		input, _ := m.Marshal()
		kept := make([]Entry, messages)
		before := heapInUse()
		for i := range kept {
			var got Message
			if err := got.Unmarshal(input); err != nil {
				t.Fatal(err)
			}
			kept[i] = got.Entries[len(got.Entries)/2]
		}
		held := (heapInUse() - before) / messages
		// The allocator rounds up by less than a quarter.
		if most := max(4096, size+size/4) + 256; held > most {
			t.Errorf("an entry of %d bytes keeps %d, want at most %d", size, held, most)
		}
		runtime.KeepAlive(kept)
	}
}

func heapInUse() int {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

// Arrays for data are as long as they have to be, whatever the order of small and large entries.
func TestDecodingAllocatesLittleMoreThanTheData(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var m Message
		size := 0
		for n := rapid.IntRange(1, 300).Draw(t, "entries"); n > 0; n-- {
			e := Entry{Index: 1 << 20, Data: make([]byte, rapid.SampledFrom([]int{0, 1, 20, 200, 500, 511, 600, 5000}).Draw(t, "size"))}
			m.Entries = append(m.Entries, e)
			size += len(e.Data)
		}
		input, _ := m.Marshal()
		used, err := allocated(&Message{}, input)
		if err != nil {
			t.Fatal(err)
		}
		// The rest of each array may be too short for the next entry.
		if most := (size+len(m.Entries)*(entryCost+10))*5/4 + maxShared; used > most {
			t.Fatalf("%d bytes for %d entries with %d bytes of data, want at most %d", used, len(m.Entries), size, most)
		}
	})
}

// Entries and responses need not stand together.
func TestDecodingFindsEntriesAndResponsesAnywhere(t *testing.T) {
	entry, response := field(7, field(4, []byte("data"))), field(14, []byte{0x10, 9})
	input := bytes.Join([][]byte{response, entry, {0x10, 1}, entry, {0xba, 0}, entry[1:], {0x18, 2}, response, field(15, entry), entry}, nil)
	var got Message
	if err := got.Unmarshal(input); err != nil {
		t.Fatal(err)
	}
	e, r := Entry{Data: []byte("data")}, Message{To: 9}
	if diff := cmp.Diff(Message{To: 1, From: 2, Entries: []Entry{e, e, e, e}, Responses: []Message{r, r}}, got); diff != "" {
		t.Error(diff)
	}
}

// The values are locals: that they stay on the stack is a part of the promise.
func TestEncodingIntoABufferAllocatesNothing(t *testing.T) {
	big := append64()
	buf := make([]byte, big.Size())
	entries := big.Entries
	ids := []uint64{1, 2, 300}
	if n := testing.AllocsPerRun(100, func() {
		m := Message{Type: MsgApp, Entries: entries}
		s := Snapshot{Metadata: SnapshotMetadata{ConfState: ConfState{Voters: ids}, Index: 1 << 40}}
		hs := HardState{Term: 1 << 50}
		c := ConfChange{NodeID: 4}
		a, _ := m.MarshalTo(buf)
		b, _ := s.MarshalToSizedBuffer(buf)
		x, _ := hs.MarshalTo(buf)
		y, _ := c.MarshalTo(buf)
		if a != m.Size() || b != s.Size() || x != hs.Size() || y != c.Size() {
			t.Fatal("a length differs from the size")
		}
	}); n != 0 {
		t.Errorf("encoding allocates %.0f times", n)
	}
}

func TestWhatIsLeftAfterAnErrorDoesNotReferToTheInput(t *testing.T) {
	for _, tc := range []struct {
		name  string
		into  interface{ Unmarshal([]byte) error }
		data  func(any) []byte
		input string
	}{
		{"an entry before a field of the wrong type", &Message{}, func(m any) []byte { return m.(*Message).Entries[0].Data }, "3a04 22026162 0a00"},
		{"an entry that is cut off itself", &Message{}, func(m any) []byte { return m.(*Message).Entries[0].Data }, "3a05 22026162 08"},
		{"an entry alone", &Entry{}, func(m any) []byte { return m.(*Entry).Data }, "22026162 08"},
		{"a snapshot", &Snapshot{}, func(m any) []byte { return m.(*Snapshot).Data }, "0a026162 08"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			input := unhex(t, tc.input)
			if err := tc.into.Unmarshal(input); err == nil {
				t.Fatal("the input is accepted")
			}
			clear(input)
			if got := string(tc.data(tc.into)); got != "ab" {
				t.Errorf("data is now %q", got)
			}
		})
	}
}

func TestTheSizeOfANumberIsExactAtEveryLength(t *testing.T) {
	for length := 1; length <= 64; length++ {
		low := uint64(1) << (length - 1)
		for _, v := range []uint64{0, low, low | (low - 1)} {
			want := 1
			for rest := v >> 7; rest > 0; rest >>= 7 {
				want++
			}
			if got := sizeUvarint(v); got != want {
				t.Errorf("%d: size %d, want %d", v, got, want)
			}
			buf := make([]byte, want)
			start := putUvarint(buf, want, v)
			if back, next, err := uvarint(buf, 0); start != 0 || back != v || next != want || err != nil {
				t.Errorf("%d: starts at %d, is read as %d up to %d, %v", v, start, back, next, err)
			}
		}
	}
}

func BenchmarkMarshalAppend64(b *testing.B) {
	m := append64()
	buf := make([]byte, m.Size())
	b.ReportAllocs()
	for range b.N {
		if _, err := m.MarshalTo(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshalAppend64(b *testing.B) {
	m := append64()
	data, _ := m.Marshal()
	b.ReportAllocs()
	for range b.N {
		var got Message
		if err := got.Unmarshal(data); err != nil {
			b.Fatal(err)
		}
	}
}
