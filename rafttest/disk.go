package rafttest

import (
	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// Disk is a node's stable storage: what the library reads, and what an application writes. Whoever puts an adapter like this
// around an engine can have it tested by TestStorage, and run whole clusters on it in package sim.
type Disk interface {
	raft.Storage

	// Write stores what a Ready or a storage message holds, in the order snapshot, entries, hard state; what is
	// empty is left out. A snapshot replaces the log; entries replace what is there from the index of the first one on. With
	// sync, everything that was written up to here is durable when it returns. Entries or a snapshot
	// without sync are followed by Crash, before anything is read.
	Write(hs pb.HardState, entries []pb.Entry, snapshot pb.Snapshot, sync bool) error
	// SaveSnapshot makes s, which the node's own state machine has taken, the newest snapshot; the log stays.
	// Everything up to its index is applied. An engine that makes snapshots from its state machine applies the
	// entries instead.
	SaveSnapshot(s pb.Snapshot) error
	// Compact drops the entries up to and including index, which the newest snapshot covers. Both are durable when
	// they return.
	Compact(index uint64) error
	// Crash is a loss of power, and returns the disk as it is found afterwards. Everything that was synced is
	// there. Of what was written since, in the order in which it was written, the first keep pieces may be
	// there, and nothing else; a piece is a snapshot, the entries, or the hard state of a Write. An engine that cannot lose what
	// was not synced is closed and opened again.
	Crash(keep int) (Disk, error)
}

// DiskContents is what a Disk implements, besides, whose entries and snapshots cannot hold any bytes, because it looks
// into them.
type DiskContents interface {
	// EntryData returns what an entry at index of a term may hold.
	EntryData(term, index uint64) []byte
	// SnapshotData returns what a snapshot at index holds. It is not compared with what the disk returns.
	SnapshotData(index uint64) []byte
}
