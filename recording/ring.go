package recording

import (
	"fmt"
	"io"
	"sync"
)

// Ring keeps the end of a recording in memory. It takes what a Writer writes, a record at a time,
// and may be read while it is written. It is for one node, and goes on when the node is started
// again with the same Config: it then holds the end of several lives.
//
// It asks for a Checkpoint of the node once in three quarters of its size, so that it always holds
// one, and can be replayed from there on although the beginning is gone. One that would take more
// than half of the ring is left out: see package recording. A record of more than a quarter may
// leave it without one until the next input.
type Ring struct {
	mu  sync.Mutex
	max int
	// kept[begin:] are whole records.
	kept  []byte
	begin int
	lost  uint64
	// sinceCheckpoint are the bytes that were written since the last checkpoint was asked for, or
	// the start of a life.
	sinceCheckpoint int
}

// NewRing returns a ring that keeps at most size bytes of records. It takes up to twice as much
// memory, and while checkpoints are large that much again.
func NewRing(size int) *Ring { return &Ring{max: max(size, 0)} }

// Write implements io.Writer for a Writer: each call is one record, or the header of a life, which
// the ring leaves out. Anything else is refused.
func (r *Ring) Write(record []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if string(record) == Header {
		r.sinceCheckpoint = 0 // the start of the node comes next
		return len(record), nil
	}
	if n := frameLength(record); n == 0 || n != len(record) {
		return 0, fmt.Errorf("%w: a ring takes whole records", ErrFormat)
	}
	r.sinceCheckpoint += len(record)
	for len(r.kept)-r.begin+len(record) > r.max && r.begin < len(r.kept) {
		r.begin += max(frameLength(r.kept[r.begin:]), 1) // never 0: only whole records are kept
		r.lost++
	}
	if len(record) > r.max {
		r.lost++
		return len(record), nil
	}
	if r.begin > len(r.kept)/2 {
		r.kept = r.kept[:copy(r.kept, r.kept[r.begin:])]
		r.begin = 0
	}
	r.kept = append(r.kept, record...)
	return len(record), nil
}

// CheckpointRoom implements Checkpointer.
func (r *Ring) CheckpointRoom() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sinceCheckpoint <= r.max/4 {
		return 0
	}
	// Whether or not it has room: what is too large now is not tried again at once.
	r.sinceCheckpoint = -r.max / 2
	return r.max / 2
}

// WriteTo implements io.WriterTo: it writes what is there as a recording, which begins with a Lost
// record if it is not all.
func (r *Ring) WriteTo(out io.Writer) (int64, error) {
	r.mu.Lock()
	kept, lost := append([]byte(nil), r.kept[r.begin:]...), r.lost
	r.mu.Unlock()
	count := &counter{out: out}
	w := NewWriter(count)
	if lost > 0 {
		w.Add(&Record{Kind: Lost, Numbers: []uint64{lost}})
	}
	if w.err == nil {
		w.write(kept)
	}
	return count.n, w.err
}

// counter counts the bytes that go through.
type counter struct {
	out io.Writer
	n   int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.out.Write(b)
	c.n += int64(n)
	return n, err
}
