package rafttest

import (
	"fmt"
	"strings"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	"github.com/ffd200af/raft/internal/failing"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/picture"
	"github.com/ffd200af/raft/rafttest/property"
)

// InteractionOpts customizes an InteractionEnv.
type InteractionOpts struct {
	// OnConfig, if set, may change the Config of each node that is added, except for its ID.
	OnConfig func(*raft.Config)

	// SetRandomizedElectionTimeout, if set, fixes the election timeout of a node, in ticks. The
	// default is the method of that name of RawNode.
	SetRandomizedElectionTimeout func(node *raft.RawNode, timeout int)

	// Watch, if set, is told everything that nodes do, in order. What an event refers to is the
	// cluster's: copy what is kept.
	Watch func(*property.Event)

	// Picture, if set, takes down what happens.
	Picture *picture.Recorder
}

// Node is a member of an InteractionEnv.
type Node struct {
	*raft.RawNode // nil while the node is crashed
	Storage

	// Config is what the node was started with.
	Config *raft.Config
	// Threads has AppendWork and ApplyWork, the storage messages that the node's threads have not
	// performed yet, oldest first. They are empty without async storage writes.
	driver.Threads
	// taken is the Ready that waits for advance; nil if there is none.
	taken *batch
	// History is the node's state machine: a snapshot of it for every index at which it
	// has been, the newest last. It survives a crash.
	History []pb.Snapshot

	rec *property.Node // what is known of it from outside
	// excused: the disk has lost what was durable, and the node may give up.
	excused bool
	// reads is the storage as the node sees it; nil if the application has one of its own. What
	// commands read does not fail.
	reads *failing.Storage
}

func (n *Node) id() uint64 { return n.Config.ID }

// crashed reports whether the node is down.
func (n *Node) crashed() bool { return n.RawNode == nil }

// machine is the newest state of the state machine.
func (n *Node) machine() pb.Snapshot { return n.History[len(n.History)-1] }

// InteractionEnv is a cluster of nodes with a network that delivers nothing by itself. The
// methods carry out what the commands of the script language ask for; they take
// positions in Nodes, where scripts use ids, and write what there is to tell to Output.
type InteractionEnv struct {
	Options *InteractionOpts
	Nodes   []Node

	// Messages are in flight, in the order in which they were sent.
	Messages []pb.Message

	// Output collects what the command under way prints, log lines of nodes included.
	Output *RedirectLogger

	// doing is the command under way without its first argument, for the picture.
	doing string

	network  network
	stores   *storeWorld // nil if there are none
	observer property.Observer
	broken   []error // what the observer has found
}

// NewInteractionEnv returns an environment without nodes. opts may be nil.
func NewInteractionEnv(opts *InteractionOpts) *InteractionEnv {
	if opts == nil {
		opts = &InteractionOpts{}
	}
	env := &InteractionEnv{Options: opts, Output: &RedirectLogger{Builder: &strings.Builder{}}}
	env.observes()
	return env
}

// node returns the node at position idx, whether it is up or not.
func (env *InteractionEnv) node(idx int) (*Node, error) {
	if idx < 0 || idx >= len(env.Nodes) {
		return nil, fmt.Errorf("there is no such node: %d", idx+1)
	}
	return &env.Nodes[idx], nil
}

// liveNode returns the node at position idx, which must be up.
func (env *InteractionEnv) liveNode(idx int) (*Node, error) {
	n, err := env.node(idx)
	if err != nil {
		return nil, err
	}
	if n.crashed() {
		return nil, fmt.Errorf("node %d is crashed", idx+1)
	}
	return n, nil
}

// indented runs f and indents what it prints by two spaces.
func (env *InteractionEnv) indented(f func() error) error {
	outer := env.Output.Builder
	env.Output.Builder = &strings.Builder{}
	err := f()
	inner := env.Output.Builder.String()
	env.Output.Builder = outer
	for line := range strings.Lines(inner) {
		outer.WriteString("  ")
		outer.WriteString(strings.TrimSuffix(line, "\n"))
		outer.WriteString("\n")
	}
	return err
}

// printf adds to the output.
func (env *InteractionEnv) printf(format string, args ...any) {
	fmt.Fprintf(env.Output, format, args...)
}
