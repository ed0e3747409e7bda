package raft

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// calls lets many goroutines use one RawNode, one at a time. A call runs in the goroutine that
// makes it: handing it to another one takes several times as long as most calls. A call that finds
// the RawNode in use waits in a queue, and the goroutine that uses the RawNode runs it too.
type calls struct {
	// owner is held by the goroutine that uses the RawNode and the next three fields.
	owner sync.Mutex
	rn    *RawNode // nil once the node has ended
	// leaderless are proposals that wait for a leader.
	leaderless []*request
	// asleep: the node's goroutine waits, and can take a batch.
	asleep bool

	queue queue
	due   func(*RawNode) // does what is due before a call
	wake  chan struct{}  // for the node's goroutine; it has room for one
	done  chan struct{}  // closed when the node has ended
	err   error          // why the node ended by itself; written before done is closed
}

// queue holds the calls that found the RawNode in use.
type queue struct {
	mu       sync.Mutex
	requests []*request
	length   atomic.Int32
}

// request is a call that waits.
type request struct {
	call     func(*RawNode) error
	proposal bool       // it needs a leader
	result   chan error // has room for one; nil if nobody waits for it
	// claimed: the call runs, or its caller has given up.
	claimed atomic.Bool
}

// do runs a call and returns its error. A proposal waits for a leader. A call that waits ends with
// ctx and with the node.
func (c *calls) do(ctx context.Context, proposal bool, call func(*RawNode) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.owner.TryLock() {
		if ran, err := c.runNow(proposal, call); ran {
			return err
		}
	}
	r := &request{call: call, proposal: proposal, result: make(chan error, 1)}
	c.queue.put(r)
	if c.owner.TryLock() {
		c.release() // the last owner may have left before the request was there
	}
	return c.wait(ctx, r)
}

func (c *calls) wait(ctx context.Context, r *request) error {
	select {
	case err := <-r.result:
		return err
	case <-ctx.Done():
		r.claimed.Store(true)
		return ctx.Err()
	case <-c.done:
		return c.ended()
	}
}

// mostWaiting is how many calls may be left to the node's goroutine before it has run them.
const mostWaiting = 64

// leave leaves a call to the node's goroutine. It does not wait for the call, unless many wait.
func (c *calls) leave(ctx context.Context, call func(*RawNode) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := &request{call: call}
	if c.queue.length.Load() >= mostWaiting {
		r.result = make(chan error, 1)
	}
	c.queue.put(r)
	if c.owner.TryLock() {
		c.wakeUp()
		c.owner.Unlock()
	}
	if r.result != nil {
		return c.wait(ctx, r)
	}
	select {
	case <-c.done:
		return c.ended()
	default:
		return nil
	}
}

// runNow runs a call, unless it has to wait for a leader. It releases the RawNode.
func (c *calls) runNow(proposal bool, call func(*RawNode) error) (ran bool, err error) {
	defer c.release()
	c.serve() // what was left here comes first
	switch {
	case c.rn == nil:
		return true, c.ended()
	case proposal && c.rn.raft.lead == None:
		return false, nil
	}
	return true, c.run(call)
}

// run runs a call. If it panics, in the program's Storage for instance, and the program recovers,
// the node's state is in doubt.
func (c *calls) run(call func(*RawNode) error) error {
	c.due(c.rn)
	returned := false
	defer func() {
		if !returned {
			_ = c.rn.raft.quarantine("running a call", fmt.Errorf("%w: a call panicked", ErrInvariant))
		}
	}()
	err := call(c.rn)
	returned = true
	return err
}

// release ends the use of the RawNode. First it runs the calls that wait, and wakes the node's
// goroutine if that has something to do.
func (c *calls) release() {
	for {
		c.serve()
		if c.rn != nil && (c.asleep && c.rn.HasReady() || c.rn.Err() != nil) {
			c.wakeUp()
		}
		c.owner.Unlock()
		// A call that came after serve relies on this goroutine if its TryLock failed.
		if c.queue.length.Load() == 0 || !c.owner.TryLock() {
			return
		}
	}
}

// wakeUp makes the node's goroutine look for something to do.
func (c *calls) wakeUp() {
	c.asleep = false
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// serve runs the calls that wait and can be run.
func (c *calls) serve() {
	for _, r := range c.queue.take() {
		c.serveOne(r)
	}
	if len(c.leaderless) > 0 && c.rn != nil && c.rn.raft.lead != None {
		all := c.leaderless
		c.leaderless = nil
		for _, r := range all {
			c.serveOne(r)
		}
	}
}

func (c *calls) serveOne(r *request) {
	switch {
	case c.rn == nil: // its caller waits for done, too
	case r.proposal && c.rn.raft.lead == None:
		if len(c.leaderless) == cap(c.leaderless) { // it would grow
			c.leaderless = slices.DeleteFunc(c.leaderless, func(r *request) bool { return r.claimed.Load() })
		}
		c.leaderless = append(c.leaderless, r)
	case r.claimed.CompareAndSwap(false, true):
		if err := c.run(r.call); r.result != nil {
			r.result <- err
		}
	}
}

func (q *queue) put(r *request) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.requests = append(q.requests, r)
	q.length.Store(int32(len(q.requests)))
}

// take returns all requests.
func (q *queue) take() []*request {
	if q.length.Load() == 0 {
		return nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	all := q.requests
	q.requests = nil
	q.length.Store(0)
	return all
}

// ended returns why the node has ended.
func (c *calls) ended() error {
	if c.err != nil {
		return c.err
	}
	return ErrStopped
}
