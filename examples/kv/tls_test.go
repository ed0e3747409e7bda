package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// makeCerts makes an authority and certificates, in a new folder.
func makeCerts(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	carryOut(t, "certs", "-out", dir)
	return dir
}

// filesOf are the files of kv certs for a replica or a client; without a name only the authority.
func filesOf(dir, name string) *certFiles {
	f := &certFiles{ca: filepath.Join(dir, "ca.pem"), log: slog.New(slog.DiscardHandler)}
	if name != "" {
		f.cert, f.key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+"-key.pem")
	}
	return f
}

// tlsArgs are the flags of a replica.
func tlsArgs(dir string) []string {
	f := filesOf(dir, "replica")
	return []string{"-cert", f.cert, "-key", f.key, "-client-ca", f.ca, "-peer-ca", f.ca}
}

// useFiles makes all requests of a test with these files.
func useFiles(t *testing.T, f *certFiles) {
	client.Transport = f.httpClient().Transport
	t.Cleanup(func() { client.Transport = nil })
}

// newTLSCluster is newCluster with TLS.
func newTLSCluster(t *testing.T, dir string, extra ...string) *cluster {
	t.Helper()
	c := newCluster(t, append(tlsArgs(dir), extra...)...)
	c.urls[4] = "http://" + freeAddress(t) // for one that joins
	for id, url := range c.urls {
		c.urls[id] = strings.Replace(url, "http:", "https:", 1)
	}
	c.flag = strings.ReplaceAll(c.flag, "http:", "https:")
	useFiles(t, filesOf(dir, ""))
	return c
}

// startFirst starts replicas 1 to 3.
func (c *cluster) startFirst() {
	for id := uint64(1); id <= 3; id++ {
		c.start(id)
	}
}

// statusOf makes a request with these files, and returns the status of the answer or 0.
func statusOf(f *certFiles, method, url string) int {
	req, err := http.NewRequest(method, url, nil)
	if err != nil {
		return 0
	}
	resp, err := f.httpClient().Do(req)
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

// TestAClusterOverTLS elects, writes, sends a snapshot to a replica that joins, and gives a backup.
func TestAClusterOverTLS(t *testing.T) {
	dir := makeCerts(t)
	c := newTLSCluster(t, dir, "-compact-after", "20")
	c.startFirst()
	leader := c.leader()
	c.said.want(t, "curl --cacert CA.pem https://")
	written := map[string]string{}
	for i := range 60 {
		key := fmt.Sprint("key", i)
		c.put(other(c, leader), key, key)
		written[key] = key
	}
	c.join(4, other(c, leader))
	c.wantVoters(leader, 1, 2, 3, 4)
	c.wantEverywhere(written)
	c.wantSnapshot(4, 20)
	file := filepath.Join(t.TempDir(), "file")
	if said := carryOut(t, "backup", "-from", c.urls[4], "-to", file, "-ca", filesOf(dir, "").ca); !strings.Contains(said, "has 60 keys") {
		t.Errorf("backup says %s", said)
	}

	// With other certificates on the disk, a replica that restarts has them, and so have the others
	// for it.
	carryOut(t, "certs", "-out", dir)
	_ = c.kill(4, 9)
	c.run(4)
	c.put(4, "last", "0")
	c.wantRead(4, "last", "", "0")
}

// TestAClusterMovesToTLS replica by replica: those at http:// call those at https://, and the other
// way round.
func TestAClusterMovesToTLS(t *testing.T) {
	dir := makeCerts(t)
	f := filesOf(dir, "replica")
	c := newCluster(t, "-peer-cert", f.cert, "-peer-key", f.key, "-peer-ca", f.ca)
	useFiles(t, filesOf(dir, ""))
	c.startAll()
	leader := c.leader()
	c.put(leader, "k", "v")
	c.urls[4] = "https://" + freeAddress(t)
	c.run(4, "-join", c.urls[leader], "-address", c.urls[4], "-cert", f.cert, "-key", f.key)
	c.wantVoters(4, 1, 2, 3, 4)
	c.said.want(t, "replica 4 votes")
	until(t, "transfer", func() bool {
		code, _ := ask(http.MethodPost, c.urls[leader]+"/leader?to=4")
		return code == http.StatusOK
	})
	c.remove(4, leader)
	c.wantExit(leader)
	delete(c.urls, leader)
	c.put(other(c, leader), "k", "new")
	for id := range c.urls {
		c.wantRead(id, "k", "", "new")
	}
}

// TestOnlyPeersSendMessages, and only who has a certificate changes the cluster.
func TestOnlyPeersSendMessages(t *testing.T) {
	dir, strange := makeCerts(t), makeCerts(t)
	c := newTLSCluster(t, dir)
	c.startFirst()
	leader := c.leader()
	follower := other(c, leader)

	anybody, customer, impostor, replica := filesOf(dir, ""), filesOf(dir, "client"), filesOf(strange, "replica"), filesOf(dir, "replica")
	impostor.ca = anybody.ca
	for name, tc := range map[string]struct {
		files                   *certFiles
		read, message, transfer int
	}{
		"anybody":    {anybody, http.StatusOK, http.StatusForbidden, http.StatusUnauthorized},
		"a client":   {customer, http.StatusOK, http.StatusForbidden, http.StatusOK},
		"a replica":  {replica, http.StatusOK, http.StatusMisdirectedRequest, http.StatusOK},
		"a stranger": {impostor, 0, 0, 0},
	} {
		for path, want := range map[string]int{
			"GET /kv/": tc.read, "POST /raft": tc.message, "GET /raft/snapshot/X": tc.message, "POST /leader?to=" + fmt.Sprint(leader): tc.transfer,
		} {
			if path == "GET /raft/snapshot/X" && want == http.StatusMisdirectedRequest {
				want = http.StatusOK // it needs no cluster
			}
			method, path, _ := strings.Cut(path, " ")
			got := -1
			until(t, "answer", func() bool {
				got = statusOf(tc.files, method, c.urls[follower]+path)
				return got != http.StatusServiceUnavailable
			})
			if got != want {
				t.Errorf("%s: %s %s: %d, want %d", name, method, path, got, want)
			}
		}
	}
	c.said.want(t, "refused a message that is not from a replica")
	c.said.want(t, `msg="refused a connection"`)
	c.said.want(t, "certificate signed by unknown authority")

	// Replicas with certificates of another authority are not let in, and notice.
	stranger := filesOf(strange, "replica")
	c.extra = []string{"-cert", stranger.cert, "-key", stranger.key, "-peer-ca", stranger.ca}
	c.join(4, leader)
	c.said.want(t, `msg="refused the certificate of a server"`)
	until(t, "the members, which are three", func() bool {
		report, ok := c.members(leader)
		return ok && len(report.Members) == 3
	})
}

// here serves HTTP over TLS in this process as replica 1 does.
func here(t *testing.T, s security) (address string, log *lines) {
	t.Helper()
	p, err := listen(options{id: 1, address: "https://127.0.0.1:0", security: s})
	must(t, err)
	l := p.clients
	server := newServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = fmt.Fprint(w, req.Proto, " ", s.identified(req.TLS))
	}))
	log = &lines{}
	server.ErrorLog = serverLog(slog.New(slog.NewTextHandler(log, nil)))
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return l.Addr().String(), log
}

// TestClientsMayNeedACertificate: without one they are refused, and the log says so once.
func TestClientsMayNeedACertificate(t *testing.T) {
	dir := makeCerts(t)
	files := filesOf(dir, "replica")
	peer := filesOf(makeCerts(t), "replica") // of an authority of their own
	caller := filesOf(dir, "")
	caller.cert, caller.key = peer.cert, peer.key
	for needed, want := range map[bool]string{false: "HTTP/1.1 " + errNoCertificate.Error(), true: ""} {
		address, log := here(t, security{clients: files, peers: peer, needClientCert: needed})
		for f, want := range map[*certFiles]string{filesOf(dir, ""): want, filesOf(dir, "client"): "HTTP/1.1 <nil>", caller: "HTTP/1.1 <nil>"} {
			var got []byte
			resp, err := f.httpClient().Get("https://" + address)
			if err == nil {
				got, err = io.ReadAll(resp.Body)
				err = errors.Join(err, resp.Body.Close())
			}
			if string(got) != want || (err == nil) != (want != "") {
				t.Errorf("needed: %v, with %q: %q, %v, want %q", needed, f.cert, got, err, want)
			}
		}
		if needed {
			_, _ = filesOf(dir, "").httpClient().Get("https://" + address)
			log.want(t, errNoCertificate.Error())
			if n := strings.Count(log.String(), "\n"); n != 1 {
				t.Errorf("%d lines: %s", n, log)
			}
		}
	}
}

// TestWhoeverGoesIsNotRefused: the line is for certificates that are not accepted.
func TestWhoeverGoesIsNotRefused(t *testing.T) {
	var log lines
	server := serverLog(slog.New(slog.NewTextHandler(&log, nil)))
	server.Print("http: TLS handshake error from 127.0.0.1:1: EOF")
	server.Print("http: TLS handshake error from 127.0.0.1:2: read tcp 127.0.0.1:3->127.0.0.1:2: reset")
	server.Print("http: TLS handshake error from 127.0.0.1:4: tls: bad certificate")
	if said := log.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, `from=127.0.0.1:4 err="tls: bad certificate"`) {
		t.Error(said)
	}
}

// TestOnlyHTTP1IsSpoken: deadlines and budgets count by connection.
func TestOnlyHTTP1IsSpoken(t *testing.T) {
	files := filesOf(makeCerts(t), "replica")
	address, _ := here(t, security{clients: files, peers: files})
	for protocol, ok := range map[string]bool{"h2": false, "http/1.1": true} {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol}})
		if (err == nil) != ok {
			t.Errorf("%s: %v", protocol, err)
		}
		if err == nil {
			must(t, conn.Close())
		}
	}
}

// TestCertificatesAreReadAgainWhenTheyChange, for the next connection. A file that is half written
// changes nothing.
func TestCertificatesAreReadAgainWhenTheyChange(t *testing.T) {
	dir := makeCerts(t)
	var log lines
	files, peer := filesOf(dir, "replica"), filesOf(dir, "replica")
	files.log = slog.New(slog.NewTextHandler(&log, nil))
	address, _ := here(t, security{clients: files, peers: peer, needClientCert: true})
	// serials are the certificates that both sides have: that of the client must be accepted.
	serials := func() (server, own string) {
		conn, err := peer.dialTLS(context.Background(), "tcp", address)
		must(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
		must(t, err)
		answer, err := io.ReadAll(conn)
		if err != nil || !bytes.Contains(answer, []byte("<nil>")) {
			t.Errorf("%q, %v", answer, err)
		}
		c, err := peer.current()
		must(t, err)
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String(), c.own[0].Leaf.SerialNumber.String()
	}
	first, own := serials()
	if own != first {
		t.Errorf("both sides have one file, and %s and %s", own, first)
	}
	if again, _ := serials(); again != first {
		t.Error("the certificate changes without its file")
	}
	for _, authority := range []bool{false, true} { // is new, too
		if authority {
			must(t, os.Remove(filepath.Join(dir, "ca.pem")))
		}
		carryOut(t, "certs", "-out", dir)
		second, own := serials()
		if second == first || second != own {
			t.Errorf("the certificates are %s and %s, the first one was %s", second, own, first)
		}
		first = second
	}
	must(t, os.WriteFile(files.cert, []byte("half"), 0o600))
	if got, _ := serials(); got != first {
		t.Error("a broken file is used")
	}
	log.want(t, "cannot read new certificates, the old ones stay in use")
	must(t, os.Remove(files.cert))
	if got, _ := serials(); got != first {
		t.Error("a file that is missing is used")
	}
}

// TestCertsMakesFilesFor the hosts that it was given, with keys that only the owner reads.
func TestCertsMakesFilesForReplicas(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	said := carryOut(t, "certs", "-out", dir, "-hosts", "host1, 10.0.0.1", "-days", "3")
	if !strings.Contains(said, "for replicas at host1, 10.0.0.1") || !strings.Contains(said, "for 3 days") {
		t.Errorf("%s", said)
	}
	must(t, os.WriteFile(filepath.Join(dir, "client-key.pem.part"), nil, 0o644)) // of a run that was broken off
	carryOut(t, "certs", "-out", dir, "-hosts", "host1, 10.0.0.1", "-days", "3")
	for _, name := range []string{"ca", "replica", "client"} {
		info, err := os.Stat(filepath.Join(dir, name+"-key.pem"))
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("the key of %s has mode %v", name, info.Mode())
		}
	}
	c, err := filesOf(dir, "replica").current()
	must(t, err)
	leaf := c.own[0].Leaf
	if err := errors.Join(leaf.VerifyHostname("host1"), leaf.VerifyHostname("10.0.0.1")); err != nil || leaf.NotAfter.Sub(leaf.NotBefore).Hours() != 73 {
		t.Errorf("%v, valid until %v", err, leaf.NotAfter)
	}
	ca, err := (&certFiles{cert: filepath.Join(dir, "ca.pem"), key: filepath.Join(dir, "ca-key.pem")}).current()
	must(t, err)
	if until := ca.own[0].Leaf.NotAfter; until.Before(leaf.NotAfter.AddDate(9, 0, 0)) {
		t.Errorf("the authority is valid until %v: it cannot renew", until)
	}
	said = carryOut(t, "certs", "-out", dir, "-days", "5000")
	end := ca.own[0].Leaf.NotAfter
	for _, name := range []string{"replica", "client"} {
		c, err := filesOf(dir, name).current()
		must(t, err)
		if got := c.own[0].Leaf.NotAfter; !got.Equal(end) || !strings.Contains(said, "until "+end.Format(time.DateOnly)+", when the authority ends") {
			t.Errorf("%s is valid until %v, the authority until %v\n%s", name, got, end, said)
		}
	}
	before, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	must(t, err)
	must(t, os.Remove(filepath.Join(dir, "ca-key.pem"))) // it may be kept elsewhere
	var stdout, stderr bytes.Buffer
	status := run([]string{"certs", "-out", dir}, &stdout, &stderr)
	after, err := os.ReadFile(filepath.Join(dir, "ca.pem"))
	if status != 1 || !strings.Contains(stderr.String(), "ca-key.pem") || err != nil || !bytes.Equal(before, after) {
		t.Errorf("without the key of the authority: status %d, %s, %v", status, stderr.String(), err)
	}
	for line, want := range map[string]int{"certs": 2, "certs -out d stray": 2, "certs -out d -days 0": 2, "certs -h": 0, "certs -out " + filepath.Join(dir, "ca.pem"): 1} {
		if status := run(strings.Fields(line), &stdout, &stderr); status != want {
			t.Errorf("%s: status %d, %s", line, status, stderr.String())
		}
	}
}

// TestAnAuthorityThatHasEndedSignsNothing: nobody would accept it.
func TestAnAuthorityThatHasEndedSignsNothing(t *testing.T) {
	c := certMaker{out: t.TempDir(), hosts: "a", days: 1}
	ca := c.template("kv authority")
	ca.NotAfter = time.Now().Add(-time.Minute)
	_, err := c.issue("ca", ca, nil)
	must(t, err)
	if err := c.run(io.Discard); err == nil || !strings.Contains(err.Error(), "has ended on") {
		t.Error(err)
	}
}

// TestRequestsUseTheFilesOfTLS: a request by another client would fail in a cluster with TLS only.
func TestRequestsUseTheFilesOfTLS(t *testing.T) {
	files, err := filepath.Glob("*.go")
	must(t, err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		must(t, err)
		for _, call := range []string{"http.DefaultClient", "http.Get(", "http.Post("} {
			if name != "tls.go" && !strings.HasSuffix(name, "_test.go") && bytes.Contains(text, []byte(call)) {
				t.Errorf("%s has %s instead of the client of security or certFiles", name, call)
			}
		}
	}
}

// TestFlagsOfTLSThatMakeNoSenseAreRefused.
func TestFlagsOfTLSThatMakeNoSenseAreRefused(t *testing.T) {
	dir := makeCerts(t)
	f, own := filesOf(dir, "replica"), filesOf(dir, "client")
	cert := "-cert " + f.cert + " -key " + f.key
	for line, want := range map[string]string{
		"-cert " + f.cert: "-cert and -key need each other",
		"-peer-key x":     "-peer-cert and -peer-key need each other",
		"-client-ca x":    "-client-ca needs -cert",
		cert + " -need-client-cert -peer-ca " + f.ca: "-need-client-cert needs -client-ca",
		cert:                        "-peer-ca needs -cert",
		"-peer-ca " + f.ca:          "-peer-ca needs -cert",
		cert + " -peer-ca none":     "none: no such file",
		cert + " -peer-ca " + f.key: "has no certificate",
		cert + " -client-ca none -peer-ca " + f.ca:                   "none: no such file",
		"-cert " + f.cert + " -key " + own.key + " -peer-ca " + f.ca: "does not match",
	} {
		var stdout, stderr bytes.Buffer
		status := run(append([]string{"-data", inData(t)}, strings.Fields(line)...), &stdout, &stderr)
		if status != 2 || !strings.Contains(stderr.String(), want) {
			t.Errorf("%s: status %d, %s; want %q", line, status, stderr.String(), want)
		}
	}
	files := security{clients: f, peers: f}
	for want, o := range map[string]options{
		"needs -cert, -key and -peer-ca": {id: 1, address: "https://127.0.0.1:0"},
		"-cert needs https://":           {id: 1, address: "http://127.0.0.1:0", security: files},
	} {
		if _, err := listen(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if l, err := listen(options{id: 1, address: "http://127.0.0.1:0", security: security{peers: f}}); err != nil || l.close() != nil {
		t.Errorf("certificates for peers only: %v", err)
	}
}

// TestReplicasFollowNoRedirects: a request may have the token of the cluster.
func TestReplicasFollowNoRedirects(t *testing.T) {
	var strays atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strays.Add(1) }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	for name, f := range map[string]*certFiles{"without files": nil, "with files": filesOf(makeCerts(t), "")} {
		c := f.httpClient()
		resp, err := c.Post(server.URL, "text/plain", strings.NewReader("value"))
		must(t, err)
		must(t, resp.Body.Close())
		c.CloseIdleConnections()
		if n := strays.Swap(0); n > 0 || resp.StatusCode != http.StatusTemporaryRedirect {
			t.Errorf("%s: %s, and %d requests go elsewhere", name, resp.Status, n)
		}
	}
}

// TestAdviceHasTheFlagsOfTLSAndTheToken: without them, the commands that it gives fail.
func TestAdviceHasTheFlagsOfTLSAndTheToken(t *testing.T) {
	dir := makeCerts(t)
	args := append(tlsArgs(dir), "-token-file", tokenIn(t, "secret"), "-need-client-cert")
	var stdout, stderr bytes.Buffer
	status := run(append([]string{"-id", "3", "-data", t.TempDir(), "-cluster", "3=https://127.0.0.1:1"}, args...), &stdout, &stderr)
	for _, line := range []string{"=https://127.0.0.1:1 -bootstrap", "-address http://HOST:PORT"} {
		_, rest, _ := strings.Cut(stderr.String(), line)
		rest, _, _ = strings.Cut(rest, "\n")
		for _, arg := range args {
			if !strings.Contains(rest+" ", " "+arg+" ") {
				t.Errorf("status %d: %s is not behind %s in\n%s", status, arg, line, &stderr)
			}
		}
	}
}
