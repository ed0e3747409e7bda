package raft

import (
	"errors"
	"fmt"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// A store that does not write atomically may have lost a hard state and kept the entries that were
// written before it in the same write. What such a hard state would have said of the term and of
// committed configuration changes stands in the entries too, and a node that started without it
// would not be the one that crashed.

// recoverHardState returns what hs, which names the log's commit index, must have been at least.
// trusting is Config.DisableConfChangeValidation.
func recoverHardState(hs pb.HardState, l *raftlog.Log, trusting bool) (pb.HardState, error) {
	if last := l.Last(); last.Term > hs.Term && (last.Index >= l.First() || hs.Term > 0 || last.Term > 1) {
		// Entries come in their own term or a later one. No vote of that term is lost: one that was
		// given was durable first, and who leads in a term has voted in it. A snapshot of term 1
		// without a hard state is how new groups begin, in which nobody has led; one of a later
		// term is a group that begins with another's state.
		hs.Term, hs.Vote = last.Term, None
	}
	first, complete, err := recoverFirstConfiguration(l)
	if err != nil {
		return hs, err
	}
	change := uint64(0) // the last one before lo that is not known to be committed
	if first > l.Committed() {
		change = first
	}
	if complete {
		hs.Commit = max(hs.Commit, first)
	}
	if trusting {
		return hs, nil
	}
	// A leader appends a configuration change when the one before it is committed. So of those that
	// are there, all but the last one are. The first configuration counts as one.
	for lo := max(l.Committed(), change) + 1; lo <= l.LastIndex(); {
		entries, err := l.Entries(lo, l.LastIndex()+1, defaultMaxSizePerMsg)
		if errors.Is(err, ErrCompacted) {
			return hs, fmt.Errorf("%w: entry %d was compacted before it was applied", ErrStorage, lo)
		}
		if err != nil {
			return hs, fmt.Errorf("looking for configuration changes: %w", err)
		}
		for i := range entries {
			if !raftlog.IsConfChange(&entries[i]) {
				continue
			}
			if change != 0 {
				hs.Commit = change
			}
			change = lo + uint64(i) // not what a Storage may have spoilt
		}
		lo += uint64(len(entries))
	}
	return hs, nil
}
