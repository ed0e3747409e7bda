package wire

import (
	"reflect"
	"testing"

	"google.golang.org/protobuf/reflect/protoregistry"
)

func TestNoTypeIsMissing(t *testing.T) {
	have := make(map[string]bool)
	for _, pair := range pairs {
		have[pair.name] = true
	}
	for _, e := range enums {
		have[e.name] = true
	}
	theirs := theirTypes(t)
	for _, name := range theirs {
		if !have[name] {
			t.Errorf("they have a type %s", name)
		}
	}
	if len(theirs) != len(have) {
		t.Errorf("they have %v, we compare %v", theirs, have)
	}
}

// theirTypes returns the names that their package registers when it is linked.
func theirTypes(t *testing.T) []string {
	t.Helper()
	file, err := protoregistry.GlobalFiles.FindFileByPath("raft.proto")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for i := range file.Messages().Len() {
		names = append(names, string(file.Messages().Get(i).Name()))
	}
	for i := range file.Enums().Len() {
		names = append(names, string(file.Enums().Get(i).Name()))
	}
	return names
}

// The tags hold the numbers and names, for protobuf and for JSON.
func TestEveryFieldHasItsCounterpart(t *testing.T) {
	for _, pair := range pairs {
		ours, theirs := reflect.TypeOf(pair.ours()).Elem(), reflect.TypeOf(pair.etcd()).Elem()
		if ours.NumField() != theirs.NumField() {
			t.Errorf("%s: we have %d fields, they have %d", pair.name, ours.NumField(), theirs.NumField())
		}
		for i := range theirs.NumField() {
			want := theirs.Field(i)
			got, ok := ours.FieldByName(want.Name)
			if !ok {
				t.Errorf("%s.%s is missing", pair.name, want.Name)
				continue
			}
			if a, b := shape(got.Type), shape(want.Type); a != b || got.Tag != want.Tag {
				t.Errorf("%s.%s: %s `%s`, want %s `%s`", pair.name, want.Name, a, got.Tag, b, want.Tag)
			}
		}
	}
}

// shape is the type without the package that it is from.
func shape(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return "*" + shape(t.Elem())
	case reflect.Slice:
		return "[]" + shape(t.Elem())
	}
	return t.Name()
}
