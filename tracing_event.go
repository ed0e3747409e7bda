//go:build with_tla

package raft

// StateTraceDeployed reports whether the library was built with the tag with_tla, and calls
// Config.TraceLogger.
const StateTraceDeployed = true

// TraceLogger receives a TracingEvent for every step of a node. It is called in the goroutine that
// drives the node and must not call the node. The event belongs to the TraceLogger.
//
// The nodes of a cluster share one TraceLogger, in one process, to preserve causality.
type TraceLogger interface {
	TraceEvent(*TracingEvent)
}

// TracingEvent is one step of a node.
type TracingEvent struct {
	// Name says which step, for instance "BecomeLeader".
	Name string `json:"name"`
	// NodeID is the node, in decimal.
	NodeID string       `json:"nid"`
	State  TracingState `json:"state"`
	// Role is "StateFollower", "StateCandidate" or "StateLeader".
	Role string `json:"role"`
	// LogSize is the index of the last entry.
	LogSize uint64 `json:"log"`
	// Conf holds the voters, and those of the outgoing half of a joint configuration.
	Conf [2][]string `json:"conf"`
	// Message is what is sent or received; nil in all other events.
	Message    *TracingMessage    `json:"msg,omitempty"`
	ConfChange *TracingConfChange `json:"cc,omitempty"` // unused, as in v3.6: it is in Properties
	// Properties hold "cc", a *TracingConfChange, in the events of configuration changes, and
	// "match" and "next" of the sender's own log in those of appends.
	Properties map[string]any `json:"prop,omitempty"`
}

// TracingState is the hard state of the node.
type TracingState struct {
	Term   uint64 `json:"term"`
	Vote   string `json:"vote"`
	Commit uint64 `json:"commit"`
}

// TracingMessage is a message as the specification sees it. A snapshot is shown as an append of all
// entries from the first one on. Commit is the index up to which an append lets the follower
// commit. The response to a request of an earlier term is shown as a rejection, although a
// MsgAppResp does not say so on the wire.
type TracingMessage struct {
	Type        string `json:"type"`
	Term        uint64 `json:"term"`
	From        string `json:"from"`
	To          string `json:"to"`
	EntryLength int    `json:"entries"`
	LogTerm     uint64 `json:"logTerm"`
	Index       uint64 `json:"index"`
	Commit      uint64 `json:"commit"`
	Vote        string `json:"vote"`
	Reject      bool   `json:"reject"`
	RejectHint  uint64 `json:"rejectHint"`
}

// The actions of a SingleConfChange.
const (
	ConfChangeAddNewServer string = "AddNewServer"
	ConfChangeRemoveServer string = "RemoveServer"
	ConfChangeAddLearner   string = "AddLearner"
)

// SingleConfChange is a change of one member.
type SingleConfChange struct {
	NodeID string `json:"nid"`
	Action string `json:"action"`
}

// TracingConfChange is a configuration change: the changes that are proposed, or the voters of the
// configuration that is about to become active.
type TracingConfChange struct {
	Changes []SingleConfChange `json:"changes,omitempty"`
	NewConf []string           `json:"newconf,omitempty"`
}
