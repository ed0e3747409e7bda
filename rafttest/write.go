package rafttest

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/options"
	pb "github.com/ffd200af/raft/raftpb"
)

// What programs write that make scripts.

// StepCommand returns the command that gives a message to the node with the id at, see step.
func StepCommand(m *pb.Message, at uint64) string {
	var out strings.Builder
	fmt.Fprintf(&out, "step type=%s from=%d to=%d", m.Type, m.From, m.To)
	if at != m.To {
		fmt.Fprintf(&out, " at=%d", at)
	}
	for _, field := range []struct {
		name  string
		value uint64
	}{
		{"term", m.Term}, {"index", m.Index}, {"logterm", m.LogTerm}, {"commit", m.Commit}, {"vote", m.Vote}, {"hint", m.RejectHint},
	} {
		if field.value != 0 {
			fmt.Fprintf(&out, " %s=%d", field.name, field.value)
		}
	}
	if m.Reject {
		out.WriteString(" reject=true")
	}
	out.WriteString(contextArg(m.Context))
	if m.Snapshot != nil {
		out.WriteString(snapshotArgs(m.Snapshot))
	}
	for i := range m.Entries {
		out.WriteString("\n" + EntryLine(&m.Entries[i]))
	}
	return out.String()
}

// EntryLine returns an entry as step and force-disk read it. A change of the configuration is
// rendered with its transition, or as its bytes where the text does not say all.
func EntryLine(e *pb.Entry) string {
	line := raft.DescribeEntry(*e, nil)
	if e.Type == pb.EntryNormal || len(e.Data) == 0 {
		return line
	}
	var cc pb.ConfChangeV2
	if e.Type == pb.EntryConfChangeV2 && cc.Unmarshal(e.Data) == nil && cc.Transition != pb.ConfChangeTransitionAuto {
		how := map[pb.ConfChangeTransition]string{pb.ConfChangeTransitionJointImplicit: "implicit", pb.ConfChangeTransitionJointExplicit: "explicit"}[cc.Transition]
		line = strings.Replace(line, e.Type.String(), e.Type.String()+" "+how, 1)
	}
	var a args
	if read := a.parseEntry(line); a.err != nil || !bytes.Equal(read.Data, e.Data) {
		return fmt.Sprintf("%d/%d %s 0x%x", e.Term, e.Index, e.Type, e.Data)
	}
	return line
}

// DeliverCommand returns the command that delivers a message that was sent, and is in flight for
// ever: the newest of those that look like it.
func DeliverCommand(m *pb.Message) string {
	out := fmt.Sprintf("deliver-msgs %d from=%d type=%s term=%d index=%d logterm=%d commit=%d", m.To, m.From, m.Type, m.Term, m.Index, m.LogTerm, m.Commit)
	if m.RejectHint != 0 {
		out += fmt.Sprintf(" hint=%d", m.RejectHint)
	}
	if m.Type == pb.MsgApp {
		out += fmt.Sprintf(" entries=%d", len(m.Entries))
	}
	if m.Reject {
		out += " reject=true"
	}
	return out + contextArg(m.Context) + " newest=true keep=true"
}

// contextArg: some contexts are words, others are bytes.
func contextArg(context []byte) string {
	if len(context) == 0 {
		return ""
	}
	for _, b := range context {
		if !('0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z') {
			return fmt.Sprintf(" context-hex=%x", context)
		}
	}
	return " context=" + string(context)
}

func snapshotArgs(s *pb.Snapshot) string {
	out := fmt.Sprintf(" snapshot=%d/%d", s.Metadata.Term, s.Metadata.Index) + ConfStateArgs(&s.Metadata.ConfState)
	if len(s.Data) > 0 {
		out += fmt.Sprintf(" content=%s", s.Data)
	}
	return out
}

// ConfStateArgs returns the arguments that describe a configuration, each after a blank.
func ConfStateArgs(cs *pb.ConfState) string {
	out := ""
	for _, list := range []struct {
		name string
		ids  []uint64
	}{
		{"voters", cs.Voters}, {"learners", cs.Learners}, {"voters-outgoing", cs.VotersOutgoing}, {"learners-next", cs.LearnersNext},
	} {
		if len(list.ids) > 0 {
			out += fmt.Sprintf(" %s=%s", list.name, IDs(list.ids))
		}
	}
	if cs.AutoLeave {
		out += " auto-leave=true"
	}
	return out
}

// IDs renders ids as an argument: (1,2,3).
func IDs(ids []uint64) string {
	return "(" + strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]") + ")"
}

// ConfigOptions returns the options of add-nodes that set what is different in two configurations,
// each after a blank.
func ConfigOptions(from, to *raft.Config) string {
	var out strings.Builder
	for _, o := range options.All() {
		if o.Arg != "" && o.Get(from) != o.Get(to) {
			fmt.Fprintf(&out, " %s=%s", o.Arg, o.Format(to))
		}
	}
	return out.String()
}
