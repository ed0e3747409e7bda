package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
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

// look is what a read does when it is confirmed. It does not run on the loop, which does not wait
// for the disk.
type look func(*store) (outcome, error)

// readBatch are reads that go on together. All but done belongs to the loop until done is closed.
type readBatch struct {
	mode  readMode // how it is confirmed
	index uint64   // what must be applied here; 0 until it is known
	err   error    // why the reads cannot go on
	reads int      // how many they are
	ticks int      // since it came, or was confirmed
	done  chan struct{}
}

// readQueue are the reads that wait. Clients join fresh batches; the rest is the loop's.
type readQueue struct {
	mu    sync.Mutex
	fresh map[consistency]*readBatch // to be asked for, unless they are stale
	ended error                      // of the loop
	came  chan struct{}              // has a token after a fresh batch was made

	asked     map[requestID]*readBatch // without an index
	confirmed []*readBatch             // with an index that may not be applied here yet
}

func newReadQueue() *readQueue {
	return &readQueue{
		fresh: map[consistency]*readBatch{}, came: make(chan struct{}, 1), asked: map[requestID]*readBatch{},
	}
}

// join adds a read to a fresh batch.
func (q *readQueue) join(as consistency) *readBatch {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch := q.fresh[as]
	if batch == nil {
		batch = &readBatch{mode: as.mode, index: as.atLeast, done: make(chan struct{})}
		if q.ended != nil {
			batch.fail(q.ended)
			return batch
		}
		q.fresh[as] = batch
		select {
		case q.came <- struct{}{}:
		default:
		}
	}
	batch.reads++
	return batch
}

// waiting is the number of reads that the loop has not taken.
func (q *readQueue) waiting() (reads int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, batch := range q.fresh {
		reads += batch.reads
	}
	return reads
}

// askReads asks for the read index of the reads that have arrived. The id is unique, so that a late
// answer to an earlier question confirms nothing.
func (l *loop) askReads() {
	q := l.reads
	q.mu.Lock()
	defer q.mu.Unlock()
	for as, batch := range q.fresh {
		switch index, ok := l.readIndex(as); {
		case ok:
			batch.index = index
			q.confirmed = append(q.confirmed, batch)
		case l.node.BasicStatus().Lead == raft.None:
			batch.fail(errReadDropped) // without waiting for DroppedReads of the next Ready
		case q.gather():
			continue
		default:
			id := l.ids.next()
			batch.mode = readSafe
			q.asked[id] = batch
			l.node.ReadIndex(id[:])
		}
		delete(q.fresh, as)
	}
}

// readIndex returns the index that must be applied for a read, if nobody has to be asked for it. A
// lease is counted in ticks, so it is no answer while some are due. They are not given here: the
// node may wait for the disk then, and clients for mu.
func (l *loop) readIndex(as consistency) (index uint64, ok bool) {
	switch {
	case as.mode == readStale:
		return as.atLeast, true
	case as.mode == readLease && !l.clock.isLate(time.Now()):
		return l.node.LeaseRead()
	}
	return 0, false
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

// confirmReads takes the answers of the node. Its array is used again after Advance.
func (l *loop) confirmReads(states []raft.ReadState) {
	for i := range states {
		if batch := l.askedFor(states[i].RequestCtx); batch != nil {
			batch.index, batch.ticks = states[i].Index, 0
			l.reads.confirmed = append(l.reads.confirmed, batch)
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

// serveReads lets those reads go on whose index is applied.
func (l *loop) serveReads() {
	l.reads.confirmed = slices.DeleteFunc(l.reads.confirmed, func(batch *readBatch) bool {
		if batch.index > l.store.applied.index {
			return false
		}
		close(batch.done)
		return true
	})
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

// abandonReads ends all reads, and those that come later.
func (l *loop) abandonReads(err error) {
	q := l.reads
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = err
	for _, batch := range q.fresh {
		batch.fail(err)
	}
	for _, batch := range q.asked {
		batch.fail(err)
	}
	for _, batch := range q.confirmed {
		batch.fail(err)
	}
	q.fresh, q.asked, q.confirmed = nil, nil, nil
}

func (b *readBatch) fail(err error) {
	b.err = err
	close(b.done)
}

// read answers a read in the given mode. It asks again until there is an answer or the time
// is over: nothing depends on how often it is asked.
func (r *replica) read(ctx context.Context, as consistency, look look) (o outcome, err error) {
	defer func() { r.loop.counters.countRead(as.mode, o, err) }()
	mode, err := r.confirm(ctx, as)
	if err != nil {
		return outcome{}, err
	}
	return r.store.lookWithin(ctx, mode, look)
}

func (r *replica) confirm(ctx context.Context, as consistency) (readMode, error) {
	for {
		mode, err := r.loop.reads.confirm(ctx, as)
		if !errors.Is(err, errReadDropped) && !errors.Is(err, errReadLost) {
			return mode, err
		}
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return "", fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}

// confirm waits until this replica has applied all that a read has to see. It returns how that was
// confirmed.
func (q *readQueue) confirm(ctx context.Context, as consistency) (readMode, error) {
	if as.mode == readStale {
		_, err := q.wait(ctx, as)
		return readStale, err
	}
	batch, err := q.wait(ctx, consistency{mode: as.mode})
	if err != nil {
		return "", err
	}
	if as.atLeast > batch.index {
		_, err = q.wait(ctx, consistency{readStale, as.atLeast})
	}
	return batch.mode, err
}

// wait waits in a batch until that is done.
func (q *readQueue) wait(ctx context.Context, as consistency) (*readBatch, error) {
	batch := q.join(as)
	select {
	case <-batch.done:
		return batch, batch.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// maxLooks bounds the reads that look at the data at once. Only on a disk that hangs are there so
// many. Others wait for a place until their time is over.
const maxLooks = 256

// lookWithin is look, after a wait for a place. The context bounds the wait.
func (s *store) lookWithin(ctx context.Context, mode readMode, look look) (outcome, error) {
	select {
	case s.looks <- struct{}{}:
	case <-ctx.Done():
		return outcome{}, ctx.Err()
	}
	defer func() { <-s.looks }()
	return s.look(mode, look)
}

// look lets a read see the data while the store is open. The outcome has the last index that the
// read may have seen.
func (s *store) look(mode readMode, look look) (outcome, error) {
	s.lookers.RLock()
	defer s.lookers.RUnlock()
	if s.closed {
		return outcome{}, errStopped
	}
	o, err := look(s)
	o.mode, o.index = mode, s.visible.Load()
	return o, err
}

// reveal raises the last index that a read may see, before the data changes.
func (s *store) reveal(index uint64) {
	for {
		was := s.visible.Load()
		if was >= index || s.visible.CompareAndSwap(was, index) {
			return
		}
	}
}
