package raft

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// The Describe functions render what a node says for people and for scripts
// (package rafttest). The renderings are stable. They accept anything, undecodable
// configuration changes included.

// EntryFormatter renders the data of a normal entry. It must not change or keep the data.
type EntryFormatter func([]byte) string

// DescribeHardState renders as "Term:1 Vote:2 Commit:3". A vote for None is left out.
func DescribeHardState(hs pb.HardState) string {
	if hs.Vote == None {
		return fmt.Sprintf("Term:%d Commit:%d", hs.Term, hs.Commit)
	}
	return fmt.Sprintf("Term:%d Vote:%d Commit:%d", hs.Term, hs.Vote, hs.Commit)
}

// DescribeSoftState renders as "Lead:1 State:StateFollower".
func DescribeSoftState(ss SoftState) string {
	return fmt.Sprintf("Lead:%d State:%s", ss.Lead, ss.RaftState)
}

// DescribeConfState renders as "Voters:[1 2] VotersOutgoing:[] Learners:[3]
// LearnersNext:[] AutoLeave:false", on one line.
func DescribeConfState(state pb.ConfState) string {
	return fmt.Sprintf("Voters:%v VotersOutgoing:%v Learners:%v LearnersNext:%v AutoLeave:%t",
		state.Voters, state.VotersOutgoing, state.Learners, state.LearnersNext, state.AutoLeave)
}

// DescribeSnapshot renders a snapshot's metadata; the data is left out.
func DescribeSnapshot(snap pb.Snapshot) string {
	m := &snap.Metadata
	return fmt.Sprintf("Index:%d Term:%d ConfState:%s", m.Index, m.Term, DescribeConfState(m.ConfState))
}

// DescribeEntry renders an entry as `term/index type data`, for instance `1/5 EntryNormal "foo"`.
// The data of a configuration change is rendered as its changes, "v2 r3", or as the error of
// decoding it. If f is nil, normal data is rendered with %q. The data of unknown types is left out.
func DescribeEntry(e pb.Entry, f EntryFormatter) string {
	head := fmt.Sprintf("%d/%d %s", e.Term, e.Index, e.Type)
	var data string
	switch {
	case raftlog.IsConfChange(&e):
		data = describeConfChange(&e)
	case e.Type != pb.EntryNormal:
	case f == nil:
		data = strconv.Quote(string(e.Data))
	default:
		data = f(e.Data)
	}
	if data == "" {
		return head
	}
	return head + " " + data
}

// describeConfChange renders every change that can be decoded, even an illegal one.
func describeConfChange(e *pb.Entry) string {
	var v1 pb.ConfChange
	var v2 pb.ConfChangeV2
	var err error
	if e.Type == pb.EntryConfChange {
		err = v1.Unmarshal(e.Data)
		v2 = v1.AsV2()
	} else {
		err = v2.Unmarshal(e.Data)
	}
	if err != nil {
		return err.Error()
	}
	return pb.ConfChangesToString(v2.Changes)
}

// DescribeEntries renders entries with DescribeEntry, each followed by a newline.
func DescribeEntries(ents []pb.Entry, f EntryFormatter) string {
	var out strings.Builder
	for i := range ents {
		out.WriteString(DescribeEntry(ents[i], f))
		out.WriteByte('\n')
	}
	return out.String()
}

// DescribeMessage renders a message without a newline at its end, for instance `1->2
// MsgApp Term:1 Log:1/3 Commit:4 Entries:[1/4 EntryNormal "x"]`. Fields that are zero are
// left out, but for Log. A message with a snapshot, several entries or responses takes several
// lines.
func DescribeMessage(m pb.Message, f EntryFormatter) string {
	var out strings.Builder
	describeMessage(&out, &m, f, "")
	return out.String()
}

// describeMessage writes m; indent stands before each of its lines but the first.
func describeMessage(out *strings.Builder, m *pb.Message, f EntryFormatter, indent string) {
	fmt.Fprintf(out, "%s->%s %s Term:%d Log:%d/%d", describeEnd(m.From), describeEnd(m.To), m.Type, m.Term, m.LogTerm, m.Index)
	if m.Reject {
		fmt.Fprintf(out, " Rejected (Hint: %d)", m.RejectHint)
	}
	if m.Commit != 0 {
		fmt.Fprintf(out, " Commit:%d", m.Commit)
	}
	if m.Vote != 0 {
		fmt.Fprintf(out, " Vote:%d", m.Vote)
	}
	switch len(m.Entries) {
	case 0:
	case 1:
		fmt.Fprintf(out, " Entries:[%s]", DescribeEntry(m.Entries[0], f))
	default:
		out.WriteString(" Entries:[")
		for i := range m.Entries {
			fmt.Fprintf(out, "\n%s  %s", indent, DescribeEntry(m.Entries[i], f))
		}
		fmt.Fprintf(out, "\n%s]", indent)
	}
	if m.Snapshot != nil && !IsEmptySnap(*m.Snapshot) {
		fmt.Fprintf(out, "\n%s  Snapshot: %s", indent, DescribeSnapshot(*m.Snapshot))
	}
	if len(m.Responses) == 0 {
		return
	}
	out.WriteString(" Responses:[")
	for i := range m.Responses {
		fmt.Fprintf(out, "\n%s  ", indent)
		describeMessage(out, &m.Responses[i], f, indent+"  ")
	}
	fmt.Fprintf(out, "\n%s]", indent)
}

// describeEnd renders the id at either end of a message: a thread by its name, which programs
// compare with that in v3.6, and a node in hexadecimal digits, as in log lines.
func describeEnd(id uint64) string {
	if id == LocalAppendThread {
		return "AppendThread"
	}
	if id == LocalApplyThread {
		return "ApplyThread"
	}
	if id == None {
		return "None"
	}
	return hexID(id)
}

// DescribeReady renders a batch of work, a line or a paragraph for each part of it that
// is not empty, or "<empty Ready>" without a newline if all are.
func DescribeReady(rd Ready, f EntryFormatter) string {
	var out strings.Builder
	if rd.SoftState != nil {
		fmt.Fprintln(&out, DescribeSoftState(*rd.SoftState))
	}
	if !IsEmptyHardState(rd.HardState) {
		fmt.Fprintln(&out, "HardState", DescribeHardState(rd.HardState))
	}
	if len(rd.ReadStates) > 0 {
		fmt.Fprintln(&out, "ReadStates", describeReadStates(rd.ReadStates))
	}
	if len(rd.DroppedReads) > 0 {
		fmt.Fprintln(&out, "DroppedReads", rd.DroppedReads)
	}
	if len(rd.CatchUps) > 0 {
		fmt.Fprintln(&out, "CatchUps", describeCatchUps(rd.CatchUps))
	}
	if len(rd.Entries) > 0 {
		fmt.Fprint(&out, "Entries:\n", DescribeEntries(rd.Entries, f))
	}
	if !IsEmptySnap(rd.Snapshot) {
		fmt.Fprintln(&out, "Snapshot", DescribeSnapshot(rd.Snapshot))
	}
	if len(rd.CommittedEntries) > 0 {
		fmt.Fprint(&out, "CommittedEntries:\n", DescribeEntries(rd.CommittedEntries, f))
	}
	if len(rd.Messages) > 0 {
		out.WriteString("Messages:\n")
		for i := range rd.Messages {
			describeMessage(&out, &rd.Messages[i], f, "")
			out.WriteByte('\n')
		}
	}
	if out.Len() == 0 {
		return "<empty Ready>"
	}
	return fmt.Sprintf("Ready MustSync=%t:\n%s", rd.MustSync, &out)
}

// describeCatchUps returns [{4 CatchUpPromoted rounds:2}].
func describeCatchUps(news []CatchUp) string {
	words := make([]string, 0, len(news))
	for _, c := range news {
		words = append(words, fmt.Sprintf("{%s %s rounds:%d}", hexID(c.ID), c.State, c.Rounds))
	}
	return "[" + strings.Join(words, " ") + "]"
}

// describeReadStates returns [{12 [99 116 120]}]: index and context.
func describeReadStates(states []ReadState) string {
	words := make([]string, 0, len(states))
	for _, rs := range states {
		words = append(words, fmt.Sprintf("{%d %v}", rs.Index, rs.RequestCtx))
	}
	return "[" + strings.Join(words, " ") + "]"
}
