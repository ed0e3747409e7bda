package wire

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/ffd200af/raft/interop/wire/sample"
)

func TestWhatTheFormatAllowsBothRead(t *testing.T) {
	for _, pair := range pairs {
		t.Run(pair.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(13, 14))
			for range rounds {
				source := pair.ours()
				sample.Draw(r, reflect.ValueOf(source).Elem(), 3)
				odd, want := sample.Odd(r, reflect.ValueOf(source).Elem()), encoded(t, source)
				ours, theirs := pair.ours(), pair.etcd()
				if err := errors.Join(ours.Unmarshal(odd), theirs.Unmarshal(odd)); err != nil {
					t.Fatalf("%x: %v", odd, err)
				}
				again := pair.etcd()
				sample.Transcribe(reflect.ValueOf(again).Elem(), reflect.ValueOf(ours).Elem())
				if a, b := encoded(t, ours), encoded(t, theirs); !bytes.Equal(a, want) || !reflect.DeepEqual(again, theirs) {
					t.Fatalf("%x\nours   %x\ntheirs %x\nwant   %x", odd, a, b, want)
				}
			}
		})
	}
}

// Unmarshal does not begin with a Reset: it adds to what is there.
func TestBothMergeIntoWhatIsThere(t *testing.T) {
	for _, pair := range pairs {
		t.Run(pair.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(15, 16))
			for range rounds / 3 {
				ours, theirs := pair.ours(), pair.etcd()
				for range 3 {
					source := pair.ours()
					sample.Draw(r, reflect.ValueOf(source).Elem(), 2)
					data := sample.Odd(r, reflect.ValueOf(source).Elem())
					if err := errors.Join(ours.Unmarshal(data), theirs.Unmarshal(data)); err != nil {
						t.Fatalf("%x: %v", data, err)
					}
					if a, b := encoded(t, ours), encoded(t, theirs); !bytes.Equal(a, b) {
						t.Fatalf("%x\nours   %+v\ntheirs %+v", data, ours, theirs)
					}
				}
			}
		})
	}
}
