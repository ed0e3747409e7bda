package rafttest

import (
	"fmt"
)

// maxRounds bounds the rounds of one stabilize. A cluster that does not come to rest in so many
// never will.
const maxRounds = 1000

// handleStabilize works until nothing is left to do at the given nodes, or at all nodes. log-level
// holds for this command only:
//
//	stabilize [ID...] [log-level=none]
func handleStabilize(env *InteractionEnv, a *args) error {
	idxs := a.nodes()
	level, given := a.value("log-level")
	if err := a.done(); err != nil {
		return err
	}
	if given {
		before := env.Output.Lvl
		defer func() { env.Output.Lvl = before }()
		if err := env.LogLevel(level); err != nil {
			return err
		}
	}
	return env.Stabilize(idxs...)
}

// Stabilize handles Readies, delivers messages, and performs the work of the append and apply
// threads, round after round, until nothing is left to do at the given nodes, or at all nodes if
// none are given. Messages to other nodes stay in flight, and so does what a crashed or quarantined
// node had to do.
func (env *InteractionEnv) Stabilize(idxs ...int) error {
	for _, idx := range idxs {
		if _, err := env.node(idx); err != nil {
			return err
		}
	}
	if len(idxs) == 0 {
		for idx := range env.Nodes {
			idxs = append(idxs, idx)
		}
	}
	for range maxRounds {
		moved, err := env.stabilizeRound(idxs)
		if err != nil || !moved {
			return err
		}
	}
	return fmt.Errorf("the cluster has not come to rest in %d rounds", maxRounds)
}

// phase is one kind of work that a round does at each node.
type phase struct {
	doing string
	due   func(env *InteractionEnv, n *Node) bool
	do    func(env *InteractionEnv, idx int) error
}

func phases() []phase {
	return []phase{
		{
			doing: "handling Ready",
			due:   func(_ *InteractionEnv, n *Node) bool { return !n.crashed() && n.HasReady() },
			do:    (*InteractionEnv).ProcessReady,
		},
		{
			doing: "receiving messages",
			due:   func(env *InteractionEnv, n *Node) bool { return env.hasMessages(n.id()) },
			do: func(env *InteractionEnv, idx int) error {
				env.DeliverMsgs(allTypes, Recipient{ID: uint64(idx) + 1})
				return nil
			},
		},
		{
			doing: "processing append thread",
			due:   func(_ *InteractionEnv, n *Node) bool { return len(n.AppendWork) > 0 },
			do: func(env *InteractionEnv, idx int) error {
				return env.drain(idx, (*Node).appendWork, (*InteractionEnv).ProcessAppendThread)
			},
		},
		{
			doing: "processing apply thread",
			due:   func(_ *InteractionEnv, n *Node) bool { return len(n.ApplyWork) > 0 },
			do: func(env *InteractionEnv, idx int) error {
				return env.drain(idx, (*Node).applyWork, (*InteractionEnv).ProcessApplyThread)
			},
		},
	}
}

func (n *Node) appendWork() int { return len(n.AppendWork) }
func (n *Node) applyWork() int  { return len(n.ApplyWork) }

// drain performs all the work that a thread of a node has.
func (env *InteractionEnv) drain(idx int, left func(*Node) int, do func(*InteractionEnv, int) error) error {
	for left(&env.Nodes[idx]) > 0 {
		if err := do(env, idx); err != nil {
			return err
		}
	}
	return nil
}

// stabilizeRound does each kind of work once at each node, and reports whether there was any.
func (env *InteractionEnv) stabilizeRound(idxs []int) (bool, error) {
	moved := false
	for _, p := range phases() {
		for _, idx := range idxs {
			if !p.due(env, &env.Nodes[idx]) {
				continue
			}
			moved = true
			if err := env.under(idx, p.doing, p.do); err != nil {
				return moved, err
			}
		}
	}
	return moved, nil
}
