package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	kvclient "github.com/ffd200af/raft/examples/kv/client"
)

// hangingDisk is a disk on which everything waits while the mutex is held.
func hangingDisk(mu *sync.RWMutex) vfs.FS {
	return errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(errorfs.Op) error {
		mu.RLock()
		defer mu.RUnlock()
		return nil
	}))
}

// askers send requests to a replica in all ways, and count the answers.
type askers struct {
	t       *testing.T
	url     string
	clients []*http.Client // on connections of their own, and on a shared one
	asked   int
	answers chan string
}

func startAskers(t *testing.T, r *replica) *askers {
	server := httptest.NewServer(r.routes())
	own, shared := &http.Transport{}, kvclient.NewTransport(nil)
	t.Cleanup(func() {
		own.CloseIdleConnections()
		shared.CloseIdleConnections()
		server.Close()
	})
	return &askers{
		t: t, url: server.URL, clients: []*http.Client{{Transport: own}, {Transport: shared}},
		answers: make(chan string, 1<<16),
	}
}

func (a *askers) ask(times int, method, path, body string) {
	for range times {
		for _, c := range a.clients {
			a.asked++
			go func() {
				req, err := http.NewRequest(method, a.url+path, strings.NewReader(body))
				if err == nil {
					var resp *http.Response
					if resp, err = c.Do(req); err == nil {
						_, err = io.Copy(io.Discard, resp.Body)
						_ = resp.Body.Close()
					}
				}
				a.answers <- fmt.Sprint(method, " ", path, ": ", err)
			}()
		}
	}
}

// wait waits until all are answered.
func (a *askers) wait() {
	a.t.Helper()
	late := time.After(patience)
	for ; a.asked > 0; a.asked-- {
		select {
		case answer := <-a.answers:
			if !strings.HasSuffix(answer, "<nil>") {
				a.t.Error(answer)
			}
		case <-late:
			a.t.Fatalf("%d requests have no answer", a.asked)
		}
	}
}

// TestWhileTheDiskHangsAllRequestsAreAnswered in their time, and while the loop hangs as well. All
// goes on when the disk does.
func TestAReplicaWhoseDiskHangsEndsAllTheSame(t *testing.T) {
	var hangs atomic.Bool
	reached, release := make(chan struct{}, 1<<10), make(chan struct{})
	disk := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(errorfs.Op) error {
		if hangs.Load() {
			reached <- struct{}{}
			<-release
		}
		return nil
	}))
	s, err := openFirst(disk, "1", map[uint64]string{1: "http://127.0.0.1:1"})
	must(t, err)
	r, err := newReplica(options{id: 1, tick: time.Millisecond, timeout: time.Second, log: slog.New(slog.DiscardHandler)}, s)
	must(t, err)
	hangs.Store(true)
	go r.loop.run()
	<-reached // it elects itself, and writes that
	if err := r.stopWithin(0); !errors.Is(err, errDiskHangs) {
		t.Errorf("stop: %v", err)
	}
	hangs.Store(false)
	close(release)
	<-r.loop.ended
	must(t, s.close())
}

func TestWhileTheDiskHangsAllRequestsAreAnswered(t *testing.T) {
	var disk sync.RWMutex
	s, err := openFirst(hangingDisk(&disk), "1", map[uint64]string{1: "http://127.0.0.1:1"})
	must(t, err)
	for i := range 100 { // not in the cache, because tables have compressed blocks of 4 KiB
		must(t, s.db.Set(dataKey(fmt.Append(nil, "k", i)), encodeRow(1, make([]byte, 8<<10)), nil))
	}
	must(t, s.db.Flush())
	r, err := newReplica(options{
		id: 1, tick: 10 * time.Millisecond, timeout: 50 * time.Millisecond, compactAfter: 1000, log: slog.New(slog.DiscardHandler),
	}, s)
	must(t, err)
	go r.loop.run()
	defer func() { must(t, r.stop()) }()
	r.wantAnswer(t, "/ready", http.StatusOK, "ok")

	disk.Lock()
	hangs := true
	release := func() {
		if hangs {
			disk.Unlock()
		}
		hangs = false
	}
	defer release()
	a := startAskers(t, r)
	everything := func() {
		a.ask(maxLooks, http.MethodGet, "/kv/k1?read=stale", "")
		a.ask(10, http.MethodGet, "/kv/?prefix=k&read=stale", "")
		for _, path := range []string{
			"/kv/k1", "/kv/k1?read=lease", "/kv/?prefix=k", "/backup", "/status", "/metrics", "/health", "/ready", "/cluster", "/members",
			"/identity", "/", "/raft/snapshot/X?size=1",
		} {
			a.ask(3, http.MethodGet, path, "")
		}
		a.ask(300, http.MethodPut, "/kv/k2", "v")
		a.ask(10, http.MethodDelete, "/kv/k2", "")
		a.ask(3, http.MethodPost, "/session", "")
		a.ask(3, http.MethodPost, "/leader", "")
		a.wait()
	}
	everything()
	if n := len(s.looks); n != maxLooks {
		t.Errorf("%d reads wait for the disk, want %d", n, maxLooks)
	}
	held, goOn := make(chan struct{}), make(chan struct{})
	go func() { _ = r.query(context.Background(), func() { close(held); <-goOn }) }()
	<-held
	everything()
	close(goOn)
	release()
	until(t, "reads that have ended", func() bool { return len(s.looks) == 0 })
	if code, text := r.ask("/kv/k1?read=stale"); code != http.StatusOK {
		t.Errorf("afterwards a read is answered with %d %s", code, text)
	}
}

// TestMetricsDoNotWaitForASnapshotOfADiskThatHangs, nor does the loop when it is asked for them.
func TestMetricsDoNotWaitForASnapshotOfADiskThatHangs(t *testing.T) {
	r := bareReplica()
	r.store.incoming.mu.Lock() // as while its file is made or removed
	if index, size := r.store.incoming.figures(); index != 0 || size != 0 || r.store.incoming.has("X") != 0 {
		t.Errorf("%d, %d", index, size)
	}
	r.store.snapshots.mu.Lock() // as while the first block of it is read
	r.loop.ended = make(chan struct{})
	r.loop.cause = errors.New("a loop that ends")
	close(r.loop.ended)
	wantMetrics(t, r, map[string]float64{"kv_loop_answers": 0})
}
