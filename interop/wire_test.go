package interop

import (
	"bytes"
	"testing"

	etcdpb "go.etcd.io/raft/v3/raftpb"

	"github.com/ffd200af/raft/raftpb"
)

func TestAnEntryIsTheSameBytes(t *testing.T) {
	ours, err := (&raftpb.Entry{Term: 3, Index: 7, Data: []byte("x")}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := (&etcdpb.Entry{Term: 3, Index: 7, Data: []byte("x")}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(ours, theirs) {
		t.Errorf("ours %x, theirs %x", ours, theirs)
	}
}
