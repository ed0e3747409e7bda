package raft

import (
	"encoding/binary"

	pb "github.com/ffd200af/raft/raftpb"
)

// packedSnapshot is a pb.Snapshot in less than a third of its size: a process may have very many
// groups, each with a MemoryStorage that has one.
type packedSnapshot struct {
	data []byte
	meta packedMetadata
}

func packSnapshot(s *pb.Snapshot) packedSnapshot {
	return packedSnapshot{data: s.Data, meta: packMetadata(&s.Metadata)}
}

func (s *packedSnapshot) unpack() pb.Snapshot {
	return pb.Snapshot{Data: s.data, Metadata: s.meta.unpack()}
}

// index returns the index of the snapshot; 0 if there is none.
func (s *packedSnapshot) index() uint64 {
	b := []byte(s.meta)
	return takeNumber(&b)
}

// packedMetadata is a string of numbers: index, term, four lists of members, and 1 if AutoLeave is
// set. A list is its length and its ids. Zeros at the end are left out. The numbers are small in
// many programs, so that most strings take few bytes.
type packedMetadata string

func packMetadata(m *pb.SnapshotMetadata) packedMetadata {
	var few [64]byte // enough for most
	b := binary.AppendUvarint(few[:0], m.Index)
	b = binary.AppendUvarint(b, m.Term)
	for _, list := range membersOf(&m.ConfState) {
		b = binary.AppendUvarint(b, uint64(len(*list)))
		for _, id := range *list {
			b = binary.AppendUvarint(b, id)
		}
	}
	if m.ConfState.AutoLeave {
		b = append(b, 1)
	}
	for len(b) > 0 && b[len(b)-1] == 0 { // a number of several bytes does not end with 0
		b = b[:len(b)-1]
	}
	return packedMetadata(b)
}

// unpack returns the metadata. A list without members is nil.
func (p packedMetadata) unpack() (m pb.SnapshotMetadata) {
	b := []byte(p)
	m.Index, m.Term = takeNumber(&b), takeNumber(&b)
	for _, list := range membersOf(&m.ConfState) {
		if n := takeNumber(&b); n > 0 {
			*list = make([]uint64, n)
		}
		for i := range *list {
			(*list)[i] = takeNumber(&b)
		}
	}
	m.ConfState.AutoLeave = takeNumber(&b) == 1
	return m
}

// membersOf returns the lists of a configuration, those that are used most first.
func membersOf(cs *pb.ConfState) [4]*[]uint64 {
	return [...]*[]uint64{&cs.Voters, &cs.Learners, &cs.VotersOutgoing, &cs.LearnersNext}
}

// takeNumber removes the first number; 0 if there is none.
func takeNumber(b *[]byte) uint64 {
	v, n := binary.Uvarint(*b)
	*b = (*b)[n:]
	return v
}
