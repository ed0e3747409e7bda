package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ffd200af/raft/raftpb"
)

func TestEachAnswerHasTheIndexThatItWasGivenAt(t *testing.T) {
	r := startHere(t, 1)[1]
	last := uint64(0)
	for _, step := range []struct {
		method, path string
		code         int
		writes       bool
	}{
		{"PUT", "/kv/k", 204, true}, {"GET", "/kv/k", 200, false}, {"GET", "/kv/k?stale", 200, false},
		{"GET", "/kv/k?read=lease", 200, false}, {"GET", "/kv/none", 404, false}, {"GET", "/kv/", 200, false},
		{"PUT", "/kv/k?absent", 412, true}, {"DELETE", "/kv/k", 204, true}, {"GET", "/kv/?stale", 200, false},
	} {
		what := fmt.Sprint(step.method, " ", step.path)
		var code int
		var index uint64
		until(t, what, func() bool {
			req, err := http.NewRequest(step.method, r.opts.address+step.path, strings.NewReader(""))
			must(t, err)
			resp, err := client.Do(req)
			must(t, err)
			must(t, resp.Body.Close())
			code = resp.StatusCode
			index, _ = strconv.ParseUint(resp.Header.Get(headerIndex), 10, 64)
			return code != http.StatusServiceUnavailable
		})
		if code != step.code || index < last || index == 0 || step.writes && index == last {
			t.Errorf("%s: %d at index %d, after %d", what, code, index, last)
		}
		last = index
	}
}

// askAt sends a read of k that needs an index to be applied.
func (l *soloLeader) askAt(query, atLeast string) *httptest.ResponseRecorder {
	w, req := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/kv/k"+query, nil)
	req.Header.Set(headerAtLeast, atLeast)
	l.server.Handler.ServeHTTP(w, req)
	return w
}

// TestAReadWaitsForTheIndexThatItsClientHasSeen: the client has read at another replica what is not
// committed yet as far as this one knows.
func TestAReadWaitsForTheIndexThatItsClientHasSeen(t *testing.T) {
	l := startSoloLeader(t, 3, 2, 3)
	l.want("PUT", "/kv/k", "old", http.StatusNoContent)
	var applied uint64
	l.onLoop(func() { applied = l.store.applied.index })
	now, next := fmt.Sprint(applied), fmt.Sprint(applied+1)
	written, read := make(chan *httptest.ResponseRecorder, 1), make(chan *httptest.ResponseRecorder, 1)
	go func() { read <- l.askAt("?stale", next) }()
	until(t, "a read that waits", func() (waits bool) {
		l.onLoop(func() { waits = len(l.loop.reads.confirmed) > 0 })
		return waits
	})
	for query, atLeast := range map[string]string{"?stale": "", "?read=stale": now} {
		if w := l.askAt(query, atLeast); w.Code != http.StatusOK || w.Body.String() != "old" || w.Header().Get(headerIndex) != now {
			t.Errorf("%s at %s: %d %s at %s, want the old value at %s", query, atLeast, w.Code, w.Body, w.Header().Get(headerIndex), now)
		}
	}
	go func() { written <- l.ask("PUT", "/kv/k", "new") }()
	until(t, "the write", func() bool {
		l.acknowledge()
		return len(written) > 0
	})
	if w := <-read; w.Code != http.StatusOK || w.Body.String() != "new" || w.Header().Get(headerIndex) != next {
		t.Errorf("the read that waited: %d %s at %s, want the new value at %s", w.Code, w.Body, w.Header().Get(headerIndex), next)
	}
	l.opts.timeout = time.Millisecond
	if w := l.askAt("?stale", fmt.Sprint(applied+1000)); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a read at an index that never comes: %d %s", w.Code, w.Body)
	}
	for _, bad := range []string{"x", "-1", "1.5", "18446744073709551616"} {
		if w := l.askAt("?stale", bad); w.Code != http.StatusBadRequest {
			t.Errorf("%s: %d %s", bad, w.Code, w.Body)
		}
	}
}

// TestAConfirmedReadWaitsForItsOwnIndexAlone: of reads that share a read index, those that need a
// higher one wait for it without the others.
func TestAConfirmedReadWaitsForItsOwnIndexAlone(t *testing.T) {
	q := newReadQueue()
	const many = 2
	type confirmed struct {
		atLeast uint64
		mode    readMode
		err     error
	}
	went := make(chan confirmed, many)
	for _, atLeast := range []uint64{12, 9} {
		go func() {
			mode, err := q.confirm(context.Background(), consistency{readLease, atLeast})
			went <- confirmed{atLeast, mode, err}
		}()
	}
	var batch *readBatch
	take := func(as consistency) {
		q.mu.Lock()
		defer q.mu.Unlock()
		batch = q.fresh[as]
		delete(q.fresh, as)
	}
	until(t, "both reads", func() bool { return q.waiting() == many })
	take(consistency{mode: readLease})
	batch.index, batch.mode = 10, readSafe
	close(batch.done)
	if got, want := <-went, (confirmed{9, readSafe, nil}); got != want {
		t.Errorf("%v goes on, want %v", got, want)
	}
	until(t, "the other read", func() bool { return q.waiting() == 1 })
	if len(went) > 0 {
		t.Error("the read at 12 goes on at 10")
	}
	take(consistency{readStale, 12})
	close(batch.done)
	if got, want := <-went, (confirmed{12, readSafe, nil}); got != want {
		t.Errorf("%v goes on, want %v", got, want)
	}
}

// TestAReadDuringAnInstallationHasTheIndexOfTheSnapshot: the read may have seen it.
func TestAReadDuringAnInstallationHasTheIndexOfTheSnapshot(t *testing.T) {
	s, err := openFirst(vfs.NewMem(), "1", threeReplicas)
	must(t, err)
	defer func() { must(t, s.close()) }()
	snap, image := imageStore(t)
	must(t, s.putImage(string(snap.Data), image))
	w := newWriter(s)
	if got := s.visible.Load(); got != 1 {
		t.Errorf("before: %d", got)
	}
	must(t, w.add(&raftpb.Message{Snapshot: &snap, Term: 3, Commit: 30}, true))
	w.start()
	writes := <-w.begin
	must(t, s.perform(writes))
	if o, err := s.read([]byte("k30")); err != nil || !o.found || s.applied.index != 1 || s.visible.Load() != 30 {
		t.Errorf("k30 is there: %v, %v; applied %d, visible %d", o.found, err, s.applied.index, s.visible.Load())
	}
}

func TestStatusNamesTheMembers(t *testing.T) {
	for id, r := range startHere(t, 3) {
		s, err := r.report(context.Background())
		if err != nil || len(s.Members) != 3 || s.Members[id] != r.opts.address {
			t.Errorf("replica %d: %v, %v", id, s.Members, err)
		}
	}
}
