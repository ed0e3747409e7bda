package v37

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	etcd "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

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
				drawn(r, reflect.ValueOf(ours).Elem(), 4)
				present(reflect.ValueOf(theirs).Elem(), reflect.ValueOf(ours).Elem())
				data, err := ours.Marshal()
				other, theirErr := proto.MarshalOptions{Deterministic: true}.Marshal(theirs)
				if err := errors.Join(err, theirErr); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(data, other) {
					t.Fatalf("%+v\nours   %x\ntheirs %x", ours, data, other)
				}
				back, theirBack := pair.ours(), pair.etcd()
				if err := errors.Join(back.Unmarshal(other), proto.Unmarshal(data, theirBack)); err != nil {
					t.Fatalf("%x: %v", data, err)
				}
				if diff := cmp.Diff(ours, back, cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("we read something else: %s", diff)
				}
				if !proto.Equal(theirs, theirBack) {
					t.Fatalf("they read %v, want %v", theirBack, theirs)
				}
			}
		})
	}
}

// v3.7 leaves out what is not set, which v3.6 and this library write as zero: it means the same.
func TestWhatIsLeftOutIsZero(t *testing.T) {
	for _, pair := range pairs {
		t.Run(pair.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			leftOut := 0
			for range rounds {
				ours, theirs := pair.ours(), pair.etcd()
				drawn(r, reflect.ValueOf(ours).Elem(), 4)
				present(reflect.ValueOf(theirs).Elem(), reflect.ValueOf(ours).Elem())
				leftOut += dropZeros(reflect.ValueOf(theirs).Elem())
				data, err := proto.Marshal(theirs)
				if err != nil {
					t.Fatal(err)
				}
				back := pair.ours()
				if err := back.Unmarshal(data); err != nil {
					t.Fatalf("%x: %v", data, err)
				}
				if diff := cmp.Diff(ours, back, cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("we read something else: %s", diff)
				}
			}
			if leftOut == 0 {
				t.Error("nothing was left out")
			}
		})
	}
}

// present copies the content of one of our structs to its counterpart of v3.7, with every number present.
func present(to, from reflect.Value) {
	switch from.Kind() {
	case reflect.Struct:
		for i := range from.NumField() {
			name := from.Type().Field(i).Name // theirs may be spelled NodeId
			field := to.FieldByNameFunc(func(s string) bool { return strings.EqualFold(s, name) })
			if field.Kind() == reflect.Pointer && from.Field(i).Kind() != reflect.Pointer {
				field.Set(reflect.New(field.Type().Elem()))
				field = field.Elem()
			}
			present(field, from.Field(i))
		}
	case reflect.Pointer:
		if !from.IsNil() {
			to.Set(reflect.New(to.Type().Elem()))
			present(to.Elem(), from.Elem())
		}
	case reflect.Slice:
		if from.IsNil() {
			return
		}
		to.Set(reflect.MakeSlice(to.Type(), from.Len(), from.Len()))
		for i := range from.Len() {
			element := to.Index(i)
			if element.Kind() == reflect.Pointer {
				element.Set(reflect.New(element.Type().Elem()))
				element = element.Elem()
			}
			present(element, from.Index(i))
		}
	default:
		to.Set(from.Convert(to.Type()))
	}
}

// dropZeros takes away every number that is zero, and returns how many there were.
func dropZeros(v reflect.Value) int {
	n := 0
	for i := range v.NumField() {
		field := v.Field(i)
		if !v.Type().Field(i).IsExported() || field.Kind() != reflect.Pointer || field.IsNil() {
			continue
		}
		if field.Elem().Kind() == reflect.Struct {
			n += dropZeros(field.Elem())
		} else if field.Elem().IsZero() {
			field.SetZero()
			n++
		}
	}
	return n
}
