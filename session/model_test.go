package session

import (
	"errors"
	"slices"
)

// model is a table that keeps no count and no order but the list itself, looks at everything
// each time, and remembers every command that it has executed.
type model struct {
	limits       Limits
	applied, now uint64
	sessions     []*modelSession // the one used longest ago first
}

type modelSession struct {
	id, active, awaiting uint64
	replies              map[uint64]string // by sequence number, those that the client awaits
}

func (m *model) bytes() (sum uint64) {
	for _, s := range m.sessions {
		for _, reply := range s.replies {
			if uint64(len(reply)) <= m.limits.ReplyBytes {
				sum += uint64(len(reply))
			}
		}
	}
	return sum
}

// expire drops the sessions for which the condition holds.
func (m *model) expire(condition func(*modelSession) bool) {
	m.sessions = slices.DeleteFunc(m.sessions, condition)
}

// use returns the session, now the one used last.
func (m *model) use(id uint64) *modelSession {
	for i, s := range m.sessions {
		if s.id == id {
			m.sessions = append(slices.Delete(m.sessions, i, i+1), s)
			s.active = m.now
			return s
		}
	}
	return nil
}

func (s *modelSession) acknowledge(awaiting uint64) {
	s.awaiting = max(s.awaiting, awaiting)
	for sequence := range s.replies {
		if sequence < s.awaiting {
			delete(s.replies, sequence)
		}
	}
}

func (m *model) apply(h Header, execute func() string) (string, error) {
	m.applied++
	m.now = max(m.now, h.Time)
	m.expireIdle()
	switch h.Kind {
	case Register:
		m.sessions = append(m.sessions, &modelSession{id: m.applied, active: m.now, awaiting: 1, replies: map[uint64]string{}})
		m.sessions = m.sessions[max(len(m.sessions)-int(m.limits.Sessions), 0):]
		return "", nil
	case Configure:
		m.configure(h.Limits)
		return "", nil
	case Advance:
		return "", nil
	}
	s := m.use(h.Session)
	switch {
	case s == nil:
		return "", ErrExpired
	case h.Kind == Close:
		m.sessions = m.sessions[:len(m.sessions)-1]
		return "", nil
	}
	s.acknowledge(h.Awaiting)
	if h.Kind == KeepAlive {
		return "", nil
	}
	return m.execute(s, h.Sequence, execute)
}

func (m *model) execute(s *modelSession, sequence uint64, execute func() string) (string, error) {
	switch _, known := s.replies[sequence]; {
	case sequence < s.awaiting:
		return "", ErrAcknowledged
	case known:
	case sequence >= s.awaiting+m.limits.Window:
		return "", ErrWindow
	default:
		s.replies[sequence] = execute()
	}
	for m.bytes() > m.limits.TotalBytes {
		m.sessions = m.sessions[1:]
	}
	if reply := s.replies[sequence]; uint64(len(reply)) <= m.limits.ReplyBytes {
		return reply, nil
	}
	return "", ErrReplyTooLong
}

func (m *model) expireIdle() {
	m.expire(func(s *modelSession) bool { return m.limits.Lifetime > 0 && s.active+m.limits.Lifetime < m.now })
}

// configure marks what was too long before, which stays so: its reply is gone.
func (m *model) configure(l Limits) {
	longest := m.limits.ReplyBytes
	m.limits = l
	m.expireIdle()
	m.expire(func(s *modelSession) bool {
		for sequence, reply := range s.replies {
			if sequence >= s.awaiting+l.Window || uint64(len(reply)) <= longest && uint64(len(reply)) > l.ReplyBytes {
				return true
			}
		}
		return false
	})
	for _, s := range m.sessions {
		for sequence, reply := range s.replies {
			if uint64(len(reply)) > longest {
				s.replies[sequence] = tooLongForAll
			}
		}
	}
	m.sessions = m.sessions[max(len(m.sessions)-int(l.Sessions), 0):]
	for m.bytes() > l.TotalBytes {
		m.sessions = m.sessions[1:]
	}
}

// tooLongForAll is longer than any limit that the tests draw.
const tooLongForAll = "a reply that is longer than any limit"

// sameError reports whether got is what the model says.
func sameError(got, want error) bool { return errors.Is(got, want) && (got == nil) == (want == nil) }
