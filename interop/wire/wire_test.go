package wire

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	etcd "go.etcd.io/raft/v3/raftpb"

	"github.com/ffd200af/raft/interop/wire/sample"
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

const rounds = 2000

// What was read is the same to the difference of nil and empty.
func TestBothEncodeTheSameBytesAndReadThem(t *testing.T) {
	for _, pair := range pairs {
		t.Run(pair.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for range rounds {
				ours, theirs := pair.ours(), pair.etcd()
				sample.Draw(r, reflect.ValueOf(ours).Elem(), 4)
				sample.Transcribe(reflect.ValueOf(theirs).Elem(), reflect.ValueOf(ours).Elem())
				data := encoded(t, ours)
				if other := encoded(t, theirs); !bytes.Equal(data, other) {
					t.Fatalf("%+v\nours   %x\ntheirs %x", ours, data, other)
				}
				back, theirBack := pair.ours(), pair.etcd()
				if err := errors.Join(back.Unmarshal(data), theirBack.Unmarshal(data)); err != nil {
					t.Fatalf("%x: %v", data, err)
				}
				again := pair.etcd()
				sample.Transcribe(reflect.ValueOf(again).Elem(), reflect.ValueOf(back).Elem())
				if !reflect.DeepEqual(again, theirBack) || !bytes.Equal(encoded(t, theirBack), data) {
					t.Fatalf("read from %x\nours   %+v\ntheirs %+v\nwant   %+v", data, back, theirBack, theirs)
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
				sample.Draw(r, reflect.ValueOf(source).Elem(), 3)
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
