package raft

import (
	"fmt"

	"github.com/ffd200af/raft/confchange"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// handleSnapshot is a follower's receipt of a snapshot (thesis §5, Figure 5.3). What
// it acknowledges is what it now has for certain.
func (r *raft) handleSnapshot(m *pb.Message) error {
	r.heardFromLeader(m.From)
	s := *m.Snapshot // the caller may reuse the struct
	return r.takeSnapshot(m.From, &s)
}

// takeSnapshot makes the leader's snapshot this node's state if that is news, and acknowledges.
func (r *raft) takeSnapshot(leader uint64, s *pb.Snapshot) error {
	id := snapshotID(s)
	if term, known := r.log.Term(id.Index); id.Index <= r.log.Committed() && known && term != id.Term {
		return r.quarantine("handling a snapshot", fmt.Errorf("%w: snapshot at %v, term %d here", ErrCommittedConflict, id, term))
	}
	switch {
	case id.Index <= r.log.Committed():
		r.logger.Debugf("%x: the snapshot at %v brings nothing new, commit index %d", r.id, id, r.log.Committed())
	case r.log.Has(id):
		// The log has what the snapshot covers and more: keep the suffix.
		if err := r.commitAsTold(id.Index); err != nil {
			return r.quarantine("handling a snapshot", err)
		}
	default:
		cfg, err := confchange.FromConfState(s.Metadata.ConfState)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if id.Term != r.term && alone(&cfg, r.id) && !r.members.DecidesAlone(r.id) {
			// A node that rightly decides alone has every committed entry, and needs no
			// snapshot: see alone.go.
			r.logger.Warningf("%x does not restore the snapshot at %v: it would decide alone, and may be behind. A later snapshot helps", r.id, id)
			return nil
		}
		if !r.mayRestore() {
			r.postponeSnapshot(leader, s)
			return nil
		}
		r.restore(s, cfg)
	}
	r.acknowledge(leader, max(r.log.Committed(), id.Index), r.log.Committed())
	return nil
}

// restore replaces the log and the configuration by the snapshot's. Entries that
// conflict with it, and those that merely lie behind it, go: they were never acknowledged to
// this leader.
func (r *raft) restore(s *pb.Snapshot, cfg tracker.Config) {
	r.log.Restore(s)
	traceSwitchConfig(r, &cfg)
	r.setConfig(cfg)
	r.logger.Infof("%x restores the snapshot at %v, %s", r.id, snapshotID(s), cfg)
}

// postponeSnapshot keeps a snapshot until the node may restore it. A later one takes its place.
func (r *raft) postponeSnapshot(leader uint64, s *pb.Snapshot) {
	p := r.openPostponed()
	p.from, p.snapshot = leader, s
	r.logger.Infof("%x: the snapshot at %v waits until %d is applied", r.id, snapshotID(s), r.log.Applying())
}

// reportSnapshot ends the wait for a snapshot: sent, the follower will acknowledge it;
// failed, it will be sent again if still needed. Either way the follower is probed after
// its next sign of life.
func (r *raft) reportSnapshot(id uint64, failed bool) {
	pr := r.progressOf(id)
	if pr == nil || pr.State != tracker.StateSnapshot {
		return
	}
	if failed {
		// What it would have covered is still missing.
		pr.PendingSnapshot = 0
	}
	pr.BecomeProbe()
	pr.Pause()
	r.logger.Debugf("%x: snapshot to %x reported, failed: %t", r.id, id, failed)
}

// ageSnapshots frees followers whose snapshot report was lost: after the limit they
// are probed again. Called once per election timeout.
func (r *raft) ageSnapshots() {
	for i := range r.members.Len() {
		pr := r.members.Progress(i)
		if pr.State == tracker.StateSnapshot && pr.AgeSnapshot() > r.limits.snapshotTimeouts {
			r.logger.Warningf("%x: no report about the snapshot at %d for %x, probing", r.id, pr.PendingSnapshot, r.members.ID(i))
			pr.PendingSnapshot = 0
			pr.BecomeProbe()
			r.members.Change(i)
		}
	}
}
