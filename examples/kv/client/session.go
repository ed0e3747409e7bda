package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
)

const (
	headerSession  = "Kv-Session"
	headerSequence = "Kv-Sequence"
	headerAwaiting = "Kv-Awaiting"

	// window is how many numbers of a session may be in use, from the lowest without an answer on.
	window = 16
)

// session numbers writes, so that the cluster recognises a repetition.
type session struct {
	id uint64

	mu      sync.Mutex
	last    uint64        // number that was given out
	waiting []uint64      // numbers without an answer, ascending
	moved   chan struct{} // closed when the lowest of them changes
}

func newSession(id uint64) *session { return &session{id: id, moved: make(chan struct{})} }

// take gives out a number when there is room in the window.
func (s *session) take(ctx context.Context) (uint64, error) {
	for {
		number, moved := s.next()
		if number > 0 {
			return number, nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// next returns the next number, or 0 and what to wait for.
func (s *session) next() (number uint64, moved <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) > 0 && s.last+1-s.waiting[0] >= window {
		return 0, s.moved
	}
	s.last++
	s.waiting = append(s.waiting, s.last)
	return s.last, nil
}

// settle notes that nobody waits for a number any more.
func (s *session) settle(number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.waiting, number)
	s.waiting = slices.Delete(s.waiting, i, i+1)
	if i == 0 {
		close(s.moved)
		s.moved = make(chan struct{})
	}
}

// mark puts a number into a request, with the lowest number that the client waits for now.
func (s *session) mark(to http.Header, number uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	to.Set(headerSession, format(s.id))
	to.Set(headerSequence, format(number))
	to.Set(headerAwaiting, format(s.waiting[0]))
}

// write carries a write out once. A condition is the revision that the key must have.
func (c *Client) write(ctx context.Context, method, key string, value []byte, condition *uint64) (revision uint64, err error) {
	path, err := keyPath(key)
	if err != nil {
		return 0, err
	}
	q := call{
		method: method, path: path, body: value, header: map[string]string{},
		outcomes: []int{http.StatusNoContent, http.StatusPreconditionFailed, http.StatusConflict},
	}
	switch {
	case condition == nil:
	case *condition == 0:
		q.header["If-None-Match"] = "*"
	default:
		q.header["If-Match"] = `"` + format(*condition) + `"`
	}
	a, err := c.once(ctx, q)
	if err == nil && a.status == http.StatusPreconditionFailed {
		err = ErrCondition
	}
	if err != nil {
		return 0, describe(err, map[string]string{http.MethodPut: "write", http.MethodDelete: "deletion"}[method], key)
	}
	return a.revision(), nil
}

// once sends a write in a session. A session that ended before the write was sent is replaced.
func (c *Client) once(ctx context.Context, q call) (*answer, error) {
	for round := 0; ; round++ {
		s, err := c.openSession(ctx)
		if err != nil {
			return nil, fmt.Errorf("no session: %w", err)
		}
		attempt := q
		a, err := c.inSession(ctx, s, &attempt)
		if err != nil || a.status != http.StatusConflict {
			return a, err
		}
		c.forget(s)
		if attempt.open {
			return nil, fmt.Errorf("%w: the session has ended since it was sent", ErrUnknown)
		}
		if round > 0 { // others need the place all the time
			if err := sleep(ctx, pause(round)); err != nil {
				return nil, fmt.Errorf("the session has ended: %w", err)
			}
		}
	}
}

func (c *Client) inSession(ctx context.Context, s *session, q *call) (*answer, error) {
	number, err := s.take(ctx)
	if err != nil {
		return nil, fmt.Errorf("waiting for earlier writes: %w", err)
	}
	defer s.settle(number)
	q.session, q.sequence = s, number
	return c.do(ctx, q)
}

// openSession returns the session, and opens one if there is none. One goroutine does that for all.
func (c *Client) openSession(ctx context.Context) (*session, error) {
	if s := c.currentSession(); s != nil {
		return s, nil
	}
	select {
	case c.opening <- struct{}{}:
		defer func() { <-c.opening }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s := c.currentSession(); s != nil {
		return s, nil
	}
	a, err := c.do(ctx, &call{method: http.MethodPost, path: "/session", outcomes: []int{http.StatusOK}})
	if err != nil {
		return nil, err
	}
	var opened struct{ Session uint64 }
	if err := json.Unmarshal(a.body, &opened); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = newSession(opened.Session)
	return c.session, nil
}

func (c *Client) currentSession() *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

// forget leaves a session, unless that has happened.
func (c *Client) forget(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == s {
		c.session = nil
	}
}
