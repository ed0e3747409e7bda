package raftpb

import "strconv"

// text builds the compact protobuf text form: `term:1 commit:3 `. Fields are in the order of the Go
// struct, not of their numbers. Zero values are left out, except in lists.
type text []byte

// textOf returns the text of a message; write appends the fields.
func textOf[M any](m *M, write func(*M, *text)) string {
	if m == nil {
		return "<nil>"
	}
	var t text
	write(m, &t)
	return string(t)
}

func (t *text) name(name string) { *t = append(append(*t, name...), ':') }

func (t *text) number(name string, v uint64) {
	if v != 0 {
		t.element(name, v)
	}
}

func (t *text) element(name string, v uint64) {
	t.name(name)
	*t = append(strconv.AppendUint(*t, v, 10), ' ')
}

func (t *text) numbers(name string, vs []uint64) {
	for _, v := range vs {
		t.element(name, v)
	}
}

func (t *text) word(name, v string) {
	t.name(name)
	*t = append(append(*t, v...), ' ')
}

func (t *text) bool(name string, v bool) {
	if v {
		t.word(name, "true")
	}
}

// bytes writes a string literal in which everything but printable ASCII is escaped.
func (t *text) bytes(name string, v []byte) {
	if v == nil {
		return
	}
	t.name(name)
	*t = append(*t, '"')
	for _, c := range v {
		switch {
		case c == '\n':
			*t = append(*t, '\\', 'n')
		case c == '\r':
			*t = append(*t, '\\', 'r')
		case c == '\t':
			*t = append(*t, '\\', 't')
		case c == '"' || c == '\\':
			*t = append(*t, '\\', c)
		case c >= 0x20 && c < 0x7f:
			*t = append(*t, c)
		default:
			*t = append(*t, '\\', '0'+c>>6, '0'+c>>3&7, '0'+c&7)
		}
	}
	*t = append(*t, '"', ' ')
}

// open begins an embedded message, which close ends.
func (t *text) open(name string) {
	t.name(name)
	*t = append(*t, '<')
}

func (t *text) close() { *t = append(*t, '>', ' ') }

func (m *Entry) text(t *text) {
	t.number("Term", m.Term)
	t.number("Index", m.Index)
	if m.Type != 0 {
		t.word("Type", m.Type.String())
	}
	t.bytes("Data", m.Data)
}

func (m *HardState) text(t *text) {
	t.number("term", m.Term)
	t.number("vote", m.Vote)
	t.number("commit", m.Commit)
}

func (m *ConfState) text(t *text) {
	t.numbers("voters", m.Voters)
	t.numbers("learners", m.Learners)
	t.numbers("voters_outgoing", m.VotersOutgoing)
	t.numbers("learners_next", m.LearnersNext)
	t.bool("auto_leave", m.AutoLeave)
}

// isZero reports whether m is the zero value. With a list that is empty and not nil, m is not the
// zero value, and generated code writes a message without fields.
func (m *ConfState) isZero() bool {
	return m.Voters == nil && m.Learners == nil && m.VotersOutgoing == nil && m.LearnersNext == nil && !m.AutoLeave
}

func (m *SnapshotMetadata) isZero() bool {
	return m.ConfState.isZero() && m.Index == 0 && m.Term == 0
}

func (m *SnapshotMetadata) text(t *text) {
	if !m.ConfState.isZero() {
		t.open("conf_state")
		m.ConfState.text(t)
		t.close()
	}
	t.number("index", m.Index)
	t.number("term", m.Term)
}

func (m *Snapshot) text(t *text) {
	t.bytes("data", m.Data)
	if !m.Metadata.isZero() {
		t.open("metadata")
		m.Metadata.text(t)
		t.close()
	}
}

func (m *Message) text(t *text) {
	if m.Type != 0 {
		t.word("type", m.Type.String())
	}
	t.number("to", m.To)
	t.number("from", m.From)
	t.number("term", m.Term)
	t.number("logTerm", m.LogTerm)
	t.number("index", m.Index)
	for i := range m.Entries {
		t.open("entries")
		m.Entries[i].text(t)
		t.close()
	}
	t.number("commit", m.Commit)
	t.number("vote", m.Vote)
	if m.Snapshot != nil {
		t.open("snapshot")
		m.Snapshot.text(t)
		t.close()
	}
	t.bool("reject", m.Reject)
	t.number("rejectHint", m.RejectHint)
	t.bytes("context", m.Context)
	for i := range m.Responses {
		t.open("responses")
		m.Responses[i].text(t)
		t.close()
	}
}

func (m *ConfChange) text(t *text) {
	if m.Type != 0 {
		t.word("type", m.Type.String())
	}
	t.number("node_id", m.NodeID)
	t.bytes("context", m.Context)
	t.number("id", m.ID)
}

func (m *ConfChangeSingle) text(t *text) {
	if m.Type != 0 {
		t.word("type", m.Type.String())
	}
	t.number("node_id", m.NodeID)
}

func (m *ConfChangeV2) text(t *text) {
	if m.Transition != 0 {
		t.word("transition", m.Transition.String())
	}
	for i := range m.Changes {
		t.open("changes")
		m.Changes[i].text(t)
		t.close()
	}
	t.bytes("context", m.Context)
}
