package raft

import (
	pb "github.com/ffd200af/raft/raftpb"
)

// unstable is the end of the log that Storage has not acknowledged yet, and the
// snapshot, if any, that is to be written before it.
//
//	        base          stable       taken          end
//	chunk:   |  kept, durable |  being written | to write |  free capacity
//
// Entries in [stable, end) are not acknowledged; those in [stable, taken) were handed
// out for writing. base <= stable <= taken <= end; chunk[0] has index base.
//
// Published arrays are never written again: a chunk grows only behind its end, and a
// truncation or a full chunk starts a new one. What lies before stable is kept as
// long as the chunk lives, because its array cannot be freed in parts; it serves
// the entries to apply without a look at Storage.
type unstable struct {
	snapshot *pendingSnapshot // to be written before the entries; nil if none

	chunk  []pb.Entry
	base   uint64
	stable uint64
	taken  uint64

	// cache holds what was retired; nil if Config.MaxCachedEntriesSize allows nothing.
	cache *entryCache

	// chunkBytes is the payload that the chunk keeps alive.
	chunkBytes uint64

	// generation counts truncations and restored snapshots. An acknowledgement of an
	// earlier generation may speak of entries that were replaced since, possibly by
	// equal ones whose write is still under way, and counts for nothing.
	generation uint64
}

// pendingSnapshot is a snapshot that is not durable yet.
type pendingSnapshot struct {
	*pb.Snapshot
	taken bool // it was handed out for writing
}

const (
	minChunk      = 4   // entries in the first chunk
	maxChunk      = 512 // entries in a chunk, unless more come at once
	maxChunkBytes = 64 << 10
)

func newUnstable(end uint64) unstable {
	return unstable{base: end, stable: end, taken: end}
}

// end is the index behind the last entry.
func (u *unstable) end() uint64 { return u.base + uint64(len(u.chunk)) }

// slice returns the entries in [lo, hi), base <= lo <= hi <= end. They are
// immutable.
func (u *unstable) slice(lo, hi uint64) []pb.Entry {
	return u.chunk[lo-u.base : hi-u.base : hi-u.base]
}

// cached returns durable entries from lo on that are still in memory, up to hi at most; nil if lo
// is not here, or nothing is to be kept.
func (u *unstable) cached(lo, hi uint64) []pb.Entry {
	if u.cache == nil {
		return nil
	}
	if lo >= u.base {
		return u.slice(lo, hi)
	}
	return u.cache.from(lo, hi)
}

// append adds entries behind the end. They are copied; their data is kept.
func (u *unstable) append(entries []pb.Entry) {
	bytes := payloadBytes(entries)
	u.reserve(len(entries), bytes)
	u.chunk = append(u.chunk, entries...)
	u.chunkBytes += bytes
}

// appendOwn adds entries behind the end, with the term and the indexes that a
// leader gives them.
func (u *unstable) appendOwn(term uint64, entries []pb.Entry, bytes uint64) {
	u.reserve(len(entries), bytes)
	u.chunkBytes += bytes
	next := u.end()
	for i := range entries {
		u.chunk = append(u.chunk, pb.Entry{
			Term:  term,
			Index: next + uint64(i),
			Type:  entries[i].Type,
			Data:  entries[i].Data,
		})
	}
}

// reserve makes room for n entries with the given payload. When the chunk is full, in
// entries or in bytes, what is not acknowledged moves to a new one.
func (u *unstable) reserve(n int, bytes uint64) {
	fits := cap(u.chunk)-len(u.chunk) >= n
	if fits && (u.chunkBytes+bytes <= maxChunkBytes || u.stable == u.base) {
		return
	}
	u.renew(u.end(), n)
}

// renew starts a new chunk with the unacknowledged entries before index and room
// for n more. What is not acknowledged may grow for long, message by message, while a disk is slow: the
// room doubles with it, so that an entry is copied about once.
func (u *unstable) renew(index uint64, n int) {
	from := min(u.stable, index)
	u.cache.retire(u.chunk[: from-u.base : from-u.base])
	keep := u.chunk[from-u.base : index-u.base]
	size := max(len(keep)+n, 2*len(keep), min(2*cap(u.chunk), maxChunk), minChunk)
	chunk := make([]pb.Entry, len(keep), size)
	copy(chunk, keep)
	u.chunk, u.base, u.chunkBytes = chunk, from, payloadBytes(keep)
}

// truncate removes the entries from index on, whether they are here or, being
// acknowledged, in Storage; what is appended next is written over them. index <= end.
func (u *unstable) truncate(index uint64) {
	u.generation++
	u.cache.truncate(index)
	if index < u.base {
		u.chunk, u.base, u.chunkBytes = nil, index, 0
	} else {
		u.renew(index, minChunk)
	}
	u.stable = min(u.stable, index)
	u.taken = min(u.taken, index)
}

// restore replaces everything with a snapshot that is to be written.
func (u *unstable) restore(s *pb.Snapshot) {
	end := s.Metadata.Index + 1
	u.cache.clear()
	*u = unstable{snapshot: &pendingSnapshot{Snapshot: s}, base: end, stable: end, taken: end, generation: u.generation + 1, cache: u.cache}
}

// toWrite returns the entries that were not handed out for writing yet.
func (u *unstable) toWrite() []pb.Entry {
	if u.taken == u.end() {
		return nil
	}
	return u.slice(u.taken, u.end())
}

// snapshotToWrite returns the snapshot if it was not handed out for writing yet.
func (u *unstable) snapshotToWrite() *pb.Snapshot {
	if u.snapshot == nil || u.snapshot.taken {
		return nil
	}
	return u.snapshot.Snapshot
}

// take marks everything as handed out for writing.
func (u *unstable) take() {
	u.taken = u.end()
	if u.snapshot != nil {
		u.snapshot.taken = true
	}
}

// acknowledged notes that the entries up to index, as they were in generation, are
// durable. It reports whether that moved stable.
func (u *unstable) acknowledged(generation, index uint64) bool {
	if generation != u.generation || index < u.stable || index >= u.taken {
		return false
	}
	u.stable = index + 1
	return true
}

// snapshotAcknowledged notes that the snapshot at index is durable, and reports
// whether it is the one that was waited for.
func (u *unstable) snapshotAcknowledged(index uint64) bool {
	if u.snapshot == nil || !u.snapshot.taken || u.snapshot.Metadata.Index != index {
		return false
	}
	u.snapshot = nil
	return true
}
