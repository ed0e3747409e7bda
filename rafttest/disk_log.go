package rafttest

import (
	"slices"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// diskLog is a log and a snapshot, as a disk may hold them. A value is not changed once it is made.
type diskLog struct {
	prevIndex, prevTerm uint64 // of the entry before the first one
	entries             []pb.Entry
	snapshot            pb.Snapshot
}

func (l *diskLog) first() uint64 { return l.prevIndex + 1 }
func (l *diskLog) last() uint64  { return l.prevIndex + uint64(len(l.entries)) }

// term is the term of an entry that is there, or before the first one.
func (l *diskLog) term(index uint64) uint64 {
	if index == l.prevIndex {
		return l.prevTerm
	}
	return l.entries[index-l.first()].Term
}

// restored is what a snapshot from a leader leaves.
func restored(s pb.Snapshot) diskLog {
	return diskLog{prevIndex: s.Metadata.Index, prevTerm: s.Metadata.Term, snapshot: s}
}

// replaced is the log with the first n of the entries that are written in the place of what is
// there.
func (l diskLog) replaced(entries []pb.Entry, n int) diskLog {
	l.entries = append(slices.Clone(l.entries[:entries[0].Index-l.first()]), entries[:n]...)
	return l
}

// afterTorn are the logs that a write may leave that a crash has cut off, least first. With the
// last one, which is all of it, the hard state may be there too.
func (l diskLog) afterTorn(entries []pb.Entry, s pb.Snapshot) []diskLog {
	logs := []diskLog{l}
	if !raft.IsEmptySnap(s) {
		l = restored(s)
		logs = append(logs, l)
	}
	if len(entries) > 0 {
		for n := range len(entries) + 1 { // with none the old tail is cut, and nothing stands in its place
			logs = append(logs, l.replaced(entries, n))
		}
	}
	return logs
}
