package main

import (
	"errors"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// This file is the model of how to drive a RawNode. One goroutine owns the node and
// everything it touches on disk; everybody else talks to it through channels.

// loop is one replica's event loop.
type loop struct {
	node   *raft.RawNode
	id     uint64
	store  *store
	writer *writer
	peers  *transport

	inbox       chan raftpb.Message // from peers
	proposals   chan *request       // from clients
	unreachable chan uint64         // peers that messages did not reach
	snapshots   chan snapshotReport // how sending a snapshot ended
	queries     chan func()         // run on the loop, to look at the node
	removals    chan uint64         // peers that know that this replica was removed
	stop        chan struct{}

	// ended is closed when the loop is over; cause then says why.
	ended chan struct{}
	cause error

	// members is for everybody: the ones of the store, as of the last batch.
	members atomic.Pointer[members]

	ids     *requestIDs
	waiting map[requestID]*request
	// answeredTerm is the applied term for which answerOlder has run.
	answeredTerm uint64
	reads        *readQueue
	departure    departure
	offered      string // name of the image of a snapshot that the node has got
	contacts     contacts
	elections    elections
	handover     handover
	heardCommit  uint64            // the highest commit index that a leader has reported
	met          map[uint64]string // see meet

	log           *slog.Logger
	counters      *counters
	clock         *clock
	readPatience  int    // ticks that a read waits until its index is applied
	electionTicks int    // the shortest election timeout
	inflightLimit int    // appends on their way to one follower
	inflightBytes uint64 // limit of the bytes in them
	retention     retention
}

// request is a proposal and the place for its outcome. The channel has room for one
// answer, so the loop never waits for a client.
type request struct {
	id   requestID
	data []byte
	done chan result
	term uint64      // the loop's: of the node when it took the request
	gone atomic.Bool // nobody waits for it any more
}

type result struct {
	outcome outcome
	err     error
}

type snapshotReport struct {
	to     uint64
	status raft.SnapshotStatus
}

// run drives the node until stop is closed, this replica is removed from the cluster, or the node
// or the disk gives up. cause is then errStopped, errRemoved, or an error that means that this
// replica must not go on: what it has promised may be in doubt.
func (l *loop) run() {
	go l.writer.run()
	l.cause = l.drive()
	l.writer.stop()
	l.abandon()
	close(l.ended)
}

func (l *loop) drive() error {
	ticker := time.NewTicker(l.clock.tick)
	defer ticker.Stop()
	l.useMembers()
	l.noteElection(nil)
	for {
		select {
		case <-l.stop:
			return errStopped
		case <-ticker.C:
			// What has arrived comes first: it may be what a timeout waits for.
			l.drain()
			l.giveTicks()
		case m := <-l.inbox:
			l.step(m)
		case req := <-l.proposals:
			l.propose(req)
		case <-l.reads.came:
		case id := <-l.unreachable:
			l.node.ReportUnreachable(id)
		case id := <-l.removals:
			l.hearRemoved(id)
		case report := <-l.snapshots:
			l.node.ReportSnapshot(report.to, report.status)
		case query := <-l.queries:
			query()
		case err := <-l.writer.ended:
			if err != nil {
				return err
			}
			l.writer.finish(l.respond)
		case <-l.store.failed:
			return l.store.cause
		}
		// Take what else has arrived: everything before one Ready shares a disk write and
		// an append to each follower.
		l.drain()
		for l.askReads(); l.node.HasReady(); l.askReads() {
			if err := l.handle(l.node.Ready()); err != nil {
				return err
			}
		}
		l.serveReads()
		l.noteElection(nil)
		l.dropSnapshot()
		l.writer.start()
		// A quarantined node takes no further part; it says why.
		if err := l.node.Err(); err != nil {
			return err
		}
		if l.mayLeave() {
			return errRemoved
		}
	}
}

// giveTicks gives the ticks that are due.
func (l *loop) giveTicks() {
	for range l.clock.due(time.Now()) {
		l.node.Tick()
		l.forgetGone()
		l.tickReads()
		l.tickDeparture()
		l.tickElection()
		l.tickSpace()
		l.contacts.tick()
		l.writer.tick()
	}
}

// drain takes messages and requests that are there already, up to a bound.
func (l *loop) drain() {
	for range 256 {
		select {
		case m := <-l.inbox:
			l.step(m)
		case req := <-l.proposals:
			l.propose(req)
		default:
			return
		}
	}
}

// step gives the node a message. A message that it refuses has changed nothing; it is
// dropped like one that the network has lost.
func (l *loop) step(m raftpb.Message) {
	if _, known := l.store.members[m.From]; known {
		l.contacts.hear(m.From)
	}
	if m.Type == raftpb.MsgSnap && m.Snapshot != nil {
		l.offered = string(m.Snapshot.Data)
	}
	if l.refuses(&m) {
		l.counters.refused.Inc()
		return
	}
	if err := l.node.Step(m); err != nil {
		l.counters.refused.Inc()
		l.log.Debug("a message is refused", "from", m.From, "type", m.Type, "err", err)
		return
	}
	l.noteElection(&m)
	if m.Type == raftpb.MsgApp {
		l.heardCommit = max(l.heardCommit, m.Commit)
	}
}

// dropSnapshot lets go of a snapshot that the node has got and does not want to have installed.
// Nothing makes the node put it off: all that it has handed out is applied.
func (l *loop) dropSnapshot() {
	if l.offered != "" && l.offered != l.store.installing {
		l.store.settle(l.offered)
	}
	l.offered = ""
}

// forgetGone forgets the requests that nobody waits for any more.
func (l *loop) forgetGone() {
	maps.DeleteFunc(l.waiting, func(_ requestID, req *request) bool { return req.gone.Load() })
}

func (l *loop) propose(req *request) {
	if req.gone.Load() {
		return
	}
	err := l.store.space.check()
	if err == nil {
		err = l.node.Propose(req.data)
	}
	if err != nil {
		// Not appended and not sent: the client may try again.
		req.done <- result{err: err}
		return
	}
	req.term = l.node.BasicStatus().Term
	l.waiting[req.id] = req
}

// handle does the work of one Ready. With AsyncStorageWrites, messages that promise something are
// not among those to send, but with the work that makes them true.
func (l *loop) handle(rd raft.Ready) error {
	// 1. Send. The transport drops what it cannot take; Raft sends again.
	if rd.SoftState != nil && rd.SoftState.RaftState != raft.StateLeader {
		l.peers.stopTransfers()
	}
	l.peers.send(rd.Messages)
	l.confirmReads(rd.ReadStates)
	l.dropReads(rd.DroppedReads)
	for _, c := range rd.CatchUps {
		l.log.Info("a replica that is being added", "id", c.ID, "state", c.State, "rounds", c.Rounds, "lastTicks", c.LastTicks)
	}
	for i := range rd.Messages {
		switch m := &rd.Messages[i]; m.To {
		case raft.LocalAppendThread:
			// 2. Write hard state, entries and snapshot, in order. The responses wait for that, and
			// for the sync if there has to be one.
			if err := l.writer.add(m, rd.MustSync); err != nil {
				return err
			}
		case raft.LocalApplyThread:
			// 3. Apply what is committed and durable here.
			if err := l.apply(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// apply applies committed entries, answers those who wait for them, and tells the node.
func (l *loop) apply(m *raftpb.Message) error {
	outcomes, err := l.store.apply(m.Entries, l.changeConf)
	if err != nil {
		return err
	}
	for _, o := range outcomes {
		l.answer(o)
	}
	l.respond(m.Responses)
	return l.compact()
}

// respond sends the responses of storage work that is done, to others and to the node itself.
func (l *loop) respond(responses []raftpb.Message) {
	l.peers.send(responses)
	for i := range responses {
		if responses[i].To == l.id {
			_ = l.node.Step(responses[i]) // refused if this replica is no member any more
		}
	}
	// What was written may be a snapshot, and what was applied a change of the members.
	l.answerOlder()
	l.followMembers()
}

// changeConf tells the node that a configuration change is applied.
func (l *loop) changeConf(cc raftpb.ConfChangeI) raftpb.ConfState { return *l.node.ApplyConfChange(cc) }

// answer tells the client, if it is this process's and still waits.
func (l *loop) answer(o outcome) {
	if req, ok := l.waiting[o.id]; ok {
		delete(l.waiting, o.id)
		req.done <- result{outcome: o}
	}
}

// answerOlder answers the requests of terms before the applied one. The first entry of a new leader
// follows all earlier entries that survive, so those requests are lost with the leader before, or
// still under way. Their clients need not wait longer.
func (l *loop) answerOlder() {
	if l.store.applied.term == l.answeredTerm {
		return
	}
	l.answeredTerm = l.store.applied.term
	for id, req := range l.waiting {
		if req.term < l.answeredTerm {
			delete(l.waiting, id)
			req.done <- result{err: errNewLeader}
		}
	}
}

var (
	errStopped   = errors.New("kv: replica is stopped")
	errNewLeader = errors.New("kv: another leader took over before the answer")
	errRemoved   = errors.New("kv: this replica was removed from the cluster")
)

// abandon answers those who still wait. Their requests may be carried out all the same.
func (l *loop) abandon() {
	for _, req := range l.waiting {
		req.done <- result{err: l.cause}
	}
	clear(l.waiting)
	l.abandonReads(l.cause)
}
