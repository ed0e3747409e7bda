package explore

import (
	"fmt"
	"strings"

	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest"
)

// scriptWriter writes a script. Its messages are given to the nodes by hand, as they were sent;
// what the nodes of the script send stays in flight.
type scriptWriter struct {
	strings.Builder
	world *World
}

func (w *scriptWriter) command(format string, args ...any) {
	fmt.Fprintf(w, format, args...)
	w.WriteString("\n----\n\n")
}

// head makes the cluster that World.config describes.
func (w *scriptWriter) head(about string) {
	fmt.Fprintf(w, "# %s; found by exploring the world %q.\n", strings.ReplaceAll(about, "\n", " "), w.world.Name)
	args := fmt.Sprintf("add-nodes %d voters=%s index=%d election-tick=%d", w.world.Nodes, rafttest.IDs(w.world.Voters), firstIndex, electionTick)
	for _, option := range []struct {
		on   bool
		text string
	}{
		{w.world.PreVote, "prevote=true"},
		{w.world.Async, "async-storage-writes=true"},
		{w.world.OneEntry, "max-size-per-msg=1 max-committed-size-per-ready=18446744073709551615"},
	} {
		if option.on {
			args += " " + option.text
		}
	}
	w.command("log-level error")
	w.command("%s", args)
}

// step writes a step that n has just taken, with the Readies that followed it at once.
func (w *scriptWriter) step(s step, n *node, m *pb.Message, compactTo uint64) {
	readies := n.readies
	switch s.kind() {
	case deliver:
		w.message(m)
	case campaign:
		w.command("campaign %d", n.id)
	case propose:
		w.command("propose %d %c", n.id, 'a'+s.number())
	case change:
		w.command("propose-conf-change %d\n%s", n.id, w.world.Changes[s.number()])
	case read:
		w.command("read-index %d %c", n.id, 'a'+s.number())
	case restart:
		w.command("restart %d", n.id)
	case beat:
		w.command("tick %d 1", n.id)
	case compact:
		w.command("compact %d %d", n.id, compactTo)
	case transfer:
		w.command("transfer-leadership from=%d to=%d", n.id, s.number())
	case tornWrite:
		w.command("# What is applied here was not yet applied when the node crashed behind its write.\nprocess-ready %d", n.id)
		w.command("restart %d", n.id)
		readies = 0
	case writeDisk:
		w.command("process-append-thread %d", n.id)
		w.acknowledgements(n)
	case applyEntries:
		w.command("process-apply-thread %d", n.id)
		w.acknowledgements(n)
	case acknowledge:
		for i := range n.own {
			w.message(&n.own[i])
		}
	}
	for range readies {
		if w.world.Late && !w.world.Async {
			w.WriteString("# Advance came later here.\n")
		}
		w.command("process-ready %d", n.id)
	}
}

// acknowledgements delivers what the storage threads of a node tell it.
func (w *scriptWriter) acknowledgements(n *node) {
	for i := range n.own {
		if m := &n.own[i]; m.From == n.id {
			w.message(m)
		} else {
			w.command("deliver-msgs %d type=%s", n.id, m.Type)
		}
	}
}

// message gives a message to a node.
func (w *scriptWriter) message(m *pb.Message) { w.command("%s", rafttest.StepCommand(m, m.To)) }
