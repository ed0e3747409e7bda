package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ffd200af/raft"
)

// Linearizable reads without a log entry (thesis §6.4), on leader and followers alike: ask
// for the read index, wait until everything up to it is applied here, read. The reads that arrive
// while a question is under way share the next read index.

// readMode says how a read is confirmed.
type readMode string

const (
	// readSafe: a quorum confirms the leader. It depends on no clock.
	readSafe readMode = "safe"
	// readLease: from the leader's lease, if it has one. It depends on clocks that drift
	// no further apart than expected.
	readLease readMode = "lease"
	// readStale: what this replica has, at once.
	readStale readMode = "stale"
)

// consistency is what a client asks of a read.
type consistency struct {
	mode readMode
	// atLeast is the index that must be applied here first. It is one that the client has seen, so
	// that the client does not go back in time when it changes replicas (thesis §6.4.1).
	atLeast uint64
}

// readTicks is how long a read index may take before it is asked for again: the question or the
// answer may be lost on the way.
const readTicks = 20

// Why a read has to be tried again.
var (
	errReadDropped = errors.New("kv: there is no leader to confirm the read, or it has changed")
	errReadLost    = errors.New("kv: the leader does not answer")
	errReadBehind  = errors.New("kv: this replica is too far behind")
)

// look is what a read does when it is confirmed. It runs on the loop.
type look func(*store) (outcome, error)

// readRequest is a read and the place for its outcome, which has room for one.
type readRequest struct {
	consistency
	look look
	done chan result
}

// readBatch are reads that share a read index.
type readBatch struct {
	requests []*readRequest
	mode     readMode // how it is confirmed
	index    uint64   // 0 until it is known
	ticks    int      // since it came, or was confirmed
}

// readQueue are a loop's reads, oldest first where there is an order.
type readQueue struct {
	fresh     map[readMode][]*readRequest // to be asked for
	asked     map[requestID]*readBatch    // without an index
	confirmed []*readBatch                // with an index that may not be applied here yet
}

func newReadQueue() readQueue {
	return readQueue{fresh: map[readMode][]*readRequest{}, asked: map[requestID]*readBatch{}}
}

// add takes a read in. Nobody has to be asked for the index of a stale one.
func (q *readQueue) add(req *readRequest) {
	if req.mode == readStale {
		q.confirm(&readBatch{requests: []*readRequest{req}, mode: readStale})
		return
	}
	q.fresh[req.mode] = append(q.fresh[req.mode], req)
}

// confirm takes a batch whose index is known. A request that needs a higher one leaves the batch:
// the others do not wait with it.
func (q *readQueue) confirm(batch *readBatch) {
	rest := batch.requests[:0]
	for _, req := range batch.requests {
		if req.atLeast <= batch.index {
			rest = append(rest, req)
			continue
		}
		q.confirmed = append(q.confirmed, &readBatch{requests: []*readRequest{req}, index: req.atLeast, mode: batch.mode})
	}
	batch.requests = rest
	q.confirmed = append(q.confirmed, batch)
}

// askReads asks for the read index of the reads that have arrived. The id is unique, so that a late
// answer to an earlier question confirms nothing.
func (l *loop) askReads() {
	for mode, requests := range l.reads.fresh {
		if len(requests) == 0 {
			continue
		}
		if mode == readLease {
			if index, ok := l.leaseRead(); ok {
				l.reads.fresh[mode] = nil
				l.reads.confirm(&readBatch{requests: requests, index: index, mode: mode})
				continue
			}
		}
		if l.node.BasicStatus().Lead == raft.None {
			l.reads.fresh[mode] = nil
			(&readBatch{requests: requests}).fail(errReadDropped) // without waiting for DroppedReads of the next Ready
			continue
		}
		if l.reads.gather() {
			continue
		}
		l.reads.fresh[mode] = nil
		id := l.ids.next()
		l.reads.asked[id] = &readBatch{requests: requests, mode: readSafe}
		l.node.ReadIndex(id[:])
	}
}

// gather reports whether later reads wait for the answer to a question, so that they share the next
// one. Questions cost messages to all. One may be lost, so after a tick nothing waits for it.
func (q *readQueue) gather() bool {
	for _, batch := range q.asked {
		if batch.ticks == 0 {
			return true
		}
	}
	return false
}

// leaseRead returns the read index if this replica leads and has a lease. All ticks that are
// due come first: a lease is counted in them.
func (l *loop) leaseRead() (index uint64, ok bool) {
	l.giveTicks()
	return l.node.LeaseRead()
}

// confirmReads takes the answers of the node. Its array is used again after Advance.
func (l *loop) confirmReads(states []raft.ReadState) {
	for i := range states {
		if batch := l.askedFor(states[i].RequestCtx); batch != nil {
			batch.index, batch.ticks = states[i].Index, 0
			l.reads.confirm(batch)
		}
	}
}

// dropReads fails the reads that the node has dropped. Their clients try again.
func (l *loop) dropReads(contexts [][]byte) {
	for _, context := range contexts {
		if batch := l.askedFor(context); batch != nil {
			batch.fail(errReadDropped)
		}
	}
}

// askedFor takes the batch that waits for a read index under this context; nil if it was given up.
func (l *loop) askedFor(context []byte) *readBatch {
	var id requestID
	copy(id[:], context)
	batch := l.reads.asked[id]
	delete(l.reads.asked, id)
	return batch
}

// serveReads answers the reads whose index is applied.
func (l *loop) serveReads() {
	rest := l.reads.confirmed[:0]
	for _, batch := range l.reads.confirmed {
		if batch.index > l.store.applied.index {
			rest = append(rest, batch)
			continue
		}
		for _, req := range batch.requests {
			o, err := req.look(l.store)
			o.mode, o.index = batch.mode, l.writer.visibleIndex()
			req.done <- result{outcome: o, err: err}
		}
	}
	clear(l.reads.confirmed[len(rest):])
	l.reads.confirmed = rest
}

// tickReads gives up the reads without an answer, and those whose clients have gone while this
// replica was too far behind.
func (l *loop) tickReads() {
	l.reads.confirmed = slices.DeleteFunc(l.reads.confirmed, func(batch *readBatch) bool {
		batch.ticks++
		if err := l.store.space.check(); err != nil && batch.index > l.store.end {
			batch.fail(err) // the entries that it waits for are not taken
			return true
		}
		if batch.ticks > l.readPatience {
			batch.fail(errReadBehind)
			return true
		}
		return false
	})
	for id, batch := range l.reads.asked {
		if batch.ticks++; batch.ticks > readTicks {
			delete(l.reads.asked, id)
			batch.fail(errReadLost)
		}
	}
}

// abandonReads ends all reads.
func (l *loop) abandonReads(err error) {
	for _, requests := range l.reads.fresh {
		(&readBatch{requests: requests}).fail(err)
	}
	for _, batch := range l.reads.asked {
		batch.fail(err)
	}
	for _, batch := range l.reads.confirmed {
		batch.fail(err)
	}
	l.reads = newReadQueue()
}

func (b *readBatch) fail(err error) {
	for _, req := range b.requests {
		req.done <- result{err: err}
	}
}

// read answers a read in the given mode. It asks again until there is an answer or the time
// is over: nothing depends on how often it is asked.
func (r *replica) read(ctx context.Context, as consistency, look look) (o outcome, err error) {
	defer func() { r.loop.counters.countRead(as.mode, o, err) }()
	for {
		req := &readRequest{consistency: as, look: look, done: make(chan result, 1)}
		o, err := r.readOnce(ctx, req)
		if !errors.Is(err, errReadDropped) && !errors.Is(err, errReadLost) {
			return o, err
		}
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return outcome{}, fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

func (r *replica) readOnce(ctx context.Context, req *readRequest) (outcome, error) {
	select {
	case r.loop.readers <- req:
	case <-r.loop.ended:
		return outcome{}, r.loop.cause
	case <-ctx.Done():
		return outcome{}, ctx.Err()
	}
	select {
	case res := <-req.done:
		return res.outcome, res.err
	case <-r.loop.ended:
		return outcome{}, r.loop.cause
	case <-ctx.Done():
		return outcome{}, ctx.Err()
	}
}
