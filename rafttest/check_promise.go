package rafttest

import (
	"slices"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// grant is a vote for another node.
type grant struct{ term, to uint64 }

// post takes messages of a node to others. What they promise has to be on its disk.
func (env *InteractionEnv) post(n *Node, msgs []pb.Message) {
	for i := range msgs {
		if m := &msgs[i]; m.To != n.id() {
			env.observed.promises(n, m)
		}
	}
	env.Messages = append(env.Messages, msgs...)
}

// promises checks a message that leaves a node.
func (o *observed) promises(n *Node, m *pb.Message) {
	s := &n.seen
	switch m.Type {
	case pb.MsgAppResp, pb.MsgVoteResp, pb.MsgHeartbeatResp:
	case pb.MsgVote:
		// The vote is for this log. Until the term is durable, a later life may ask for votes in it again, and be given this one.
		if m.Term > s.hard.Term && !s.durable.covers(m.Index, m.LogTerm) {
			o.add("promise before durability: node %d asks for votes for a log up to %d/%d, durable is %d", n.id(), m.LogTerm, m.Index, s.durable.last())
		}
		return
	default:
		return
	}
	if m.Term > s.hard.Term {
		o.add("promise before durability: node %d sends %s in term %d, durable is term %d", n.id(), m.Type, m.Term, s.hard.Term)
	}
	switch {
	case m.Reject:
	case m.Type == pb.MsgAppResp:
		// Behind a later term the leader of this one cannot get a quorum any more, and what it sent may be replaced.
		if m.Term >= s.hard.Term && m.Index > s.durable.last() {
			o.add("promise before durability: node %d acknowledges %d to %d, durable is %d", n.id(), m.Index, m.To, s.durable.last())
		}
	case m.Type == pb.MsgVoteResp:
		if s.hard.Term == m.Term && s.hard.Vote != m.To {
			o.add("promise before durability: node %d votes for %d in term %d, durable is a vote for %d", n.id(), m.To, m.Term, s.hard.Vote)
		}
		if s.grant.term == m.Term && s.grant.to != m.To {
			o.add("one vote a term: node %d votes for %d and %d in term %d", n.id(), s.grant.to, m.To, m.Term)
		}
		if m.Term >= s.grant.term {
			s.grant = grant{term: m.Term, to: m.To}
		}
	}
}

// onDisk takes all that is stored for durable.
func (n *Node) onDisk() {
	n.seen.durable = viewOf(n.Storage)
	if hs, _, err := n.InitialState(); err == nil {
		n.seen.hard = hs
	}
}

// loses notes that what was durable on a disk may not be there any more.
func (n *Node) loses() {
	before := n.seen
	n.onDisk()
	after := &n.seen
	for i := before.durable.base; i <= before.durable.last(); i++ {
		if term, _ := before.durable.term(i); !after.durable.covers(i, term) {
			after.excused = true
		}
	}
	if after.hard.Term < before.hard.Term || after.hard.Term == before.hard.Term && before.hard.Vote != raft.None && after.hard.Vote != before.hard.Vote {
		after.excused = true
	}
}

// ask is a read that was asked for at a node.
type ask struct {
	node    uint64
	context string
}

// asks notes how much is committed when a read is asked for.
func (o *observed) asks(n *Node, context []byte) {
	a := ask{node: n.id(), context: string(context)}
	o.floors[a] = append(o.floors[a], o.commit)
}

// answers checks the indexes of answered reads. Of several reads with the same context, an answer
// counts for the latest one that it is valid for.
func (o *observed) answers(n *Node, states []raft.ReadState) {
	for i := range states {
		rs := &states[i]
		a := ask{node: n.id(), context: string(rs.RequestCtx)}
		floors, asked := o.floors[a]
		if !asked {
			continue // by a message that the script has made up
		}
		// They never fall.
		good := len(floors) - 1
		for good >= 0 && rs.Index < floors[good] {
			good--
		}
		switch {
		case good >= 0:
			o.floors[a] = slices.Delete(floors, good, good+1)
		case len(floors) == 0:
			o.add("read safety: node %d answers the read %q once more", n.id(), rs.RequestCtx)
		default:
			o.add("read safety: node %d answers the read %q with index %d, committed was %d when it was asked for", n.id(), rs.RequestCtx, rs.Index, floors[0])
		}
	}
}

// drops notes the reads that were dropped: of several with the same context, the latest.
func (o *observed) drops(n *Node, contexts [][]byte) {
	for _, context := range contexts {
		a := ask{node: n.id(), context: string(context)}
		floors, asked := o.floors[a]
		switch {
		case !asked: // by a message that the script has made up
		case len(floors) == 0:
			o.add("read safety: node %d drops the read %q after its answer", n.id(), context)
		default:
			o.floors[a] = floors[:len(floors)-1]
		}
	}
}

// forgetsReads: a life has ended, and nobody waits any more.
func (o *observed) forgetsReads(id uint64) {
	for a := range o.floors {
		if a.node == id {
			delete(o.floors, a)
		}
	}
}

// leaseRead checks the index of a read from a lease.
func (o *observed) leaseRead(n *Node, index uint64) {
	if index < o.commit {
		o.add("read safety: node %d reads at %d from its lease in term %d, committed is %d", n.id(), index, n.seen.term, o.commit)
	}
}
