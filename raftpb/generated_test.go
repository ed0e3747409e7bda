package raftpb

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMergeAddsADeepCopy(t *testing.T) {
	src := Message{To: 2, Entries: []Entry{{Index: 1, Data: []byte("x")}}}
	got := Message{Type: MsgApp, To: 1, Entries: []Entry{{Index: 9}}, Context: []byte("c")}
	want := Message{To: 2, Entries: []Entry{{Index: 9}, {Index: 1, Data: []byte("x")}}, Context: []byte("c")}
	got.XXX_Merge(&src)
	got.XXX_Merge(nil)
	src.Entries[0].Data[0] = 'y'
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestXXXMarshalAppends(t *testing.T) {
	m := Entry{Index: 3}
	want, _ := m.Marshal()
	got, err := m.XXX_Marshal([]byte("before"), false)
	if err != nil || string(got) != "before"+string(want) {
		t.Errorf("%x, %v", got, err)
	}
}
