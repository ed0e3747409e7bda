package rafttest

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	pb "github.com/ffd200af/raft/raftpb"
)

// handler carries out a command. It reads all its arguments before it does anything.
type handler func(env *InteractionEnv, a *args) error

// commands is the script language: what each command is called and who carries it out.
func commands() map[string]handler {
	return map[string]handler{
		// nodes.go
		"add-nodes": handleAddNodes,
		"crash":     handleCrash,
		"restart":   handleRestart,

		// inputs.go
		"campaign":            onNode((*InteractionEnv).Campaign),
		"propose":             handlePropose,
		"propose-conf-change": handleProposeConfChange,
		"transfer-leadership": handleTransferLeadership,
		"forget-leader":       onNode((*InteractionEnv).forgetLeader),
		"read-index":          handleReadIndex,
		"lease-read":          handleLeaseRead,
		"add-server":          onPeer("server", func(n *Node, id uint64) error { return n.AddServer(id, nil) }),
		"await-catch-up":      onPeer("learner", (*Node).AwaitCatchUp),
		"report-unreachable":  onPeer("peer", func(n *Node, id uint64) error { n.ReportUnreachable(id); return nil }),
		"step-down":           onInput((*Node).StepDown),
		"compact":             handleCompact,

		// disks.go
		"force-disk":          handleForceDisk,
		"save-snapshot":       onNode((*InteractionEnv).saveSnapshot),
		"report-snapshot":     handleReportSnapshot,
		"force-configuration": handleForceConfiguration,

		// failing.go
		"fail-read":         handleFailRead,
		"storage-available": onInput(func(n *Node) error { n.StorageAvailable(); return nil }),

		// ticks.go
		"tick":                            handleTick,
		"tick-election":                   onNode((*InteractionEnv).tickElection),
		"tick-heartbeat":                  onNode((*InteractionEnv).tickHeartbeat),
		"set-randomized-election-timeout": handleSetRandomizedElectionTimeout,

		// process.go
		"process-ready":         handleProcessReady,
		"take-ready":            onNode((*InteractionEnv).takeBatch),
		"carry-out":             handleCarryOut,
		"advance":               onNode((*InteractionEnv).advance),
		"process-append-thread": handleProcessAppendThread,
		"process-apply-thread":  onNodes("processing apply thread", (*InteractionEnv).ProcessApplyThread),

		// network.go
		"deliver-msgs":  handleDeliverMsgs,
		"send-snapshot": handleSendSnapshot,
		"partition":     handlePartition,
		"heal":          handleHeal,

		// step.go
		"step": handleStep,

		// stabilize.go
		"stabilize": handleStabilize,

		// views.go
		"status":     onNode((*InteractionEnv).Status),
		"raft-state": handleRaftState,
		"raft-log":   onNode((*InteractionEnv).RaftLog),

		// stores_commands.go
		"add-stores":       handleAddStores,
		"add-group":        handleAddGroup,
		"campaign-group":   onGroup(campaignGroup),
		"propose-group":    onGroup(proposeGroup),
		"lease-read-group": onGroup(leaseReadGroup),
		"remove-group":     onGroup(removeGroup),
		"kill-store":       onStore(true, killStore),
		"start-store":      onStore(false, startStore),
		"cut-stores":       handleCutStores,
		"heal-stores":      handleHealStores,
		"tick-stores":      handleTickStores,
		"group-state":      handleGroupState,

		// check.go
		"check": handleCheck,

		// logger.go
		"log-level": handleLogLevel,

		// A place for a debugger to stop at.
		"_breakpoint": func(*InteractionEnv, *args) error { return nil },
	}
}

// Handle carries out the command in d and returns what it printed, errors included. It never fails
// t, which may be nil: whether the output is right is for the script to say.
func (env *InteractionEnv) Handle(t *testing.T, d datadriven.TestData) string {
	if t != nil {
		t.Helper()
	}
	return env.Run(d)
}

// Run is Handle outside of tests.
func (env *InteractionEnv) Run(d datadriven.TestData) string {
	env.Output.Reset()
	env.doing = describeCommand(&d)
	err := env.dispatch(&d)
	if env.stores != nil {
		env.stores.drawIdle()
	}
	if err != nil {
		// Past the logger: an error is told even when everything else is silenced.
		env.Output.Builder.WriteString(err.Error())
	}
	if env.Output.Len() == 0 {
		return "ok"
	}
	return env.Output.String()
}

func (env *InteractionEnv) dispatch(d *datadriven.TestData) error {
	handle, known := commands()[d.Cmd]
	if !known {
		return fmt.Errorf("unknown command %q", d.Cmd)
	}
	return handle(env, newArgs(d))
}

// onNode makes a handler of a method that takes nothing but a node.
//
//	COMMAND ID
func onNode(do func(env *InteractionEnv, idx int) error) handler {
	return func(env *InteractionEnv, a *args) error {
		idx := a.node()
		if err := a.done(); err != nil {
			return err
		}
		return do(env, idx)
	}
}

// onInput makes a handler of a method of RawNode.
//
//	COMMAND ID
func onInput(do func(n *Node) error) handler {
	return onNode(func(env *InteractionEnv, idx int) error { return env.input(idx, do) })
}

// onPeer makes a handler of a method of RawNode that is about another node.
//
//	COMMAND ID PEER
func onPeer(what string, do func(n *Node, peer uint64) error) handler {
	return func(env *InteractionEnv, a *args) error {
		idx, peer := a.node(), a.number(what, math.MaxUint64)
		if err := a.done(); err != nil {
			return err
		}
		return env.input(idx, func(n *Node) error { return do(n, peer) })
	}
}

// onNodes makes a handler of a method that is carried out on several nodes in turn, each
// under a header of its own.
//
//	COMMAND ID...
func onNodes(doing string, do func(env *InteractionEnv, idx int) error) handler {
	return func(env *InteractionEnv, a *args) error {
		idxs := append([]int{a.node()}, a.nodes()...)
		if err := a.done(); err != nil {
			return err
		}
		if len(idxs) == 1 {
			return do(env, idxs[0])
		}
		for _, idx := range idxs {
			if err := env.under(idx, doing, do); err != nil {
				return err
			}
		}
		return nil
	}
}

// under prints a header for a node, and what do prints indented below it.
func (env *InteractionEnv) under(idx int, doing string, do func(env *InteractionEnv, idx int) error) error {
	env.printf("> %d %s\n", idx+1, doing)
	return env.indented(func() error { return do(env, idx) })
}

// handleLogLevel:
//
//	log-level LEVEL
func handleLogLevel(env *InteractionEnv, a *args) error {
	name := a.word("level")
	if err := a.done(); err != nil {
		return err
	}
	return env.LogLevel(name)
}

// sentence makes a rendering end in exactly one newline.
func sentence(s string) string { return strings.TrimRight(s, "\n") + "\n" }

// allTypes stands for messages of every type.
const allTypes pb.MessageType = -1
