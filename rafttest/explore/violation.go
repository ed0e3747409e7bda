package explore

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// Violation is a broken rule, and the shortest path to it.
type Violation struct {
	// Err says which rule, and where.
	Err error
	// Steps are the inputs from the beginning, one a line of text.
	Steps []string
	// Script does the same in the script language of rafttest, without expected output. Messages are given to nodes
	// as they were sent; what the network of the script's cluster carries stays there.
	Script string
}

func (x *explorer) explain(err error, path []step) *Violation {
	v := &Violation{Err: err}
	script := scriptWriter{world: &x.world}
	script.head(err)
	for _, s := range append(slices.Clone(x.prelude), x.retrace(path)...) {
		var m *pb.Message
		if s.kind() == deliver {
			m = &x.nodes.messages[s.message()]
		}
		v.Steps = append(v.Steps, x.describe(s.step, m))
		script.step(s.step, x.nodeOf(s.step)+1, m)
	}
	script.command("raft-state")
	script.command("check")
	v.Script = script.String()
	return v
}

// retrace takes the steps of a path again and returns them with those that followed for nothing, as far as what they
// sent was delivered on the path.
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
	}
	names := [kinds]string{
		campaign: "campaign", propose: "propose an entry", read: "read", restart: "crash and restart", beat: "tick",
		compact: "compact the log", ready: "handle a Ready", tornWrite: "write a Ready, then crash and restart",
		writeDisk: "perform a storage write", applyEntries: "apply entries",
	}
	return fmt.Sprintf("node %d: %s", s.node()+1, names[s.kind()])
}

// scriptWriter writes a script.
type scriptWriter struct {
	strings.Builder
	world *World
}

func (w *scriptWriter) command(format string, args ...any) {
	fmt.Fprintf(w, format, args...)
	w.WriteString("\n----\n\n")
}

// head makes the cluster that World.config describes.
func (w *scriptWriter) head(err error) {
	fmt.Fprintf(w, "# %s, found in the world %q.\n", strings.ReplaceAll(err.Error(), "\n", " "), w.world.Name)
	args := fmt.Sprintf("add-nodes %d voters=(%s) index=%d election-tick=%d", w.world.Nodes, joinIDs(w.world.Voters), firstIndex, electionTick)
	for _, option := range []struct {
		on   bool
		text string
	}{
		{w.world.PreVote, "prevote=true"},
		{w.world.Async, "async-storage-writes=true"},
		{w.world.OneEntry, "max-size-per-msg=1 max-committed-size-per-ready=18446744073709551615"},
		{w.world.OneInFlight, "inflight=1"},
	} {
		if option.on {
			args += " " + option.text
		}
	}
	w.command("log-level none")
	w.command("%s", args)
}

func joinIDs(ids []uint64) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]")
}

// step writes a step at the node with an id, with the Readies that follow it at once.
func (w *scriptWriter) step(s step, id int, m *pb.Message) {
	switch s.kind() {
	case deliver:
		w.message(m)
	case campaign:
		w.command("campaign %d", id)
	case propose:
		w.command("propose %d %c", id, 'a'+s.number())
	case change:
		w.command("propose-conf-change %d\n%s", id, w.world.Changes[s.number()])
	case read:
		w.command("read-index %d %c", id, 'a'+s.number())
	case restart:
		w.command("restart %d", id)
	case beat:
		w.command("tick %d 1", id)
	case compact:
		w.command("# up to what node %d has applied\nTODO %d", id, id)
	case transfer:
		w.command("transfer-leadership from=%d to=%d", id, s.number())
	case ready:
		w.command("process-ready %d", id)
	case tornWrite:
		w.command("# node %d crashes right behind its write, before it sends and applies\nprocess-ready %d", id, id)
		w.command("restart %d", id)
	case writeDisk:
		w.command("process-append-thread %d", id)
		w.command("deliver-msgs %d type=MsgStorageAppendResp", id)
	case applyEntries:
		w.command("process-apply-thread %d", id)
		w.command("deliver-msgs %d type=MsgStorageApplyResp", id)
	}
	if !w.world.Batches {
		w.command("stabilize-ready %d", id)
	}
}

// message gives a message to a node, as it was sent.
func (w *scriptWriter) message(m *pb.Message) {
	args := fmt.Sprintf("step type=%s from=%d to=%d", m.Type, m.From, m.To)
	for _, field := range []struct {
		name  string
		value uint64
	}{
		{"term", m.Term}, {"index", m.Index}, {"logterm", m.LogTerm}, {"commit", m.Commit}, {"vote", m.Vote}, {"hint", m.RejectHint},
	} {
		if field.value != 0 {
			args += fmt.Sprintf(" %s=%d", field.name, field.value)
		}
	}
	if m.Reject {
		args += " reject=true"
	}
	if len(m.Context) > 0 {
		args += " " + contextArg(m.Context)
	}
	if s := m.Snapshot; s != nil {
		cs := &s.Metadata.ConfState
		args += fmt.Sprintf(" snapshot=%d/%d voters=(%s)", s.Metadata.Term, s.Metadata.Index, joinIDs(cs.Voters))
		for name, ids := range map[string][]uint64{"learners": cs.Learners, "voters-outgoing": cs.VotersOutgoing, "learners-next": cs.LearnersNext} {
			_ = name
			_ = ids
		}
	}
	for i := range m.Entries {
		args += "\n" + raft.DescribeEntry(m.Entries[i], nil)
	}
	w.command("%s", args)
}

func contextArg(context []byte) string {
	for _, b := range context {
		if b < 'A' || b > 'z' {
			return fmt.Sprintf("context-hex=%x", context)
		}
	}
	return "context=" + string(context)
}
