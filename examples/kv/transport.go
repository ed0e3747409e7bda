package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/ffd200af/raft/raftpb"
)

const (
	// raftPath is where replicas take each other's messages.
	raftPath = "/raft"
	// maxBody bounds what a peer may send in one request.
	maxBody = 256 << 20
	// queueLength bounds the messages that wait for one peer.
	queueLength = 1024
	// batchLength bounds the messages in one request.
	batchLength = 128
	sendTimeout = 3 * time.Second
	// largeTimeout is for batches that are larger than smallBatch.
	largeTimeout = time.Minute
)

// Headers of requests between replicas.
const (
	headerFrom    = "Kv-From"    // id of the sender
	headerAddress = "Kv-Address" // base URL of the sender
	headerRemoved = "Kv-Removed" // in an answer: the id of the sender, which was removed from the cluster
)

// transport sends messages to peers over HTTP: a POST to /raft with any number of
// encoded messages, each behind its length. follow, send, ask and stop belong to one goroutine.
type transport struct {
	self   uint64
	url    string // base URL of this replica
	client *http.Client
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

	transfer *transfer // the last one
}

func newTransport(self uint64, url string) *transport {
	t := &transport{
		self: self, url: url, client: &http.Client{}, peers: map[uint64]*peer{}, log: slog.New(slog.DiscardHandler),
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

// ask sends an empty request to every peer that has nothing better to get: one that knows this
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
	for {
		var batch []raftpb.Message
		select {
		case <-t.ctx.Done():
			return
		case <-p.asked:
		case m, open := <-p.queue:
			if !open {
				return
			}
			batch = append(batch, m)
		}
		for len(batch) < batchLength && len(p.queue) > 0 {
			batch = append(batch, <-p.queue)
		}
		t.deliver(p, batch)
	}
}

func (t *transport) deliver(p *peer, batch []raftpb.Message) {
	if err := t.post(p, batch); err != nil {
		for range batch {
			t.unreachable(p.id)
		}
		// A peer that is down is not worth a busy loop.
		select {
		case <-t.ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (t *transport) post(p *peer, batch []raftpb.Message) error {
	body, err := encodeBatch(batch)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(t.ctx, timeFor(int64(len(body))))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.address+raftPath, bytes.NewReader(body))
	if err != nil {
		return err
	}
	t.sign(req)
	resp, err := t.client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if err := t.checkStranger(p.address, resp); err != nil {
		return err
	}
	if resp.Header.Get(headerRemoved) == strconv.FormatUint(t.self, 10) {
		t.removed(p.id)
	}
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("kv: peer %d answers %s", p.id, resp.Status)
	}
	return nil
}

// sign says who sends a request.
func (t *transport) sign(req *http.Request) {
	req.Header.Set(headerFrom, strconv.FormatUint(t.self, 10))
	req.Header.Set(headerAddress, t.url)
	req.Header.Set(headerCluster, t.cluster.get())
}

func encodeBatch(batch []raftpb.Message) ([]byte, error) {
	size := 0
	for i := range batch {
		size += binary.MaxVarintLen64 + batch[i].Size()
	}
	b := make([]byte, 0, size)
	for i := range batch {
		n := batch[i].Size()
		b = binary.AppendUvarint(b, uint64(n))
		start := len(b)
		b = b[:start+n]
		if _, err := batch[i].MarshalTo(b[start:]); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// decodeBatch reads messages from a request; step gets each of them.
func decodeBatch(b []byte, step func(raftpb.Message)) error {
	for len(b) > 0 {
		n, k := binary.Uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return io.ErrUnexpectedEOF
		}
		var m raftpb.Message
		if err := m.Unmarshal(b[k : k+int(n)]); err != nil {
			return err
		}
		step(m)
		b = b[k+int(n):]
	}
	return nil
}
