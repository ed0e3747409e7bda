package raft

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ffd200af/raft/confchange"
	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// The peers of Bootstrap were not added one by one, each by those before it, as other members are
// (thesis §4.1). A part of the list is no configuration: a node that took it for one could elect a
// leader that no other node knows of. So the whole list
//
//   - is committed at once, when all of it is durable (commitTo, commitFirstConfiguration);
//   - is handed out at once to be applied (toApply), and takes effect with that (firstInEffect);
//   - counts as committed after a crash if the log goes on beyond it (recoverFirstConfiguration);
//   - is not sent to others in part, by a snapshot that ends within it (endsInFirstConfiguration).
//
// Bootstrap itself is in bootstrap.go.

// bootstrapTerm is the term of the first configuration. No node leads in this term: the first
// election is in the next one.
const bootstrapTerm = 1

// isOfFirst reports whether an entry at the head of a log may belong to the first configuration.
func isOfFirst(e *pb.Entry) bool {
	return e.Type == pb.EntryConfChange && e.Term == bootstrapTerm
}

// firstConfiguration returns the index of the last entry of the first configuration, if the log
// begins with it because Bootstrap has written it, here or elsewhere. It returns 0 if the log
// begins otherwise. If the log ends at that index, other nodes may have more of the first
// configuration.
func firstConfiguration(l *raftlog.Log) (uint64, error) {
	if term, ok := l.Term(1); !ok || term != bootstrapTerm || l.First() != 1 {
		return 0, nil
	}
	end, limit := uint64(0), l.LastNotAfter(l.LastIndex(), bootstrapTerm)
	for end < limit {
		// If there was a leader in this term, its first entry is of another type, and a long log
		// may follow.
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

// splitsFirstConfiguration reports whether a commit index may leave out a part of the first
// configuration: it does, or no later entry shows that this is all of it, or a crash could lose a
// part, because what is committed may be applied while more is being written.
func splitsFirstConfiguration(l *raftlog.Log, index uint64) (bool, error) {
	end, err := firstConfiguration(l)
	if errors.Is(err, ErrUnavailable) {
		return true, nil // the report is postponed, see commitReported
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

// commitFirstConfiguration commits the first configuration if all of it is durable. An error has
// quarantined the node.
func (r *raft) commitFirstConfiguration() error {
	end, err := completeFirstConfiguration(&r.log)
	limit := uint64(0)
	if err == nil && end > 0 {
		limit, err = r.beforeAlone(end, r.log.Last().Term == r.term)
	}
	switch {
	case errors.Is(err, ErrUnavailable):
		r.openPostponed().first = true
	case err != nil:
		return r.quarantine("committing the first configuration", err)
	case limit == end && end > 0:
		return r.log.CommitTo(end)
	}
	return nil
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
// one entry. If the log begins with the first configuration, all of that comes at once, whatever
// its size.
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

// firstToApply returns the first configuration, as far as it may be applied before hi; nil if the
// log begins otherwise.
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

// firstInEffect returns the first configuration if committed, which is handed out to be applied,
// begins with it. As with Bootstrap, all of it takes effect before any of it is applied, so that no
// snapshot has a part of it.
func (r *raft) firstInEffect(committed []pb.Entry) (cfg tracker.Config, ok bool) {
	if committed[0].Index != 1 || r.members.Len() > 0 {
		return cfg, false
	}
	cfg = r.members.Config()
	for i := range committed {
		if !isOfFirst(&committed[i]) {
			break
		}
		cc, err := decodeConfChange(&committed[i])
		if err == nil {
			cfg, err = confchange.Apply(cfg, cc)
		}
		if err != nil {
			return cfg, false // Bootstrap did not write it
		}
	}
	return cfg, len(cfg.Voters[0]) > 0
}

// endsInFirstConfiguration reports whether a snapshot may end within the first configuration. A
// node that began with such a snapshot would not know the rest, which is committed.
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

// recoverFirstConfiguration returns the end of the first configuration, 0 if the log does not begin
// with it, and whether that is all of it: the log goes on beyond it, or some of it was committed
// here, which happens to all of it at once.
func recoverFirstConfiguration(l *raftlog.Log) (end uint64, complete bool, err error) {
	end, err = firstConfiguration(l)
	return end, end < l.LastIndex() || l.Committed() > 0, err
}
