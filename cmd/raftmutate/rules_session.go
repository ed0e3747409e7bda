package main

// sessionRemovals take out rules of package session.
func sessionRemovals() []removal {
	return []removal{
		{"session-once", "a command that comes twice is executed once", "§6.3", []edit{{"session/table.go",
			`	if r := s.replies.find(h.Sequence); r != nil {
		return r.answer()
	}
`, ``}}},
		{"session-expired", "a command of a session that is gone is not executed", "§6.3", []edit{{"session/table.go",
			`	s := t.touch(h.Session)
	if s == nil {
		return nil, ErrExpired
	}
	t.acknowledge(s, h.Awaiting)`, `	s := t.touch(h.Session)
	if s == nil {
		s = &session{id: h.Session, active: t.now, awaiting: 1}
		t.add(s)
	}
	t.acknowledge(s, h.Awaiting)`}}},
		{"session-acknowledged", "a command whose reply was taken is not executed again", "§6.3", []edit{{"session/table.go",
			`	if h.Sequence < s.awaiting {
		return nil, ErrAcknowledged
	}
`, ``}}},
		{"session-time", "the agreed time does not fall", "§6.3", []edit{{"session/table.go",
			`	t.now = max(t.now, time)
`, `	t.now = time
`}}},
		{"session-snapshot", "a snapshot holds what commands have answered", "§6.3", []edit{{"session/table.go",
			`	t.bytes -= s.replies.dropBelow(s.awaiting)
`, `	s.replies.dropBelow(s.awaiting)
`}}},
		{"session-window", "commands far ahead are refused", "§6.3", []edit{{"session/table.go",
			`	if h.Sequence-s.awaiting >= t.limits.Window {
		return nil, ErrWindow
	}
`, ``}}},
		{"session-replayed", "an entry that comes again after a restart is not applied again", "§6.3", []edit{{"session/table.go",
			`	if index <= t.applied {
		return nil, ErrApplied
	}
`, ``}}},
	}
}
