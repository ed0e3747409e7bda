// Package call defines the calls that a program makes to a node of either library.
package call

// Kind says which call it is.
type Kind int

// The calls.
const (
	Tick Kind = iota
	TickQuiesced
	Campaign
	Propose           // Data
	ProposeConfChange // Data is the text of the changes, N the transition; -1 for the old form
	Step              // Data is the message
	ReportUnreachable // N
	ReportSnapshot    // N; M is the status
	TransferLeader    // N
	ForgetLeader
	ReadIndex // Data
	HasReady
	Ready
	Advance
	Append // one message of the append thread
	Apply  // one message of the apply thread
	Compact
	Status
	Kinds
)

// Call is a call with its arguments.
type Call struct {
	Kind Kind
	N, M int
	Data string
}

// Config is what a node is configured with.
type Config struct {
	ID                                                                            uint64
	Voters, Learners                                                              []uint64
	Election                                                                      int
	Async, PreVote, CheckQuorum, NoForwarding, Lease, NoValidation, StepDown      bool
	MaxSizePerMsg, MaxCommittedSizePerReady, MaxUncommittedSize, MaxInflightBytes uint64
	MaxInflight                                                                   int
}

// Answer is the result of a call.
type Answer struct {
	// Text is what the program sees at once, without the parts of a Ready.
	Text string
	// Ready are the lines of a Ready, without its messages.
	Ready []string
	// Messages are those of a Ready, or of a storage thread, to other nodes: how they are
	// described, and as bytes.
	Messages []Message
	// Panicked: the call has panicked, and the node is unusable.
	Panicked bool
}

// Message is a message to another node.
type Message struct {
	To         uint64
	Type, Text string
	Data       string
}

// Node answers calls.
type Node interface {
	Do(c Call) Answer
	// Leads reports whether the node leads.
	Leads() bool
}
