package replica

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/ffd200af/raft"
)

// retryTime is how long a client waits before it proposes a command again.
const retryTime = 500 * time.Millisecond

// Errors of Add and AddServer.
var (
	// ErrUnknown: the command may have been executed, or may be executed later.
	ErrUnknown = errors.New("replica: the outcome is unknown")
	// ErrNotAdded: the server does not vote yet.
	ErrNotAdded = errors.New("replica: the server was not added")
)

// waiting are the clients that wait for the loop.
type waiting struct {
	command command                // of the Add that is under way
	added   chan<- uint64          // gets the counter after that command
	asked   map[string]*read       // reads without an index yet, by context
	ready   []*read                // reads that wait until their index is applied
	reads   uint64                 // how many there have been
	joining map[uint64]chan<- bool // gets whether the server votes
}

func newWaiting() waiting {
	return waiting{asked: map[string]*read{}, joining: map[uint64]chan<- bool{}}
}

// read is a linearizable read.
type read struct {
	index  uint64
	result chan<- readResult
}

// readResult is ok if the read was answered, and not if it was dropped.
type readResult struct {
	counter uint64
	ok      bool
}

// Add adds amount to the counter, once, and returns the counter after that. It proposes the command
// until it sees it executed. An error that does not match ErrUnknown means that the command was
// never in the log.
func (r *Replica) Add(ctx context.Context, amount uint64) (uint64, error) {
	select {
	case r.adding <- struct{}{}: // one at a time, so that numbers arrive in order
		defer func() { <-r.adding }()
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	r.number++
	c := command{client: r.client, number: r.number, amount: amount}
	added := make(chan uint64, 1)
	for proposed := false; ; {
		var dropped error
		err := r.do(ctx, func(s *state) {
			s.waiting.command, s.waiting.added = c, added
			dropped = s.node.Propose(c.encode())
			proposed = proposed || dropped == nil
		})
		if err == nil {
			select {
			case counter := <-added:
				return counter, nil
			case <-time.After(retryTime):
				continue // the leader may have lost the command with its leadership
			case <-ctx.Done():
				err = ctx.Err()
			}
		}
		if proposed {
			return 0, fmt.Errorf("%w: %w", ErrUnknown, err)
		}
		return 0, fmt.Errorf("replica: the command was not proposed: %w", errors.Join(dropped, err))
	}
}

// executed answers the Add whose command c is.
func (w *waiting) executed(c command, counter uint64) {
	if w.added != nil && c == w.command {
		w.added <- counter
		w.added = nil
	}
}

// Read returns the counter as it is at some moment between the call and the return: a linearizable
// read. It needs a majority.
func (r *Replica) Read(ctx context.Context) (uint64, error) {
	for {
		result := make(chan readResult, 1)
		if err := r.do(ctx, func(s *state) { s.ask(&read{result: result}) }); err != nil {
			return 0, err
		}
		select {
		case r := <-result:
			if r.ok {
				return r.counter, nil
			}
			time.Sleep(tickTime) // there was no leader, or it has changed: ask again
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// ReadStale returns the counter of this replica at once. The other replicas may have a newer one.
func (r *Replica) ReadStale(ctx context.Context) (counter uint64, err error) {
	err = r.do(ctx, func(s *state) { counter = s.machine.counter })
	return counter, err
}

func (s *state) ask(r *read) {
	s.waiting.reads++
	id := binary.BigEndian.AppendUint64(nil, s.waiting.reads)
	s.waiting.asked[string(id)] = r
	s.node.ReadIndex(id)
}

// answer answers the reads whose index is applied, and reports what else a Ready says to clients.
func (w *waiting) answer(rd raft.Ready, m machine) {
	for _, state := range rd.ReadStates {
		if r := w.asked[string(state.RequestCtx)]; r != nil {
			delete(w.asked, string(state.RequestCtx))
			r.index = state.Index
			w.ready = append(w.ready, r)
		}
	}
	for _, id := range rd.DroppedReads {
		if r := w.asked[string(id)]; r != nil {
			delete(w.asked, string(id))
			r.result <- readResult{}
		}
	}
	later := w.ready[:0]
	for _, r := range w.ready {
		if r.index <= m.applied {
			r.result <- readResult{counter: m.counter, ok: true}
		} else {
			later = append(later, r)
		}
	}
	w.ready = later
	for _, c := range rd.CatchUps {
		ended := c.State == raft.CatchUpPromoted || c.State == raft.CatchUpGivenUp
		if joined := w.joining[c.ID]; joined != nil && ended {
			joined <- c.State == raft.CatchUpPromoted
			delete(w.joining, c.ID)
		}
	}
}

// Leader returns the id of the leader that this replica knows, 0 if it knows none.
func (r *Replica) Leader(ctx context.Context) (id uint64, err error) {
	err = r.do(ctx, func(s *state) { id = s.node.BasicStatus().Lead })
	return id, err
}

// AddServer makes the leader bring a replica into the cluster, and waits until it votes. Elsewhere,
// and if the leadership is lost meanwhile, it returns an error: ask the leader.
func (r *Replica) AddServer(ctx context.Context, id uint64, address string) error {
	joined := make(chan bool, 1)
	var refused error
	err := r.do(ctx, func(s *state) {
		if _, votes := s.node.Status().Config.Voters.IDs()[id]; votes {
			joined <- true
			return
		}
		refused = s.node.AddServer(id, []byte(address))
		s.waiting.joining[id] = joined
	})
	if err := errors.Join(err, refused); err != nil {
		return err
	}
	select {
	case votes := <-joined:
		if !votes {
			return ErrNotAdded
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
