package sim

import (
	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// A cluster begins in one of two ways. Its first members start from a snapshot that they share, and
// whoever joins later needs it; or they call RawNode.Bootstrap on an empty disk, and all logs begin
// with the configuration changes from there.

// firstIndex and firstTerm are where all logs begin that begin with a snapshot.
const (
	firstIndex = 2
	firstTerm  = 1
)

// firstMembers starts them.
func (w *world) firstMembers(voters int) error {
	ids := make([]uint64, voters)
	for i := range ids {
		ids[i] = uint64(i) + 1
	}
	if w.cfg.Bootstrap {
		return w.beginEmpty(ids)
	}
	return w.beginFromSnapshot(ids)
}

func (w *world) beginFromSnapshot(voters []uint64) error {
	w.o.Begins(firstIndex, firstTerm)
	data, err := firstState(w.cfg.NewMachine, firstIndex)
	if err != nil {
		return err
	}
	first := pb.Snapshot{Data: data, Metadata: pb.SnapshotMetadata{Index: firstIndex, Term: firstTerm}}
	first.Metadata.ConfState.Voters = voters
	for range voters {
		n := w.newNode()
		if err := n.disk.Write(pb.HardState{}, nil, first, true); err != nil {
			return err
		}
		n.Writes(pb.HardState{}, nil, &first, true)
		n.Conf = first.Metadata.ConfState
		if err := n.rep.restore(&first); err != nil {
			return err
		}
		w.start(n)
	}
	return nil
}

// beginEmpty has the first members bootstrap. What they agree upon is committed from then on.
func (w *world) beginEmpty(voters []uint64) error {
	for _, id := range voters {
		w.peers = append(w.peers, raft.Peer{ID: id})
	}
	w.o.Bootstraps(voters)
	for range voters {
		w.start(w.newNode())
	}
	return nil
}

// bootstraps reports whether a node that starts bootstraps: it is one of the first members, and has
// nothing that says that it has. In half of the clusters only some of them do: the others get all
// of it from the log of a leader.
func (w *world) bootstraps(n *node) bool {
	first, drawn := uint64(len(w.peers)), w.cfg.Seed/4
	if n.id > first || n.rep.applied > 0 || n.Hard.Commit > 0 {
		return false
	}
	return drawn%2 == 0 || (drawn/2+n.id)%2 == 0 || n.id == 1+drawn/4%first
}

// bootstrap gives a node the first log, and reports whether the node has it.
func (w *world) bootstrap(n *node) bool {
	if err := n.rn.Bootstrap(w.peers); err != nil {
		if !n.store.Failed {
			w.failf(property.Healthy, n, "node %d cannot bootstrap: %v", n.id, err)
		}
		return false
	}
	n.Bootstraps(w.o.Bootstrapped)
	n.Shows(n.state())
	return true
}
