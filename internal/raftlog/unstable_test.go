package raftlog

import (
	"runtime"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
	"pgregory.net/rapid"
)

// While a disk is slow the unacknowledged tail grows message by message.
func TestALongUnacknowledgedTailIsNeverMoved(t *testing.T) {
	const messages, perMessage = 500, 100
	entries := entriesOf(1, make([]uint64, messages*perMessage)...)
	u := newUnstable(1, 0)
	var places []*pb.Entry
	for i := range messages {
		u.append(entries[i*perMessage : (i+1)*perMessage])
		places = append(places, u.entries.Entry(u.end()-1))
	}
	for i, place := range places {
		if u.entries.Entry(uint64((i+1)*perMessage)) != place {
			t.Fatalf("entry %d has moved", (i+1)*perMessage)
		}
	}
	if arrays := len(u.entries.older()); u.end() != messages*perMessage+1 || arrays > 2*messages*perMessage/largestChunk {
		t.Errorf("%d entries in %d arrays", u.end()-1, arrays+1)
	}
}

// The cache holds what the log holds, whatever is appended, truncated, acknowledged and restored.
func TestTheCacheHoldsTheEndOfTheDurableLog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := newUnstable(1, rapid.Uint64Range(1, 40000).Draw(t, "limit"))
		var model []pb.Entry // model[i] has index first+i
		first, term := uint64(1), uint64(1)
		for range rapid.IntRange(1, 100).Draw(t, "acts") {
			switch rapid.SampledFrom([]string{"append", "append", "append", "acknowledge", "acknowledge", "truncate", "restore"}).Draw(t, "act") {
			case "append":
				batch := make([]pb.Entry, rapid.IntRange(1, 40).Draw(t, "n"))
				for i := range batch {
					batch[i] = pb.Entry{Term: term, Index: u.end() + uint64(i), Data: make([]byte, rapid.IntRange(0, 50).Draw(t, "bytes"))}
				}
				u.append(batch)
				model = append(model, batch...)
			case "acknowledge":
				u.take()
				u.acknowledged(u.generation, rapid.Uint64Range(u.stable-1, u.end()-1).Draw(t, "index"))
				u.dropDurable(u.end())
			case "truncate":
				term++
				at := max(first, u.end()-min(u.end(), rapid.Uint64Range(0, 100).Draw(t, "cut")))
				u.truncate(at)
				model = model[:at-first]
			case "restore":
				index := rapid.Uint64Range(u.end()-1, u.end()+10).Draw(t, "snapshot")
				u.restore(&pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: index, Term: term}})
				model, first = nil, index+1
				if !u.entries.Empty() {
					t.Fatal("entries from before the snapshot are in memory")
				}
			}
			older := u.entries.older()
			if len(older) > 0 && u.stable == u.end() && u.entries.old.bytes > u.keep {
				t.Fatalf("%d bytes, the limit is %d", u.entries.old.bytes, u.keep)
			}
			var bytes uint64
			for i, c := range older {
				bytes += c.bytes
				if next := u.entries.at(i + 1).entries[0].Index; endOf(c.entries) != next || c.bytes != memoryBytes(c.entries) {
					t.Fatalf("an array of %d bytes ends before %d, the next begins at %d", c.bytes, endOf(c.entries), next)
				}
			}
			if len(older) > 0 && u.entries.old.bytes != bytes || u.entries.newest.bytes != memoryBytes(u.entries.newest.entries) {
				t.Fatalf("%d bytes in older arrays, %d in the newest", bytes, u.entries.newest.bytes)
			}
			lo := rapid.Uint64Range(first, u.end()).Draw(t, "lo")
			hi := rapid.Uint64Range(lo, u.end()).Draw(t, "hi")
			if !u.serves(lo) || lo == hi {
				continue
			}
			for i, e := range u.entries.Slice(lo, hi, NoLimit) {
				if want := model[lo-first+uint64(i)]; e.Index != want.Index || e.Term != want.Term || lo+uint64(i) >= hi {
					t.Fatalf("at %d: %v, want %v before %d", lo+uint64(i), e, want, hi)
				}
			}
		}
	})
}

// allocated is the number of bytes that f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestLargeEntriesHaveSmallArrays(t *testing.T) {
	const messages, size = 100, 70 << 10
	u := newUnstable(1, 0)
	data := make([]byte, size)
	bytes := allocated(func() {
		for i := range messages {
			u.append([]pb.Entry{{Term: 1, Index: uint64(i + 1), Data: data}})
		}
	})
	if bytes/messages > 512 {
		t.Errorf("%d bytes an entry", bytes/messages)
	}
}

func TestLargeEntriesGoWhenTheyAreDurable(t *testing.T) {
	const entries, size = 1000, 70 << 10
	u := newUnstable(1, 0)
	data := make([]byte, size)
	for i := range uint64(entries) {
		u.append([]pb.Entry{{Term: 1, Index: i + 1, Data: data}})
		u.take()
		u.acknowledged(0, i+1)
		u.dropDurable(i + 1)
		if held := u.entries.bytes(); held > 2*LargestChunkBytes {
			t.Fatalf("after %d entries %d bytes are in memory", i+1, held)
		}
	}
}
