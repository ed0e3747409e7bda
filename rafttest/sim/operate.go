package sim

import (
	"github.com/ffd200af/raft"
)

// More actions: what an operator asks for, and what a transport and a disk tell or do.

func (w *world) addServer(n *node, id uint64) error {
	return w.input(n, action{kind: doAddServer, peer: id}, func(rn *raft.RawNode) error { return rn.AddServer(id, nil) })
}

func (w *world) awaitCatchUp(n *node, id uint64) error {
	return w.input(n, action{kind: doAwait, peer: id}, func(rn *raft.RawNode) error { return rn.AwaitCatchUp(id) })
}

func (w *world) transfer(n *node, to uint64) {
	_ = w.input(n, action{kind: doTransfer, peer: to}, func(rn *raft.RawNode) error {
		rn.TransferLeader(to)
		return nil
	})
	w.stats.Transfers++
}

func (w *world) stepDown(n *node) {
	// It may have nobody to hand over to.
	_ = w.input(n, action{kind: doStepDown}, (*raft.RawNode).StepDown)
	w.stats.Transfers++
}

func (w *world) forgetLeader(n *node) {
	_ = w.input(n, action{kind: doForget}, (*raft.RawNode).ForgetLeader)
}

func (w *world) campaign(n *node) {
	_ = w.input(n, action{kind: doCampaign}, (*raft.RawNode).Campaign)
}

func (w *world) reportUnreachable(n *node, peer uint64) {
	_ = w.input(n, action{kind: doUnreachable, peer: peer}, func(rn *raft.RawNode) error {
		rn.ReportUnreachable(peer)
		return nil
	})
}

func (w *world) reportSnapshot(n *node, peer uint64, failed bool) {
	a := action{kind: doSnapStatus, peer: peer}
	status := raft.SnapshotFinish
	if failed {
		a.n, status = 1, raft.SnapshotFailure
	}
	_ = w.input(n, a, func(rn *raft.RawNode) error {
		rn.ReportSnapshot(peer, status)
		return nil
	})
}

// repair ends what failRead has begun.
func (w *world) repair(n *node) {
	w.begin()
	w.note(action{kind: doRepair, node: n.id})
	n.store.failNext, n.store.unavailable = false, false
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
		n.store.unavailable = true
		w.stats.Unavailable++
		return
	}
	n.store.failNext = true
}
