package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// options are what a replica needs to know.
type options struct {
	id           uint64
	cluster      map[uint64]string // base URL of each replica
	dir          string
	tick         time.Duration
	compactAfter uint64
	log          *slog.Logger
}

// replica is one member of the cluster: store, loop, transport and HTTP server.
type replica struct {
	opts   options
	store  *store
	loop   *loop
	peers  *transport
	server *http.Server

	// failed gets the error that ended the loop, or nil when it was stopped.
	failed chan error

	incarnation [8]byte // the first half of this process's request ids
	requests    atomic.Uint64
}

// startReplica opens the store, listens, and starts the loop.
func startReplica(opts options) (*replica, error) {
	listener, err := listen(opts.cluster[opts.id])
	if err != nil {
		return nil, err
	}
	r := &replica{opts: opts, failed: make(chan error, 1)}
	if _, err := rand.Read(r.incarnation[:]); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	if r.store, err = openStore(opts.dir, slices.Sorted(maps.Keys(opts.cluster))); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	config := raft.DefaultConfig(opts.id, r.store)
	config.Applied = r.store.applied.index
	config.Logger = raft.NewSlogLogger(opts.log)
	node, err := raft.NewRawNode(config)
	if err != nil {
		return nil, errors.Join(err, r.store.close(), listener.Close())
	}
	r.peers = newTransport(opts.id, opts.cluster)
	r.loop = newLoop(node, r.store, r.peers, opts)
	r.peers.start()
	r.server = &http.Server{Handler: r.routes(), ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	go func() { r.failed <- r.loop.run() }()
	go func() { _ = r.server.Serve(listener) }() // ends with stop
	return r, nil
}

func listen(base string) (net.Listener, error) {
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", u.Host)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s (is another copy running?): %w", u.Host, err)
	}
	return l, nil
}

func newLoop(node *raft.RawNode, s *store, peers *transport, opts options) *loop {
	l := &loop{
		node: node, store: s, peers: peers,
		inbox: make(chan raftpb.Message, 4096), proposals: make(chan *request, 1024), cancelled: make(chan requestID, 1024),
		unreachable: make(chan uint64, 64), snapshots: make(chan snapshotReport, 64), queries: make(chan func()),
		stop: make(chan struct{}), waiting: map[requestID]*request{},
		tick: opts.tick, compactAfter: opts.compactAfter, compactKeep: opts.compactAfter / 4,
	}
	peers.unreachable = func(id uint64) {
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
	return l
}

// stop ends everything in an orderly way. What is acknowledged is on disk at any time,
// so a kill instead of this loses nothing.
func (r *replica) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	close(r.loop.stop)
	err := <-r.failed
	if r.server.Shutdown(ctx) != nil {
		_ = r.server.Close()
	}
	r.peers.stop()
	return errors.Join(err, r.store.close())
}

func (r *replica) newRequestID() requestID {
	var id requestID
	copy(id[:], r.incarnation[:])
	binary.BigEndian.PutUint64(id[8:], r.requests.Add(1))
	return id
}

// do proposes a command and waits until it is applied here. A proposal that was
// dropped, because there is no leader for instance, is tried again; one that was accepted is not,
// because it may still be carried out.
func (r *replica) do(ctx context.Context, op op, key, value []byte) (outcome, error) {
	c := command{op: op, id: r.newRequestID(), key: key, value: value}
	req := &request{id: c.id, data: c.encode(), done: make(chan result, 1)}
	for {
		if err := r.submit(ctx, req); err != nil {
			return outcome{}, err
		}
		select {
		case res := <-req.done:
			if !errors.Is(res.err, raft.ErrProposalDropped) {
				return res.outcome, res.err
			}
		case <-ctx.Done():
			select {
			case r.loop.cancelled <- req.id:
			case <-r.loop.stop:
			}
			return outcome{}, ctx.Err()
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return outcome{}, ctx.Err()
		}
	}
}

func (r *replica) submit(ctx context.Context, req *request) error {
	select {
	case r.loop.proposals <- req:
		return nil
	case <-r.loop.stop:
		return errStopped
	case <-ctx.Done():
		return ctx.Err()
	}
}

// query runs f on the loop.
func (r *replica) query(ctx context.Context, f func()) error {
	done := make(chan struct{})
	select {
	case r.loop.queries <- func() { f(); close(done) }:
	case <-r.loop.stop:
		return errStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	<-done
	return nil
}
