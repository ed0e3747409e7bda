// Package compaction tells when the log of a replica is due for compaction, by its size in bytes
// (thesis §5.1.2).
//
// A replica that compacts its log often writes its state to the disk again and again. One that
// compacts seldom wastes space, and takes long to replay its log. Both costs depend on the size of
// the state, so a fixed number of entries or bytes fits one size of state only. The thesis compares
// the log with the previous snapshot, because the size of the next one is not known before it is
// made. With a factor of 4, a fifth of what is written to the disk is snapshots. The disk needs
// about six times the size of the state while it holds the old snapshot, the log and the new one.
//
// A Policy is the rule. A Log applies it to one log. The program tells it what is appended and
// compacted, and how large the snapshots are, and asks whether the log is Due. A Log counts bytes
// without holding entries, so it fits any storage.
//
//	sizes := compaction.NewLog(compaction.Policy{Floor: 1 << 20, Ceiling: 1 << 30}, first-1)
//	...
//	sizes.Append(entry.Index, entry.Index, uint64(entry.Size()))
//	...
//	if sizes.Due() {
//		// Take a snapshot of the state at the applied index, then
//		sizes.Snapshot(snapshotBytes)
//		// drop the log, but for some entries that save slow followers a snapshot.
//		index := min(applied, sizes.Keeping(sizes.Limit()/4))
//		storage.Compact(index)
//		sizes.Compact(index)
//	}
//
// Each server decides for itself (thesis §5): the decision needs no agreement. Only what is
// applied, and part of a durable snapshot, may be dropped.
//
// Where the state machine is on the disk already, a snapshot is free (thesis §5.2). The log could
// be dropped as soon as it is applied. It is worth keeping for followers that are behind: entries
// are cheaper to send than the state, as long as they are fewer bytes. The same rule then says how
// much.
package compaction
