package rafttest

import (
	"fmt"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// ProcessReady takes one Ready from a node and prints it. Without async storage writes it then persists,
// applies and sends what is in it, and advances the node. With them it hands the storage
// messages to the node's threads, and sends the others.
//
//	process-ready ID...
func (env *InteractionEnv) ProcessReady(idx int) error {
	n, err := env.liveNode(idx)
	if err != nil {
		return err
	}
	if err := n.Err(); err != nil {
		return err
	}
	rd := n.Ready()
	env.printf("%s", sentence(raft.DescribeReady(rd, nil)))
	env.observed.writes(n.id(), rd.Entries)
	defer env.observe(idx)
	if n.Config.AsyncStorageWrites {
		env.dispatchReady(n, rd)
		return nil
	}
	return env.finish(n, rd)
}

// takeReady takes one Ready from a node without async storage writes and prints it. Nothing is done with it before advance; what
// the node gets meanwhile is what comes while an application works on a batch.
//
//	take-ready ID
func (env *InteractionEnv) takeReady(idx int) error {
	n, err := env.liveNode(idx)
	if err != nil {
		return err
	}
	if n.taken != nil || n.Config.AsyncStorageWrites {
		return fmt.Errorf("node %d has a Ready in hand, or none to be advanced", n.id())
	}
	rd := n.Ready()
	env.printf("%s", sentence(raft.DescribeReady(rd, nil)))
	env.observed.writes(n.id(), rd.Entries)
	n.taken = &rd
	env.observe(idx)
	return n.Err()
}

// advance does what is in the Ready that was taken, and advances the node.
//
//	advance ID
func (env *InteractionEnv) advance(idx int) error {
	n, err := env.liveNode(idx)
	if err != nil {
		return err
	}
	if n.taken == nil {
		return fmt.Errorf("node %d has no Ready in hand", n.id())
	}
	rd := *n.taken
	n.taken = nil
	defer env.observe(idx)
	return env.finish(n, rd)
}

// finish persists, sends and applies what is in a Ready, and advances the node.
func (env *InteractionEnv) finish(n *Node, rd raft.Ready) error {
	if err := n.persist(rd.HardState, rd.Entries, rd.Snapshot); err != nil {
		return err
	}
	env.Messages = append(env.Messages, rd.Messages...)
	if err := env.apply(n, rd.CommittedEntries); err != nil {
		return err
	}
	n.Advance(rd)
	return nil
}

// dispatchReady hands out the messages of a Ready with async storage writes.
func (env *InteractionEnv) dispatchReady(n *Node, rd raft.Ready) {
	for _, m := range rd.Messages {
		switch m.To {
		case raft.LocalAppendThread:
			n.AppendWork = append(n.AppendWork, m)
		case raft.LocalApplyThread:
			n.ApplyWork = append(n.ApplyWork, m)
		default:
			env.Messages = append(env.Messages, m)
		}
	}
}

// ProcessAppendThread performs the oldest storage write of a node that was not performed yet, and sends
// the messages that have waited for it. It prints both.
//
//	process-append-thread ID...
func (env *InteractionEnv) ProcessAppendThread(idx int) error {
	n, err := env.liveNode(idx)
	if err != nil {
		return err
	}
	if len(n.AppendWork) == 0 {
		return fmt.Errorf("node %d has no storage write to perform", n.id())
	}
	m := n.AppendWork[0]
	n.AppendWork = n.AppendWork[1:]
	responses := env.announce(&m)
	var snapshot pb.Snapshot
	if m.Snapshot != nil {
		snapshot = *m.Snapshot
	}
	hs := pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}
	if err := n.persist(hs, m.Entries, snapshot); err != nil {
		return err
	}
	env.respond(responses)
	return nil
}

// ProcessApplyThread applies the oldest batch of committed entries of a node that was not applied yet,
// and sends the messages that have waited for it. It prints both.
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
	responses := env.announce(&m)
	if err := env.apply(n, m.Entries); err != nil {
		return err
	}
	env.respond(responses)
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
func (env *InteractionEnv) respond(responses []pb.Message) {
	env.printf("Responses:\n")
	for i := range responses {
		env.printf("%s\n", raft.DescribeMessage(responses[i], nil))
	}
	env.Messages = append(env.Messages, responses...)
}

// apply applies committed entries to the state machine of a node.
func (env *InteractionEnv) apply(n *Node, entries []pb.Entry) error {
	for i := range entries {
		e := &entries[i]
		next := n.machine()
		if e.Index != next.Metadata.Index+1 {
			env.observed.add("node %d applies entry %d after %d", n.id(), e.Index, next.Metadata.Index)
		}
		data, cs, err := n.applyConfChange(e)
		if err != nil {
			return err
		}
		if cs != nil {
			next.Metadata.ConfState = *cs
		}
		next.Metadata.Index, next.Metadata.Term = e.Index, e.Term
		// In a new array: earlier snapshots keep theirs.
		next.Data = append(next.Data[:len(next.Data):len(next.Data)], data...)
		n.become(next)
		env.observed.applied(n.id(), e)
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
