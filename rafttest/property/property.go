package property

import "fmt"

// Name is a promise of the library, or of the storage and the state machine around it.
type Name string

// The properties. An Observer checks all of them but the last five, which are for its driver to
// check: they take the library, a disk, or time to check.
const (
	// ElectionSafety: a term has at most one leader (thesis §3.4).
	ElectionSafety Name = "election safety"
	// LeaderAppendOnly: a leader does not overwrite or delete entries of its log (thesis §3.5).
	LeaderAppendOnly Name = "leader append-only"
	// LogMatching: entries with the same index and term are the same entry, and follow the same
	// entries, in every log (thesis §3.5).
	LogMatching Name = "log matching"
	// LeaderCompleteness: a leader has everything that was committed in earlier terms (thesis
	// §3.6).
	LeaderCompleteness Name = "leader completeness"
	// StateMachineSafety: no two nodes apply different entries at an index. A node applies entries
	// in order, and only committed ones (thesis §3.6.3).
	StateMachineSafety Name = "state machine safety"
	// CommitSafety: what a leader commits is durable on a quorum of its configuration. Others
	// commit only what a leader has committed.
	CommitSafety Name = "commit safety"
	// Monotonicity: term, commit index and applied index of a node never fall. A node that restarts
	// is not behind its disk.
	Monotonicity Name = "monotonicity"
	// OneVote: a node votes once a term, in all its lives together (thesis §3.4).
	OneVote Name = "one vote a term"
	// Promise: a message that promises a term, a vote or entries leaves the node when these are
	// durable (thesis §3.8). A candidate leads when its own vote is.
	Promise Name = "promise before durability"
	// SameResults: replicas get the same result from each command, the same configuration from each
	// change, and have the same state at each index.
	SameResults Name = "same results"
	// ReadSafety: a read is answered once, with an index that covers everything that was committed
	// when it was requested (thesis §6.4).
	ReadSafety Name = "read safety"

	// Invariants: RawNode.Verify finds nothing.
	Invariants Name = "invariants"
	// Healthy: no node is quarantined, unless its disk was damaged, and no message from one node is
	// malformed for another.
	Healthy Name = "health"
	// NoPanic: nothing panics: the library, a disk, a state machine.
	NoPanic Name = "no panic"
	// Durability: a disk that starts again has what it has synced.
	Durability Name = "durability of the disk"
	// Progress: once there are no more faults, the cluster elects, commits and answers in time.
	Progress Name = "progress"
)

// Violation is a broken property.
type Violation struct {
	Property Name
	Node     uint64 // the node that has broken it; 0 if none can be named
	Detail   string
}

func (v *Violation) Error() string { return fmt.Sprintf("%s: %s", v.Property, v.Detail) }
