package main

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/session"
)

func openTest(t *testing.T, dir string) *store {
	t.Helper()
	s, err := openFirst(vfs.Default, dir, map[uint64]string{1: "http://a:1", 2: "http://b:2", 3: "http://c:3"})
	must(t, err)
	return s
}

// openFirst opens the store of one of these first replicas. All such folders have the same name.
func openFirst(fs vfs.FS, dir string, addresses map[uint64]string) (*store, error) {
	s, err := openStoreIn(fs, dir)
	if err == nil && s.cluster == "" {
		err = s.begin(at(addresses))
	}
	return s, err
}

// put makes the entry that writes a key.
func put(index, term uint64, key, value string) raftpb.Entry {
	c := command{op: opPut, key: []byte(key), value: []byte(value)}
	return raftpb.Entry{Index: index, Term: term, Data: c.encode()}
}

func puts(from, to, term uint64) []raftpb.Entry {
	var entries []raftpb.Entry
	for i := from; i <= to; i++ {
		entries = append(entries, put(i, term, fmt.Sprint("k", i), fmt.Sprint(term)))
	}
	return entries
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *store) mustApply(t *testing.T, entries []raftpb.Entry) []outcome {
	t.Helper()
	outcomes, err := s.apply(entries, nil)
	must(t, err)
	return outcomes
}

func wantLog(t *testing.T, s *store, first, last uint64) {
	t.Helper()
	f, _ := s.FirstIndex()
	l, _ := s.LastIndex()
	if f != first || l != last {
		t.Fatalf("the log is [%d, %d], want [%d, %d]", f, l, first, last)
	}
}

func TestTheStoreKeepsItsContractOverRestarts(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	wantLog(t, s, 2, 1)
	must(t, s.save(raft.Ready{Entries: puts(2, 9, 1), HardState: raftpb.HardState{Term: 1, Vote: 2, Commit: 4}, MustSync: true}))
	// A newer leader replaces the tail.
	must(t, s.save(raft.Ready{Entries: puts(6, 7, 2), HardState: raftpb.HardState{Term: 2, Commit: 5}, MustSync: true}))
	s.mustApply(t, puts(2, 5, 1))
	for range 2 {
		wantLog(t, s, 2, 7)
		for i, want := range map[uint64]uint64{1: 1, 2: 1, 5: 1, 6: 2, 7: 2} {
			if got, err := s.Term(i); err != nil || got != want {
				t.Errorf("term at %d is %d, %v, want %d", i, got, err, want)
			}
		}
		if _, err := s.Term(8); !errors.Is(err, raft.ErrUnavailable) {
			t.Errorf("term behind the end: %v", err)
		}
		hard, conf, err := s.InitialState()
		if err != nil || hard != (raftpb.HardState{Term: 2, Commit: 5}) || len(conf.Voters) != 3 || s.applied.index != 5 {
			t.Errorf("hard state %v, configuration %v, applied %d, %v", hard, conf, s.applied.index, err)
		}
		must(t, s.close())
		s = openTest(t, dir)
	}
	defer s.close()

	entries, err := s.Entries(2, 8, 0)
	if err != nil || len(entries) != 1 || entries[0].Index != 2 {
		t.Errorf("with a limit of 0: %v, %v", entries, err)
	}
	entries, err = s.Entries(3, 8, 1<<20)
	if err != nil || len(entries) != 5 || entries[4].Index != 7 {
		t.Errorf("without a limit: %v, %v", entries, err)
	}
	if _, err := s.Entries(2, 9, 1<<20); !errors.Is(err, raft.ErrUnavailable) {
		t.Errorf("behind the end: %v", err)
	}
}

func TestCompactionDropsWhatIsAppliedAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	must(t, s.save(raft.Ready{Entries: puts(2, 9, 1), MustSync: true}))
	s.mustApply(t, puts(2, 6, 1))
	if err := s.compact(7); err == nil {
		t.Error("an entry that is not applied was dropped")
	}
	must(t, s.compact(6))
	must(t, s.compact(4)) // nothing to do
	for range 2 {
		wantLog(t, s, 7, 9)
		if _, err := s.Entries(6, 8, 0); !errors.Is(err, raft.ErrCompacted) {
			t.Errorf("a compacted entry: %v", err)
		}
		if _, err := s.Term(5); !errors.Is(err, raft.ErrCompacted) {
			t.Errorf("a compacted term: %v", err)
		}
		if term, err := s.Term(6); err != nil || term != 1 {
			t.Errorf("the term before the first entry: %d, %v", term, err)
		}
		must(t, s.close())
		s = openTest(t, dir)
	}
	must(t, s.close())
}

// copyImage puts the image of a snapshot of s where to takes it in. An empty image stands for
// a snapshot without any.
func copyImage(t *testing.T, s, to *store) raftpb.Snapshot {
	t.Helper()
	snap, err := s.Snapshot()
	must(t, err)
	var b bytes.Buffer
	held := s.takeImage(string(snap.Data))
	must(t, held.writeTo(&b))
	s.releaseImage(held)
	must(t, to.putImage(string(snap.Data), b.Bytes()))
	return snap
}

// putImage puts an image where the store takes it in.
func (s *store) putImage(name string, b []byte) error {
	in := &s.incoming
	file, err := in.fs.Create(in.path(name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	in.whole = name
	_, err = file.Write(bytes.Clone(b)) // the file may change the bytes
	return errors.Join(err, file.Close())
}

func TestASnapshotReplacesDataAndLog(t *testing.T) {
	from := openTest(t, t.TempDir())
	defer from.close()
	must(t, from.save(raft.Ready{Entries: puts(2, 9, 3), MustSync: true}))
	from.mustApply(t, puts(2, 8, 3))
	must(t, from.compact(7))
	dir := t.TempDir()
	to := openTest(t, dir)
	snap := copyImage(t, from, to)
	if snap.Metadata.Index != 8 || snap.Metadata.Term != 3 {
		t.Fatalf("snapshot at %d/%d", snap.Metadata.Term, snap.Metadata.Index)
	}

	must(t, to.save(raft.Ready{Entries: puts(2, 20, 2), MustSync: true}))
	to.mustApply(t, []raftpb.Entry{put(2, 2, "old", "x")})
	must(t, to.save(raft.Ready{Snapshot: snap, Entries: puts(9, 9, 3), HardState: raftpb.HardState{Term: 3, Commit: 8}}))
	for range 2 {
		wantLog(t, to, 9, 9)
		if to.applied.index != 8 || to.hard.Term != 3 {
			t.Errorf("applied %d, hard state %v", to.applied.index, to.hard)
		}
		for key, want := range map[string]string{"k2": "3", "k8": "3"} {
			if o, err := to.read([]byte(key)); err != nil || string(o.value) != want {
				t.Errorf("%s is %q, %v", key, o.value, err)
			}
		}
		if o, _ := to.read([]byte("old")); o.found {
			t.Error("data from before the snapshot is still there")
		}
		must(t, to.close())
		to = openTest(t, dir)
	}
	must(t, to.close())
}

func TestCommandsAreAppliedInOrderAndOnce(t *testing.T) {
	s := openTest(t, t.TempDir())
	defer s.close()
	entry := func(index uint64, c command) raftpb.Entry {
		c.id, c.key = requestID{byte(index)}, []byte("k")
		return raftpb.Entry{Index: index, Term: 1, Data: c.encode()}
	}
	outcomes := s.mustApply(t, []raftpb.Entry{
		{Index: 2, Term: 1}, // a leader's first entry
		entry(3, command{op: opSwap, expect: []byte(""), value: []byte("x")}),
		entry(4, command{op: opCreate, value: []byte("a")}),
		entry(5, command{op: opCreate, value: []byte("x")}),
		{Index: 6, Term: 1, Data: []byte("no command")},
		entry(7, command{op: opSwap, expect: []byte("b"), value: []byte("x")}),
		entry(8, command{op: opSwap, expect: []byte("a"), value: []byte("b")}),
		entry(9, command{op: opDelete}),
		entry(10, command{op: opPut, value: []byte("c")}),
	})
	want := map[byte]bool{3: false, 4: true, 5: false, 7: false, 8: true, 9: true, 10: true}
	for _, o := range outcomes {
		if done, ok := want[o.id[0]]; !ok || o.done != done || o.err != nil {
			t.Errorf("outcome %+v", o)
		}
	}
	if o, err := s.read([]byte("k")); len(outcomes) != len(want) || err != nil || string(o.value) != "c" {
		t.Errorf("%d outcomes, and the key is %q, %v", len(outcomes), o.value, err)
	}
	if _, err := s.apply(puts(10, 10, 1), nil); err == nil {
		t.Error("an entry is applied twice")
	}
	if _, err := s.apply(puts(12, 12, 1), nil); err == nil {
		t.Error("an entry is left out")
	}
}

func TestWhatIsNoCommandIsRefused(t *testing.T) {
	execute := &session.Header{Kind: session.Execute, Session: 7, Sequence: 2, Awaiting: 1}
	for _, c := range []command{
		{op: opPut, key: []byte("key"), value: []byte("value")},
		{op: opDelete, key: []byte("key")},
		{op: opSwap, key: []byte("key"), expect: []byte("old"), value: []byte("new"), header: execute},
		{op: opCreate, key: []byte("key"), header: execute},
		{op: opPutAt, key: []byte("key"), revision: 300, value: []byte("value"), header: execute},
		{op: opPutNotAt, key: []byte("key"), value: []byte("value")},
		{op: opDeleteAt, key: []byte("key"), revision: 1},
		{op: opDeleteNotAt, key: []byte("key"), revision: 1 << 60},
		{op: opSession, header: &session.Header{Kind: session.Register}},
	} {
		c.id = requestID{9}
		good := c.encode()
		got, err := decodeCommand(good)
		if err != nil || got.op != c.op || got.id != c.id || !bytes.Equal(got.key, c.key) || !bytes.Equal(got.expect, c.expect) || !bytes.Equal(got.value, c.value) || got.revision != c.revision {
			t.Fatalf("%+v, %v, want %+v", got, err, c)
		}
		if c.header != nil && *got.header != *c.header {
			t.Errorf("header %+v, want %+v", got.header, c.header)
		}
		for i := range len(good) - len(c.value) {
			if _, err := decodeCommand(good[:i]); err == nil {
				t.Errorf("%d bytes of %x are a command", i, good)
			}
		}
		for _, first := range []op{0, opLast + 1, opSession, 0x7f, inSession, 255} {
			bad := append([]byte{byte(first)}, good[1:]...)
			if _, err := decodeCommand(bad); err == nil && c.op != first {
				t.Errorf("op %d is a command", first)
			}
		}
	}
}

func TestMessagesSurviveTheWayInOneBatch(t *testing.T) {
	batch := []raftpb.Message{{Type: raftpb.MsgApp, To: 2, From: 1, Entries: puts(2, 5, 1)}, {Type: raftpb.MsgHeartbeat, To: 2}}
	b, err := appendBatch(nil, batch)
	must(t, err)
	var got []raftpb.Message
	must(t, decodeBatch(b, func(m raftpb.Message) { got = append(got, m) }))
	if len(got) != 2 || len(got[0].Entries) != 4 || got[1].Type != raftpb.MsgHeartbeat {
		t.Errorf("got %v", got)
	}
	if err := decodeBatch(b[:len(b)-1], func(raftpb.Message) {}); err == nil {
		t.Error("a batch that ends early is accepted")
	}
}

func TestTheClusterFlagIsChecked(t *testing.T) {
	got, err := parseCluster("1=http://127.0.0.1:1,2=http://127.0.0.1:2/")
	if err != nil || len(got) != 2 || got[2].Address != "http://127.0.0.1:2" {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "1", "x=http://a:1", "0=http://a:1", "1=ftp://a:1", "1=http://a:1,1=http://b:1", "1=http://"} {
		if _, err := parseCluster(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// TestANewFolderIsThereAfterACrash, with those that were made for it.
func TestANewFolderIsThereAfterACrash(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s, err := openStoreIn(fs, "a/b/1")
	must(t, err)
	fs = fs.CrashClone(vfs.CrashCloneCfg{})
	if _, err := fs.Stat("a/b/1"); err != nil {
		t.Error(err)
	}
	again, err := openStoreIn(fs, "a/b/1")
	must(t, err)
	if again.identity != s.identity {
		t.Error("the folder is another one")
	}
	must(t, errors.Join(s.close(), again.close()))
}
