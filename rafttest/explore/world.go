package explore

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/ffd200af/raft"
)

// World is a small cluster and what may happen in it.
type World struct {
	// Name is how commands and reports call it; About says in a line what it is there for.
	Name, About string

	// Nodes is how many there are, with the ids 1, 2, ...; Voters are the first configuration.
	Nodes  int
	Voters []uint64

	// How the nodes are configured.
	PreVote  bool
	Async    bool // asynchronous storage writes: appending and applying are steps of their own
	OneEntry bool // an append carries one entry

	// Batches: taking a Ready is a step of its own, so that one may answer many inputs, and a node
	// may crash between its write and everything after. Otherwise a Ready follows each input at
	// once.
	Batches bool

	// Late: saying that work is done is a step of its own, so that other inputs come between, and
	// crashes: Advance, or with asynchronous writes what the threads tell their node. Otherwise it
	// is said at once.
	Late bool

	// Led: node 1 leads when exploration begins, and nothing is in flight.
	Led bool

	// Candidates are the only nodes that campaign of themselves; nil means that all do.
	Candidates []uint64

	// Changes are the configuration changes that a leader may propose, in the words of scripts:
	// "v4", "r2 v4".
	Changes []string

	// Alike are nodes that are interchangeable as long as none of them has done anything: see
	// explorer.waitsForItsLike.
	Alike []uint64

	// Bounds says how often what may happen, from small to large.
	Bounds []Bound

	fault   fault
	between int // from the bound
}

// Bound says how often something may happen on a path. What the network does needs no bound:
// whatever was sent may arrive at any time, any number of times, or never. The questions of
// followers are the exception: a leader confirms each that arrives by a round of its own, so that
// there were no end of rounds.
type Bound struct {
	Campaigns   int
	Proposals   int
	Changes     int // configuration changes
	Restarts    int // crashes; a node that is down differs in nothing from one that gets no messages
	Reads       int
	Questions   int // what a follower asks its leader for a read arrives; each time is one more read for the leader
	Beats       int // ticks of a leader, which make it send heartbeats
	Compactions int
	Transfers   int
	// Between is how many inputs a node takes at most that wait for the next Ready, where that may
	// be; 0 means 2.
	Between int
}

// part is what a Bound says of a kind of step.
type part struct {
	kind  kind
	name  string
	count int
}

func (b *Bound) parts() []part {
	return []part{
		{campaign, "campaigns", b.Campaigns}, {propose, "proposals", b.Proposals}, {change, "changes", b.Changes},
		{restart, "restarts", b.Restarts}, {read, "reads", b.Reads}, {question, "questions", b.Questions}, {beat, "beats", b.Beats},
		{compact, "compactions", b.Compactions}, {transfer, "transfers", b.Transfers}, {counted, "between", b.Between},
	}
}

// limits says how often each kind of step that is counted may be taken.
func (b *Bound) limits() (limits [counted]uint8) {
	for _, p := range b.parts() {
		if p.kind < counted {
			limits[p.kind] = uint8(min(max(p.count, 0), math.MaxUint8))
		}
	}
	return limits
}

// String lists what may happen, like "campaigns=2 proposals=1".
func (b Bound) String() string {
	var words []string
	for _, part := range b.parts() {
		if part.count > 0 {
			words = append(words, fmt.Sprintf("%s=%d", part.name, part.count))
		}
	}
	return strings.Join(words, " ")
}

// electionTick is more ticks than any bound allows.
const electionTick = 100

// config is what a node is started with, but for what belongs to it alone. The script of a
// violation asks for the same, see scriptHead.
func (w *World) config() raft.Config {
	c := raft.Config{
		ElectionTick:    electionTick,
		HeartbeatTick:   1,
		MaxSizePerMsg:   math.MaxUint64,
		MaxInflightMsgs: math.MaxInt32,

		PreVote:            w.PreVote,
		AsyncStorageWrites: w.Async,
	}
	if w.OneEntry {
		c.MaxSizePerMsg, c.MaxCommittedSizePerReady = 1, math.MaxUint64
	}
	return c
}

// fault is something wrong with the surroundings of the nodes, for tests of the exploration itself.
type fault uint8

const (
	noFault     fault = iota
	forgetsVote       // a crash takes back the vote
	forgetsLog        // a crash takes back the last entry
	sendsBeforeWriting
	losesLateHardState // the hard state is lost of a Ready that answers what came before Advance
	withholdsVotes     // node 3 votes and never says so
)

// Worlds returns the worlds that are explored. Their bounds grow.
func Worlds() []World {
	return slices.Concat(
		electionWorlds(),
		readyWorlds(),
		preVoteWorlds(),
		asynchronousWorlds(),
		membershipWorlds(),
		readWorlds(),
	)
}

// electionWorlds are about elections, and what follows a reign.
func electionWorlds() []World {
	three := []uint64{1, 2, 3}
	return []World{
		{
			Name: "plain", About: "three voters, from the start: elections, entries, crashes",
			Nodes: 3, Voters: three, Alike: three,
			Bounds: []Bound{
				{Campaigns: 2, Proposals: 1},
				{Campaigns: 2, Proposals: 1, Restarts: 1},
				{Campaigns: 2, Proposals: 2},
				{Campaigns: 3},
				{Campaigns: 2, Proposals: 1, Restarts: 2},
				{Campaigns: 2, Proposals: 2, Restarts: 1},
				{Campaigns: 3, Restarts: 1},
				{Campaigns: 3, Proposals: 1},
				{Campaigns: 3, Proposals: 1, Restarts: 1},
				{Campaigns: 4},
			},
		},
		{
			Name: "led", About: "three voters, one leads: what follows a reign, heartbeats, transfers",
			Nodes: 3, Voters: three, Alike: three, Led: true,
			Bounds: []Bound{
				{Campaigns: 1, Proposals: 1},
				{Campaigns: 2},
				{Campaigns: 1, Proposals: 1, Beats: 1},
				{Campaigns: 1, Proposals: 1, Restarts: 1},
				{Campaigns: 1, Proposals: 1, Transfers: 1},
				{Campaigns: 2, Proposals: 1},
				{Campaigns: 2, Proposals: 1, Restarts: 1},
				{Campaigns: 3},
			},
		},
		{
			Name: "figure-3.7", About: "two of three voters campaign, one entry to an append: which entries may be counted",
			Nodes: 3, Voters: three, Alike: []uint64{1, 3}, Candidates: []uint64{1, 3}, OneEntry: true,
			Bounds: []Bound{
				{Campaigns: 2, Proposals: 1},
				{Campaigns: 3},
				{Campaigns: 3, Proposals: 1},
				{Campaigns: 4},
			},
		},
	}
}

// readyWorlds are about when a Ready is taken, and what comes before its end.
func readyWorlds() []World {
	three := []uint64{1, 2, 3}
	return []World{
		{
			Name: "batches", About: "three voters: a Ready answers many inputs, and crashes come behind its write",
			Nodes: 3, Voters: three, Alike: three, Batches: true,
			Bounds: []Bound{
				{Campaigns: 1, Proposals: 1},
				{Campaigns: 2},
				{Campaigns: 1, Proposals: 1, Restarts: 1},
				{Campaigns: 2, Restarts: 1},
				{Campaigns: 2, Proposals: 1},
				{Campaigns: 2, Proposals: 1, Restarts: 1},
			},
		},
		{
			Name: "advance", About: "three voters: inputs and crashes come between Ready and Advance",
			Nodes: 3, Voters: three, Alike: three, Late: true,
			Bounds: []Bound{
				{Campaigns: 1, Between: 1},
				{Campaigns: 2, Between: 1},
				{Campaigns: 1, Proposals: 1, Between: 1},
				{Campaigns: 1},
				{Campaigns: 2, Restarts: 1, Between: 1},
				{Campaigns: 1, Proposals: 1},
				{Campaigns: 2},
				{Campaigns: 2, Proposals: 1, Restarts: 1, Between: 1},
			},
		},
		{
			Name: "lone", About: "a lone voter takes a second one: inputs and crashes come between Ready and Advance",
			Nodes: 2, Voters: []uint64{1}, Late: true, Changes: []string{"v2"},
			Bounds: []Bound{
				{Campaigns: 2, Proposals: 1},
				{Campaigns: 2, Changes: 1},
				{Campaigns: 2, Changes: 1, Restarts: 1},
				{Campaigns: 3, Changes: 1, Proposals: 1},
			},
		},
	}
}

// preVoteWorlds are about pre-votes.
func preVoteWorlds() []World {
	three := []uint64{1, 2, 3}
	return []World{
		{
			Name: "pre-vote", About: "three voters with pre-vote",
			Nodes: 3, Voters: three, Alike: three, PreVote: true,
			Bounds: []Bound{
				{Campaigns: 2},
				{Campaigns: 2, Proposals: 1},
				{Campaigns: 2, Restarts: 1},
				{Campaigns: 3},
				{Campaigns: 2, Proposals: 1, Restarts: 1},
			},
		},
	}
}

// asynchronousWorlds are about asynchronous storage writes.
func asynchronousWorlds() []World {
	three := []uint64{1, 2, 3}
	return []World{
		{
			Name: "async", About: "three voters that write and apply asynchronously",
			Nodes: 3, Voters: three, Alike: three, Async: true,
			Bounds: []Bound{
				{Campaigns: 1, Proposals: 1},
				{Campaigns: 2},
				{Campaigns: 1, Proposals: 1, Restarts: 1},
				{Campaigns: 2, Restarts: 1},
				{Campaigns: 2, Proposals: 1},
			},
		},
		{
			Name: "async-late", About: "two voters that write and apply asynchronously, and hear of it late",
			Nodes: 2, Voters: three[:2], Alike: three[:2], Async: true, Late: true,
			Bounds: []Bound{
				{Campaigns: 1},
				{Campaigns: 1, Proposals: 1},
				{Campaigns: 2},
				{Campaigns: 1, Proposals: 1, Restarts: 1},
				{Campaigns: 2, Restarts: 1},
			},
		},
		{
			Name: "async-remove", About: "configuration changes are applied asynchronously",
			Nodes: 3, Voters: three, Led: true, Async: true, Changes: []string{"r1", "r3"},
			Bounds: []Bound{
				{Changes: 1},
				{Campaigns: 1, Changes: 1},
				{Campaigns: 1, Changes: 2},
			},
		},
	}
}

// membershipWorlds are about configuration changes.
func membershipWorlds() []World {
	three := []uint64{1, 2, 3}
	return []World{
		{
			Name: "remove", About: "a leader of three removes voters, itself included, and takes one back",
			Nodes: 3, Voters: three, Led: true, Changes: []string{"r1", "r2", "r3", "v3"},
			Bounds: []Bound{
				{Campaigns: 1, Changes: 1},
				{Campaigns: 1, Changes: 2},
				{Campaigns: 1, Changes: 2, Proposals: 1},
				{Campaigns: 2, Changes: 1},
				{Campaigns: 2, Changes: 2},
			},
		},
		{
			Name: "joint", About: "a leader of three replaces a voter by a fourth node, through a joint configuration",
			Nodes: 4, Voters: three, Led: true, Changes: []string{"v4 r3", "v4 r1"},
			Bounds: []Bound{
				{Changes: 1},
				{Campaigns: 1, Changes: 1},
				{Campaigns: 1, Changes: 1, Restarts: 1},
				{Campaigns: 2, Changes: 1},
			},
		},
		{
			Name: "learner", About: "a leader of two adds a learner and promotes it",
			Nodes: 3, Voters: []uint64{1, 2}, Led: true, Changes: []string{"l3", "v3"},
			Bounds: []Bound{
				{Campaigns: 1, Changes: 2},
				{Campaigns: 1, Changes: 2, Restarts: 1},
				{Campaigns: 2, Changes: 2},
			},
		},
		{
			Name: "knows", About: "a leader of two adds a learner and removes itself: the learner may be the only one left that knows",
			Nodes: 3, Voters: []uint64{1, 2}, Led: true, Changes: []string{"l3", "r1", "r1 l3"},
			Bounds: []Bound{
				{Changes: 1},
				{Campaigns: 1, Changes: 2},
				{Campaigns: 1, Changes: 2, Proposals: 1},
				{Campaigns: 1, Changes: 2, Restarts: 1},
			},
		},
	}
}

// readWorlds are about reads and snapshots.
func readWorlds() []World {
	three := []uint64{1, 2, 3}
	return []World{
		{
			Name: "reads", About: "linearizable reads on leaders and followers while leaders change",
			Nodes: 3, Voters: three, Alike: three, Led: true,
			Bounds: []Bound{
				{Reads: 1, Questions: 2},
				{Reads: 1, Questions: 1, Campaigns: 1},
				{Reads: 1, Questions: 2, Campaigns: 1},
				{Reads: 1, Questions: 1, Campaigns: 1, Proposals: 1},
				{Reads: 2, Questions: 2, Campaigns: 1},
				{Reads: 1, Questions: 1, Campaigns: 2},
				{Reads: 1, Questions: 1, Campaigns: 1, Proposals: 1, Restarts: 1},
			},
		},
		{
			Name: "snapshots", About: "three voters that compact their logs, so that others need a snapshot",
			Nodes: 3, Voters: three, Alike: three, Led: true,
			Bounds: []Bound{
				{Campaigns: 1, Compactions: 1},
				{Campaigns: 1, Compactions: 1, Proposals: 1},
				{Campaigns: 1, Compactions: 2, Proposals: 1},
				{Campaigns: 1, Compactions: 1, Proposals: 1, Restarts: 1},
				{Campaigns: 2, Compactions: 1},
				{Campaigns: 2, Compactions: 1, Proposals: 1},
			},
		},
	}
}
