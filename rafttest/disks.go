package rafttest

import (
	"fmt"
	"math"
	"strings"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// saveSnapshot makes the newest state of a node's state machine the snapshot that others get from
// it:
//
//	save-snapshot ID
func (env *InteractionEnv) saveSnapshot(idx int) error {
	n, ms, err := env.machineDisk(idx)
	if err != nil {
		return err
	}
	ms.saved = n.machine()
	return nil
}

// handleReportSnapshot tells a leader what became of a snapshot that it has sent:
//
//	report-snapshot ID PEER [failed=true]
func handleReportSnapshot(env *InteractionEnv, a *args) error {
	idx, peer := a.node(), a.number("peer", math.MaxUint64)
	var failed bool
	a.setBool("failed", &failed)
	if err := a.done(); err != nil {
		return err
	}
	status := raft.SnapshotFinish
	if failed {
		status = raft.SnapshotFailure
	}
	return env.input(idx, func(n *Node) error {
		n.ReportSnapshot(peer, status)
		return nil
	})
}

// handleForceDisk makes the disk of a node that is down hold a hard state, and a log that ends at
// LAST: what is left of what was written, when some of that was not durable. A log that ends before
// the first index is lost wholly, with the snapshot and the state machine. The body lists entries
// that follow LAST, as the command step does, because what they were overwritten with is lost:
//
//	force-disk ID [term=N] [vote=ID] [commit=INDEX] last=INDEX
//	2/4 "data"
//
// Or the disk is another one. Its log begins after an entry, and its state machine stands at
// APPLIED with a configuration. A line may stand for many entries without data:
//
//	force-disk ID [term=N] [vote=ID] [commit=INDEX] begin=TERM/INDEX [applied=INDEX] [voters=(1,2)] [learners=(3)] ...
//	2/4-9
func handleForceDisk(env *InteractionEnv, a *args) error {
	idx := a.node()
	var hs pb.HardState
	a.setUint("term", &hs.Term)
	a.setUint("vote", &hs.Vote)
	a.setUint("commit", &hs.Commit)
	last := uint64(math.MaxUint64)
	a.setUint("last", &last)
	other, replaced := readOtherDisk(a)
	var again []pb.Entry
	for line := range strings.Lines(a.input) {
		again = append(again, a.parseEntries(strings.TrimSpace(line))...)
	}
	if err := a.done(); err != nil {
		return err
	}
	n, ms, err := env.machineDisk(idx)
	if err != nil {
		return err
	}
	if !n.crashed() {
		return fmt.Errorf("node %d is up", idx+1)
	}
	if replaced {
		env.observer.Believed = max(env.observer.Believed, hs.Commit, other.applied)
		defer n.loses()
		return n.replaceDisk(ms, other, hs, again)
	}
	shorter, err := ms.cut(last)
	if err != nil {
		return err
	}
	if err := shorter.Append(again); err != nil {
		return err
	}
	ms.MemoryStorage = shorter
	if raft.IsEmptySnap(n.goBack(last)) {
		ms.saved = pb.Snapshot{}
	}
	if err := ms.SetHardState(hs); err != nil {
		return err
	}
	n.loses()
	return nil
}

// handleForceConfiguration writes a configuration to the disk of a node that is down, as an
// operator does who has lost a majority for ever. The log stays as it is, with the changes that are
// in it:
//
//	force-configuration ID voters=(1) [learners=(2)]
func handleForceConfiguration(env *InteractionEnv, a *args) error {
	idx := a.node()
	var cs pb.ConfState
	a.setIDs("voters", &cs.Voters)
	a.setIDs("learners", &cs.Learners)
	if err := a.done(); err != nil {
		return err
	}
	n, err := env.node(idx)
	if err != nil {
		return err
	}
	if !n.crashed() {
		return fmt.Errorf("node %d is up", idx+1)
	}
	forced := n.machine()
	forced.Metadata.ConfState = cs
	n.become(forced)
	return nil
}

// machineDisk returns a node and its disk, if that is one of this package's.
func (env *InteractionEnv) machineDisk(idx int) (*Node, *machineStorage, error) {
	n, err := env.node(idx)
	if err != nil {
		return nil, nil, err
	}
	ms, ok := n.Storage.(*machineStorage)
	if !ok {
		return nil, nil, fmt.Errorf("node %d has a storage of its own", idx+1)
	}
	return n, ms, nil
}

// cut returns a copy of the log up to last.
func (s *machineStorage) cut(last uint64) (*raft.MemoryStorage, error) {
	shorter := raft.NewMemoryStorage()
	first, err := s.FirstIndex()
	if err != nil {
		return nil, err
	}
	if last+1 < first {
		return shorter, nil
	}
	if first > 1 {
		term, err := s.Term(first - 1)
		if err != nil {
			return nil, err
		}
		begin := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: first - 1, Term: term}}
		if err := shorter.ApplySnapshot(begin); err != nil {
			return nil, err
		}
	}
	end, err := s.LastIndex()
	if err != nil {
		return nil, err
	}
	if end = min(end, last); end < first {
		return shorter, nil
	}
	entries, err := s.Entries(first, end+1, math.MaxUint64)
	if err != nil {
		return nil, err
	}
	return shorter, shorter.Append(entries)
}

// goBack returns the state machine to the newest state at index or before it, or to none, and
// returns it.
func (n *Node) goBack(index uint64) pb.Snapshot {
	for len(n.History) > 1 && n.machine().Metadata.Index > index {
		n.History = n.History[:len(n.History)-1]
	}
	if n.machine().Metadata.Index > index {
		n.History[0] = pb.Snapshot{}
	}
	if ms, ok := n.Storage.(*machineStorage); ok {
		ms.newest = n.machine()
	}
	return n.machine()
}
