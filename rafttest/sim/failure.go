package sim

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ffd200af/raft/rafttest/property"
)

// ErrFailed is matched by every Failure.
var ErrFailed = errors.New("sim: a property is broken")

// Failure is a run that broke a property of package property. The properties are checked after
// every event, for what the event has changed: all but Progress and Durability, and Invariants on
// every fourth seed and at the end of the others. The same Config gives the same Failure again, and
// Shrink minimises it.
type Failure struct {
	Seed     uint64
	Event    uint64 // the number of the event that broke it, from 1
	Time     uint64 // of the virtual clock, in microseconds
	Node     uint64 // the node that broke it; 0 if it was all of them
	Property property.Name
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
