//lint:file-ignore SA1019 Programs use the deprecated runtime, and etcd does.

package wire

import (
	"bytes"
	"compress/gzip"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"

	gogo "github.com/gogo/protobuf/proto"
	gogodescriptor "github.com/gogo/protobuf/protoc-gen-gogo/descriptor"
	"github.com/golang/protobuf/descriptor"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/runtime/protoimpl"
)

// Their file descriptor and ours are the same bytes, apart from what compression makes of them.
func TestDescriptorsAreTheSame(t *testing.T) {
	for _, pair := range pairs {
		ours, theirs := pair.ours().(descriptor.Message), pair.etcd().(descriptor.Message)
		sameDescriptor(t, pair.name, ours.Descriptor, theirs.Descriptor)

		file, message := descriptor.ForMessage(ours)
		theirFile, theirMessage := descriptor.ForMessage(theirs)
		if !proto.Equal(file, theirFile) || !proto.Equal(message, theirMessage) || message.GetName() != pair.name {
			t.Errorf("%s: golang/protobuf sees\n%v, want\n%v", pair.name, message, theirMessage)
		}
		gogoFile, gogoMessage := gogodescriptor.ForMessage(pair.ours().(gogodescriptor.Message))
		theirGogoFile, theirGogoMessage := gogodescriptor.ForMessage(pair.etcd().(gogodescriptor.Message))
		if !gogo.Equal(gogoFile, theirGogoFile) || !gogo.Equal(gogoMessage, theirGogoMessage) {
			t.Errorf("%s: gogo/protobuf sees\n%v, want\n%v", pair.name, gogoMessage, theirGogoMessage)
		}
	}
	type enumDescriptor interface{ EnumDescriptor() ([]byte, []int) }
	for _, e := range enums {
		ours, theirs := e.ours(0).(enumDescriptor), e.etcd(0).(enumDescriptor)
		sameDescriptor(t, e.name, ours.EnumDescriptor, theirs.EnumDescriptor)
		// The runtime asks values, and what e makes are pointers.
		value := func(e any) any { return reflect.ValueOf(e).Elem().Interface() }
		seen := protoimpl.X.EnumDescriptorOf(value(ours))
		want := protoimpl.X.EnumDescriptorOf(value(theirs))
		if seen.FullName() != want.FullName() || seen.Values().Len() != want.Values().Len() {
			t.Errorf("%s: golang/protobuf sees %v, want %v", e.name, seen, want)
		}
	}
}

func sameDescriptor(t *testing.T, name string, ours, theirs func() ([]byte, []int)) {
	t.Helper()
	file, at := ours()
	theirFile, theyAt := theirs()
	if a, b := unzipped(t, file), unzipped(t, theirFile); !bytes.Equal(a, b) || !slices.Equal(at, theyAt) {
		t.Errorf("%s:\nours   %v %x\ntheirs %v %x", name, at, a, theyAt, b)
	}
	// Runtimes remember a file by the address of its bytes.
	if again, _ := ours(); &again[0] != &file[0] {
		t.Errorf("%s: the file descriptor is another one each time", name)
	}
}

func unzipped(t *testing.T, data []byte) []byte {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Every exported method of theirs is there, with the same types. XXX_Merge takes its own type
// instead of one that belongs to golang/protobuf.
func TestNoMethodIsMissing(t *testing.T) {
	var types [][2]reflect.Type
	for _, pair := range pairs {
		types = append(types, [2]reflect.Type{reflect.TypeOf(pair.ours()), reflect.TypeOf(pair.etcd())})
	}
	for _, e := range enums {
		types = append(types, [2]reflect.Type{reflect.TypeOf(e.ours(0)), reflect.TypeOf(e.etcd(0))})
	}
	for _, pair := range types {
		for _, form := range []func(reflect.Type) reflect.Type{
			func(t reflect.Type) reflect.Type { return t },
			reflect.Type.Elem,
		} {
			ours, theirs := form(pair[0]), form(pair[1])
			for i := range theirs.NumMethod() {
				want := theirs.Method(i)
				got, ok := ours.MethodByName(want.Name)
				if !ok {
					t.Errorf("%v has no method %s", ours, want.Name)
				} else if a, b := signature(got), signature(want); a != b && want.Name != "XXX_Merge" {
					t.Errorf("%v.%s: %s, want %s", ours, want.Name, a, b)
				}
			}
		}
	}
}

func signature(m reflect.Method) string {
	text := m.Type.String() // types of both are called raftpb.X
	return text[strings.IndexByte(text, '('):]
}
