package raft

import (
	"errors"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// logModel drives a raftLog against a plain slice of entries, as a follower would be
// driven: appends that may conflict, writes that are acknowledged late, application,
// compaction.
type logModel struct {
	log     raftLog
	storage *MemoryStorage
	entries []pb.Entry // entries[i] has index i+1; nothing is compacted here
	pending []write    // handed out, not acknowledged
	term    uint64     // of the newest leader
	lent    []lentSlice
}

// lentSlice is what was published, with a copy that shows whether it changed.
type lentSlice struct{ got, want []pb.Entry }

func (m *logModel) lend(entries []pb.Entry) {
	m.lent = append(m.lent, lentSlice{got: entries, want: append([]pb.Entry(nil), entries...)})
}

func newLogModel(t *rapid.T) *logModel {
	s := NewMemoryStorage()
	l, err := openLog(s, pb.HardState{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &logModel{log: l, storage: s, term: 1}
}

// Append comes from the newest leader, or from a new one.
func (m *logModel) Append(t *rapid.T) {
	if rapid.Bool().Draw(t, "new leader") {
		m.term++
	}
	after := rapid.Uint64Range(m.log.committed, uint64(len(m.entries))).Draw(t, "after")
	n := rapid.IntRange(1, 9).Draw(t, "n")
	var prev entryID
	if after > 0 {
		prev = idOf(&m.entries[after-1])
	}
	s := logSlice{prev: prev}
	for i := 1; i <= n; i++ {
		s.entries = append(s.entries, entriesOf(after+uint64(i), m.term)...)
	}
	// What the newest leader wrote it does not write differently.
	if after < uint64(len(m.entries)) && m.entries[after].Term == m.term {
		return
	}
	if err := m.log.append(s); err != nil {
		t.Fatal(err)
	}
	m.entries = append(m.entries[:after:after], s.entries...)
}

// Write hands out what is not durable, Store performs the oldest write.
func (m *logModel) Write(*rapid.T) {
	entries := m.log.unstable.toWrite()
	m.lend(entries)
	w := write{generation: m.log.unstable.generation, index: m.log.lastIndex()}
	m.log.unstable.take()
	if err := m.storage.Append(entries); err != nil {
		panic(err)
	}
	m.pending = append(m.pending, w)
}

func (m *logModel) Acknowledge(*rapid.T) {
	if len(m.pending) == 0 {
		return
	}
	w := m.pending[0]
	m.pending = m.pending[1:]
	m.log.unstable.acknowledged(w.generation, w.index)
}

func (m *logModel) Commit(t *rapid.T) {
	to := rapid.Uint64Range(m.log.committed, m.log.lastIndex()).Draw(t, "commit")
	if err := m.log.commitTo(to); err != nil {
		t.Fatal(err)
	}
}

func (m *logModel) Apply(t *rapid.T) {
	entries, err := m.log.toApply(rapid.SampledFrom([]uint64{0, 40, noLimit}).Draw(t, "bytes"), false)
	if err != nil {
		t.Fatal(err)
	}
	m.lend(entries)
	for i := range entries {
		m.log.applying++
		if diff := cmp.Diff(m.entries[m.log.applying-1], entries[i]); diff != "" {
			t.Fatalf("applying another entry:\n%s", diff)
		}
	}
	m.log.applied = m.log.applying
}

func (m *logModel) Compact(t *rapid.T) {
	first, _ := m.storage.FirstIndex()
	if m.log.applied < first {
		return
	}
	to := rapid.Uint64Range(first, m.log.applied).Draw(t, "compact")
	if err := m.storage.Compact(to); err != nil {
		t.Fatal(err)
	}
}

// Check compares every answer with the model's.
func (m *logModel) Check(t *rapid.T) {
	if got, want := m.log.lastIndex(), uint64(len(m.entries)); got != want {
		t.Fatalf("last index is %d, want %d", got, want)
	}
	first, _ := m.storage.FirstIndex()
	for i := first; i <= m.log.lastIndex(); i++ {
		if term, ok := m.log.term(i); !ok || term != m.entries[i-1].Term {
			t.Fatalf("term at %d is %d, %t, want %d", i, term, ok, m.entries[i-1].Term)
		}
	}
	if _, ok := m.log.term(m.log.lastIndex() + 1); ok {
		t.Fatal("a term behind the end")
	}
	for lo := m.log.first; lo <= m.log.lastIndex(); {
		entries, err := m.log.entries(lo, m.log.lastIndex()+1, 100)
		if errors.Is(err, ErrCompacted) && lo < first {
			lo = m.log.first
			continue
		}
		if err != nil {
			t.Fatalf("reading from %d: %v", lo, err)
		}
		if diff := cmp.Diff(m.entries[lo-1:lo-1+uint64(len(entries))], entries); diff != "" {
			t.Fatalf("other entries from %d:\n%s", lo, diff)
		}
		m.lend(entries)
		lo += uint64(len(entries))
	}
	for _, l := range m.lent {
		if diff := cmp.Diff(l.want, l.got); diff != "" {
			t.Fatalf("published entries changed:\n%s", diff)
		}
	}
	m.lent = m.lent[max(0, len(m.lent)-20):]
}

func TestLogAnswersLikeASliceAndNeverChangesWhatItHandedOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newLogModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"":            m.Check,
			"append":      m.Append,
			"write":       m.Write,
			"acknowledge": m.Acknowledge,
			"commit":      m.Commit,
			"apply":       m.Apply,
			"compact":     m.Compact,
		})
	})
}

// An acknowledgement of overwritten entries must not be taken for one of an equal entry that
// was written again since (A-B-A): its write is still under way.
func TestBug24AnAcknowledgementOfOverwrittenEntriesCountsForNothing(t *testing.T) {
	l, err := openLog(NewMemoryStorage(), pb.HardState{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	appendAll := func(entries []pb.Entry) write {
		if err := l.append(logSlice{entries: entries}); err != nil {
			t.Fatal(err)
		}
		w := write{generation: l.unstable.generation, index: l.lastIndex()}
		l.unstable.take()
		return w
	}
	a := appendAll(entriesOf(1, 2, 2))
	appendAll(entriesOf(1, 3))
	again := appendAll(entriesOf(1, 2, 2))
	if l.unstable.acknowledged(a.generation, a.index); l.stable() != 0 {
		t.Fatalf("the acknowledgement of the first write made %d stable", l.stable())
	}
	if l.unstable.acknowledged(again.generation, again.index); l.stable() != 2 {
		t.Fatalf("stable is %d, want 2", l.stable())
	}
}

func TestAnOldShortAppendDoesNotCutOffNewerEntries(t *testing.T) {
	l, err := openLog(NewMemoryStorage(), pb.HardState{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{5, 2} {
		if err := l.append(logSlice{entries: entriesOf(1, 1, 1, 1, 1, 1)[:n]}); err != nil {
			t.Fatal(err)
		}
	}
	if l.lastIndex() != 5 {
		t.Fatalf("last index is %d, want 5", l.lastIndex())
	}
}

// While a disk is slow the unacknowledged tail grows message by message.
func TestALongUnacknowledgedTailIsNeverMoved(t *testing.T) {
	const messages, perMessage = 500, 100
	entries := entriesOf(1, make([]uint64, messages*perMessage)...)
	u := newUnstable(1)
	var places []*pb.Entry
	for i := range messages {
		u.append(entries[i*perMessage : (i+1)*perMessage])
		places = append(places, u.entries.entry(u.end()-1))
	}
	for i, place := range places {
		if u.entries.entry(uint64((i+1)*perMessage)) != place {
			t.Fatalf("entry %d has moved", (i+1)*perMessage)
		}
	}
	if arrays := len(u.entries.older()); u.end() != messages*perMessage+1 || arrays > 2*messages*perMessage/largestChunk {
		t.Errorf("%d entries in %d arrays", u.end()-1, arrays+1)
	}
}

// An application that compacts its log and whose followers never lag gives the log no occasion to read Storage.
func TestTheTermHistoryOfACompactedLogIsBounded(t *testing.T) {
	calls := map[string]int{}
	storage := countingStorage{NewMemoryStorage(), calls}
	l, err := openLog(storage, pb.HardState{}, 0)
	noError(t, err)
	clear(calls)
	const terms = 2000
	for i := uint64(1); i <= terms; i++ {
		entries := entriesOf(i, i) // a term for each entry
		noError(t, l.append(logSlice{prev: l.last(), entries: entries}))
		noError(t, storage.Append(entries))
		l.unstable.take()
		l.unstable.acknowledged(l.unstable.generation, i)
		if i > 10 {
			noError(t, storage.Compact(i-10))
		}
	}
	if n := len(l.terms.bounds); n > 2*manyTerms || calls["FirstIndex"] > 2*terms/manyTerms {
		t.Errorf("%d boundaries, %d calls", n, calls["FirstIndex"])
	}
	clear(calls)
	for i := uint64(terms + 1); i <= 2*terms; i++ {
		noError(t, l.append(logSlice{prev: l.last(), entries: entriesOf(i, i)}))
	}
	if calls["FirstIndex"] > 6 {
		t.Errorf("%d calls while nothing was compacted", calls["FirstIndex"])
	}
}

func TestALearnerMayWaitForALeaderForYears(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	n := c.node(1).raft
	n.mayCampaign = false
	n.electionElapsed = neverTicks - 2
	for range 3 {
		c.node(1).Tick()
	}
	if n.electionElapsed != neverTicks-1 {
		t.Errorf("%d ticks without a leader", n.electionElapsed)
	}
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

func TestFittingCountsAsSizeDoes(t *testing.T) {
	boundary := func(t *rapid.T, name string) uint64 {
		shift := rapid.IntRange(0, 9).Draw(t, name)
		return 1<<(7*shift) - rapid.Uint64Range(0, 3).Draw(t, name)%(1<<(7*shift))
	}
	rapid.Check(t, func(t *rapid.T) {
		id := entryID{term: boundary(t, "term"), index: boundary(t, "index")}
		var entries []pb.Entry
		for range rapid.IntRange(0, 10).Draw(t, "n") {
			e := pb.Entry{Term: id.term, Index: id.index}
			e.Type = rapid.SampledFrom([]pb.EntryType{0, 0, 1, 2, 127, 128, -1}).Draw(t, "type")
			if n := rapid.SampledFrom([]int{-1, 0, 1, 127, 128, 1<<14 - 1, 1 << 14}).Draw(t, "bytes"); n >= 0 {
				e.Data = make([]byte, n)
			}
			entries = append(entries, e)
			id.term, id.index = id.term+rapid.Uint64Range(0, 2).Draw(t, "rise"), id.index+1
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

// answering is a Storage that answers every question for entries in its own way.
type answering struct {
	Storage
	answer func(lo, hi uint64) []pb.Entry
}

func (s answering) Entries(lo, hi, _ uint64) ([]pb.Entry, error) { return s.answer(lo, hi), nil }

func TestWhatStorageAnswersIsLookedAt(t *testing.T) {
	ms := NewMemoryStorage()
	if err := ms.Append(entriesOf(1, 1, 1, 1, 1, 1, 1, 1, 1)); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		answer func(lo, hi uint64) []pb.Entry
		fine   bool
	}{
		"what was asked for": {func(lo, hi uint64) []pb.Entry { return entriesOf(lo, make([]uint64, hi-lo)...) }, true},
		"a part of it":       {func(lo, _ uint64) []pb.Entry { return entriesOf(lo, 1) }, true},
		"nothing":            {func(uint64, uint64) []pb.Entry { return nil }, false},
		"more":               {func(lo, hi uint64) []pb.Entry { return entriesOf(lo, make([]uint64, hi-lo+1)...) }, false},
		"other entries":      {func(lo, _ uint64) []pb.Entry { return entriesOf(lo+1, 1, 1) }, false},
		"a gap":              {func(lo, _ uint64) []pb.Entry { return append(entriesOf(lo, 1), entriesOf(lo+2, 1)...) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := openLog(answering{Storage: ms, answer: tc.answer}, pb.HardState{Term: 1, Commit: 8}, 0)
			if err != nil {
				t.Fatal(err)
			}
			_, err = l.storedEntries(2, 6, noLimit)
			if tc.fine && err != nil || !tc.fine && !errors.Is(err, ErrStorage) {
				t.Errorf("got %v", err)
			}
		})
	}
}
