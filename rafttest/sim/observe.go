package sim

import (
	"errors"
	"fmt"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// report makes a violation the failure of the run. The first one stands.
func (w *world) report(v property.Violation) {
	if w.failure == nil {
		w.failure = &Failure{Seed: w.cfg.Seed, Node: v.Node, Property: v.Property, Detail: v.Detail}
	}
}

// failf reports that a property is broken by a node, nil for all of them.
func (w *world) failf(p property.Name, n *node, format string, args ...any) {
	v := property.Violation{Property: p, Detail: fmt.Sprintf(format, args...)}
	if n != nil {
		v.Node = n.ID
	}
	w.report(v)
}

// observe looks at a node after something was done to it.
func (w *world) observe(n *node) {
	if n.rn == nil || w.quarantined(n) {
		return
	}
	if n.store.MustStop {
		w.failf(property.Healthy, n, "node %d goes on although its disk could not be read", n.id)
	}
	was := n.State
	n.Shows(n.state())
	w.cfg.Picture.Shows(n.Node, false)
	w.stats.Elections = w.o.Elections
	// The library draws a timeout with every role but that of a follower, and with the leader of a
	// term.
	if (n.Term != was.Term || n.Role != was.Role || n.Lead != was.Lead) && (n.Role != property.Follower || n.Lead != raft.None) {
		w.setTimeout(n)
	}
	if w.verifies {
		w.verify(n)
	}
}

// state is what the node shows of itself.
func (n *node) state() property.State {
	st := n.rn.BasicStatus()
	return property.State{HardState: st.HardState, Lead: st.Lead, Applied: st.Applied, Role: property.Role(st.RaftState)}
}

func (w *world) verify(n *node) {
	if err := n.rn.Verify(); err != nil {
		w.failf(property.Invariants, n, "%v", err)
	}
}

// quarantined notices that a node has given up. If nothing was wrong with its disk, that is a
// failure.
func (w *world) quarantined(n *node) bool {
	err := n.rn.Err()
	if err == nil {
		return false
	}
	switch {
	case n.suspect:
		// It has noticed, and the operator replaces it.
		w.stats.Quarantines++
		w.stats.Noticed++
		n.lost = true
	case n.store.Failed && errors.Is(err, raft.ErrStorage):
		w.stats.Quarantines++
	default:
		w.failf(property.Healthy, n, "node %d is quarantined: %v", n.id, err)
	}
	n.stop()
	// The process has ended, and the machine has not: what was written stays.
	w.crashDisk(n, len(n.Unsynced))
	w.loseMemory(n)
	return true
}

// refused judges the error of a step with a message that a node has sent.
func (w *world) refused(n *node, m *pb.Message, err error) {
	for _, never := range [...]error{raft.ErrMalformed, raft.ErrOutOfRange, raft.ErrWrongRecipient, raft.ErrBeyondLog, raft.ErrSecondLeader} {
		if err != nil && errors.Is(err, never) {
			w.failf(property.Healthy, n, "node %d refuses %s: %v", n.id, raft.DescribeMessage(*m, nil), err)
			return
		}
	}
}

// crashDisk cuts the power of a node's disk, and checks that what it has afterwards is what was
// durable, and some of the pieces that were written since, in order.
func (w *world) crashDisk(n *node, keep int) {
	disk, err := n.disk.Crash(keep)
	if err != nil {
		w.failf(property.Durability, n, "the disk of node %d does not come back: %v", n.id, err)
		return
	}
	n.disk = disk
	if n.Keeps(n.diskHas) {
		return
	}
	if !w.cfg.SkipDiskCheck {
		w.failf(property.Durability, n, "the disk of node %d has lost what it has synced: %s", n.id, n.describeDisk())
	}
	n.readBack()
}

// diskHas reports whether the disk holds a log and a hard state.
func (n *node) diskHas(v *property.View, hs pb.HardState) bool {
	first, err1 := n.disk.FirstIndex()
	last, err2 := n.disk.LastIndex()
	stored, _, err3 := n.disk.InitialState()
	if err1 != nil || err2 != nil || err3 != nil || stored != hs || last != v.Last() || first > v.Base+1 {
		return false
	}
	// Log Matching: where the last terms agree, so does the rest. The rest is read when it is
	// needed.
	term, err := n.disk.Term(last)
	want, ok := v.Term(last)
	return err == nil && ok && term == want
}

// readBack takes what is on the disk for durable.
func (n *node) readBack() {
	hs, _, err := n.disk.InitialState()
	if v, ok := property.ViewOf(n.disk); ok && err == nil {
		n.Recovers(v, hs)
	}
}

func (n *node) describeDisk() string {
	first, _ := n.disk.FirstIndex()
	last, _ := n.disk.LastIndex()
	hs, _, _ := n.disk.InitialState()
	return fmt.Sprintf("it has %s and entries %d to %d; durable were %s and entries %d to %d",
		raft.DescribeHardState(hs), first, last, raft.DescribeHardState(n.Hard), n.Durable.Base+1, n.Durable.Last())
}
