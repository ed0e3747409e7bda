package raftlog

import (
	"fmt"

	pb "github.com/ffd200af/raft/raftpb"
	"pgregory.net/rapid"
)

// memory is a Reader: a plain slice, beside which it counts calls.
type memory struct {
	prev     EntryID
	entries  []pb.Entry // after prev
	snapshot pb.Snapshot
	calls    map[string]int
}

func newMemory() *memory { return &memory{calls: map[string]int{}} }

// openMemory returns a log on an empty storage.
func openMemory() (*Log, *memory) {
	m := newMemory()
	return start(m, 0), m
}

// start opens a log, of whose entries some are committed.
func start(r Reader, committed uint64) *Log {
	l, err := Open(r, 0)
	if err == nil {
		err = l.Start(committed, 0)
	}
	if err != nil {
		panic(err)
	}
	return &l
}

func (m *memory) last() uint64 { return m.prev.Index + uint64(len(m.entries)) }

func (m *memory) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	m.calls["Entries"]++
	if lo <= m.prev.Index {
		return nil, ErrCompacted
	}
	if hi > m.last()+1 {
		return nil, ErrUnavailable
	}
	return limitBytes(m.entries[lo-m.prev.Index-1:hi-m.prev.Index-1], maxSize), nil
}

func (m *memory) Term(i uint64) (uint64, error) {
	m.calls["Term"]++
	switch {
	case i < m.prev.Index:
		return 0, ErrCompacted
	case i > m.last():
		return 0, ErrUnavailable
	case i == m.prev.Index:
		return m.prev.Term, nil
	}
	return m.entries[i-m.prev.Index-1].Term, nil
}

func (m *memory) FirstIndex() (uint64, error) {
	m.calls["FirstIndex"]++
	return m.prev.Index + 1, nil
}

func (m *memory) LastIndex() (uint64, error) {
	m.calls["LastIndex"]++
	return m.last(), nil
}

func (m *memory) Snapshot() (pb.Snapshot, error) { return m.snapshot, nil }

// append writes entries over what is there. It changes no array that somebody may hold.
func (m *memory) append(entries []pb.Entry) {
	if len(entries) > 0 {
		n := entries[0].Index - m.prev.Index - 1
		m.entries = append(m.entries[:n:n], entries...)
	}
}

func (m *memory) compact(to uint64) {
	n := to - m.prev.Index
	m.prev, m.entries = IDOf(&m.entries[n-1]), m.entries[n:]
}

func (m *memory) restore(s *pb.Snapshot) {
	m.snapshot, m.entries = *s, nil
	m.prev = EntryID{Term: s.Metadata.Term, Index: s.Metadata.Index}
}

// persist writes what is to be written, and acknowledges it.
func persist(l *Log, m *memory) {
	entries, snapshot, w := l.TakeWrite()
	if snapshot != nil {
		m.restore(snapshot)
	}
	m.append(entries)
	l.Acknowledge(w)
}

func noError(t rapid.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// entriesOf builds entries with the given terms, the first at index.
func entriesOf(index uint64, entryTerms ...uint64) []pb.Entry {
	var entries []pb.Entry
	for i, term := range entryTerms {
		at := index + uint64(i)
		entries = append(entries, pb.Entry{Term: term, Index: at, Data: fmt.Appendf(nil, "%d/%d", term, at)})
	}
	return entries
}
