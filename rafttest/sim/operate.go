package sim

import (
	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// ask gives a node what a client or an operator asks of it, or what a transport reports to it, and
// returns the error with which the node refuses that.
func (w *world) ask(n *node, a action) error {
	return w.input(n, a, func(rn *raft.RawNode) error { return w.call(rn, n.id, &a) })
}

// call calls the method of RawNode that an action stands for.
func (w *world) call(rn *raft.RawNode, id uint64, a *action) error {
	switch a.kind {
	case doPropose:
		if a.n == 0 {
			return rn.Propose(a.data)
		}
		return rn.Step(proposal(id, a.data, a.n))
	case doConfChange:
		var cc pb.ConfChangeV2
		if err := cc.Unmarshal(a.data); err != nil {
			return err
		}
		return rn.ProposeConfChange(cc)
	case doAddServer:
		return rn.AddServer(a.peer, nil)
	case doAwait:
		return rn.AwaitCatchUp(a.peer)
	case doTransfer:
		w.stats.Transfers++
		rn.TransferLeader(a.peer)
	case doStepDown: // it may have nobody to hand over to
		w.stats.Transfers++
		return rn.StepDown()
	case doForget:
		return rn.ForgetLeader()
	case doCampaign:
		return rn.Campaign()
	case doSkip:
		rn.SkipTicks(a.n)
	case doUnreachable:
		rn.ReportUnreachable(a.peer)
	case doSnapStatus:
		status := raft.SnapshotFinish
		if a.n == 1 {
			status = raft.SnapshotFailure
		}
		rn.ReportSnapshot(a.peer, status)
	}
	return nil
}

// proposal is a command with more entries of various sizes that mean nothing.
func proposal(to uint64, command []byte, more uint64) pb.Message {
	m := pb.Message{Type: pb.MsgProp, To: to, Entries: []pb.Entry{{Data: command}}}
	for i := range more {
		m.Entries = append(m.Entries, pb.Entry{Data: make([]byte, (i*i*i+more)%maxFiller)})
	}
	return m
}

// maxFiller bounds the size of an entry, in bytes. It is above most of the limits that nodes have.
const maxFiller = 3000

// repair ends what failRead has begun.
func (w *world) repair(n *node) {
	w.begin()
	w.note(action{kind: doRepair, node: n.id})
	n.store.FailNext, n.store.Unavailable = false, false
}

// failRead makes the next read of a node's disk fail: for good, or for the moment. If the node is
// down, that is the first one when it starts.
func (w *world) failRead(n *node, moment bool) {
	kind := doReadError
	if moment {
		kind = doUnavailable
	}
	w.begin()
	w.note(action{kind: kind, node: n.id})
	if moment {
		n.store.Unavailable = true
		w.stats.Unavailable++
		return
	}
	n.store.FailNext = true
}
