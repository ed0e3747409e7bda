package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

const (
	// maxBody bounds what a peer may send in one request.
	maxBody = 256 << 20
	// queueLength bounds the messages that wait for one peer.
	queueLength = 1024
	// batchLength bounds the messages in one request.
	batchLength = 128
	sendTimeout = 3 * time.Second
	snapTimeout = time.Minute
)

// transport sends messages to peers over HTTP: a POST to /raft with any number of
// encoded messages, each behind its length.
type transport struct {
	client *http.Client
	peers  map[uint64]*peer
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	unreachable func(id uint64)
	reported    func(snapshotReport)
}

type peer struct {
	id    uint64
	url   string
	queue chan raftpb.Message
}

func newTransport(self uint64, cluster map[uint64]string) *transport {
	t := &transport{client: &http.Client{}, peers: map[uint64]*peer{}}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	for id, url := range cluster {
		if id != self {
			t.peers[id] = &peer{id: id, url: url + "/raft", queue: make(chan raftpb.Message, queueLength)}
		}
	}
	return t
}

func (t *transport) start() {
	for _, p := range t.peers {
		t.wg.Add(1)
		go func() {
			defer t.wg.Done()
			t.serve(p)
		}()
	}
}

func (t *transport) stop() {
	t.cancel()
	t.wg.Wait()
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
		select {
		case p.queue <- m:
		default:
			t.lost(m)
		}
	}
}

// lost reports a message that was not delivered.
func (t *transport) lost(m raftpb.Message) {
	if m.Type == raftpb.MsgSnap {
		t.reported(snapshotReport{to: m.To, status: raft.SnapshotFailure})
	}
	t.unreachable(m.To)
}

// serve sends what is queued for a peer, a batch at a time, until the transport stops.
func (t *transport) serve(p *peer) {
	for {
		var batch []raftpb.Message
		select {
		case <-t.ctx.Done():
			return
		case m := <-p.queue:
			batch = append(batch, m)
		}
		for len(batch) < batchLength && len(p.queue) > 0 && batch[len(batch)-1].Type != raftpb.MsgSnap {
			batch = append(batch, <-p.queue)
		}
		t.deliver(p, batch)
	}
}

func (t *transport) deliver(p *peer, batch []raftpb.Message) {
	err := t.post(p, batch)
	for _, m := range batch {
		switch {
		case err != nil:
			t.lost(m)
		case m.Type == raftpb.MsgSnap:
			t.reported(snapshotReport{to: m.To, status: raft.SnapshotFinish})
		}
	}
	if err != nil {
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
	timeout := sendTimeout
	if batch[len(batch)-1].Type == raftpb.MsgSnap {
		timeout = snapTimeout
	}
	ctx, cancel := context.WithTimeout(t.ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("kv: peer %d answers %s", p.id, resp.Status)
	}
	return nil
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
