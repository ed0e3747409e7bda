package raftlog

import (
	"errors"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// logModel drives a Log against a plain slice of entries, as a follower would be
// driven: appends that may conflict, writes that are acknowledged late, application,
// compaction.
type logModel struct {
	log     *Log
	storage *memory
	entries []pb.Entry // entries[i] has index i+1; nothing is compacted here
	pending []Write    // handed out, not acknowledged
	term    uint64     // of the newest leader
	lent    []lentSlice
}

// lentSlice is what was published, with a copy that shows whether it changed.
type lentSlice struct{ got, want []pb.Entry }

func (m *logModel) lend(entries []pb.Entry) {
	m.lent = append(m.lent, lentSlice{got: entries, want: append([]pb.Entry(nil), entries...)})
}

func newLogModel() *logModel {
	l, storage := openMemory()
	return &logModel{log: l, storage: storage, term: 1}
}

// Append comes from the newest leader, or from a new one.
func (m *logModel) Append(t *rapid.T) {
	if rapid.Bool().Draw(t, "new leader") {
		m.term++
	}
	after := rapid.Uint64Range(m.log.Committed(), uint64(len(m.entries))).Draw(t, "after")
	n := rapid.IntRange(1, 9).Draw(t, "n")
	var prev EntryID
	if after > 0 {
		prev = IDOf(&m.entries[after-1])
	}
	s := Slice{Prev: prev}
	for i := 1; i <= n; i++ {
		s.Entries = append(s.Entries, entriesOf(after+uint64(i), m.term)...)
	}
	// What the newest leader wrote it does not write differently.
	if after < uint64(len(m.entries)) && m.entries[after].Term == m.term {
		return
	}
	if err := m.log.Append(s); err != nil {
		t.Fatal(err)
	}
	m.entries = append(m.entries[:after:after], s.Entries...)
}

// Write hands out what is not durable, Store performs the oldest write.
func (m *logModel) Write(*rapid.T) {
	entries, _, w := m.log.TakeWrite()
	m.lend(entries)
	m.storage.append(entries)
	m.pending = append(m.pending, w)
}

func (m *logModel) Acknowledge(*rapid.T) {
	if len(m.pending) == 0 {
		return
	}
	w := m.pending[0]
	m.pending = m.pending[1:]
	m.log.Acknowledge(w)
}

func (m *logModel) Commit(t *rapid.T) {
	to, before := rapid.Uint64Range(0, m.log.LastIndex()).Draw(t, "commit"), m.log.Committed()
	if err := m.log.CommitTo(to); err != nil {
		t.Fatal(err)
	}
	if got := m.log.Committed(); got != max(to, before) {
		t.Fatalf("the commit index goes from %d to %d, want %d", before, got, max(to, before))
	}
}

func (m *logModel) Apply(t *rapid.T) {
	lo, hi := m.log.Applying()+1, m.log.ApplyEnd(false)
	if lo >= hi {
		return
	}
	entries, err := m.log.ToApply(lo, hi, rapid.SampledFrom([]uint64{0, 40, NoLimit}).Draw(t, "bytes"))
	if err != nil {
		t.Fatal(err)
	}
	m.lend(entries)
	next := lo + uint64(len(entries))
	if diff := cmp.Diff(m.entries[lo-1:next-1], entries); diff != "" {
		t.Fatalf("applying other entries:\n%s", diff)
	}
	m.log.HandedOut(next - 1)
	m.log.NoteApplied(next - 1)
}

func (m *logModel) Compact(t *rapid.T) {
	first, _ := m.storage.FirstIndex()
	if m.log.applied < first {
		return
	}
	to := rapid.Uint64Range(first, m.log.applied).Draw(t, "compact")
	m.storage.compact(to)
}

// Check compares every answer with the model's.
func (m *logModel) Check(t *rapid.T) {
	if got, want := m.log.LastIndex(), uint64(len(m.entries)); got != want {
		t.Fatalf("last index is %d, want %d", got, want)
	}
	first, _ := m.storage.FirstIndex()
	for i := first; i <= m.log.LastIndex(); i++ {
		if term, ok := m.log.Term(i); !ok || term != m.entries[i-1].Term {
			t.Fatalf("term at %d is %d, %t, want %d", i, term, ok, m.entries[i-1].Term)
		}
	}
	if _, ok := m.log.Term(m.log.LastIndex() + 1); ok {
		t.Fatal("a term behind the end")
	}
	for lo := m.log.first; lo <= m.log.LastIndex(); {
		entries, err := m.log.Entries(lo, m.log.LastIndex()+1, 100)
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
		m := newLogModel()
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
	l, _ := openMemory()
	appendAll := func(entries []pb.Entry) Write {
		if err := l.Append(Slice{Entries: entries}); err != nil {
			t.Fatal(err)
		}
		_, _, w := l.TakeWrite()
		return w
	}
	a := appendAll(entriesOf(1, 2, 2))
	appendAll(entriesOf(1, 3))
	again := appendAll(entriesOf(1, 2, 2))
	if l.Acknowledge(a); l.Stable() != 0 {
		t.Fatalf("the acknowledgement of the first write made %d stable", l.Stable())
	}
	if l.Acknowledge(again); l.Stable() != 2 {
		t.Fatalf("stable is %d, want 2", l.Stable())
	}
}

func TestAnOldShortAppendDoesNotCutOffNewerEntries(t *testing.T) {
	l, _ := openMemory()
	for _, n := range []int{5, 2} {
		if err := l.Append(Slice{Entries: entriesOf(1, 1, 1, 1, 1, 1)[:n]}); err != nil {
			t.Fatal(err)
		}
	}
	if l.LastIndex() != 5 {
		t.Fatalf("last index is %d, want 5", l.LastIndex())
	}
}

// An application that compacts its log and whose followers never lag gives the log no occasion to
// read Storage.
func TestTheTermHistoryOfACompactedLogIsBounded(t *testing.T) {
	l, storage := openMemory()
	calls := storage.calls
	clear(calls)
	const terms = 2000
	for i := uint64(1); i <= terms; i++ {
		entries := entriesOf(i, i) // a term for each entry
		noError(t, l.Append(Slice{Prev: l.Last(), Entries: entries}))
		persist(l, storage)
		if i > 10 {
			storage.compact(i - 10)
		}
	}
	if n := l.terms.len(); n > 2*manyTerms || calls["FirstIndex"] > 2*terms/manyTerms {
		t.Errorf("%d boundaries, %d calls", n, calls["FirstIndex"])
	}
	clear(calls)
	for i := uint64(terms + 1); i <= 2*terms; i++ {
		noError(t, l.Append(Slice{Prev: l.Last(), Entries: entriesOf(i, i)}))
	}
	if calls["FirstIndex"] > 6 {
		t.Errorf("%d calls while nothing was compacted", calls["FirstIndex"])
	}
}

// answering is a Reader that answers every question for entries in its own way.
type answering struct {
	Reader
	answer func(lo, hi uint64) []pb.Entry
}

func (s answering) Entries(lo, hi, _ uint64) ([]pb.Entry, error) { return s.answer(lo, hi), nil }

func TestWhatStorageAnswersIsLookedAt(t *testing.T) {
	ms := newMemory()
	ms.append(entriesOf(1, 1, 1, 1, 1, 1, 1, 1, 1))
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
			l := start(answering{Reader: ms, answer: tc.answer}, 8)
			_, err := l.Entries(2, 6, NoLimit)
			if tc.fine && err != nil || !tc.fine && !errors.Is(err, ErrStorage) {
				t.Errorf("got %v", err)
			}
		})
	}
}
