package rafttest

import (
	"fmt"
	"math"

	pb "github.com/ffd200af/raft/raftpb"
)

// handleAddServer makes a leader bring a server in, as a learner first; how that ends appears in
// CatchUps:
//
//	add-server ID SERVER
func handleAddServer(env *InteractionEnv, a *args) error {
	idx, id := a.node(), a.number("server", math.MaxUint64)
	if err := a.done(); err != nil {
		return err
	}
	return env.input(idx, func(n *Node) error { return n.RawNode.AddServer(id, nil) })
}

// handleAwaitCatchUp makes a leader watch a learner until it has caught up; how that ends appears
// in CatchUps:
//
//	await-catch-up ID LEARNER
func handleAwaitCatchUp(env *InteractionEnv, a *args) error {
	idx, id := a.node(), a.number("learner", math.MaxUint64)
	if err := a.done(); err != nil {
		return err
	}
	return env.input(idx, func(n *Node) error { return n.RawNode.AwaitCatchUp(id) })
}

// stepDown makes a leader give the leadership to the voter that is best suited:
//
//	step-down ID
func (env *InteractionEnv) stepDown(idx int) error {
	return env.input(idx, func(n *Node) error { return n.RawNode.StepDown() })
}

// handleLeaseRead prints the index of a read that a leader answers from its lease:
//
//	lease-read ID
func handleLeaseRead(env *InteractionEnv, a *args) error {
	idx := a.node()
	if err := a.done(); err != nil {
		return err
	}
	return env.input(idx, func(n *Node) error {
		if index, ok := n.RawNode.LeaseRead(); ok {
			n.rec.LeaseReads(index)
			env.printf("%d\n", index)
		} else {
			env.printf("no lease\n")
			env.Options.Picture.Add(n.id(), "no lease")
		}
		return nil
	})
}

// handleForceConfiguration writes a configuration to the disk of a node that is down, as an
// operator does who has lost a majority for ever. The log stays as it is, with the changes that are
// in it:
//
//	force-configuration ID voters=(1) [learners=(2)]
func handleForceConfiguration(env *InteractionEnv, a *args) error {
	idx := a.node()
	var cs pb.ConfState
	a.setIDs("voters", &cs.Voters)
	a.setIDs("learners", &cs.Learners)
	if err := a.done(); err != nil {
		return err
	}
	n, err := env.node(idx)
	if err != nil {
		return err
	}
	if !n.crashed() {
		return fmt.Errorf("node %d is up", idx+1)
	}
	forced := n.machine()
	forced.Metadata.ConfState = cs
	n.become(forced)
	return nil
}
