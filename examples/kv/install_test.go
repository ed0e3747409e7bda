package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

var threeReplicas = map[uint64]string{1: "http://a:1", 2: "http://b:2", 3: "http://c:3"}

// imageStore is a store with keys k2 to k30, whose applied index is 30, and their image.
func imageStore(t *testing.T) (raftpb.Snapshot, []byte) {
	t.Helper()
	s, err := openFirst(vfs.NewMem(), "from", threeReplicas)
	must(t, err)
	defer func() { must(t, s.close()) }()
	s.mustApply(t, puts(2, 30, 3))
	snap, err := s.Snapshot()
	must(t, err)
	held := s.takeImage(string(snap.Data))
	defer s.releaseImage(held)
	var b bytes.Buffer
	must(t, held.writeTo(&b))
	return snap, b.Bytes()
}

// oldState fills a store with keys old2 to old9 and entries up to 12.
func oldState(t *testing.T, s *store) {
	t.Helper()
	must(t, s.save(raft.Ready{Entries: puts(2, 12, 2), HardState: raftpb.HardState{Term: 2, Commit: 9}, MustSync: true}))
	for i := uint64(2); i <= 9; i++ {
		s.mustApply(t, []raftpb.Entry{put(i, 2, fmt.Sprint("old", i), "x")})
	}
}

// stateOf says whether a store has the state before or after the snapshot, and what does not fit.
func stateOf(t *testing.T, s *store) (installed bool, problem string) {
	t.Helper()
	count := func(prefix byte) (n int) {
		must(t, eachRow(s.db, prefix, func(_, _ []byte) error { n++; return nil }))
		return n
	}
	has := func(key string) bool {
		o, err := s.read([]byte(key))
		must(t, err)
		return o.found
	}
	keys, entries := count(dataPrefix), count(logStart[0])
	installed = s.prev.index == 30
	switch {
	case len(s.members) != 3:
		problem = "members are missing"
	case installed && (keys != 29 || entries != 2 || s.last != 32 || s.applied.index != 30 || s.hard.Commit != 30 || !has("k30")):
		problem = "the new state is not whole"
	case installed && s.hard.Vote != 2:
		problem = "the vote before the snapshot is lost"
	case !installed && (keys > 8 || entries != 11 || s.last != 12 || has("k30")):
		problem = "the old state is not whole"
	}
	if problem != "" {
		problem = fmt.Sprintf("%s: log (%d, %d], %d entries, %d keys, applied %v, hard state %v", problem, s.prev.index, s.last, entries, keys, s.applied, s.hard)
	}
	return installed, problem
}

// installAll installs the snapshot behind a vote, with two entries.
func installAll(s *store, snap raftpb.Snapshot) error {
	vote := raftpb.Message{Term: 3, Vote: 2, Commit: 9}
	m := raftpb.Message{Snapshot: &snap, Entries: puts(31, 32, 3), Term: 3, Vote: 2, Commit: 30}
	var writes []write
	for _, m := range []*raftpb.Message{&vote, &m} {
		w, err := s.prepare(m, true)
		if err != nil {
			return err
		}
		writes = append(writes, w)
	}
	if err := s.perform(writes); err != nil {
		return err
	}
	for i := range writes {
		s.wrote(&writes[i])
	}
	return nil
}

// TestACrashLeavesTheOldStateOrTheNewOne cuts the power before each operation on the disk. What was
// not synced is lost, or half of it, or nothing, as if the process were killed.
func TestACrashLeavesTheOldStateOrTheNewOne(t *testing.T) {
	snap, b := imageStore(t)
	old, installed := 0, 0
	for _, percent := range []int{0, 50, 100} {
		disk, random := vfs.NewCrashableMem(), rand.New(rand.NewPCG(1, uint64(percent)))
		var crashes []*vfs.MemFS
		watch := false
		crash := func(errorfs.Op) error {
			if watch {
				crashes = append(crashes, disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: random}))
			}
			return nil
		}
		var operations syncedInjector
		operations.f = crash
		s, err := openFirst(errorfs.Wrap(disk, &operations), "to", threeReplicas)
		must(t, err)
		oldState(t, s)
		must(t, s.putImage(string(snap.Data), b))
		operations.do(func() { watch = true })
		must(t, installAll(s, snap))
		operations.do(func() { watch = false })
		crashes = append(crashes, disk.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: random}))
		must(t, s.close())
		for i, after := range crashes {
			s, err := openStoreIn(after, "to")
			must(t, err)
			is, problem := stateOf(t, s)
			if problem != "" {
				t.Errorf("crash %d of %d, %d%% of what was not synced: %s", i, len(crashes), percent, problem)
			}
			if is {
				installed++
			} else {
				old++
			}
			if i == len(crashes)-1 && !is {
				t.Error("a snapshot that was installed is lost")
			}
			must(t, s.close())
		}
	}
	if old < 10 || installed < 2 {
		t.Errorf("%d crashes leave the old state, and %d the new one", old, installed)
	}
}

// TestAnInstalledSnapshotCountsForTheMark: the database has the number that the mark has.
func TestAnInstalledSnapshotCountsForTheMark(t *testing.T) {
	snap, b := imageStore(t)
	disk := vfs.NewMem()
	s, err := openFirst(disk, "to", threeReplicas)
	must(t, err)
	must(t, s.putImage(string(snap.Data), b))
	before := s.synced
	must(t, installAll(s, snap))
	synced, err := readSynced(s.db)
	must(t, err)
	if synced != before+2 || s.synced != synced {
		t.Errorf("the database counts %d synced batches, the engine %d, want %d", synced, s.synced, before+2)
	}
	must(t, s.close())
	m, err := openMark(disk, "to")
	must(t, err)
	if m.batches != synced {
		t.Errorf("the mark counts %d", m.batches)
	}
	must(t, m.close())
	s, err = openStoreIn(disk, "to")
	must(t, err)
	must(t, s.close())
}

// imageOf makes an image of rows, with a checksum that fits.
func imageOf(at entryID, rows ...string) []byte {
	b := append([]byte(snapshotKind.magic), encodeID(at)...)
	for i := 0; i < len(rows); i += 2 {
		b = append(b, 0, 0, 0, byte(len(rows[i])), 0, 0, 0, byte(len(rows[i+1])))
		b = append(append(b, rows[i]...), rows[i+1]...)
	}
	b = append(b, make([]byte, 8)...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...)
}

func TestABadImageLeavesTheOldState(t *testing.T) {
	snap, good := imageStore(t)
	at := entryID{term: snap.Metadata.Term, index: snap.Metadata.Index}
	flipped := bytes.Clone(good)
	flipped[len(good)/2] ^= 1
	for what, tc := range map[string]struct {
		image []byte
		want  string
	}{
		"damaged":           {flipped, "it is damaged"},
		"short":             {good[:len(good)-1], "its end is missing"},
		"a log entry":       {imageOf(at, "l12345678", "x"), "not agreed on"},
		"a hard state":      {imageOf(at, "h", "x"), "not agreed on"},
		"rows out of order": {imageOf(at, "kb", "12345678", "ka", "12345678"), "strictly increasing order"},
		"another index":     {imageOf(entryID{term: 3, index: 29}), "was made at 3/29"},
		"a bad member":      {imageOf(at, "mx", "{}"), "unexpected EOF"},
	} {
		disk := vfs.NewMem()
		s, err := openFirst(disk, "to", threeReplicas)
		must(t, err)
		oldState(t, s)
		must(t, s.putImage(string(snap.Data), tc.image))
		if err := installAll(s, snap); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "the snapshot at 3/30") {
			t.Errorf("%s: %v, want %q", what, err, tc.want)
		}
		must(t, s.close())
		s, err = openStoreIn(disk, "to")
		must(t, err)
		if installed, problem := stateOf(t, s); installed || problem != "" {
			t.Errorf("%s: installed: %t, %s", what, installed, problem)
		}
		wantNoFiles(t, s)
		must(t, s.close())
	}
}

// TestAFullDiskEndsAnInstall with what to do about it.
func TestAFullDiskEndsAnInstall(t *testing.T) {
	snap, b := imageStore(t)
	var full bool
	s, err := openFirst(errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full && op.Kind == errorfs.OpFileWrite && strings.HasSuffix(op.Path, tableSuffix) {
			return syscall.ENOSPC
		}
		return nil
	})), "to", threeReplicas)
	must(t, err)
	must(t, s.putImage(string(snap.Data), b))
	full = true
	if err := installAll(s, snap); err == nil || !strings.Contains(err.Error(), "make room") {
		t.Errorf("%v", err)
	}
	must(t, s.close())
}

func wantNoFiles(t *testing.T, s *store) {
	t.Helper()
	names, err := s.incoming.fs.List(s.incoming.dir)
	must(t, err)
	for _, name := range names {
		if strings.HasPrefix(name, incomingPrefix) {
			t.Errorf("%s is left", name)
		}
	}
}

func TestAnImageIsTheSameEachTime(t *testing.T) {
	s := openTest(t, t.TempDir())
	s.mustApply(t, puts(2, 30, 3))
	snap, err := s.Snapshot()
	must(t, err)
	held := s.takeImage(string(snap.Data))
	var first, second bytes.Buffer
	must(t, held.writeTo(&first))
	s.mustApply(t, puts(31, 40, 3))
	s.forgetImageBefore(40) // a transfer still uses it
	must(t, held.writeTo(&second))
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Error("the image has changed")
	}
	if s.takeImage(string(snap.Data)) != nil {
		t.Error("it is not forgotten")
	}
	next, err := s.Snapshot()
	must(t, err)
	if next.Metadata.Index != 40 || bytes.Equal(next.Data, snap.Data) {
		t.Errorf("the next image is %s at %d", next.Data, next.Metadata.Index)
	}
	s.releaseImage(held)
	must(t, errors.Join(s.close()))
}

// syncedInjector calls f for one operation that changes the disk after the other.
type syncedInjector struct {
	sync.Mutex
	f func(errorfs.Op) error
}

func (in *syncedInjector) do(f func()) {
	in.Lock()
	defer in.Unlock()
	f()
}

func (in *syncedInjector) MaybeError(op errorfs.Op) error {
	if op.Kind.ReadOrWrite() == errorfs.OpIsRead {
		return nil
	}
	in.Lock()
	defer in.Unlock()
	return in.f(op)
}

func (*syncedInjector) String() string { return "" }
