package tracker

import (
	"fmt"
	"strings"

	"github.com/ffd200af/raft/quorum"
	pb "github.com/ffd200af/raft/raftpb"
)

// ProgressMap is a Progress per member.
type ProgressMap map[uint64]*Progress

// String returns a line per member, in order of id.
func (m ProgressMap) String() string {
	var b strings.Builder
	for _, id := range sortedIDs(m) {
		fmt.Fprintf(&b, "%d: %s\n", id, m[id])
	}
	return b.String()
}

// AckedIndex returns what the member has matched; it makes the map a
// quorum.AckedIndexer.
func (m ProgressMap) AckedIndex(id uint64) (quorum.Index, bool) {
	pr, ok := m[id]
	if !ok {
		return 0, false
	}
	return quorum.Index(pr.Match), true
}

// ProgressTracker is a configuration with a Progress per member and the votes of an
// election, as maps. The state machine uses Members instead.
type ProgressTracker struct {
	Config

	Progress ProgressMap
	Votes    map[uint64]bool

	MaxInflight      int    // appends in flight to one follower
	MaxInflightBytes uint64 // payload in flight to one follower; 0 means no limit
}

// MakeProgressTracker returns a tracker of an empty configuration.
func MakeProgressTracker(maxInflight int, maxBytes uint64) ProgressTracker {
	return ProgressTracker{
		Config:           Config{Voters: quorum.JointConfig{quorum.MajorityConfig{}, nil}},
		Progress:         ProgressMap{},
		Votes:            map[uint64]bool{},
		MaxInflight:      maxInflight,
		MaxInflightBytes: maxBytes,
	}
}

// ConfState returns the configuration in its serializable form, with sorted ids.
func (p *ProgressTracker) ConfState() pb.ConfState { return p.confState() }

// IsSingleton reports whether one voter decides everything.
func (p *ProgressTracker) IsSingleton() bool {
	return len(p.Voters[0]) == 1 && len(p.Voters[1]) == 0
}

// Committed returns the largest index that a quorum has matched.
func (p *ProgressTracker) Committed() uint64 {
	return uint64(p.Voters.CommittedIndex(p.Progress))
}

// Visit calls f for every member in order of id.
func (p *ProgressTracker) Visit(f func(id uint64, pr *Progress)) {
	for _, id := range sortedIDs(p.Progress) {
		f(id, p.Progress[id])
	}
}

// QuorumActive reports whether a quorum was recently active.
func (p *ProgressTracker) QuorumActive() bool {
	active := map[uint64]bool{}
	for id, pr := range p.Progress {
		active[id] = pr.RecentActive
	}
	return p.Voters.VoteResult(active) == quorum.VoteWon
}

// VoterNodes returns the voters of both halves in ascending order.
func (p *ProgressTracker) VoterNodes() []uint64 { return sortedIDs(p.Voters.IDs()) }

// LearnerNodes returns the learners in ascending order.
func (p *ProgressTracker) LearnerNodes() []uint64 { return sortedIDs(p.Learners) }

// ResetVotes forgets all votes.
func (p *ProgressTracker) ResetVotes() { p.Votes = map[uint64]bool{} }

// RecordVote notes a node's answer; the first one counts.
func (p *ProgressTracker) RecordVote(id uint64, v bool) {
	if _, answered := p.Votes[id]; !answered {
		p.Votes[id] = v
	}
}

// TallyVotes says how the election stands, and how many members that vote have granted and
// rejected.
func (p *ProgressTracker) TallyVotes() (granted int, rejected int, _ quorum.VoteResult) {
	for id := range p.Voters.IDs() {
		if v, answered := p.Votes[id]; answered && v {
			granted++
		} else if answered {
			rejected++
		}
	}
	return granted, rejected, p.Voters.VoteResult(p.Votes)
}
