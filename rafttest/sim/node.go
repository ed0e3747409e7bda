package sim

import (
	"errors"
	"slices"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	"github.com/ffd200af/raft/internal/failing"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// node is a member of the cluster, or was or is to become one.
type node struct {
	id             uint64
	rn             *raft.RawNode // nil while it is down
	disk           Disk
	store          store // the disk as the RawNode sees it
	rep            replica
	*property.Node // what is known of it from outside

	// Threads has work with asynchronous storage writes, and entries to apply also without them,
	// see Faults.ApplyLate.
	driver.Threads
	// acks are the acknowledgements of what the threads have done, which the node has not been told
	// yet.
	acks []pb.Message
	// Without asynchronous storage writes: the Ready that the application has in hand, and how far
	// it is with it.
	batch raft.Ready
	stage stage

	// backup is a copy of the disk as it was once; nil if there is none.
	backup Disk

	// lost: the disk is gone for good. suspect: it has lost what was durable, and the node may
	// notice.
	lost, suspect bool

	lives   int
	options raft.Config // in this life
}

// store is a disk that may fail. If machine is set, that node's state machine is stored with
// everything that it has applied, and the configuration too.
type store struct {
	failing.Storage
	machine *node
}

// InitialState implements raft.Storage.
func (s *store) InitialState() (pb.HardState, pb.ConfState, error) {
	hs, cs, err := s.Storage.InitialState()
	if s.machine != nil {
		cs = s.machine.Conf
	}
	return hs, cs, err
}

// gone: what the node has promised cannot be relied upon.
func (n *node) gone() bool { return n.lost || n.suspect }

// stage is how far an application is with a Ready.
type stage uint8

const (
	idle    stage = iota
	taken         // nothing of it is done
	carried       // all of it is done, and the node was not told by Advance
)

func (w *world) newNode() *node {
	id := uint64(len(w.nodes)) + 1
	n := &node{id: id, Node: w.o.Node(id), rep: replica{machine: w.cfg.NewMachine()}}
	n.disk = w.cfg.NewDisk(n.id)
	if err := n.rep.restore(&pb.Snapshot{}); err != nil {
		w.failf(property.SameResults, n, "node %d has no initial state: %v", n.id, err)
	}
	w.nodes = append(w.nodes, n)
	return n
}

// drawOptions returns the options of a node for another life. Where the faults say so they are
// other ones in each life and on each node, but for what has to be the same everywhere.
func (w *world) drawOptions(n *node) raft.Config {
	c := w.base
	n.lives++
	if !w.cfg.Faults.Mixed {
		return c
	}
	r := rng{state: mix(mix(w.cfg.Seed, n.id), uint64(n.lives))}
	other := drawNodes(&r, w.cfg.Faults)
	c.MaxSizePerMsg, c.MaxCommittedSizePerReady, c.MaxCachedEntriesSize = other.MaxSizePerMsg, other.MaxCommittedSizePerReady, other.MaxCachedEntriesSize
	c.MaxInflightMsgs, c.MaxInflightBytes, c.MaxUncommittedEntriesSize = other.MaxInflightMsgs, other.MaxInflightBytes, other.MaxUncommittedEntriesSize
	c.ReuseMemory, c.DeferCommit = other.ReuseMemory, other.DeferCommit
	c.DisableProposalForwarding, c.CatchUpRounds, c.PreVote = other.DisableProposalForwarding, other.CatchUpRounds, other.PreVote
	if c.LeaseDriftTicks == 0 { // leases are promises that everybody has to keep
		c.CheckQuorum = other.CheckQuorum
	}
	return c
}

// start starts a RawNode from the disk.
func (w *world) start(n *node) {
	n.store = store{Storage: failing.Storage{Storage: n.disk, FailNext: n.store.FailNext}}
	if w.cfg.DurableMachine {
		n.store.machine = n
	}
	n.options = w.drawOptions(n)
	c := n.options
	c.ID, c.Storage, c.Applied = n.id, &n.store, n.rep.applied
	if w.cfg.Recording != nil {
		c.Recording = w.cfg.Recording(n.id)
	}
	rn, err := raft.NewRawNode(&c)
	if err != nil {
		if !n.suspect && !(n.store.Failed && errors.Is(err, raft.ErrStorage)) {
			w.failf(property.Healthy, n, "node %d does not start: %v", n.id, err)
		}
		return
	}
	if n.store.Failed {
		w.failf(property.Healthy, n, "node %d starts although its disk cannot be read", n.id)
	}
	n.rn = rn
	n.Starts(n.state())
	w.drawLog(n)
	w.cfg.Picture.Shows(n.Node, false)
	if w.bootstraps(n) && !w.bootstrap(n) {
		n.stop()
		return
	}
	w.setTimeout(n)
}

// setTimeout replaces the election timeout that the library has drawn, as it does whenever the term
// or the role changes.
func (w *world) setTimeout(n *node) {
	if w.cfg.ElectionTimeout == nil {
		return
	}
	if err := n.rn.SetRandomizedElectionTimeout(w.cfg.ElectionTimeout(n.id, n.Term)); err != nil {
		w.failf(property.Healthy, n, "node %d refuses the election timeout of term %d: %v", n.id, n.Term, err)
	}
}

// stop ends a life of the node. What only its memory had is gone.
func (n *node) stop() {
	n.rn = nil
	n.Stops()
	n.Threads, n.acks = driver.Threads{}, nil
	n.batch, n.stage = raft.Ready{}, idle
}

// handleReady takes a Ready and does what it says; it reports whether the disk had to sync for it.
func (w *world) handleReady(n *node) (synced bool) {
	if w.takeReady(n); n.stage != taken || w.failure != nil {
		return false
	}
	synced = n.batch.MustSync
	w.carryOut(n)
	if n.rn != nil {
		w.acknowledge(n)
	}
	return synced
}

// takeReady takes a Ready. With asynchronous storage writes the threads have the work then, and
// otherwise the application.
func (w *world) takeReady(n *node) {
	rd := n.rn.Ready()
	if w.quarantined(n) {
		return
	}
	w.hash = mix(w.hash, n.id<<48^uint64(len(rd.Entries))<<32^uint64(len(rd.CommittedEntries))<<16^uint64(len(rd.Messages)))
	if w.recorder != nil {
		w.describe("%s", raft.DescribeReady(rd, nil))
	}
	w.cfg.Picture.HandOut(n.id, &rd)
	n.HandsOut(rd.Entries, &rd.Snapshot)
	if w.takeReads(n, &rd); w.failure != nil {
		return
	}
	w.news = append(w.news, rd.CatchUps...)
	if w.base.AsyncStorageWrites {
		d := w.driver(n)
		n.Queue(rd.Messages, rd.MustSync, d.Send)
	} else {
		n.batch, n.stage = rd, taken
	}
	w.observe(n)
}

// carryOut does what the batch in hand says.
func (w *world) carryOut(n *node) {
	rd := &n.batch
	n.stage = carried
	d := w.driver(n)
	write := driver.Write{HardState: rd.HardState, Entries: rd.Entries, Snapshot: rd.Snapshot, Sync: rd.MustSync}
	if d.Persist(&write) != nil {
		return
	}
	d.Send(rd.Messages)
	if w.cfg.Faults.ApplyLate && len(rd.CommittedEntries) > 0 {
		n.ApplyWork = append(n.ApplyWork, pb.Message{Entries: slices.Clone(rd.CommittedEntries)})
	} else if d.Apply(rd.CommittedEntries) != nil {
		return
	}
	w.observe(n)
}

// acknowledge tells the node that the batch in hand is done.
func (w *world) acknowledge(n *node) {
	rd := n.batch
	n.batch, n.stage = raft.Ready{}, idle
	n.rn.Advance(rd)
	w.observe(n)
}

// app is the application around a node: what its driver does goes through it.
type app struct {
	*world
	*node
}

func (w *world) driver(n *node) driver.Driver { return driver.Driver{Host: app{w, n}, Node: n.Node} }

// perform does the oldest work of a thread.
func (w *world) perform(n *node, thread int) {
	d := w.driver(n)
	if d.Perform(n.id, &n.Threads, thread) == nil {
		w.observe(n)
	}
}

// Write implements driver.Host.
func (a app) Write(r *driver.Write) error {
	r.Sync = r.Sync && a.syncs(a.node, r.HardState, r.Entries)
	err := a.disk.Write(r.HardState, r.Entries, r.Snapshot, r.Sync)
	if err != nil {
		a.failf(property.Durability, a.node, "the disk of node %d fails: %v", a.id, err)
	}
	return err
}

// Restore implements driver.Host.
func (a app) Restore(s *pb.Snapshot) error {
	a.stats.Restores++
	err := a.rep.restore(s)
	if err != nil {
		a.failf(property.SameResults, a.node, "node %d cannot restore the snapshot at %d: %v", a.id, s.Metadata.Index, err)
	}
	return err
}

// Send implements driver.Host.
func (a app) Send(messages []pb.Message) { a.send(a.node, messages) }

// Acknowledge implements driver.Host: at once, or in an action of its own.
func (a app) Acknowledge(_ int, response pb.Message) {
	a.acks = append(a.acks, response)
	if !a.cfg.Faults.Concurrent {
		a.takeAcks(a.node)
	}
}

// takeAcks tells the node what its threads have done.
func (w *world) takeAcks(n *node) {
	acks := n.acks
	n.acks = nil
	for i := range acks {
		w.refused(n, &acks[i], n.rn.Step(acks[i]))
	}
}

// refusedChange is the context of a configuration change that the application rejects when it is to
// be applied.
const refusedChange = "refused"

// ApplyConfChange implements driver.Host.
func (a app) ApplyConfChange(cc pb.ConfChangeI) *pb.ConfState {
	if v2 := cc.AsV2(); string(v2.Context) == refusedChange {
		cc = pb.ConfChange{}
	}
	a.stats.ConfChanges++
	return a.rn.ApplyConfChange(cc)
}

// Apply implements driver.Host.
func (a app) Apply(e *pb.Entry, _ pb.ConfChangeI, _ *pb.ConfState) error {
	a.stats.Applied++
	if r := a.rep.apply(e); r.index != 0 {
		a.o.Returns(a.Node, r.index, r.result, r.err)
		a.answers = append(a.answers, answerAt{answer: r, node: a.node})
	}
	return nil
}

// takeReads takes the index that each read gets, and the reads that will not be answered.
func (w *world) takeReads(n *node, rd *raft.Ready) {
	for _, s := range rd.ReadStates {
		n.Answers(s.RequestCtx, s.Index)
		w.reads = append(w.reads, readAt{node: n, number: readNumber(s.RequestCtx), index: s.Index})
	}
	for _, context := range rd.DroppedReads {
		n.DropsRead(context)
		w.reads = append(w.reads, readAt{node: n, number: readNumber(context), dropped: true})
	}
}
