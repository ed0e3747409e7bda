// Package member is what a cluster of both kinds knows of its members: bytes and numbers, no types
// of either library.
package member

import "encoding/binary"

// Member is a node with its storage and its state machine, which is a hash of everything applied.
// Its work is done in pieces, so that anything can happen in between.
type Member interface {
	Kind() string
	State() State

	Tick()
	Step(message []byte) error
	Campaign() error
	Propose(data []byte) error
	// Change proposes configuration changes, an encoded ConfChangeV2.
	Change(encoded []byte) error
	Transfer(to uint64)
	ReadIndex(context []byte)
	ReportSnapshot(to uint64, delivered bool)
	ReportUnreachable(id uint64)

	// Work handles one Ready, Append and Apply a message each to the storage threads, if there are
	// any. They report whether there was anything to do.
	Work(Output) bool
	Append(Output) bool
	Apply(Output) bool

	// Compact makes a snapshot of what is applied and drops all but keep entries before it.
	Compact(keep uint64) error
	// Stop ends the member, as a crash does; what remains is on its disk.
	Stop() Disk
}

// State is what the rules are about. Roles have the numbers that both libraries give them.
type State struct {
	Term, Vote, Commit, Applied, Lead, Role uint64
	Leads                                   bool
}

// Output takes what a piece of work does, in order, in the encoding that both libraries share.
type Output interface {
	// HandsOut: what a Ready adds to the log.
	HandsOut(entries [][]byte, snapshot []byte)
	// Writes: what was written to the disk, from where a snapshot was restored.
	Writes(hard []byte, entries [][]byte, snapshot []byte)
	Sends(m Message)
	// Applies: an entry is about to be applied. Configures: it was a change, which has led to conf.
	// Stands: the state machine is in that state then.
	Applies(entry []byte)
	Configures(index uint64, conf []byte)
	Stands(index, state uint64)
	// Answers: a read gets an index.
	Answers(context []byte, index uint64)
}

// Message is an encoded message on its way.
type Message struct {
	From, To uint64
	Data     []byte
	Snapshot bool
}

// Disk is what a member has stored, in the encoding that both libraries share.
type Disk struct {
	HardState, Snapshot []byte
	Entries             [][]byte
}

// Config is what both kinds of members are started with.
type Config struct {
	ID          uint64
	Async       bool
	PreVote     bool
	CheckQuorum bool
}

// Mix returns the state of a state machine after data was applied in state.
func Mix(state uint64, data []byte) uint64 {
	const prime = 1099511628211
	for _, b := range data {
		state = (state ^ uint64(b)) * prime
	}
	return (state ^ uint64(len(data))) * prime
}

// Saved and Restored are a state machine's snapshot.
func Saved(state uint64) []byte { return binary.BigEndian.AppendUint64(nil, state) }

// Restored is the inverse of Saved; nothing was saved before the first snapshot.
func Restored(data []byte) uint64 {
	if len(data) == 0 {
		return 0
	}
	return binary.BigEndian.Uint64(data)
}
