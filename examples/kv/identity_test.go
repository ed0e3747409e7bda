package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/ffd200af/raft"
)

func TestAClusterIsItsFirstReplicasAndTheirFolders(t *testing.T) {
	make := func(second string, third member) members {
		return members{1: {Address: "http://a:1", Data: "x"}, 2: {Address: "http://b:2", Data: second}, 3: third}
	}
	id := clusterOf(make("y", member{Address: "http://c:3", Data: "z"}))
	if len(id) != 24 || id != clusterOf(make("y", member{Address: "http://c:3", Data: "z"})) {
		t.Errorf("the id is %q", id)
	}
	for _, other := range []members{
		make("other", member{Address: "http://c:3", Data: "z"}),
		make("y", member{Address: "http://other:3", Data: "z"}),
		{1: {Address: "http://a:1", Data: "x"}, 2: {Address: "http://b:2", Data: "y"}},
	} {
		if clusterOf(other) == id {
			t.Errorf("%v have the same id", other)
		}
	}
}

// TestARequestOfAnotherClusterIsRefused, and the answer names both.
func TestARequestOfAnotherClusterIsRefused(t *testing.T) {
	r := startHere(t, 1)[1]
	own := r.peers.cluster.get()
	refusal := func(theirs string) string {
		return fmt.Sprintf("this replica belongs to cluster %s, the request comes from cluster %s", own, theirs)
	}
	for _, tc := range []struct {
		method, path, cluster, forwarded, body string
		status                                 int
		want                                   string
	}{
		{"POST", "/raft", own, "", "", http.StatusBadRequest, headerFrom},
		{"POST", "/raft", "OTHER", "", "", http.StatusMisdirectedRequest, refusal("OTHER")},
		{"POST", "/raft", "", "", "", http.StatusMisdirectedRequest, refusal("none")},
		{"POST", "/members", "OTHER", "", "", http.StatusMisdirectedRequest, refusal("OTHER")},
		{"GET", "/members", "", "2", "", http.StatusMisdirectedRequest, refusal("none")},
		{"GET", "/members", "OTHER", "2", "", http.StatusMisdirectedRequest, refusal("OTHER")},
		{"GET", "/status", own, "2", "", http.StatusOK, own},
		{"GET", "/status", "", "", "", http.StatusOK, own},
		{"GET", "/kv/k", "OTHER", "", "", http.StatusMisdirectedRequest, refusal("OTHER")},
	} {
		req, err := http.NewRequest(tc.method, r.opts.address+tc.path, strings.NewReader(tc.body))
		must(t, err)
		req.Header.Set(headerCluster, tc.cluster)
		req.Header.Set(headerForwarded, tc.forwarded)
		resp, err := client.Do(req)
		must(t, err)
		body := make([]byte, 1000)
		n, _ := resp.Body.Read(body)
		must(t, resp.Body.Close())
		if got := string(body[:n]); resp.StatusCode != tc.status || !strings.Contains(got, tc.want) || resp.Header.Get(headerCluster) != own {
			t.Errorf("%+v: %s %s, %v", tc, resp.Status, got, resp.Header)
		}
	}
}

// TestAReplicaWithoutAClusterTakesNoMessages: it is to be added, and does not know by whom yet.
func TestAReplicaWithoutAClusterTakesNoMessages(t *testing.T) {
	s, err := openStore(t.TempDir())
	must(t, err)
	defer s.close()
	r := bareReplica()
	r.peers.cluster.set(s.cluster)
	for _, cluster := range []string{"", "OTHER"} {
		req, w := httptest.NewRequest("POST", raftPath, http.NoBody), httptest.NewRecorder()
		req.Header.Set(headerCluster, cluster)
		req.Header.Set(headerFrom, "2")
		r.routes().ServeHTTP(w, req)
		if w.Code != http.StatusServiceUnavailable || len(r.loop.inbox) > 0 {
			t.Errorf("a message of cluster %q: %d %s", cluster, w.Code, w.Body)
		}
	}
	must(t, s.adopt("A"))
	must(t, s.adopt("B")) // it has one
	if cluster, _, err := s.get(keyCluster); err != nil || string(cluster) != "A" || s.cluster != "A" {
		t.Errorf("%q, %q, %v", cluster, s.cluster, err)
	}
}

func TestASnapshotHasTheIdOfItsCluster(t *testing.T) {
	from := openTest(t, t.TempDir())
	defer from.close()
	from.mustApply(t, puts(2, 9, 1))
	for cluster, want := range map[string]error{from.cluster: nil, "OTHER": errStranger} {
		dir := t.TempDir()
		to, err := openStore(dir)
		must(t, err)
		must(t, to.adopt(cluster))
		if err := to.save(raft.Ready{Snapshot: copyImage(t, from, to)}); !errors.Is(err, want) {
			t.Errorf("cluster %s: %v, want %v", cluster, err, want)
		}
		must(t, to.close())
		to, err = openStore(dir)
		must(t, err)
		if to.cluster != cluster {
			t.Errorf("after a restart it belongs to %s, want %s", to.cluster, cluster)
		}
		must(t, to.close())
	}
}

// TestAFolderFromBeforeIdsGoesOn in a cluster that all such folders belong to.
func TestAFolderFromBeforeIdsGoesOn(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, dir)
	must(t, s.db.Delete(keyCluster, pebble.Sync))
	must(t, s.close())
	s = openTest(t, dir)
	defer s.close()
	if s.cluster != unnamed || s.last != 1 {
		t.Errorf("it belongs to cluster %q, and its last entry is %d", s.cluster, s.last)
	}
}

func TestAFolderIsThatOfOneReplica(t *testing.T) {
	dir := t.TempDir()
	makeFirst(t, dir, map[uint64]string{2: "http://a:2", 3: "http://a:3"})
	s, err := openStore(dir + "/2")
	must(t, err)
	defer s.close()
	if _, err := newReplica(options{id: 3, dir: dir + "/2"}, s); err == nil || !strings.Contains(err.Error(), "another replica") {
		t.Errorf("replica 3 starts on the folder of replica 2: %v", err)
	}
}

// TestAReplicaThatLeavesStillSaysWhoItIs: it refuses clients, but tells a first replica that is
// late the names of the first folders.
func TestAReplicaThatLeavesStillSaysWhoItIs(t *testing.T) {
	r := bareReplica()
	r.loop.departure.begun.Store(true)
	for path, want := range map[string]int{identityPath: http.StatusOK, "/status": http.StatusGone} {
		if code, said := r.ask(path); code != want {
			t.Errorf("%s: %d %s, want %d", path, code, said, want)
		}
	}
}

// TestAReplicaOfAnotherClusterIsNotAdded, and does not ask again.
func TestAReplicaOfAnotherClusterIsNotAdded(t *testing.T) {
	r := startHere(t, 1)[1]
	fresh := &replica{
		opts: options{id: 4, address: "http://127.0.0.1:4", timeout: patience}, store: &store{identity: "d"},
		peers: newTransport(4, ""),
	}
	fresh.peers.cluster.set("OTHER")
	want := stranger(r.opts.address, r.peers.cluster.get(), "OTHER").Error()
	for name, ask := range map[string]func(context.Context, string) error{
		"before it asks": fresh.checkCluster,
		"when it asks": func(ctx context.Context, at string) error {
			_, _, err := fresh.askToJoin(ctx, at)
			return err
		},
	} {
		err := ask(context.Background(), r.opts.address)
		if !errors.Is(err, errRefused) || !errors.Is(err, errStranger) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
}

// clusterOf asks a replica which cluster it belongs to.
func (c *cluster) clusterOf(id uint64) string {
	c.t.Helper()
	var s statusReport
	until(c.t, "status", func() (ok bool) { s, ok = c.status(id); return ok })
	return s.Cluster
}

// wantStrangers waits until both sides have logged that they belong to different clusters.
func (c *cluster) wantStrangers(refuses, refused string) {
	c.t.Helper()
	c.said.want(c.t, fmt.Sprintf(`cluster=%s theirs=%s from=`, refuses, refused))
	c.said.want(c.t, fmt.Sprintf(`cluster=%s theirs=%s address=`, refused, refuses))
}

// TestAFolderOfAnotherClusterIsRefused: the other one was born with the same command line, and is
// put in the place of a replica.
func TestAFolderOfAnotherClusterIsRefused(t *testing.T) {
	c := newCluster(t)
	c.startAll()
	c.put(c.leader(), "k", "old")
	old := c.clusterOf(1)
	for id := range c.urls {
		_ = c.kill(id, syscall.SIGKILL)
		must(t, os.Rename(c.folder(id), c.folder(id)+".old"))
	}
	c.startAll()
	leader := c.leader()
	c.put(leader, "k", "new")
	fresh := c.clusterOf(leader)
	stranger := other(c, leader)
	if fresh == old {
		t.Fatalf("both clusters are %s", old)
	}
	for id := range c.urls {
		if got := c.clusterOf(id); got != fresh {
			t.Errorf("replica %d belongs to %s, and replica %d to %s", id, got, leader, fresh)
		}
	}

	_ = c.kill(stranger, syscall.SIGKILL)
	must(t, os.Rename(c.folder(stranger), c.folder(stranger)+".new"))
	must(t, os.Rename(c.folder(stranger)+".old", c.folder(stranger)))
	c.start(stranger)
	c.wantStrangers(fresh, old) // it campaigns
	c.wantStrangers(old, fresh) // the leader sends to it
	if code, value := c.asked(http.MethodGet, c.urls[stranger]+"/kv/k"); code != http.StatusServiceUnavailable {
		t.Errorf("the stranger answers a read: %d %s", code, value)
	}
	c.wantRead(leader, "k", "", "new")

	// Nor does it join.
	_ = c.kill(stranger, syscall.SIGKILL)
	c.join(stranger, leader)
	c.wantFailure(stranger)
	c.said.want(t, fmt.Sprintf("another cluster: %s belongs to cluster %s, this replica to cluster %s", c.urls[leader], fresh, old))
}

// TestAReplicaThatJoinsBelongsToTheCluster, also when it got all of it as a snapshot.
func TestAReplicaThatJoinsBelongsToTheCluster(t *testing.T) {
	c := newCluster(t)
	c.startAll()
	leader := c.leader()
	c.put(leader, "k", "v")
	c.join(4, leader)
	c.wantVoters(4, 1, 2, 3, 4)
	_ = c.kill(4, syscall.SIGKILL)
	c.run(4)
	c.wantRead(4, "k", "", "v")
	if got, want := c.clusterOf(4), c.clusterOf(leader); got != want || want == "" {
		t.Errorf("replica 4 belongs to cluster %s, the others to %s", got, want)
	}
}

func TestARareLogLineKeepsNoOtherBack(t *testing.T) {
	var log lines
	var s seldom
	to := slog.New(slog.NewTextHandler(&log, nil))
	for range 3 {
		s.log(to, "refused this")
		s.log(to, "refused that")
	}
	if this, that := strings.Count(log.String(), "refused this"), strings.Count(log.String(), "refused that"); this != 1 || that != 1 {
		t.Errorf("%d and %d lines, want one of each", this, that)
	}
}
