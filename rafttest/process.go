package rafttest

import (
	"fmt"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/picture"
)

// ProcessReady takes one Ready from a node and prints it. Without async storage writes it then
// persists, applies and sends what is in it, and advances the node. With them it hands the storage
// messages to the node's threads, and sends the others.
func (env *InteractionEnv) ProcessReady(idx int) error { return env.processReady(idx, handling{}) }

// handling is how the application handles a Ready. With unsynced, it does not wait until what it
// has written is durable: a crash may take it back, see force-disk. With applyLater, it applies
// entries after Advance, see process-apply-thread.
type handling struct{ unsynced, applyLater bool }

func (h *handling) read(a *args) {
	a.setBool("unsynced", &h.unsynced)
	a.setBool("apply-later", &h.applyLater)
}

// handleProcessReady processes Readies:
//
//	process-ready ID... [unsynced=true] [apply-later=true]
func handleProcessReady(env *InteractionEnv, a *args) error {
	var how handling
	how.read(a)
	return onNodes("handling Ready", func(env *InteractionEnv, idx int) error { return env.processReady(idx, how) })(env, a)
}

func (env *InteractionEnv) processReady(idx int, how handling) error {
	n, err := env.liveNode(idx)
	if err != nil {
		return err
	}
	if err := n.Err(); err != nil {
		return err
	}
	env.draw(n, picture.Ready, "")
	rd := env.takeReady(n)
	defer env.observe(idx)
	n.takeReads(&rd)
	if n.Config.AsyncStorageWrites {
		d := env.driver(n)
		n.Queue(rd.Messages, rd.MustSync, d.Send)
		return nil
	}
	if err := env.carryOut(n, rd, how); err != nil {
		return err
	}
	n.Advance(rd)
	return nil
}

// takeReady takes a Ready and prints it.
func (env *InteractionEnv) takeReady(n *Node) raft.Ready {
	var rd raft.Ready
	env.watchHealth(n, func() { rd = n.Ready() })
	env.printf("%s", sentence(raft.DescribeReady(rd, nil)))
	env.Options.Picture.HandOut(n.id(), &rd)
	if n.Err() == nil {
		n.rec.HandsOut(rd.Entries, &rd.Snapshot)
	}
	return rd
}

// ProcessAppendThread performs the oldest storage write of a node that was not performed yet, and
// sends the messages that have waited for it. It prints both.
func (env *InteractionEnv) ProcessAppendThread(idx int) error {
	return env.processAppendThread(idx, false)
}

// handleProcessAppendThread performs storage writes; unsynced is as for process-ready:
//
//	process-append-thread ID... [unsynced=true]
func handleProcessAppendThread(env *InteractionEnv, a *args) error {
	var unsynced bool
	a.setBool("unsynced", &unsynced)
	return onNodes("processing append thread", func(env *InteractionEnv, idx int) error { return env.processAppendThread(idx, unsynced) })(env, a)
}

func (env *InteractionEnv) processAppendThread(idx int, unsynced bool) error {
	n, err := env.liveNode(idx)
	if err != nil {
		return err
	}
	if len(n.AppendWork) == 0 {
		return fmt.Errorf("node %d has no storage write to perform", n.id())
	}
	m, w := n.NextWrite()
	env.draw(n, picture.Write, "disk writes")
	responses := env.announce(&m)
	w.Sync = w.Sync && !unsynced
	d := env.driver(n)
	if err := d.Persist(w); err != nil {
		return err
	}
	env.respond(n, driver.AppendThread, responses)
	env.drawStatus(n)
	return nil
}

// ProcessApplyThread applies the oldest batch of committed entries of a node that was not applied
// yet, and sends the messages that have waited for it. It prints both.
//
//	process-apply-thread ID...
func (env *InteractionEnv) ProcessApplyThread(idx int) error {
	n, err := env.liveNode(idx)
	if err != nil {
		return err
	}
	if len(n.ApplyWork) == 0 {
		return fmt.Errorf("node %d has no entries to apply", n.id())
	}
	m := n.NextApply()
	env.draw(n, picture.Apply, "")
	responses := env.announce(&m)
	if err := env.apply(n, m.Entries); err != nil {
		return err
	}
	env.respond(n, driver.ApplyThread, responses)
	env.observe(idx)
	return nil
}

// announce prints a storage message, and returns the responses that belong to it.
func (env *InteractionEnv) announce(m *pb.Message) []pb.Message {
	responses := m.Responses
	m.Responses = nil
	env.printf("Processing:\n%s\n", raft.DescribeMessage(*m, nil))
	return responses
}

// respond prints and sends the responses of a storage message.
func (env *InteractionEnv) respond(n *Node, thread int, responses []pb.Message) {
	env.printf("Responses:\n")
	for i := range responses {
		env.printf("%s\n", raft.DescribeMessage(responses[i], nil))
	}
	d := env.driver(n)
	d.Respond(n.id(), thread, responses)
}

// app is the application around a node: what its driver does goes through it.
type app struct {
	env *InteractionEnv
	*Node
}

func (env *InteractionEnv) driver(n *Node) driver.Driver {
	return driver.Driver{Host: app{env, n}, Node: n.rec}
}

// apply applies committed entries to the state machine of a node.
func (env *InteractionEnv) apply(n *Node, entries []pb.Entry) error {
	env.Options.Picture.Apply(n.id(), entries)
	d := env.driver(n)
	return d.Apply(entries)
}

// Write implements driver.Host.
func (n app) Write(w *driver.Write) error { return w.Onto(n.Node) }

// Restore implements driver.Host.
func (n app) Restore(s *pb.Snapshot) error {
	n.become(*s)
	if ms, ok := n.Storage.(*machineStorage); ok {
		ms.saved = *s
	}
	return nil
}

// Send implements driver.Host.
func (n app) Send(messages []pb.Message) { n.env.Messages = append(n.env.Messages, messages...) }

// Acknowledge implements driver.Host: what stays on a node is delivered like other messages.
func (n app) Acknowledge(_ int, response pb.Message) { n.Send([]pb.Message{response}) }

// Apply implements driver.Host. What a configuration change adds to the content is its context.
func (n app) Apply(e *pb.Entry, cc pb.ConfChangeI, cs *pb.ConfState) error {
	next, data := n.machine(), e.Data
	if cc != nil {
		next.Metadata.ConfState, data = *cs, cc.AsV2().Context
	}
	next.Metadata.Index, next.Metadata.Term = e.Index, e.Term
	// In a new array: earlier snapshots keep theirs.
	next.Data = append(next.Data[:len(next.Data):len(next.Data)], data...)
	n.become(next)
	return nil
}
