package raft

import (
	"encoding/binary"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// packedSnapshot is a pb.Snapshot in less than half of its size: a process may have very many
// groups, each with a MemoryStorage that has one.
type packedSnapshot struct {
	data []byte
	id   raftlog.EntryID
	conf packedConfState
}

func (s *packedSnapshot) unpack() pb.Snapshot {
	m := pb.SnapshotMetadata{ConfState: s.conf.unpack(), Index: s.id.Index, Term: s.id.Term}
	return pb.Snapshot{Data: s.data, Metadata: m}
}

// packedConfState is a configuration as a string of numbers: how many voters, learners, outgoing
// voters and voters that become learners there are, the ids of each, and 1 if AutoLeave is set. Ids
// are small in many programs, so that most configurations take few bytes.
type packedConfState string

func packConfState(cs *pb.ConfState) packedConfState {
	lists := [...][]uint64{cs.Voters, cs.Learners, cs.VotersOutgoing, cs.LearnersNext}
	var b []byte
	for _, list := range lists {
		b = binary.AppendUvarint(b, uint64(len(list)))
	}
	for _, list := range lists {
		for _, id := range list {
			b = binary.AppendUvarint(b, id)
		}
	}
	if cs.AutoLeave {
		b = append(b, 1)
	}
	return packedConfState(b)
}

// unpack returns the configuration. A list without members is nil.
func (p packedConfState) unpack() (cs pb.ConfState) {
	if p == "" {
		return cs
	}
	b := []byte(p)
	number := func() uint64 {
		v, n := binary.Uvarint(b)
		b = b[n:]
		return v
	}
	lists := [...]*[]uint64{&cs.Voters, &cs.Learners, &cs.VotersOutgoing, &cs.LearnersNext}
	var lengths [len(lists)]uint64
	for i := range lengths {
		lengths[i] = number()
	}
	for i, list := range lists {
		if lengths[i] == 0 {
			continue
		}
		*list = make([]uint64, lengths[i])
		for k := range *list {
			(*list)[k] = number()
		}
	}
	cs.AutoLeave = len(b) > 0
	return cs
}
