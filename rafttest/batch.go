package rafttest

import (
	"fmt"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/picture"
)

// What an application does with a Ready, without async storage writes, in commands of their own: a
// node gets other things meanwhile.

// batch is a Ready that is in the application's hands.
type batch struct {
	raft.Ready
	carriedOut bool
}

// takeBatch takes one Ready from a node without async storage writes and prints it. Nothing is done
// with it before carry-out.
//
//	take-ready ID
func (env *InteractionEnv) takeBatch(idx int) error {
	n, err := env.liveNode(idx)
	if err != nil {
		return err
	}
	if n.taken != nil || n.Config.AsyncStorageWrites {
		return fmt.Errorf("node %d has a Ready in hand, or none to be advanced", n.id())
	}
	env.draw(n, picture.Ready, "takes a Ready")
	rd := env.takeReady(n)
	n.takeReads(&rd)
	n.taken = &batch{Ready: rd}
	env.observe(idx)
	return n.Err()
}

// handleCarryOut does what is in the Ready that was taken, with options as for process-ready:
//
//	carry-out ID [unsynced=true] [apply-later=true]
func handleCarryOut(env *InteractionEnv, a *args) error {
	idx := a.node()
	var how handling
	how.read(a)
	if err := a.done(); err != nil {
		return err
	}
	n, err := env.batchNode(idx)
	if err != nil {
		return err
	}
	if n.taken.carriedOut {
		return fmt.Errorf("what the Ready of node %d says is done", n.id())
	}
	defer env.observe(idx)
	env.draw(n, picture.Write, "does what the Ready says")
	n.taken.carriedOut = true
	return env.carryOut(n, n.taken.Ready, how)
}

// advance tells a node that the Ready that was taken is done, after it has been done if it was not.
//
//	advance ID
func (env *InteractionEnv) advance(idx int) error {
	n, err := env.batchNode(idx)
	if err != nil {
		return err
	}
	b := *n.taken
	n.taken = nil
	defer env.observe(idx)
	env.draw(n, picture.Ready, "advances")
	if !b.carriedOut {
		if err := env.carryOut(n, b.Ready, handling{}); err != nil {
			return err
		}
	}
	n.Advance(b.Ready)
	return nil
}

func (env *InteractionEnv) batchNode(idx int) (*Node, error) {
	n, err := env.liveNode(idx)
	if err != nil {
		return nil, err
	}
	if n.taken == nil {
		return nil, fmt.Errorf("node %d has no Ready in hand", n.id())
	}
	return n, nil
}

// carryOut persists, sends and applies what is in a Ready.
func (env *InteractionEnv) carryOut(n *Node, rd raft.Ready, how handling) error {
	d := env.driver(n)
	w := writeOf(&rd)
	w.Sync = w.Sync && !how.unsynced
	if err := d.Persist(w); err != nil {
		return err
	}
	d.Send(rd.Messages)
	if !how.applyLater || len(rd.CommittedEntries) == 0 {
		return env.apply(n, rd.CommittedEntries)
	}
	n.ApplyWork = append(n.ApplyWork, pb.Message{
		Type: pb.MsgStorageApply, From: n.id(), To: raft.LocalApplyThread, Entries: rd.CommittedEntries,
	})
	return nil
}

// writeOf returns the write that a Ready asks for.
func writeOf(rd *raft.Ready) *driver.Write {
	return &driver.Write{HardState: rd.HardState, Entries: rd.Entries, Snapshot: rd.Snapshot, Sync: rd.MustSync}
}
