package rafttest_test

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest"
	"github.com/ffd200af/raft/rafttest/sim"
)

// faultyDisk is a disk with one mistake. What is nil is right.
type faultyDisk struct {
	*sim.MemoryDisk
	fault *fault
	// published are entries that were read, which a disk that reuses its memory changes.
	published []pb.Entry
	// pending is the write that a crash is going to tear, for a fault that has its own way to.
	pending *write
	// kept is for what a fault remembers.
	kept struct {
		crashed bool
		hard    pb.HardState
		tail    []pb.Entry
		old     pb.Snapshot
		data    []byte
		ids     []uint64
	}
}

// write is what Write was called with.
type write struct {
	hs      pb.HardState
	entries []pb.Entry
	s       pb.Snapshot
}

// fault is a mistake, as what is different.
type fault struct {
	name string
	// part is the part of TestStorage that has to notice it, alone; "" if it is enough that one
	// does.
	part    string
	entries func(d *faultyDisk, lo, hi, size uint64) ([]pb.Entry, error)
	term    func(d *faultyDisk, i uint64) (uint64, error)
	first   func(d *faultyDisk) (uint64, error)
	last    func(d *faultyDisk) (uint64, error)
	state   func(d *faultyDisk) (pb.HardState, pb.ConfState, error)
	snap    func(d *faultyDisk) (pb.Snapshot, error)
	write   func(d *faultyDisk, hs pb.HardState, entries []pb.Entry, s pb.Snapshot, sync bool) error
	save    func(d *faultyDisk, s pb.Snapshot) error
	compact func(d *faultyDisk, index uint64) error
	// torn is what a crash leaves of the entries and the snapshot that were being written.
	torn  func(d *faultyDisk, w *write) error
	crash func(d *faultyDisk, keep int) (rafttest.Disk, error)
}

func (d *faultyDisk) Entries(lo, hi, size uint64) ([]pb.Entry, error) {
	if d.fault.entries != nil {
		return d.fault.entries(d, lo, hi, size)
	}
	return d.MemoryDisk.Entries(lo, hi, size)
}

func (d *faultyDisk) Term(i uint64) (uint64, error) {
	if d.fault.term != nil {
		return d.fault.term(d, i)
	}
	return d.MemoryDisk.Term(i)
}

func (d *faultyDisk) FirstIndex() (uint64, error) {
	if d.fault.first != nil {
		return d.fault.first(d)
	}
	return d.MemoryDisk.FirstIndex()
}

func (d *faultyDisk) LastIndex() (uint64, error) {
	if d.fault.last != nil {
		return d.fault.last(d)
	}
	return d.MemoryDisk.LastIndex()
}

func (d *faultyDisk) InitialState() (pb.HardState, pb.ConfState, error) {
	if d.fault.state != nil {
		return d.fault.state(d)
	}
	return d.MemoryDisk.InitialState()
}

func (d *faultyDisk) Snapshot() (pb.Snapshot, error) {
	if d.fault.snap != nil {
		return d.fault.snap(d)
	}
	return d.MemoryDisk.Snapshot()
}

func (d *faultyDisk) Write(hs pb.HardState, entries []pb.Entry, s pb.Snapshot, sync bool) error {
	if d.fault.write != nil {
		return d.fault.write(d, hs, entries, s, sync)
	}
	if d.fault.torn != nil && !sync && (len(entries) > 0 || !raft.IsEmptySnap(s)) {
		d.pending = &write{hs: hs, entries: entries, s: s}
		return nil
	}
	return d.MemoryDisk.Write(hs, entries, s, sync)
}

func (d *faultyDisk) SaveSnapshot(s pb.Snapshot) error {
	if d.fault.save != nil {
		return d.fault.save(d, s)
	}
	return d.MemoryDisk.SaveSnapshot(s)
}

func (d *faultyDisk) Compact(index uint64) error {
	if d.fault.compact != nil {
		return d.fault.compact(d, index)
	}
	return d.MemoryDisk.Compact(index)
}

func (d *faultyDisk) Crash(keep int) (rafttest.Disk, error) {
	if d.fault.crash != nil {
		return d.fault.crash(d, keep)
	}
	if w := d.pending; w != nil {
		d.pending = nil
		_, err := d.MemoryDisk.Crash(0)
		if keep > 0 {
			err = errors.Join(err, d.fault.torn(d, w))
		}
		return d, err
	}
	_, err := d.MemoryDisk.Crash(keep)
	return d, err
}

var noSnapshot pb.Snapshot

func faults() []fault {
	return []fault{
		{name: "entries include the upper bound", entries: func(d *faultyDisk, lo, hi, size uint64) ([]pb.Entry, error) {
			if last, _ := d.MemoryDisk.LastIndex(); hi <= last {
				hi++
			}
			return d.MemoryDisk.Entries(lo, hi, size)
		}},
		{name: "the limit in bytes is ignored", entries: func(d *faultyDisk, lo, hi, _ uint64) ([]pb.Entry, error) {
			return d.MemoryDisk.Entries(lo, hi, math.MaxUint64)
		}},
		{name: "nothing comes if the first entry is too large", entries: func(d *faultyDisk, lo, hi, size uint64) ([]pb.Entry, error) {
			entries, err := d.MemoryDisk.Entries(lo, hi, size)
			if len(entries) == 1 && uint64(entries[0].Size()) > size {
				return nil, err
			}
			return entries, err
		}},
		{name: "what was read is overwritten", entries: func(d *faultyDisk, lo, hi, size uint64) ([]pb.Entry, error) {
			for i := range d.published {
				d.published[i].Term += 1000
			}
			entries, err := d.MemoryDisk.Entries(lo, hi, size)
			d.published = append([]pb.Entry(nil), entries...)
			return d.published, err
		}},
		{name: "compacted entries are called unavailable", entries: func(d *faultyDisk, lo, hi, size uint64) ([]pb.Entry, error) {
			if first, _ := d.MemoryDisk.FirstIndex(); lo < first {
				return nil, raft.ErrUnavailable
			}
			return d.MemoryDisk.Entries(lo, hi, size)
		}},
		{name: "entries behind the end are left out without an error", entries: func(d *faultyDisk, lo, hi, size uint64) ([]pb.Entry, error) {
			last, _ := d.MemoryDisk.LastIndex()
			return d.MemoryDisk.Entries(lo, min(hi, last+1), size)
		}},
		{name: "the term before the first entry is forgotten", term: func(d *faultyDisk, i uint64) (uint64, error) {
			if first, _ := d.MemoryDisk.FirstIndex(); i > 0 && i+1 == first {
				return 0, raft.ErrCompacted
			}
			return d.MemoryDisk.Term(i)
		}},
		{name: "a term behind the end is 0", term: func(d *faultyDisk, i uint64) (uint64, error) {
			if last, _ := d.MemoryDisk.LastIndex(); i > last {
				return 0, nil
			}
			return d.MemoryDisk.Term(i)
		}},
		{name: "the first index is the snapshot's", first: func(d *faultyDisk) (uint64, error) {
			s, err := d.MemoryDisk.Snapshot()
			return s.Metadata.Index + 1, err
		}},
		{name: "the last index of an empty log is 0", last: func(d *faultyDisk) (uint64, error) {
			first, _ := d.MemoryDisk.FirstIndex()
			last, err := d.MemoryDisk.LastIndex()
			if last < first {
				return 0, err
			}
			return last, err
		}},
		{name: "the vote is not kept", state: func(d *faultyDisk) (pb.HardState, pb.ConfState, error) {
			hs, cs, err := d.MemoryDisk.InitialState()
			hs.Vote = 0
			return hs, cs, err
		}},
		{name: "the configuration of a snapshot is not kept", state: func(d *faultyDisk) (pb.HardState, pb.ConfState, error) {
			hs, _, err := d.MemoryDisk.InitialState()
			return hs, pb.ConfState{}, err
		}},
		{name: "a snapshot is the empty one", snap: func(*faultyDisk) (pb.Snapshot, error) { return noSnapshot, nil }},
		{name: "an old tail stays behind what overwrites it", write: func(d *faultyDisk, hs pb.HardState, entries []pb.Entry, s pb.Snapshot, sync bool) error {
			if n := len(entries); n > 0 && raft.IsEmptySnap(s) {
				after := entries[n-1].Index + 1
				if last, _ := d.MemoryDisk.LastIndex(); after <= last {
					tail, err := d.MemoryDisk.Entries(after, last+1, math.MaxUint64)
					if err != nil {
						return err
					}
					entries = append(entries[:n:n], tail...)
				}
			}
			return d.MemoryDisk.Write(hs, entries, s, sync)
		}},
		{name: "what stands behind a snapshot in the log is kept", write: func(d *faultyDisk, hs pb.HardState, entries []pb.Entry, s pb.Snapshot, sync bool) error {
			last, _ := d.MemoryDisk.LastIndex()
			if raft.IsEmptySnap(s) || s.Metadata.Index >= last {
				return d.MemoryDisk.Write(hs, entries, s, sync)
			}
			tail, err := d.MemoryDisk.Entries(s.Metadata.Index+1, last+1, math.MaxUint64)
			if err != nil {
				return err
			}
			return d.MemoryDisk.Write(hs, append(tail, entries...), s, sync)
		}},
		{name: "syncs are not done", write: func(d *faultyDisk, hs pb.HardState, entries []pb.Entry, s pb.Snapshot, sync bool) error {
			return d.MemoryDisk.Write(hs, entries, s, sync && len(entries) > 0)
		}},
		{name: "compaction goes one too far", compact: func(d *faultyDisk, index uint64) error {
			if last, _ := d.MemoryDisk.LastIndex(); index < last {
				index++
			}
			return d.MemoryDisk.Compact(index)
		}},
		{name: "compaction does nothing", compact: func(*faultyDisk, uint64) error { return nil }},
	}
}

const (
	faultEnv = "RAFTTEST_FAULT"
	// noFault is a disk that must pass, so that the others are known to fail for their mistakes.
	noFault = "no mistake"
)

func allFaults() []fault {
	return slices.Concat(faults(), membershipFaults(), tornFaults(), boundaryFaults(), memoryFaults(), crashFaults())
}

// TestTheFaultyDisk runs in a process of its own, in which it has to fail.
func TestTheFaultyDisk(t *testing.T) {
	name := os.Getenv(faultEnv)
	if name == "" {
		t.Skip("TestAMistakeOfADiskIsNoticed runs it")
	}
	for _, f := range append(allFaults(), fault{name: noFault}) {
		if f.name == name {
			rafttest.TestStorage(t, func(*testing.T) rafttest.Disk { return &faultyDisk{MemoryDisk: sim.NewMemoryDisk(), fault: &f} })
		}
	}
}

func TestAMistakeOfADiskIsNoticed(t *testing.T) {
	for _, f := range append(allFaults(), fault{name: noFault}) {
		t.Run(f.name, func(t *testing.T) {
			want := "TestTheFaultyDisk"
			run := "^" + want + "$"
			if f.part != "" {
				run, want = run+"/^"+f.part+"$", want+"/"+f.part
			}
			cmd := exec.Command(os.Args[0], "-test.run="+run)
			cmd.Env = append(os.Environ(), faultEnv+"="+f.name)
			out, err := cmd.CombinedOutput()
			if failed := err != nil && strings.Contains(string(out), "--- FAIL: "+want); failed != (f.name != noFault) {
				t.Errorf("%v\n%s", err, out)
			}
			t.Logf("%.400s", out)
		})
	}
}

// TestADiskMayTearAWriteInOrder: what the contract allows a crash to leave passes.
func TestADiskMayTearAWriteInOrder(t *testing.T) {
	for _, f := range legalTears() {
		t.Run(f.name, func(t *testing.T) {
			rafttest.TestStorage(t, func(*testing.T) rafttest.Disk { return &faultyDisk{MemoryDisk: sim.NewMemoryDisk(), fault: &f} })
		})
	}
}
