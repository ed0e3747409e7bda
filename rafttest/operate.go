package rafttest

import (
	"math"

	"github.com/ffd200af/raft"
)

// handleAddServer makes a leader bring a server in, as a learner first; how that ends appears in CatchUps:
//
//	add-server ID SERVER
func handleAddServer(env *InteractionEnv, a *args) error {
	idx, id := a.node(), a.number("server", math.MaxUint64)
	if err := a.done(); err != nil {
		return err
	}
	return env.input(idx, func(n *Node) error { return n.RawNode.AddServer(id, nil) })
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
			env.printf("%d\n", index)
		} else {
			env.printf("no lease\n")
		}
		return nil
	})
}

// setLease reads the argument that turns leases on, in ticks of drift.
func setLease(a *args, cfg *raft.Config) { a.setInt("lease-drift", &cfg.LeaseDriftTicks) }
