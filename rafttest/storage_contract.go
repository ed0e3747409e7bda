package rafttest

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// TestStorage holds an engine to the contract of raft.Storage: what every method returns, at the
// boundaries too, after writes that overwrite, snapshots, compactions and crashes between any two
// operations. factory makes an empty disk; it is called once for each part, with its t.
//
// What the library does not do is not tried: Entries with lo == hi, writes that leave a gap,
// compaction beyond the newest snapshot. nil and empty data of an entry or a snapshot may be
// exchanged: the library does not tell them apart.
//
//	func TestMyEngine(t *testing.T) {
//		rafttest.TestStorage(t, func(t *testing.T) rafttest.Disk { return newAdapter(t, t.TempDir()) })
//	}
func TestStorage(t *testing.T, factory func(t *testing.T) Disk) {
	for _, part := range []struct {
		name string
		test func(*diskModel)
	}{
		{"AnEmptyDisk", anEmptyDisk},
		{"WhatIsWrittenIsRead", whatIsWrittenIsRead},
		{"AConflictReplacesTheRestOfTheLog", aConflictReplacesTheRest},
		{"WhatWasReadStaysAsItWas", whatWasReadStays},
		{"CompactionKeepsTheTermBeforeTheFirstEntry", compactionKeepsATerm},
		{"ASnapshotReplacesTheLog", aSnapshotReplacesTheLog},
		{"ASnapshotAndWhatFollowsItInOneWrite", aSnapshotWithEntries},
		{"WhatWasSyncedSurvivesACrash", whatWasSyncedSurvives},
		{"ACrashInTheMiddleOfAWriteLeavesALegalState", aTornWriteIsLegal},
		{"ACrashInTheMiddleOfASnapshotLeavesALegalState", aTornSnapshotIsLegal},
		{"ANodeRunsOnItOverRestarts", aNodeRunsOnIt},
		{"ANodeChangesItsGroupOverRestarts", aNodeChangesItsGroup},
		{"ANodeStartsAfterATornWrite", aNodeStartsAfterATornWrite},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(newDiskModel(t, factory)) })
	}
	t.Run("AnyOperationsInAnyOrder", func(t *testing.T) {
		for seed := range uint64(20) {
			d := newDiskModel(t, factory)
			d.random(rand.New(rand.NewPCG(seed, 0)))
			if t.Failed() {
				t.Fatalf("with seed %d", seed)
			}
		}
	})
}

func anEmptyDisk(d *diskModel) {
	d.check()
	d.crash(0)
	d.check()
}

func whatIsWrittenIsRead(d *diskModel) {
	d.write(pb.HardState{Term: 1, Vote: 2}, nil, pb.Snapshot{}, true)
	d.check()
	d.write(pb.HardState{}, d.run(1, 1, 1), pb.Snapshot{}, true)
	d.check()
	d.write(pb.HardState{Term: 3, Vote: 1, Commit: 1}, d.run(3, 2, 20), pb.Snapshot{}, true)
	d.check()
	d.write(pb.HardState{Term: 3, Vote: 1, Commit: 21}, nil, pb.Snapshot{}, false)
	d.check()
	d.write(pb.HardState{}, d.run(4, 22, 1000), pb.Snapshot{}, true)
	d.check()
	d.write(pb.HardState{Term: 1 << 40, Vote: 1<<63 + 5, Commit: 1000}, d.run(1<<40, 1022, 2), pb.Snapshot{}, true)
	d.check()
}

func aConflictReplacesTheRest(d *diskModel) {
	d.write(pb.HardState{Term: 1, Commit: 2}, d.run(1, 1, 10), pb.Snapshot{}, true)
	for i, w := range []struct {
		from uint64
		n    int
	}{{5, 2}, {7, 1}, {3, 1}, {1, 3}} {
		term := uint64(i) + 2
		d.write(pb.HardState{Term: term, Commit: min(2, w.from-1)}, d.run(term, w.from, w.n), pb.Snapshot{}, true)
		d.check()
		d.crash(0)
		d.check()
	}
	d.write(pb.HardState{}, d.run(6, 4, 9), pb.Snapshot{}, true)
	d.check()
}

// whatWasReadStays: what was read belongs to nobody, and is not changed by what is written later.
func whatWasReadStays(d *diskModel) {
	d.write(pb.HardState{Term: 1, Commit: 10}, d.run(1, 1, 10), pb.Snapshot{}, true)
	d.save(1)
	entries, err := d.disk.Entries(3, 9, math.MaxUint64)
	d.must(err)
	wantEntries, wantConf := cloned(entries), confAt(1)
	_, conf, err := d.disk.InitialState()
	d.must(err)
	d.check() // a snapshot is ready then
	s, err := d.disk.Snapshot()
	d.must(err)
	wantData := slices.Clone(s.Data)
	d.write(pb.HardState{Term: 2, Commit: 2}, d.run(2, 4, 6), pb.Snapshot{}, true)
	d.save(4)
	d.compact(4)
	d.write(pb.HardState{}, d.run(3, 6, 4), pb.Snapshot{}, true)
	d.save(5)
	d.check()
	for i := range wantEntries {
		if !sameEntry(&entries[i], &wantEntries[i]) || entries[i].Term != 1 {
			d.errorf("an entry that was read as %s is %s now", raft.DescribeEntry(wantEntries[i], nil), raft.DescribeEntry(entries[i], nil))
		}
	}
	if err := errors.Join(conf.Equivalent(wantConf), s.Metadata.ConfState.Equivalent(wantConf)); err != nil {
		d.errorf("a configuration that was read has changed: %v", err)
	}
	if !bytes.Equal(s.Data, wantData) {
		d.errorf("a snapshot's data that was read as %q is %q now", wantData, s.Data)
	}
}

func compactionKeepsATerm(d *diskModel) {
	d.write(pb.HardState{Term: 1, Commit: 4}, d.run(1, 1, 4), pb.Snapshot{}, true)
	d.write(pb.HardState{Term: 2, Commit: 9}, d.run(2, 5, 6), pb.Snapshot{}, true)
	d.save(8)
	d.check()
	d.crash(0)
	d.check()
	for _, index := range []uint64{1, 4, 5, 8} {
		d.compact(index)
		d.check()
	}
	d.write(pb.HardState{Term: 3, Commit: 10}, d.run(3, 11, 2), pb.Snapshot{}, true)
	d.crash(0)
	d.check()
	d.save(12)
	d.compact(12) // everything
	d.check()
	d.crash(0)
	d.check()
	d.write(pb.HardState{Term: 4, Commit: 12}, d.run(4, 13, 3), pb.Snapshot{}, true)
	d.check()
}

func aSnapshotReplacesTheLog(d *diskModel) {
	d.write(pb.HardState{Term: 5, Commit: 7}, nil, d.snapshotAt(5, 7), true)
	d.check()
	d.write(pb.HardState{}, d.run(5, 8, 5), pb.Snapshot{}, true)
	d.check()
	d.write(pb.HardState{Term: 6, Commit: 10}, nil, d.snapshotAt(6, 10), true) // in the middle of the log
	d.check()
	d.write(pb.HardState{Term: 6, Commit: 50}, nil, d.snapshotAt(6, 50), true) // far behind its end
	d.check()
	d.crash(0)
	d.check()
}

func aSnapshotWithEntries(d *diskModel) {
	d.write(pb.HardState{Term: 1, Commit: 3}, d.run(1, 1, 5), pb.Snapshot{}, true)
	d.write(pb.HardState{Term: 2, Commit: 20}, d.run(2, 21, 3), d.snapshotAt(2, 20), true)
	d.check()
	d.crash(0)
	d.check()
}

func whatWasSyncedSurvives(d *diskModel) {
	for i := range uint64(5) {
		d.write(pb.HardState{Term: i + 1, Vote: 1, Commit: 2 * i}, d.run(i+1, 2*i+1, 2), pb.Snapshot{}, true)
		d.crash(0)
		d.check()
		d.write(pb.HardState{Term: i + 1, Vote: 1, Commit: 2*i + 1}, nil, pb.Snapshot{}, false)
		d.write(pb.HardState{Term: i + 1, Vote: 1, Commit: 2*i + 2}, nil, pb.Snapshot{}, false)
		d.check()
		d.crash(int(i))
		d.check()
		// A sync reaches back to what was written before.
		d.write(pb.HardState{Term: i + 1, Vote: 2, Commit: 2*i + 2}, nil, pb.Snapshot{}, false)
		d.write(pb.HardState{}, d.run(i+1, 2*i+2, 1), pb.Snapshot{}, true)
		d.crash(0)
		d.check()
	}
}

// random performs what may come in any order, and looks after each.
func (d *diskModel) random(r *rand.Rand) {
	term := uint64(1)
	for range 60 {
		switch r.IntN(9) {
		case 0, 1, 2:
			hs, entries := d.randomAppend(r, &term)
			d.write(hs, entries, pb.Snapshot{}, true)
		case 3:
			hs := d.newestHard()
			hs.Term, hs.Commit = max(hs.Term, term), d.commit()+uint64(r.IntN(int(d.last()-d.commit())+1))
			d.write(hs, nil, pb.Snapshot{}, r.IntN(2) == 0)
		case 4:
			if hs := d.hard; hs.Commit > d.snapshot.Metadata.Index && len(d.unsynced) == 0 {
				d.save(d.snapshot.Metadata.Index + 1 + uint64(r.IntN(int(hs.Commit-d.snapshot.Metadata.Index))))
			}
		case 5:
			if s := d.snapshot.Metadata.Index; s > d.prevIndex {
				d.compact(d.prevIndex + 1 + uint64(r.IntN(int(s-d.prevIndex))))
			}
		case 6:
			d.crash(r.IntN(4))
		case 7:
			if r.IntN(4) == 0 {
				hs, entries, s := d.randomSnapshot(r, &term)
				d.write(hs, entries, s, true)
			}
		case 8:
			hs, entries := d.randomAppend(r, &term)
			s := pb.Snapshot{}
			if r.IntN(4) == 0 {
				hs, entries, s = d.randomSnapshot(r, &term)
			}
			d.tear(hs, entries, s, r.IntN(len(entries)+3))
		}
		if d.check(); d.t.Failed() {
			return
		}
	}
}

// randomAppend is what a leader sends, old or new: it may overwrite what is not committed.
func (d *diskModel) randomAppend(r *rand.Rand, term *uint64) (pb.HardState, []pb.Entry) {
	*term += uint64(r.IntN(3) / 2)
	from, commit := d.last()+1, d.commit()
	if commit < d.last() && r.IntN(2) == 0 {
		from = commit + 1 + uint64(r.IntN(int(d.last()-commit)))
		*term++
	}
	return pb.HardState{Term: *term, Vote: uint64(r.IntN(3)), Commit: commit}, d.run(*term, from, 1+r.IntN(10))
}

func (d *diskModel) randomSnapshot(r *rand.Rand, term *uint64) (pb.HardState, []pb.Entry, pb.Snapshot) {
	*term++
	index := d.last() + uint64(r.IntN(5)) + 1
	return pb.HardState{Term: *term, Commit: index}, d.run(*term, index+1, r.IntN(4)), d.snapshotAt(*term, index)
}
