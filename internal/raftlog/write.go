package raftlog

import pb "github.com/ffd200af/raft/raftpb"

// Write is what the storage write of a batch makes durable.
type Write struct {
	// The entries up to Index, as they stood in Generation, are durable.
	Generation uint64
	Index      uint64
	// Snapshot is the index of the snapshot that is durable; 0 if none was written.
	Snapshot uint64
}

// WriteDue reports whether TakeWrite would return something.
func (l *Log) WriteDue() bool {
	u := &l.unstable
	return u.tail != nil && (u.taken < u.end() || u.snapshot != nil && !u.snapshot.taken)
}

// TakeWrite hands out everything that was not handed out for writing yet: the snapshot, nil if
// there is none, is written before the entries.
func (l *Log) TakeWrite() (entries []pb.Entry, snapshot *pb.Snapshot, w Write) {
	u := &l.unstable
	entries, snapshot = u.toWrite(), u.snapshotToWrite()
	w = Write{Generation: u.generation, Index: l.LastIndex()}
	if snapshot != nil {
		w.Snapshot = snapshot.Metadata.Index
	}
	u.take()
	return entries, snapshot, w
}

// Taken returns the last write that was handed out, with its snapshot if snapshot is set, as far as
// it still counts. What was replaced in the log or by another snapshot is left out.
func (l *Log) Taken(snapshot bool) Write {
	u := &l.unstable
	w := Write{Generation: u.generation, Index: u.untaken() - 1}
	if s := u.pending(); snapshot && s != nil && s.taken {
		w.Snapshot = s.Metadata.Index
	}
	return w
}

// Acknowledge notes that a write is durable. It reports whether the pending snapshot is durable
// now, and so counts as applied, and whether Stable has moved.
func (l *Log) Acknowledge(w Write) (restored, moved bool) {
	if w.Snapshot != 0 && l.unstable.snapshotAcknowledged(w.Snapshot) {
		restored = true
		l.applied = max(l.applied, w.Snapshot)
	}
	if l.unstable.acknowledged(w.Generation, w.Index) {
		moved = true
		l.unstable.dropDurable(l.Applying())
	}
	return restored, moved
}
