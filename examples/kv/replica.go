package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/session"
)

// options are what a replica needs to know.
type options struct {
	id             uint64
	first          members // the first replicas, for a new one of them; otherwise none
	joins          bool    // it is to be added
	ignored        string  // the flags that mean nothing for a folder with data
	address        string  // base URL of this one; empty if the folder knows it
	peer           string  // base URL for other replicas; empty if it is the same, or if the folder knows it
	listen         string  // host:port to listen on; empty for the one in the address
	peerListen     string  // likewise for other replicas
	maxConnections int     // of clients, if other replicas have an address of their own; 0 for no bound
	dir            string
	tick           time.Duration
	timeout        time.Duration // of a request
	compactAfter   uint64
	snapshotRate   int    // bytes a second for snapshots to peers; 0 for no bound
	minFree        uint64 // bytes of free space in reserve; 0 if the disk is not watched
	tokenFile      string // has the token that changes of the cluster need; empty for none
	access         string // the flags of tokenFile and security, as they are typed
	security
	log *slog.Logger
	say io.Writer // for lines to the operator; may be nil
}

// tell writes a line to the operator.
func (o *options) tell(format string, args ...any) {
	if o.say != nil {
		fmt.Fprintf(o.say, "kv: "+format+"\n", args...)
	}
}

// replica is one member of the cluster: store, loop, transport and HTTP server.
type replica struct {
	opts       options
	store      *store
	loop       *loop
	peers      *transport
	server     *http.Server
	peerServer *http.Server // nil if peers share the port of clients
	ids        requestIDs

	hindrance atomic.Value // the hindrance that was seen last
	stalled   bool         // watchProgress's: it has logged a hindrance, and no progress since
	// caller is the address of who has called while this replica had no cluster, see askCaller.
	caller          atomic.Value
	electionTimeout time.Duration // the shortest one
	refused         seldom

	streams streams
	workers workers // for requests that have a connection of their own
	// see limits.go
	clientBytes, batchBytes, largeBatchBytes *budget
}

// startReplica opens the store, listens, and starts the loop. A first replica that is new waits for
// the others until ctx ends. The error matches errRemoved for a replica that was removed, and
// errLost for one that has lost its folder.
func startReplica(ctx context.Context, opts options) (*replica, error) {
	s, err := openStore(opts.dir)
	if err != nil {
		return nil, err
	}
	return opts.startOn(ctx, s)
}

func (opts options) startOn(ctx context.Context, s *store) (*replica, error) {
	if err := opts.prepare(ctx, s); err != nil {
		return nil, s.closeAfter(err)
	}
	r, err := newReplica(opts, s)
	if err != nil {
		return nil, s.closeAfter(err)
	}
	ports, err := listen(r.opts)
	if err != nil {
		return nil, s.closeAfter(err)
	}
	go r.loop.run()
	go r.watchProgress()
	go r.watchSpace()
	r.server, r.peerServer = ports.serve(r.routes(), r.peerRoutes(), r.opts.log)
	return r, nil
}

func newReplica(opts options, s *store) (*replica, error) {
	switch own, known := s.members[opts.id]; {
	case own.Removed:
		return nil, errRemoved
	case known && own.Data != "" && own.Data != s.identity:
		return nil, fmt.Errorf("%s is the folder of another replica than %d", opts.dir, opts.id)
	case known && opts.address != "" && (opts.address != own.Address || opts.peer != own.Peer):
		return nil, fmt.Errorf("replica %d is known to the others as %s: start it there (-listen and -peer-listen say where to listen)", opts.id, own.where())
	case known:
		opts.address, opts.peer = own.Address, own.Peer
	case opts.address == "":
		return nil, fmt.Errorf("replica %d is not in the cluster; -join and -address add it", opts.id)
	}
	r := &replica{
		opts: opts, store: s, workers: newWorkers(),
		clientBytes: newBudget(clientBytes), batchBytes: newBudget(batchBytes), largeBatchBytes: newBudget(largeBatchBytes),
	}
	s.log = opts.log
	s.space.min = opts.minFree
	if s.space.look() {
		r.noteSpace()
	}
	r.hindrance.Store(hindrance(""))
	if err := r.ids.draw(); err != nil {
		return nil, err
	}
	config := raft.DefaultConfig(opts.id, s)
	config.Applied = s.applied.index
	// ReadIndex asks a majority, and the leader has a lease besides, for reads that trust it.
	config.LeaseDriftTicks = 1
	config.AsyncStorageWrites = true
	config.ReuseMemory = true // messages are sent, and reads looked at, before the next Ready
	// Requests are bounded, but their clients may give up and come back while nothing is committed.
	config.MaxUncommittedEntriesSize = clientBytes
	config.Logger = raft.NewSlogLogger(opts.log)
	node, err := raft.NewRawNode(config)
	if err != nil {
		return nil, err
	}
	r.peers = newTransport(opts.id, cmp.Or(opts.peer, opts.address))
	r.peers.log = opts.log
	r.peers.client, r.peers.dial = opts.httpClient(), opts.dial
	r.peers.cluster.set(s.cluster)
	r.loop = newLoop(node, s, r.peers, opts)
	r.peers.snapshots = newSnapshotSender(s, opts.snapshotRate, r.loop.counters.snapshotSent)
	r.loop.ids = &r.ids
	r.loop.electionTicks = config.ElectionTick
	r.loop.inflightLimit, r.loop.inflightBytes = config.MaxInflightMsgs, config.MaxInflightBytes
	r.electionTimeout = time.Duration(config.ElectionTick) * opts.tick
	return r, nil
}

func newLoop(node *raft.RawNode, s *store, peers *transport, opts options) *loop {
	l := &loop{
		node: node, id: opts.id, store: s, writer: newWriter(s), peers: peers,
		inbox: make(chan raftpb.Message, 4096), proposals: make(chan *request, 1024),
		unreachable: make(chan uint64, 64), snapshots: make(chan snapshotReport, 64),
		queries: make(chan func()), removals: make(chan uint64, 64), stop: make(chan struct{}), ended: make(chan struct{}),
		waiting: map[requestID]*request{}, reads: newReadQueue(), departure: departure{told: map[uint64]bool{}}, met: map[uint64]string{}, contacts: contacts{},
		log: opts.log, counters: newCounters(), clock: newClock(opts.tick, time.Now()), readPatience: int(opts.timeout / opts.tick), retention: retention{after: opts.compactAfter},
	}
	known := s.members // others may ask before the loop runs
	l.members.Store(&known)
	peers.unreachable = func(id uint64) {
		l.counters.lost.Inc()
		select {
		case l.unreachable <- id:
		default: // it will be lost again
		}
	}
	peers.reported = func(report snapshotReport) {
		select {
		case l.snapshots <- report:
		default: // the node gives the follower up after Config.SnapshotTicks
		}
	}
	peers.removed = func(by uint64) {
		select {
		case l.removals <- by:
		default: // it will be asked again
		}
	}
	return l
}

// errDiskHangs ends a process whose disk does not answer. What is not on the disk was not promised.
var errDiskHangs = errors.New("the disk does not answer: the replica ends in the middle of a write")

// stop ends everything in an orderly way, once. What is acknowledged is on disk at any time,
// so a kill instead of this loses nothing. A replica that was removed gets the time to send its
// last messages: they may hand over the leadership.
func (r *replica) stop() error { return r.stopWithin(30 * time.Second) }

// stopWithin gives a loop that waits for the disk this time to end. After errDiskHangs the caller
// has to end the process.
func (r *replica) stopWithin(limit time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	close(r.loop.stop)
	select {
	case <-r.loop.ended:
	case <-r.store.failed:
		return r.store.cause // the loop may wait for the engine for ever
	case <-time.After(limit):
		return errDiskHangs
	}
	var grace time.Duration
	if errors.Is(r.loop.cause, errRemoved) {
		grace = time.Second
	}
	r.peers.stop(grace)
	r.streams.close()
	close(r.workers.end)
	for _, s := range []*http.Server{r.server, r.peerServer} {
		if s != nil && s.Shutdown(ctx) != nil {
			_ = s.Close()
		}
	}
	return r.store.close()
}

// requestIDs makes ids that nobody else makes: those of this process, numbered.
type requestIDs struct {
	incarnation [8]byte
	last        atomic.Uint64
}

func (ids *requestIDs) draw() error {
	_, err := rand.Read(ids.incarnation[:])
	return err
}

func (ids *requestIDs) next() requestID {
	var id requestID
	copy(id[:], ids.incarnation[:])
	binary.BigEndian.PutUint64(id[8:], ids.last.Add(1))
	return id
}

// retryPause lies between two tries of what could not be done at once.
const retryPause = 20 * time.Millisecond

// do proposes a command and waits until it is applied here. A proposal that was dropped, because
// there is no leader for instance, is tried again. One that was accepted may still be carried out:
// it is tried again only in a session, which carries it out once.
func (r *replica) do(ctx context.Context, c command) (o outcome, err error) {
	defer func() { r.loop.counters.countWrite(c.op, o, err) }()
	lost := false // an earlier attempt, which may have been carried out
	for {
		o, err := r.attempt(ctx, c)
		switch {
		case lost && c.op != opSession && o.err != nil:
			return outcome{}, o.err // which says nothing of the earlier attempt
		case lost && errors.Is(err, errDiskFull):
			return outcome{}, errSlow // the answer to errDiskFull says that nothing was done
		case errors.Is(err, errSlow):
			lost = true
		case !errors.Is(err, raft.ErrProposalDropped):
			return o, err
		}
		select {
		case <-time.After(retryPause):
		case <-ctx.Done():
			return outcome{}, ctx.Err()
		}
	}
}

// errSlow ends an attempt of a command in a session.
var errSlow = errors.New("kv: the proposal may be lost")

// attemptTicks is how long an attempt may take that may be made again.
const attemptTicks = 20

func (r *replica) attempt(ctx context.Context, c command) (outcome, error) {
	c.id = r.ids.next()
	req := &request{id: c.id, data: c.encode(), done: make(chan result, 1)}
	if err := r.submit(ctx, req); err != nil {
		return outcome{}, err
	}
	var slow <-chan time.Time
	if c.header != nil && c.header.Kind != session.Register {
		slow = time.After(attemptTicks * r.opts.tick)
	}
	defer req.gone.Store(true)
	select {
	case res := <-req.done:
		if slow != nil && errors.Is(res.err, errNewLeader) {
			return outcome{}, errSlow
		}
		return res.outcome, res.err
	case <-r.loop.ended:
		return outcome{}, r.loop.cause
	case <-slow:
		return outcome{}, errSlow
	case <-ctx.Done():
		return outcome{}, ctx.Err()
	}
}

func (r *replica) submit(ctx context.Context, req *request) error {
	select {
	case r.loop.proposals <- req:
		return nil
	case <-r.loop.ended:
		return r.loop.cause
	case <-ctx.Done():
		return ctx.Err()
	}
}

// query runs f on the loop.
func (r *replica) query(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case r.loop.queries <- func() { f(); close(done) }:
	case <-r.loop.ended:
		return r.loop.cause
	case <-ctx.Done():
		return ctx.Err()
	}
	<-done
	return nil
}

// await runs f on the loop until it is true or returns an error.
func (r *replica) await(ctx context.Context, f func() (bool, error)) error {
	for {
		var done bool
		var err error
		if queryErr := r.query(ctx, func() { done, err = f() }); queryErr != nil {
			return queryErr
		}
		if done || err != nil {
			return err
		}
		select {
		case <-time.After(retryPause / 4):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
