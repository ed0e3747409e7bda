package raft

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// The peers of Bootstrap were not added one by one, each by those before it, as other members are (thesis §4.1). A beginning of that list
// is no configuration: who took it for one would elect a leader that nobody else knows of. So all of it becomes committed at
// once, when all of it is durable; is handed out at once to be applied, and active with that; and no snapshot that ends within it
// is sent to others.

// bootstrapTerm is the term of the first configuration. Nobody leads in it: the first election is in the next term.
const bootstrapTerm = 1

// firstConfiguration is the index of the last entry of the first configuration, with which a log begins if Bootstrap has written it,
// here or elsewhere; 0 if it begins otherwise. If the log ends there, others may have more of it.
func firstConfiguration(l *raftlog.Log) (uint64, error) {
	if term, ok := l.Term(1); !ok || term != bootstrapTerm || l.First() != 1 {
		return 0, nil
	}
	end, limit := uint64(0), l.LastNotAfter(l.LastIndex(), bootstrapTerm)
	for end < limit {
		// A leader that there was in this term begins with an entry of another kind, and may have gone on for long.
		entries, err := l.Entries(end+1, min(end+64, limit)+1, raftlog.NoLimit)
		if err != nil {
			return 0, fmt.Errorf("%w: the first configuration: %w", ErrStorage, err)
		}
		for i := range entries {
			if entries[i].Type != pb.EntryConfChange {
				return end, nil
			}
			end++
		}
	}
	return end, nil
}

// splitsFirstConfiguration reports whether a commit index may leave a part of the first configuration out: it does, or no entry
// behind it shows that this is all of it. Nor may a crash: what is committed may be applied while more is being written.
func splitsFirstConfiguration(l *raftlog.Log, index uint64) (bool, error) {
	end, err := firstConfiguration(l)
	if errors.Is(err, ErrUnavailable) {
		return true, nil // the report is postponed, see commitOnWord
	}
	return end > 0 && (index < end || end == l.LastIndex() || end > l.Stable()), err
}

// completeFirstConfiguration returns the end of the first configuration if all of it is in the log
// and durable, and 0 otherwise. A complete first configuration is committed; no leader has to
// confirm it.
func completeFirstConfiguration(l *raftlog.Log) (uint64, error) {
	end, err := firstConfiguration(l)
	if err != nil || end >= l.LastIndex() || end > l.Stable() {
		return 0, err
	}
	return end, nil
}

// commitTo moves the commit index forward, but not into the first configuration.
func (r *raft) commitTo(index uint64) error {
	if r.log.Committed() == 0 && index > 0 {
		if err := r.log.CheckCommit(index); err != nil {
			return err
		}
		if splits, err := splitsFirstConfiguration(&r.log, index); splits || err != nil {
			return err
		}
	}
	return r.log.CommitTo(index)
}

// toApply returns committed entries that were not handed out yet, of at most maxBytes but at least
// one entry. If the log begins with the first configuration, all of that comes at once, whatever its
// size.
func (r *raft) toApply(maxBytes uint64) ([]pb.Entry, error) {
	lo, hi := r.log.Applying()+1, r.log.ApplyEnd(r.async == nil)
	if lo >= hi {
		return nil, nil
	}
	if lo == 1 {
		if first, err := firstToApply(&r.log, hi); err != nil || first != nil {
			return first, err
		}
	}
	return r.log.ToApply(lo, hi, maxBytes)
}

// firstToApply returns the first configuration, as far as it may be applied before hi; nil if the log
// begins otherwise.
func firstToApply(l *raftlog.Log, hi uint64) ([]pb.Entry, error) {
	end, err := firstConfiguration(l)
	if err != nil || end == 0 {
		return nil, err
	}
	end = min(end, hi-1) // a leader may have added other changes to it
	var entries []pb.Entry
	for n := uint64(0); n < end; n = uint64(len(entries)) {
		more, err := l.ToApply(n+1, end+1, raftlog.NoLimit)
		if err != nil {
			return nil, err
		}
		if n == 0 {
			entries = more // usually all of it
		} else {
			entries = slices.Concat(entries, more)
		}
	}
	return entries, nil
}

// endsInFirstConfiguration reports whether a snapshot may end within the first configuration. Whoever began with it would not know
// that there is more, which is committed, and may be lost to those who do.
func endsInFirstConfiguration(l *raftlog.Log, s *pb.SnapshotMetadata) (bool, error) {
	// Each change adds one voter, and the snapshot has them all: they are active together.
	if next, ok := l.Term(s.Index + 1); !ok || next != bootstrapTerm || uint64(len(s.ConfState.Voters)) <= s.Index {
		return false, nil
	}
	entries, err := l.Entries(s.Index+1, s.Index+2, raftlog.NoLimit)
	if errors.Is(err, ErrUnavailable) || errors.Is(err, ErrCompacted) {
		return true, nil
	}
	if err != nil || entries[0].Type != pb.EntryConfChange {
		return false, err
	}
	var cc pb.ConfChange
	added := cc.Unmarshal(entries[0].Data) == nil && cc.Type == pb.ConfChangeAddNode && slices.Contains(s.ConfState.Voters, cc.NodeID)
	return added, nil
}

// recoverFirstConfiguration returns the end of the first configuration with which a log begins, if it does, and whether that is all of it: the
// log goes on behind it, or some of it was committed here, which happens to all of it at once.
func recoverFirstConfiguration(l *raftlog.Log) (end uint64, complete bool, err error) {
	end, err = firstConfiguration(l)
	return end, end < l.LastIndex() || l.Committed() > 0, err
}
