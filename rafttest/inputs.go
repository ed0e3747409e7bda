package rafttest

import (
	"errors"
	"fmt"
	"math"

	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/picture"
)

// input does something to a node that is up, and looks at what became of the node.
func (env *InteractionEnv) input(idx int, do func(n *Node) error) error {
	n, err := env.liveNode(idx)
	if err != nil {
		return err
	}
	env.draw(n, picture.Input, env.doing)
	err = do(n)
	env.Options.Picture.Refuse(n.id(), err)
	env.observe(idx)
	return err
}

// Campaign starts an election at a node.
//
//	campaign ID
func (env *InteractionEnv) Campaign(idx int) error {
	return env.input(idx, func(n *Node) error { return n.RawNode.Campaign() })
}

// handlePropose proposes DATA, or the body of the command:
//
//	propose ID [DATA]
func handlePropose(env *InteractionEnv, a *args) error {
	idx := a.node()
	data := a.input
	if len(a.list) > 1 && !a.used[1] {
		a.used[1] = true
		data = a.list[1].String() // as it stands there, with = or without
	}
	if err := a.done(); err != nil {
		return err
	}
	return env.Propose(idx, []byte(data))
}

// Propose proposes an entry at a node.
func (env *InteractionEnv) Propose(idx int, data []byte) error {
	return env.input(idx, func(n *Node) error { return n.RawNode.Propose(data) })
}

// handleProposeConfChange proposes a configuration change that the body lists: v3 adds voter 3, l4
// learner 4, r5 removes 5, u6 updates 6. An empty body leaves a joint configuration.
//
//	propose-conf-change ID [v1=true] [transition=auto|implicit|explicit]
//	v3 l4
func handleProposeConfChange(env *InteractionEnv, a *args) error {
	idx := a.node()
	var v1 bool
	a.setBool("v1", &v1)
	transition := "auto"
	a.setString("transition", &transition)
	if err := a.done(); err != nil {
		return err
	}
	cc, err := parseConfChange(a.input, transition)
	if err != nil {
		return err
	}
	if !v1 {
		return env.ProposeConfChange(idx, cc)
	}
	if len(cc.Changes) != 1 || cc.Transition != pb.ConfChangeTransitionAuto {
		return errors.New("v1=true takes one change, without a transition")
	}
	return env.ProposeConfChange(idx, pb.ConfChange{Type: cc.Changes[0].Type, NodeID: cc.Changes[0].NodeID})
}

func parseConfChange(changes, transition string) (pb.ConfChangeV2, error) {
	var cc pb.ConfChangeV2
	switch transition {
	case "auto":
		cc.Transition = pb.ConfChangeTransitionAuto
	case "implicit":
		cc.Transition = pb.ConfChangeTransitionJointImplicit
	case "explicit":
		cc.Transition = pb.ConfChangeTransitionJointExplicit
	default:
		return cc, fmt.Errorf("transition: %q is none of auto, implicit, explicit", transition)
	}
	var err error
	cc.Changes, err = pb.ConfChangesFromString(changes)
	return cc, err
}

// ProposeConfChange proposes a configuration change at a node.
func (env *InteractionEnv) ProposeConfChange(idx int, c pb.ConfChangeI) error {
	return env.input(idx, func(n *Node) error { return n.RawNode.ProposeConfChange(c) })
}

// handleTransferLeadership asks a leader to hand over:
//
//	transfer-leadership from=1 to=2
func handleTransferLeadership(env *InteractionEnv, a *args) error {
	var from, to uint64
	a.setUint("from", &from)
	a.setUint("to", &to)
	if err := a.done(); err != nil {
		return err
	}
	if from == 0 || to == 0 || from > math.MaxInt32 {
		return errors.New("transfer-leadership needs from=ID and to=ID")
	}
	return env.stepInput(position(from), pb.Message{Type: pb.MsgTransferLeader, From: to, To: from})
}

// ForgetLeader makes a follower forget its leader. What goes wrong is printed.
//
//	forget-leader ID
func (env *InteractionEnv) ForgetLeader(idx int) {
	if err := env.forgetLeader(idx); err != nil {
		env.printf("%v\n", err)
	}
}

func (env *InteractionEnv) forgetLeader(idx int) error {
	return env.stepInput(idx, pb.Message{Type: pb.MsgForgetLeader})
}

// handleReadIndex asks for a linearizable read; the answer appears in ReadStates with the context:
//
//	read-index ID CONTEXT
func handleReadIndex(env *InteractionEnv, a *args) error {
	idx, ctx := a.node(), a.word("context")
	if err := a.done(); err != nil {
		return err
	}
	return env.input(idx, func(n *Node) error {
		err := n.RawNode.Step(pb.Message{Type: pb.MsgReadIndex, Entries: []pb.Entry{{Data: []byte(ctx)}}})
		if err == nil {
			n.rec.Asks([]byte(ctx))
		}
		return err
	})
}

// stepInput gives a node a message that comes from its application.
func (env *InteractionEnv) stepInput(idx int, m pb.Message) error {
	return env.input(idx, func(n *Node) error { return n.RawNode.Step(m) })
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

// handleCompact drops a node's log up to INDEX, which is remembered by its term alone, and prints
// what is left:
//
//	compact ID INDEX
func handleCompact(env *InteractionEnv, a *args) error {
	idx, index := a.node(), a.number("index", math.MaxUint64)
	if err := a.done(); err != nil {
		return err
	}
	if err := env.Compact(idx, index); err != nil {
		return err
	}
	return env.RaftLog(idx)
}

// Compact compacts a node's Storage, see Storage.Compact.
func (env *InteractionEnv) Compact(idx int, newFirstIndex uint64) error {
	n, err := env.node(idx)
	if err != nil {
		return err
	}
	env.draw(n, picture.Write, fmt.Sprintf("compacts the log to %d", newFirstIndex))
	err = n.Storage.Compact(newFirstIndex)
	env.drawLog(n.id(), n)
	return err
}
