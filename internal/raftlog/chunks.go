package raftlog

import (
	"slices"
	"sort"

	"github.com/ffd200af/raft/internal/fifo"
	pb "github.com/ffd200af/raft/raftpb"
)

// Chunks is a run of entries in arrays of bounded size. Readers may hold any part of it:
//
//	older()[0]       older()[1]      newest
//	| dead | live |  | live     |    | live | free |
//
// An element that was added is never written again. Entries are added in the free part only, and
// entries that overwrite others start a new array. Entries do not move when others are added. An
// array is dropped as soon as nothing in it is live. The dead part before the first live entry
// stays until then.
type Chunks struct {
	newest entryChunk // empty only if the run is empty
	old    *olderChunks
}

// entryChunk is one array. The entry at position i has index entries[0].Index+i.
type entryChunk struct {
	entries []pb.Entry
	bytes   uint64 // see memoryBytes
}

// olderChunks are the arrays before the newest. A short log has none.
type olderChunks struct {
	fifo.Queue[entryChunk]
	bytes uint64 // of all
}

const (
	// largestChunk is the number of entries in an array, unless more come at once.
	largestChunk = 512
	// LargestChunkBytes is the size of an array's entries, unless more come at once.
	LargestChunkBytes = 128 << 10
	// EntryBytes is about what an entry takes in memory besides its data.
	EntryBytes = 64
)

// meanBytes is the size of an entry in an array that is not empty.
func (c *entryChunk) meanBytes() uint64 { return c.bytes / uint64(len(c.entries)) }

// memoryBytes is about what entries keep in memory.
func memoryBytes(entries []pb.Entry) uint64 {
	return PayloadBytes(entries) + EntryBytes*uint64(len(entries))
}

// Empty reports whether there are no entries.
func (c *Chunks) Empty() bool { return len(c.newest.entries) == 0 }

// bytes is about what all the entries take in memory.
func (c *Chunks) bytes() uint64 {
	if c.old == nil {
		return c.newest.bytes
	}
	return c.old.bytes + c.newest.bytes
}

// first is the index of the first entry, dead or live, of a run that is not empty.
func (c *Chunks) first() uint64 { return c.at(0).entries[0].Index }

// End is the index after the last entry of a run that is not empty.
func (c *Chunks) End() uint64 {
	return c.newest.entries[0].Index + uint64(len(c.newest.entries))
}

func (c *Chunks) older() []entryChunk {
	if c.old == nil {
		return nil
	}
	return c.old.All()
}

// chunk returns the position of the array that holds index, which is in the run. The newest array
// comes last.
func (c *Chunks) chunk(index uint64) int {
	older := c.older()
	if len(older) == 0 || index >= c.newest.entries[0].Index {
		return len(older)
	}
	return sort.Search(len(older)-1, func(i int) bool { return older[i+1].entries[0].Index > index })
}

// at returns the array at a position.
func (c *Chunks) at(i int) *entryChunk {
	if older := c.older(); i < len(older) {
		return &older[i]
	}
	return &c.newest
}

// Entry returns the entry at index, which is in the run.
func (c *Chunks) Entry(index uint64) *pb.Entry {
	entries := c.at(c.chunk(index)).entries
	return &entries[index-entries[0].Index]
}

// part returns the entries from lo on and before hi that are in the same array as lo. lo is in the
// run, and lo < hi.
func (c *Chunks) part(lo, hi uint64) []pb.Entry {
	entries := c.at(c.chunk(lo)).entries
	first := entries[0].Index
	end := min(hi-first, uint64(len(entries)))
	return entries[lo-first : end : end]
}

// Slice returns the entries from lo on and before hi, all in the run, of at most maxSize encoded
// bytes but at least one. It copies them if they are in several arrays.
func (c *Chunks) Slice(lo, hi, maxSize uint64) []pb.Entry {
	hi = c.fit(lo, hi, maxSize)
	run := c.part(lo, hi)
	at := lo + uint64(len(run))
	if at == hi {
		return run
	}
	run = append(make([]pb.Entry, 0, hi-lo), run...)
	for at < hi {
		next := c.part(at, hi)
		run = append(run, next...)
		at += uint64(len(next))
	}
	return run
}

// fit returns the index after the last entry of the longest run that starts at lo, ends before hi,
// and has at most maxSize encoded bytes. The run has at least one entry.
func (c *Chunks) fit(lo, hi, maxSize uint64) uint64 {
	if maxSize == NoLimit {
		return hi
	}
	// An array counts more bytes for its entries than their encodings take.
	if c := c.at(c.chunk(lo)); c.bytes <= maxSize && hi-c.entries[0].Index <= uint64(len(c.entries)) {
		return hi
	}
	size := uint64(0)
	for at := lo; at < hi; {
		entries := c.part(at, hi)
		n, bytes := fitting(entries, maxSize-size)
		at += uint64(n)
		size += bytes
		if n < len(entries) {
			return max(at, lo+1)
		}
	}
	return hi
}

// Append adds entries after the last one. It keeps their data, and not the slice.
func (c *Chunks) Append(entries []pb.Entry, room int) {
	bytes := memoryBytes(entries)
	c.grow(len(entries), bytes, room)
	c.newest.entries = append(c.newest.entries, entries...)
	c.newest.bytes += bytes
}

// fits reports whether the newest array has room for n entries of that many bytes.
func (c *Chunks) fits(n int, bytes uint64) bool {
	entries := c.newest.entries
	return cap(entries)-len(entries) >= n && (c.newest.bytes+bytes <= LargestChunkBytes || len(entries) == 0)
}

// grow makes room for n entries of that many bytes in the newest array, so that entries of one call
// are in one array. A new array has room for that many entries, or for n, or for largestChunk.
func (c *Chunks) grow(n int, bytes uint64, room int) {
	if c.fits(n, bytes) {
		return
	}
	if !c.Empty() {
		if c.old == nil {
			c.old = &olderChunks{}
		}
		c.old.add(c.newest)
	}
	size := max(n, min(room, largestChunk))
	c.newest = entryChunk{entries: make([]pb.Entry, 0, size)}
}

// Truncate drops the entries from index on. It takes time in proportion to what it drops.
func (c *Chunks) Truncate(index uint64) {
	if index <= c.first() {
		*c = Chunks{}
		return
	}
	for c.newest.entries[0].Index >= index {
		c.newest = c.old.dropLast()
	}
	n := index - c.newest.entries[0].Index
	live, dead := c.newest.entries[:n:n], c.newest.entries[n:]
	if len(dead) == 0 {
		return // nothing was ever written behind the end of this array
	}
	if len(dead) > len(live) {
		live = append(make([]pb.Entry, 0, len(live)), live...)
	}
	c.newest = entryChunk{entries: live, bytes: c.newest.bytes - memoryBytes(dead)}
}

// DropTo drops the entries up to and including index, which is in the run. What is live in an array
// moves only when it is the smaller part of it, so that the cost is proportional to what is
// dropped.
func (c *Chunks) DropTo(index uint64) {
	if index+1 == c.End() {
		*c = Chunks{}
		return
	}
	for range c.chunk(index + 1) {
		c.old.dropFirst()
	}
	if len(c.older()) == 0 {
		c.old = nil
	}
	oldest := c.at(0)
	n := index + 1 - oldest.entries[0].Index
	dead, live := oldest.entries[:n], oldest.entries[n:]
	if len(dead) <= len(live) {
		return
	}
	bytes := memoryBytes(dead)
	*oldest = entryChunk{entries: slices.Clone(live), bytes: oldest.bytes - bytes}
	if c.old != nil {
		c.old.bytes -= bytes
	}
}

// add adds the newest array.
func (o *olderChunks) add(c entryChunk) {
	o.Push(c)
	o.bytes += c.bytes
}

// dropLast removes the newest array, and returns it.
func (o *olderChunks) dropLast() entryChunk {
	c := o.PopLast()
	o.bytes -= c.bytes
	return c
}

// dropFirst removes the oldest array.
func (o *olderChunks) dropFirst() {
	o.bytes -= o.At(0).bytes
	o.Pop(1)
}
