package driver

import (
	"maps"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

func newReplica(t *testing.T) *replica {
	t.Helper()
	r := &replica{}
	must(t, r.restore(pb.Snapshot{Data: emptyMachine, Metadata: pb.SnapshotMetadata{Index: 1, Term: 1}}))
	return r
}

func TestCommandsAreExecutedAndKnownToTheirStore(t *testing.T) {
	r := newReplica(t)
	for i, tc := range []struct {
		command []byte
		mine    bool
	}{
		{encodeCommand(9, 0, opPut, "a", []byte("1")), true},
		{encodeCommand(8, 1, opPut, "b", []byte("2")), false}, // of another store, or of an earlier life
		{encodeCommand(9, 2, opPut, "", nil), true},
		{encodeCommand(9, 3, opDelete, "a", nil), true},
		{nil, false}, // a leader's first entry
	} {
		number, mine := r.execute(tc.command, 9)
		if mine != tc.mine || tc.command != nil && number != uint64(i) {
			t.Errorf("command %d: number %d, mine %v", i, number, mine)
		}
	}
	if len(r.values) != 2 || string(r.values["b"]) != "2" {
		t.Errorf("the values are %q", r.values)
	}
}

func TestASnapshotHasEverything(t *testing.T) {
	r := newReplica(t)
	r.execute(encodeCommand(1, 1, opPut, "a", []byte("1")), 1)
	r.execute(encodeCommand(1, 1, opPut, "empty", nil), 1)
	r.applied, r.term, r.conf = 7, 3, pb.ConfState{Voters: []uint64{1, 2}}
	image := r.image()
	var restored replica
	must(t, restored.restore(image))
	same := func(a, b []byte) bool { return string(a) == string(b) }
	if !maps.EqualFunc(restored.values, r.values, same) || restored.applied != 7 || restored.term != 3 || len(restored.conf.Voters) != 2 {
		t.Errorf("restored: %+v", restored)
	}
	for cut := range image.Data {
		s := image
		s.Data = s.Data[:cut]
		if err := restored.restore(s); err == nil {
			t.Errorf("%d bytes of %d are a snapshot", cut, len(image.Data))
		}
	}
}

func TestAReadWaitsForItsIndex(t *testing.T) {
	r := newReplica(t)
	s := &Store{}
	var done [3]chan error
	for i := range done {
		done[i] = make(chan error, 1)
		r.reads = append(r.reads, &read{key: "a", index: uint64(i + 1), done: done[i]})
	}
	for applied := 1; applied <= 3; applied++ {
		r.applied = uint64(applied)
		s.serve(r)
		for i := range done {
			if answered := len(done[i]) > 0; answered != (i < applied) {
				t.Errorf("index %d is applied; the read at %d: %v", applied, i+1, answered)
			}
		}
	}
	if len(r.reads) > 0 {
		t.Errorf("%d reads are left", len(r.reads))
	}
}
