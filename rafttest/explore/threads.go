package explore

import (
	"errors"
	"slices"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// With asynchronous storage writes a node has two threads, each of which works off its messages in
// order.
const (
	appendThread = iota
	applyThread
	threads
)

// dispatch hands storage messages to the threads and sends the others.
func (n *node) dispatch(messages []pb.Message) {
	for i := range messages {
		switch m := &messages[i]; m.To {
		case raft.LocalAppendThread:
			n.writes = append(n.writes, *m)
		case raft.LocalApplyThread:
			n.applies = append(n.applies, *m)
		default:
			n.send(messages[i : i+1])
		}
	}
}

// writeOldest does the oldest storage write.
func (n *node) writeOldest() {
	m := n.writes[0]
	n.writes = slices.Clone(n.writes[1:])
	n.persist(pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}, m.Entries, m.Snapshot)
	n.respond(appendThread, m.Responses)
}

func (n *node) applyOldest() {
	m := n.applies[0]
	n.applies = slices.Clone(n.applies[1:])
	n.apply(m.Entries)
	n.respond(applyThread, m.Responses)
}

// respond sends what waited for a thread's work, and tells the node itself: at once, or in a step
// of its own.
func (n *node) respond(thread int, responses []pb.Message) {
	for i := range responses {
		if responses[i].To != n.id {
			n.send(responses[i : i+1])
			continue
		}
		if n.world.Late {
			n.acks[thread] = append(slices.Clip(n.acks[thread]), responses[i])
			continue
		}
		n.hear(responses[i])
	}
}

// hear gives the node a response of its own thread.
func (n *node) hear(m pb.Message) {
	n.own = append(n.own, m)
	// A node that was removed since refuses its own acknowledgement, as it does in v3.6.
	if err := n.raw.Step(m); err != nil && !errors.Is(err, raft.ErrStepPeerNotFound) {
		n.fail("refuses its own acknowledgement: %v", err)
	}
	n.look()
}

// acknowledge tells the node the oldest thing that a thread has done; without threads, that its
// last batch is done.
func (n *node) acknowledge(thread int) {
	if n.lent != nil {
		n.advance()
		return
	}
	m := n.acks[thread][0]
	n.acks[thread] = slices.Clone(n.acks[thread][1:])
	n.hear(m)
}

// owes reports whether something is done that the node does not know to be done.
func (n *node) owes(thread int) bool {
	return len(n.acks[thread]) > 0 || thread == appendThread && n.lent != nil
}
