package raft

import (
	pb "github.com/ffd200af/raft/raftpb"
)

// entryCache keeps the newest durable entries in memory, within a bound, so that followers that are
// slightly behind cost no read of Storage. It holds what the unstable tail retires, array by
// array, without copying:
//
//	segments:  | 40 .. 99 | 100 .. 160 | 161 .. 200 |   unstable: base 201
//
// Segments are not empty, and each begins where the one before it ends.
type entryCache struct {
	limit    uint64 // bytes
	bytes    uint64
	segments [][]pb.Entry
}

// newEntryCache returns an empty cache; nil, which keeps nothing, if the limit is 0.
func newEntryCache(limit uint64) *entryCache {
	if limit == 0 {
		return nil
	}
	return &entryCache{limit: limit}
}

// entryBytes is what an entry takes in memory besides its data, about.
const entryBytes = 64

func cachedBytes(entries []pb.Entry) uint64 {
	return payloadBytes(entries) + entryBytes*uint64(len(entries))
}

// retire takes durable entries that follow those it has. The oldest go when there are too many.
func (c *entryCache) retire(entries []pb.Entry) {
	if c == nil || len(entries) == 0 {
		return
	}
	c.segments = append(c.segments, entries)
	c.bytes += cachedBytes(entries)
	old := 0
	for c.bytes > c.limit {
		c.bytes -= cachedBytes(c.segments[old])
		old++
	}
	rest := copy(c.segments, c.segments[old:])
	clear(c.segments[rest:])
	c.segments = c.segments[:rest]
}

// endOf is the index behind the last entry.
func endOf(entries []pb.Entry) uint64 { return entries[0].Index + uint64(len(entries)) }

// truncate forgets the entries from index on.
func (c *entryCache) truncate(index uint64) {
	if c == nil {
		return
	}
	for n := len(c.segments); n > 0 && endOf(c.segments[n-1]) > index; n-- {
		last := c.segments[n-1]
		c.bytes -= cachedBytes(last)
		c.segments[n-1] = nil
		c.segments = c.segments[:n-1]
		if first := last[0].Index; first < index {
			last = last[: index-first : index-first]
			c.segments = append(c.segments, last)
			c.bytes += cachedBytes(last)
		}
	}
}

func (c *entryCache) clear() {
	if c == nil {
		return
	}
	clear(c.segments)
	c.segments = c.segments[:0]
	c.bytes = 0
}

// from returns entries that begin at lo and end before hi, as many as lie in one array; nil if
// lo is not here.
func (c *entryCache) from(lo, hi uint64) []pb.Entry {
	for i := len(c.segments) - 1; i >= 0; i-- {
		s := c.segments[i]
		if first := s[0].Index; first <= lo {
			end := min(hi, endOf(s))
			if lo >= end {
				return nil
			}
			return s[lo-first : end-first : end-first]
		}
	}
	return nil
}
