package main

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// openGrowth opens a store in memory, in a loop that only compacts its log.
func openGrowth(t *testing.T, compactAfter uint64) *loop {
	t.Helper()
	s, err := openFirst(vfs.NewMem(), "replica", map[uint64]string{1: "http://a:1"})
	must(t, err)
	t.Cleanup(func() { must(t, s.close()) })
	return &loop{store: s, peers: &transport{}, retention: retention{after: compactAfter}}
}

// writeSmall stores what a loop stores for n writes of 10 bytes to 1000 keys, one Ready each.
func writeSmall(t *testing.T, l *loop, n uint64) {
	t.Helper()
	for i := l.store.last + 1; n > 0; i, n = i+1, n-1 {
		entries := []raftpb.Entry{put(i, 1, fmt.Sprint("k", i%1000), "0123456789")}
		hard := raftpb.HardState{Term: 1, Commit: i}
		must(t, l.store.save(raft.Ready{Entries: entries, HardState: hard, MustSync: true}))
		l.store.mustApply(t, entries)
		must(t, l.compact())
	}
}

// deletedRanges counts the ranges that tables mark as deleted and that are not compacted yet.
func deletedRanges(t *testing.T, db *pebble.DB) uint64 {
	t.Helper()
	levels, err := db.SSTables(pebble.WithProperties())
	must(t, err)
	var n uint64
	for _, tables := range levels {
		for i := range tables {
			n += tables[i].Properties.NumRangeDeletions
		}
	}
	return n
}

// TestNothingGrowsWithTheNumberOfWrites writes 50,000 times. The data stays at 1000 keys and the
// log at 1000 entries, so what the engine holds must stay the same, too.
func TestNothingGrowsWithTheNumberOfWrites(t *testing.T) {
	const steps, writes = 10, 5000
	l := openGrowth(t, 1000)
	db := l.store.db
	var before uint64
	for step := range steps {
		writeSmall(t, l, writes)
		must(t, db.Flush()) // tables tell what is in them, memtables do not
		m := db.Metrics()
		written := m.WAL.BytesIn - before
		before = m.WAL.BytesIn
		for _, c := range []struct {
			what       string
			is, atMost uint64
		}{
			{"deleted ranges", deletedRanges(t, db), 100}, // the log is compacted 7 times in a step
			{"bytes in memtables", m.MemTable.Size + m.MemTable.ZombieSize, 16 << 20},
			{"tables that a read looks at", uint64(m.ReadAmp()), 20},
			{"bytes on disk", m.DiskSpaceUsage(), 16 << 20},
			{"bytes for one write", written / writes, 200},
		} {
			if c.is > c.atMost {
				t.Fatalf("after %d writes: %d %s, want at most %d", (step+1)*writes, c.is, c.what, c.atMost)
			}
		}
	}
}

// TestACompactionOfTheLogCostsTheSameAsTheOneBefore: ranges that overlap would be merged again and
// again, which shows in the memory that is allocated.
func TestACompactionOfTheLogCostsTheSameAsTheOneBefore(t *testing.T) {
	if slices.Contains(buildFlags, "-race") {
		t.Skip("the engine checks itself with the race detector, and allocates more")
	}
	l := openGrowth(t, 4)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	writeSmall(t, l, 2000)
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 150<<20 {
		t.Errorf("2000 writes allocate %d MiB", n>>20)
	}
}

// TestARequestThatIsCancelledFirstIsNotKept: the loop may hear that nobody waits for a request
// before it takes the request itself.
func TestARequestThatIsCancelledFirstIsNotKept(t *testing.T) {
	s, err := openFirst(vfs.NewMem(), "replica", map[uint64]string{1: "http://a:1"})
	must(t, err)
	defer s.close()
	node, err := raft.NewRawNode(raft.DefaultConfig(1, s))
	must(t, err)
	must(t, node.Campaign())
	rd := node.Ready()
	must(t, s.save(rd))
	node.Advance(rd)
	l := &loop{node: node, store: s, waiting: map[requestID]*request{}}
	for _, req := range []*request{{id: requestID{1}}, {id: requestID{2}}} {
		req.data = (&command{op: opPut, id: req.id}).encode()
		if req.id[0] == 1 {
			req.gone.Store(true)
		}
		l.propose(req)
	}
	if len(l.waiting) != 1 || l.waiting[requestID{2}] == nil {
		t.Errorf("waiting are %v", l.waiting)
	}
	l.forgetGone()
	if len(l.waiting) != 1 {
		t.Error("a request is forgotten that somebody waits for")
	}
	l.waiting[requestID{2}].gone.Store(true)
	if l.forgetGone(); len(l.waiting) != 0 {
		t.Errorf("nobody waits for %v any more", l.waiting)
	}
}
