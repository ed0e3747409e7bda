package raft

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"unsafe"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// entryRun makes the entries from..to of a term.
func entryRun(term, from, to uint64) []pb.Entry {
	var entries []pb.Entry
	for i := from; i <= to; i++ {
		entries = append(entries, pb.Entry{Term: term, Index: i, Data: fmt.Appendf(nil, "%d/%d", term, i)})
	}
	return entries
}

func storedSnapshot(index, term uint64) pb.Snapshot {
	return pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: index, Term: term, ConfState: pb.ConfState{Voters: []uint64{1, 2, 3}}}}
}

// storageWith makes a MemoryStorage that starts behind a snapshot at 3/1 and holds 4..8: 1 1 2 2 3.
func storageWith(t testing.TB) *MemoryStorage {
	t.Helper()
	ms := NewMemoryStorage()
	noError(t, ms.ApplySnapshot(storedSnapshot(3, 1)))
	noError(t, ms.Append(entryRun(1, 4, 5)))
	noError(t, ms.Append(append(entryRun(2, 6, 7), entryRun(3, 8, 8)...)))
	return ms
}

func noError(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wholeLog returns what is stored, as "term/index" words.
func wholeLog(t testing.TB, ms *MemoryStorage) string {
	t.Helper()
	first, _ := ms.FirstIndex()
	last, _ := ms.LastIndex()
	if first > last {
		return "" // there is nothing to ask for, see Entries
	}
	entries, err := ms.Entries(first, last+1, raftlog.NoLimit)
	noError(t, err)
	s := ""
	for i := range entries {
		s += raftlog.IDOf(&entries[i]).String() + " "
	}
	return s
}

func TestMemoryStorageStartsEmptyAtIndexZero(t *testing.T) {
	ms := NewMemoryStorage()
	first, _ := ms.FirstIndex()
	last, _ := ms.LastIndex()
	term, err := ms.Term(0)
	if first != 1 || last != 0 || term != 0 || err != nil {
		t.Errorf("first %d, last %d, term at 0: %d, %v", first, last, term, err)
	}
	snap, err := ms.Snapshot()
	if !IsEmptySnap(snap) || err != nil {
		t.Errorf("snapshot %v, %v", snap, err)
	}
}

func TestMemoryStorageAnswersForTermsFromTheEntryBeforeTheLogOn(t *testing.T) {
	for _, tc := range []struct {
		index, want uint64
		err         error
	}{
		{2, 0, ErrCompacted}, {3, 1, nil}, {4, 1, nil}, {6, 2, nil}, {8, 3, nil}, {9, 0, ErrUnavailable}, {raftlog.NoLimit, 0, ErrUnavailable},
	} {
		got, err := storageWith(t).Term(tc.index)
		if got != tc.want || err != tc.err {
			t.Errorf("term of %d: %d, %v; want %d, %v", tc.index, got, err, tc.want, tc.err)
		}
	}
}

func TestMemoryStorageReturnsEntriesWithinTheLogAndTheLimit(t *testing.T) {
	size := func(lo, hi uint64) (n uint64) {
		entries, err := storageWith(t).Entries(lo, hi, raftlog.NoLimit)
		noError(t, err)
		for i := range entries {
			n += uint64(entries[i].Size())
		}
		return n
	}
	for _, tc := range []struct {
		name        string
		lo, hi, max uint64
		want        int // entries
		err         error
	}{
		{"all", 4, 9, raftlog.NoLimit, 5, nil},
		{"the last", 8, 9, raftlog.NoLimit, 1, nil},
		{"none", 6, 6, raftlog.NoLimit, 0, nil},
		{"none at the end", 9, 9, raftlog.NoLimit, 0, nil},
		{"the wrong way round", 7, 6, raftlog.NoLimit, 0, nil},
		{"compacted", 3, 5, raftlog.NoLimit, 0, ErrCompacted},
		{"compacted wins over nothing", 3, 3, raftlog.NoLimit, 0, ErrCompacted},
		{"beyond the end", 4, 10, raftlog.NoLimit, 0, ErrUnavailable},
		{"at least one", 4, 9, 0, 1, nil},
		{"exactly two", 4, 9, size(4, 6), 2, nil},
		{"one byte short of two", 4, 9, size(4, 6) - 1, 1, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			entries, err := storageWith(t).Entries(tc.lo, tc.hi, tc.max)
			if len(entries) != tc.want || err != tc.err {
				t.Fatalf("%d entries, %v; want %d, %v", len(entries), err, tc.want, tc.err)
			}
			if len(entries) > 0 && entries[0].Index != tc.lo {
				t.Errorf("first entry is %d", entries[0].Index)
			}
		})
	}
}

func TestMemoryStorageAppendReplacesTheTailFromItsFirstEntryOn(t *testing.T) {
	for _, tc := range []struct {
		name   string
		append []pb.Entry
		want   string
		err    error
	}{
		{"nothing", nil, "1/4 1/5 2/6 2/7 3/8 ", nil},
		{"behind the end", entryRun(4, 9, 10), "1/4 1/5 2/6 2/7 3/8 4/9 4/10 ", nil},
		{"over the tail", entryRun(4, 7, 9), "1/4 1/5 2/6 4/7 4/8 4/9 ", nil},
		{"over all", entryRun(4, 4, 4), "4/4 ", nil},
		{"shorter than what it replaces", entryRun(2, 6, 6), "1/4 1/5 2/6 ", nil},
		{"partly compacted", entryRun(4, 2, 5), "4/4 4/5 ", nil},
		{"wholly compacted", entryRun(4, 1, 3), "1/4 1/5 2/6 2/7 3/8 ", nil},
		{"behind a gap", entryRun(4, 10, 11), "1/4 1/5 2/6 2/7 3/8 ", ErrUnavailable},
		{"with a gap inside", append(entryRun(4, 9, 9), entryRun(4, 11, 11)...), "1/4 1/5 2/6 2/7 3/8 ", ErrMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ms := storageWith(t)
			if err := ms.Append(tc.append); !errors.Is(err, tc.err) {
				t.Fatalf("%v, want %v", err, tc.err)
			}
			if got := wholeLog(t, ms); got != tc.want {
				t.Errorf("log %q, want %q", got, tc.want)
			}
		})
	}
}

func TestMemoryStorageCompactRemembersTheTermOfTheLastDroppedEntry(t *testing.T) {
	for _, tc := range []struct {
		index uint64
		want  string
		err   error
	}{
		{2, "1/4 1/5 2/6 2/7 3/8 ", ErrCompacted},
		{3, "1/4 1/5 2/6 2/7 3/8 ", ErrCompacted},
		{4, "1/5 2/6 2/7 3/8 ", nil},
		{7, "3/8 ", nil},
		{8, "", nil},
		{9, "1/4 1/5 2/6 2/7 3/8 ", ErrUnavailable},
	} {
		ms := storageWith(t)
		before, _ := ms.Term(tc.index)
		if err := ms.Compact(tc.index); err != tc.err {
			t.Errorf("compacting to %d: %v, want %v", tc.index, err, tc.err)
		}
		if got := wholeLog(t, ms); got != tc.want {
			t.Errorf("compacted to %d: %q, want %q", tc.index, got, tc.want)
		}
		after, err := ms.Term(tc.index)
		if tc.err == nil && (after != before || err != nil) {
			t.Errorf("compacted to %d: its term is %d, %v, was %d", tc.index, after, err, before)
		}
	}
}

func TestMemoryStorageCreatesSnapshotsThatMoveForward(t *testing.T) {
	ms := storageWith(t)
	noError(t, ms.Compact(5))
	cs := &pb.ConfState{Voters: []uint64{1, 2}}
	for _, tc := range []struct {
		name  string
		index uint64
		cs    *pb.ConfState
		err   error
	}{
		{"older than the stored one", 2, cs, ErrSnapOutOfDate},
		{"as old as the stored one", 3, cs, ErrSnapOutOfDate},
		{"of a compacted entry", 4, cs, ErrCompacted},
		{"beyond the log", 9, cs, ErrUnavailable},
		{"at the end of what was compacted", 5, nil, nil},
		{"in the log", 7, cs, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before, _ := ms.Snapshot()
			log := wholeLog(t, ms)
			got, err := ms.CreateSnapshot(tc.index, tc.cs, []byte("data"))
			if err != tc.err {
				t.Fatalf("%v, want %v", err, tc.err)
			}
			after, _ := ms.Snapshot()
			want := before
			if tc.err == nil {
				want.Metadata.Index = tc.index
				want.Metadata.Term, _ = ms.Term(tc.index)
				want.Data = []byte("data")
				if tc.cs != nil {
					want.Metadata.ConfState = *tc.cs
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("returned:\n%s", diff)
				}
			}
			if diff := cmp.Diff(want, after); diff != "" {
				t.Errorf("stored:\n%s", diff)
			}
			if wholeLog(t, ms) != log {
				t.Error("the log has changed")
			}
		})
	}
	_, cs2, _ := ms.InitialState()
	if diff := cmp.Diff(*cs, cs2); diff != "" {
		t.Errorf("configuration of the snapshot:\n%s", diff)
	}
}

func TestMemoryStorageApplySnapshotReplacesTheLogUnlessItIsOlder(t *testing.T) {
	for _, tc := range []struct {
		name  string
		index uint64
		err   error
	}{
		{"none", 0, ErrSnapOutOfDate},
		{"older than the stored one", 2, ErrSnapOutOfDate},
		{"the stored one", 3, ErrSnapOutOfDate},
		{"older than what was compacted, as in v3.6", 4, nil},
		{"at the end of what was compacted", 5, nil},
		{"in the log", 7, nil},
		{"beyond the log", 20, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ms := storageWith(t)
			noError(t, ms.Compact(5))
			err := ms.ApplySnapshot(storedSnapshot(tc.index, 9))
			if err != tc.err {
				t.Fatalf("%v, want %v", err, tc.err)
			}
			if err != nil {
				if got := wholeLog(t, ms); got != "2/6 2/7 3/8 " {
					t.Errorf("log %q has changed", got)
				}
				return
			}
			first, _ := ms.FirstIndex()
			last, _ := ms.LastIndex()
			term, err := ms.Term(tc.index)
			if first != tc.index+1 || last != tc.index || term != 9 || err != nil {
				t.Errorf("first %d, last %d, term %d, %v", first, last, term, err)
			}
		})
	}
}

func TestMemoryStorageKeepsTheHardState(t *testing.T) {
	ms := storageWith(t)
	want := pb.HardState{Term: 4, Vote: 2, Commit: 7}
	noError(t, ms.SetHardState(want))
	got, cs, err := ms.InitialState()
	if got != want || len(cs.Voters) != 3 || err != nil {
		t.Errorf("%v, %v, %v", got, cs, err)
	}
}

// storageCopy is a plain model of the log.
type storageCopy struct {
	prev    raftlog.EntryID
	entries []pb.Entry
}

// published is a slice that Entries has returned, and what was in it then.
type published struct{ got, want []pb.Entry }

func TestMemoryStorageNeverChangesWhatItHasReturned(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := NewMemoryStorage()
		var model storageCopy
		var held []published
		term := uint64(1)
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			last := model.prev.Index + uint64(len(model.entries))
			switch rapid.SampledFrom([]string{"append", "append", "overwrite", "compact", "read", "snapshot"}).Draw(t, "step") {
			case "append":
				model.append(t, ms, entryRun(term, last+1, last+rapid.Uint64Range(1, 9).Draw(t, "n")))
			case "overwrite":
				if last == model.prev.Index {
					continue
				}
				term++
				at := rapid.Uint64Range(model.prev.Index+1, last).Draw(t, "at")
				model.append(t, ms, entryRun(term, at, at+rapid.Uint64Range(0, 5).Draw(t, "n")))
			case "compact":
				if last == model.prev.Index {
					continue
				}
				at := rapid.Uint64Range(model.prev.Index+1, last).Draw(t, "at")
				n := at - model.prev.Index
				model.prev = raftlog.IDOf(&model.entries[n-1])
				model.entries = model.entries[n:]
				noError(t, ms.Compact(at))
			case "snapshot":
				if rapid.IntRange(0, 4).Draw(t, "rarely") > 0 {
					continue
				}
				at := last + rapid.Uint64Range(1, 3).Draw(t, "beyond")
				model = storageCopy{prev: raftlog.EntryID{Term: term, Index: at}}
				noError(t, ms.ApplySnapshot(storedSnapshot(at, term)))
			case "read":
				if len(model.entries) == 0 {
					continue
				}
				lo := rapid.Uint64Range(model.prev.Index+1, last+1).Draw(t, "lo")
				hi := rapid.Uint64Range(lo, last+1).Draw(t, "hi")
				limit := rapid.SampledFrom([]uint64{0, 30, 100, raftlog.NoLimit}).Draw(t, "limit")
				got, err := ms.Entries(lo, hi, limit)
				noError(t, err)
				if want := limitBytes(model.entries[lo-model.prev.Index-1:hi-model.prev.Index-1], limit); !cmp.Equal(got, want, cmpopts.EquateEmpty()) {
					t.Fatalf("[%d, %d) within %d bytes: %v, want %v", lo, hi, limit, got, want)
				}
				held = append(held, published{got: got, want: append([]pb.Entry{}, got...)})
				if len(got) > 0 {
					// A reader may append to what it got; the log must not notice.
					_ = append(got, pb.Entry{Term: 99})
				}
			}
			model.compare(t, ms)
			for _, h := range held {
				if diff := cmp.Diff(h.want, h.got); diff != "" {
					t.Fatalf("returned entries have changed:\n%s", diff)
				}
			}
		}
	})
}

func (m *storageCopy) append(t *rapid.T, ms *MemoryStorage, entries []pb.Entry) {
	keep := entries[0].Index - m.prev.Index - 1
	m.entries = append(append([]pb.Entry(nil), m.entries[:keep]...), entries...)
	noError(t, ms.Append(entries))
}

func (m *storageCopy) compare(t *rapid.T, ms *MemoryStorage) {
	first, _ := ms.FirstIndex()
	last, _ := ms.LastIndex()
	if first != m.prev.Index+1 || last != m.prev.Index+uint64(len(m.entries)) {
		t.Fatalf("log is [%d, %d], want %d entries behind %v", first, last, len(m.entries), m.prev)
	}
	term, err := ms.Term(m.prev.Index)
	if err != nil || term != m.prev.Term {
		t.Fatalf("term at %v: %d, %v", m.prev, term, err)
	}
	entries, err := ms.Entries(first, last+1, raftlog.NoLimit)
	if len(m.entries) == 0 {
		if err != ErrUnavailable {
			t.Fatalf("an empty log has %v, %v", entries, err)
		}
		return
	}
	noError(t, err)
	for i := range m.entries {
		if raftlog.IDOf(&entries[i]) != raftlog.IDOf(&m.entries[i]) || string(entries[i].Data) != string(m.entries[i].Data) {
			t.Fatalf("entry %v, want %v", entries[i], m.entries[i])
		}
	}
}

func TestMemoryStorageDoesNotCopyOnEveryCompaction(t *testing.T) {
	ms := NewMemoryStorage()
	noError(t, ms.Append(entryRun(1, 1, 1000)))
	at := uint64(0)
	allocs := testing.AllocsPerRun(900, func() {
		at++
		noError(t, ms.Compact(at))
	})
	if allocs != 0 { // rounded down: ten in a thousand are fine
		t.Errorf("%.0f allocations a compaction", allocs)
	}
}

func TestMemoryStorageReadsAllocateNothing(t *testing.T) {
	ms := NewMemoryStorage()
	noError(t, ms.ApplySnapshot(storedSnapshot(3, 1)))
	noError(t, ms.Append(entryRun(1, 4, 20)))
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := ms.Entries(4, 9, raftlog.NoLimit); err != nil {
			t.Fatal(err)
		}
		if _, err := ms.Entries(4, 9, 30); err != nil {
			t.Fatal(err)
		}
		if _, err := ms.Entries(1, 9, raftlog.NoLimit); err != ErrCompacted {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%.1f allocations", allocs)
	}
}

func TestAnIdleMemoryStorageIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(MemoryStorage{}); size > 128 {
		t.Errorf("%d bytes", size)
	}
}

// Run with -race: a reader may look at entries while the log is appended to, overwritten and
// compacted.
func TestMemoryStorageServesReadersWhileItIsWritten(t *testing.T) {
	ms := NewMemoryStorage()
	var readers sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for {
				select {
				case <-done:
					return
				default:
				}
				first, _ := ms.FirstIndex()
				last, _ := ms.LastIndex()
				entries, err := ms.Entries(first, last+1, raftlog.NoLimit)
				if err != nil && err != ErrCompacted && err != ErrUnavailable {
					t.Error(err)
				}
				for i := range entries {
					if want := raftlog.IDOf(&entries[i]).String(); string(entries[i].Data) != want {
						t.Errorf("entry %s holds %s", want, entries[i].Data)
					}
				}
			}
		}()
	}
	for i := uint64(1); i < 2000; i += 2 {
		noError(t, ms.Append(entryRun(i, i, i+9)))
		if i > 20 && i%10 == 1 {
			noError(t, ms.Compact(i-10))
		}
	}
	close(done)
	readers.Wait()
}

// configure makes cs the stored configuration, without a snapshot.
func (ms *MemoryStorage) configure(cs pb.ConfState) {
	ms.snapshot = packSnapshot(&pb.Snapshot{Metadata: pb.SnapshotMetadata{ConfState: cs}})
}

func TestAPackedSnapshotIsTheSameSnapshot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := func(name string) []uint64 {
			return rapid.SliceOfN(rapid.Uint64(), 0, 4).Draw(t, name)
		}
		want := pb.SnapshotMetadata{
			Index: rapid.Uint64().Draw(t, "index"), Term: rapid.Uint64().Draw(t, "term"),
			ConfState: pb.ConfState{
				Voters: list("voters"), Learners: list("learners"), VotersOutgoing: list("outgoing"),
				LearnersNext: list("next"), AutoLeave: rapid.Bool().Draw(t, "auto"),
			},
		}
		packed := packMetadata(&want)
		got := packed.unpack()
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
		if s := (packedSnapshot{meta: packed}); s.index() != want.Index {
			t.Fatalf("index %d, want %d", s.index(), want.Index)
		}
		// Whoever appends to a list does not change another one.
		_, _ = append(got.ConfState.Voters, 1), append(got.ConfState.Learners, 2)
		if diff := cmp.Diff(want, packed.unpack(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("after an append: %s", diff)
		}
	})
}

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
