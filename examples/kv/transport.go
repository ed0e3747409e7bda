package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/ffd200af/raft/raftpb"
)

const (
	// queueLength bounds the messages that wait for one peer.
	queueLength = 1024
	// batchLength bounds the messages in one frame.
	batchLength = 128
	sendTimeout = 3 * time.Second
)

// Headers of requests between replicas.
const (
	headerFrom    = "Kv-From"    // id of the sender
	headerAddress = "Kv-Address" // base URL of the sender
)

// transport sends messages to peers, each over a stream. follow, send, ask and stop belong to one
// goroutine.
type transport struct {
	self   uint64
	url    string // base URL of this replica
	client *http.Client
	dial   func(ctx context.Context, address string) (net.Conn, error)
	log    *slog.Logger
	peers  map[uint64]*peer
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	cluster   clusterID
	refused   seldom
	snapshots *snapshotSender

	unreachable func(id uint64)
	reported    func(snapshotReport)
	removed     func(by uint64) // a peer knows that this replica was removed
}

type peer struct {
	id      uint64
	address string
	queue   chan raftpb.Message
	asked   chan struct{} // see ask
	silent  bool          // serve's: see noteReach

	transfer *transfer // the last one
}

func newTransport(self uint64, url string) *transport {
	t := &transport{
		self: self, url: url, client: &http.Client{}, dial: dialPlain, peers: map[uint64]*peer{},
		log: slog.New(slog.DiscardHandler),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// follow makes the peers those of the given addresses. What is queued for others is
// still sent, if it can be at once.
func (t *transport) follow(addresses map[uint64]string) {
	for id, p := range t.peers {
		if addresses[id] != p.address {
			close(p.queue)
			p.transfer.stop()
			delete(t.peers, id)
		}
	}
	for id, address := range addresses {
		if id == t.self || t.peers[id] != nil {
			continue
		}
		p := &peer{id: id, address: address, queue: make(chan raftpb.Message, queueLength), asked: make(chan struct{}, 1)}
		t.peers[id] = p
		t.wg.Add(1)
		go func() {
			defer t.wg.Done()
			t.serve(p)
		}()
	}
}

// stop ends the transport. What is queued gets the grace to be sent.
func (t *transport) stop(grace time.Duration) {
	timer := time.AfterFunc(grace, t.cancel)
	defer timer.Stop()
	t.follow(nil)
	t.wg.Wait()
	t.cancel()
	t.client.CloseIdleConnections()
}

// send queues messages and never waits: what does not fit is lost, as it might be on
// the network. The slice is the node's; the entries in it are immutable and may
// be kept.
func (t *transport) send(messages []raftpb.Message) {
	for _, m := range messages {
		p := t.peers[m.To]
		if p == nil {
			continue
		}
		if m.Type == raftpb.MsgSnap {
			t.sendSnapshot(p, m)
			continue
		}
		select {
		case p.queue <- m:
		default:
			t.unreachable(m.To)
		}
	}
}

// ask sends an empty frame to every peer that has nothing better to get: one that knows this
// replica as removed says so.
func (t *transport) ask() {
	for _, p := range t.peers {
		select {
		case p.asked <- struct{}{}:
		default:
		}
	}
}

// serve sends what is queued for a peer, a batch at a time, until there is none any more.
func (t *transport) serve(p *peer) {
	var s *stream
	defer func() { s.close() }()
	asks := time.NewTicker(askPeriod)
	defer asks.Stop()
	for {
		var batch []raftpb.Message
		select {
		case <-t.ctx.Done():
			return
		case <-s.over():
			s = nil
			t.unreachable(p.id) // what is on its way may be lost
			continue
		case <-asks.C:
		case <-p.asked:
		case m, open := <-p.queue:
			if !open {
				return
			}
			batch = p.batch(m)
		}
		s = t.deliver(p, s, batch)
	}
}

// batch adds to a message what is queued, until there is enough for a frame.
func (p *peer) batch(m raftpb.Message) []raftpb.Message {
	batch, bytes := []raftpb.Message{m}, m.Size()
	for len(batch) < batchLength && bytes < smallBatch && len(p.queue) > 0 {
		next := <-p.queue
		batch, bytes = append(batch, next), bytes+next.Size()
	}
	return batch
}

// deliver sends a batch. It returns the stream, which it opens if there is none, or nil after an
// error.
func (t *transport) deliver(p *peer, s *stream, batch []raftpb.Message) *stream {
	var err error
	if s == nil {
		s, err = t.openStream(p)
		t.noteReach(p, err)
	}
	if err == nil {
		err = s.write(batch)
	}
	if err == nil {
		return s
	}
	lost := len(batch)
	if s != nil {
		lost++ // what is on its way may be lost, too
	}
	s.close()
	for range lost {
		t.unreachable(p.id)
	}
	// A peer that is down is not worth a busy loop.
	select {
	case <-t.ctx.Done():
	case <-time.After(50 * time.Millisecond):
	}
	return nil
}

// noteReach logs when a peer is no longer reached, and when it is reached again.
func (t *transport) noteReach(p *peer, err error) {
	switch {
	case err != nil && !p.silent && t.ctx.Err() == nil:
		t.log.Warn("a replica cannot be reached", "id", p.id, "address", p.address, "err", err)
	case err == nil && p.silent:
		t.log.Info("a replica is reached again", "id", p.id, "address", p.address)
	}
	p.silent = err != nil
}

// sign says who sends a request.
func (t *transport) sign(req *http.Request) {
	req.Header.Set(headerFrom, strconv.FormatUint(t.self, 10))
	req.Header.Set(headerAddress, t.url)
	req.Header.Set(headerCluster, t.cluster.get())
}
