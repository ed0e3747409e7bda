package rafttest

import (
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	pb "github.com/ffd200af/raft/raftpb"
)

// handleStep gives a message that is written down by hand to a node, and prints the error of a node
// that refuses it. It need not be a message that any node would send. The body lists its entries as
// they are printed elsewhere, a line each; the type may be left out. Data may be written as its
// bytes, which for a configuration change says more than what is printed:
//
//	step type=MsgApp [from=1] [to=2] [at=2] [term=2] [index=3] [logterm=1] [commit=2] [vote=1]
//	    [reject=true] [hint=3] [context=abc | context-hex=616263]
//	    [snapshot=TERM/INDEX voters=(1,2,3) learners=(4) voters-outgoing=(1) learners-next=(5) content=foo]
//	2/4 "data"
//	2/5 EntryConfChangeV2 v4 l5
//	2/6 EntryConfChangeV2 0x0802120408001004
//	2/6 EntryConfChangeV2 explicit v6
//
// It goes to the node with the id at, which is the recipient unless given.
func handleStep(env *InteractionEnv, a *args) error {
	m, at := readMessage(a)
	if err := a.done(); err != nil {
		return err
	}
	env.observer.Believe(&m)
	idx := position(at)
	n, err := env.liveNode(idx)
	if err != nil {
		return err
	}
	env.Options.Picture.ReceiveByHand(at, &m)
	err = n.RawNode.Step(m)
	env.Options.Picture.Refuse(at, err)
	env.observe(idx)
	return err
}

func readMessage(a *args) (pb.Message, uint64) {
	m := pb.Message{Type: allTypes}
	a.setMessageType("type", &m.Type)
	if m.Type == allTypes {
		a.fail("missing argument: type")
	}
	a.setUint("from", &m.From)
	a.setUint("to", &m.To)
	at := m.To
	a.setUint("at", &at)
	if at > math.MaxInt32 {
		a.fail("there is no such node: %d", at)
	}
	a.setUint("term", &m.Term)
	a.setUint("index", &m.Index)
	a.setUint("logterm", &m.LogTerm)
	a.setUint("commit", &m.Commit)
	a.setUint("vote", &m.Vote)
	a.setBool("reject", &m.Reject)
	a.setUint("hint", &m.RejectHint)
	if context, ok := a.context(); ok {
		m.Context = context
	}
	if id, ok := a.value("snapshot"); ok {
		snap := readSnapshotArgs(a)
		snap.Metadata.Term, snap.Metadata.Index = a.parseID(id)
		m.Snapshot = &snap
	}
	for line := range strings.Lines(a.input) {
		if line = strings.TrimSpace(line); line != "" {
			m.Entries = append(m.Entries, a.parseEntry(line))
		}
	}
	return m, at
}

// context reads the context of a message; false if none is given.
func (a *args) context() ([]byte, bool) {
	if text, ok := a.value("context"); ok {
		return []byte(text), true
	}
	digits, ok := a.value("context-hex")
	if !ok {
		return nil, false
	}
	context, err := hex.DecodeString(digits)
	if err != nil {
		a.fail("context-hex: %w", err)
	}
	return context, true
}

// parseID reads TERM/INDEX.
func (a *args) parseID(s string) (term, index uint64) {
	termText, indexText, ok := strings.Cut(s, "/")
	if !ok {
		a.fail("%q is not of the form TERM/INDEX", s)
		return 0, 0
	}
	return a.parse("term", termText, ^uint64(0)), a.parse("index", indexText, ^uint64(0))
}

// parseEntry reads an entry as raft.DescribeEntry renders it.
func (a *args) parseEntry(line string) pb.Entry {
	id, rest, _ := strings.Cut(line, " ")
	var e pb.Entry
	e.Term, e.Index = a.parseID(id)
	rest = strings.TrimSpace(rest)
	if word, data, _ := strings.Cut(rest, " "); word != "" && !strings.HasPrefix(word, `"`) {
		typ, known := pb.EntryType_value[word]
		if !known {
			a.fail("unknown entry type %q", word)
			return e
		}
		e.Type, rest = pb.EntryType(typ), strings.TrimSpace(data)
	}
	var err error
	digits, raw := strings.CutPrefix(rest, "0x")
	switch {
	case raw:
		e.Data, err = hex.DecodeString(digits)
	case e.Type == pb.EntryNormal:
		e.Data, err = unquote(rest)
	case e.Type == pb.EntryConfChange:
		e.Data, err = encodeConfChangeV1(rest)
	case e.Type == pb.EntryConfChangeV2:
		if rest == "" {
			break // the end of a joint configuration, which leaders propose without data
		}
		transition := "auto"
		if word, changes, _ := strings.Cut(rest, " "); word == "implicit" || word == "explicit" {
			transition, rest = word, changes
		}
		var cc pb.ConfChangeV2
		if cc, err = parseConfChange(rest, transition); err == nil {
			e.Data, err = cc.Marshal()
		}
	}
	if err != nil {
		a.fail("entry %q: %w", line, err)
	}
	return e
}

func unquote(s string) ([]byte, error) {
	if s == "" {
		return nil, nil
	}
	text, err := strconv.Unquote(s)
	if err != nil {
		return nil, fmt.Errorf("data %s: %w", s, err)
	}
	if text == "" {
		return nil, nil
	}
	return []byte(text), nil
}

func encodeConfChangeV1(s string) ([]byte, error) {
	changes, err := pb.ConfChangesFromString(s)
	if err != nil {
		return nil, err
	}
	if len(changes) != 1 {
		return nil, fmt.Errorf("an EntryConfChange holds one change, not %d", len(changes))
	}
	cc := pb.ConfChange{Type: changes[0].Type, NodeID: changes[0].NodeID}
	return cc.Marshal()
}
