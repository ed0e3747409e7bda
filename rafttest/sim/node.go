package sim

import (
	"errors"
	"slices"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// node is a member of the cluster, or was or is to become one.
type node struct {
	id             uint64
	rn             *raft.RawNode // nil while it is down
	disk           Disk
	store          faultyStorage // the disk as the RawNode sees it
	rep            replica
	*property.Node // what is known of it from outside

	appendWork []pb.Message // with asynchronous storage writes: not written yet, oldest first
	syncWork   []bool       // whether each of them has to be synced
	applyWork  []pb.Message // also without them, see Faults.ApplyLate
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
		w.failf(SameResults, n, "node %d has no initial state: %v", n.id, err)
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
	c.ReuseMemory = other.ReuseMemory
	c.DisableProposalForwarding, c.CatchUpRounds, c.PreVote = other.DisableProposalForwarding, other.CatchUpRounds, other.PreVote
	if c.LeaseDriftTicks == 0 { // leases are promises that everybody has to keep
		c.CheckQuorum = other.CheckQuorum
	}
	return c
}

// start starts a RawNode from the disk.
func (w *world) start(n *node) {
	n.store = faultyStorage{Disk: n.disk, node: n, durableMachine: w.cfg.DurableMachine, failNext: n.store.failNext}
	n.options = w.drawOptions(n)
	c := n.options
	c.ID, c.Storage, c.Applied = n.id, &n.store, n.rep.applied
	if w.cfg.Recording != nil {
		c.Recording = w.cfg.Recording(n.id)
	}
	rn, err := raft.NewRawNode(&c)
	if err != nil {
		if !n.suspect && !(n.store.failed && errors.Is(err, raft.ErrStorage)) {
			w.failf(Healthy, n, "node %d does not start: %v", n.id, err)
		}
		return
	}
	if n.store.failed {
		w.failf(Healthy, n, "node %d starts although its disk cannot be read", n.id)
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
		w.failf(Healthy, n, "node %d refuses the election timeout of term %d: %v", n.id, n.Term, err)
	}
}

// stop ends a life of the node. What only its memory had is gone.
func (n *node) stop() {
	n.rn = nil
	n.Stops()
	n.appendWork, n.syncWork, n.applyWork, n.acks = nil, nil, nil, nil
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
		w.dispatch(n, &rd)
	} else {
		n.batch, n.stage = rd, taken
	}
	w.observe(n)
}

// carryOut does what the batch in hand says.
func (w *world) carryOut(n *node) {
	rd := &n.batch
	n.stage = carried
	w.persist(n, rd.HardState, rd.Entries, rd.Snapshot, rd.MustSync)
	w.send(n, rd.Messages)
	w.restore(n, &rd.Snapshot)
	if w.cfg.Faults.ApplyLate && len(rd.CommittedEntries) > 0 {
		n.applyWork = append(n.applyWork, pb.Message{Entries: slices.Clone(rd.CommittedEntries)})
	} else {
		w.apply(n, rd.CommittedEntries)
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

// dispatch hands the storage messages of a Ready to the node's threads.
func (w *world) dispatch(n *node, rd *raft.Ready) {
	out := rd.Messages[:0:0]
	for i := range rd.Messages {
		m := &rd.Messages[i]
		switch m.To {
		case raft.LocalAppendThread:
			n.appendWork = append(n.appendWork, *m)
			n.syncWork = append(n.syncWork, rd.MustSync)
		case raft.LocalApplyThread:
			n.applyWork = append(n.applyWork, *m)
		default:
			out = append(out, *m)
		}
	}
	w.send(n, out)
}

// appendThread performs the oldest write, and hands out what has waited for it.
func (w *world) appendThread(n *node) (synced bool) {
	m, sync := n.appendWork[0], n.syncWork[0]
	n.appendWork = slices.Delete(n.appendWork, 0, 1)
	n.syncWork = slices.Delete(n.syncWork, 0, 1)
	hs, snapshot := storageWork(&m)
	w.persist(n, hs, m.Entries, snapshot, sync)
	w.restore(n, &snapshot)
	w.respond(n, m.Responses)
	w.observe(n)
	return sync
}

// storageWork is what a storage message asks for besides entries.
func storageWork(m *pb.Message) (hs pb.HardState, snapshot pb.Snapshot) {
	if m.Snapshot != nil {
		snapshot = *m.Snapshot
	}
	return pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}, snapshot
}

// applyThread applies the oldest batch.
func (w *world) applyThread(n *node) {
	m := n.applyWork[0]
	n.applyWork = slices.Delete(n.applyWork, 0, 1)
	w.apply(n, m.Entries)
	w.respond(n, m.Responses)
	w.observe(n)
}

// respond sends the responses of a storage message. Those to the node itself come last: at once, or
// in an action of their own.
func (w *world) respond(n *node, msgs []pb.Message) {
	var out []pb.Message
	for i := range msgs {
		if msgs[i].To != n.id {
			out = append(out, msgs[i])
		} else {
			n.acks = append(n.acks, msgs[i])
		}
	}
	w.send(n, out)
	if !w.cfg.Faults.Concurrent {
		w.takeAcks(n)
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

// restore makes a snapshot the state of the replica.
func (w *world) restore(n *node, s *pb.Snapshot) {
	if raft.IsEmptySnap(*s) {
		return
	}
	w.stats.Restores++
	if n.Restores(s); w.failure != nil {
		return
	}
	if err := n.rep.restore(s); err != nil {
		w.failf(SameResults, n, "node %d cannot restore the snapshot at %d: %v", n.id, s.Metadata.Index, err)
	}
}

// apply applies committed entries.
func (w *world) apply(n *node, entries []pb.Entry) {
	w.cfg.Picture.Apply(n.id, entries)
	for i := range entries {
		e := &entries[i]
		if e.Index <= n.Restored {
			continue // it was with the apply thread when a snapshot that covers it arrived
		}
		if n.Applies(e); w.failure != nil {
			return
		}
		if e.Type != pb.EntryNormal {
			w.applyConfChange(n, e)
		}
		w.stats.Applied++
		a := n.rep.apply(e)
		if a.index != 0 {
			w.o.Returns(n.Node, a.index, a.result, a.err)
			w.answers = append(w.answers, answerAt{answer: a, node: n})
		}
	}
}

// refusedChange is the context of a configuration change that the application rejects when it is to
// be applied.
const refusedChange = "refused"

func (w *world) applyConfChange(n *node, e *pb.Entry) {
	cc, err := decodeChange(e.Type, e.Data)
	if err != nil {
		w.failf(Healthy, n, "entry %d/%d is no configuration change: %v", e.Term, e.Index, err)
		return
	}
	if v2 := cc.AsV2(); string(v2.Context) == refusedChange {
		cc = pb.ConfChange{}
	}
	n.Configures(e.Index, n.rn.ApplyConfChange(cc))
	w.stats.ConfChanges++
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
