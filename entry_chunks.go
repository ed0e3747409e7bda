package raft

import (
	"slices"
	"sort"

	pb "github.com/ffd200af/raft/raftpb"
)

// entryChunks is a run of entries in arrays of bounded size, of which readers may hold any part:
//
//	older()[0]       older()[1]      newest
//	| dead | live |  | live     |    | live | free |
//
// So an element that was added is never written again: entries are added in free only, and what is
// overwritten starts a new array. Entries never move because others are added; an array goes
// as soon as nothing in it is live. What is dead, up to the first live entry, cannot be collected before.
type entryChunks struct {
	newest []pb.Entry    // empty only if everything is
	old    *[][]pb.Entry // each with something that lives; nil if there is none, as in a short log
}

// largestChunk is the number of entries in an array, unless more come at once.
const largestChunk = 512

func (c *entryChunks) empty() bool { return len(c.newest) == 0 }

// end is the index behind the last entry of a run that is not empty.
func (c *entryChunks) end() uint64 { return c.newest[0].Index + uint64(len(c.newest)) }

// older are the arrays before the newest.
func (c *entryChunks) older() [][]pb.Entry {
	if c.old == nil {
		return nil
	}
	return *c.old
}

func (c *entryChunks) setOlder(arrays [][]pb.Entry) {
	switch {
	case len(arrays) == 0:
		c.old = nil
	case c.old == nil:
		list := arrays // not the argument, which would be on the heap for every call
		c.old = &list
	default:
		*c.old = arrays
	}
}

// chunk returns the position of the array that holds index, which is in the run; the newest comes last.
func (c *entryChunks) chunk(index uint64) int {
	older := c.older()
	if len(older) == 0 || index >= c.newest[0].Index {
		return len(older)
	}
	return sort.Search(len(older)-1, func(i int) bool { return older[i+1][0].Index > index })
}

// at returns the array at a position.
func (c *entryChunks) at(i int) *[]pb.Entry {
	if older := c.older(); i < len(older) {
		return &older[i]
	}
	return &c.newest
}

// entry returns the entry at index, which is in the run.
func (c *entryChunks) entry(index uint64) *pb.Entry {
	chunk := *c.at(c.chunk(index))
	return &chunk[index-chunk[0].Index]
}

// slice returns the entries from lo on and before hi, all in the run, of at most maxSize encoded bytes
// but at least one. They are copied where they lie in several arrays.
func (c *entryChunks) slice(lo, hi, maxSize uint64) []pb.Entry {
	hi = lo + uint64(c.fit(lo, hi, maxSize))
	i := c.chunk(lo)
	chunk := *c.at(i)
	if first := chunk[0].Index; hi-first <= uint64(len(chunk)) {
		return chunk[lo-first : hi-first : hi-first]
	}
	run := make([]pb.Entry, 0, hi-lo)
	for ; lo < hi; i++ {
		chunk := *c.at(i)
		first := chunk[0].Index
		to := min(hi, first+uint64(len(chunk)))
		run = append(run, chunk[lo-first:to-first]...)
		lo = to
	}
	return run
}

// fit returns how many entries from lo on and before hi have at most maxSize encoded bytes; at least one.
func (c *entryChunks) fit(lo, hi, maxSize uint64) int {
	if maxSize == noLimit {
		return int(hi - lo)
	}
	n, size := 0, uint64(0)
	for i := c.chunk(lo); lo+uint64(n) < hi; i++ {
		chunk := *c.at(i)
		first := chunk[0].Index
		for j := lo + uint64(n) - first; j < min(hi-first, uint64(len(chunk))); j++ {
			if size += uint64(chunk[j].Size()); size > maxSize && n > 0 {
				return n
			}
			n++
		}
	}
	return n
}

// append adds entries behind the last one, to a run in which live entries live. A first array is as large as what
// it is for, because the logs of many idle groups stay small; the next ones are as large as everything that lives.
func (c *entryChunks) append(entries []pb.Entry, live uint64) {
	room := min(cap(c.newest)-len(c.newest), len(entries))
	c.newest = append(c.newest, entries[:room]...)
	if entries = entries[room:]; len(entries) == 0 {
		return
	}
	if !c.empty() {
		c.setOlder(append(c.older(), c.newest))
	}
	size := max(len(entries), int(min(live, largestChunk)))
	c.newest = append(make([]pb.Entry, 0, size), entries...)
}

// truncate drops the entries from index on, which is in the run.
func (c *entryChunks) truncate(index uint64) {
	i := c.chunk(index)
	chunk := *c.at(i)
	keep := chunk[:index-chunk[0].Index]
	c.newest = slices.Clone(keep)
	older := c.older()
	older = slices.Delete(older, min(i, len(older)), len(older))
	if last := len(older) - 1; len(keep) == 0 && last >= 0 {
		c.newest = older[last]
		older = slices.Delete(older, last, last+1)
	}
	c.setOlder(older)
}

// dropTo drops the entries up to and including index, which is in the run. What lives in an array moves only
// when it is the smaller part of it, so that the cost is proportional to what is dropped.
func (c *entryChunks) dropTo(index uint64) {
	if index+1 == c.end() {
		*c = entryChunks{}
		return
	}
	c.setOlder(slices.Delete(c.older(), 0, c.chunk(index+1)))
	oldest := c.at(0)
	dead := int(index + 1 - (*oldest)[0].Index)
	if live := len(*oldest) - dead; dead > live {
		*oldest = slices.Clone((*oldest)[dead:])
	}
}
