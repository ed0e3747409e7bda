package rafttest

import (
	"fmt"

	"github.com/ffd200af/raft"
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
		env.dispatchReady(n, rd)
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

// dispatchReady hands out the messages of a Ready with async storage writes.
func (env *InteractionEnv) dispatchReady(n *Node, rd raft.Ready) {
	for i := range rd.Messages {
		switch m := rd.Messages[i]; m.To {
		case raft.LocalAppendThread:
			n.AppendWork = append(n.AppendWork, m)
			n.syncWork = append(n.syncWork, rd.MustSync)
		case raft.LocalApplyThread:
			n.ApplyWork = append(n.ApplyWork, m)
		default:
			env.post(n, rd.Messages[i:i+1])
		}
	}
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
	m, sync := n.takeWrite()
	env.draw(n, picture.Write, "disk writes")
	responses := env.announce(&m)
	hs, snapshot := storageWork(&m)
	if err := n.persist(hs, m.Entries, snapshot, sync && !unsynced); err != nil {
		return err
	}
	env.respond(n, responses)
	env.drawStatus(n)
	return nil
}

// takeWrite takes the oldest storage write, and whether it has to be synced.
func (n *Node) takeWrite() (m pb.Message, sync bool) {
	m, sync = n.AppendWork[0], true
	n.AppendWork = n.AppendWork[1:]
	if work := n.syncWork; len(work) > 0 {
		sync, n.syncWork = work[0], work[1:]
	}
	return m, sync
}

// storageWork is what a storage message asks for besides entries.
func storageWork(m *pb.Message) (hs pb.HardState, snapshot pb.Snapshot) {
	if m.Snapshot != nil {
		snapshot = *m.Snapshot
	}
	return pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}, snapshot
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
	m := n.ApplyWork[0]
	n.ApplyWork = n.ApplyWork[1:]
	env.draw(n, picture.Apply, "")
	responses := env.announce(&m)
	if err := env.apply(n, m.Entries); err != nil {
		return err
	}
	env.respond(n, responses)
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
func (env *InteractionEnv) respond(n *Node, responses []pb.Message) {
	env.printf("Responses:\n")
	for i := range responses {
		env.printf("%s\n", raft.DescribeMessage(responses[i], nil))
	}
	env.post(n, responses)
}

// apply applies committed entries to the state machine of a node.
func (env *InteractionEnv) apply(n *Node, entries []pb.Entry) error {
	env.Options.Picture.Apply(n.id(), entries)
	for i := range entries {
		e := &entries[i]
		if e.Index <= n.rec.Restored {
			continue // it was with the apply thread when a snapshot that covers it arrived
		}
		n.rec.Applies(e)
		next := n.machine()
		data, cs, err := n.applyConfChange(e)
		if err != nil {
			return err
		}
		if cs != nil {
			next.Metadata.ConfState = *cs
			n.rec.Configures(e.Index, cs)
		}
		next.Metadata.Index, next.Metadata.Term = e.Index, e.Term
		// In a new array: earlier snapshots keep theirs.
		next.Data = append(next.Data[:len(next.Data):len(next.Data)], data...)
		n.become(next)
	}
	return nil
}

// applyConfChange returns what an entry adds to the content. If it is a configuration change,
// that is its context; the change is applied, and the new configuration returned.
func (n *Node) applyConfChange(e *pb.Entry) ([]byte, *pb.ConfState, error) {
	switch e.Type {
	case pb.EntryConfChange:
		var cc pb.ConfChange
		if err := cc.Unmarshal(e.Data); err != nil {
			return nil, nil, err
		}
		return cc.Context, n.ApplyConfChange(cc), nil
	case pb.EntryConfChangeV2:
		var cc pb.ConfChangeV2
		if err := cc.Unmarshal(e.Data); err != nil {
			return nil, nil, err
		}
		return cc.Context, n.ApplyConfChange(cc), nil
	}
	return e.Data, nil, nil
}
