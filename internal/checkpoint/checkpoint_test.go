package checkpoint_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ffd200af/raft/internal/checkpoint"
)

type inner struct {
	list []int8
	next *inner
}

type outer struct {
	flag  bool
	big   uint64
	small int32
	text  string
	blob  []byte
	empty []byte
	pairs [2]inner
	*inner
}

func value() outer {
	return outer{
		flag: true, big: 1 << 63, small: -5, text: "text", blob: []byte("blob"), empty: []byte{},
		pairs: [2]inner{{list: []int8{-1, 2}}, {next: &inner{list: []int8{}}}},
		inner: &inner{next: &inner{}},
	}
}

func TestAStateComesBackAsItWas(t *testing.T) {
	want := value()
	state, ok := checkpoint.Append([]byte("before"), &want, 1000)
	if !ok || !bytes.HasPrefix(state, []byte("before")) {
		t.Fatalf("%t %q", ok, state)
	}
	var got outer
	if err := checkpoint.Restore(state[len("before"):], &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsTooLargeIsNotWritten(t *testing.T) {
	v := value()
	whole, _ := checkpoint.Append(nil, &v, 1000)
	for limit := range len(whole) - 16 {
		if _, ok := checkpoint.Append(nil, &v, limit); ok {
			t.Errorf("%d bytes within a limit of %d", len(whole), limit)
		}
	}
}

func TestBytesThatAreNoStateAreRefused(t *testing.T) {
	v := value()
	whole, _ := checkpoint.Append(nil, &v, 1000)
	for n := range whole {
		var got outer
		if err := checkpoint.Restore(whole[:n], &got); !errors.Is(err, checkpoint.ErrState) {
			t.Errorf("the first %d of %d bytes: %v", n, len(whole), err)
		}
	}
	if err := checkpoint.Restore(append(whole, 0), &outer{}); !errors.Is(err, checkpoint.ErrState) {
		t.Errorf("a byte more: %v", err)
	}
	// A chain that goes on and on.
	if err := checkpoint.Restore(bytes.Repeat([]byte{0, 1}, 1000), &inner{}); !errors.Is(err, checkpoint.ErrState) {
		t.Errorf("got %v", err)
	}
}

func TestWhatCannotBeWrittenIsNamed(t *testing.T) {
	type withMap struct{ m map[int]int }
	if _, err := checkpoint.Shape(&withMap{}); err == nil {
		t.Error("a map has a shape")
	}
	if _, ok := checkpoint.Append(nil, &withMap{m: nil}, 100); ok {
		t.Error("a map is written")
	}
	a, err := checkpoint.Shape(&outer{})
	if err != nil {
		t.Fatal(err)
	}
	if b, err := checkpoint.Shape(&inner{}); err != nil || a == b {
		t.Error("two types of one shape", err)
	}
}
