package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ffd200af/raft/raftpb"
)

func TestALeaderReportsEachPeerInNumbers(t *testing.T) {
	l := startSoloLeader(t, 3, 2)
	l.onLoop(func() { // at once: peers do not listen, and are probed again when that is noticed
		l.loop.step(raftpb.Message{Type: raftpb.MsgAppResp, From: 2, To: 1, Term: 2, Index: 2})
		for range 3 {
			must(t, l.loop.node.Propose([]byte("x")))
			must(t, l.loop.handle(l.loop.node.Ready()))
		}
		got := l.loop.reportPeers()
		want := map[string]peerReport{
			"2": {Match: 2, Next: 6, State: "replicate", Heard: true, Inflight: 3, InflightLimit: 256, InflightBytes: 3, InflightBytesLimit: 64 << 20},
			"3": {Next: 2, State: "probe", Paused: got["3"].Paused, InflightLimit: 256, InflightBytesLimit: 64 << 20},
		}
		if len(got) != len(want) || got["2"] != want["2"] || got["3"] != want["3"] {
			t.Errorf("%+v, want %+v", got, want)
		}
		for range l.loop.inflightLimit {
			must(t, l.loop.node.Propose([]byte("x")))
			must(t, l.loop.handle(l.loop.node.Ready()))
		}
		for range l.loop.electionTicks {
			l.loop.contacts.tick()
		}
		if l.loop.reportPeers()["2"].Heard {
			t.Error("a peer that was silent for an election timeout counts as heard from")
		}
		if got := l.loop.reportPeers()["2"]; got.Inflight != got.InflightLimit || !got.InflightFull || !got.Paused {
			t.Errorf("the window is full: %+v", got)
		}
	})
	s := l.askCluster().Members[0].Status
	if !slices.Equal(s.Voters, []uint64{1, 2, 3}) || s.Learners == nil || len(s.Peers) != 2 || len(s.Elections) == 0 {
		t.Errorf("status %+v", s)
	}
	if s := startSoloLeader(t, 3).askCluster().Members[0].Status; s.Peers != nil {
		t.Errorf("a follower has peers: %+v", s.Peers)
	}
}

// askCluster asks a replica for GET /cluster.
func (l *soloLeader) askCluster() (c clusterReport) {
	l.t.Helper()
	w := l.ask(http.MethodGet, clusterPath, "")
	if w.Code != http.StatusOK {
		l.t.Fatalf("%d %s", w.Code, w.Body)
	}
	must(l.t, json.Unmarshal(w.Body.Bytes(), &c))
	return c
}

// TestTheClusterIsReportedWithThoseWhoAreSilent: one member answers, one hangs, one belongs to
// another cluster, one is dead, and one says too much.
func TestTheClusterIsReportedWithThoseWhoAreSilent(t *testing.T) {
	release := make(chan struct{})
	serve := func(answer http.HandlerFunc) string {
		server := httptest.NewServer(answer)
		t.Cleanup(server.Close)
		return server.URL
	}
	asked := make(chan string, 1)
	first := map[uint64]string{
		1: "http://127.0.0.1:1",
		2: serve(func(w http.ResponseWriter, req *http.Request) {
			if req.URL.Path == "/status" {
				asked <- req.Header.Get(headerCluster)
				writeJSON(w, statusReport{ID: 2, Role: "Follower", Term: 7, Applied: 5})
			}
		}),
		3: serve(func(http.ResponseWriter, *http.Request) { <-release }),
		4: serve(func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "this replica belongs to cluster X", http.StatusMisdirectedRequest)
		}),
		5: "http://127.0.0.1:5",
		6: serve(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(append(bytes.Repeat([]byte(" "), maxStatus), "{}"...))
		}),
	}
	t.Cleanup(func() { close(release) }) // before the servers are closed
	l := startSoloLeaderOn(t, vfs.NewMem(), first)
	l.opts.timeout = time.Hour // of the request; each member has less
	got := l.askCluster()
	if cluster := <-asked; cluster != got.Cluster || cluster == "" {
		t.Errorf("asked as cluster %q, the report is of %q", cluster, got.Cluster)
	}
	if got.Self != 1 || len(got.Members) != len(first) || got.Removed == nil {
		t.Fatalf("%+v", got)
	}
	for i, want := range []string{"", "", "context deadline exceeded", "421 Misdirected Request: this replica belongs to cluster X", "connection refused", "unexpected end"} {
		m := got.Members[i]
		if m.ID != uint64(i+1) || m.Address != first[m.ID] || !strings.Contains(m.Silent, want) || (want == "") != (m.Status != nil) || (want == "") != (m.Silent == "") {
			t.Errorf("%+v, want %q", m, want)
		}
	}
	if own, other := got.Members[0].Status, got.Members[1].Status; own.ID != 1 || other.ID != 2 || other.Term != 7 || other.Applied != 5 {
		t.Errorf("%+v, %+v", own, other)
	}
}

// TestAReplicaWhoseLoopHangsReportsTheOthers: it is silent itself.
func TestAReplicaWhoseLoopHangsReportsTheOthers(t *testing.T) {
	l := startSoloLeader(t, 1)
	held, release := make(chan struct{}), make(chan struct{})
	go l.onLoop(func() { close(held); <-release })
	<-held
	got := l.askCluster()
	close(release)
	if len(got.Members) != 1 || got.Members[0].Status != nil || !strings.Contains(got.Members[0].Silent, "deadline") {
		t.Errorf("%+v", got)
	}
}

func TestStatusHasTheReasonWhyNoProgressIsMade(t *testing.T) {
	l := startSoloLeader(t, 3)
	for _, want := range []hindrance{"", noQuorum} {
		l.hindrance.Store(want)
		if got := l.askCluster().Members[0].Status.Hindrance; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestThePageComesWithItsPolicy(t *testing.T) {
	l := startSoloLeader(t, 1)
	for path, typ := range map[string]string{"/": "text/html", "/page.css": "text/css", "/page.js": "text/javascript"} {
		w := l.ask(http.MethodGet, path, "")
		h := w.Header()
		if w.Code != http.StatusOK || !strings.HasPrefix(h.Get("Content-Type"), typ) || w.Body.Len() == 0 {
			t.Errorf("%s: %d %v", path, w.Code, h)
		}
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'"} {
			if !strings.Contains(h.Get("Content-Security-Policy"), part) {
				t.Errorf("%s: no %s in %v", path, part, h)
			}
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %v", path, h)
		}
		if w := l.ask(http.MethodGet, path+"?x", ""); w.Code != http.StatusBadRequest {
			t.Errorf("%s?x: %d", path, w.Code)
		}
	}
}

// TestThePagesOfOthersChangeNothing: a browser sends their requests too.
func TestThePagesOfOthersChangeNothing(t *testing.T) {
	l := startSoloLeader(t, 1)
	for _, tc := range []struct {
		method, path, site string
		want               int
	}{
		{"POST", "/leader?to=7", "cross-site", http.StatusForbidden},
		{"PUT", "/kv/k?expect=x&absent", "same-site", http.StatusForbidden}, // another port
		{"PUT", "/kv/k?expect=x&absent", "same-origin", http.StatusBadRequest},
		{"PUT", "/kv/k?expect=x&absent", "", http.StatusBadRequest}, // no browser
		{"GET", "/identity", "cross-site", http.StatusOK},           // a browser keeps the answer from that page
	} {
		req := httptest.NewRequest(tc.method, tc.path, nil)
		if tc.site != "" {
			req.Header.Set("Sec-Fetch-Site", tc.site)
		}
		w := httptest.NewRecorder()
		l.server.Handler.ServeHTTP(w, req)
		if w.Code != tc.want {
			t.Errorf("%s: %d %s, want %d", fmt.Sprint(tc), w.Code, w.Body, tc.want)
		}
	}
}
