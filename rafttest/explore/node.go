package explore

import (
	"errors"
	"fmt"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// kind is a kind of step.
type kind uint8

const (
	deliver kind = iota // the message may come again
	campaign
	propose
	change
	read
	restart
	beat
	compact
	transfer
	question // counts the deliveries of what followers ask for reads; it is no step
	// Steps behind here are not counted: they are taken as often as there is something to do.
	counted
	ready
	tornWrite // takes a Ready, writes it, and crashes before anything else
	writeDisk
	applyEntries
	acknowledge // says that work is done, where that is a step of its own
	kinds
)

// step is something that happens at one node: a kind, the node, and a number that says which
// message, proposal, change, read or target. Deliveries have a larger number instead of the node,
// which the message names.
type step uint32

const (
	kindShift   = 27
	nodeShift   = 22
	messageMask = 1<<kindShift - 1
	numberMask  = 1<<nodeShift - 1
)

func stepOf(k kind, node, number int) step {
	return step(k)<<kindShift | step(node)<<nodeShift | step(number)
}

func delivery(message uint32) step { return step(message) }

func (s step) kind() kind      { return kind(s >> kindShift) }
func (s step) node() int       { return int(s >> nodeShift & 31) }
func (s step) number() int     { return int(s & numberMask) }
func (s step) message() uint32 { return uint32(s & messageMask) }

// answer is an answer to a read.
type answer struct {
	number int
	index  uint64
}

// node is a member at work: the real RawNode, with a disk, and with what its threads have to do.
type node struct {
	world *World
	id    uint64
	raw   *raft.RawNode
	disk  *disk

	driver.Threads
	// acks are what the threads have to tell the node, oldest first, where that is a step of its
	// own; lent is then the batch for which Advance is owed.
	acks [driver.AllThreads][]pb.Message
	lent *raft.Ready

	// rec is what is known of the node from outside. What the node breaks by itself, and what
	// concerns others, goes to the witness.
	rec     *property.Node
	witness property.Witness
	// inputs counts what came since the last Ready, where other inputs may come before the next
	// one.
	inputs int
	// life is from where the node was started last.
	life start

	// What the step under way has brought.
	readies int          // how many Readies were taken
	own     []pb.Message // responses of storage messages to the node itself
	sent    []pb.Message
	answers []answer
}

// err returns the first property that the node has broken.
func (n *node) err() error {
	if n.witness.Broken == nil {
		return nil
	}
	return n.witness.Broken
}

// start is from where a node can be started.
type start struct {
	id   uint64
	disk disk
	rec  *property.Node // of earlier lives; nil if there were none
}

// startNode starts a node.
func startNode(w *World, from *start) *node {
	d := from.disk
	n := &node{world: w, id: from.id, disk: &d}
	n.rec = property.NewAlone(from.id, &n.witness)
	if from.rec != nil {
		n.rec.Remembers(from.rec)
	}
	n.start()
	if n.err() == nil && !w.Batches {
		n.drain()
	}
	return n
}

func (n *node) start() {
	n.life = start{id: n.id, disk: *n.disk, rec: n.rec.Clone()}
	c := n.world.config()
	c.ID, c.Seed, c.Storage, c.Applied = n.id, n.id, n.disk, n.disk.applied()
	c.Logger = raft.DiscardLogger
	raw, err := raft.NewRawNode(&c)
	if err != nil {
		n.fail("does not start: %v", err)
		return
	}
	n.raw, n.Threads, n.inputs = raw, driver.Threads{}, 0
	n.acks, n.lent = [driver.AllThreads][]pb.Message{}, nil
	log, _ := property.ViewOf(n.disk)
	n.rec.Recovers(log, n.disk.hard)
	n.rec.Starts(n.state())
	n.rec.Conf = n.disk.conf
}

func (n *node) fail(format string, args ...any) {
	if n.witness.Broken == nil {
		detail := fmt.Sprintf("node %d "+format, append([]any{n.id}, args...)...)
		n.witness.Broken = &property.Violation{Property: property.Healthy, Node: n.id, Detail: detail}
	}
}

// state is what the node shows of itself.
func (n *node) state() property.State {
	st := n.raw.BasicStatus()
	return property.State{HardState: st.HardState, Lead: st.Lead, Applied: st.Applied, Role: property.Role(st.RaftState)}
}

// look looks at the node after a call of the library, before anything more is written or applied.
func (n *node) look() {
	if err := n.raw.Err(); err != nil {
		n.fail("is quarantined: %v", err)
		return
	}
	n.rec.Shows(n.state())
}

// take makes the node take a step. m is the message to deliver, if any.
func (n *node) take(s step, m *pb.Message) {
	n.sent, n.own, n.answers, n.readies = nil, nil, nil, 0
	n.witness.Facts = nil
	n.input(s, m)
	n.look()
	if n.err() == nil && !n.world.Batches {
		n.drain()
	}
	if n.err() != nil {
		return
	}
	if err := n.raw.Verify(); err != nil {
		n.witness.Broken = &property.Violation{Property: property.Invariants, Node: n.id, Detail: fmt.Sprintf("node %d: %v", n.id, err)}
	}
}

func (n *node) input(s step, m *pb.Message) {
	var err error
	switch s.kind() {
	case deliver:
		err = n.raw.Step(*m)
	case campaign:
		err = n.raw.Campaign()
	case propose:
		err = n.raw.Propose([]byte{byte('a' + s.number())})
	case change:
		var cc pb.ConfChangeV2
		if cc.Changes, err = pb.ConfChangesFromString(n.world.Changes[s.number()]); err == nil {
			err = n.raw.ProposeConfChange(cc)
		}
	case read:
		n.raw.ReadIndex([]byte{byte('a' + s.number())})
	case beat:
		n.raw.Tick()
	case transfer:
		n.raw.TransferLeader(uint64(s.number()))
	case compact:
		n.disk.compact()
		n.rec.Compacts(n.disk.prev.Index)
	case restart:
		n.crash()
	case ready:
		n.takeReady(false)
	case tornWrite:
		n.takeReady(true)
	case writeDisk:
		n.perform(driver.AppendThread)
	case applyEntries:
		n.perform(driver.ApplyThread)
	case acknowledge:
		n.acknowledge(s.number())
	}
	if err != nil && !errors.Is(err, raft.ErrProposalDropped) && !errors.Is(err, raft.ErrStepPeerNotFound) {
		n.fail("refuses: %v", err)
	}
}

// drain takes Readies until there is nothing to take.
func (n *node) drain() {
	for n.err() == nil && n.raw.HasReady() {
		n.takeReady(false)
	}
}

// takeReady handles one Ready. torn: the node crashes right after the write.
func (n *node) takeReady(torn bool) {
	n.readies++
	rd := n.raw.Ready()
	n.rec.HandsOut(rd.Entries, &rd.Snapshot)
	if n.world.fault == losesLateHardState && n.inputs > 0 {
		rd.HardState = pb.HardState{}
	}
	n.inputs = 0
	for _, rs := range rd.ReadStates {
		n.answers = append(n.answers, answer{int(rs.RequestCtx[0] - 'a'), rs.Index})
	}
	d := n.driver()
	if n.world.Async {
		n.Queue(rd.Messages, true, d.Send)
		return
	}
	if n.world.fault == sendsBeforeWriting {
		d.Send(rd.Messages)
	}
	n.failsTo(d.Persist(&driver.Write{HardState: rd.HardState, Entries: rd.Entries, Snapshot: rd.Snapshot, Sync: true}))
	if torn {
		n.crash()
		return
	}
	if n.world.fault != sendsBeforeWriting {
		d.Send(rd.Messages)
	}
	n.lent = &rd
	if !n.world.Late {
		n.advance()
	}
}

// advance applies what the last Ready has brought, and says that it is done.
func (n *node) advance() {
	rd := n.lent
	n.lent = nil
	d := n.driver()
	n.failsTo(d.Apply(rd.CommittedEntries))
	n.raw.Advance(*rd)
	n.look()
}

// crash takes everything that is not on the disk, and starts the node again.
func (n *node) crash() {
	n.rec.Stops()
	switch n.world.fault {
	case forgetsVote:
		n.disk.hard.Vote = raft.None
	case forgetsLog:
		if keep := max(n.disk.applied(), n.disk.hard.Commit); n.disk.last() > keep {
			n.disk.log = n.disk.log[:len(n.disk.log)-1]
		}
	}
	n.start()
}

// busy reports whether the node has so much to do that it gets nothing more until it has done
// something. Otherwise there were no end of states: every message may come again.
func (n *node) busy() bool {
	acks := max(len(n.acks[driver.AppendThread])-1, len(n.acks[driver.ApplyThread])) // an election's write has two
	return n.inputs >= n.world.between || max(len(n.AppendWork), len(n.ApplyWork), acks) >= maxBacklog
}

// hoards reports whether an input finds a node that takes a Ready later: it is one of those that
// the next Ready answers together.
func (n *node) hoards(s step) bool {
	return s.kind() < counted && s.kind() != restart && (n.world.Batches || n.lent != nil)
}

// maxBacklog is how many inputs a Ready answers at most, unless the bound says less, and how many
// storage messages wait for a thread, or are done and not acknowledged.
const maxBacklog = 2
