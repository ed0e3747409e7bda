package progress

import "slices"

// inflight is one append on its way: the index of its last entry, and its payload.
type inflight struct {
	index uint64
	bytes uint64
}

// Inflights is the window of appends that were sent to a follower and not acknowledged
// yet, limited in messages and in bytes. It is a ring that takes its memory when it is first
// used and grows with use (Progress.Rest gives it back):
//
//	ring:  | free |  oldest ... newest  | free |
//	              start        start+count
//
// A nil *Inflights is an empty window that is never full and notes nothing.
type Inflights struct {
	ring  []inflight
	start int32
	count int32
	// resting: the last Rest found the window empty, and nothing was added since.
	resting bool

	bytes uint64 // sum over the window

	size     int    // most appends in the window
	maxBytes uint64 // bytes at which the window is full; 0 means no limit
}

// NewInflights returns an empty window for size appends, and for maxBytes bytes of
// payload if that is not 0. The append that reaches maxBytes is still let in.
func NewInflights(size int, maxBytes uint64) *Inflights {
	return &Inflights{size: size, maxBytes: maxBytes}
}

// Full reports whether nothing may be sent before something is acknowledged.
func (in *Inflights) Full() bool {
	return in != nil && (in.Count() >= in.size || in.maxBytes != 0 && in.bytes >= in.maxBytes)
}

// Count returns the number of appends in the window.
func (in *Inflights) Count() int {
	if in == nil {
		return 0
	}
	return int(in.count)
}

// Bytes returns the payload of the appends in the window.
func (in *Inflights) Bytes() uint64 {
	if in == nil {
		return 0
	}
	return in.bytes
}

// Add notes an append that was sent, whose last entry has the given index. Indexes rise from
// call to call. A full window ignores it: what was not counted is not freed either, and
// the sender is expected to look at Full before it sends.
func (in *Inflights) Add(index, bytes uint64) {
	if in == nil || in.Full() {
		return
	}
	if in.Count() == len(in.ring) {
		in.grow()
	}
	at := int(in.start) + int(in.count)
	if at >= len(in.ring) {
		at -= len(in.ring)
	}
	in.ring[at] = inflight{index: index, bytes: bytes}
	in.count++
	in.resting = false
	in.bytes += bytes
}

// grow doubles the ring, up to the window's size.
func (in *Inflights) grow() {
	ring := make([]inflight, min(max(2*len(in.ring), 4), in.size))
	n := copy(ring, in.ring[in.start:])
	copy(ring[n:], in.ring[:in.start])
	in.ring, in.start = ring, 0
}

// FreeLE takes everything up to index out of the window: it was acknowledged.
func (in *Inflights) FreeLE(to uint64) {
	if in == nil {
		return
	}
	for in.count > 0 && in.ring[in.start].index <= to {
		in.bytes -= in.ring[in.start].bytes
		in.count--
		if in.start++; int(in.start) == len(in.ring) {
			in.start = 0
		}
	}
}

// reset empties the window and keeps its memory.
func (in *Inflights) reset() {
	if in != nil {
		in.start, in.count, in.bytes = 0, 0, 0
	}
}

// Clone returns a copy that shares nothing with the window.
func (in *Inflights) Clone() *Inflights {
	if in == nil {
		return nil
	}
	c := *in
	c.ring = slices.Clone(in.ring)
	return &c
}
