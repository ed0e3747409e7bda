package raft

import (
	"errors"
	"fmt"

	"github.com/ffd200af/raft/confchange"
	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// maxSnapshotWait bounds the time between snapshots to a follower that takes none, in election
// timeouts.
const maxSnapshotWait = 8

// manySnapshots is the number of the snapshot that is logged as a warning, if the follower has
// taken none of those before it.
const manySnapshots = 3

// buildSnapshot sends the newest snapshot to a follower that needs compacted entries (thesis §5,
// Figure 5.3). If there is no snapshot to send, or it is too early for another one, the follower is
// paused until its next sign of life.
func (r *raft) buildSnapshot(to uint64, pr *tracker.Progress) error {
	l := &r.limits
	if !pr.RecentActive || !pr.MaySendSnapshot(r.clock, uint32(l.heartbeat), maxSnapshotWait*uint32(l.election)) {
		pr.Pause()
		return nil
	}
	snapshot, err := r.log.Snapshot()
	if errors.Is(err, ErrSnapshotTemporarilyUnavailable) {
		r.logger.Debugf("%x: no snapshot for %x yet", r.id, to)
		pr.Hinder()
		return nil
	}
	if err != nil {
		return wrapStorage("snapshot", err)
	}
	id := snapshotID(&snapshot)
	if id.Index == 0 {
		r.hinder(pr, "%x: %x needs a snapshot, and the storage has none: its first entry is %d. Create one", r.id, to, r.log.First())
		return nil
	}
	if id.Index > r.log.LastIndex() {
		return wrapStorage("snapshot", fmt.Errorf("%w: snapshot at %d, first index %d, last index %d", errBadSnapshot, id.Index, r.log.First(), r.log.LastIndex()))
	}
	if id.Index > r.log.Committed() {
		// The commit index is not synced, so after a crash it may be lower than before. The first
		// commit of the term makes up for that.
		pr.Pause()
		return nil
	}
	if id.Index+1 < r.log.First() {
		// There would be a gap between the snapshot and the log: the follower would need another
		// snapshot at once.
		r.hinder(pr, "%x: the snapshot at %v for %x is older than the first entry %d", r.id, id, to, r.log.First())
		return nil
	}
	if splits, err := endsInFirstConfiguration(&r.log, &snapshot.Metadata); err != nil {
		return err
	} else if splits {
		r.hinder(pr, "%x: the snapshot at %v for %x ends within the first configuration", r.id, id, to)
		return nil
	}
	m := r.send(pb.MsgSnap, to)
	m.Snapshot = &snapshot
	traceSend(r, m)
	pr.BecomeSnapshot(id.Index)
	r.logSnapshot(to, id, pr)
	return nil
}

// logSnapshot counts a snapshot that is sent, and warns once that a follower takes none.
func (r *raft) logSnapshot(to uint64, id raftlog.EntryID, pr *tracker.Progress) {
	switch n := pr.SnapshotSent(r.clock); n {
	case 1:
		r.logger.Infof("%x sends the snapshot at %v to %x, which has matched %d", r.id, id, to, pr.Match)
	case manySnapshots:
		r.logger.Warningf("%x sends the snapshot at %v to %x, which has taken none of %d before; the next ones wait longer", r.id, id, to, n-1)
	default:
		r.logger.Debugf("%x sends snapshot number %d, at %v, to %x", r.id, n, id, to)
	}
}

// handleSnapshot is a follower's receipt of a snapshot (thesis §5, Figure 5.3).
func (r *raft) handleSnapshot(m *pb.Message) error {
	r.heardFromLeader(m.From)
	s := *m.Snapshot // the caller may reuse the struct
	return r.takeSnapshot(m.From, &s)
}

// takeSnapshot restores the leader's snapshot if this log does not have what it covers, and
// acknowledges it.
func (r *raft) takeSnapshot(leader uint64, s *pb.Snapshot) error {
	id := snapshotID(s)
	if term, known := r.log.Term(id.Index); id.Index <= r.log.Committed() && known && term != id.Term {
		return r.quarantine("handling a snapshot", fmt.Errorf("%w: snapshot at %v, term %d here", ErrCommittedConflict, id, term))
	}
	switch {
	case id.Index <= r.log.Committed():
		r.logger.Debugf("%x: the snapshot at %v brings nothing new, commit index %d", r.id, id, r.log.Committed())
	case r.log.Has(id):
		// The log has everything that the snapshot covers: keep the log, and commit.
		if err := r.commitFromLeader(id.Index); err != nil {
			return r.quarantine("handling a snapshot", err)
		}
	default:
		cfg, err := confchange.FromConfState(s.Metadata.ConfState)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if id.Term != r.term && alone(&cfg, r.id) && !r.members.DecidesAlone(r.id) {
			// A node that may decide alone has every committed entry, and needs no snapshot: see
			// alone.go.
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

// restore replaces the log and the configuration by the snapshot's. It drops all entries, those
// beyond the snapshot's last index too: they follow an entry that the leader's log does not have.
func (r *raft) restore(s *pb.Snapshot, cfg tracker.Config) {
	r.log.Restore(s)
	traceSwitchConfig(r, &cfg)
	r.setConfig(cfg)
	r.logger.Infof("%x restores the snapshot at %v, %s", r.id, snapshotID(s), cfg)
}

// resumeSnapshot restores the snapshot that has waited, if the node may now. Otherwise the leader
// sends another one.
func (r *raft) resumeSnapshot() {
	p := r.postponed
	if p.snapshot == nil || !r.mayRestore() {
		return
	}
	from, s := p.from, p.snapshot
	p.from, p.snapshot = None, nil
	if r.role == StateFollower {
		_ = r.takeSnapshot(from, s) // an error has quarantined the node, or the snapshot is as good as lost
	}
}

// postponeSnapshot keeps a snapshot until the node may restore it. A later one takes its place.
func (r *raft) postponeSnapshot(leader uint64, s *pb.Snapshot) {
	p := r.openPostponed()
	p.from, p.snapshot = leader, s
	r.logger.Infof("%x: the snapshot at %v waits until %d is applied", r.id, snapshotID(s), r.log.Applying())
}

// hasSnapshot: no more entries are handed out then, so that it does not wait for ever.
func (p *postponed) hasSnapshot() bool { return p != nil && p.snapshot != nil }

// reportSnapshot ends the wait for a snapshot. If it arrived, the follower will acknowledge it. If
// it failed, it is sent again if the follower still needs it. Either way the follower is probed
// after its next sign of life.
func (r *raft) reportSnapshot(id uint64, failed bool) {
	pr := r.progressOf(id)
	if pr == nil || pr.State != tracker.StateSnapshot {
		return
	}
	if failed {
		// The follower still lacks what the snapshot covers.
		pr.PendingSnapshot = 0
	}
	pr.BecomeProbe()
	pr.Pause()
	r.logger.Debugf("%x: snapshot to %x reported, failed: %t", r.id, id, failed)
}

// ageSnapshots is called once per election timeout. It probes a follower again if no report about
// its snapshot has come within Config.SnapshotTicks.
func (r *raft) ageSnapshots() {
	for i := range r.members.Len() {
		pr := r.members.Progress(i)
		if pr.State == tracker.StateSnapshot && pr.AgeSnapshot() > r.limits.rare().snapshotTimeouts {
			r.logger.Warningf("%x: no report about the snapshot at %d for %x, probing", r.id, pr.PendingSnapshot, r.members.ID(i))
			pr.PendingSnapshot = 0
			pr.BecomeProbe()
			r.members.Change(i)
		}
	}
}
