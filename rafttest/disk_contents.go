package rafttest

import (
	"bytes"
	"fmt"
	"slices"

	pb "github.com/ffd200af/raft/raftpb"
)

// run makes n entries of a term, from an index on: of every type, with data, with empty data and
// with none. Entries at the same place in two terms differ in type too.
func (d *diskModel) run(term, index uint64, n int) []pb.Entry {
	entries := make([]pb.Entry, n)
	for i := range entries {
		at := index + uint64(i)
		e := &entries[i]
		e.Term, e.Index = term, at
		switch kind := (term + at) % 10; {
		case kind == 3:
			e.Type, e.Data = pb.EntryConfChange, encoded(&pb.ConfChange{ID: at, Type: pb.ConfChangeRemoveNode, NodeID: 100 + term})
		case kind == 6:
			e.Type, e.Data = pb.EntryConfChangeV2, encoded(&pb.ConfChangeV2{
				Transition: pb.ConfChangeTransitionJointExplicit,
				Changes:    []pb.ConfChangeSingle{{Type: pb.ConfChangeRemoveNode, NodeID: 100 + at}, {Type: pb.ConfChangeUpdateNode, NodeID: 1}},
				Context:    []byte{byte(term)},
			})
		case kind == 7: // what leaves a joint configuration has no data
			e.Type = pb.EntryConfChangeV2
		case kind == 8: // a leader's first entry
		case kind == 9:
			e.Data = []byte{}
		default:
			e.Data = d.normal(term, at)
		}
	}
	return entries
}

// normal is the data of a normal entry.
func (d *diskModel) normal(term, index uint64) []byte {
	if d.contents != nil {
		return d.contents.EntryData(term, index)
	}
	return bytes.Repeat([]byte{byte(term), byte(index)}, int(1+index%7))
}

func encoded(m interface{ Marshal() ([]byte, error) }) []byte {
	data, err := m.Marshal()
	if err != nil {
		panic(err)
	}
	return data
}

// confAt makes the configuration of a snapshot. One in five has every field set, and each field is
// empty in some.
func confAt(index uint64) pb.ConfState {
	switch index % 5 {
	case 0:
		return pb.ConfState{
			Voters: []uint64{1, 2, 4}, VotersOutgoing: []uint64{1, 2, 3}, Learners: []uint64{5, 1<<63 + 6}, LearnersNext: []uint64{3}, AutoLeave: true,
		}
	case 1:
		return pb.ConfState{Voters: []uint64{1, 2, 3}, Learners: []uint64{4, 5}}
	case 2:
		return pb.ConfState{Voters: []uint64{1, 2, 3}}
	case 3:
		return pb.ConfState{Voters: []uint64{1, 2}, VotersOutgoing: []uint64{1, 2, 3}, LearnersNext: []uint64{3}}
	}
	return pb.ConfState{Voters: []uint64{1}}
}

// snapshotAt makes a snapshot; neighbours have other configurations, and some have no data.
func (d *diskModel) snapshotAt(term, index uint64) pb.Snapshot {
	s := pb.Snapshot{Data: fmt.Appendf(nil, "state at %d", index)}
	s.Metadata = pb.SnapshotMetadata{Index: index, Term: term, ConfState: confAt(index)}
	switch {
	case d.contents != nil:
		s.Data = d.contents.SnapshotData(index)
	case index%4 == 2:
		s.Data = nil
	}
	return s
}

// cloned copies an entry's data too: what a disk does to the bytes that it was given shows in the
// difference.
func cloned(entries []pb.Entry) []pb.Entry {
	entries = slices.Clone(entries)
	for i := range entries {
		entries[i].Data = slices.Clone(entries[i].Data)
	}
	return entries
}

func sameEntries(a, b []pb.Entry) bool {
	return slices.EqualFunc(a, b, func(a, b pb.Entry) bool { return sameEntry(&a, &b) })
}
