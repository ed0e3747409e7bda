package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// withPeers gives replicas an address for each other.
func withPeers(t *testing.T, all members) members {
	for id, m := range all {
		m.Peer = "http://" + freeAddress(t)
		all[id] = m
	}
	return all
}

// holdConnections opens connections to a port until no more are served, and keeps them open.
func holdConnections(t *testing.T, base string, n int) {
	t.Helper()
	for range n {
		conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		_, err = io.WriteString(conn, "GET "+identityPath+" HTTP/1.1\r\nHost: h\r\n\r\n")
		must(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		must(t, err)
		if resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status)
		}
	}
}

// TestClientsDoNotKeepPeersOut: clients hold all connections of all replicas, and the replicas
// elect, replicate, pass requests on and elect again.
func TestClientsDoNotKeepPeersOut(t *testing.T) {
	const most = 3
	first, dir, replicas := withPeers(t, at(addresses(t, 3))), t.TempDir(), map[uint64]*replica{}
	started := make(chan *replica)
	for id := range first {
		go func() {
			o := newcomer(t, id, first.addresses(), dir)
			o.first, o.peer, o.maxConnections = first, first[id].Peer, most
			r, err := startReplica(context.Background(), o)
			if err != nil {
				t.Error(err)
			}
			started <- r
		}()
	}
	stop := map[uint64]func(){}
	for range first {
		r := <-started
		if r == nil {
			t.FailNow()
		}
		replicas[r.opts.id] = r
		done := false
		stop[r.opts.id] = func() {
			if !done {
				done = true
				must(t, r.stop())
			}
		}
		t.Cleanup(stop[r.opts.id])
	}
	stray, w := httptest.NewRequest(http.MethodPost, raftPath, nil), httptest.NewRecorder()
	stray.Header.Set(headerCluster, replicas[1].peers.cluster.get())
	if replicas[1].routes().ServeHTTP(w, stray); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "at "+first[1].Peer) {
		t.Errorf("a message at the port for clients: %d %s", w.Code, w.Body)
	}
	for _, m := range first {
		holdConnections(t, m.Address, most)
		impatient := http.Client{Timeout: 50 * time.Millisecond}
		if resp, err := impatient.Get(m.Address + "/health"); err == nil {
			t.Errorf("one more connection is served: %s", resp.Status)
		}
	}
	write := func(key string) {
		t.Helper()
		for id, r := range replicas {
			until(t, fmt.Sprint("a write at replica ", id), func() bool {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				defer cancel()
				o, err := r.do(ctx, command{op: opPut, key: []byte(key), value: []byte("v")})
				return err == nil && o.done
			})
		}
	}
	write("before")
	asked, leader := follower(t, replicas), (*replica)(nil)
	until(t, "a leader", func() bool {
		s, err := asked.report(context.Background())
		leader = replicas[s.Leader]
		return err == nil && leader != nil
	})
	until(t, "a request that is passed on", func() bool {
		code, _ := ask(http.MethodGet, asked.opts.peer+"/members")
		return code == http.StatusOK
	})
	until(t, "an address for a replica that joins", func() bool {
		at := asked.living(context.Background(), "via", 1)
		return at == first[1].Peer || at == first[2].Peer
	})
	until(t, "a page that shows all", func() bool {
		code, said := asked.ask(clusterPath)
		return code == http.StatusOK && !strings.Contains(said, "silent")
	})
	stop[leader.opts.id]()
	delete(replicas, leader.opts.id)
	write("after")

	// One that joins, and one that is sent messages, hear of the addresses for replicas.
	fresh := &replica{
		opts:  options{id: 4, address: "http://127.0.0.1:4", peer: "http://127.0.0.1:5", timeout: patience},
		store: &store{identity: "d"}, peers: newTransport(4, ""),
	}
	until(t, "an addition", func() bool {
		known, _, err := fresh.askToJoin(context.Background(), asked.opts.peer)
		return err == nil && known[1] == first[1].Peer && known[4] == fresh.opts.peer
	})
	if asked.peers.url != asked.opts.peer {
		t.Errorf("it says that it is at %s", asked.peers.url)
	}
}

// TestAFullPortCloses although a connection waits for another one to end.
func TestAFullPortCloses(t *testing.T) {
	l, err := listenAt("", "http://127.0.0.1:0")
	must(t, err)
	full := newLimited(l, 0)
	ended := make(chan error)
	go func() {
		_, err := full.Accept()
		ended <- err
	}()
	must(t, full.Close())
	select {
	case err := <-ended:
		if !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Error("it waits for ever")
	}
}

// newPortsCluster is a cluster with TLS and a port for peers at each replica.
func newPortsCluster(t *testing.T, dir string, extra ...string) (c *cluster, peers map[uint64]string) {
	t.Helper()
	c = newTLSCluster(t, dir, extra...)
	peers = map[uint64]string{}
	var words []string
	for id := uint64(1); id <= 4; id++ {
		peers[id] = "https://" + freeAddress(t)
		if id < 4 {
			words = append(words, fmt.Sprintf("%d=%s+%s", id, c.urls[id], peers[id]))
		}
	}
	c.flag = strings.Join(words, ",")
	return c, peers
}

// TestPeersHaveAPortOfTheirOwn with mutual TLS: they elect, write, and send a snapshot to a replica
// that joins.
func TestPeersHaveAPortOfTheirOwn(t *testing.T) {
	dir, strange := makeCerts(t), makeCerts(t)
	c, peers := newPortsCluster(t, dir, "-compact-after", "20")
	c.startFirst()
	leader := c.leader()
	written := map[string]string{}
	for i := range 60 {
		key := fmt.Sprint("key", i)
		c.put(other(c, leader), key, key)
		written[key] = key
	}
	c.run(4, "-join", c.urls[other(c, leader)], "-address", c.urls[4], "-peer-address", peers[4])
	c.wantVoters(leader, 1, 2, 3, 4)
	c.wantEverywhere(written)
	c.wantSnapshot(4, 20)
	var report membersReport
	until(t, "the members", func() (ok bool) {
		report, ok = c.members(4)
		return ok
	})
	for _, m := range report.Members {
		if m.Address != c.urls[m.ID] || m.Peer != peers[m.ID] {
			t.Errorf("%+v, want %s and %s", m, c.urls[m.ID], peers[m.ID])
		}
	}

	// A client is let in at neither port as a replica, and changes the cluster at both.
	anybody, impostor := filesOf(dir, ""), filesOf(strange, "replica")
	impostor.ca = anybody.ca
	for _, tc := range []struct {
		files        *certFiles
		method, port string
		path         string
		want         int
	}{
		{filesOf(dir, "client"), http.MethodPost, c.urls[4], raftPath, http.StatusForbidden},
		{filesOf(dir, "replica"), http.MethodGet, c.urls[4], snapshotPath + "X", http.StatusForbidden},
		{filesOf(dir, "replica"), http.MethodGet, peers[4], snapshotPath + "X", http.StatusOK},
		{filesOf(dir, "replica"), http.MethodGet, peers[4], "/kv/", http.StatusNotFound},
		{filesOf(dir, "client"), http.MethodGet, peers[4], identityPath, 0},
		{anybody, http.MethodGet, peers[4], identityPath, 0},
		{impostor, http.MethodGet, peers[4], identityPath, 0},
		{anybody, http.MethodPost, c.urls[4], "/leader", http.StatusUnauthorized},
	} {
		if got := statusOf(tc.files, tc.method, tc.port+tc.path); got != tc.want {
			t.Errorf("%s %s%s with %q: %d, want %d", tc.method, tc.port, tc.path, tc.files.cert, got, tc.want)
		}
	}
	c.said.want(t, `msg="refused a connection" replica=4`)
	// A replica that does not lead passes the request of a client with a certificate on.
	until(t, "transfer", func() bool {
		return statusOf(filesOf(dir, "client"), http.MethodPost, c.urls[4]+"/leader?to=4") == http.StatusOK
	})

	// The folder knows both addresses.
	_ = c.kill(4, 9)
	c.run(4)
	c.put(4, "last", "0")
	c.wantRead(4, "last", "", "0")
	_ = c.kill(4, 9)
	c.run(4, "-join", c.urls[1], "-address", c.urls[4])
	c.wantFailure(4)
	c.said.want(t, "replica 4 is known to the others as "+c.urls[4]+"+"+peers[4])
}

// TestAddressesForPeersAreKept by recovery and restore, or replaced.
func TestAddressesForPeersAreKept(t *testing.T) {
	dir := t.TempDir()
	s, err := openStore(filepath.Join(dir, "1"))
	must(t, err)
	first := members{1: {Address: "http://a:1", Peer: "http://a:2"}, 2: {Address: "http://b:1", Peer: "http://b:2"}}
	must(t, errors.Join(s.begin(first.named(map[uint64]string{1: s.identity, 2: "y"})), s.close()))
	placeIn := func(dir string) member {
		s, err := openStore(filepath.Join(dir, "1"))
		must(t, err)
		defer s.close()
		m := s.members[1]
		m.Data = ""
		return m
	}
	if said := carryOut(t, "recover", "-data", dir, "-id", "1", "-yes"); !strings.Contains(said, "2 at http://b:1+http://b:2") || placeIn(dir) != first[1] {
		t.Errorf("%s, %+v", said, placeIn(dir))
	}
	carryOut(t, "recover", "-data", dir, "-id", "1", "-cluster", "1=http://c:1+http://c:2", "-yes")
	if got := placeIn(dir); got.Address != "http://c:1" || got.Peer != "http://c:2" {
		t.Errorf("%+v", got)
	}

	file := filepath.Join(dir, "file")
	out, err := os.Create(file)
	must(t, err)
	from := openTest(t, t.TempDir())
	from.mustApply(t, puts(2, 3, 1))
	snap := from.db.NewSnapshot()
	must(t, errors.Join(backupKind.write(out, snap), out.Close(), snap.Close(), from.close()))
	fresh := t.TempDir()
	carryOut(t, "restore", "-from", file, "-id", "1", "-data", fresh, "-address", "http://d:1", "-peer-address", "http://d:2/")
	if got := placeIn(fresh); got.Address != "http://d:1" || got.Peer != "http://d:2" {
		t.Errorf("%+v", got)
	}
}

// TestTheIDOfAClusterHasTheAddressesForPeers, and is the old one without them.
func TestTheIDOfAClusterHasTheAddressesForPeers(t *testing.T) {
	first := members{1: {Address: "http://a:1", Data: "x"}, 2: {Address: "http://b:2", Data: "y"}, 3: {Address: "http://c:3", Data: "z"}}
	if id := clusterOf(first); id != "VAYGAWGEDZHLJXEFZBJKOLK3" {
		t.Errorf("without addresses for peers it is %s", id)
	}
	other := members{1: first[1], 2: first[2], 3: {Address: "http://c:3", Peer: "http://c:4", Data: "z"}}
	if clusterOf(other) == clusterOf(first) {
		t.Error("it does not depend on addresses for peers")
	}
}

// TestAddressesForPeersAreChecked on the command line, in requests, and against each other.
func TestAddressesForPeersAreChecked(t *testing.T) {
	got, err := parseCluster("1=http://a:1+https://a:2/,2=http://b:1")
	if want := (members{1: {Address: "http://a:1", Peer: "https://a:2"}, 2: {Address: "http://b:1"}}); err != nil || len(got) != 2 || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"1=http://a:1+", "1=+http://a:1", "1=http://a:1+http://a:1", "1=http://a:1+http://a:1/", "1=http://a:1+a:2"} {
		if _, err := parseCluster(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	ms := members{1: {Address: "http://a:1", Peer: "http://a:2"}}
	for _, tc := range []struct {
		m    member
		want error
	}{
		{member{Address: "http://b:1", Peer: "http://b:2"}, nil},
		{member{Address: "http://b:1", Peer: "http://b:1"}, errBadMember},
		{member{Address: "http://b:1", Peer: "http://a:2"}, errTakenPlace},
		{member{Address: "http://a:2", Peer: "http://b:2"}, errTakenPlace},
		{member{Address: "http://b:1", Peer: "http://a:1"}, errTakenPlace},
		{member{Address: "http://a:2"}, errTakenPlace},
	} {
		if err := ms.check(2, tc.m); !errors.Is(err, tc.want) {
			t.Errorf("%+v: %v, want %v", tc.m, err, tc.want)
		}
	}
	r := startHere(t, 1)[1]
	if code, said := r.insist(t, http.MethodPost, "/members", `{"id":4,"address":"http://127.0.0.1:1","peer":"127.0.0.1:2"}`); code != http.StatusBadRequest {
		t.Errorf("%d %s", code, said)
	}
	for line, want := range map[string]string{
		"-peer-address http://a:1": "-peer-address and -peer-listen likewise",
		"-peer-listen :1":          "-peer-address and -peer-listen likewise",
		"-max-connections 0":       "must be above 0",
		"-id 3 -join http://a:1 -address http://c:1 -peer-address http://c:1": "is the address for clients already",
		"-id 3 -join http://a:1 -address http://c:1 -peer-address c:1":        "is not like http://host:port",
	} {
		var stdout, stderr lines
		if status := run(append([]string{"-data", inData(t)}, strings.Fields(line)...), &stdout, &stderr); status != 2 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: status %d, %s; want %q", line, status, stderr.String(), want)
		}
	}
	files := filesOf(makeCerts(t), "replica")
	for want, o := range map[string]options{
		"-peer-listen needs one":   {id: 1, address: "http://127.0.0.1:0", peerListen: ":0"},
		"needs -peer-cert":         {id: 1, address: "http://127.0.0.1:0", peer: "https://127.0.0.1:0"},
		"like that for clients":    {id: 1, address: "https://127.0.0.1:0", peer: "http://127.0.0.1:0", security: security{clients: files, peers: files}},
		"is another copy running?": {id: 1, address: "http://127.0.0.1:0", peer: "http://256.0.0.1:0"},
	} {
		if _, err := listen(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	p, err := listen(options{id: 1, address: "http://a:1", peer: "http://b:1", listen: "127.0.0.1:0", peerListen: "127.0.0.1:0"})
	must(t, err)
	must(t, p.close())
}

// TestReplicasAreBornTogetherWithTheSameAddressesForPeers.
func TestReplicasAreBornTogetherWithTheSameAddressesForPeers(t *testing.T) {
	first := withPeers(t, at(addresses(t, 2)))
	listed := options{id: 1, first: first, address: first[1].Address, peer: first[1].Peer, log: slog.New(slog.DiscardHandler)}
	p, err := listen(listed)
	must(t, err)
	handler := listed.newcomer("x")
	clients, peers := p.serve(handler, handler, listed.log)
	defer peers.Close()
	must(t, clients.Close()) // nobody asks there
	o := options{id: 2, first: first}
	born, absent, err := o.askFirst(context.Background(), "y")
	if err != nil || len(absent) > 0 || born[1].Peer != first[1].Peer || born[1].Data != "x" {
		t.Errorf("%v, %v, %v", born, absent, err)
	}
	o.first = members{1: first[1], 2: {Address: first[2].Address}}
	if _, _, err := o.askFirst(context.Background(), "y"); !errors.Is(err, errLost) || !strings.Contains(err.Error(), "another -cluster") {
		t.Errorf("without an address for peers: %v", err)
	}
	// One that is late has to know the same addresses.
	report := identityReport{ID: 1, Cluster: clusterOf(first.named(map[uint64]string{1: "x", 2: "y"})), Members: first.named(map[uint64]string{1: "x", 2: "y"})}
	if _, err := o.sameBirth(report, "y"); !errors.Is(err, errLost) {
		t.Errorf("late, without an address for peers: %v", err)
	}
	o.first = first
	if _, err := o.sameBirth(report, "y"); err != nil {
		t.Errorf("late: %v", err)
	}
}
