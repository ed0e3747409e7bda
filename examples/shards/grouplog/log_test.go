package grouplog

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest"

	"github.com/ffd200af/raft/examples/shards/seglog"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// small makes logs of many segments that are always being collected.
var small = Options{SegmentBytes: 200, KeepBytes: 1, KeepEntries: 3}

func open(t *testing.T, dir string) *Log {
	t.Helper()
	l, err := Open(dir, small)
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// files returns the contents of a folder.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	names, err := os.ReadDir(dir)
	must(t, err)
	all := map[string][]byte{}
	for _, name := range names {
		if all[name.Name()], err = os.ReadFile(filepath.Join(dir, name.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// groupDisk is a group for rafttest.TestStorage, among others that write with it.
type groupDisk struct {
	*Group
	t       *testing.T
	dir     string
	log     *Log
	image   pb.Snapshot
	pending []unsynced
}

// unsynced is a record that was not synced: where it ends, and what it consists of.
type unsynced struct {
	newest string
	begin  int64
	pieces int
}

func openDisk(t *testing.T, dir string) *groupDisk {
	d := &groupDisk{t: t, dir: dir, log: open(t, dir)}
	if d.Group = d.log.Group(7); d.Group == nil {
		for id := range uint64(10) {
			_, err := d.log.Begin(id, 1, pb.Snapshot{})
			must(t, err)
		}
		must(t, d.log.Commit(true))
		d.Group = d.log.Group(7)
	}
	d.Image = func() pb.Snapshot { return d.image }
	return d
}

func (d *groupDisk) Write(hard pb.HardState, entries []pb.Entry, s pb.Snapshot, sync bool) error {
	must(d.t, d.log.Put(d.Group, hard, entries, s))
	other := d.log.Group(uint64(len(entries)) % 7)
	last, _ := other.LastIndex()
	must(d.t, d.log.Put(other, pb.HardState{Term: 1}, []pb.Entry{{Term: 1, Index: last + 1}}, pb.Snapshot{}))
	return d.commit(sync, 2+len(entries))
}

func (d *groupDisk) commit(sync bool, pieces int) error {
	name, size := d.end()
	before := d.log.bases()
	if err := d.log.Commit(sync); err != nil {
		return err
	}
	sync = sync || !maps.Equal(before, d.log.bases()) // a record that holds all of a group is synced
	if now, _ := d.end(); now != name {               // the segment before was synced
		name, size, d.pending = now, -1, nil
	}
	if d.pending = append(d.pending, unsynced{name, size, pieces}); sync {
		d.pending = nil
	}
	return nil
}

func (l *Log) bases() map[uint64]uint64 {
	all := map[uint64]uint64{}
	for id, g := range l.groups {
		all[id] = g.base
	}
	return all
}

// end returns the name and the size of the last segment.
func (d *groupDisk) end() (string, int64) {
	all := files(d.t, d.dir)
	name := slices.Max(slices.Collect(maps.Keys(all)))
	return filepath.Join(d.dir, name), int64(len(all[name]))
}

func (d *groupDisk) SaveSnapshot(s pb.Snapshot) error {
	d.image = s
	must(d.t, d.log.Rewrite(d.Group))
	return d.commit(true, 0)
}

func (d *groupDisk) Compact(index uint64) error {
	must(d.t, d.Group.Compact(index))
	must(d.t, d.log.Rewrite(d.Group))
	return d.commit(true, 0)
}

// Crash leaves the records of so many pieces, and a part of the next one.
func (d *groupDisk) Crash(keep int) (rafttest.Disk, error) {
	if err := d.log.Close(); err != nil {
		return nil, err
	}
	for _, p := range d.pending {
		if keep -= p.pieces; keep < 0 && p.begin >= 0 {
			must(d.t, os.Truncate(p.newest, p.begin+10))
			break
		}
	}
	return openDisk(d.t, d.dir), nil
}

func TestAGroupKeepsTheContractOfStorage(t *testing.T) {
	rafttest.TestStorage(t, func(t *testing.T) rafttest.Disk { return openDisk(t, t.TempDir()) })
}

// world is some groups, whose logs grow and shrink at random.
type world struct {
	t   *testing.T
	r   *rand.Rand
	log *Log
	// applied has the machines: what they have applied and what that is.
	applied map[uint64]*pb.Snapshot
}

// known is what is to be known about a group after a restart.
type known struct {
	replica uint64
	gone    bool
	hard    pb.HardState
	last    uint64
	image   pb.Snapshot
	tail    string // the entries after the image
}

func (w *world) state() map[uint64]known {
	all := map[uint64]known{}
	for id, g := range w.log.groups {
		k := known{replica: g.Replica, gone: g.MemoryStorage == nil}
		if !k.gone {
			var err error
			k.hard, _, _ = g.InitialState()
			k.last, _ = g.LastIndex()
			k.image, err = g.Snapshot()
			must(w.t, err)
			// The entries since are executed again at a restart.
			if first := k.image.Metadata.Index + 1; first <= k.last {
				entries, err := g.Entries(first, k.last+1, 1<<62)
				must(w.t, err)
				k.tail = raft.DescribeEntries(entries, nil)
			}
		}
		all[id] = k
	}
	return all
}

// execute lets a group apply what is committed: the sum of the lengths of entries.
func (w *world) execute(g *Group, commit uint64) {
	s := w.applied[g.ID]
	if commit <= s.Metadata.Index {
		return
	}
	entries, err := g.Entries(s.Metadata.Index+1, commit+1, 1<<62)
	must(w.t, err)
	for _, e := range entries {
		s.Data = append(slices.Clone(s.Data), e.Data...)
		s.Metadata.Index, s.Metadata.Term = e.Index, e.Term
	}
}

func (w *world) begin(id, replica uint64) {
	s := &pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: pb.ConfState{Voters: []uint64{replica}}}}
	w.applied[id] = s
	g, err := w.log.Begin(id, replica, *s)
	must(w.t, err)
	g.Image = func() pb.Snapshot { return *s }
}

// change does something with one group.
func (w *world) change() {
	id := w.r.Uint64N(4) + 1
	g := w.log.Group(id)
	if g == nil || g.MemoryStorage == nil {
		replica := uint64(1)
		if g != nil {
			replica = g.Replica + 1
		}
		w.begin(id, replica)
		return
	}
	if w.r.IntN(20) == 0 {
		must(w.t, w.log.Remove(g))
		return
	}
	hard, _, _ := g.InitialState()
	last, _ := g.LastIndex()
	hard.Term++
	hard.Commit += w.r.Uint64N(last - hard.Commit + 1)
	w.execute(g, hard.Commit)
	first := hard.Commit + 1 + w.r.Uint64N(last-hard.Commit+1)
	var entries []pb.Entry
	for i := range w.r.Uint64N(3) {
		entries = append(entries, pb.Entry{Term: hard.Term, Index: first + i, Data: []byte(fmt.Sprint(i))})
	}
	must(w.t, w.log.Put(g, hard, entries, pb.Snapshot{}))
	must(w.t, w.log.Trim(g, hard.Commit))
}

// reopen opens what is on disk, and lets all groups execute what they knew to be committed.
func reopen(t *testing.T, dir string, applied map[uint64]uint64) map[uint64]known {
	w := &world{t: t, log: open(t, dir), applied: map[uint64]*pb.Snapshot{}}
	defer w.log.Close()
	for _, g := range w.log.Groups() {
		s, err := g.MemoryStorage.Snapshot()
		must(t, err)
		w.applied[g.ID] = &s
		g.Image = func() pb.Snapshot { return s }
		w.execute(g, applied[g.ID])
	}
	return w.state()
}

// A crash may come at every byte of every record. Then the log is as it was after the last whole
// record, whatever was collected meanwhile.
func TestACrashAtEveryByteLeavesWholeRecords(t *testing.T) {
	dir := t.TempDir()
	w := &world{t: t, r: rand.New(rand.NewPCG(1, 2)), log: open(t, dir), applied: map[uint64]*pb.Snapshot{}}
	dropped := false
	for range 40 {
		before, stateBefore, appliedBefore := files(t, dir), w.state(), w.indexes()
		for range 1 + w.r.IntN(3) {
			w.change()
		}
		must(t, w.log.Commit(w.r.IntN(2) == 0))
		after := files(t, dir)
		newest := slices.Max(slices.Collect(maps.Keys(after)))
		for name := range before {
			dropped = dropped || after[name] == nil
		}
		crashed := maps.Clone(before)
		maps.Copy(crashed, after)
		from := max(len(before[newest]), seglogHead)
		for cut := from; cut <= len(after[newest]); cut++ {
			crashed[newest] = after[newest][:cut]
			want, applied := stateBefore, appliedBefore
			if cut == len(after[newest]) {
				want, applied = w.state(), w.indexes()
			}
			checkCrash(t, crashed, want, applied)
		}
	}
	if !dropped {
		t.Error("nothing was collected")
	}
}

// seglogHead is the number of bytes of a segment's head, which is written before its name appears.
const seglogHead = 28

func (w *world) indexes() map[uint64]uint64 {
	all := map[uint64]uint64{}
	for id, s := range w.applied {
		all[id] = s.Metadata.Index
	}
	return all
}

func checkCrash(t *testing.T, crashed map[string][]byte, want map[uint64]known, applied map[uint64]uint64) {
	t.Helper()
	dir := t.TempDir()
	for name, data := range crashed {
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	if got := reopen(t, dir, applied); !reflect.DeepEqual(got, want) {
		t.Fatalf("after a restart:\n%+v\nwant\n%+v", got, want)
	}
	must(t, os.RemoveAll(dir))
}

func TestTheLogStaysAsLargeAsItsSnapshotsAllow(t *testing.T) {
	dir := t.TempDir()
	w := &world{t: t, r: rand.New(rand.NewPCG(1, 3)), log: open(t, dir), applied: map[uint64]*pb.Snapshot{}}
	w.begin(1, 1)
	w.begin(2, 1) // never written again, and carried along
	must(t, w.log.Commit(true))
	w.applied[2].Data = make([]byte, 2000)
	rewritten, image := 0, w.log.Group(2).Image
	w.log.Group(2).Image = func() pb.Snapshot { rewritten++; return image() }
	g := w.log.Group(1)
	for i := range uint64(2000) {
		must(t, w.log.Put(g, pb.HardState{Term: 1, Commit: i + 2}, []pb.Entry{{Term: 1, Index: i + 2}}, pb.Snapshot{}))
		must(t, w.log.Commit(false))
		w.execute(g, i+2)
		must(t, w.log.Trim(g, i+2))
	}
	if size, limit := w.log.log.Bytes(), 4*w.log.live+3*small.SegmentBytes; size > limit {
		t.Errorf("%d bytes, at most %d", size, limit)
	}
	if rewritten < 5 || rewritten > 50 {
		t.Errorf("a snapshot of %d bytes is written %d times", len(w.applied[2].Data), rewritten)
	}
	if first, _ := g.FirstIndex(); first < 1990 {
		t.Errorf("the first index in memory is %d", first)
	}
	must(t, w.log.Close())
	l := open(t, dir)
	if len(l.Groups()) != 2 {
		t.Errorf("%d groups", len(l.Groups()))
	}
	if last, _ := l.Group(1).LastIndex(); last != 2001 {
		t.Errorf("the last index is %d", last)
	}
}

func TestARecordThatCannotBeReadIsRefused(t *testing.T) {
	whole, err := (&part{kind: begins, group: 300, replica: 2, hard: pb.HardState{Term: 700},
		entries: []pb.Entry{{Term: 1, Index: 9, Data: []byte("x")}}}).append(nil)
	must(t, err)
	for cut := range whole {
		var p part
		if rest, err := p.decode(whole[:cut]); err == nil {
			t.Errorf("%d bytes of %d are read as %+v, with %d left", cut, len(whole), p, len(rest))
		}
	}
	var p part
	if rest, err := p.decode(append([]byte{9}, whole[1:]...)); err == nil {
		t.Errorf("an unknown kind is read, with %d bytes left", len(rest))
	}
}

// TestACommitWithSyncMakesWhatWasBeforeDurable, also if it has nothing to write. Damage to durable
// bytes is an error, and no torn tail.
func TestACommitWithSyncMakesWhatWasBeforeDurable(t *testing.T) {
	for _, sync := range []bool{false, true} {
		dir := t.TempDir()
		l, err := Open(dir, Options{})
		must(t, err)
		g, err := l.Begin(7, 1, pb.Snapshot{})
		must(t, err)
		must(t, l.Commit(true))
		size := l.log.Bytes()
		put := func(commit uint64) {
			must(t, l.Put(g, pb.HardState{Term: 1, Commit: commit}, nil, pb.Snapshot{}))
			must(t, l.Commit(false))
		}
		put(1)
		must(t, l.Commit(sync))
		put(2)
		must(t, l.Close())
		for name, content := range files(t, dir) {
			content[size+seglog.RecordHead]++ // the first byte of the first put
			must(t, os.WriteFile(filepath.Join(dir, name), content, 0o644))
		}
		l, err = Open(dir, Options{})
		if errors.Is(err, seglog.ErrCorrupt) != sync || err == nil && l.Close() != nil {
			t.Errorf("sync %v: %v", sync, err)
		}
	}
}
