package explore

import (
	"fmt"
	"slices"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	pb "github.com/ffd200af/raft/raftpb"
)

// Violation is a broken rule, and the shortest path to it.
type Violation struct {
	// Err says which rule, and where.
	Err error
	// Steps are the inputs from the beginning, one a line of text.
	Steps []string
	// Script does the same in the script language of rafttest, without expected output. Messages
	// are given to nodes as they were sent; what the network of the script's cluster carries stays
	// there.
	Script string
}

func (x *explorer) explain(err error, path []step) *Violation {
	v := &Violation{Err: err}
	v.Steps, v.Script = x.tell(err.Error(), path)
	return v
}

// tell describes a path, and writes it as a script.
func (x *explorer) tell(about string, path []step) (steps []string, script string) {
	w := scriptWriter{world: &x.world}
	w.head(about)
	var actors []*node
	for i := range x.world.Nodes {
		actors = append(actors, startNode(&x.world, &start{id: uint64(i + 1), disk: newDisk(x.world.Voters)}))
	}
	for _, s := range append(slices.Clone(x.prelude), x.retrace(path)...) {
		var m *pb.Message
		if s.kind() == deliver {
			m = &x.nodes.messages[s.message()]
		}
		steps = append(steps, x.describe(s.step, m))
		n := actors[x.nodeOf(s.step)]
		compactTo := n.disk.applied()
		x.nodes.run(n, s.step)
		w.step(s.step, n, m, compactTo)
	}
	w.command("raft-state")
	w.command("check")
	return steps, w.String()
}

// retrace takes the steps of a path again and returns them with those that followed for nothing, as
// far as what they sent was delivered on the path.
func (x *explorer) retrace(path []step) []noted {
	var all []noted
	chosen := map[int]bool{}
	x.first.copyTo(&x.after)
	x.noting = true
	for _, s := range path {
		x.noted = nil
		_, err := x.take(&x.after, s)
		chosen[len(all)] = true
		all = append(all, x.noted...)
		if err != nil {
			chosen[len(all)-1] = true
		}
	}
	x.noting = false
	needed := map[uint32]bool{}
	var kept []noted
	for i := len(all) - 1; i >= 0; i-- {
		s := all[i]
		if !chosen[i] && !slices.ContainsFunc(s.sent, func(m uint32) bool { return needed[m] }) {
			continue
		}
		if s.kind() == deliver {
			needed[s.message()] = true
		}
		kept = append(kept, s)
	}
	slices.Reverse(kept)
	return kept
}

func (x *explorer) describe(s step, m *pb.Message) string {
	switch s.kind() {
	case deliver:
		return "deliver " + raft.DescribeMessage(*m, nil)
	case change:
		return fmt.Sprintf("node %d: change the configuration: %s", s.node()+1, x.world.Changes[s.number()])
	case transfer:
		return fmt.Sprintf("node %d: transfer the leadership to %d", s.node()+1, s.number())
	case acknowledge:
		done := "what is written"
		switch {
		case !x.world.Async:
			done = "by Advance that the Ready is handled"
		case s.number() == driver.ApplyThread:
			done = "what is applied"
		}
		return fmt.Sprintf("node %d: is told %s", s.node()+1, done)
	}
	names := [kinds]string{
		campaign: "campaign", propose: "propose an entry", read: "read", restart: "crash and restart", beat: "tick",
		compact: "compact the log", ready: "handle a Ready", tornWrite: "write a Ready, then crash and restart",
		writeDisk: "perform a storage write", applyEntries: "apply entries",
	}
	return fmt.Sprintf("node %d: %s", s.node()+1, names[s.kind()])
}
