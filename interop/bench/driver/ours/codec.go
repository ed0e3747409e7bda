package ours

import (
	"testing"

	pb "github.com/ffd200af/raft/raftpb"

	"github.com/ffd200af/raft/interop/bench/measure"
)

// codec returns the workloads of encoding and decoding an append of 64 entries.
func codec() []measure.Workload {
	return []measure.Workload{
		{Name: "encode an append of 64 entries", Unit: "message", PerOp: 1, Run: encode},
		{Name: "encode it into a buffer that is used again", Unit: "message", PerOp: 1, Run: encodeTo},
		{Name: "decode an append of 64 entries", Unit: "message", PerOp: 1, Run: decode},
	}
}

func appendOf64() *pb.Message {
	m := &pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 7, LogTerm: 7, Index: 100_000, Commit: 99_990}
	for i := range uint64(64) {
		m.Entries = append(m.Entries, pb.Entry{Term: 7, Index: m.Index + 1 + i, Data: make([]byte, entrySize)})
	}
	return m
}

func encode(b *testing.B) {
	m := appendOf64()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Marshal(); err != nil {
			b.Fatal(err)
		}
	}
}

func encodeTo(b *testing.B) {
	m := appendOf64()
	buf := make([]byte, m.Size())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.MarshalTo(buf); err != nil {
			b.Fatal(err)
		}
	}
}

func decode(b *testing.B) {
	data, err := appendOf64().Marshal()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var m pb.Message
		if err := m.Unmarshal(data); err != nil {
			b.Fatal(err)
		}
	}
}
