package session

// Table is the sessions of all clients of one replicated state machine, and a part of its
// state: it is changed by Apply only, saved together with the rest, and encoded into its
// snapshots. The zero Table has no sessions and no limits; it takes both from the log or from
// UnmarshalBinary. A Table is for one goroutine and is not copied.
type Table struct {
	limits  Limits
	applied uint64 // index of the last entry
	now     uint64 // the agreed time
	bytes   uint64 // sum of the lengths of all replies
	busy    bool   // a command is being executed

	sessions map[uint64]*session // by id; never iterated over
	order    recency             // the same sessions
}

// Apply applies one committed log entry, given its index and the header in front of its
// data. Every replica calls it for the same entries in the same order; each call gets the
// same answer everywhere.
//
// For an Execute command it calls execute if and only if the command is to be executed now, and
// returns what execute returned; for a duplicate it returns what execute returned the first time.
// execute changes the state machine and does not fail: what the client should learn, a refusal
// for instance, is in the bytes that it returns. A replica whose disk fails in it has to stop
// without saving the table. It may ask the table but not change it. Commands of other kinds have
// no reply and do not use execute, which may be nil.
//
// What execute returns remains the caller's. The reply that Apply returns is the table's: it
// never changes, may be kept, and must not be written to. An empty one is nil.
//
// The session that a Register command opens has the entry's index as its id.
//
// The errors are those of the first group in this package, ErrApplied and ErrBusy.
func (t *Table) Apply(index uint64, h Header, execute func() []byte) ([]byte, error) {
	if t.busy {
		return nil, ErrBusy
	}
	if err := h.check(); err != nil {
		return nil, err
	}
	// A replica that restarts may be given entries again that its table already has.
	if index <= t.applied {
		return nil, ErrApplied
	}
	t.applied = index
	t.advance(h.Time)
	switch h.Kind {
	case Execute:
		return t.execute(&h, execute)
	case Register:
		return nil, t.register(index)
	case KeepAlive:
		return nil, t.keepAlive(&h)
	case Close:
		return nil, t.close(h.Session)
	case Configure:
		t.configure(h.Limits)
	case Advance: // nothing but its time and its index
	}
	return nil, nil
}

// advance moves the agreed time. It never falls: the next leader's clock may be behind.
func (t *Table) advance(time uint64) {
	t.now = max(t.now, time)
	t.expireIdle()
}

func (t *Table) register(id uint64) error {
	if t.limits.Sessions == 0 {
		return ErrNotConfigured
	}
	for uint64(len(t.sessions)) >= t.limits.Sessions {
		t.drop(t.order.oldest)
	}
	t.add(&session{id: id, active: t.now, awaiting: 1})
	return nil
}

// execute is the receipt of a client's command (thesis, Figure 6.1, ClientRequest, steps 3 to 6).
func (t *Table) execute(h *Header, execute func() []byte) ([]byte, error) {
	s := t.touch(h.Session)
	if s == nil {
		return nil, ErrExpired
	}
	t.acknowledge(s, h.Awaiting)
	// Not "never seen": whether it was executed is not known any more, and the client does not
	// care.
	if h.Sequence < s.awaiting {
		return nil, ErrAcknowledged
	}
	if r := s.replies.find(h.Sequence); r != nil {
		return r.answer()
	}
	if h.Sequence-s.awaiting >= t.limits.Window {
		return nil, ErrWindow
	}
	t.busy = true
	data := execute()
	t.busy = false
	return t.keep(s, h.Sequence, data).answer()
}

// keep notes that a command is executed, and its reply.
func (t *Table) keep(s *session, sequence uint64, data []byte) reply {
	r := reply{sequence: sequence}
	if n := uint64(len(data)); n > t.limits.ReplyBytes {
		r.tooLong = true
	} else {
		r.data = append(r.data, data...)
		t.makeRoom(n)
		t.bytes += n
	}
	s.replies.insert(r)
	return r
}

// answer is what the client gets, the first time and each time after.
func (r reply) answer() ([]byte, error) {
	if r.tooLong {
		return nil, ErrReplyTooLong
	}
	return r.data, nil
}

func (t *Table) keepAlive(h *Header) error {
	s := t.touch(h.Session)
	if s == nil {
		return ErrExpired
	}
	t.acknowledge(s, h.Awaiting)
	return nil
}

func (t *Table) close(id uint64) error {
	s := t.sessions[id]
	if s == nil {
		return ErrExpired
	}
	t.drop(s)
	return nil
}

// configure sets the limits and expires what they do not admit.
func (t *Table) configure(l Limits) {
	t.limits = l
	t.expireIdle()
	for s := t.order.oldest; s != nil; {
		next := s.newer
		if !l.admits(s) {
			t.drop(s)
		}
		s = next
	}
	for uint64(len(t.sessions)) > l.Sessions {
		t.drop(t.order.oldest)
	}
	t.makeRoom(0)
}

// acknowledge drops what the client does not wait for any more. A command that was overtaken
// says an older number, which takes nothing back.
func (t *Table) acknowledge(s *session, awaiting uint64) {
	s.awaiting = max(s.awaiting, awaiting)
	t.bytes -= s.replies.dropBelow(s.awaiting)
}

// expireIdle drops the sessions that are idle for longer than their lifetime.
func (t *Table) expireIdle() {
	if t.limits.Lifetime == 0 {
		return
	}
	for s := t.order.oldest; s != nil && t.now-s.active > t.limits.Lifetime; s = t.order.oldest {
		t.drop(s)
	}
}

// makeRoom drops sessions until n more bytes fit. It never comes to the session whose reply they
// are: that one was used last, and Limits.check has seen to it that a full window fits.
func (t *Table) makeRoom(n uint64) {
	for t.bytes+n > t.limits.TotalBytes {
		t.drop(t.order.oldest)
	}
}

// touch returns the session as the one used last, or nil if there is none.
func (t *Table) touch(id uint64) *session {
	s := t.sessions[id]
	if s != nil {
		s.active = t.now
		t.order.remove(s)
		t.order.pushNewest(s)
	}
	return s
}

// add takes in a session as the one used last.
func (t *Table) add(s *session) {
	if t.sessions == nil {
		t.sessions = map[uint64]*session{}
	}
	t.sessions[s.id] = s
	t.order.pushNewest(s)
	t.bytes += s.replies.bytes
}

func (t *Table) drop(s *session) {
	delete(t.sessions, s.id)
	t.order.remove(s)
	t.bytes -= s.replies.bytes
}

// Applied returns the index of the last entry that was applied.
func (t *Table) Applied() uint64 { return t.applied }

// Time returns the agreed time: the largest Header.Time that was applied. A leader that stamps
// its entries with the agreed time at its election plus what its own monotonic clock has
// measured since is not misled by anybody's wall clock.
func (t *Table) Time() uint64 { return t.now }

// Limits returns the limits that are agreed; all are zero if none are.
func (t *Table) Limits() Limits { return t.limits }

// Len returns the number of sessions.
func (t *Table) Len() int { return len(t.sessions) }

// Bytes returns the sum of the lengths of all kept replies.
func (t *Table) Bytes() uint64 { return t.bytes }

// Contains reports whether there is a session with this id as of the last entry applied.
func (t *Table) Contains(id uint64) bool { return t.sessions[id] != nil }
