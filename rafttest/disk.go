package rafttest

import (
	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// Disk is a node's stable storage: what the library reads, and what an application writes. Whoever
// puts an adapter like this around an engine can have it tested by TestStorage, and run whole
// clusters on it in package sim.
type Disk interface {
	raft.Storage

	// Write stores what a Ready or a storage message holds, in the order snapshot, entries, hard
	// state; what is empty is left out. A snapshot replaces the log; entries replace what is there
	// from the index of the first one on. With sync, everything that was written up to here is
	// durable when it returns. Entries or a snapshot without sync are followed by Crash, before
	// anything is read.
	Write(hs pb.HardState, entries []pb.Entry, snapshot pb.Snapshot, sync bool) error
	// SaveSnapshot makes s, which the node's own state machine has taken, the newest snapshot; the
	// log stays. Everything up to its index is applied, and InitialState returns its configuration
	// from now on. An engine that makes snapshots from its state machine applies the entries
	// instead.
	SaveSnapshot(s pb.Snapshot) error
	// Compact drops the entries up to and including index, which the newest snapshot covers. What
	// this and SaveSnapshot have done is durable when they return.
	Compact(index uint64) error
	// Crash is a loss of power, and returns the disk as it is found afterwards. Everything that was
	// synced is there. Of what was written since, in the order in which it was written, a beginning
	// may be there, and nothing else. It consists of pieces: a Write is its snapshot, its entries
	// one by one, its hard state. The first entry of a Write takes what stood in its place and
	// behind it away, and may have done so without being there itself.
	//
	// keep says how many pieces the caller would like to see; none of them with 0. An engine that
	// writes several at once leaves all of these or none, and one that cannot lose what was not
	// synced is closed and opened again.
	Crash(keep int) (Disk, error)
}

// DiskContents is what a Disk implements, besides, whose entries and snapshots cannot hold any
// bytes, because it looks into them. As in every log, there are normal entries without data besides
// those that it makes, and entries of configuration changes, which hold an encoded change. Where
// the changes lead to is decided by the snapshots alone.
type DiskContents interface {
	// EntryData returns what a normal entry at index of a term may hold.
	EntryData(term, index uint64) []byte
	// SnapshotData returns what a snapshot at index holds. It is not compared with what the disk
	// returns.
	SnapshotData(index uint64) []byte
}
