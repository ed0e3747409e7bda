// Code generated from package ours by go generate. DO NOT EDIT.

package etcd

import (
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/ffd200af/raft/interop/bench/measure"
)

// codec returns the workloads of encoding and decoding appends. One without entries is the
// commonest message that there is.
func codec() []measure.Workload {
	var all []measure.Workload
	for _, size := range []struct {
		name    string
		entries int
	}{{"no entry", 0}, {"1 entry", 1}, {"64 entries", 64}} {
		m := appendOf(size.entries)
		all = append(all,
			measure.Workload{Name: "encode an append of " + size.name, Unit: "message", PerOp: 1, Run: encode(m)},
			measure.Workload{Name: "the same, into a buffer that is used again", Unit: "message", PerOp: 1, Run: encodeTo(m)},
			measure.Workload{Name: "decode an append of " + size.name, Unit: "message", PerOp: 1, Run: decode(m)})
	}
	return all
}

func appendOf(entries int) *pb.Message {
	m := &pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: 7, LogTerm: 7, Index: 100_000, Commit: 99_990}
	for i := range uint64(entries) {
		m.Entries = append(m.Entries, pb.Entry{Term: 7, Index: m.Index + 1 + i, Data: make([]byte, entrySize)})
	}
	return m
}

func encode(m *pb.Message) func(b *testing.B) {
	return func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.Marshal(); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func encodeTo(m *pb.Message) func(b *testing.B) {
	return func(b *testing.B) {
		buf := make([]byte, m.Size())
		b.ReportAllocs()
		for b.Loop() {
			if _, err := m.MarshalTo(buf); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func decode(m *pb.Message) func(b *testing.B) {
	return func(b *testing.B) {
		data, err := m.Marshal()
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
}
