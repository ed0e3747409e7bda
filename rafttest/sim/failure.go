package sim

import (
	"errors"
	"fmt"
	"strings"
)

// Property is a promise of the library, or of a Disk or a StateMachine, that a run checks.
type Property string

// The properties. All but Progress and Durability are checked after every event, for what the event has changed; Invariants on every
// fourth seed, and at the end of the others.
const (
	// ElectionSafety: a term has at most one leader (thesis §3.4).
	ElectionSafety Property = "election safety"
	// LeaderAppendOnly: a leader does not overwrite or delete entries of its log.
	LeaderAppendOnly Property = "leader append-only"
	// LogMatching: an entry with the same index and term is the same entry, behind the same entries, wherever it
	// stands (thesis §3.5).
	LogMatching Property = "log matching"
	// LeaderCompleteness: a leader has everything that was committed in earlier terms (thesis §3.6).
	LeaderCompleteness Property = "leader completeness"
	// StateMachineSafety: no two nodes apply different entries at an index, nor out of order.
	StateMachineSafety Property = "state machine safety"
	// CommitSafety: what a leader commits is durable on a quorum of its configuration, and nobody else commits
	// what no leader has.
	CommitSafety Property = "commit safety"
	// Monotony: term, commit index and applied index of a node never fall, nor does its durable term when it starts again.
	Monotony Property = "monotony"
	// OneVote: a node votes once a term, in all its lives together.
	OneVote Property = "one vote a term"
	// Promise: a response that promises a term, a vote or entries leaves the node when its disk has synced them.
	Promise Property = "promise before durability"
	// SameResults: the replicas get the same result from each command, and the same snapshot at each index.
	SameResults Property = "same results"
	// ReadSafety: a read is given an index that covers everything that was committed when it was asked for.
	ReadSafety Property = "read safety"
	// Invariants: RawNode.Verify finds nothing.
	Invariants Property = "invariants"
	// Healthy: no node is quarantined, except for what a fault has done to its disk, and no message of one node is
	// refused by another.
	Healthy Property = "health"
	// NoPanic: nothing panics: the library, a Disk, a StateMachine.
	NoPanic Property = "no panic"
	// Durability: a Disk that starts again has what it has synced.
	Durability Property = "durability of the disk"
	// Progress: when the faults are over, everybody gets on within Config.RecoverTicks ticks.
	Progress Property = "progress"
)

// ErrFailed is matched by every Failure.
var ErrFailed = errors.New("sim: a property is broken")

// Failure is a run that broke a property. The same Config gives the same Failure again, and Shrink makes it small.
type Failure struct {
	Seed     uint64
	Event    uint64 // the number of the event that broke it, from 1
	Time     uint64 // of the virtual clock, in microseconds
	Node     uint64 // the node that broke it; 0 if it was all of them
	Property Property
	Detail   string
	// Trace holds what was done last, a line each.
	Trace []string
}

func (f *Failure) Error() string {
	return fmt.Sprintf("%v: %s: %s (seed %d, event %d)", ErrFailed, f.Property, f.Detail, f.Seed, f.Event)
}

// Unwrap returns ErrFailed.
func (f *Failure) Unwrap() error { return ErrFailed }

// Story is the failure with the end of its trace.
func (f *Failure) Story() string {
	var out strings.Builder
	for _, line := range f.Trace {
		out.WriteString(line)
		out.WriteByte('\n')
	}
	fmt.Fprintf(&out, "%v\n", f)
	return out.String()
}
