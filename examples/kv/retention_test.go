package main

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/compaction"
	"github.com/ffd200af/raft/raftpb"
)

// openRetention is openGrowth for a log that is compacted by its bytes, of at least so many.
func openRetention(t *testing.T, floor uint64) *loop {
	t.Helper()
	l := openGrowth(t, 0)
	l.store.sizes = compaction.NewLog(compaction.Policy{Floor: floor, Ceiling: maxLog}, l.store.last)
	return l
}

func TestTheLogIsCompactedToAQuarterOfItsBytes(t *testing.T) {
	const floor = 40_000
	l := openRetention(t, floor)
	compacted := 0
	for range 5000 {
		before := l.store.prev.index
		writeSmall(t, l, 1)
		size := l.store.sizes.Size()
		if l.store.prev.index > before {
			compacted++
			if size < floor/logKept || size > floor/logKept+1000 {
				t.Fatalf("%d bytes stay, want %d", size, floor/logKept)
			}
		}
		if size > floor {
			t.Fatalf("the log has %d bytes", size)
		}
	}
	if compacted < 3 || compacted > 20 {
		t.Errorf("the log is compacted %d times", compacted)
	}
}

// TestALargeStateAllowsALargeLog: four times as many bytes, and a quarter of that stays.
func TestALargeStateAllowsALargeLog(t *testing.T) {
	const state = 200_000
	l := openRetention(t, 1000)
	value := make([]byte, state)
	_, _ = rand.Read(value) // does not shrink
	must(t, l.store.db.Set(dataKey([]byte("large")), encodeRow(1, value), nil))
	must(t, l.store.db.Flush())
	small := l.store.sizes
	l.store.sizes = compaction.NewLog(compaction.Policy{Floor: 1000}, 1)
	l.store.sizes.Append(2, 100, 3*state)
	if _, due := l.compactTo(); due {
		t.Error("a log of three times the data is due")
	}
	l.store.sizes, l.retention = small, retention{}
	before := l.store.prev.index
	for l.store.prev.index == before {
		writeSmall(t, l, 1)
		if size := l.store.sizes.Size(); size > 5*state {
			t.Fatalf("the log has %d bytes", size)
		}
	}
	if size := l.store.sizes.Size(); size < state*9/10 || size > state*11/10 {
		t.Errorf("%d bytes stay of a log for %d bytes of data", size, state)
	}
}

// TestTheDataIsMeasuredSeldom while a log that is due cannot be compacted.
func TestTheDataIsMeasuredSeldom(t *testing.T) {
	l := openRetention(t, 16_000)
	entries := puts(2, 1000, 1)
	must(t, l.store.save(raft.Ready{Entries: entries, HardState: raftpb.HardState{Term: 1, Commit: 1}, MustSync: true}))
	if _, due := l.compactTo(); !due {
		t.Fatal("a log above the floor is not due")
	}
	if _, due := l.compactTo(); due {
		t.Error("the data is measured for each batch")
	}
	l.store.countEntries(puts(1001, 1040, 1))
	if _, due := l.compactTo(); !due {
		t.Error("the data is not measured again when the log has grown")
	}
	l.retention.next = 0
	must(t, l.compact()) // nothing is applied that could be dropped
	if l.store.prev.index != 1 {
		t.Errorf("the log is compacted to %d", l.store.prev.index)
	}
}

func TestANumberOfEntriesIsCompactedToAQuarter(t *testing.T) {
	l := openGrowth(t, 100)
	for applied, want := range map[uint64]uint64{100: 1, 101: 1, 102: 77} {
		l.store.applied.index = applied
		if index, due := l.compactTo(); due != (want > 1) || due && index != want {
			t.Errorf("at %d the log is compacted to %d: %v", applied, index, due)
		}
	}
	l.store.applied.index = 1
}

// TestTheSizeOfTheLogIsKnownAfterARestart, without a look at each entry.
func TestTheSizeOfTheLogIsKnownAfterARestart(t *testing.T) {
	fs := vfs.NewMem()
	s, err := openFirst(fs, "1", threeReplicas)
	must(t, err)
	for i := uint64(2); i <= 1001; i++ {
		must(t, s.save(raft.Ready{Entries: []raftpb.Entry{put(i, 1, fmt.Sprint("k", i), string(make([]byte, i%10*100)))}, MustSync: true}))
	}
	s.mustApply(t, puts(2, 501, 1))
	must(t, s.compact(501))
	size := s.sizes.Size()
	must(t, s.close())
	s, err = openStoreIn(fs, "1")
	must(t, err)
	defer s.close()
	if got := s.sizes.Size(); got < size*3/4 || got > size*5/4 || size < 200_000 {
		t.Errorf("%d bytes after the restart, %d before", got, size)
	}
	if s.sizes.Last() != 1001 || s.sizes.Keeping(maxLog) != 501 {
		t.Errorf("the log is (%d, %d]", s.sizes.Keeping(maxLog), s.sizes.Last())
	}
}

// TestAnInstalledSnapshotReplacesTheSizeOfTheLog by that of the entries behind it.
func TestAnInstalledSnapshotReplacesTheSizeOfTheLog(t *testing.T) {
	s, err := openFirst(vfs.NewMem(), "1", threeReplicas)
	must(t, err)
	defer s.close()
	must(t, s.save(raft.Ready{Entries: puts(2, 100, 1), MustSync: true}))
	at := entryID{term: 2, index: 50}
	must(t, s.putImage("IMAGE", emptyImage(at)))
	snap := raftpb.Snapshot{Data: []byte("IMAGE"), Metadata: raftpb.SnapshotMetadata{Index: 50, Term: 2, ConfState: s.conf}}
	behind := puts(51, 52, 2)
	must(t, s.save(raft.Ready{Snapshot: snap, Entries: behind, HardState: raftpb.HardState{Term: 2, Commit: 50}, MustSync: true}))
	want := uint64(behind[0].Size() + behind[1].Size())
	if s.sizes.Size() != want || s.sizes.Last() != 52 || s.sizes.Keeping(maxLog) != 50 {
		t.Errorf("%d bytes in (%d, %d], want %d", s.sizes.Size(), s.sizes.Keeping(maxLog), s.sizes.Last(), want)
	}
}

// TestThePeerOfASnapshotKeepsABoundedLog, in bytes.
func TestThePeerOfASnapshotKeepsABoundedLog(t *testing.T) {
	l := openRetention(t, 16_000)
	l.store.sizes.Append(2, 101, 32_000) // twice the limit
	if !l.mayKeep(1) {
		t.Error("a log of twice the limit is not kept")
	}
	l.store.sizes.Append(102, 111, 3_200)
	if l.mayKeep(1) || !l.mayKeep(12) {
		t.Error("more than twice the limit is kept, or less is not")
	}
}
