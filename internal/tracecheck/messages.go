package tracecheck

import (
	"fmt"
	"strings"
)

// matches reports whether an event shows this message.
func (p *packet) matches(step string, m *Message) bool {
	if p.step != step || p.kind != m.Type || p.term != m.Term || p.from != m.From || p.to != m.To {
		return false
	}
	switch {
	case p.step == "AppendEntriesRequest":
		return uint64(len(p.entries)) == m.Entries &&
			(p.kind == "MsgSnap" || p.commit == m.Commit) &&
			(p.kind == "MsgHeartbeat" || p.index == m.Index && p.logTerm == m.LogTerm)
	case p.step == "AppendEntriesResponse":
		return p.success == !m.Reject && (m.Reject || p.kind == "MsgHeartbeatResp" || p.index == m.Index)
	case p.step == "RequestVoteRequest":
		return p.index == m.Index && p.logTerm == m.LogTerm
	}
	return p.success == !m.Reject
}

// send takes the step that builds a message. The step that receives a request builds its answer.
func (w *world) send(e *Event) string {
	m, step := e.Message, strings.TrimPrefix(e.Name, "Send")
	if m.From != m.To && strings.HasSuffix(step, "Response") {
		return ""
	}
	s := w.servers[m.From]
	p := packet{step: step, kind: m.Type, term: s.term, from: m.From, to: m.To, success: true}
	reason := ""
	switch step {
	case "RequestVoteRequest", "RequestVoteResponse":
		if s.role != candidate || !s.member(m.To) || s.responded[m.To] {
			return fmt.Sprintf("%s asks %s for a vote, answered by %v", s.role, m.To, s.responded)
		}
		p.index, p.logTerm = uint64(len(s.log)), s.lastTerm()
	case "AppendEntriesResponse":
		p.index = uint64(len(s.log))
		if s.role != leader {
			reason = s.role + " acknowledges itself"
		}
	case "AppendEntriesRequest":
		reason = s.sendAppend(m, &p)
	default:
		reason = "no such event"
	}
	if reason != "" {
		return reason
	}
	if reason := s.shows(e); reason != "" {
		return reason
	}
	if !p.matches(step, m) {
		return fmt.Sprintf("the specification sends %+v, the trace shows %+v", p, *m)
	}
	s.pending = append(s.pending, p)
	return ""
}

// sendAppend builds what a leader sends: an append, a heartbeat, or a snapshot, which is all
// entries up to a committed one.
func (s *server) sendAppend(m *Message, p *packet) string {
	if s.role != leader || m.From == m.To || !s.member(m.To) {
		return fmt.Sprintf("%s sends to %s, members %v", s.role, m.To, s.config)
	}
	size := uint64(len(s.log))
	switch m.Type {
	case "MsgHeartbeat":
		p.commit = min(s.commit, s.match[m.To])
		return ""
	case "MsgSnap":
		if m.Entries == 0 || m.Entries > s.commit {
			return fmt.Sprintf("a snapshot at %d, commit index %d", m.Entries, s.commit)
		}
		p.entries, p.commit = s.log[:m.Entries], m.Entries
		return ""
	}
	end := m.Index + m.Entries
	if m.Index < s.match[m.To] || end > size {
		return fmt.Sprintf("entries (%d, %d], matched are %d of %d", m.Index, end, s.match[m.To], size)
	}
	p.index, p.logTerm = m.Index, s.termAt(m.Index)
	p.entries = s.log[m.Index:end]
	p.commit = min(s.commit, end)
	return ""
}

// receive takes a message from the network and handles it, from the state that the event shows.
func (w *world) receive(e *Event) string {
	m, step := e.Message, strings.TrimPrefix(e.Name, "Receive")
	s := w.servers[m.To]
	if reason := s.shows(e); reason != "" {
		return reason
	}
	for i := range w.network {
		if !w.network[i].matches(step, m) {
			continue
		}
		p := w.network[i]
		w.network = append(w.network[:i], w.network[i+1:]...)
		if p.term > s.term {
			s.term, s.role, s.vote = p.term, follower, "0"
		}
		switch step {
		case "RequestVoteRequest":
			s.handleVoteRequest(&p)
		case "AppendEntriesRequest":
			return s.handleAppend(&p)
		default:
			s.handleResponse(&p)
		}
		return ""
	}
	return fmt.Sprintf("nobody has sent %+v", *m)
}

func (s *server) answer(p *packet, a packet) {
	a.term, a.from, a.to = s.term, p.to, p.from
	s.pending = append(s.pending, a)
}

func (s *server) handleVoteRequest(p *packet) {
	upToDate := p.logTerm > s.lastTerm() || p.logTerm == s.lastTerm() && p.index >= uint64(len(s.log))
	grant := p.term == s.term && upToDate && (s.vote == "0" || s.vote == p.from)
	if grant {
		s.vote = p.from
	}
	s.answer(p, packet{step: "RequestVoteResponse", kind: "MsgVoteResp", success: grant})
}

func (s *server) handleResponse(p *packet) {
	if p.term < s.term {
		return
	}
	if p.step == "AppendEntriesResponse" {
		if p.success {
			s.match[p.from] = max(s.match[p.from], p.index)
		}
		return
	}
	s.responded = s.responded.with(p.from)
	if p.success {
		s.granted = s.granted.with(p.from)
	}
}

func (s *server) handleAppend(p *packet) string {
	rejection := packet{step: "AppendEntriesResponse", kind: "MsgAppResp"}
	if p.term < s.term {
		s.answer(p, rejection)
		return ""
	}
	if s.role == leader {
		return "a leader receives an append of its own term"
	}
	s.role = follower
	if p.index > 0 && (p.index > uint64(len(s.log)) || s.termAt(p.index) != p.logTerm) {
		s.answer(p, rejection)
		return ""
	}
	acknowledgement := packet{step: "AppendEntriesResponse", success: true, index: p.index + uint64(len(p.entries))}
	// The acknowledgement of a snapshot has a type of its own, which no event shows.
	acknowledgement.kind = map[string]string{"MsgApp": "MsgAppResp", "MsgHeartbeat": "MsgHeartbeatResp", "MsgSnap": "MsgSnapResp"}[p.kind]
	if first := p.index + 1; first <= s.commit {
		if p.kind == "MsgHeartbeat" {
			s.commit = max(s.commit, p.commit)
		} else {
			acknowledgement.index = s.commit
		}
		s.answer(p, acknowledgement)
		return ""
	}
	s.merge(p)
	s.commit = max(s.commit, min(p.commit, acknowledgement.index))
	s.answer(p, acknowledgement)
	return ""
}

// merge removes entries from the end until none differs from p's, and appends what is missing.
func (s *server) merge(p *packet) {
	differ := func() bool {
		for k, e := range p.entries {
			if at := p.index + 1 + uint64(k); at <= uint64(len(s.log)) && s.termAt(at) != e.term {
				return true
			}
		}
		return false
	}
	for differ() {
		s.log = s.log[:len(s.log)-1]
	}
	if have := uint64(len(s.log)) - p.index; have < uint64(len(p.entries)) {
		s.log = append(s.log[:len(s.log):len(s.log)], p.entries[have:]...)
	}
}
