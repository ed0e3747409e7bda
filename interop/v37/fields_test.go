package v37

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	etcd "go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/ffd200af/raft/raftpb"
)

func TestEveryTypeAndFieldHasItsCounterpart(t *testing.T) {
	messages := etcd.File_raft_proto.Messages()
	if messages.Len() != len(pairs) {
		t.Errorf("they have %d messages, we %d", messages.Len(), len(pairs))
	}
	for _, pair := range pairs {
		theirs := messages.ByName(protoreflect.Name(pair.name))
		if theirs == nil {
			t.Errorf("they have no %s", pair.name)
			continue
		}
		ours := make(map[string]reflect.Type)
		typ := reflect.TypeOf(pair.ours()).Elem()
		for i := range typ.NumField() {
			tag := strings.Split(typ.Field(i).Tag.Get("protobuf"), ",")
			ours[tag[1]+" "+strings.TrimPrefix(tag[3], "name=")] = typ.Field(i).Type
		}
		if theirs.Fields().Len() != len(ours) {
			t.Errorf("%s: they have %d fields, we %d", pair.name, theirs.Fields().Len(), len(ours))
		}
		for i := range theirs.Fields().Len() {
			field := theirs.Fields().Get(i)
			key := fmt.Sprintf("%d %s", field.Number(), field.Name())
			if typ, ok := ours[key]; !ok || shape(typ) != theirShape(field) {
				t.Errorf("%s %s: %v, want %s", pair.name, key, typ, theirShape(field))
			}
		}
	}
}

// shape is a type as the description of a message names it.
func shape(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return "bytes"
	case t.Kind() == reflect.Slice:
		return "repeated " + shape(t.Elem())
	case t.Kind() == reflect.Pointer:
		return shape(t.Elem())
	}
	return t.Name()
}

func theirShape(f protoreflect.FieldDescriptor) string {
	name := f.Kind().String()
	switch f.Kind() {
	case protoreflect.MessageKind:
		name = string(f.Message().Name())
	case protoreflect.EnumKind:
		name = string(f.Enum().Name())
	}
	if f.Cardinality() == protoreflect.Repeated {
		return "repeated " + name
	}
	return name
}

func TestEnumsHaveTheSameNumbersAndNames(t *testing.T) {
	ours := map[string]map[int32]string{
		"MessageType":          raftpb.MessageType_name,
		"EntryType":            raftpb.EntryType_name,
		"ConfChangeType":       raftpb.ConfChangeType_name,
		"ConfChangeTransition": raftpb.ConfChangeTransition_name,
	}
	enums := etcd.File_raft_proto.Enums()
	if enums.Len() != len(ours) {
		t.Errorf("they have %d enums, we %d", enums.Len(), len(ours))
	}
	for i := range enums.Len() {
		enum := enums.Get(i)
		names := ours[string(enum.Name())]
		if enum.Values().Len() != len(names) {
			t.Errorf("%s: they have %d values, we %d", enum.Name(), enum.Values().Len(), len(names))
		}
		for i := range enum.Values().Len() {
			value := enum.Values().Get(i)
			if got := names[int32(value.Number())]; got != string(value.Name()) {
				t.Errorf("%s %d: %q, want %q", enum.Name(), value.Number(), got, value.Name())
			}
		}
	}
}
