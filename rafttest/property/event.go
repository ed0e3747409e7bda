package property

import pb "github.com/ffd200af/raft/raftpb"

// Role is a node's role. The values are those of raft.StateType.
type Role uint64

const (
	Follower Role = iota
	Candidate
	Leader
	PreCandidate
)

func (r Role) String() string {
	return [...]string{"follower", "candidate", "leader", "pre-candidate"}[r]
}

// State is what a node shows of itself, see raft.BasicStatus.
type State struct {
	pb.HardState
	Lead, Applied uint64
	Role          Role
}

// Kind is what an Event is about.
type Kind uint8

// The kinds of events, with the fields of Event that they set besides Node.
const (
	Started    Kind = iota // a life has begun: State
	Stopped                // it has ended
	Changed                // term, vote, role, leader, commit or applied index have changed: State
	HandedOut              // a Ready adds to the log: Entries, Snapshot
	Wrote                  // HardState, Entries, Snapshot, Sync
	Recovered              // a disk holds this after a crash: HardState, Index is the last index
	Compacted              // the log, up to and including Index
	Sent                   // Message leaves the node
	Received               // Message reaches the node
	Lost                   // Message to the node is lost
	Applied                // Entries, one
	Configured             // Conf is applied, by the entry at Index
	Restored               // Snapshot is the state of the state machine
	Saved                  // Snapshot was taken of the state machine
	Asked                  // for a read: Context
	Answered               // a read: Context, Index
	Dropped                // a read: Context
	LeaseRead              // Index
	kinds
)

func (k Kind) String() string {
	return [kinds]string{
		"started", "stopped", "changed", "handed out", "wrote", "recovered", "compacted", "sent", "received", "lost", "applied",
		"configured", "restored", "saved", "asked", "answered", "dropped", "lease read",
	}[k]
}

// Event is something that was reported of a node. What it refers to belongs to the reporter: copy
// what is kept.
type Event struct {
	Kind Kind
	Node uint64

	State     State
	Message   *pb.Message
	HardState pb.HardState
	Entries   []pb.Entry
	Snapshot  *pb.Snapshot
	Sync      bool
	Index     uint64
	Conf      *pb.ConfState
	Context   []byte
}
