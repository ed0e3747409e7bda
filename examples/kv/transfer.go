package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/examples/kv/internal/wire"
	"github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

// snapshotSender sends snapshots to peers, each in a goroutine of its own: entries and heartbeats
// go on meanwhile, so that the peer does not campaign.
type snapshotSender struct {
	store *store
	rate  *rate.Limiter // in bytes, of all transfers together; nil for none
	chunk int           // bytes of a chunk
	sent  prometheus.Counter
	log   *slog.Logger
	// fullPause is how long a peer without room is left alone.
	fullPause time.Duration
}

func newSnapshotSender(s *store, bytesPerSecond int, sent prometheus.Counter) *snapshotSender {
	sender := &snapshotSender{store: s, chunk: maxChunk, sent: sent, log: s.log, fullPause: 10 * time.Second}
	if bytesPerSecond > 0 {
		// Chunks take turns, and none may wait for chunkTimeout.
		sender.chunk = min(maxChunk, max(bytesPerSecond/8, 1))
		sender.rate = rate.NewLimiter(rate.Limit(bytesPerSecond), sender.chunk)
	}
	return sender
}

// transfer is one snapshot on its way to a peer.
type transfer struct {
	to      uint64
	url     string
	message []byte // the MsgSnap
	size    uint64 // of the image, as the engine estimates it
	image   *heldImage
	cancel  context.CancelFunc
	stopped bool // of the goroutine that sends messages

	at    atomic.Int64 // bytes of the image that are sent
	ended atomic.Bool
}

const (
	// transferTries is how often a transfer is tried without any progress.
	transferTries = 3
	transferPause = 100 * time.Millisecond
)

// sendSnapshot starts a transfer. While there is one to the peer, another one is dropped without a
// report: that of the first one serves both. A transfer that was stopped is reported at once.
func (t *transport) sendSnapshot(p *peer, m raftpb.Message) {
	if p.transfer.underWay() {
		if p.transfer.stopped {
			t.reported(snapshotReport{to: m.To, status: raft.SnapshotFailure})
		}
		return
	}
	message, err := m.Marshal()
	image := t.snapshots.store.takeImage(string(m.Snapshot.Data))
	if err != nil || image == nil { // it was compacted away: there will be another one
		t.reported(snapshotReport{to: m.To, status: raft.SnapshotFailure})
		return
	}
	ctx, cancel := context.WithCancel(t.ctx)
	tr := &transfer{to: p.id, url: p.address + snapshotPath + image.name, message: message, image: image, cancel: cancel}
	p.transfer = tr
	t.wg.Add(1)
	go func() {
		defer t.wg.Done()
		defer cancel()
		t.transfer(ctx, tr)
	}()
}

func (tr *transfer) underWay() bool { return tr != nil && !tr.ended.Load() }

// stop ends a transfer early.
func (tr *transfer) stop() {
	if tr != nil {
		tr.stopped = true
		tr.cancel()
	}
}

// stopTransfers ends all transfers: those of a node that leads no more are in vain.
func (t *transport) stopTransfers() {
	for _, p := range t.peers {
		p.transfer.stop()
	}
}

// transfer sends a snapshot and reports how that has ended.
func (t *transport) transfer(ctx context.Context, tr *transfer) {
	log := t.snapshots.log.With("to", tr.to, "index", tr.image.meta.Index)
	log.Info("sending a snapshot")
	tr.size = t.snapshots.store.stateSize()
	err := t.insist(ctx, tr)
	t.snapshots.store.releaseImage(tr.image)
	if errors.Is(err, errDiskFull) {
		log.Warn("a snapshot was not sent: the peer has no room for it. It is tried again", "after", t.snapshots.fullPause, "err", err)
		select {
		case <-time.After(t.snapshots.fullPause):
		case <-ctx.Done():
		}
	}
	tr.ended.Store(true) // before the report: the node may ask for the next one at once
	status := raft.SnapshotFailure
	switch {
	case err == nil:
		status = raft.SnapshotFinish
		log.Info("a snapshot has arrived", "bytes", tr.at.Load())
	case errors.Is(err, errDiskFull): // is logged
	case ctx.Err() != nil:
		log.Info("a snapshot is not needed any more", "bytes", tr.at.Load())
	default:
		log.Warn("a snapshot has not arrived: the next try goes on where this one ends", "bytes", tr.at.Load(), "err", err)
	}
	t.reported(snapshotReport{to: tr.to, status: status})
}

// insist goes on after errors as long as there is progress.
func (t *transport) insist(ctx context.Context, tr *transfer) error {
	best := int64(-1)
	for vain := 0; ; {
		offset, err := t.askOffset(ctx, tr)
		if err == nil {
			if vain++; offset > best {
				best, vain = offset, 0
			}
			if err = t.sendImage(ctx, tr, offset); err == nil {
				return nil
			}
		} else {
			vain++
		}
		if vain >= transferTries || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(transferPause):
		}
	}
}

// askOffset asks how many bytes of the image the peer has.
func (t *transport) askOffset(ctx context.Context, tr *transfer) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	text, err := t.exchange(ctx, tr, http.MethodGet, "?size="+strconv.FormatUint(tr.size, 10), nil)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}

// sendImage sends the image from an offset on. The peer has it when there is no error.
func (t *transport) sendImage(ctx context.Context, tr *transfer, offset int64) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	up := &upload{transport: t, tr: tr, ctx: ctx, cancel: cancel, query: "?offset=" + strconv.FormatInt(offset, 10)}
	tr.at.Store(offset)
	out := &chunker{ctx: ctx, digest: newDigest(), skip: offset, buf: make([]byte, 0, t.snapshots.chunk), send: up.chunk}
	err := tr.image.writeTo(out)
	if err == nil {
		err = out.flush()
	}
	if err == nil {
		err = up.frames(nil, out.encode())
	}
	return up.end(err)
}

// upload is the request that has an image. It begins with the first frame: until then the image is
// read up to the offset, and the peer need not wait.
type upload struct {
	*transport
	tr     *transfer
	ctx    context.Context
	cancel context.CancelFunc
	query  string
	late   *time.Timer // ends the request
	body   *io.PipeWriter
	answer chan error
}

func (up *upload) begin() error {
	body, w := io.Pipe()
	up.body, up.answer, up.late = w, make(chan error, 1), time.AfterFunc(chunkTimeout, up.cancel)
	go func() {
		_, err := up.exchange(up.ctx, up.tr, http.MethodPost, up.query, body)
		_ = body.CloseWithError(io.ErrClosedPipe)
		up.answer <- err
	}()
	return wire.WriteFrame(up.body, up.tr.message)
}

// chunk sends a chunk when the rate allows it.
func (up *upload) chunk(b []byte) error {
	if limiter := up.snapshots.rate; limiter != nil {
		if err := limiter.WaitN(up.ctx, len(b)); err != nil {
			return err
		}
	}
	if err := up.frames(b); err != nil {
		return err
	}
	up.snapshots.sent.Add(float64(len(b)))
	up.tr.at.Add(int64(len(b)))
	return nil
}

// frames sends frames. Each has a time of its own.
func (up *upload) frames(all ...[]byte) error {
	if up.body == nil {
		if err := up.begin(); err != nil {
			return err
		}
	}
	for _, b := range all {
		up.late.Reset(chunkTimeout)
		if err := wire.WriteFrame(up.body, b); err != nil {
			return err
		}
	}
	return nil
}

// end waits for the answer, which tells more than the error of writing.
func (up *upload) end(err error) error {
	if up.body == nil {
		return err
	}
	_ = up.body.CloseWithError(err)
	answer := <-up.answer
	up.late.Stop()
	if answer != nil {
		return answer
	}
	return err
}

// exchange makes a request about an image, and returns the text of the answer.
func (t *transport) exchange(ctx context.Context, tr *transfer, method, query string, body io.Reader) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, tr.url+query, body)
	if err != nil {
		return "", err
	}
	t.sign(req)
	resp, err := t.client.Do(req)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	if err := errors.Join(err, resp.Body.Close(), t.checkStranger(tr.url, resp)); err != nil {
		return "", err
	}
	switch {
	case resp.StatusCode == http.StatusInsufficientStorage:
		return "", fmt.Errorf("%w at peer %d: %s", errDiskFull, tr.to, strings.TrimSpace(string(text)))
	case resp.StatusCode >= http.StatusMultipleChoices:
		return "", fmt.Errorf("kv: peer %d answers %s: %s", tr.to, resp.Status, strings.TrimSpace(string(text)))
	}
	return string(text), nil
}

// neededIndex returns the lowest index of a snapshot that a peer is getting or has to install. The
// peer needs the entries after the snapshot, or it would need another snapshot at once.
func (l *loop) neededIndex() uint64 {
	lowest := uint64(math.MaxUint64)
	getting := func(p *peer) bool { return p != nil && p.transfer != nil }
	if !slices.ContainsFunc(slices.Collect(maps.Values(l.peers.peers)), getting) || l.leads() != nil {
		return lowest
	}
	l.node.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
		p := l.peers.peers[id]
		if !getting(p) {
			return
		}
		index := p.transfer.image.meta.Index
		if pr.Match < index && l.mayKeep(index) {
			lowest = min(lowest, index)
		}
	})
	return lowest
}

// snapshotProgress is how far a snapshot is on its way.
type snapshotProgress struct {
	Index uint64 `json:"index"`
	Bytes int64  `json:"bytes"`
}

// transfers are the snapshots on their way to peers, by id, and the one that comes here, or nil.
func (l *loop) transfers() (sending map[string]snapshotProgress, receiving *snapshotProgress) {
	for id, p := range l.peers.peers {
		if tr := p.transfer; tr.underWay() {
			if sending == nil {
				sending = map[string]snapshotProgress{}
			}
			sending[strconv.FormatUint(id, 10)] = snapshotProgress{Index: tr.image.meta.Index, Bytes: tr.at.Load()}
		}
	}
	if index, bytes := l.store.incoming.figures(); index > 0 {
		receiving = &snapshotProgress{Index: index, Bytes: bytes}
	}
	return sending, receiving
}
