package rafttest

import (
	"bytes"
	"errors"
	"fmt"
	"math"
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

	hard pb.HardState
	// unsynced are hard states that were written after the last sync: a crash may bring back any, or hard.
	unsynced            []pb.HardState
	prevIndex, prevTerm uint64 // of the entry before the first one
	entries             []pb.Entry
	snapshot            pb.Snapshot
	// doing is what was done last, for messages.
	doing string
}

func newDiskModel(t *testing.T, factory func(*testing.T) Disk) *diskModel {
	d := &diskModel{t: t, disk: factory(t), doing: "starting with an empty disk"}
	d.contents, _ = d.disk.(DiskContents)
	return d
}

func (d *diskModel) first() uint64 { return d.prevIndex + 1 }
func (d *diskModel) last() uint64  { return d.prevIndex + uint64(len(d.entries)) }

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

// run makes n entries of a term, from an index on.
func (d *diskModel) run(term, index uint64, n int) []pb.Entry {
	entries := make([]pb.Entry, n)
	for i := range entries {
		at := index + uint64(i)
		data := bytes.Repeat([]byte{byte(term), byte(at)}, int(1+at%7))
		if d.contents != nil {
			data = d.contents.EntryData(term, at)
		}
		entries[i] = pb.Entry{Term: term, Index: at, Data: data}
	}
	return entries
}

func (d *diskModel) snapshotAt(term, index uint64) pb.Snapshot {
	s := pb.Snapshot{Data: fmt.Appendf(nil, "state at %d", index)}
	s.Metadata = pb.SnapshotMetadata{Index: index, Term: term, ConfState: pb.ConfState{Voters: []uint64{1, 2, 3}}}
	if d.contents != nil {
		s.Data = d.contents.SnapshotData(index)
	}
	return s
}

// write writes to the disk and to the model.
func (d *diskModel) write(hs pb.HardState, entries []pb.Entry, s pb.Snapshot, sync bool) {
	d.t.Helper()
	d.doing = fmt.Sprintf("writing %s, %d entries%s, snapshot %d, sync %t", raft.DescribeHardState(hs), len(entries), at(entries), s.Metadata.Index, sync)
	d.must(d.disk.Write(hs, slices.Clone(entries), s, sync))
	if !raft.IsEmptySnap(s) {
		d.prevIndex, d.prevTerm, d.entries, d.snapshot = s.Metadata.Index, s.Metadata.Term, nil, s
	}
	if len(entries) > 0 {
		d.entries = append(slices.Clone(d.entries[:entries[0].Index-d.first()]), entries...)
	}
	if raft.IsEmptyHardState(hs) {
		hs = d.newestHard()
	}
	if sync {
		d.hard, d.unsynced = hs, nil
	} else {
		d.unsynced = append(d.unsynced, hs)
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

func (d *diskModel) save(index uint64) {
	d.t.Helper()
	s := d.snapshotAt(d.term(index), index)
	d.doing = fmt.Sprintf("saving a snapshot at %d", index)
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

// term is the term of an entry that is there, or before the first one.
func (d *diskModel) term(index uint64) uint64 {
	if index == d.prevIndex {
		return d.prevTerm
	}
	return d.entries[index-d.first()].Term
}

// crash cuts the power. What was not synced may have survived.
func (d *diskModel) crash(keep int) {
	d.t.Helper()
	d.doing += fmt.Sprintf(", and a crash that keeps %d pieces", keep)
	disk, err := d.disk.Crash(keep)
	d.must(err)
	d.disk = disk
	hs, _, err := disk.InitialState()
	d.must(err)
	if hs != d.hard && !slices.Contains(d.unsynced, hs) {
		d.errorf("the hard state is %s, durable was %s", raft.DescribeHardState(hs), raft.DescribeHardState(d.hard))
	}
	d.hard, d.unsynced = hs, nil
}

// check compares everything that can be read.
func (d *diskModel) check() {
	d.t.Helper()
	hs, cs, err := d.disk.InitialState()
	if err != nil || hs != d.newestHard() {
		d.errorf("InitialState returns %s, %v, want %s", raft.DescribeHardState(hs), err, raft.DescribeHardState(d.newestHard()))
	}
	if want := d.snapshot.Metadata.ConfState; !slices.Equal(cs.Voters, want.Voters) {
		d.errorf("InitialState returns the configuration %v, want %v", cs, want)
	}
	if first, err := d.disk.FirstIndex(); err != nil || first != d.first() {
		d.errorf("FirstIndex returns %d, %v, want %d", first, err, d.first())
	}
	if last, err := d.disk.LastIndex(); err != nil || last != d.last() {
		d.errorf("LastIndex returns %d, %v, want %d", last, err, d.last())
	}
	d.checkTerms()
	d.checkEntries()
	d.checkSnapshot()
}

func (d *diskModel) checkTerms() {
	d.t.Helper()
	for i := d.prevIndex; i <= d.last(); i++ {
		if term, err := d.disk.Term(i); err != nil || term != d.term(i) {
			d.errorf("Term(%d) returns %d, %v, want %d; the log is [%d, %d]", i, term, err, d.term(i), d.first(), d.last())
		}
	}
	for _, i := range []uint64{d.last() + 1, d.last() + 100} {
		if _, err := d.disk.Term(i); !errors.Is(err, raft.ErrUnavailable) {
			d.errorf("Term(%d) returns the error %v, want ErrUnavailable; the log is [%d, %d]", i, err, d.first(), d.last())
		}
	}
	if d.prevIndex > 0 {
		if _, err := d.disk.Term(d.prevIndex - 1); !errors.Is(err, raft.ErrCompacted) {
			d.errorf("Term(%d) returns the error %v, want ErrCompacted; the log is [%d, %d]", d.prevIndex-1, err, d.first(), d.last())
		}
	}
}

func (d *diskModel) checkEntries() {
	d.t.Helper()
	if len(d.entries) > 0 {
		d.checkRange(d.first(), d.last()+1, math.MaxUint64)
		mid := d.first() + uint64(len(d.entries))/2
		d.checkRange(mid, d.last()+1, math.MaxUint64)
		d.checkRange(d.first(), mid, math.MaxUint64)
		size := uint64(d.entries[0].Size())
		for _, limit := range []uint64{0, 1, size - 1, size, size + 1, 3 * size, 10 * size} {
			d.checkRange(d.first(), d.last()+1, limit)
		}
	}
	if _, err := d.disk.Entries(d.first(), d.last()+2, math.MaxUint64); !errors.Is(err, raft.ErrUnavailable) {
		d.errorf("Entries(%d, %d) returns the error %v, want ErrUnavailable", d.first(), d.last()+2, err)
	}
	if d.prevIndex > 0 {
		if _, err := d.disk.Entries(d.prevIndex, d.last()+1, math.MaxUint64); !errors.Is(err, raft.ErrCompacted) {
			d.errorf("Entries(%d, %d) returns the error %v, want ErrCompacted", d.prevIndex, d.last()+1, err)
		}
	}
}

// checkRange reads [lo, hi) within a limit in bytes. As many entries as fit must come, and may be fewer than that.
func (d *diskModel) checkRange(lo, hi, limit uint64) {
	d.t.Helper()
	if lo >= hi {
		return
	}
	got, err := d.disk.Entries(lo, hi, limit)
	if err != nil || len(got) == 0 {
		d.errorf("Entries(%d, %d, %d) returns %d entries and the error %v", lo, hi, limit, len(got), err)
		return
	}
	size := uint64(0)
	for i := range got {
		if i >= int(hi-lo) || !sameEntry(&got[i], &d.entries[lo-d.first()+uint64(i)]) {
			d.errorf("Entries(%d, %d, %d) returns %s at place %d", lo, hi, limit, raft.DescribeEntry(got[i], nil), i)
			return
		}
		size += uint64(got[i].Size())
	}
	if size > limit && len(got) > 1 {
		d.errorf("Entries(%d, %d, %d) returns %d entries of %d bytes", lo, hi, limit, len(got), size)
	}
	if limit == math.MaxUint64 { // what did not come now must come when it is asked for
		d.checkRange(lo+uint64(len(got)), hi, limit)
	}
}

func (d *diskModel) checkSnapshot() {
	d.t.Helper()
	s, err := d.disk.Snapshot()
	if errors.Is(err, raft.ErrSnapshotTemporarilyUnavailable) {
		return
	}
	if err != nil {
		d.errorf("Snapshot returns the error %v", err)
		return
	}
	got, want := &s.Metadata, &d.snapshot.Metadata
	if got.Index != want.Index || got.Term != want.Term || !slices.Equal(got.ConfState.Voters, want.ConfState.Voters) {
		d.errorf("Snapshot returns %s, want %s", raft.DescribeSnapshot(s), raft.DescribeSnapshot(d.snapshot))
	}
	if d.contents == nil && !bytes.Equal(s.Data, d.snapshot.Data) {
		d.errorf("Snapshot returns the data %q, want %q", s.Data, d.snapshot.Data)
	}
	if got.Index < d.prevIndex {
		d.errorf("the snapshot at %d does not cover what was compacted, up to %d", got.Index, d.prevIndex)
	}
}
