package main

import (
	"github.com/ffd200af/raft/compaction"
	"github.com/ffd200af/raft/raftpb"
)

// When the log is compacted, and how much of it stays. A snapshot is free here (see snapshot.go),
// so the log is kept only for followers that are behind. They get entries as long as those are
// fewer bytes than the data. Thesis §5.1.2 compares the log with the state for another reason, but
// the rule is the same. A log of more than four times the data is compacted to a quarter of that.

const (
	// minLog and maxLog are the bytes within which the size of the data decides.
	minLog = 16 << 20
	maxLog = 1 << 30
	// logKept is the part of the limit that stays.
	logKept = 4
	// maxKept is how many times that part the log may have because a peer is getting a snapshot.
	maxKept = 8
	// logSamples is the number of entries from which a start estimates the size of the log.
	logSamples = 100
)

func newSizes(before uint64) *compaction.Log {
	return compaction.NewLog(compaction.Policy{Floor: minLog, Ceiling: maxLog}, before)
}

// measureLog estimates the bytes of the log from a number of entries, so that a start takes no
// longer when the log is longer.
func (s *store) measureLog() error {
	s.sizes = newSizes(s.prev.index)
	step := max(1, (s.last-s.prev.index)/logSamples)
	for at := s.prev.index; at < s.last; {
		to := min(at+step, s.last)
		value, _, err := s.get(logKey(to))
		if err != nil {
			return err
		}
		s.sizes.Append(at+1, to, (to-at)*uint64(len(value)))
		at = to
	}
	return nil
}

// countEntries counts entries that are appended.
func (s *store) countEntries(entries []raftpb.Entry) {
	var size int
	for i := range entries {
		size += entries[i].Size()
	}
	if n := len(entries); n > 0 {
		s.sizes.Append(entries[0].Index, entries[n-1].Index, uint64(size))
	}
}

// retention is what a loop knows of the compaction of its log.
type retention struct {
	after uint64 // entries above which the log is compacted to a quarter, too; 0 for no bound
	next  uint64 // bytes of the log at which the data is measured again
}

// compact drops entries that are applied, when the log is due. Followers that still need one get a
// snapshot, and later the entries after it.
func (l *loop) compact() error {
	index, due := l.compactTo()
	if !due {
		return nil
	}
	return l.store.compact(min(index, l.store.applied.index, l.neededIndex()))
}

// compactTo returns the index to which the log is to be compacted, if it is due. It measures the
// data when the log is due by what was measured before, and not for each batch while a peer holds
// it up.
func (l *loop) compactTo() (index uint64, due bool) {
	sizes, applied := l.store.sizes, l.store.applied.index
	if after := l.retention.after; after > 0 && applied > l.store.prev.index+after {
		return applied - after/logKept, true
	}
	if !sizes.Due() {
		l.retention.next = 0
		return 0, false
	}
	if sizes.Size() < l.retention.next {
		return 0, false
	}
	sizes.Snapshot(l.store.stateSize())
	l.retention.next = sizes.Size() + sizes.Limit()/16
	return sizes.Keeping(sizes.Limit() / logKept), sizes.Due()
}

// mayKeep reports whether the log after an index may stay for a peer that is getting a snapshot.
func (l *loop) mayKeep(index uint64) bool {
	sizes, after := l.store.sizes, l.retention.after
	return (after == 0 || l.store.applied.index < index+maxKept*after) && sizes.Keeping(maxKept*(sizes.Limit()/logKept)) <= index
}
