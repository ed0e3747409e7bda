package progress

import "strconv"

// StateType says how a follower is replicated to.
type StateType uint64

const (
	// StateProbe finds out where the logs agree, with one append per round trip.
	StateProbe StateType = iota
	// StateReplicate sends appends optimistically, as many as the window takes.
	StateReplicate
	// StateSnapshot waits for a snapshot to arrive.
	StateSnapshot
)

// String returns the name of the constant.
func (s StateType) String() string {
	switch s {
	case StateProbe:
		return "StateProbe"
	case StateReplicate:
		return "StateReplicate"
	case StateSnapshot:
		return "StateSnapshot"
	}
	return "StateType(" + strconv.FormatUint(uint64(s), 10) + ")"
}
