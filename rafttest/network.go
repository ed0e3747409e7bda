package rafttest

import (
	"math"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/picture"
)

// Recipient is a node to which DeliverMsgs delivers, or for which it drops what is in flight.
type Recipient struct {
	ID   uint64
	Drop bool
}

// network says between which nodes messages get through. The zero value lets everything pass.
type network struct {
	// groups numbers the sides of a partition, from 1. Nodes that are in none are on side 0.
	groups map[uint64]int
}

// connects reports whether a message gets through.
func (w *network) connects(m *pb.Message) bool {
	return staysOnNode(m) || w.groups[m.From] == w.groups[m.To]
}

// staysOnNode: the message does not cross the network. It comes from a node's own storage threads,
// or is its vote for itself.
func staysOnNode(m *pb.Message) bool { return raft.IsLocalMsgTarget(m.From) || m.From == m.To }

// without returns msgs without those that drop picks, in a new array.
func without(msgs []pb.Message, drop func(m *pb.Message) bool) []pb.Message {
	var kept []pb.Message
	for i := range msgs {
		if !drop(&msgs[i]) {
			kept = append(kept, msgs[i])
		}
	}
	return kept
}

// hasMessages reports whether a message to a node is in flight.
func (env *InteractionEnv) hasMessages(to uint64) bool {
	for i := range env.Messages {
		if env.Messages[i].To == to {
			return true
		}
	}
	return false
}

// handleDeliverMsgs delivers the messages to some nodes that are in flight, and drops those to
// others:
//
//	deliver-msgs [ID...] [drop=(2,3)] [type=MsgApp]
//	    [from=ID] [term=N] [index=N] [logterm=N] [commit=N] [hint=N] [entries=NUMBER]
//	    [context=abc | context-hex=616263] [reject=true] [local=true] [newest=true] [keep=true]
//
// The other arguments pick among them: by what they say, local for those that do not leave their
// node, newest for the last one of those that are left. With keep they stay in flight, to arrive
// again.
func handleDeliverMsgs(env *InteractionEnv, a *args) error {
	p := pick{typ: allTypes}
	a.setMessageType("type", &p.typ)
	p.read(a)
	var recipients []Recipient
	for a.more() && a.err == nil {
		recipients = append(recipients, Recipient{ID: a.number("node", math.MaxInt32)})
	}
	var drop []uint64
	a.setIDs("drop", &drop)
	for _, id := range drop {
		recipients = append(recipients, Recipient{ID: id, Drop: true})
	}
	if err := a.done(); err != nil {
		return err
	}
	if env.deliverMsgs(p, recipients) == 0 {
		env.printf("no messages\n")
	}
	return nil
}

// DeliverMsgs delivers or drops the messages of a type, or of every type if it is negative, that
// are in flight to the given nodes when it is called. It prints each, and the error of a node that
// refuses one, and returns their number. Messages across a partition, or to a node that is crashed
// or does not exist, are dropped.
func (env *InteractionEnv) DeliverMsgs(typ pb.MessageType, rs ...Recipient) int {
	return env.deliverMsgs(pick{typ: typ}, rs)
}

func (env *InteractionEnv) deliverMsgs(p pick, rs []Recipient) int {
	n := 0
	for _, r := range rs {
		msgs := env.takeMessages(p, r.ID)
		n += len(msgs)
		for i := range msgs {
			env.deliver(&msgs[i], r.Drop)
		}
	}
	return n
}

func (env *InteractionEnv) deliver(m *pb.Message, drop bool) {
	node, err := env.liveNode(position(m.To))
	if drop || err != nil || !env.network.connects(m) {
		if to, err := env.node(position(m.To)); err == nil {
			to.rec.Misses(m)
		}
		env.printf("dropped: %s\n", raft.DescribeMessage(*m, nil))
		env.Options.Picture.Cause(causeOf(drop, err))
		return
	}
	env.printf("%s\n", raft.DescribeMessage(*m, nil))
	if err := env.gives(node, m); err != nil {
		env.printf("%v\n", err)
	}
	env.observe(position(m.To))
}

// handleSendSnapshot queues a node's newest snapshot for another and prints the message:
//
//	send-snapshot FROM TO
func handleSendSnapshot(env *InteractionEnv, a *args) error {
	from, to := a.node(), a.node()
	if err := a.done(); err != nil {
		return err
	}
	return env.SendSnapshot(from, to)
}

// SendSnapshot queues the newest snapshot of a node as a message to another, in the sender's term.
func (env *InteractionEnv) SendSnapshot(fromIdx, toIdx int) error {
	from, err := env.liveNode(fromIdx)
	if err != nil {
		return err
	}
	to, err := env.node(toIdx)
	if err != nil {
		return err
	}
	snap, err := from.Storage.Snapshot()
	if err != nil {
		return err
	}
	m := pb.Message{Type: pb.MsgSnap, From: from.id(), To: to.id(), Term: from.BasicStatus().Term, Snapshot: &snap}
	env.Messages = append(env.Messages, m)
	env.draw(from, picture.Input, "send-snapshot")
	env.Options.Picture.Send(from.id(), &m)
	env.printf("%s\n", raft.DescribeMessage(m, nil))
	return nil
}

// handlePartition lets messages through only between nodes of one group. Nodes that are in none
// make up a group of their own. An earlier partition is replaced:
//
//	partition (1,2) (3)
func handlePartition(env *InteractionEnv, a *args) error {
	groups := map[uint64]int{}
	for number, ids := range a.groups() {
		for _, id := range ids {
			if groups[id] != 0 {
				a.fail("node %d is in two groups", id)
			}
			if _, err := env.node(position(id)); err != nil {
				a.fail("%v", err)
			}
			groups[id] = number + 1
		}
	}
	if err := a.done(); err != nil {
		return err
	}
	env.network.groups = groups
	env.Options.Picture.Partition(groups)
	return nil
}

// handleHeal ends a partition:
//
//	heal
func handleHeal(env *InteractionEnv, a *args) error {
	if err := a.done(); err != nil {
		return err
	}
	env.network.groups = nil
	env.Options.Picture.Partition(nil)
	return nil
}
