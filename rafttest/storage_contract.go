package rafttest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// TestStorage holds an engine to the contract of raft.Storage: what every method returns, at the boundaries too, after
// writes that overwrite, snapshots, compactions and crashes between any two operations. factory makes an empty disk; it is
// called once for each part, with its t.
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
		{"ANodeRunsOnItOverRestarts", aNodeRunsOnIt},
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
}

func aConflictReplacesTheRest(d *diskModel) {
	d.write(pb.HardState{Term: 1, Commit: 2}, d.run(1, 1, 10), pb.Snapshot{}, true)
	d.write(pb.HardState{Term: 2, Commit: 2}, d.run(2, 5, 2), pb.Snapshot{}, true)
	d.check()
	d.write(pb.HardState{Term: 3, Commit: 2}, d.run(3, 7, 1), pb.Snapshot{}, true)
	d.check()
	d.write(pb.HardState{Term: 4}, d.run(4, 3, 1), pb.Snapshot{}, true)
	d.check()
	d.write(pb.HardState{Term: 5}, d.run(5, 1, 3), pb.Snapshot{}, true)
	d.check()
	d.crash(0)
	d.check()
}

// whatWasReadStays: slices that Entries has returned belong to nobody, and are not changed by what is written later.
func whatWasReadStays(d *diskModel) {
	d.write(pb.HardState{Term: 1, Commit: 10}, d.run(1, 1, 10), pb.Snapshot{}, true)
	kept, err := d.disk.Entries(3, 9, math.MaxUint64)
	d.must(err)
	want := slices.Clone(kept)
	d.write(pb.HardState{Term: 2, Commit: 2}, d.run(2, 4, 6), pb.Snapshot{}, true)
	d.save(4)
	d.compact(4)
	d.write(pb.HardState{}, d.run(3, 6, 4), pb.Snapshot{}, true)
	d.check()
	for i := range want {
		if !sameEntry(&kept[i], &want[i]) || kept[i].Term != 1 {
			d.errorf("an entry that was read as %s is %s now", raft.DescribeEntry(want[i], nil), raft.DescribeEntry(kept[i], nil))
		}
	}
}

func compactionKeepsATerm(d *diskModel) {
	d.write(pb.HardState{Term: 1, Commit: 4}, d.run(1, 1, 4), pb.Snapshot{}, true)
	d.write(pb.HardState{Term: 2, Commit: 9}, d.run(2, 5, 6), pb.Snapshot{}, true)
	d.save(8)
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
	}
}

// aTornWriteIsLegal cuts the power while a write is under way. What is left is the state before, or a part of the write in
// the order of its pieces: no gap, no commit index beyond the log, no entry that nobody wrote.
func aTornWriteIsLegal(d *diskModel) {
	for keep := range 4 {
		d.write(pb.HardState{Term: 10, Vote: 1, Commit: d.last()}, d.run(10, d.last()+1, 4), pb.Snapshot{}, true)
		before, committed := d.entries, d.last()
		d.doing = fmt.Sprintf("a crash in the middle of a write, of which %d pieces may be there", keep)
		fresh := d.run(11+uint64(keep), d.last()-1, 5)
		hs := pb.HardState{Term: 11 + uint64(keep), Vote: 2, Commit: committed}
		d.must(d.disk.Write(hs, fresh, pb.Snapshot{}, false))
		disk, err := d.disk.Crash(keep)
		d.must(err)
		d.disk = disk
		after := append(slices.Clone(before[:fresh[0].Index-d.first()]), fresh...)
		last, err := disk.LastIndex()
		d.must(err)
		if d.entries = before; last == fresh[len(fresh)-1].Index {
			d.entries = after
		}
		found, _, err := disk.InitialState()
		d.must(err)
		if found == hs && last == fresh[len(fresh)-1].Index || found == d.hard {
			d.hard = found
		}
		d.check()
		// The next round is in a log that says what is there.
		d.write(pb.HardState{Term: 20 + uint64(keep), Commit: d.last()}, nil, pb.Snapshot{}, true)
		d.save(d.last())
		d.compact(d.last())
	}
}

// random performs what may come in any order, and looks after each.
func (d *diskModel) random(r *rand.Rand) {
	term := uint64(1)
	for range 60 {
		switch r.IntN(8) {
		case 0, 1, 2:
			term += uint64(r.IntN(3) / 2)
			from := d.last() + 1
			if d.newestHard().Commit < d.last() && r.IntN(2) == 0 {
				from = d.newestHard().Commit + 1 + uint64(r.IntN(int(d.last()-d.newestHard().Commit)))
				term++
			}
			entries := d.run(term, from, 1+r.IntN(10))
			d.write(pb.HardState{Term: term, Vote: uint64(r.IntN(3)), Commit: d.newestHard().Commit}, entries, pb.Snapshot{}, true)
		case 3:
			hs := d.newestHard()
			hs.Term, hs.Commit = max(hs.Term, term), hs.Commit+uint64(r.IntN(int(d.last()-hs.Commit)+1))
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
				index := d.last() + uint64(r.IntN(5)) + 1
				d.write(pb.HardState{Term: term, Commit: index}, nil, d.snapshotAt(term, index), true)
			}
		}
		if d.check(); d.t.Failed() {
			return
		}
	}
}

// aNodeRunsOnIt lets the library write and read: a group of one, which is started again and again.
func aNodeRunsOnIt(d *diskModel) {
	s := d.snapshotAt(1, 1)
	s.Metadata.ConfState.Voters = []uint64{1}
	d.doing = "starting a node"
	d.must(d.disk.Write(pb.HardState{Term: 1, Commit: 1}, nil, s, true))
	var applied uint64 = 1
	for life := range uint64(4) {
		n, err := raft.NewRawNode(&raft.Config{
			ID: 1, ElectionTick: 10, HeartbeatTick: 1, MaxSizePerMsg: 64, MaxInflightMsgs: 8, Storage: d.disk, Applied: applied, Logger: raft.DiscardLogger,
		})
		d.must(err)
		d.must(n.Campaign())
		for i := range uint64(30) {
			for n.HasReady() {
				rd := n.Ready()
				d.must(d.disk.Write(rd.HardState, rd.Entries, rd.Snapshot, rd.MustSync))
				if c := len(rd.CommittedEntries); c > 0 {
					applied = rd.CommittedEntries[c-1].Index
				}
				n.Advance(rd)
			}
			d.must(n.Propose(d.run(life, applied+1+i%2, 1)[0].Data))
		}
		d.must(n.Err())
		if st := n.BasicStatus(); st.Commit < 1+29*(life+1) || st.Applied != applied {
			d.errorf("life %d: the node is at %+v, applied is %d", life, st, applied)
		}
		d.disk, err = d.disk.Crash(0)
		d.must(err)
	}
}
