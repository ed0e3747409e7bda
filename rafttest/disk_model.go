package rafttest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// diskModel is what a disk must hold, kept beside it in the simplest way there is.
type diskModel struct {
	t        *testing.T
	disk     Disk
	contents DiskContents // nil if anything goes

	diskLog
	hard pb.HardState
	// unsynced are hard states that were written after the last sync: a crash may bring back any,
	// or hard.
	unsynced []pb.HardState
	// doing is what was done last, for messages.
	doing string
}

func newDiskModel(t *testing.T, factory func(*testing.T) Disk) *diskModel {
	d := &diskModel{t: t, disk: factory(t), doing: "starting with an empty disk"}
	d.contents, _ = d.disk.(DiskContents)
	return d
}

func (d *diskModel) errorf(format string, args ...any) {
	d.t.Helper()
	d.t.Errorf("after %s: %s", d.doing, fmt.Sprintf(format, args...))
}

// must ends the test if the disk refuses what it must do.
func (d *diskModel) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatalf("%s: %v", d.doing, err)
	}
}

// write writes to the disk and to the model.
func (d *diskModel) write(hs pb.HardState, entries []pb.Entry, s pb.Snapshot, sync bool) {
	d.t.Helper()
	d.put(hs, entries, s, sync)
	logs := d.afterTorn(entries, s)
	d.diskLog = logs[len(logs)-1]
	if raft.IsEmptyHardState(hs) {
		hs = d.newestHard()
	}
	if sync {
		d.hard, d.unsynced = hs, nil
	} else {
		d.unsynced = append(d.unsynced, hs)
	}
}

// put writes to the disk alone.
func (d *diskModel) put(hs pb.HardState, entries []pb.Entry, s pb.Snapshot, sync bool) {
	d.t.Helper()
	d.doing = fmt.Sprintf("writing %s, %d entries%s, snapshot %d, sync %t", raft.DescribeHardState(hs), len(entries), at(entries), s.Metadata.Index, sync)
	given := cloned(entries)
	d.must(d.disk.Write(hs, given, s, sync))
	if !sameEntries(given, entries) {
		d.errorf("the disk has changed the entries that it was given")
	}
}

func at(entries []pb.Entry) string {
	if len(entries) == 0 {
		return ""
	}
	return fmt.Sprintf(" from %d/%d", entries[0].Term, entries[0].Index)
}

// newestHard is what is read when nothing has crashed.
func (d *diskModel) newestHard() pb.HardState {
	if n := len(d.unsynced); n > 0 {
		return d.unsynced[n-1]
	}
	return d.hard
}

// commit is the commit index that a node starts with: a snapshot may have survived the hard state
// that came with it.
func (d *diskModel) commit() uint64 { return max(d.newestHard().Commit, d.prevIndex) }

func (d *diskModel) save(index uint64) {
	d.t.Helper()
	d.saveSnapshot(d.snapshotAt(d.term(index), index))
}

func (d *diskModel) saveSnapshot(s pb.Snapshot) {
	d.t.Helper()
	d.doing = fmt.Sprintf("saving a snapshot at %d", s.Metadata.Index)
	d.must(d.disk.SaveSnapshot(s))
	d.snapshot = s
}

func (d *diskModel) compact(index uint64) {
	d.t.Helper()
	d.doing = fmt.Sprintf("compacting up to %d", index)
	d.must(d.disk.Compact(index))
	term := d.term(index)
	d.entries = d.entries[index-d.prevIndex:]
	d.prevIndex, d.prevTerm = index, term
}

// crash cuts the power. What was not synced may have survived.
func (d *diskModel) crash(keep int) {
	d.t.Helper()
	d.tear(pb.HardState{}, nil, pb.Snapshot{}, keep)
}

// tear cuts the power in the middle of a write, if there is something to write. What the disk holds
// then has to be legal, and is what it must hold from now on.
func (d *diskModel) tear(hs pb.HardState, entries []pb.Entry, s pb.Snapshot, keep int) {
	d.t.Helper()
	if !raft.IsEmptyHardState(hs) || len(entries) > 0 || !raft.IsEmptySnap(s) {
		d.put(hs, entries, s, false)
	}
	d.doing += fmt.Sprintf(", and a crash that keeps %d pieces", keep)
	disk, err := d.disk.Crash(keep)
	d.must(err)
	d.disk = disk
	found, _, err := disk.InitialState()
	d.must(err)
	logs := d.afterTorn(entries, s)
	i := slices.IndexFunc(logs, d.looksLike)
	if i < 0 {
		d.t.Fatalf("after %s: the log is neither what it was nor a part of what was written: %s", d.doing, d.describeFound())
	}
	d.diskLog = logs[i]
	// The whole write is there if nothing in front of the hard state is missing.
	whole := i == len(logs)-1 || d.looksLike(logs[len(logs)-1])
	if found != d.hard && !slices.Contains(d.unsynced, found) && !(whole && found == hs) {
		d.errorf("the hard state is %s, durable was %s", raft.DescribeHardState(found), raft.DescribeHardState(d.hard))
	}
	d.hard, d.unsynced = found, nil
}

// looksLike reports whether the disk's log has the length and the terms of l.
func (d *diskModel) looksLike(l diskLog) bool {
	first, err1 := d.disk.FirstIndex()
	last, err2 := d.disk.LastIndex()
	if err1 != nil || err2 != nil || first != l.first() || last != l.last() {
		return false
	}
	for i := l.prevIndex; i <= last; i++ {
		if term, err := d.disk.Term(i); err != nil || term != l.term(i) {
			return false
		}
	}
	return true
}

func (d *diskModel) describeFound() string {
	first, err1 := d.disk.FirstIndex()
	last, err2 := d.disk.LastIndex()
	text := fmt.Sprintf("it is [%d, %d], %v, %v, terms", first, last, err1, err2)
	for i := first - 1; i <= last && i < first+100; i++ {
		term, err := d.disk.Term(i)
		if text += fmt.Sprintf(" %d", term); err != nil {
			text += fmt.Sprintf(" (%v)", err)
		}
	}
	return text
}
