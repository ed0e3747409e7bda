package tracker

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ffd200af/raft/progress"
	"github.com/ffd200af/raft/quorum"
	pb "github.com/ffd200af/raft/raftpb"
)

// What a leader knows of a follower; see package progress.
type (
	Progress  = progress.Progress
	Inflights = progress.Inflights
	StateType = progress.StateType
)

// The states of a Progress.
const (
	StateProbe     = progress.StateProbe
	StateReplicate = progress.StateReplicate
	StateSnapshot  = progress.StateSnapshot
)

// NewInflights returns an empty window for size appends and, if that is not 0,
// maxBytes bytes.
func NewInflights(size int, maxBytes uint64) *Inflights { return progress.NewInflights(size, maxBytes) }

// Config is a configuration as sets of ids. It is joint if the second half of Voters is
// not empty (thesis §4.3).
//
// A node is in at most one of Voters (either half or both) and Learners. LearnersNext are
// outgoing voters that become learners when the joint configuration is left.
type Config struct {
	Voters       quorum.JointConfig
	AutoLeave    bool
	Learners     map[uint64]struct{}
	LearnersNext map[uint64]struct{}
}

// Clone returns a copy that shares nothing with c. Absent sets stay absent.
func (c *Config) Clone() Config {
	return Config{
		Voters:       quorum.JointConfig{maps.Clone(c.Voters[0]), maps.Clone(c.Voters[1])},
		AutoLeave:    c.AutoLeave,
		Learners:     maps.Clone(c.Learners),
		LearnersNext: maps.Clone(c.LearnersNext),
	}
}

// String returns, for instance, `voters=(1 2 3)&&(1) learners=(4) learners_next=(5) autoleave`.
func (c Config) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "voters=%s", c.Voters)
	if len(c.Learners) > 0 {
		fmt.Fprintf(&b, " learners=%s", quorum.MajorityConfig(c.Learners))
	}
	if len(c.LearnersNext) > 0 {
		fmt.Fprintf(&b, " learners_next=%s", quorum.MajorityConfig(c.LearnersNext))
	}
	if c.AutoLeave {
		b.WriteString(" autoleave")
	}
	return b.String()
}

// confState returns the configuration with sorted ids; sets without members are nil.
func (c *Config) confState() pb.ConfState {
	return pb.ConfState{
		Voters:         sortedIDs(c.Voters[0]),
		VotersOutgoing: sortedIDs(c.Voters[1]),
		Learners:       sortedIDs(c.Learners),
		LearnersNext:   sortedIDs(c.LearnersNext),
		AutoLeave:      c.AutoLeave,
	}
}

// sortedIDs returns nil for a set without members.
func sortedIDs[V any](set map[uint64]V) []uint64 {
	return slices.Sorted(maps.Keys(set))
}
