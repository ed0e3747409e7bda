package recording

import (
	"encoding/binary"
	"io"
	"sync"
)

// Ring keeps the end of a recording in memory. It takes what a Writer writes, a record at a time, may be
// read while it is written, and is shared by one node only.
type Ring struct {
	mu  sync.Mutex
	max int
	// kept[begin:] are whole records.
	kept  []byte
	begin int
	lost  uint64
	begun bool // the header was written
}

// NewRing returns a ring that keeps at most size bytes of records. It takes up to twice as much memory.
func NewRing(size int) *Ring { return &Ring{max: max(size, 0)} }

// Write implements io.Writer for a Writer: each call is one record.
func (r *Ring) Write(record []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.begun {
		r.begun = true
		return len(record), nil // the header
	}
	for len(r.kept)-r.begin+len(record) > r.max && r.begin < len(r.kept) {
		length, n := binary.Uvarint(r.kept[r.begin:])
		r.begin += n + int(length)
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

// WriteTo implements io.WriterTo: it writes what is there as a recording, which begins with a Lost record if it is not all.
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
