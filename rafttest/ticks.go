package rafttest

import (
	"fmt"
	"math"

	"github.com/ffd200af/raft/rafttest/picture"
)

// maxTicks bounds the ticks of one command: a leader's heartbeats pile up meanwhile.
const maxTicks = 10_000

// Tick ticks a node's clock num times.
func (env *InteractionEnv) Tick(idx int, num int) error {
	if num < 0 || num > maxTicks {
		return fmt.Errorf("%d ticks are too many: at most %d", num, maxTicks)
	}
	if _, err := env.liveNode(idx); err != nil {
		return err
	}
	for range num {
		// A look after each: a leader that steps down in one may campaign in the next.
		env.draw(&env.Nodes[idx], picture.Tick, "tick")
		env.Nodes[idx].RawNode.Tick()
		env.observe(idx)
	}
	return nil
}

// handleTick. With quiesced, the ticks make no election and no heartbeat; with skipped, the clock
// passes over them; with asleep, heartbeats and their answers count as exchanged:
//
//	tick ID NUMBER [quiesced=true | skipped=true | asleep=true]
func handleTick(env *InteractionEnv, a *args) error {
	idx, n := a.node(), a.number("number of ticks", maxTicks)
	var quiesced, skipped, asleep bool
	a.setBool("quiesced", &quiesced)
	a.setBool("skipped", &skipped)
	a.setBool("asleep", &asleep)
	if err := a.done(); err != nil {
		return err
	}
	if !quiesced && !skipped && !asleep {
		return env.Tick(idx, int(n))
	}
	return env.input(idx, func(node *Node) error {
		if skipped {
			node.SkipTicks(n)
			return nil
		}
		if asleep {
			node.TickAsleep(n, func(uint64) (uint64, uint64) { return 0, 0 })
			return nil
		}
		for range n {
			node.TickQuiesced()
		}
		return nil
	})
}

// tickElection ticks a node's clock ElectionTick times: the shortest timeout that may be drawn.
//
//	tick-election ID
func (env *InteractionEnv) tickElection(idx int) error {
	n, err := env.liveNode(idx)
	if err != nil {
		return err
	}
	return env.Tick(idx, n.Config.ElectionTick)
}

// tickHeartbeat ticks a node's clock HeartbeatTick times.
//
//	tick-heartbeat ID
func (env *InteractionEnv) tickHeartbeat(idx int) error {
	n, err := env.liveNode(idx)
	if err != nil {
		return err
	}
	return env.Tick(idx, n.Config.HeartbeatTick)
}

// handleSetRandomizedElectionTimeout fixes the drawn timeout until the next change of role:
//
//	set-randomized-election-timeout ID timeout=5
func handleSetRandomizedElectionTimeout(env *InteractionEnv, a *args) error {
	idx := a.node()
	timeout, given := a.value("timeout")
	ticks := int(a.parse("timeout", timeout, math.MaxInt32))
	if !given {
		return fmt.Errorf("missing argument: timeout")
	}
	if err := a.done(); err != nil {
		return err
	}
	return env.input(idx, func(n *Node) error {
		if set := env.Options.SetRandomizedElectionTimeout; set != nil {
			set(n.RawNode, ticks)
			return nil
		}
		return n.RawNode.SetRandomizedElectionTimeout(ticks)
	})
}
