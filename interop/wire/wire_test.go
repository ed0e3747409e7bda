package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	etcd "go.etcd.io/raft/v3/raftpb"

	"github.com/ffd200af/raft/raftpb"
)

// codec is what every type of either library can do.
type codec interface {
	Marshal() ([]byte, error)
	MarshalTo([]byte) (int, error)
	MarshalToSizedBuffer([]byte) (int, error)
	Size() int
	Unmarshal([]byte) error
}

// pairs are the types that go over the wire, ours and theirs.
var pairs = []struct {
	name       string
	ours, etcd func() codec
}{
	{"Entry", func() codec { return &raftpb.Entry{} }, func() codec { return &etcd.Entry{} }},
	{"Message", func() codec { return &raftpb.Message{} }, func() codec { return &etcd.Message{} }},
	{"HardState", func() codec { return &raftpb.HardState{} }, func() codec { return &etcd.HardState{} }},
	{"Snapshot", func() codec { return &raftpb.Snapshot{} }, func() codec { return &etcd.Snapshot{} }},
	{"SnapshotMetadata", func() codec { return &raftpb.SnapshotMetadata{} }, func() codec { return &etcd.SnapshotMetadata{} }},
	{"ConfState", func() codec { return &raftpb.ConfState{} }, func() codec { return &etcd.ConfState{} }},
	{"ConfChange", func() codec { return &raftpb.ConfChange{} }, func() codec { return &etcd.ConfChange{} }},
	{"ConfChangeSingle", func() codec { return &raftpb.ConfChangeSingle{} }, func() codec { return &etcd.ConfChangeSingle{} }},
	{"ConfChangeV2", func() codec { return &raftpb.ConfChangeV2{} }, func() codec { return &etcd.ConfChangeV2{} }},
}

const rounds = 3000

// A list without elements is not on the wire, so nil and empty are the same there; a nil and an empty field of bytes are not.
var sameContent = cmpopts.EquateEmpty()

func TestBothEncodeTheSameBytesAndReadThem(t *testing.T) {
	for _, pair := range pairs {
		t.Run(pair.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for range rounds {
				ours, theirs := pair.ours(), pair.etcd()
				drawn(r, reflect.ValueOf(ours).Elem(), 4)
				transcribed(reflect.ValueOf(theirs).Elem(), reflect.ValueOf(ours).Elem())
				data := encoded(t, ours)
				if other := encoded(t, theirs); !bytes.Equal(data, other) {
					t.Fatalf("%+v\nours   %x\ntheirs %x", ours, data, other)
				}
				back, theirBack := pair.ours(), pair.etcd()
				if err := errors.Join(back.Unmarshal(data), theirBack.Unmarshal(data)); err != nil {
					t.Fatalf("%x: %v", data, err)
				}
				if diff := cmp.Diff(ours, back, sameContent); diff != "" {
					t.Fatalf("we read something else: %s", diff)
				}
				if diff := cmp.Diff(theirs, theirBack, sameContent); diff != "" {
					t.Fatalf("they read something else: %s", diff)
				}
			}
		})
	}
}

// encoded returns the encoding, which all ways to get it agree on.
func encoded(t *testing.T, c codec) []byte {
	t.Helper()
	data, err := c.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	const room = 7
	front, back := make([]byte, len(data)+room), make([]byte, len(data)+room)
	n, err := c.MarshalTo(front)
	m, err2 := c.MarshalToSizedBuffer(back)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if c.Size() != len(data) || n != len(data) || m != len(data) || !bytes.Equal(front[:n], data) || !bytes.Equal(back[room:], data) {
		t.Fatalf("sizes %d, %d, %d, %d; %x, %x, %x", c.Size(), len(data), n, m, data, front, back)
	}
	return data
}

// ourLimits are the reasons for which we refuse what they accept, see the package docs of raftpb. The last one: a
// number at the end of a packed list goes on behind it, and they read it there.
var ourLimits = []error{raftpb.ErrDecodeLimit, raftpb.ErrNesting, raftpb.ErrWireType, io.ErrUnexpectedEOF}

func TestWhatOneReadsOfDamagedBytesTheOtherReadsToo(t *testing.T) {
	for _, pair := range pairs {
		t.Run(pair.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			accepted, refused := 0, map[error]int{}
			for range rounds {
				source := pair.ours()
				drawn(r, reflect.ValueOf(source).Elem(), 3)
				data := damaged(r, encoded(t, source))
				ours, theirs := pair.ours(), pair.etcd()
				err, theirErr := ours.Unmarshal(data), theirs.Unmarshal(data)
				switch {
				case err == nil && theirErr == nil:
					accepted++
					if a, b := encoded(t, ours), encoded(t, theirs); !bytes.Equal(a, b) {
						t.Fatalf("%x\nours   %+v\ntheirs %+v", data, ours, theirs)
					}
				case err == nil:
					t.Fatalf("%x: only they refuse it: %v", data, theirErr)
				case theirErr == nil:
					refused[known(t, data, err)]++
				}
			}
			if accepted == 0 {
				t.Error("nothing that was damaged was read")
			}
			t.Logf("%d read by both; only by them: %v", accepted, refused)
		})
	}
}

// known returns which of our limits an error is about.
func known(t *testing.T, data []byte, err error) error {
	t.Helper()
	for _, limit := range ourLimits {
		if errors.Is(err, limit) {
			return limit
		}
	}
	t.Fatalf("%x: only we refuse it: %v", data, err)
	return nil
}

// damaged changes a few bytes, cuts off the end, or repeats a part.
func damaged(r *rand.Rand, data []byte) []byte {
	if len(data) == 0 {
		return data
	}
	switch r.IntN(3) {
	case 0:
		return data[:r.IntN(len(data))]
	case 1:
		at := r.IntN(len(data))
		return append(bytes.Clone(data), data[at:]...)
	}
	for range 1 + r.IntN(3) {
		data[r.IntN(len(data))] = byte(r.Uint32())
	}
	return data
}

func TestBothSkipUnknownFields(t *testing.T) {
	unknown := map[string][]byte{
		"number":          {100<<3&0x7f | 0x80, 100 >> 4, 5},
		"bytes":           {100<<3&0x7f | 0x80 | 2, 100 >> 4, 3, 'x', 'y', 'z'},
		"eight bytes":     {100<<3&0x7f | 0x80 | 1, 100 >> 4, 1, 2, 3, 4, 5, 6, 7, 8},
		"four bytes":      {100<<3&0x7f | 0x80 | 5, 100 >> 4, 1, 2, 3, 4},
		"an empty group":  {100<<3&0x7f | 0x80 | 3, 100 >> 4, 100<<3&0x7f | 0x80 | 4, 100 >> 4},
		"a group of some": {100<<3&0x7f | 0x80 | 3, 100 >> 4, 8, 1, 100<<3&0x7f | 0x80 | 4, 100 >> 4},
	}
	for _, pair := range pairs {
		for name, field := range unknown {
			t.Run(pair.name+" with "+name, func(t *testing.T) {
				r := rand.New(rand.NewPCG(5, 6))
				source := pair.ours()
				drawn(r, reflect.ValueOf(source).Elem(), 3)
				data := append(encoded(t, source), field...)
				ours, theirs := pair.ours(), pair.etcd()
				if err := errors.Join(ours.Unmarshal(data), theirs.Unmarshal(data)); err != nil {
					t.Fatal(err)
				}
				if a, b := encoded(t, ours), encoded(t, theirs); !bytes.Equal(a, b) || !bytes.Equal(a, data[:len(data)-len(field)]) {
					t.Errorf("ours %x, theirs %x, without the field %x", a, b, data[:len(data)-len(field)])
				}
			})
		}
	}
}

func TestNoFieldIsMissing(t *testing.T) {
	for _, pair := range pairs {
		ours, theirs := reflect.TypeOf(pair.ours()).Elem(), reflect.TypeOf(pair.etcd()).Elem()
		if ours.NumField() != theirs.NumField() {
			t.Errorf("%s: we have %d fields, they have %d", pair.name, ours.NumField(), theirs.NumField())
		}
		for i := range theirs.NumField() {
			want := theirs.Field(i)
			got, ok := ours.FieldByName(want.Name)
			if !ok || got.Type.Kind() != want.Type.Kind() {
				t.Errorf("%s.%s: %s, want %s", pair.name, want.Name, got.Type, want.Type)
			}
		}
	}
}

func TestEnumsHaveTheSameNumbersAndNames(t *testing.T) {
	for i := range int32(40) {
		for _, names := range [][2]fmt.Stringer{
			{raftpb.MessageType(i), etcd.MessageType(i)},
			{raftpb.EntryType(i), etcd.EntryType(i)},
			{raftpb.ConfChangeType(i), etcd.ConfChangeType(i)},
			{raftpb.ConfChangeTransition(i), etcd.ConfChangeTransition(i)},
		} {
			if _, known := etcdName(names[1], i); known && names[0].String() != names[1].String() {
				t.Errorf("%T %d: %q, want %q", names[0], i, names[0], names[1])
			}
		}
	}
}

// etcdName returns a name, and false if it is only the number.
func etcdName(s fmt.Stringer, i int32) (string, bool) {
	name := s.String()
	return name, name != fmt.Sprint(i)
}
