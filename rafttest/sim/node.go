package sim

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// node is a member of the cluster, or was or is to become one.
type node struct {
	id    uint64
	rn    *raft.RawNode // nil while it is down
	disk  Disk
	store faultyStorage // the disk as the RawNode sees it
	rep   replica
	conf  pb.ConfState // the configuration that is applied

	appendWork []pb.Message // with asynchronous storage writes: not written yet, oldest first
	syncWork   []bool       // whether each of them has to be synced
	applyWork  []pb.Message

	// lost: the disk is gone for good. suspect: it has lost what was durable, and the node may notice.
	lost, suspect bool

	// What the checker knows. told is the log that the node has handed out, durable what its disk has of it.
	told     logView
	durable  logView
	hard     pb.HardState // durable
	unsynced []piece
	grant    grant

	// As of the last look, in this life.
	term, vote, lead    uint64
	commit, appliedSeen uint64
	commitSeen          uint64 // up to where what it has committed was checked
	toldInTerm          uint64 // the term in which it has last led and handed out
	restored            uint64 // the index of the last snapshot that was restored
	leads               bool
	role                raft.StateType
}

func (w *world) newNode() *node {
	n := &node{id: uint64(len(w.nodes)) + 1, rep: replica{machine: w.cfg.NewMachine()}}
	n.disk = w.cfg.NewDisk(n.id)
	n.durable = newLogView(0, 0)
	n.told = newLogView(0, 0)
	w.nodes = append(w.nodes, n)
	return n
}

// faultyStorage stands between a RawNode and its disk. It fails when it is told to.
type faultyStorage struct {
	Disk
	node *node
	// failNext makes the next read of entries fail for good, unavailable for the moment.
	failNext, unavailable bool
	// failed: a read has failed, and the node has to stop.
	failed bool
	// durableMachine: the state machine is stored with everything it has applied, and the configuration too.
	durableMachine bool
}

var errInjected = errors.New("sim: the disk cannot be read")

// InitialState implements raft.Storage.
func (s *faultyStorage) InitialState() (pb.HardState, pb.ConfState, error) {
	hs, cs, err := s.Disk.InitialState()
	if s.durableMachine {
		cs = s.node.conf
	}
	return hs, cs, err
}

// Entries implements raft.Storage.
func (s *faultyStorage) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	if s.failNext {
		s.failNext, s.failed = false, true
		return nil, errInjected
	}
	// What is to be applied must be there.
	if s.unavailable && lo <= s.node.rep.applied {
		s.unavailable = false
		return nil, raft.ErrUnavailable
	}
	return s.Disk.Entries(lo, hi, maxSize)
}

// Snapshot implements raft.Storage.
func (s *faultyStorage) Snapshot() (pb.Snapshot, error) {
	if s.unavailable {
		s.unavailable = false
		return pb.Snapshot{}, raft.ErrSnapshotTemporarilyUnavailable
	}
	return s.Disk.Snapshot()
}

// start starts a RawNode from the disk.
func (w *world) start(n *node) {
	n.store = faultyStorage{Disk: n.disk, node: n, durableMachine: w.cfg.DurableMachine}
	c := w.base
	c.ID, c.Storage, c.Applied = n.id, &n.store, n.rep.applied
	if w.cfg.Recording != nil {
		c.Recording = w.cfg.Recording(n.id)
	}
	rn, err := raft.NewRawNode(&c)
	if err != nil {
		if !n.suspect {
			w.failf(Healthy, n, "node %d does not start: %v", n.id, err)
		}
		return
	}
	n.rn = rn
	n.told.copyFrom(&n.durable)
	st := rn.BasicStatus()
	if st.Term < n.hard.Term {
		w.failf(Monotony, n, "node %d starts in term %d, durable is %s", n.id, st.Term, raft.DescribeHardState(n.hard))
	}
	n.term, n.vote, n.commit, n.appliedSeen, n.lead, n.leads = st.Term, st.Vote, st.Commit, st.Applied, st.Lead, false
	n.role = st.RaftState
	n.commitSeen, n.toldInTerm, n.restored = n.told.base, 0, 0
	w.setTimeout(n)
	w.checkCommit(n, false)
}

// setTimeout replaces the election timeout that the library has drawn, as it does whenever the term or the role changes.
func (w *world) setTimeout(n *node) {
	if w.cfg.ElectionTimeout == nil {
		return
	}
	if err := n.rn.SetRandomizedElectionTimeout(w.cfg.ElectionTimeout(n.id, n.term)); err != nil {
		w.failf(Healthy, n, "node %d refuses the election timeout of term %d: %v", n.id, n.term, err)
	}
}

// stop ends a life of the node. What only its memory had is gone.
func (n *node) stop() {
	n.rn = nil
	n.leads, n.lead = false, raft.None
	n.appendWork, n.syncWork, n.applyWork = nil, nil, nil
}

// handleReady takes a Ready and does what it says; it reports whether the disk had to sync for it.
func (w *world) handleReady(n *node) (synced bool) {
	rd := n.rn.Ready()
	if w.quarantined(n) {
		return false
	}
	w.hash = mix(w.hash, n.id<<48^uint64(len(rd.Entries))<<32^uint64(len(rd.CommittedEntries))<<16^uint64(len(rd.Messages)))
	if w.recorder != nil {
		w.describe("%s", raft.DescribeReady(rd, nil))
	}
	w.checkReady(n, rd.Entries, &rd.Snapshot)
	w.takeReads(n, rd.ReadStates)
	w.news = append(w.news, rd.CatchUps...)
	if w.base.AsyncStorageWrites {
		w.dispatch(n, &rd)
		w.observe(n)
		return false
	}
	w.persist(n, rd.HardState, rd.Entries, rd.Snapshot, rd.MustSync)
	w.send(n, rd.Messages)
	w.restore(n, &rd.Snapshot)
	w.apply(n, rd.CommittedEntries)
	n.rn.Advance(rd)
	w.observe(n)
	return rd.MustSync
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

// respond sends the responses of a storage message; those to the node itself come last and at once.
func (w *world) respond(n *node, msgs []pb.Message) {
	var out []pb.Message
	for i := range msgs {
		if msgs[i].To != n.id {
			out = append(out, msgs[i])
		}
	}
	w.send(n, out)
	for i := range msgs {
		if msgs[i].To == n.id {
			w.refused(n, &msgs[i], n.rn.Step(msgs[i]))
		}
	}
}

// restore makes a snapshot the state of the replica.
func (w *world) restore(n *node, s *pb.Snapshot) {
	if raft.IsEmptySnap(*s) {
		return
	}
	w.stats.Restores++
	if s.Metadata.Index <= n.rep.applied {
		w.failf(StateMachineSafety, n, "node %d restores the snapshot at %d, and has applied %d", n.id, s.Metadata.Index, n.rep.applied)
		return
	}
	n.conf = s.Metadata.ConfState
	n.restored = s.Metadata.Index
	if err := n.rep.restore(s); err != nil {
		w.failf(SameResults, n, "node %d cannot restore the snapshot at %d: %v", n.id, s.Metadata.Index, err)
	}
}

// apply applies committed entries.
func (w *world) apply(n *node, entries []pb.Entry) {
	for i := range entries {
		e := &entries[i]
		if e.Index <= n.restored {
			continue // it was with the apply thread when a snapshot that covers it arrived
		}
		w.checkApplied(n, e)
		if w.failure != nil {
			return
		}
		if e.Type != pb.EntryNormal {
			w.applyConfChange(n, e)
		}
		w.stats.Applied++
		a := n.rep.apply(e)
		w.checkResult(n, &a)
		if a.index != 0 {
			w.answers = append(w.answers, answerAt{answer: a, node: n})
		}
	}
}

func (w *world) applyConfChange(n *node, e *pb.Entry) {
	var cc pb.ConfChangeI
	var err error
	if e.Type == pb.EntryConfChange {
		var v1 pb.ConfChange
		err = v1.Unmarshal(e.Data)
		cc = v1
	} else {
		var v2 pb.ConfChangeV2
		err = v2.Unmarshal(e.Data)
		cc = v2
	}
	if err != nil {
		w.failf(Healthy, n, "entry %d/%d is no configuration change: %v", e.Term, e.Index, err)
		return
	}
	n.conf = *n.rn.ApplyConfChange(cc)
	w.checkConfig(n, e.Index, &n.conf)
	w.stats.ConfChanges++
}

// takeReads checks the index that each read gets.
func (w *world) takeReads(n *node, states []raft.ReadState) {
	for i := range states {
		s := &states[i]
		number, ok := readNumber(s.RequestCtx)
		if !ok || number >= uint64(len(w.floors)) {
			w.failf(ReadSafety, n, "node %d answers a read that nobody asked for: %q", n.id, s.RequestCtx)
			return
		}
		if floor := w.floors[number]; !s.Dropped && s.Index < floor {
			w.failf(ReadSafety, n, "node %d answers a read with index %d, committed was %d when it was asked for", n.id, s.Index, floor)
		}
		w.reads = append(w.reads, readAt{node: n, number: number, index: s.Index, dropped: s.Dropped})
	}
}

// refused judges the error of a step with a message that a node has sent.
func (w *world) refused(n *node, m *pb.Message, err error) {
	for _, never := range [...]error{raft.ErrMalformed, raft.ErrOutOfRange, raft.ErrWrongRecipient, raft.ErrBeyondLog, raft.ErrSecondLeader} {
		if err != nil && errors.Is(err, never) {
			w.failf(Healthy, n, "node %d refuses %s: %v", n.id, raft.DescribeMessage(*m, nil), err)
			return
		}
	}
}

func (n *node) describeDisk() string {
	first, _ := n.disk.FirstIndex()
	last, _ := n.disk.LastIndex()
	hs, _, _ := n.disk.InitialState()
	return fmt.Sprintf("it has %s and entries %d to %d; durable were %s and entries %d to %d",
		raft.DescribeHardState(hs), first, last, raft.DescribeHardState(n.hard), n.durable.base+1, n.durable.last())
}
