package raftlog

import (
	"slices"

	pb "github.com/ffd200af/raft/raftpb"
)

// unstable is the end of the log in memory: what Storage has not acknowledged yet, the snapshot, if
// any, that is to be written before it, and durable entries that are kept.
//
//	base          stable       taken          end
//	|  durable    |  being written | to write |
//
// Entries in [stable, end) are not acknowledged; those in [stable, taken) were handed out for
// writing. base <= stable <= taken <= end.
//
// Durable entries are dropped array by array. They serve the entries to apply, and followers that
// are slightly behind, without a look at Storage.
type unstable struct {
	// tail is what is in memory; nil if there is nothing, and all that is committed is applied, as
	// in an idle group.
	*tail

	stable uint64

	// generation counts truncations and restored snapshots. An acknowledgement of an earlier
	// generation is ignored. Its entries may have been replaced since, possibly by equal ones whose
	// write is still under way.
	generation uint64
}

// tail is the part of the log that is in memory, and how far it has got.
type tail struct {
	snapshot *pendingSnapshot // to be written before the entries; nil if none

	entries Chunks // [base, end)
	taken   uint64

	// The largest index known to be committed, and the largest one that was handed out to be
	// applied. They count if they are larger than what is applied.
	committed uint64
	applying  uint64

	// keep is Config.MaxCachedEntriesSize. A tail that has a limit stays when it is empty.
	keep uint64
}

// pendingSnapshot is a snapshot that is not durable yet.
type pendingSnapshot struct {
	*pb.Snapshot
	taken bool // it was handed out for writing
}

// unappliedBytes limits the memory of durable entries that are kept because they are not applied.
const unappliedBytes = 1 << 20

func newUnstable(end, keep uint64) unstable {
	u := unstable{stable: end}
	if keep > 0 {
		u.open().keep = keep
	}
	return u
}

// open returns the tail, which is made when there is something to hold.
func (u *unstable) open() *tail {
	if u.tail == nil {
		u.tail = &tail{taken: u.stable}
	}
	return u.tail
}

// empty reports whether no entry is in memory.
func (u *unstable) empty() bool { return u.tail == nil || u.entries.Empty() }

// base is the first index in memory; end if there is none.
func (u *unstable) base() uint64 {
	if u.empty() {
		return u.stable
	}
	return u.entries.first()
}

// end is the index after the last entry of the log.
func (u *unstable) end() uint64 {
	if u.empty() {
		return u.stable
	}
	return u.entries.End()
}

// untaken is the index of the first entry that was not handed out for writing; end if there is
// none.
func (u *unstable) untaken() uint64 {
	if u.tail == nil {
		return u.stable
	}
	return u.taken
}

// pending returns the snapshot that is not durable yet, or nil.
func (u *unstable) pending() *pendingSnapshot {
	if u.tail == nil {
		return nil
	}
	return u.snapshot
}

// serves reports whether durable entries from lo on are in memory, and are kept for readers other
// than those who apply them. Without Config.MaxCachedEntriesSize Storage is read, as with v3.6.
func (u *unstable) serves(lo uint64) bool { return u.tail != nil && u.keep > 0 && lo >= u.base() }

// append adds entries at the end. It keeps their data, and copies the rest.
func (u *unstable) append(entries []pb.Entry) {
	t := u.open()
	t.entries.Append(entries, t.room())
}

// room is the size of the next array: twice what the newest has taken. So a log that is not used
// much has small arrays, and a busy one makes few.
func (t *tail) room() int { return 2 * len(t.entries.newest.entries) }

// appendOwn adds entries at the end, with the term and the indexes that a leader gives them. bytes
// is their payload.
func (u *unstable) appendOwn(term uint64, entries []pb.Entry, bytes uint64) {
	next, t := u.end(), u.open()
	bytes += EntryBytes * uint64(len(entries))
	t.entries.grow(len(entries), bytes, t.room())
	newest := &t.entries.newest
	newest.bytes += bytes
	for i := range entries {
		newest.entries = append(newest.entries, pb.Entry{
			Term:  term,
			Index: next + uint64(i),
			Type:  entries[i].Type,
			Data:  entries[i].Data,
		})
	}
}

// dropDurable drops the oldest arrays that are durable. Entries beyond applying, which are not
// handed out to be applied, are kept up to unappliedBytes.
func (u *unstable) dropDurable(applying uint64) {
	for !u.empty() && len(u.entries.older()) > 0 {
		end := u.entries.at(1).entries[0].Index
		limit := u.keep
		if end > applying+1 {
			limit = max(limit, unappliedBytes)
		}
		if end > u.stable || u.entries.old.bytes <= limit {
			return
		}
		u.entries.old.dropFirst()
	}
}

// rest drops all entries when nobody needs them: applied is the last one, and what is applied is
// durable. So an idle group takes no memory for them.
func (u *unstable) rest(applied uint64) {
	if u.mayRest(applied) {
		u.tail = nil
	}
}

// mayRest reports whether rest would drop anything.
func (u *unstable) mayRest(applied uint64) bool {
	return u.tail != nil && u.keep == 0 && applied+1 == u.end()
}

// truncate removes the entries from index on, whether they are here or, being
// acknowledged, in Storage; what is appended next is written over them. index <= end.
func (u *unstable) truncate(index uint64) {
	u.generation++
	if index < u.end() && !u.empty() {
		u.entries.Truncate(index)
	}
	u.stable = min(u.stable, index)
	if u.tail != nil {
		u.taken = min(u.taken, index)
	}
}

// restore replaces everything with a snapshot that is to be written.
func (u *unstable) restore(s *pb.Snapshot) {
	old, generation := u.open(), u.generation+1
	*u = newUnstable(s.Metadata.Index+1, old.keep)
	t := u.open()
	t.snapshot, t.applying = &pendingSnapshot{Snapshot: s}, old.applying
	u.generation = generation
}

// toWrite returns the entries that were not handed out for writing yet.
func (u *unstable) toWrite() []pb.Entry {
	if u.untaken() == u.end() {
		return nil
	}
	return u.entries.Slice(u.taken, u.end(), NoLimit)
}

// snapshotToWrite returns the snapshot if it was not handed out for writing yet.
func (u *unstable) snapshotToWrite() *pb.Snapshot {
	if s := u.pending(); s != nil && !s.taken {
		return s.Snapshot
	}
	return nil
}

// take marks everything as handed out for writing. The next batch is likely to be as large as this
// one. If it would not fit in the newest array, it starts a new one: a batch in two arrays is
// copied for each reader.
func (u *unstable) take() {
	if u.tail == nil {
		return
	}
	end := u.end()
	if batch := int(end - u.taken); batch > 1 && !u.entries.fits(batch, u.entries.newest.meanBytes()*uint64(batch)) {
		u.entries.newest.entries = slices.Clip(u.entries.newest.entries)
	}
	u.taken = end
	if u.snapshot != nil {
		u.snapshot.taken = true
	}
}

// acknowledged notes that the entries up to index, as they were in generation, are
// durable. It reports whether that moved stable.
func (u *unstable) acknowledged(generation, index uint64) bool {
	if generation != u.generation || index < u.stable || index >= u.untaken() {
		return false
	}
	u.stable = index + 1
	return true
}

// snapshotAcknowledged notes that the snapshot at index is durable, and reports
// whether it is the one that was waited for.
func (u *unstable) snapshotAcknowledged(index uint64) bool {
	if s := u.pending(); s == nil || !s.taken || s.Metadata.Index != index {
		return false
	}
	u.snapshot = nil
	return true
}
