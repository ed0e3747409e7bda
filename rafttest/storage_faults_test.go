package rafttest_test

import (
	"bytes"
	"errors"
	"math"
	"slices"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest"
)

// The parts that have to notice a mistake without the others.
const (
	partRead        = "WhatIsWrittenIsRead"
	partConflict    = "AConflictReplacesTheRestOfTheLog"
	partStays       = "WhatWasReadStaysAsItWas"
	partCompaction  = "CompactionKeepsTheTermBeforeTheFirstEntry"
	partSnapshot    = "ASnapshotReplacesTheLog"
	partSurvives    = "WhatWasSyncedSurvivesACrash"
	partTornEntries = "ACrashInTheMiddleOfAWriteLeavesALegalState"
	partTornSnap    = "ACrashInTheMiddleOfASnapshotLeavesALegalState"
	partNode        = "ANodeRunsOnItOverRestarts"
	partChanges     = "ANodeChangesItsGroupOverRestarts"
	partNodeTorn    = "ANodeStartsAfterATornWrite"
	partAny         = "AnyOperationsInAnyOrder"
)

func eachEntry(f func(e *pb.Entry)) func(d *faultyDisk, lo, hi, size uint64) ([]pb.Entry, error) {
	return func(d *faultyDisk, lo, hi, size uint64) ([]pb.Entry, error) {
		entries, err := d.MemoryDisk.Entries(lo, hi, size)
		entries = slices.Clone(entries)
		for i := range entries {
			f(&entries[i])
		}
		return entries, err
	}
}

// membershipFaults lose what a configuration consists of.
func membershipFaults() []fault {
	list := []fault{
		{name: "all entries are normal", part: partRead, entries: eachEntry(func(e *pb.Entry) { e.Type = pb.EntryNormal })},
		{name: "all entries are normal for a node that changes its group", part: partChanges, entries: eachEntry(func(e *pb.Entry) { e.Type = pb.EntryNormal })},
		{name: "an entry without data gets some", part: partRead, entries: eachEntry(func(e *pb.Entry) {
			if len(e.Data) == 0 {
				e.Data = []byte{0}
			}
		})},
	}
	for name, forget := range map[string]func(cs *pb.ConfState){
		"learners are forgotten":                    func(cs *pb.ConfState) { cs.Learners = nil },
		"outgoing voters are forgotten":             func(cs *pb.ConfState) { cs.VotersOutgoing = nil },
		"that a joint configuration ends by itself": func(cs *pb.ConfState) { cs.AutoLeave = false },
		"learners next are forgotten":               func(cs *pb.ConfState) { cs.LearnersNext = nil },
		"a learner and an AutoLeave are made up":    func(cs *pb.ConfState) { cs.Learners, cs.AutoLeave = []uint64{77}, true },
	} {
		state := func(d *faultyDisk) (pb.HardState, pb.ConfState, error) {
			hs, cs, err := d.MemoryDisk.InitialState()
			forget(&cs)
			return hs, cs, err
		}
		snap := func(d *faultyDisk) (pb.Snapshot, error) {
			s, err := d.MemoryDisk.Snapshot()
			forget(&s.Metadata.ConfState)
			return s, err
		}
		list = append(list,
			fault{name: name + ", in InitialState", part: partSnapshot, state: state},
			fault{name: name + ", in Snapshot", part: partSnapshot, snap: snap})
		if name != "learners next are forgotten" { // no voter is demoted there
			list = append(list, fault{name: name + ", between two lives", part: partChanges, state: state})
		}
	}
	slices.SortFunc(list, func(a, b fault) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	return list
}

// tail are the entries that the disk holds from an index on.
func (d *faultyDisk) tail(from uint64) []pb.Entry {
	first, _ := d.MemoryDisk.FirstIndex()
	last, _ := d.MemoryDisk.LastIndex()
	if from = max(from, first); from > last {
		return nil
	}
	entries, _ := d.MemoryDisk.Entries(from, last+1, math.MaxUint64)
	return slices.Clone(entries)
}

// sync writes for good.
func (d *faultyDisk) sync(hs pb.HardState, entries []pb.Entry, s pb.Snapshot) error {
	return d.MemoryDisk.Write(hs, entries, s, true)
}

// half writes a half of the entries, and the snapshot before.
func half(d *faultyDisk, w *write) error {
	return d.sync(pb.HardState{}, w.entries[:len(w.entries)/2], w.s)
}

// tornFaults leave of a write what no node can start from.
func tornFaults() []fault {
	oldTail := func(d *faultyDisk, w *write) error {
		if len(w.entries) < 2 || !raft.IsEmptySnap(w.s) {
			return half(d, w)
		}
		n := len(w.entries) / 2
		old := d.tail(w.entries[n].Index)
		return d.sync(pb.HardState{}, append(w.entries[:n:n], old...), w.s)
	}
	hardFirst := func(d *faultyDisk, w *write) error { return d.sync(w.hs, nil, pb.Snapshot{}) }
	hardBeforeTheEnd := func(d *faultyDisk, w *write) error { return d.sync(w.hs, w.entries[:len(w.entries)/2], w.s) }
	panics := func(d *faultyDisk, hs pb.HardState, entries []pb.Entry, s pb.Snapshot, sync bool) error {
		if !sync && !raft.IsEmptySnap(s) {
			panic("no torn snapshots here")
		}
		return d.MemoryDisk.Write(hs, entries, s, sync)
	}
	return []fault{
		{name: "an old tail stays behind the half of a torn write", part: partTornEntries, torn: oldTail},
		{name: "an old tail stays behind the half of a torn write, in any order", part: partAny, torn: oldTail},
		{name: "an old tail stays behind the half of a torn write of a node", part: partNodeTorn, torn: oldTail},
		{name: "the hard state is written before the entries", part: partTornEntries, torn: hardFirst},
		{name: "the hard state is written before the snapshot", part: partTornSnap, torn: hardFirst},
		{name: "the hard state is written before anything else of a node", part: partNodeTorn, torn: hardFirst},
		{name: "the hard state is written before the last entry", part: partTornEntries, torn: hardBeforeTheEnd},
		{name: "the hard state is written before the last entry behind a snapshot", part: partTornSnap, torn: hardBeforeTheEnd},
		{name: "a snapshot cannot be torn", part: partTornSnap, write: panics},
		{name: "a torn snapshot takes only the log away", part: partTornSnap, torn: func(d *faultyDisk, w *write) error {
			if raft.IsEmptySnap(w.s) {
				return half(d, w)
			}
			last, _ := d.MemoryDisk.LastIndex()
			return d.MemoryDisk.Compact(last)
		}},
		{name: "a torn snapshot leaves what stood behind it", part: partTornSnap, torn: func(d *faultyDisk, w *write) error {
			var old []pb.Entry
			if !raft.IsEmptySnap(w.s) {
				old = d.tail(w.s.Metadata.Index + 1)
			}
			return errors.Join(d.sync(pb.HardState{}, nil, w.s), d.sync(pb.HardState{}, old, pb.Snapshot{}))
		}},
		{name: "a torn write loses the vote only", part: partTornEntries, torn: func(d *faultyDisk, w *write) error {
			w.hs.Vote = 0
			return d.sync(w.hs, w.entries, w.s)
		}},
		{name: "what a torn write has replaced is there again in the next life", part: partTornEntries, torn: func(d *faultyDisk, w *write) error {
			d.kept.tail = d.tail(w.entries[0].Index)
			return half(d, w)
		}, last: resurrected},
	}
}

// resurrected finds the old tail again, where that is longer.
func resurrected(d *faultyDisk) (uint64, error) {
	last, err := d.MemoryDisk.LastIndex()
	if n := len(d.kept.tail); n > 0 {
		last = max(last, d.kept.tail[n-1].Index)
	}
	return last, err
}

// legalTears are no faults: a crash leaves a beginning of the write.
func legalTears() []fault {
	return []fault{
		{name: "nothing", torn: func(*faultyDisk, *write) error { return nil }},
		{name: "the snapshot", torn: func(d *faultyDisk, w *write) error { return d.sync(pb.HardState{}, nil, w.s) }},
		{name: "one entry", torn: func(d *faultyDisk, w *write) error {
			return d.sync(pb.HardState{}, w.entries[:min(1, len(w.entries))], w.s)
		}},
		{name: "half of the entries", torn: half},
		{name: "all entries", torn: func(d *faultyDisk, w *write) error { return d.sync(pb.HardState{}, w.entries, w.s) }},
		{name: "everything", torn: func(d *faultyDisk, w *write) error { return d.sync(w.hs, w.entries, w.s) }},
		{name: "a log whose tail is cut", torn: func(d *faultyDisk, w *write) error {
			if len(w.entries) == 0 || !raft.IsEmptySnap(w.s) {
				return d.sync(pb.HardState{}, nil, w.s)
			}
			if before := d.tail(w.entries[0].Index - 1); len(before) > 0 && before[0].Index < w.entries[0].Index {
				return d.sync(pb.HardState{}, before[:1], pb.Snapshot{}) // cuts what is behind it
			}
			return nil
		}},
	}
}

// boundaryFaults are wrong at the ends of the log.
func boundaryFaults() []fault {
	return []fault{
		{name: "the term at 0 is still known after compaction", part: partCompaction, term: func(d *faultyDisk, i uint64) (uint64, error) {
			if first, _ := d.MemoryDisk.FirstIndex(); i == 0 && first > 2 {
				return 0, nil
			}
			return d.MemoryDisk.Term(i)
		}},
		{name: "the term at the snapshot's index is gone with the entry", part: partCompaction, term: func(d *faultyDisk, i uint64) (uint64, error) {
			if s, _ := d.MemoryDisk.Snapshot(); i > 0 && i == s.Metadata.Index {
				return 0, raft.ErrCompacted
			}
			return d.MemoryDisk.Term(i)
		}},
		{name: "nothing comes from behind the end, without an error", part: partRead, entries: func(d *faultyDisk, lo, hi, size uint64) ([]pb.Entry, error) {
			first, _ := d.MemoryDisk.FirstIndex()
			if last, _ := d.MemoryDisk.LastIndex(); lo > last && last >= first {
				return nil, nil
			}
			return d.MemoryDisk.Entries(lo, hi, size)
		}},
		{name: "a limit hides that the end is missing", part: partRead, entries: func(d *faultyDisk, lo, hi, size uint64) ([]pb.Entry, error) {
			if last, _ := d.MemoryDisk.LastIndex(); size == 0 && lo <= last {
				hi = min(hi, last+1)
			}
			return d.MemoryDisk.Entries(lo, hi, size)
		}},
		{name: "entry 0 is unavailable", part: partRead, entries: func(d *faultyDisk, lo, hi, size uint64) ([]pb.Entry, error) {
			if lo == 0 {
				return nil, raft.ErrUnavailable
			}
			return d.MemoryDisk.Entries(lo, hi, size)
		}},
		{name: "a large entry does not come alone", part: partRead, entries: func(d *faultyDisk, lo, hi, size uint64) ([]pb.Entry, error) {
			first, _ := d.MemoryDisk.FirstIndex()
			if last, _ := d.MemoryDisk.LastIndex(); size == 0 && lo+1 == hi && lo > first && lo <= last {
				return nil, nil
			}
			return d.MemoryDisk.Entries(lo, hi, size)
		}},
		{name: "ids have 32 bits", part: partRead, state: func(d *faultyDisk) (pb.HardState, pb.ConfState, error) {
			hs, cs, err := d.MemoryDisk.InitialState()
			hs.Vote = uint64(uint32(hs.Vote))
			return hs, cs, err
		}},
		{name: "a snapshot is being made for ever", part: partCompaction, snap: func(*faultyDisk) (pb.Snapshot, error) {
			return pb.Snapshot{}, raft.ErrSnapshotTemporarilyUnavailable
		}},
	}
}

// memoryFaults change what belongs to nobody.
func memoryFaults() []fault {
	return []fault{
		{name: "the data that was read is overwritten", part: partStays, entries: func(d *faultyDisk, lo, hi, size uint64) ([]pb.Entry, error) {
			for i := range d.published {
				clear(d.published[i].Data)
			}
			entries, err := eachEntry(func(e *pb.Entry) { e.Data = slices.Clone(e.Data) })(d, lo, hi, size)
			d.published = entries
			return entries, err
		}},
		{name: "the entries that were given are changed", part: partRead, write: func(d *faultyDisk, hs pb.HardState, entries []pb.Entry, s pb.Snapshot, sync bool) error {
			mine := slices.Clone(entries)
			for i := range entries {
				mine[i].Data = slices.Clone(entries[i].Data)
				clear(entries[i].Data)
			}
			return d.MemoryDisk.Write(hs, mine, s, sync)
		}},
		{name: "the snapshot that was read is overwritten", part: partStays, snap: func(d *faultyDisk) (pb.Snapshot, error) {
			clear(d.kept.data)
			s, err := d.MemoryDisk.Snapshot()
			s.Data = slices.Clone(s.Data)
			d.kept.data = s.Data
			return s, err
		}},
		{name: "the configuration that was read is overwritten", part: partStays, state: func(d *faultyDisk) (pb.HardState, pb.ConfState, error) {
			clear(d.kept.ids)
			hs, cs, err := d.MemoryDisk.InitialState()
			cs.Voters = slices.Clone(cs.Voters)
			d.kept.ids = cs.Voters
			return hs, cs, err
		}},
	}
}

// crashFaults lose what was durable, or find what was not.
func crashFaults() []fault {
	return []fault{
		{
			name: "a sync does not reach back", part: partSurvives,
			write: func(d *faultyDisk, hs pb.HardState, entries []pb.Entry, s pb.Snapshot, sync bool) error {
				if sync && !raft.IsEmptyHardState(hs) {
					d.kept.hard = hs
				}
				return d.MemoryDisk.Write(hs, entries, s, sync)
			},
			crash: func(d *faultyDisk, _ int) (rafttest.Disk, error) {
				_, err := d.MemoryDisk.Crash(0)
				return d, errors.Join(err, d.sync(d.kept.hard, nil, pb.Snapshot{}))
			},
		},
		{
			name: "an old tail is there again after a crash", part: partConflict,
			write: func(d *faultyDisk, hs pb.HardState, entries []pb.Entry, s pb.Snapshot, sync bool) error {
				d.kept.tail = nil
				if n := len(entries); n > 0 {
					d.kept.tail = d.tail(entries[n-1].Index + 1)
				}
				return d.MemoryDisk.Write(hs, entries, s, sync)
			},
			crash: func(d *faultyDisk, keep int) (rafttest.Disk, error) {
				_, err := d.MemoryDisk.Crash(keep)
				return d, errors.Join(err, d.sync(pb.HardState{}, d.kept.tail, pb.Snapshot{}))
			},
		},
		{
			name: "a snapshot that was saved is lost", part: partCompaction,
			save: func(d *faultyDisk, s pb.Snapshot) error {
				d.kept.crashed = false
				d.kept.old, _ = d.MemoryDisk.Snapshot()
				return d.MemoryDisk.SaveSnapshot(s)
			},
			snap: func(d *faultyDisk) (pb.Snapshot, error) {
				if d.kept.crashed {
					return d.kept.old, nil
				}
				return d.MemoryDisk.Snapshot()
			},
			crash: func(d *faultyDisk, keep int) (rafttest.Disk, error) {
				d.kept.crashed = true
				_, err := d.MemoryDisk.Crash(keep)
				return d, err
			},
		},
		{name: "a node's commit index is there without the entry", part: partNode, torn: func(d *faultyDisk, _ *write) error {
			hs, _, err := d.MemoryDisk.InitialState()
			last, _ := d.MemoryDisk.LastIndex()
			hs.Commit = last + 1
			return errors.Join(err, d.sync(hs, nil, pb.Snapshot{}))
		}},
	}
}
