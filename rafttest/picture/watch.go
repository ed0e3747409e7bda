package picture

import (
	"fmt"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// Watch takes down what a property.Observer reports of messages and of lives. A driver calls Event,
// HandOut, Apply, Log and Shows besides.
func (r *Recorder) Watch(e *property.Event) {
	if r == nil {
		return
	}
	switch e.Kind {
	case property.Started:
		r.Event(e.Node, Start, "starts")
	case property.Stopped:
		r.Stop(e.Node, "crashes")
	case property.Sent:
		if crosses(e.Message) {
			r.Send(e.Node, e.Message)
		}
	case property.Received:
		r.received(e.Node, e.Message)
	case property.Lost:
		if crosses(e.Message) {
			r.Lose(e.Message.From, e.Message)
		}
	case property.LeaseRead:
		r.Add(e.Node, fmt.Sprintf("answered at %d", e.Index))
	case property.Saved:
		r.Add(e.Node, fmt.Sprintf("takes a snapshot at %d", e.Snapshot.Metadata.Index))
	case property.Compacted:
		n := r.node(e.Node)
		if e.Index < n.first || e.Index > n.last() {
			return
		}
		r.Add(e.Node, fmt.Sprintf("compacts the log up to %d", e.Index))
		r.changeLog(e.Node, &LogChange{First: e.Index + 1, FirstTerm: n.log[e.Index-n.first].Term, At: n.last() + 1})
	}
}

// Stop takes down that the life of a node ends, and in which way.
func (r *Recorder) Stop(id uint64, text string) {
	if r == nil {
		return
	}
	r.Event(id, Crash, text)
	r.Status(id, Status{Role: Down, Durable: r.node(id).status.Durable})
}

// crosses reports whether a message crosses the network.
func crosses(m *pb.Message) bool {
	return m.From != m.To && !raft.IsLocalMsgTarget(m.From) && !raft.IsLocalMsgTarget(m.To)
}

// received takes down a message that a node takes: from another one, or from itself.
func (r *Recorder) received(id uint64, m *pb.Message) {
	switch {
	case crosses(m):
		r.Receive(m.From, m)
	case m.From == raft.LocalAppendThread:
		r.Event(id, Receive, "learns what its disk has done")
	case m.From == raft.LocalApplyThread:
		r.Event(id, Receive, "learns what is applied")
	case m.Type == pb.MsgAppResp:
		r.Event(id, Receive, "its own entries are durable")
	case m.Type == pb.MsgVoteResp || m.Type == pb.MsgPreVoteResp:
		r.Event(id, Receive, "its own vote is durable")
	default:
		r.Event(id, Receive, raft.DescribeMessage(*m, nil))
	}
}

// Shows takes down how a node is after the event under way there.
func (r *Recorder) Shows(n *property.Node, quarantined bool) {
	if r == nil || !n.Up {
		return
	}
	s := Status{
		Term: n.Term, Vote: n.Vote, Lead: n.Lead, Commit: n.Commit, Applied: n.Applied, Durable: durable(n), Quarantined: quarantined,
		Asleep: r.node(n.ID).asleep,
		Role:   [...]Role{property.Follower: Follower, property.Candidate: Candidate, property.Leader: Leader, property.PreCandidate: PreCandidate}[n.Role],
	}
	s.configure(n.ID, &n.Conf)
	r.Status(n.ID, s)
}

// durable is the index up to which the disk has what the node has handed out.
func durable(n *property.Node) uint64 {
	for index := min(n.Log.Last(), n.Durable.Last()); index > n.Log.Base; index-- {
		if term, _ := n.Log.Term(index); n.Durable.Covers(index, term) {
			return index
		}
	}
	return n.Log.Base
}
