package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	kvclient "github.com/ffd200af/raft/examples/kv/client"
	"github.com/ffd200af/raft/examples/kv/internal/wire"
)

// openShared is the request of a connection of many requests.
var openShared = fmt.Sprintf(
	"POST %s HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n",
	wire.Path, wire.Protocol)

// sharedConn is a client's end of such a connection.
type sharedConn struct {
	net.Conn
	t      *testing.T
	frames wire.Reader
}

func (p *pipes) share(t *testing.T) *sharedConn {
	t.Helper()
	conn := p.dial()
	_, err := io.WriteString(conn, openShared)
	must(t, err)
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	must(t, err)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatal(resp.Status)
	}
	return &sharedConn{conn, t, wire.Reader{From: in, Max: wire.MaxFrame}}
}

// send writes requests.
func (c *sharedConn) send(all ...wire.Request) {
	c.t.Helper()
	for i := range all {
		_, err := c.Write(all[i].AppendFrame(nil))
		must(c.t, err)
	}
}

// next reads an answer.
func (c *sharedConn) next() (a wire.Answer, err error) {
	b, err := c.frames.Next()
	if err == nil {
		err = a.Decode(b)
	}
	return a, err
}

// answer sends a request and reads its answer.
func (c *sharedConn) answer(q wire.Request) wire.Answer {
	c.t.Helper()
	c.send(q)
	a, err := c.next()
	must(c.t, err)
	if a.ID != q.ID {
		c.t.Fatalf("the answer to %d comes for %d", a.ID, q.ID)
	}
	return a
}

// TestARequestThatSharesIsAnsweredAsOneOfHTTP: the same handlers refuse it and answer it.
func TestARequestThatSharesIsAnsweredAsOneOfHTTP(t *testing.T) {
	r := startHere(t, 1)[1]
	r.insist(t, http.MethodPut, "/kv/k", "v")
	r.insist(t, http.MethodPut, "/kv/large", strings.Repeat("v", maxValue))
	transport := kvclient.NewTransport(nil)
	defer transport.CloseIdleConnections()
	shared, alone := &http.Client{Transport: transport}, &http.Client{Transport: &http.Transport{}}
	defer alone.CloseIdleConnections()
	for i, tc := range []struct{ method, path, header, body string }{
		{"GET", "/kv/k", "", ""}, {"HEAD", "/kv/k", "", ""}, {"GET", "/kv/none", "", ""}, {"GET", "/kv/k?stale", "", ""},
		{"GET", "/kv/k?unknown", "", ""}, {"GET", "/kv/large", "", ""}, {"GET", "/kv/a//b", "", ""}, {"GET", "/kv/%zz", "", ""},
		{"PUT", "/kv/k?expect=other", "", "x"}, {"PUT", "/kv/k?absent", "", ""}, {"PUT", "/kv/k", "If-None-Match", "x"}, {"POST", "/kv/k", "", "x"},
		{"PUT", "/kv/" + strings.Repeat("k", maxKey+1), "", "v"}, {"DELETE", "/kv/none?expect=v", "", ""}, {"PUT", "/kv/k", "Kv-Session", "x"},
		{"GET", "/kv/k", "Kv-Cluster", ""}, {"GET", "/kv/k", "Kv-At-Least", ""}, {"DELETE", "/session/x", "", ""}, {"GET", "/session", "", ""},
		{"PUT", "/kv/k", "Sec-Fetch-Site", "x"}, {"GET", "/kv/k", "If-None-Match", ""}, {"GET", "/kv", "", ""}, {"GET", "/kv/?limit=1", "", ""},
	} {
		ask := func(c *http.Client) (text string) {
			until(t, fmt.Sprintf("%d: %s %.20s", i, tc.method, tc.path), func() bool {
				req, err := http.NewRequest(tc.method, r.opts.address+tc.path, strings.NewReader(tc.body))
				if err != nil {
					text = err.Error()
					return true
				}
				if tc.header != "" {
					req.Header.Set(tc.header, "*")
				}
				resp, err := c.Do(req)
				must(t, err)
				body, err := io.ReadAll(resp.Body)
				must(t, errors.Join(err, resp.Body.Close()))
				text = fmt.Sprint(resp.StatusCode, " ", string(body))
				for _, name := range []string{headerCluster, headerRead, headerTag, "Content-Type", "Allow"} {
					text += fmt.Sprint("\n", name, ": ", resp.Header.Get(name))
				}
				return resp.StatusCode != http.StatusServiceUnavailable
			})
			return text
		}
		if got, want := ask(shared), ask(alone); got != want {
			t.Errorf("%s %.20s: %.300s\nwant %.300s", tc.method, tc.path, got, want)
		}
	}
}

// TestASharedConnectionHasBounds: whoever stops to send or to read loses it, and so does whoever
// sends what is no request.
func TestASharedConnectionHasBounds(t *testing.T) {
	whole := string((&wire.Request{ID: 1, Method: "GET", Target: "/kv/k"}).AppendFrame(nil))
	for name, tc := range map[string]struct {
		sends string
		after time.Duration
	}{
		"nothing":         {"", time.Second + idleTimeout},
		"half a head":     {whole[:3], headerTimeout},
		"half a request":  {whole[:len(whole)-2], headerTimeout},
		"a large request": {head(wire.MaxFrame + 1), 0},
		"a wrong sum":     {strings.ToUpper(whole), 0},
		"no request":      {frame(t, "12345678"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *replica, p *pipes) {
				conn := p.share(t)
				begun := time.Now()
				_, err := io.WriteString(conn, tc.sends)
				must(t, err)
				if a, err := conn.next(); err == nil || time.Since(begun) != tc.after {
					t.Errorf("%+v, %v after %v, want the end after %v", a, err, time.Since(begun), tc.after)
				}
				synctest.Wait()
				if len(r.streams.open) > 0 || len(r.clientBytes.units) > 0 {
					t.Errorf("%d connections and %d units are left", len(r.streams.open), len(r.clientBytes.units))
				}
			})
		})
	}
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		conn := p.share(t) // it reads no answer
		conn.send(wire.Request{ID: 1, Method: "GET", Target: "/status/none"}, wire.Request{ID: 2, Method: "GET", Target: "/x"})
		time.Sleep(answerTimeout + time.Millisecond)
		synctest.Wait()
		if len(r.streams.open) > 0 {
			t.Error("a client that does not read keeps its connection")
		}
	})
}

// frame is a frame with a text.
func frame(t *testing.T, text string) string {
	var b strings.Builder
	must(t, wire.WriteFrame(&b, []byte(text)))
	return b.String()
}

// TestRequestsThatShareAreBounded in number and in bytes, and each has its time.
func TestRequestsThatShareAreBounded(t *testing.T) {
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		conn := p.share(t)
		begun := time.Now()
		go func() { // nobody confirms these reads
			for id := range uint64(maxShared + 10) {
				_, _ = conn.Write((&wire.Request{ID: id, Method: "GET", Target: "/kv/k"}).AppendFrame(nil))
			}
		}()
		synctest.Wait()
		if n := r.loop.reads.waiting(); n != maxShared {
			t.Errorf("%d requests are under way", n)
		}
		for range maxShared {
			if a, err := conn.next(); err != nil || a.Status != http.StatusServiceUnavailable || time.Since(begun) != r.opts.timeout {
				t.Errorf("%+v, %v after %v", a, err, time.Since(begun))
			}
		}
		synctest.Wait()
		if n := r.loop.reads.waiting(); n != maxShared+10 {
			t.Errorf("%d reads have come", n)
		}
		must(t, conn.Close())
	})
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		conn := p.share(t)
		begun := time.Now()
		a := conn.answer(wire.Request{ID: 1, Method: "GET", Target: "/kv/k", Within: 300 * time.Millisecond})
		if took := time.Since(begun); a.Status != http.StatusServiceUnavailable || took != 300*time.Millisecond {
			t.Errorf("%+v after %v", a, took)
		}
		conn.send(wire.Request{ID: 2, Method: "GET", Target: "/kv/k", Body: make([]byte, 5*budgetUnit)})
		synctest.Wait()
		if n := len(r.clientBytes.units); n != 6 {
			t.Errorf("a request of 20 KiB takes %d units", n)
		}
		release, err := r.clientBytes.take(t.Context(), int64(cap(r.clientBytes.units)-6)*budgetUnit)
		must(t, err)
		conn.send(wire.Request{ID: 3, Method: "GET", Target: "/kv/k"})
		synctest.Wait()
		if n := r.loop.reads.waiting(); n != 2 {
			t.Errorf("%d reads have come, the last one without room", n)
		}
		release()
		synctest.Wait()
		if n := r.loop.reads.waiting(); n != 3 {
			t.Errorf("%d reads have come", n)
		}
		must(t, conn.Close())
		synctest.Wait()
		if n := len(r.clientBytes.units); n != 0 {
			t.Errorf("%d units are not given back when the client has gone", n)
		}
	})
}

// TestARequestWithoutRoomIsRefusedAlone when its time is over: the connection goes on.
func TestARequestWithoutRoomIsRefusedAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		conn := p.share(t)
		release, err := r.clientBytes.take(t.Context(), clientBytes)
		must(t, err)
		for id := range uint64(3) {
			begun := time.Now()
			a := conn.answer(wire.Request{ID: id, Method: "GET", Target: "/kv/k", Body: make([]byte, wire.MaxBody)})
			if took := time.Since(begun); a.Status != http.StatusServiceUnavailable || string(a.Body) != errBusy.Error()+"\n" || took != r.opts.timeout {
				t.Errorf("%d %q after %v", a.Status, a.Body, took)
			}
		}
		if n := r.loop.reads.waiting(); n != 0 {
			t.Errorf("%d reads have come without room", n)
		}
		release()
		if a := conn.answer(wire.Request{ID: 4, Method: "GET", Target: "/x"}); a.Status != http.StatusNotFound {
			t.Errorf("with room: %d %q", a.Status, a.Body)
		}
		must(t, conn.Close())
	})
}

// TestARequestThatWaitsForAPlaceHasItsTimeAfterwards: the client may send the rest of it then.
func TestARequestThatWaitsForAPlaceHasItsTimeAfterwards(t *testing.T) {
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		conn := p.share(t)
		slow := wire.Request{ID: 1, Method: "GET", Target: "/kv/k"} // nobody confirms this read
		for range maxShared {
			conn.send(slow)
		}
		last := (&wire.Request{ID: 2, Method: "GET", Target: "/x"}).AppendFrame(nil)
		_, err := conn.Write(last[:wire.HeadSize+1])
		must(t, err)
		for range maxShared {
			_, err := conn.next()
			must(t, err)
		}
		time.Sleep(headerTimeout - time.Millisecond)
		_, err = conn.Write(last[wire.HeadSize+1:])
		must(t, err)
		if a, err := conn.next(); err != nil || a.ID != 2 {
			t.Errorf("%+v, %v", a, err)
		}
		must(t, conn.Close())
	})
}

// TestASharedConnectionEndsWithItsReplica.
func TestASharedConnectionEndsWithItsReplica(t *testing.T) {
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		conn := p.share(t)
		r.streams.close()
		if _, err := conn.next(); err == nil {
			t.Error("it goes on")
		}
		late := p.dial()
		go func() { _, _ = io.WriteString(late, openShared) }()
		if b, err := io.ReadAll(late); err != nil || len(b) > 0 {
			t.Errorf("%q, %v", b, err)
		}
	})
}

// TestAPanicEndsTheConnection and not the replica.
func TestAPanicEndsTheConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		conn := p.share(t)
		r.loop.members.Store(nil) // status needs them
		r.loop.counters = nil
		conn.send(wire.Request{ID: 1, Method: "GET", Target: "/kv/k", Within: time.Millisecond})
		if a, err := conn.next(); err == nil {
			t.Errorf("%+v", a)
		}
	})
}

// TestARequestThatSharesHasTheRightsOfItsConnection: its certificate, and its own token.
func TestARequestThatSharesHasTheRightsOfItsConnection(t *testing.T) {
	var seen *tls.ConnectionState
	r := bareReplica()
	state := &tls.ConnectionState{ServerName: "h"}
	s := &requestStream{replica: r, begun: &http.Request{Host: "h", RemoteAddr: "a:1", TLS: state}, ctx: context.Background(), out: wire.NewOutbox()}
	s.handler = http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		seen = req.TLS
		if req.RemoteAddr != "a:1" || req.Host != "h" || req.Header.Get("Authorization") != "Bearer x" {
			t.Errorf("%+v", req)
		}
	})
	s.respond(&sharedRequest{Request: wire.Request{Method: "GET", Target: "/status", Header: http.Header{"Authorization": {"Bearer x"}}}})
	if seen != state {
		t.Error("the request does not have the certificate of its connection")
	}
	seen = nil
	s.respond(&sharedRequest{Request: wire.Request{Method: "GET", Target: "/raft"}})
	s.respond(&sharedRequest{Request: wire.Request{Method: "GET", Target: "/backup"}})
	if seen != nil {
		t.Error("a request is handled that must not share a connection")
	}
}

// TestManyClientsShareAConnection to real replicas, and lose nothing.
func TestManyClientsShareAConnection(t *testing.T) {
	r := follower(t, startHere(t, 3))
	transport := kvclient.NewTransport(nil)
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport}
	ask := func(method, path, body string) (answer string) {
		until(t, method+" "+path, func() bool {
			req, err := http.NewRequest(method, r.opts.address+path, strings.NewReader(body))
			must(t, err)
			resp, err := c.Do(req)
			if err != nil {
				return false
			}
			b, err := io.ReadAll(resp.Body)
			answer = string(b)
			return errors.Join(err, resp.Body.Close()) == nil && resp.StatusCode < 300
		})
		return answer
	}
	var wg sync.WaitGroup
	for i := range 2 * maxShared {
		wg.Go(func() {
			path, value := fmt.Sprint("/kv/", i), strings.Repeat(fmt.Sprint(i, " "), 1000)
			ask(http.MethodPut, path, value)
			if got := ask(http.MethodGet, path, ""); got != value {
				t.Errorf("%s has %.20q", path, got)
			}
		})
	}
	wg.Wait()
}
