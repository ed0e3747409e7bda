package picture

// Kind says what an event is. It decides the mark on the node's line.
type Kind uint8

// The kinds of events.
const (
	Note      Kind = iota // words of a script, or of the cluster as a whole
	Input                 // a program, a client or an operator asks for something
	Tick                  // one or more ticks of a node's clock
	Receive               // a node takes a message
	Ready                 // a program handles a Ready
	Write                 // a disk writes
	Apply                 // a state machine applies committed entries
	Start                 // a life of a node begins
	Crash                 // a life of a node ends
	Partition             // the network is cut, or healed
	Lose                  // messages are lost
)

// Picture is a run: its events in the order in which they happened. An event is a step of the
// picture; the first one has the number 1.
type Picture struct {
	// Title is one line, Header the text above the picture, in paragraphs.
	Title, Header string
	// Nodes are the ids of all nodes, in the order of their lanes.
	Nodes []uint64
	// Lane is a word for what a lane stands for, if that is not a node: a store, which has a node
	// of each group.
	Lane     string
	Events   []Event
	Messages []Message
}

// Event is one thing that happened at one node, or to the network.
type Event struct {
	Kind Kind
	// Node is where it happened, 0 if at no single node. Group is the Raft group, 0 if there are
	// none, or if it concerns all.
	Node, Group uint64
	// Text says in a few words what was done, and Detail says more.
	Text, Detail string
	// Time is in the driver's own unit, empty where time is nothing but order.
	Time string
	// Comment and Command are a script's: the event is the first one of the command in its group.
	Comment, Command string
	// Sent, Received and Lost are positions in Picture.Messages.
	Sent, Received, Lost []int
	// Refused is the error with which the node refused a message or a request.
	Refused string
	// Status is the node's status after the event, nil if it is as before.
	Status *Status
	// Log is what the event changes in the node's log, nil if it is as before.
	Log *LogChange
	// Sides numbers the sides of a partition by node; nil unless Kind is Partition.
	Sides map[uint64]int
}

// Status is what a picture shows of a node besides its log.
type Status struct {
	Role               Role
	Term, Vote, Lead   uint64
	Commit, Applied    uint64
	Durable            uint64 // the index up to which the disk has the log
	Voters, Outgoing   string // ids, separated by blanks; Outgoing is empty unless the configuration is joint
	Learners           string
	Quarantined, Voter bool
	Asleep             bool // the node takes no ticks until something wakes it
}

// Role is a node's role; a node that is down has its own.
type Role uint8

// The roles.
const (
	Down Role = iota
	Follower
	PreCandidate
	Candidate
	Leader
)

func (r Role) String() string {
	return [...]string{"down", "follower", "pre-candidate", "candidate", "leader"}[r]
}

// LogChange replaces the end of a log: of the entries before, those in [First, At) stay, and
// Entries follow them.
//
//	before:  First ... At-1 At ...
//	after:   First ... At-1 Entries[0] ...
type LogChange struct {
	// First is the index of the first entry of the log after the change. The entry before it, of
	// term FirstTerm, is where the log begins: the end of a snapshot.
	First, FirstTerm uint64
	At               uint64
	Entries          []Entry
}

// Entry is an entry of a log.
type Entry struct {
	Term uint64
	// Text is what the entry says: data, or a change of the configuration.
	Text string
	// Config: the entry changes the configuration.
	Config bool
}

// Message is a message between two nodes.
type Message struct {
	From, To uint64
	// Type is that of package raftpb, without "Msg", or the driver's own, see Signal.
	Type string
	Term uint64
	// Text is short, Detail is all that the message says.
	Text, Detail string
	Reject       bool
	// ByHand: no node has sent the message; a script made it up. Unseen: its sender is not watched.
	ByHand, Unseen bool
	Fate           Fate
	// Cause says why the message was lost.
	Cause string
	// Sent and Ended are positions in Picture.Events: where the message has left, and where it has
	// arrived or was lost. Ended is -1 while the message is in flight.
	Sent, Ended int
}

// Fate is what became of a message.
type Fate uint8

// The fates.
const (
	InFlight Fate = iota
	Delivered
	Refused
	Lost
	Away // it has left for a node that is not watched
)

func (f Fate) String() string {
	return [...]string{"in flight", "delivered", "refused", "lost", "sent to a node that is not watched"}[f]
}

// node is what the events so far say of a node: the fold over Status and Log.
type node struct {
	status    Status
	first     uint64
	firstTerm uint64
	log       []Entry
	// The term and the vote that were handed out last.
	hardTerm, hardVote uint64
	asleep             bool // see Recorder.Asleep
}

// last is the index of the last entry.
func (n *node) last() uint64 { return n.first + uint64(len(n.log)) - 1 }

// take applies an event.
func (n *node) take(e *Event) {
	if e.Status != nil {
		n.status = *e.Status
	}
	if c := e.Log; c != nil {
		n.log = c.apply(n.first, n.log)
		n.first, n.firstTerm = c.First, c.FirstTerm
	}
}

// apply returns a log that begins at index first after the change, in a new array.
func (c *LogChange) apply(first uint64, log []Entry) []Entry {
	var kept []Entry
	for index := c.First; index < c.At; index++ {
		if index >= first && index-first < uint64(len(log)) {
			kept = append(kept, log[index-first])
		}
	}
	return append(kept, c.Entries...)
}
