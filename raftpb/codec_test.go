package raftpb

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
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
	for range maxDepth + 1 {
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
		{"more responses than can say anything", &Message{}, bytes.Repeat([]byte{0x72, 0}, 1000), ErrNesting},
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

func TestTheNumberOfAllocationsDoesNotGrowWithTheEntries(t *testing.T) {
	m := append64()
	data, _ := m.Marshal()
	buf := make([]byte, len(data))
	if n := testing.AllocsPerRun(100, func() { _, _ = m.MarshalTo(buf); m.Size() }); n != 0 {
		t.Errorf("encoding allocates %.0f times", n)
	}
	var got Message
	if n := testing.AllocsPerRun(100, func() {
		got = Message{}
		if err := got.Unmarshal(data); err != nil {
			t.Fatal(err)
		}
	}); n > 2 {
		t.Errorf("decoding 64 entries allocates %.0f times", n)
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
