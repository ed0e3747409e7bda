package rafttest

import (
	"fmt"
	"math"
	"strings"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// otherDisk is what a disk holds besides entries and a hard state: where its log begins, and where
// the state machine stands.
type otherDisk struct {
	term, index uint64 // of the entry before the first
	applied     uint64
	conf        pb.ConfState
}

// readOtherDisk reads the arguments of force-disk that describe another disk; false if there are
// none.
func readOtherDisk(a *args) (other otherDisk, given bool) {
	begin, given := a.value("begin")
	if !given {
		return other, false
	}
	other.term, other.index = a.parseID(begin)
	other.applied = other.index
	a.setUint("applied", &other.applied)
	snap := readSnapshotArgs(a)
	other.conf = snap.Metadata.ConfState
	return other, true
}

// replaceDisk gives a node that is down a disk with other contents.
func (n *Node) replaceDisk(ms *machineStorage, other otherDisk, hs pb.HardState, entries []pb.Entry) error {
	fresh := raft.NewMemoryStorage()
	begin := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: other.index, Term: other.term, ConfState: other.conf}}
	if other.index > 0 {
		if err := fresh.ApplySnapshot(begin); err != nil {
			return err
		}
	}
	if err := fresh.Append(entries); err != nil {
		return err
	}
	machine := begin
	if other.applied != other.index {
		term, err := fresh.Term(other.applied)
		if err != nil {
			return fmt.Errorf("applied: %w", err)
		}
		machine.Metadata.Index, machine.Metadata.Term = other.applied, term
	}
	ms.MemoryStorage, ms.newest, ms.saved = fresh, machine, machine
	n.History = []pb.Snapshot{machine}
	return fresh.SetHardState(hs)
}

// maxEntries bounds a line that stands for many.
const maxEntries = 1 << 20

// parseEntries reads an entry like parseEntry, or TERM/FIRST-LAST, which are entries without data.
func (a *args) parseEntries(line string) []pb.Entry {
	id, to, many := strings.Cut(line, "-")
	if !many || strings.ContainsAny(id, " \"") {
		return []pb.Entry{a.parseEntry(line)}
	}
	term, first := a.parseID(id)
	last := a.parse("last", to, math.MaxInt64)
	if a.err == nil && (last < first || last-first >= maxEntries) {
		a.fail("%q is not a run of at most %d entries", line, maxEntries)
	}
	if a.err != nil {
		return nil
	}
	var entries []pb.Entry
	for i := first; i <= last; i++ {
		entries = append(entries, pb.Entry{Term: term, Index: i})
	}
	return entries
}
