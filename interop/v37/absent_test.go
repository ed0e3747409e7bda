package v37

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/ffd200af/raft/interop/wire/sample"
)

// In v3.7 a number, a bool, an enum and an embedded message are there or not. What is not there is
// not written, where v3.6 and this library write a zero or an empty message: the only difference of
// the bytes, and it means the same.
func TestWhatIsAbsentIsZero(t *testing.T) {
	for _, pair := range pairs {
		t.Run(pair.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(3, 4))
			shorter := 0
			for range rounds {
				ours, theirs := pair.ours(), pair.etcd()
				sample.Draw(r, reflect.ValueOf(ours).Elem(), 4)
				sample.Transcribe(reflect.ValueOf(theirs).Elem(), reflect.ValueOf(ours).Elem())
				dropZeros(r, reflect.ValueOf(theirs).Elem())
				want, data := encoded(t, ours), theirEncoding(t, theirs)
				if len(data) < len(want) {
					shorter++
				}
				back, theirBack := pair.ours(), pair.etcd()
				if err := errors.Join(back.Unmarshal(data), proto.Unmarshal(want, theirBack)); err != nil {
					t.Fatalf("%x, %x: %v", data, want, err)
				}
				if a, b := encoded(t, back), inOurWords(t, pair.ours(), theirBack); !bytes.Equal(a, want) || !bytes.Equal(b, want) {
					t.Fatalf("%x\nwe read    %x\nthey read  %x\nwant       %x", data, a, b, want)
				}
			}
			if shorter == 0 {
				t.Error("nothing was absent")
			}
		})
	}
}

// dropZeros takes away some of what is zero or empty, at every level, and leaves a snapshot:
// whether a message has one means something.
func dropZeros(r *rand.Rand, v reflect.Value) {
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		switch {
		case !v.Type().Field(i).IsExported():
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Pointer:
			for i := range field.Len() {
				dropZeros(r, field.Index(i).Elem())
			}
		case field.Kind() != reflect.Pointer || field.IsNil():
		case field.Elem().Kind() != reflect.Struct:
			if field.Elem().IsZero() && r.IntN(4) != 0 {
				field.SetZero()
			}
		default:
			dropZeros(r, field.Elem())
			if m := field.Interface().(proto.Message); name != "Snapshot" && proto.Size(m) == 0 {
				field.SetZero()
			}
		}
	}
}
