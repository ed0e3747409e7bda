package raft

import (
	pb "github.com/ffd200af/raft/raftpb"
)

// packedSnapshot is a pb.Snapshot in less than half of its size: a process may have very many groups, each
// with a MemoryStorage that has one.
type packedSnapshot struct {
	data []byte
	id   entryID
	conf packedConfState
}

func (s *packedSnapshot) unpack() pb.Snapshot {
	m := pb.SnapshotMetadata{ConfState: s.conf.unpack(), Index: s.id.index, Term: s.id.term}
	return pb.Snapshot{Data: s.data, Metadata: m}
}

// packedConfState is a configuration in one array, which is never written again: voters, then learners, outgoing
// voters, and voters that become learners. The numbers say where each of the first three ends.
type packedConfState struct {
	ids                        []uint64
	voters, learners, outgoing uint32
	autoLeave                  bool
}

func packConfState(cs *pb.ConfState) packedConfState {
	lists := [...][]uint64{cs.Voters, cs.Learners, cs.VotersOutgoing, cs.LearnersNext}
	var ends [len(lists)]uint32
	n := 0
	for _, list := range lists {
		n += len(list)
	}
	p := packedConfState{autoLeave: cs.AutoLeave}
	if n > 0 {
		p.ids = make([]uint64, 0, n)
	}
	for i, list := range lists {
		p.ids = append(p.ids, list...)
		ends[i] = uint32(len(p.ids))
	}
	p.voters, p.learners, p.outgoing = ends[0], ends[1], ends[2]
	return p
}

// unpack returns the configuration. Its lists are parts of the array; one without members is nil.
func (p *packedConfState) unpack() pb.ConfState {
	list := func(from, to uint32) []uint64 {
		if from == to {
			return nil
		}
		return p.ids[from:to:to]
	}
	return pb.ConfState{
		Voters:         list(0, p.voters),
		Learners:       list(p.voters, p.learners),
		VotersOutgoing: list(p.learners, p.outgoing),
		LearnersNext:   list(p.outgoing, uint32(len(p.ids))),
		AutoLeave:      p.autoLeave,
	}
}
