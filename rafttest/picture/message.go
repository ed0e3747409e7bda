package picture

import (
	"fmt"
	"strings"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// shortType is the type of a message without the prefix that all have.
func shortType(t pb.MessageType) string { return strings.TrimPrefix(t.String(), "Msg") }

// shortMessage renders what a reader needs to follow the arrows; all of a message is its Detail.
func shortMessage(m *pb.Message) string {
	words := shortType(m.Type)
	switch m.Type {
	case pb.MsgApp:
		if len(m.Entries) > 0 {
			words += " " + span(m.Entries)
		}
		words += fmt.Sprintf(" after %d/%d, commit %d", m.LogTerm, m.Index, m.Commit)
	case pb.MsgAppResp:
		if m.Reject {
			return fmt.Sprintf("%s rejects %d, hint %d", words, m.Index, m.RejectHint)
		}
		words += fmt.Sprintf(" has %d", m.Index)
	case pb.MsgVote, pb.MsgPreVote:
		words += fmt.Sprintf(" term %d, log %d/%d", m.Term, m.LogTerm, m.Index)
	case pb.MsgVoteResp, pb.MsgPreVoteResp:
		if m.Reject {
			return words + " no"
		}
		return words + " yes"
	case pb.MsgHeartbeat:
		words += fmt.Sprintf(", commit %d", m.Commit)
	case pb.MsgSnap:
		if m.Snapshot != nil {
			words += fmt.Sprintf(" %d/%d", m.Snapshot.Metadata.Term, m.Snapshot.Metadata.Index)
		}
	case pb.MsgReadIndex, pb.MsgReadIndexResp:
		if len(m.Entries) > 0 {
			words += fmt.Sprintf(" %q", m.Entries[0].Data)
		}
		if m.Type == pb.MsgReadIndexResp {
			words += fmt.Sprintf(" at %d", m.Index)
		}
	}
	return words
}

// newMessage is what a picture keeps of a message from a node.
func newMessage(from uint64, m *pb.Message) Message {
	detail := raft.DescribeMessage(*m, nil)
	if len(m.Context) > 0 {
		detail += fmt.Sprintf(" Context:%x", m.Context)
	}
	return Message{
		From: from, To: m.To, Type: shortType(m.Type), Term: m.Term, Text: shortMessage(m), Detail: detail, Reject: m.Reject, Ended: -1,
	}
}

// newEntry is what a picture keeps of an entry.
func newEntry(e *pb.Entry) Entry {
	// DescribeEntry renders TERM/INDEX TYPE WORDS.
	words := strings.SplitN(raft.DescribeEntry(*e, nil), " ", 3)
	text := ""
	if len(words) == 3 {
		text = words[2]
	}
	return Entry{Term: e.Term, Text: clip(text, 60), Config: e.Type != pb.EntryNormal}
}

// clip shortens a text to at most n runes.
func clip(text string, n int) string {
	runes := []rune(text)
	if len(runes) <= n {
		return text
	}
	return string(runes[:max(n-1, 0)]) + "…"
}
