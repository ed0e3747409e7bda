package main

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// sizedDisk says how much room there is. It does not keep to it.
type sizedDisk struct {
	vfs.FS
	free atomic.Uint64
}

func (d *sizedDisk) GetDiskUsage(string) (vfs.DiskUsage, error) {
	return vfs.DiskUsage{AvailBytes: d.free.Load()}, nil
}

const (
	testReserve = 1000
	testRoom    = 1 << 30
)

// sizedCluster are replicas in this process whose disks a test fills.
type sizedCluster struct {
	t        *testing.T
	replicas map[uint64]*replica
	disks    map[uint64]*sizedDisk
	logs     map[uint64]*lines
}

func startSized(t *testing.T, n uint64) *sizedCluster {
	t.Helper()
	c := &sizedCluster{t, map[uint64]*replica{}, map[uint64]*sizedDisk{}, map[uint64]*lines{}}
	first := map[uint64]string{}
	for id := uint64(1); id <= n; id++ {
		first[id] = "http://" + freeAddress(t)
	}
	dir := t.TempDir()
	makeFirst(t, dir, first)
	for id := range first {
		disk, log := &sizedDisk{FS: vfs.Default}, &lines{}
		disk.free.Store(testRoom)
		o := options{
			id: id, dir: filepath.Join(dir, fmt.Sprint(id)), tick: 100 * time.Millisecond, timeout: 5 * time.Second,
			compactAfter: 1000, minFree: testReserve, log: slog.New(slog.NewTextHandler(log, nil)),
		}
		s, err := openStoreIn(disk, o.dir)
		must(t, err)
		r, err := o.startOn(context.Background(), s)
		must(t, err)
		t.Cleanup(func() { must(t, r.stop()) })
		c.replicas[id], c.disks[id], c.logs[id] = r, disk, log
	}
	return c
}

// fill sets the room on the disks of replicas, and waits until they know.
func (c *sizedCluster) fill(free uint64, ids ...uint64) {
	c.t.Helper()
	for _, id := range ids {
		c.disks[id].free.Store(free)
	}
	for _, id := range ids {
		until(c.t, fmt.Sprint("replica ", id, " knows its room"), func() bool {
			return c.replicas[id].store.space.full.Load() == (free < testReserve)
		})
	}
}

// leader waits for a leader that all know.
func (c *sizedCluster) leader() (leader uint64) {
	c.t.Helper()
	until(c.t, "a leader that all know", func() bool {
		seen := map[uint64]bool{}
		for _, r := range c.replicas {
			s, err := r.report(context.Background())
			must(c.t, err)
			seen[s.Leader], leader = true, s.Leader
		}
		return len(seen) == 1 && leader != 0
	})
	return leader
}

func (c *sizedCluster) ids() []uint64 { return slices.Sorted(maps.Keys(c.replicas)) }

// others are all replicas but these.
func (c *sizedCluster) others(but ...uint64) []uint64 {
	return slices.DeleteFunc(c.ids(), func(id uint64) bool { return slices.Contains(but, id) })
}

func (c *sizedCluster) want(id uint64, method, path, body string, code int, text string) {
	c.t.Helper()
	got, answer := c.replicas[id].insist(c.t, method, path, body)
	if got != code || !strings.Contains(answer, text) {
		c.t.Fatalf("%s %s at replica %d: %d %s, want %d %s", method, path, id, got, answer, code, text)
	}
}

// wantAll reads keys everywhere, when everything is applied there.
func (c *sizedCluster) wantAll(keys ...string) {
	c.t.Helper()
	for _, id := range c.ids() {
		for _, key := range keys {
			c.want(id, http.MethodGet, "/kv/"+key, "", http.StatusOK, "v")
		}
	}
}

func TestAFullFollowerLetsTheOthersGoOn(t *testing.T) {
	c := startSized(t, 3)
	leader := c.leader()
	full := c.others(leader)[0]
	c.want(full, http.MethodPut, "/kv/before", "v", http.StatusNoContent, "")
	c.fill(testReserve-1, full)
	var ends uint64
	c.fullFigures(full, &ends)
	for range 20 {
		c.want(leader, http.MethodPut, "/kv/meanwhile", "v", http.StatusNoContent, "")
	}
	c.want(full, http.MethodPut, "/kv/k", "v", http.StatusInsufficientStorage, "Make room")
	c.want(full, http.MethodDelete, "/kv/k", "", http.StatusInsufficientStorage, "nothing was done")
	c.want(full, http.MethodPost, "/session", "", http.StatusInsufficientStorage, "Make room")
	c.want(full, http.MethodGet, "/kv/before?read=stale", "", http.StatusOK, "v")
	c.want(full, http.MethodGet, "/kv/meanwhile", "", http.StatusInsufficientStorage, "disk full")
	c.want(full, http.MethodGet, "/health", "", http.StatusOK, "disk full")
	c.replicas[full].wantAnswer(t, "/ready", http.StatusServiceUnavailable, "disk full")
	c.want(full, http.MethodGet, "/status", "", http.StatusOK, `"disk":{"free":999,"full":true}`)
	wantMetrics(t, c.replicas[full], map[string]float64{
		"kv_disk_full": 1, "kv_disk_free_bytes": 999, `kv_proposals_total{outcome="disk full"}`: 2,
	})
	until(t, "the reason", func() bool { return c.replicas[full].hindrance.Load() == diskFull })
	var now uint64
	c.fullFigures(full, &now)
	if now > ends {
		t.Errorf("the log of the full replica has grown from %d to %d", ends, now)
	}
	c.fill(testRoom, full)
	c.wantAll("before", "meanwhile")
	c.want(full, http.MethodPut, "/kv/after", "v", http.StatusNoContent, "")
	until(t, "no reason", func() bool { return c.replicas[full].hindrance.Load() == hindrance("") })
	log := c.logs[full].String()
	for _, line := range []string{"disk full: this replica", "room on the disk again"} {
		if strings.Count(log, line) != 1 {
			t.Errorf("%q is not there once:\n%s", line, log)
		}
	}
	if strings.Contains(log, "progress") {
		t.Errorf("a second line about the same:\n%s", log)
	}
}

// fullFigures gives the index at which the log of a replica ends.
func (c *sizedCluster) fullFigures(id uint64, end *uint64) {
	r := c.replicas[id]
	must(c.t, r.query(context.Background(), func() { *end = r.store.end }))
}

// TestAFullLeaderHandsOverToAReplicaWithRoom, and not to another full one.
func TestAFullLeaderHandsOverToAReplicaWithRoom(t *testing.T) {
	c := startSized(t, 5)
	leader := c.leader()
	c.want(leader, http.MethodPut, "/kv/before", "v", http.StatusNoContent, "")
	other := c.others(leader)[0] // it is as good a leader as any, but for the room
	c.fill(0, other)
	c.fill(0, leader)
	with := c.others(leader, other)
	until(t, "a leader with room", func() bool { return slices.Contains(with, c.leader()) })
	c.want(with[0], http.MethodPut, "/kv/meanwhile", "v", http.StatusNoContent, "")
	c.want(leader, http.MethodPut, "/kv/k", "v", http.StatusInsufficientStorage, "Make room")
	c.fill(testRoom, leader, other)
	c.wantAll("before", "meanwhile")
}

func TestAClusterWithoutRoomServesReads(t *testing.T) {
	c := startSized(t, 3)
	leader := c.leader()
	c.want(leader, http.MethodPut, "/kv/before", "v", http.StatusNoContent, "")
	c.wantAll("before")
	var term uint64
	onLeader := func(f func(r *replica)) {
		r := c.replicas[leader]
		must(t, r.query(context.Background(), func() { f(r) }))
	}
	onLeader(func(r *replica) { term = r.loop.node.BasicStatus().Term })
	c.fill(0, c.others(leader)...)
	c.fill(0, leader)
	until(t, "the leader has asked the others for room", func() (asked bool) {
		onLeader(func(r *replica) { asked = !r.loop.handover.asking && r.loop.handover.ticks > 0 })
		return asked
	})
	if now := c.leader(); now != leader {
		t.Fatalf("%d leads instead of %d", now, leader)
	}
	onLeader(func(r *replica) {
		if now := r.loop.node.BasicStatus().Term; now != term {
			t.Errorf("the term was %d and is %d", term, now)
		}
	})
	for _, id := range c.ids() {
		c.want(id, http.MethodPut, "/kv/k", "v", http.StatusInsufficientStorage, "Make room")
		c.want(id, http.MethodGet, "/kv/before?read=stale", "", http.StatusOK, "v")
		c.want(id, http.MethodGet, "/kv/before", "", http.StatusOK, "v")
	}
	// Elections need little room.
	next := c.others(leader)[0]
	c.want(leader, http.MethodPost, fmt.Sprint("/leader?to=", next), "", http.StatusOK, "")
	c.wantAll("before")
	c.fill(testRoom, c.ids()...)
	for _, id := range c.ids() {
		c.want(id, http.MethodPut, "/kv/after", "v", http.StatusNoContent, "")
	}
	c.wantAll("before", "after")
}

func TestAFullReplicaTakesWhatIsSmall(t *testing.T) {
	data, none := raftpb.Entry{Data: []byte("d")}, raftpb.Entry{}
	change := raftpb.Entry{Type: raftpb.EntryConfChangeV2, Data: []byte("d")}
	l := startSoloLeader(t, 3)
	l.onLoop(func() {
		l.store.space.full.Store(true)
		for _, tc := range []struct {
			m       raftpb.Message
			refused bool
		}{
			{raftpb.Message{Type: raftpb.MsgVote, Index: 9}, false},
			{raftpb.Message{Type: raftpb.MsgHeartbeat}, false},
			{raftpb.Message{Type: raftpb.MsgApp, Index: 1}, false},
			{raftpb.Message{Type: raftpb.MsgApp, Index: 1, Entries: []raftpb.Entry{none, change}}, false},
			{raftpb.Message{Type: raftpb.MsgApp, Index: 1, Entries: []raftpb.Entry{none, data}}, true},
			{raftpb.Message{Type: raftpb.MsgApp, Index: 2}, true},
			{raftpb.Message{Type: raftpb.MsgProp, Entries: []raftpb.Entry{data}}, true},
			{raftpb.Message{Type: raftpb.MsgProp, Entries: []raftpb.Entry{change}}, false},
		} {
			if got := l.loop.refuses(&tc.m); got != tc.refused {
				t.Errorf("%+v: refused is %v", tc.m, got)
			}
		}
	})
}

func TestAFullLeaderAsksTheOthersOnceAnElectionTimeout(t *testing.T) {
	l := startSoloLeader(t, 3, 2)
	l.onLoop(func() {
		l.store.space.full.Store(true)
		asked, h := 0, &l.loop.handover
		for range 3 * l.loop.electionTicks {
			h.asking = false
			l.loop.tickSpace()
			if h.asking {
				asked++
			}
		}
		if asked != 3 {
			t.Errorf("it asks %d times in 3 election timeouts", asked)
		}
	})
}

func TestAFullLeaderAsksNobodyWhileItAwaitsAnswers(t *testing.T) {
	l := startSoloLeader(t, 3, 2)
	l.onLoop(func() {
		l.store.space.full.Store(true)
		h := &l.loop.handover
		h.asking, h.ticks = true, 0
		if l.loop.tickSpace(); h.ticks > 0 {
			t.Error("the voters are asked again")
		}
	})
}

func TestALeaderThatHasRoomAgainStaysLeader(t *testing.T) {
	l := startSoloLeader(t, 3, 2)
	l.acknowledge()
	l.onLoop(func() {
		for _, full := range []bool{false, true} {
			l.store.space.full.Store(full)
			l.loop.handOver([]uint64{2})
			if to := l.loop.node.BasicStatus().LeadTransferee; (to == 2) != full {
				t.Errorf("full is %v, and the leader hands over to %d", full, to)
			}
		}
	})
}

func TestAnotherReplicaAtAnAddressIsNoVoterWithRoom(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, identityReport{ID: 3})
	}))
	defer server.Close()
	if able := haveRoom(server.Client(), map[uint64]string{2: server.URL, 3: server.URL}); !slices.Equal(able, []uint64{3}) {
		t.Errorf("%d have room, want replica 3", able)
	}
}

// TestAWriteThatMayBeCarriedOutIsNotRefused for want of room, which would say that nothing was
// done.
func TestAWriteThatMayBeCarriedOutIsNotRefused(t *testing.T) {
	l := startSoloLeader(t, 3)
	l.step(raftpb.Message{Type: raftpb.MsgHeartbeat, From: 2, Term: 2})
	answered := make(chan *httptest.ResponseRecorder, 1)
	go func() {
		w, req := httptest.NewRecorder(), httptest.NewRequest("PUT", "/kv/k", strings.NewReader("v"))
		req.Header.Set(headerSession, "7")
		req.Header.Set(headerSequence, "1")
		l.server.Handler.ServeHTTP(w, req)
		answered <- w
	}()
	until(t, "a request", func() (waits bool) {
		l.onLoop(func() { waits = len(l.loop.waiting) > 0 })
		return waits
	})
	l.store.space.full.Store(true)
	l.step(raftpb.Message{
		Type: raftpb.MsgApp, From: 3, Term: 3, LogTerm: 1, Index: 1, Commit: 2, Entries: []raftpb.Entry{{Term: 3, Index: 2}},
	})
	if w := <-answered; w.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestTheReserveCountsWhatWaitsAndEndsWithAMargin(t *testing.T) {
	disk := &sizedDisk{FS: vfs.NewMem()}
	sp := newSpace(disk, "")
	look := func(free, waiting uint64) bool {
		disk.free.Store(free)
		sp.waiting.Store(int64(waiting))
		sp.look()
		return sp.full.Load()
	}
	if look(0, 1) {
		t.Error("full without a reserve")
	}
	sp.min = 1000
	sp.free.Store(0)
	if err := sp.checkRoom(1); err != nil {
		t.Errorf("before the first look: %v", err)
	}
	for i, tc := range []struct {
		free, waiting uint64
		full          bool
	}{{1000, 0, false}, {1000, 1, true}, {1249, 0, true}, {1250, 1, true}, {1250, 0, false}, {999, 0, true}} {
		if got := look(tc.free, tc.waiting); got != tc.full {
			t.Errorf("look %d: full is %v", i, got)
		}
	}
	sp.wrote(lookBytes - 1)
	if len(sp.soon) > 0 {
		t.Error("a look too early")
	}
	sp.wrote(1)
	sp.wrote(1)
	if len(sp.soon) != 1 {
		t.Error("no look is asked for")
	}
}

// TestTheWriterSaysHowMuchWaits, while a write is under way and afterwards.
func TestTheWriterSaysHowMuchWaits(t *testing.T) {
	s, err := openFirst(vfs.NewMem(), "1", threeReplicas)
	must(t, err)
	defer s.close()
	w := newWriter(s)
	must(t, w.add(&raftpb.Message{Entries: puts(2, 5, 1)}, true))
	before := s.space.waiting.Load()
	w.start()
	if before < 50 || s.space.waiting.Load() != before {
		t.Errorf("%d bytes wait, then %d", before, s.space.waiting.Load())
	}
	must(t, s.perform(<-w.begin))
	w.finish(func([]raftpb.Message) {})
	if now := s.space.waiting.Load(); now != 0 || s.space.written.Load() < before {
		t.Errorf("%d bytes still wait, and %d were written", now, s.space.written.Load())
	}
}

// TestTheUncommittedTailIsBounded, because clients come back while a majority takes no entries.
func TestTheUncommittedTailIsBounded(t *testing.T) {
	l := startSoloLeader(t, 3, 2)
	taken := 0
	l.onLoop(func() {
		for range 2 * clientBytes >> 20 {
			if l.loop.node.Propose(make([]byte, 1<<20)) == nil {
				taken++
			}
		}
		// Another leader overwrites them before they are written.
		must(t, l.loop.node.Step(raftpb.Message{
			Type: raftpb.MsgApp, From: 3, To: 1, Term: 9, LogTerm: 1, Index: 1, Entries: []raftpb.Entry{{Term: 9, Index: 2}},
		}))
	})
	if taken < 60 || taken > 70 {
		t.Errorf("%d MiB are taken", taken)
	}
}

// TestASnapshotThatDoesNotFitIsNotSent, until there is room.
func TestASnapshotThatDoesNotFitIsNotSent(t *testing.T) {
	p := newSendingPair(t, 16, 0, nil)
	var log lines
	p.peers.snapshots.log, p.peers.snapshots.fullPause = slog.New(slog.NewTextHandler(&log, nil)), time.Millisecond
	sp := p.to.store.space
	sp.min = testReserve
	for _, tc := range []struct {
		free uint64
		full bool
		want raft.SnapshotStatus
	}{
		{testReserve + 1<<20, false, raft.SnapshotFailure}, // it needs 2 MiB
		{testRoom, true, raft.SnapshotFailure},
		{testRoom, false, raft.SnapshotFinish},
	} {
		sp.free.Store(tc.free)
		sp.full.Store(tc.full)
		p.send()
		if status := <-p.reports; status != tc.want {
			t.Fatalf("with %d free: %v", tc.free, status)
		}
	}
	sp.full.Store(true)
	if code, text := p.to.ask(snapshotPath + "A"); code != http.StatusInsufficientStorage {
		t.Errorf("a full replica answers %d %s", code, text)
	}
	if strings.Count(log.String(), "WARN") != 2 || strings.Count(log.String(), "the peer has no room for it") != 2 || !strings.Contains(log.String(), "reserve of 1000") {
		t.Errorf("the sender does not say why:\n%s", &log)
	}
}

// TestAPeerWithoutRoomIsLeftAloneForAWhile, or until the transfer is not needed any more.
func TestAPeerWithoutRoomIsLeftAloneForAWhile(t *testing.T) {
	p := newSendingPair(t, 1, 0, nil)
	var log lines
	p.peers.snapshots.log, p.peers.snapshots.fullPause = slog.New(slog.NewTextHandler(&log, nil)), time.Hour
	p.to.store.space.full.Store(true)
	p.send()
	log.want(t, "the peer has no room for it")
	select {
	case <-p.reports:
		t.Error("the leader may send another one at once")
	case <-time.After(20 * time.Millisecond):
	}
	p.peers.peers[2].transfer.stop()
	if status := <-p.reports; status != raft.SnapshotFailure {
		t.Errorf("the transfer ends with %v", status)
	}
}

// TestASnapshotThatFillsTheDiskIsRemoved: what has come of it would be in the way.
func TestASnapshotThatFillsTheDiskIsRemoved(t *testing.T) {
	var come atomic.Int64
	var p *sendingPair
	p = newSendingPair(t, 64, 0, func(c net.Conn) net.Conn {
		return &tapped{c, func(b []byte) error {
			if come.Add(int64(len(b))) > 2500<<10 {
				p.to.store.space.full.Store(true)
			}
			return nil
		}}
	})
	var log lines
	p.peers.snapshots.log, p.peers.snapshots.fullPause = slog.New(slog.NewTextHandler(&log, nil)), time.Millisecond
	p.send()
	if status := <-p.reports; status != raft.SnapshotFailure || come.Load() > 4<<20-1 {
		t.Fatalf("the transfer ends with %v after %d bytes", status, come.Load())
	}
	wantNoFiles(t, p.to.store)
	if !strings.Contains(log.String(), "the peer has no room for it") {
		t.Errorf("the sender does not say why:\n%s", &log)
	}
}
