package driver

import (
	"fmt"
	"slices"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// noted is a host that notes what is asked of it.
type noted []string

func (h *noted) note(format string, args ...any) { *h = append(*h, fmt.Sprintf(format, args...)) }

func (h *noted) Write(w *Write) error            { h.note("write %d, %t", len(w.Entries), w.Sync); return nil }
func (h *noted) Restore(s *pb.Snapshot) error    { h.note("restore %d", s.Metadata.Index); return nil }
func (h *noted) Send(messages []pb.Message)      { h.note("send %d", len(messages)) }
func (h *noted) Acknowledge(t int, r pb.Message) { h.note("acknowledge %d of %d", r.To, t) }
func (h *noted) ApplyConfChange(pb.ConfChangeI) *pb.ConfState {
	return &pb.ConfState{Voters: []uint64{1, 2}}
}
func (h *noted) Apply(e *pb.Entry, _ pb.ConfChangeI, cs *pb.ConfState) error {
	h.note("apply %d, %t", e.Index, cs != nil)
	return nil
}

func TestThreadsDoTheirWorkInOrder(t *testing.T) {
	var h noted
	var w property.Witness
	d := Driver{Host: &h, Node: property.NewAlone(1, &w)}
	var threads Threads
	snapshot := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 5, Term: 1, ConfState: pb.ConfState{Voters: []uint64{1}}}}
	sent := 0
	threads.Queue([]pb.Message{
		{Type: pb.MsgStorageAppend, Snapshot: &snapshot, Term: 1, Entries: []pb.Entry{{Index: 6, Term: 1}}, Responses: []pb.Message{{To: 1}, {To: 2}}},
		{Type: pb.MsgStorageApply, Entries: []pb.Entry{{Index: 5, Term: 1}, {Index: 6, Term: 1, Type: pb.EntryConfChangeV2}}, Responses: []pb.Message{{To: 1}}},
		{Type: pb.MsgHeartbeat, To: 2},
	}, true, func(messages []pb.Message) { sent += len(messages) })
	if sent != 1 {
		t.Errorf("%d other messages", sent)
	}
	for _, thread := range []int{AppendThread, ApplyThread} {
		if err := d.Perform(1, &threads, thread); err != nil {
			t.Fatal(err)
		}
	}
	// Entry 5 was with the apply thread when the snapshot that covers it arrived.
	want := []string{"write 1, true", "restore 5", "send 1", "acknowledge 1 of 0", "apply 6, true", "acknowledge 1 of 1"}
	if !slices.Equal(h, want) || w.Broken != nil || d.Node.Machine != 6 || len(d.Node.Conf.Voters) != 2 || d.Node.Durable.Last() != 6 {
		t.Errorf("%q, %v, record %+v", []string(h), w.Broken, d.Node)
	}
	threads.Queue([]pb.Message{{Type: pb.MsgStorageAppend}, {Type: pb.MsgStorageAppend}}, false, nil)
	threads.AppendWork = append(threads.AppendWork, pb.Message{}) // by hand
	for _, sync := range []bool{false, false, true} {
		if _, w := threads.NextWrite(); w.Sync != sync {
			t.Errorf("sync %t, want %t", w.Sync, sync)
		}
	}
}

func TestWhatIsNoConfigurationChangeIsAnError(t *testing.T) {
	for _, e := range []pb.Entry{{Type: pb.EntryConfChange, Data: []byte{1}}, {Type: pb.EntryConfChangeV2, Data: []byte{1}}} {
		if cc, err := Change(&e); err == nil {
			t.Errorf("%v, %v", cc, err)
		}
	}
	if cc, err := Change(&pb.Entry{Data: []byte{1}}); cc != nil || err != nil {
		t.Errorf("%v, %v", cc, err)
	}
}
