package sim

import (
	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// grant is the last vote that a node has given away; the message with it has left the node, so it binds all later lives.
type grant struct{ term, to uint64 }

// checkPromise checks a message that leaves a node for another: what it promises has to be on the disk.
func (w *world) checkPromise(n *node, m *pb.Message) {
	switch m.Type {
	case pb.MsgAppResp:
		w.promisesTerm(n, m)
		// What is acknowledged at an index is an entry of the leader that it is sent to. Whether that one is
		// there, and not another, shows when the leader counts it. When a later term is durable the leader of this one
		// cannot get a quorum any more, and what it sent may have been replaced.
		if !m.Reject && m.Index > n.durable.last() && m.Term >= n.hard.Term {
			w.failf(Promise, n, "node %d acknowledges %d to %d, durable is %d", n.id, m.Index, m.To, n.durable.last())
		}
	case pb.MsgVoteResp:
		w.promisesTerm(n, m)
		if m.Reject {
			return
		}
		if h := &n.hard; h.Term == m.Term && h.Vote != m.To {
			w.failf(Promise, n, "node %d votes for %d in term %d, durable is %s", n.id, m.To, m.Term, raft.DescribeHardState(*h))
		}
		if n.grant.term == m.Term && n.grant.to != m.To {
			w.failf(OneVote, n, "node %d votes for %d and %d in term %d", n.id, n.grant.to, m.To, m.Term)
		}
		if m.Term >= n.grant.term {
			n.grant = grant{term: m.Term, to: m.To}
		}
	case pb.MsgHeartbeatResp:
		w.promisesTerm(n, m)
	}
}

// promisesTerm: a response says that its sender supports nobody of an earlier term any more.
func (w *world) promisesTerm(n *node, m *pb.Message) {
	if m.Term > n.hard.Term {
		w.failf(Promise, n, "node %d sends %s in term %d, durable is term %d", n.id, m.Type, m.Term, n.hard.Term)
	}
}

// persist carries out a write of a node, and notes what is durable then. A write without sync is not, until a later
// one is.
func (w *world) persist(n *node, hs pb.HardState, entries []pb.Entry, snapshot pb.Snapshot, sync bool) {
	sync = sync && w.syncs(n, hs, entries)
	if err := n.disk.Write(hs, entries, snapshot, sync); err != nil {
		w.failf(Durability, n, "the disk of node %d fails: %v", n.id, err)
		return
	}
	n.unsynced = pieces(n.unsynced, hs, entries, snapshot)
	if !sync {
		return
	}
	for i := range n.unsynced {
		n.unsynced[i].onto(&n.durable, &n.hard)
	}
	n.unsynced = n.unsynced[:0]
}

// onto makes a piece durable.
func (p *piece) onto(v *logView, hs *pb.HardState) {
	switch {
	case !raft.IsEmptySnap(p.snapshot):
		v.reset(p.snapshot.Metadata.Index, p.snapshot.Metadata.Term)
	case len(p.entries) > 0:
		for i := range p.entries {
			v.put(p.entries[i].Index, p.entries[i].Term)
		}
	default:
		*hs = p.hard
	}
}

// crashDisk cuts the power of a node's disk, and checks that what it has afterwards is what was durable, and some
// of the pieces that were written since, in order.
func (w *world) crashDisk(n *node, keep int) {
	disk, err := n.disk.Crash(keep)
	if err != nil {
		w.failf(Durability, n, "the disk of node %d does not come back: %v", n.id, err)
		return
	}
	n.disk = disk
	before := len(n.unsynced)
	for i := 0; ; i++ {
		if n.diskHas(&n.durable, n.hard) && (i == before || !n.diskHasMore(n.unsynced[i:])) {
			break
		}
		if i == before {
			if !w.cfg.SkipDiskCheck {
				w.failf(Durability, n, "the disk of node %d has lost what it has synced: %s", n.id, n.describeDisk())
			}
			n.readBack()
			break
		}
		n.unsynced[i].onto(&n.durable, &n.hard)
	}
	n.unsynced = n.unsynced[:0]
}

// diskHas reports whether the disk holds a log and a hard state.
func (n *node) diskHas(v *logView, hs pb.HardState) bool {
	first, err1 := n.disk.FirstIndex()
	last, err2 := n.disk.LastIndex()
	stored, _, err3 := n.disk.InitialState()
	if err1 != nil || err2 != nil || err3 != nil || stored != hs || last != v.last() || first > v.base+1 {
		return false
	}
	// Log Matching: where the last terms agree, so does the rest. The rest is read when it is needed.
	term, err := n.disk.Term(last)
	want, ok := v.term(last)
	return err == nil && ok && term == want
}

// diskHasMore reports whether the disk holds the log and hard state that follow from further pieces as well: then these
// are there, too, and change what is durable in places where diskHas does not look.
func (n *node) diskHasMore(rest []piece) bool {
	v := logView{}
	v.copyFrom(&n.durable)
	hs := n.hard
	for i := range rest {
		rest[i].onto(&v, &hs)
		if n.diskHas(&v, hs) {
			return true
		}
	}
	return false
}

// readBack takes what is on the disk for durable.
func (n *node) readBack() {
	first, err1 := n.disk.FirstIndex()
	last, err2 := n.disk.LastIndex()
	hs, _, err3 := n.disk.InitialState()
	if err1 != nil || err2 != nil || err3 != nil {
		return
	}
	n.hard = hs
	term, _ := n.disk.Term(first - 1)
	n.durable.reset(first-1, term)
	for i := first; i <= last; i++ {
		term, _ := n.disk.Term(i)
		n.durable.put(i, term)
	}
}
