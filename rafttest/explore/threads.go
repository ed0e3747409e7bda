package explore

import (
	"errors"
	"slices"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	pb "github.com/ffd200af/raft/raftpb"
)

// app is the application around a node: what its driver does goes through it.
type app struct{ *node }

func (n *node) driver() driver.Driver { return driver.Driver{Host: app{n}, Node: n.rec} }

// perform does the oldest work of a thread.
func (n *node) perform(thread int) {
	d := n.driver()
	n.failsTo(d.Perform(n.id, &n.Threads, thread))
}

// failsTo makes an error of a driver one of the node.
func (n *node) failsTo(err error) {
	if err != nil {
		n.fail("asks for what cannot be: %v", err)
	}
}

// Write implements driver.Host.
func (n app) Write(w *driver.Write) error { return n.disk.write(w) }

// Restore implements driver.Host: the state machine is on the disk.
func (n app) Restore(*pb.Snapshot) error { return nil }

// Send implements driver.Host.
func (n app) Send(messages []pb.Message) {
	for i := range messages {
		if m := &messages[i]; n.world.fault != withholdsVotes || n.id != 3 || m.Type != pb.MsgVoteResp {
			n.sent = append(n.sent, *m)
		}
	}
}

// ApplyConfChange implements driver.Host.
func (n app) ApplyConfChange(cc pb.ConfChangeI) *pb.ConfState { return n.raw.ApplyConfChange(cc) }

// Apply implements driver.Host.
func (n app) Apply(e *pb.Entry, _ pb.ConfChangeI, cs *pb.ConfState) error {
	n.disk.machine = append(slices.Clip(n.disk.machine), *e)
	if cs != nil {
		n.disk.conf = *cs
		n.look()
	}
	return nil
}

// Acknowledge implements driver.Host: at once, or in a step of its own.
func (n app) Acknowledge(thread int, response pb.Message) {
	if n.world.Late {
		n.acks[thread] = append(slices.Clip(n.acks[thread]), response)
		return
	}
	n.hear(response)
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
	return len(n.acks[thread]) > 0 || thread == driver.AppendThread && n.lent != nil
}
