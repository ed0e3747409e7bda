package sim

import (
	"fmt"

	pb "github.com/ffd200af/raft/raftpb"
)

// recorder keeps the actions of a run.
type recorder struct {
	actions []action
	// lines describes them, if describe is set.
	lines    []string
	describe bool
}

func (w *world) note(a action) {
	if w.recorder == nil {
		return
	}
	w.recorder.actions = append(w.recorder.actions, a)
	if w.recorder.describe {
		w.recorder.lines = append(w.recorder.lines, a.String())
	}
}

// describe adds what an action has brought about.
func (w *world) describe(format string, args ...any) {
	if w.recorder != nil && w.recorder.describe {
		w.recorder.lines = append(w.recorder.lines, "    "+fmt.Sprintf(format, args...))
	}
}

// String renders an action for a trace.
func (a *action) String() string {
	switch a.kind {
	case doDeliver:
		return fmt.Sprintf("%d gets from %d: %s", a.node, a.peer, a.key)
	case doPropose:
		return fmt.Sprintf("%d propose %q", a.node, a.data)
	case doConfChange:
		var cc pb.ConfChangeV2
		if err := cc.Unmarshal(a.data); err != nil {
			return fmt.Sprintf("%d conf-change %v", a.node, err)
		}
		return fmt.Sprintf("%d conf-change %s %s", a.node, cc.Transition, pb.ConfChangesToString(cc.Changes))
	case doAddServer, doAwait, doTransfer, doUnreachable, doSnapStatus:
		return fmt.Sprintf("%d %s %d (%d)", a.node, a.kind, a.peer, a.n)
	case doCrash, doCrashWriting, doCompact, doRead, doLoseDisk, doSkip:
		return fmt.Sprintf("%d %s %d", a.node, a.kind, a.n)
	}
	return fmt.Sprintf("%d %s", a.node, a.kind)
}

func (k messageKey) String() string {
	reject := ""
	if k.reject {
		reject = " Reject"
	}
	return fmt.Sprintf("%s Term:%d Log:%d/%d Commit:%d Entries:%d%s", k.typ, k.term, k.logTerm, k.index, k.commit, k.entries, reject)
}

// messageKey is what a message is recognised by when actions are repeated.
type messageKey struct {
	typ                  pb.MessageType
	from, to             uint64
	term, index, logTerm uint64
	commit, hint         uint64
	content              uint64 // a hash of context and entries
	entries              int
	reject, snapshot     bool
}

func keyOf(m *pb.Message) messageKey {
	return messageKey{
		typ: m.Type, from: m.From, to: m.To, term: m.Term, index: m.Index, logTerm: m.LogTerm, commit: m.Commit,
		hint: m.RejectHint, content: contentOf(m), entries: len(m.Entries), reject: m.Reject, snapshot: m.Snapshot != nil,
	}
}

func contentOf(m *pb.Message) uint64 {
	h := hashBytes(m.Context)
	for i := range m.Entries {
		e := &m.Entries[i]
		h = mix(mix(h, e.Term<<32^uint64(e.Type)), hashBytes(e.Data))
	}
	return h
}
