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

func TestWhatTheFormatAllowsBothRead(t *testing.T) {
	for _, pair := range pairs {
		t.Run(pair.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(13, 14))
			for range rounds {
				source := pair.ours()
				sample.Draw(r, reflect.ValueOf(source).Elem(), 3)
				odd, want := sample.Odd(r, reflect.ValueOf(source).Elem()), encoded(t, source)
				ours, theirs := pair.ours(), pair.etcd()
				if err := errors.Join(ours.Unmarshal(odd), proto.Unmarshal(odd, theirs)); err != nil {
					t.Fatalf("%x: %v", odd, err)
				}
				if a, b := encoded(t, ours), inOurWords(t, pair.ours(), theirs); !bytes.Equal(a, want) || !bytes.Equal(b, want) {
					t.Fatalf("%x\nours   %x\ntheirs %x\nwant   %x", odd, a, b, want)
				}
			}
		})
	}
}

// v3.7 keeps unknown fields and writes them again, behind the others; v3.6 and this library drop
// them.
func TestUnknownFieldsAreDroppedHereAndKeptThere(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for _, pair := range pairs {
		t.Run(pair.name, func(t *testing.T) {
			for range rounds / 10 {
				source := pair.ours()
				sample.Draw(r, reflect.ValueOf(source).Elem(), 3)
				plain := encoded(t, source)
				with := append(bytes.Clone(plain), sample.Unknown(r, 2)...)
				ours, theirs := pair.ours(), pair.etcd()
				if err := errors.Join(ours.Unmarshal(with), proto.Unmarshal(with, theirs)); err != nil {
					t.Fatalf("%x: %v", with, err)
				}
				if a := encoded(t, ours); !bytes.Equal(a, plain) {
					t.Fatalf("ours   %x\nwithout %x", a, plain)
				}
				kept := theirEncoding(t, theirs)
				if !bytes.HasPrefix(kept, plain) || len(kept) == len(plain) {
					t.Fatalf("theirs %x\nwith   %x", kept, with)
				}
				back := pair.ours()
				if err := back.Unmarshal(kept); err != nil || !bytes.Equal(encoded(t, back), plain) {
					t.Fatalf("%x: %v", kept, err)
				}
			}
		})
	}
}
