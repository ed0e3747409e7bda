package v37

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	etcd "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/ffd200af/raft/interop/wire/sample"
	"github.com/ffd200af/raft/raftpb"
)

// codec is what every type of ours can do.
type codec interface {
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}

var pairs = []struct {
	name string
	ours func() codec
	etcd func() proto.Message
}{
	{"Entry", func() codec { return &raftpb.Entry{} }, func() proto.Message { return &etcd.Entry{} }},
	{"Message", func() codec { return &raftpb.Message{} }, func() proto.Message { return &etcd.Message{} }},
	{"HardState", func() codec { return &raftpb.HardState{} }, func() proto.Message { return &etcd.HardState{} }},
	{"Snapshot", func() codec { return &raftpb.Snapshot{} }, func() proto.Message { return &etcd.Snapshot{} }},
	{"SnapshotMetadata", func() codec { return &raftpb.SnapshotMetadata{} }, func() proto.Message { return &etcd.SnapshotMetadata{} }},
	{"ConfState", func() codec { return &raftpb.ConfState{} }, func() proto.Message { return &etcd.ConfState{} }},
	{"ConfChange", func() codec { return &raftpb.ConfChange{} }, func() proto.Message { return &etcd.ConfChange{} }},
	{"ConfChangeSingle", func() codec { return &raftpb.ConfChangeSingle{} }, func() proto.Message { return &etcd.ConfChangeSingle{} }},
	{"ConfChangeV2", func() codec { return &raftpb.ConfChangeV2{} }, func() proto.Message { return &etcd.ConfChangeV2{} }},
}

const rounds = 2000

// With every field present, both write the same bytes; what either writes, the other reads.
func TestBothEncodeTheSameBytesAndReadThem(t *testing.T) {
	for _, pair := range pairs {
		t.Run(pair.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			for range rounds {
				ours, theirs := pair.ours(), pair.etcd()
				sample.Draw(r, reflect.ValueOf(ours).Elem(), 4)
				sample.Transcribe(reflect.ValueOf(theirs).Elem(), reflect.ValueOf(ours).Elem())
				data := encoded(t, ours)
				if other := theirEncoding(t, theirs); !bytes.Equal(data, other) {
					t.Fatalf("%+v\nours   %x\ntheirs %x", ours, data, other)
				}
				back, theirBack := pair.ours(), pair.etcd()
				if err := errors.Join(back.Unmarshal(data), proto.Unmarshal(data, theirBack)); err != nil {
					t.Fatalf("%x: %v", data, err)
				}
				again := pair.etcd()
				sample.Transcribe(reflect.ValueOf(again).Elem(), reflect.ValueOf(back).Elem())
				if !proto.Equal(theirs, again) || !proto.Equal(theirs, theirBack) {
					t.Fatalf("we read %v, they read %v, want %v", again, theirBack, theirs)
				}
			}
		})
	}
}

func encoded(t *testing.T, c codec) []byte {
	t.Helper()
	data, err := c.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func theirEncoding(t *testing.T, m proto.Message) []byte {
	t.Helper()
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if n := proto.Size(m); n != len(data) {
		t.Fatalf("%v: size %d, want %d", m, n, len(data))
	}
	return data
}

// inOurWords returns our encoding of what they have read, where a number that is not there is 0.
func inOurWords(t *testing.T, ours codec, theirs proto.Message) []byte {
	t.Helper()
	sample.Transcribe(reflect.ValueOf(ours).Elem(), reflect.ValueOf(theirs).Elem())
	return encoded(t, ours)
}
