package sim

import pb "github.com/ffd200af/raft/raftpb"

// plant is what tests make go wrong, to see whether it is found: nothing else sets it.
type plant struct {
	// unsynced reports whether the application does not sync a write of a node that has to be.
	unsynced func(n *node, hs pb.HardState, entries []pb.Entry) bool
	// tamper may change a message on its way, and reports whether it has.
	tamper func(n *node, m *pb.Message) bool
}

// syncs reports whether a write that has to be synced is.
func (w *world) syncs(n *node, hs pb.HardState, entries []pb.Entry) bool {
	if p := w.cfg.plant; p != nil && p.unsynced != nil && p.unsynced(n, hs, entries) {
		w.unsynced = true
		return false
	}
	return true
}

// tampered changes a message that is on its way, if that is planted.
func (w *world) tampered(n *node, m *flight) {
	if p := w.cfg.plant; p != nil && p.tamper != nil {
		m.tampered = p.tamper(n, &m.Message)
	}
}
