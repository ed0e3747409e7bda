package raftlog

import (
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
	"pgregory.net/rapid"
)

// limitBytes returns the longest prefix of entries of at most max encoded bytes, but at least one
// entry.
func limitBytes(entries []pb.Entry, max uint64) []pb.Entry {
	size := uint64(0)
	for i := range entries {
		if size += uint64(entries[i].Size()); size > max && i > 0 {
			return entries[:i:i]
		}
	}
	return entries
}

func TestFittingCountsAsSizeDoes(t *testing.T) {
	boundary := func(t *rapid.T, name string) uint64 {
		shift := rapid.IntRange(0, 9).Draw(t, name)
		return 1<<(7*shift) - rapid.Uint64Range(0, 3).Draw(t, name)%(1<<(7*shift))
	}
	rapid.Check(t, func(t *rapid.T) {
		id := EntryID{Term: boundary(t, "term"), Index: boundary(t, "index")}
		var entries []pb.Entry
		for range rapid.IntRange(0, 10).Draw(t, "n") {
			e := pb.Entry{Term: id.Term, Index: id.Index}
			e.Type = rapid.SampledFrom([]pb.EntryType{0, 0, 1, 2, 127, 128, -1}).Draw(t, "type")
			if n := rapid.SampledFrom([]int{-1, 0, 1, 127, 128, 1<<14 - 1, 1 << 14}).Draw(t, "bytes"); n >= 0 {
				e.Data = make([]byte, n)
			}
			entries = append(entries, e)
			id.Term, id.Index = id.Term+rapid.Uint64Range(0, 2).Draw(t, "rise"), id.Index+1
		}
		max := rapid.Uint64Range(0, 40_000).Draw(t, "max")
		n, bytes := fitting(entries, max)
		var want uint64
		for i := range n {
			want += uint64(entries[i].Size())
		}
		if bytes != want || bytes > max || n < len(entries) && bytes+uint64(entries[n].Size()) <= max {
			t.Fatalf("%d of %d entries, %d bytes, want %d, limit %d", n, len(entries), bytes, want, max)
		}
	})
}
