package replay

import (
	"bytes"
	"errors"
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/recording"
)

// stopped returns the recording of a node that was quarantined and then used for a long time. The
// later inputs would fill its ring many times.
func stopped(t *testing.T) []recording.Record {
	t.Helper()
	first := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: pb.ConfState{Voters: []uint64{1, 2, 3}}}}
	storage := raft.NewMemoryStorage()
	if err := storage.ApplySnapshot(first); err != nil {
		t.Fatal(err)
	}
	ring := recording.NewRing(4096)
	c := raft.DefaultConfig(2, storage)
	c.Recording, c.Logger = ring, raft.DiscardLogger
	n, err := raft.NewRawNode(c)
	if err != nil {
		t.Fatal(err)
	}
	entries := []pb.Entry{{Term: 2, Index: 2, Data: []byte("committed")}}
	if err := n.Step(pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 2, Index: 1, LogTerm: 1, Entries: entries, Commit: 2}); err != nil {
		t.Fatal(err)
	}
	other := first
	other.Metadata.Index, other.Metadata.Term = 2, 9
	_ = n.Step(pb.Message{Type: pb.MsgSnap, From: 3, To: 2, Term: 9, Snapshot: &other})
	if !errors.Is(n.Err(), raft.ErrCommittedConflict) {
		t.Fatalf("it goes on: %v", n.Err())
	}
	for range 10_000 {
		n.Tick()
		_ = n.Step(pb.Message{Type: pb.MsgHeartbeat, From: 1, To: 2, Term: 2})
		n.Advance(n.Ready())
	}
	var out bytes.Buffer
	if _, err := ring.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return read(t, out.Bytes())
}

func TestTheRecordingOfAQuarantinedNodeShowsWhatBrokeIt(t *testing.T) {
	var last Step
	if err := Run(stopped(t), func(s *Step) error { last = *s; return nil }); err != nil {
		t.Fatal(err)
	}
	if last.Input.Kind != recording.Step || !errors.Is(last.Err, raft.ErrCommittedConflict) {
		t.Errorf("the last input is not the one that broke the node: %s", last.String())
	}
}

// Earlier versions of the library recorded the inputs of a quarantined node, which had no effect.
func TestInputsOfAQuarantinedNodeInAnOldRecordingArePassedOver(t *testing.T) {
	records, inputs := stopped(t), 0
	for _, k := range []recording.Kind{recording.Tick, recording.TickQuiesced, recording.Ready, recording.Advance} {
		records = append(records, recording.Record{Kind: k})
	}
	if err := Run(records, func(*Step) error { inputs++; return nil }); err != nil || inputs != 7 {
		t.Errorf("%d inputs, %v", inputs, err)
	}
}
