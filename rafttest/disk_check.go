package rafttest

import (
	"bytes"
	"errors"
	"math"
	"time"

	"github.com/ffd200af/raft"
)

// check compares everything that can be read.
func (d *diskModel) check() {
	d.t.Helper()
	hs, cs, err := d.disk.InitialState()
	if err != nil || hs != d.newestHard() {
		d.errorf("InitialState returns %s, %v, want %s", raft.DescribeHardState(hs), err, raft.DescribeHardState(d.newestHard()))
	}
	if err := cs.Equivalent(d.snapshot.Metadata.ConfState); err != nil {
		d.errorf("InitialState: got and want: %v", err)
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
	for _, i := range []uint64{d.last() + 1, d.last() + 100, math.MaxUint64} {
		if _, err := d.disk.Term(i); !errors.Is(err, raft.ErrUnavailable) {
			d.errorf("Term(%d) returns the error %v, want ErrUnavailable; the log is [%d, %d]", i, err, d.first(), d.last())
		}
	}
	if d.prevIndex == 0 {
		return
	}
	for _, i := range []uint64{0, d.prevIndex / 2, d.prevIndex - 1} {
		if _, err := d.disk.Term(i); !errors.Is(err, raft.ErrCompacted) {
			d.errorf("Term(%d) returns the error %v, want ErrCompacted; the log is [%d, %d]", i, err, d.first(), d.last())
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
		for i := max(d.first(), d.last()-min(d.last(), 20)); i <= d.last(); i++ {
			d.checkRange(i, i+1, 0) // one entry comes, however large
		}
		size := uint64(d.entries[0].Size())
		for _, limit := range []uint64{0, 1, size - 1, size, size + 1, 3 * size, 10 * size} {
			d.checkRange(d.first(), d.last()+1, limit)
		}
	}
	for _, lo := range []uint64{d.first(), d.last() + 1, d.last() + 2} {
		for _, limit := range []uint64{0, math.MaxUint64} {
			if got, err := d.disk.Entries(lo, d.last()+3, limit); !errors.Is(err, raft.ErrUnavailable) {
				d.errorf("Entries(%d, %d, %d) returns %d entries and the error %v, want ErrUnavailable", lo, d.last()+3, limit, len(got), err)
			}
		}
	}
	for _, lo := range []uint64{0, d.prevIndex / 2, d.prevIndex} {
		for _, hi := range []uint64{lo + 1, d.last() + 1} {
			if got, err := d.disk.Entries(lo, hi, math.MaxUint64); !errors.Is(err, raft.ErrCompacted) {
				d.errorf("Entries(%d, %d) returns %d entries and the error %v, want ErrCompacted", lo, hi, len(got), err)
			}
		}
	}
}

// checkRange reads [lo, hi) within a limit in bytes. As many entries as fit must come, and may be
// fewer than that.
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

// snapshotTries is how many milliseconds a snapshot may be unavailable for.
const snapshotTries = 2000

func (d *diskModel) checkSnapshot() {
	d.t.Helper()
	s, err := d.disk.Snapshot()
	for range snapshotTries {
		if !errors.Is(err, raft.ErrSnapshotTemporarilyUnavailable) {
			break
		}
		time.Sleep(time.Millisecond)
		s, err = d.disk.Snapshot()
	}
	if err != nil {
		d.t.Fatalf("after %s: Snapshot returns the error %v", d.doing, err)
	}
	got, want := &s.Metadata, &d.snapshot.Metadata
	if got.Index != want.Index || got.Term != want.Term {
		d.errorf("Snapshot returns %s, want %s", raft.DescribeSnapshot(s), raft.DescribeSnapshot(d.snapshot))
	}
	if err := got.ConfState.Equivalent(want.ConfState); err != nil {
		d.errorf("Snapshot: got and want: %v", err)
	}
	if d.contents == nil && !bytes.Equal(s.Data, d.snapshot.Data) {
		d.errorf("Snapshot returns the data %q, want %q", s.Data, d.snapshot.Data)
	}
	if got.Index < d.prevIndex {
		d.errorf("the snapshot at %d does not cover what was compacted, up to %d", got.Index, d.prevIndex)
	}
}
