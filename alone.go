package raft

import (
	"github.com/ffd200af/raft/confchange"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// A node decides alone if it is the only voter of its active configuration. It elects itself and
// commits without asking any other node. So it must not begin to decide alone in an outdated
// configuration. A server that returns with an empty disk under its old id could do that. It
// receives the log from its beginning, and the cluster may have begun with that server alone (bug
// 41).
//
// In every other configuration a node needs votes. Voters with a more up-to-date log refuse, so no
// node that lacks a committed entry is elected (thesis §3.6.3). A node that is behind campaigns all
// the same: it may be the only node that knows the newest configuration.
//
// When another node reports the change with which this node decides alone as committed, this node
// commits it only under two conditions. The next configuration change in its log, if there is one,
// is beyond every commit index that an append has named since the start. And its durable log proves
// that it is not behind:
//
//   - If the leader of term T reports it, the log holds an entry of term T.
//   - If a message about votes reports it, the log reaches the highest commit index that any leader
//     has reported to this node.
//
// If the next configuration change is reported as committed too and is durable, the node commits
// both at once, without proof.
//
// If Storage cannot give the changes at that moment, the node keeps the report, and acts upon it
// later. A report with a proof then needs the second one: the log reaches the highest commit index
// that any leader has reported since. A node that leads by then has every committed entry (thesis
// §3.6.3).
//
// A leader appends a change when the one before it is committed. So the append that brings the next
// change also reports this one as committed. After a restart, an append has to be heard first.
//
// Safety: the leader L of term T is another node. L was a voter of its active configuration when it
// campaigned, so L had applied the change that made it one. That change made this node no longer
// the only voter, and precedes L's first entry of term T. A log with an entry of term T holds that
// change by Log Matching (thesis §3.5). The commit index in the hard state is never between the two
// changes, so this holds after a restart. (With asynchronous writes there is an exception: a crash
// after the first change is applied and before the hard state is written.)
//
// One case remains open. A server has lost its disk, has received the beginning of the log, and has
// restarted. Then a removed server that still runs reports the change in a message about votes. The
// disk of the first server is the same as that of a server that lost nothing and is the only voter,
// so no check can separate them. Config.ID forbids such a server.
//
// Liveness: assume that the configuration of this node alone is the newest one. It followed a
// configuration of two voters, or a joint one (thesis §4.3), so its commitment needed this node's
// acknowledgement. A leader commits by counting an entry of its own term (thesis §3.6.2). This node
// has acknowledged that entry, so its log holds it and every committed entry. A later leader would
// need this node's vote, and would have to be a voter.

// alone reports whether id is the only voter of cfg.
func alone(cfg *tracker.Config, id uint64) bool {
	for i, half := range cfg.Voters {
		if _, ok := half[id]; len(half) > 1 || !ok && (i == 0 || len(half) > 0) {
			return false
		}
	}
	return true
}

// beforeAlone returns the index up to which this node may commit, at most index. Without proof that
// the node is not behind, it stops before the change with which the node would begin to decide
// alone.
func (r *raft) beforeAlone(index uint64, proof bool) (uint64, error) {
	change, err := r.log.HasConfChange(r.log.Committed(), index)
	if err != nil || !change || r.members.DecidesAlone(r.id) {
		return index, err
	}
	cfg, limit, more := r.members.Config(), index, false
	err = r.log.EachConfChange(r.log.Applied(), func(at uint64, e *pb.Entry) bool {
		if at > index {
			more = alone(&cfg, r.id) && (r.heardCommit == 0 || at <= r.heardCommit)
			return false
		}
		if cc, err := decodeConfChange(e); err == nil {
			if next, err := confchange.Apply(cfg, cc); err == nil {
				cfg = next // otherwise it will have no effect
			}
		}
		switch {
		case !alone(&cfg, r.id):
			if at <= r.log.Stable() {
				limit = index
			}
		case limit == index && at > r.log.Committed():
			limit = at - 1
		}
		return true
	})
	if err != nil || limit == index || proof && !more {
		return index, err
	}
	r.logger.Infof("%x commits up to %d and not up to %d: it would decide alone, and may be behind", r.id, limit, index)
	return limit, nil
}
