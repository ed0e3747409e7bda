package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ffd200af/raft/session"
)

// Sessions let a client repeat a write until it is answered and have it carried out once
// (thesis §6.3). They are part of the state machine: package session recognises a repetition in
// the log.

// sessionLimits are agreed by the log, when the first session is opened. Sessions end when
// others need their place and not by time, so no clock matters. All of them together stay far below
// a megabyte, because a batch that changes them writes them whole.
var sessionLimits = session.Limits{Sessions: 1000, Window: 16, ReplyBytes: 1, TotalBytes: 16000}

// Headers of a write in a session.
const (
	headerSession  = "Kv-Session"  // as POST /session gave it
	headerSequence = "Kv-Sequence" // 1 for the session's first write, and so on; the same when it is repeated
	// headerAwaiting is the lowest number that the client still waits for: for those that have
	// several writes in flight. Without it, it is the write's own number.
	headerAwaiting = "Kv-Awaiting"
)

var errBadSession = errors.New("a session needs " + headerSession + " and " + headerSequence + ", numbers above 0, and may have " + headerAwaiting)

// sessionHeader reads the session of a request; nil if it has none.
func sessionHeader(from http.Header) (*session.Header, error) {
	if from.Get(headerSession) == "" && from.Get(headerSequence) == "" {
		return nil, nil
	}
	number := func(name string) uint64 {
		n, err := strconv.ParseUint(from.Get(name), 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	h := &session.Header{Kind: session.Execute, Session: number(headerSession), Sequence: number(headerSequence)}
	h.Awaiting = h.Sequence
	if from.Get(headerAwaiting) != "" {
		h.Awaiting = number(headerAwaiting)
	}
	if h.Session == 0 || h.Awaiting == 0 || h.Awaiting > h.Sequence {
		return nil, errBadSession
	}
	return h, nil
}

// openSession registers a session; its id is the index of the entry that does so. A client that
// does not get the answer opens another one.
func (r *replica) openSession(w http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), r.opts.timeout)
	defer cancel()
	register := func() (outcome, error) {
		return r.do(ctx, command{op: opSession, header: &session.Header{Kind: session.Register}})
	}
	o, err := register()
	if err == nil && errors.Is(o.err, session.ErrNotConfigured) {
		// Several at once agree on the same limits several times, which does no harm.
		_, err = r.do(ctx, command{op: opSession, header: &session.Header{Kind: session.Configure, Limits: sessionLimits}})
		if err == nil {
			o, err = register()
		}
	}
	if err = errors.Join(err, o.err); err != nil {
		unavailable(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]uint64{"session": o.index})
}

// closeSession ends a session. One that is gone is as good.
func (r *replica) closeSession(w http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), r.opts.timeout)
	defer cancel()
	id, err := strconv.ParseUint(req.PathValue("id"), 10, 64)
	if err != nil {
		http.Error(w, errBadSession.Error(), http.StatusBadRequest)
		return
	}
	if _, err := r.do(ctx, command{op: opSession, header: &session.Header{Kind: session.Close, Session: id}}); err != nil {
		unavailable(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// sessionStatus is the HTTP status for what a session says to a command.
func sessionStatus(err error) int {
	switch {
	case errors.Is(err, session.ErrMalformed):
		return http.StatusBadRequest
	case errors.Is(err, session.ErrWindow):
		return http.StatusTooManyRequests
	}
	return http.StatusConflict
}

func (s *store) loadSessions() error {
	s.sessions = new(session.Table)
	row, found, err := s.get(keySessions)
	if err != nil || !found {
		return err
	}
	err = s.sessions.UnmarshalBinary(row)
	s.savedSessions = s.sessions.Applied()
	return err
}

// saveSessions puts the sessions into a batch if they have changed. What they have seen and
// what it did are in one batch: apart from each other, a crash could leave one without the other.
func (s *store) saveSessions(b *pebble.Batch) error {
	if s.sessions.Applied() == s.savedSessions {
		return nil
	}
	row, err := s.sessions.MarshalBinary()
	if err != nil {
		return err
	}
	return b.Set(keySessions, row, nil)
}
