package rafttest

import (
	"bytes"

	pb "github.com/ffd200af/raft/raftpb"
)

// pick says which messages to a node are meant.
type pick struct {
	typ    pb.MessageType // all types if negative
	wanted []want
	// context, if not nil, is the one that the message has to have.
	context []byte
	local   bool // those that stay on their node
	newest  bool // only the last of those that fit
	keep    bool // they stay in flight
}

// want is a field of a message with the value that it has to have.
type want struct {
	field func(m *pb.Message) uint64
	value uint64
}

// read reads the arguments that narrow the choice down.
func (p *pick) read(a *args) {
	for _, f := range []struct {
		name  string
		field func(m *pb.Message) uint64
	}{
		{"from", func(m *pb.Message) uint64 { return m.From }},
		{"term", func(m *pb.Message) uint64 { return m.Term }},
		{"index", func(m *pb.Message) uint64 { return m.Index }},
		{"logterm", func(m *pb.Message) uint64 { return m.LogTerm }},
		{"commit", func(m *pb.Message) uint64 { return m.Commit }},
		{"hint", func(m *pb.Message) uint64 { return m.RejectHint }},
		{"entries", func(m *pb.Message) uint64 { return uint64(len(m.Entries)) }},
	} {
		if text, given := a.value(f.name); given {
			p.wanted = append(p.wanted, want{field: f.field, value: a.parse(f.name, text, ^uint64(0))})
		}
	}
	var reject bool
	a.setBool("reject", &reject)
	if reject {
		p.wanted = append(p.wanted, want{field: isRejection, value: 1})
	}
	if context, given := a.context(); given {
		p.context = context
	}
	a.setBool("local", &p.local)
	a.setBool("newest", &p.newest)
	a.setBool("keep", &p.keep)
}

func isRejection(m *pb.Message) uint64 {
	if m.Reject {
		return 1
	}
	return 0
}

func (p *pick) fits(m *pb.Message, to uint64) bool {
	if m.To != to || p.typ >= 0 && m.Type != p.typ || p.local && !staysOnNode(m) {
		return false
	}
	if p.context != nil && !bytes.Equal(m.Context, p.context) {
		return false
	}
	for _, w := range p.wanted {
		if w.field(m) != w.value {
			return false
		}
	}
	return true
}

// takeMessages returns the messages to a node that are meant, and removes them from those in flight
// unless they are kept.
func (env *InteractionEnv) takeMessages(p pick, to uint64) []pb.Message {
	var taken []pb.Message
	from := 0
	if p.newest {
		for i := len(env.Messages) - 1; i >= 0 && from == 0; i-- {
			if p.fits(&env.Messages[i], to) {
				from = i
			}
		}
	}
	for i := from; i < len(env.Messages); i++ {
		if p.fits(&env.Messages[i], to) && !(p.newest && len(taken) > 0) {
			taken = append(taken, env.Messages[i])
		}
	}
	if len(taken) > 0 && !p.keep {
		at := -1
		env.Messages = without(env.Messages, func(m *pb.Message) bool {
			at++
			return at >= from && p.fits(m, to)
		})
	}
	return taken
}
