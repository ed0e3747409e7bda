package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/examples/kv/internal/wire"
	"github.com/ffd200af/raft/raftpb"
)

// sendingPair is a store with a snapshot, a transport, and replica 2, which is new.
type sendingPair struct {
	t      *testing.T
	from   *store
	peers  *transport
	to     *replica
	server *httptest.Server
	snap   raftpb.Snapshot
	size   float64 // of the image

	reports chan raft.SnapshotStatus
}

// newSendingPair makes a snapshot of so many values of 64 KiB. Each connection to the replica goes
// through tap.
func newSendingPair(t *testing.T, values, rate int, tap func(net.Conn) net.Conn) *sendingPair {
	t.Helper()
	dir := t.TempDir()
	from, err := openFirst(vfs.Default, dir+"/1", threeReplicas)
	must(t, err)
	t.Cleanup(func() { must(t, from.close()) })
	for i := range values {
		value := make([]byte, 64<<10)
		_, _ = rand.Read(value)
		must(t, from.db.Set(dataKey(fmt.Append(nil, "large", i)), encodeRow(1, value), nil))
	}
	must(t, from.db.Flush())
	from.mustApply(t, puts(2, 9, 1))
	p := &sendingPair{t: t, from: from, reports: make(chan raft.SnapshotStatus, 10)}

	s, err := openStoreIn(vfs.Default, dir+"/2")
	must(t, err)
	must(t, s.adopt(from.cluster))
	p.to, err = newReplica(options{
		id: 2, address: "http://b:2", tick: time.Hour, timeout: 10 * time.Second, compactAfter: 1000, log: slog.New(slog.DiscardHandler),
	}, s)
	must(t, err)
	p.server = httptest.NewUnstartedServer(p.to.routes())
	p.server.Listener = wiredListener{p.server.Listener, tap}
	p.server.Start()
	p.to.server = p.server.Config
	go p.to.loop.run()
	t.Cleanup(func() {
		p.server.CloseClientConnections()
		must(t, p.to.stop())
		p.server.Close()
	})

	p.peers = newTransport(1, "http://a:1")
	p.peers.cluster.set(from.cluster)
	p.peers.snapshots = newSnapshotSender(from, rate, newCounters().snapshotSent)
	p.peers.unreachable = func(uint64) {}
	p.peers.removed = func(uint64) {}
	p.peers.reported = func(report snapshotReport) { p.reports <- report.status }
	p.peers.follow(map[uint64]string{2: p.server.URL})
	t.Cleanup(func() { p.peers.stop(0) })
	p.snap, err = from.Snapshot()
	must(t, err)
	return p
}

// wiredListener puts a tap around each connection.
type wiredListener struct {
	net.Listener
	tap func(net.Conn) net.Conn
}

func (l wiredListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil && l.tap != nil {
		conn = l.tap(conn)
	}
	return conn, err
}

// tapped is a connection from which read sees what comes.
type tapped struct {
	net.Conn
	read func(b []byte) error
}

func (w *tapped) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if failed := w.read(b[:n]); failed != nil {
		_ = w.Conn.Close()
		return 0, failed
	}
	return n, err
}

func (p *sendingPair) send() {
	p.peers.send([]raftpb.Message{{Type: raftpb.MsgSnap, From: 1, To: 2, Term: 1, Snapshot: &p.snap}})
}

// wantInstalled waits until the replica has the snapshot. It was sent once, and received bytes are
// counted once.
func (p *sendingPair) wantInstalled() {
	p.t.Helper()
	select {
	case status := <-p.reports:
		if status != raft.SnapshotFinish {
			p.t.Fatal("the transfer fails")
		}
	case <-time.After(patience):
		p.t.Fatal("no report")
	}
	until(p.t, "the snapshot", func() bool {
		s, err := p.to.report(context.Background())
		must(p.t, err)
		return s.Applied == p.snap.Metadata.Index
	})
	until(p.t, "a file that is removed", func() bool {
		done := false
		must(p.t, p.to.query(context.Background(), func() { done = p.to.store.installing == "" && p.to.store.incoming.whole == "" }))
		return done
	})
	wantNoFiles(p.t, p.to.store)
	var sent, received bytes.Buffer
	for s, b := range map[*store]*bytes.Buffer{p.from: &sent, p.to.store: &received} {
		image := s.db.NewSnapshot()
		must(p.t, errors.Join(snapshotKind.write(b, image), image.Close()))
	}
	if !bytes.Equal(sent.Bytes(), received.Bytes()) {
		p.t.Errorf("an image of %d bytes becomes one of %d", sent.Len(), received.Len())
	}
	p.size = float64(sent.Len())
	if got := p.received(); got != p.size {
		p.t.Errorf("%v bytes were received of an image of %v", got, p.size)
	}
}

func (p *sendingPair) received() float64 {
	return metricsOf(p.t, p.to)["kv_snapshot_received_bytes_total"]
}

func TestATransferThatBreaksGoesOnWhereItWas(t *testing.T) {
	var come, breaks atomic.Int64
	const most = 2 * transferTries // what has progress between them may break more often than what has none
	p := newSendingPair(t, 160, 0, func(c net.Conn) net.Conn {
		return &tapped{c, func(b []byte) error {
			if n := come.Add(int64(len(b))); n > 1500<<10*(breaks.Load()+1) && breaks.Load() < most {
				breaks.Add(1)
				return syscall.ECONNRESET
			}
			return nil
		}}
	})
	p.send()
	p.wantInstalled()
	if breaks.Load() != most || float64(come.Load()) > p.size+(most+1)*maxChunk {
		t.Errorf("%d connections broke, and %d bytes came of an image of %v", breaks.Load(), come.Load(), p.size)
	}
}

// TestATransferThatFailsIsGoneOnWith by the next snapshot message, which has the same image.
func TestATransferThatFailsIsGoneOnWith(t *testing.T) {
	var come atomic.Int64
	var down atomic.Bool
	p := newSendingPair(t, 64, 0, func(c net.Conn) net.Conn {
		return &tapped{c, func(b []byte) error {
			if come.Add(int64(len(b))) > 2500<<10 && down.CompareAndSwap(false, true) || down.Load() {
				return syscall.ECONNRESET
			}
			return nil
		}}
	})
	p.send()
	if status := <-p.reports; status != raft.SnapshotFailure {
		t.Fatal("a snapshot arrives without a connection")
	}
	down.Store(true)
	again, err := p.from.Snapshot()
	must(t, err)
	if !bytes.Equal(again.Data, p.snap.Data) {
		t.Fatal("the next image is another one")
	}
	come.Store(-1 << 40)
	down.Store(false)
	p.send()
	p.wantInstalled()
}

func TestADamagedChunkIsSentAgain(t *testing.T) {
	var come atomic.Int64
	var damaged atomic.Bool
	p := newSendingPair(t, 64, 0, func(c net.Conn) net.Conn {
		return &tapped{c, func(b []byte) error {
			if come.Add(int64(len(b))) > 1500<<10 && len(b) > 100 && damaged.CompareAndSwap(false, true) {
				b[len(b)/2] ^= 1
			}
			return nil
		}}
	})
	p.send()
	p.wantInstalled()
	if !damaged.Load() {
		t.Error("nothing was damaged")
	}
}

// TestNeitherSideHoldsASnapshotInMemory: what is allocated for the transfer of 32 MiB stays far
// below.
func TestNeitherSideHoldsASnapshotInMemory(t *testing.T) {
	if slices.Contains(buildFlags, "-race") {
		t.Skip("the engine checks itself with the race detector, and allocates more")
	}
	p := newSendingPair(t, 512, 0, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	p.send()
	<-p.reports
	until(t, "the snapshot", func() bool {
		s, err := p.to.report(context.Background())
		must(t, err)
		return s.Applied == p.snap.Metadata.Index
	})
	runtime.ReadMemStats(&after)
	n := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d KiB are allocated", n>>10)
	if n > 12<<20 {
		t.Errorf("the transfer of 32 MiB allocates %d KiB", n>>10)
	}
	p.reports <- raft.SnapshotFinish
	p.wantInstalled()
}

// TestOneTransferAtATimeGoesToAPeer.
func TestOneTransferAtATimeGoesToAPeer(t *testing.T) {
	p := newSendingPair(t, 16, 16<<10, nil) // would take a minute
	p.send()
	until(t, "the first bytes", func() bool { return p.received() > 0 })
	p.send()
	if got := metricsOf(t, p.to)["kv_snapshot_receiving_bytes"]; got <= 0 {
		t.Errorf("%v bytes are shown", got)
	}
	s, err := p.to.report(context.Background())
	must(t, err)
	if s.Receiving == nil || s.Receiving.Index != 9 || s.Receiving.Bytes <= 0 {
		t.Errorf("the status shows %+v", s.Receiving)
	}
	if len(p.reports) > 0 {
		t.Error("the second one is reported")
	}
	p.peers.stopTransfers()
	if status := <-p.reports; status != raft.SnapshotFailure {
		t.Error("a transfer that is stopped has arrived")
	}
	p.peers.peers[2].transfer = &transfer{stopped: true} // it has not ended yet
	p.send()
	if status := <-p.reports; status != raft.SnapshotFailure {
		t.Error("a transfer after one that was stopped has arrived")
	}
	p.peers.peers[2].transfer = nil
	p.snap.Data = []byte("GONE")
	p.send()
	if status := <-p.reports; status != raft.SnapshotFailure {
		t.Error("an image that is forgotten has arrived")
	}
}

// TestMessagesPassASnapshot: a follower hears its leader while a snapshot is on its way, so it does
// not campaign. Here the snapshot stops in the middle, until a hundred heartbeats have arrived.
func TestMessagesPassASnapshot(t *testing.T) {
	stuck, goesOn := make(chan struct{}), make(chan struct{})
	p := newSendingPair(t, 64, 0, func(c net.Conn) net.Conn {
		come := 0
		return &tapped{c, func(b []byte) error {
			before := come
			if come += len(b); before <= 1500<<10 && come > 1500<<10 { // heartbeats are fewer bytes
				close(stuck)
				<-goesOn
			}
			return nil
		}}
	})
	const last = 100
	p.peers.send([]raftpb.Message{{Type: raftpb.MsgSnap, From: 1, To: 2, Term: last, Snapshot: &p.snap}})
	<-stuck
	for term := uint64(1); term <= last; term++ {
		p.peers.send([]raftpb.Message{{Type: raftpb.MsgHeartbeat, From: 1, To: 2, Term: term}})
		until(t, "a heartbeat", func() bool {
			s, err := p.to.report(context.Background())
			must(t, err)
			if s.Receiving == nil || p.peers.peers[2].transfer.ended.Load() {
				t.Fatalf("the snapshot is not on its way at term %d: %+v", term, s)
			}
			return s.Term == term && s.Leader == 1
		})
	}
	close(goesOn)
	p.wantInstalled()
}

// TestTheStatusShowsATransfer on both sides.
func TestTheStatusShowsATransfer(t *testing.T) {
	c := newCluster(t, "-compact-after", "20", "-snapshot-rate", "20000")
	c.startAll()
	leader := c.leader()
	away := other(c, leader)
	_ = c.kill(away, syscall.SIGKILL)
	value := strings.Repeat("v", 64<<10)
	for i := range 32 { // 2 MiB, which take longer than the test
		c.put(other(c, away), fmt.Sprint("large", i), value)
	}
	c.start(away)
	sent := ""
	until(t, "a snapshot on its way", func() bool {
		receiver, ok := c.status(away)
		sender, known := c.status(receiver.Leader)
		if !ok || !known || receiver.Receiving == nil || sender.Sending[fmt.Sprint(away)].Bytes == 0 {
			return false
		}
		_, sent = c.metrics(receiver.Leader)
		return true
	})
	if !strings.Contains(sent, "\nkv_snapshot_sent_bytes_total ") || strings.Contains(sent, "\nkv_snapshot_sent_bytes_total 0\n") {
		t.Error("the leader does not count what it has sent")
	}
}

func (c *cluster) metrics(id uint64) (int, string) {
	resp, err := client.Get(c.urls[id] + "/metrics")
	must(c.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(c.t, err)
	return resp.StatusCode, string(text)
}

// TestASnapshotWithoutItsImageIsRefused where other messages come.
func TestASnapshotWithoutItsImageIsRefused(t *testing.T) {
	r := bareReplica()
	r.take(raftpb.Message{Type: raftpb.MsgSnap, Snapshot: &raftpb.Snapshot{Data: []byte("IMAGE")}})
	if len(r.loop.inbox) > 0 {
		t.Error("the loop gets it")
	}
	wantMetrics(t, r, map[string]float64{"kv_messages_refused_total": 1})
}

// TestThePeerFindsTheEntriesBehindItsSnapshot: the log is kept for a peer that is getting a
// snapshot, up to a bound.
func TestThePeerFindsTheEntriesBehindItsSnapshot(t *testing.T) {
	l := startSoloLeader(t, 3, 2)
	var image *heldImage
	l.onLoop(func() {
		l.loop.retention.after = 10
		snap, err := l.store.Snapshot()
		must(t, err)
		image = l.store.takeImage(string(snap.Data))
		l.peers.peers[3].transfer = &transfer{image: image, cancel: func() {}}
	})
	defer l.store.releaseImage(image)
	at := image.meta.Index
	for i := range 2 * maxKept * 10 {
		l.want(http.MethodPut, fmt.Sprint("/kv/", i), "v", http.StatusNoContent)
		var applied, prev uint64
		l.onLoop(func() { applied, prev = l.store.applied.index, l.store.prev.index })
		switch {
		case applied < at+maxKept*10 && prev > at:
			t.Fatalf("at %d the log begins behind %d, the snapshot is at %d", applied, prev, at)
		case applied > at+maxKept*10+10 && prev <= at:
			t.Fatalf("at %d the log still begins behind %d", applied, prev)
		}
	}
}

// TestNothingIsKeptForAPeerThatHasItsSnapshot: what it has on its disk shows that it needs no
// entries behind the snapshot.
func TestNothingIsKeptForAPeerThatHasItsSnapshot(t *testing.T) {
	l := startSoloLeader(t, 3, 2)
	l.want(http.MethodPut, "/kv/k", "v", http.StatusNoContent)
	var index uint64
	needed := func() (lowest uint64) {
		l.onLoop(func() { lowest = l.loop.neededIndex() })
		return lowest
	}
	l.onLoop(func() {
		snap, err := l.store.Snapshot()
		must(t, err)
		image := l.store.takeImage(string(snap.Data))
		defer l.store.releaseImage(image)
		index = image.meta.Index
		l.peers.peers[3].transfer = &transfer{image: image, cancel: func() {}}
	})
	if got := needed(); got != index {
		t.Errorf("entries from %d on are kept, want %d", got, index)
	}
	until(t, "the acknowledgement of the peer", func() bool {
		l.step(raftpb.Message{Type: raftpb.MsgAppResp, From: 3, Term: 2, Index: index})
		return needed() == math.MaxUint64
	})
}

// roundTripper is an http.RoundTripper.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// TestEachFrameOfASnapshotHasATimeOfItsOwn: a transfer may last longer, but must not stand still.
func TestEachFrameOfASnapshotHasATimeOfItsOwn(t *testing.T) {
	for pause, wantErr := range map[time.Duration]bool{chunkTimeout - time.Second: false, chunkTimeout + time.Second: true} {
		synctest.Test(t, func(t *testing.T) {
			peers := newTransport(1, "")
			peers.client = &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
				frames := wire.Reader{From: req.Body, Max: maxChunk}
				for range 6 { // the message and the chunks
					select {
					case <-time.After(pause):
					case <-req.Context().Done():
						return nil, req.Context().Err()
					}
					if _, err := frames.Next(); err != nil {
						return nil, err
					}
				}
				return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}, nil
			})}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			up := &upload{transport: peers, tr: &transfer{url: "http://peer", message: []byte("m")}, ctx: ctx, cancel: cancel}
			var err error
			for range 5 {
				err = errors.Join(err, up.frames([]byte("chunk")))
			}
			if err = up.end(err); (err != nil) != wantErr {
				t.Errorf("a pause of %v after each frame: %v", pause, err)
			}
		})
	}
}
