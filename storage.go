package raft

import (
	pb "github.com/ffd200af/raft/raftpb"
)

// Storage is where a node reads back what its application has persisted: the hard state,
// the newest snapshot, and the log behind some index. The node only reads; the
// application writes, what Ready tells it to and in that order.
//
// The log is the run of entries [FirstIndex, LastIndex]. The entry before it, at
// FirstIndex-1, is remembered by its term alone: it is the end of what was compacted, or
// the last entry that the restored snapshot covers, or index 0 with term 0. An
// empty log has LastIndex == FirstIndex-1.
//
// What a write must be:
//   - Atomic. After a crash either all of a Ready's HardState, Entries and Snapshot are
//     there or none of it; term and vote are never apart. Entries at index i replace every entry
//     from i on, so that no old tail stands behind them.
//   - Or, where a store cannot do that, torn in one order only: snapshot, entries, hard state.
//     After a crash, a write that was not durable may have been carried out up to any of these
//     points: the snapshot has replaced the whole log, in one step; the old entries from i on are
//     gone; some of the new entries are there, from the first on; the hard state is there. Then no
//     commit index is beyond the log, because committed entries are never overwritten. The node
//     recovers from the entries what the lost hard state would have said of the term and of
//     earlier configuration changes. A first write that was torn is finished by another Bootstrap.
//   - Never with an old entry behind a new one. An index and a term stand for the whole log up to
//     there, so a leader that finds the old entry in its place trusts everything before it. And
//     the old log is not gone before its snapshot is there.
//   - Durable before the Ready's messages leave, if Ready.MustSync is set.
//     Durable means that it is still there after the machine loses power. Losing what was
//     durable makes a liar of the node, and the group may lose committed entries.
//   - Failing loudly. A write that failed, or whose outcome is unknown, must not be followed
//     by Advance: stop the node and start it again from what Storage then holds.
//
// Compaction may happen at any time and to any index up to the applied one, provided that Snapshot
// returns a snapshot that covers what was dropped. While there is none, a follower that needs what
// was dropped gets nothing, and the node logs that once.
//
// The node calls Storage from whatever goroutine drives it. An application that writes or
// compacts in another goroutine has to make Storage safe for concurrent use; a read
// then sees each write wholly or not at all.
//
// Slices that Entries returns belong to nobody: neither side ever changes their elements
// or the bytes that those refer to, also not after compaction or when the log is
// overwritten. The node keeps them for as long as it likes. The same holds for a
// ConfState's slices and a snapshot's data.
//
// rafttest.TestStorage tries all of this on an implementation.
//
// Besides the errors with a meaning that each method names, possibly wrapped, any error means
// that Storage does not work, and quarantines the node (ErrStorage).
type Storage interface {
	// InitialState returns the hard state that was written last, and the configuration
	// that was active when everything up to the applied index had been applied. It
	// is called once, when a node starts.
	InitialState() (pb.HardState, pb.ConfState, error)

	// Entries returns the entries [lo, hi), or a prefix of them whose encoded size is at most
	// maxSize bytes, but at least one entry. It is called with lo < hi.
	//
	// The error is ErrCompacted if lo < FirstIndex. ErrUnavailable, if hi > LastIndex+1, or
	// if the entries cannot be had at the moment. The node then tries again when the follower that
	// needs them is next heard from, or at its next tick if they are to be applied, and at once
	// after RawNode.StorageAvailable.
	Entries(lo, hi, maxSize uint64) ([]pb.Entry, error)

	// Term returns the term of the entry at index i, FirstIndex-1 <= i <= LastIndex. The error
	// is ErrCompacted if i is smaller, and ErrUnavailable if it is larger. A Storage with
	// entries may return ErrCompacted for FirstIndex-1 too: a follower that needs that term
	// gets a snapshot.
	Term(i uint64) (uint64, error)

	// LastIndex returns the index of the last entry, or FirstIndex-1 if the log is empty.
	LastIndex() (uint64, error)

	// FirstIndex returns the index of the first entry that was not compacted; it never
	// falls. If the log is empty, it is the index that the next entry would have.
	FirstIndex() (uint64, error)

	// Snapshot returns the newest snapshot, with the configuration that was active at its
	// index. It covers everything before FirstIndex and nothing that is not applied.
	//
	// The error is ErrSnapshotTemporarilyUnavailable if one is being made: the node asks
	// again after the follower's next sign of life, and after RawNode.StorageAvailable.
	Snapshot() (pb.Snapshot, error)
}
