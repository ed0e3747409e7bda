package run

import (
	"fmt"
	"math"
	"strings"

	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest"
)

// kept is what a disk has for certain.
type kept struct {
	hard pb.HardState
	log  []pb.Entry
	base uint64 // the index before the first entry
}

func keep(n *rafttest.Node) *kept {
	k := &kept{log: storedLog(n)}
	k.hard, _, _ = n.InitialState()
	if first, err := n.FirstIndex(); err == nil && first > 0 {
		k.base = first - 1
	}
	return k
}

// storedLog is the log on a disk.
func storedLog(n *rafttest.Node) []pb.Entry {
	first, err1 := n.FirstIndex()
	last, err2 := n.LastIndex()
	if err1 != nil || err2 != nil || last < first {
		return nil
	}
	entries, err := n.Entries(first, last+1, math.MaxUint64)
	if err != nil {
		return nil
	}
	return entries
}

// has reports whether an entry is certain to be on the disk.
func (k *kept) has(e *pb.Entry) bool {
	if e.Index <= k.base {
		return true
	}
	i := e.Index - k.base - 1
	return i < uint64(len(k.log)) && k.log[i].Term == e.Term
}

// loss returns the command that takes back what a disk has not synced, or "" if nothing is lost.
func (d *disk) loss(n *rafttest.Node, id uint64) string {
	k := d.kept
	if k == nil {
		return ""
	}
	last := k.base
	for _, e := range storedLog(n) {
		if k.has(&e) && e.Index > k.base {
			last = e.Index
		} else if e.Index > k.base {
			break
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "force-disk %d term=%d vote=%d commit=%d last=%d", id, k.hard.Term, k.hard.Vote, k.hard.Commit, last)
	for i := last - k.base; i < uint64(len(k.log)); i++ {
		out.WriteString("\n" + rafttest.EntryLine(&k.log[i]))
	}
	return out.String()
}
