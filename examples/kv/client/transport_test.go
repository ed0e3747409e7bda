package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ffd200af/raft/examples/kv/internal/wire"
)

// sharer is a replica that takes shared connections. answer returns nil for a request without an
// answer.
type sharer struct {
	*Transport
	conns  atomic.Int32 // that were opened
	last   net.Conn     // the replica's end
	status int          // of the answer to an upgrade
	answer func(q *wire.Request) *wire.Answer
}

// newSharer makes a transport whose connections lead to s.
func newSharer(answer func(q *wire.Request) *wire.Answer) *sharer {
	s := &sharer{Transport: NewTransport(nil), status: http.StatusSwitchingProtocols, answer: answer}
	s.Transport.alone.DialContext = func(context.Context, string, string) (net.Conn, error) {
		if s.status == 0 {
			return nil, &net.OpError{Op: "dial", Err: errors.New("nobody listens")}
		}
		here, there := net.Pipe()
		s.conns.Add(1)
		s.last = there
		go s.serve(there)
		return here, nil
	}
	return s
}

func (s *sharer) serve(conn net.Conn) {
	in := bufio.NewReader(conn)
	req, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	if req.URL.Path != wire.Path {
		body, _ := io.ReadAll(req.Body)
		resp := http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Body: io.NopCloser(bytes.NewReader(append([]byte("alone "), body...)))}
		_ = resp.Write(conn)
		_ = conn.Close()
		return
	}
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n", s.status)
	frames := wire.Reader{From: in, Max: wire.MaxFrame}
	for {
		b, err := frames.Next()
		q := &wire.Request{}
		if err != nil || q.Decode(b) != nil {
			return
		}
		if a := s.answer(q); a != nil {
			a.ID = q.ID
			if _, err := conn.Write(a.AppendFrame(nil)); err != nil {
				return
			}
		}
	}
}

// open is the number of connections that the transport keeps.
func (s *sharer) open() int {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines)
}

// echo answers with what the replica has got.
func echo(q *wire.Request) *wire.Answer {
	return &wire.Answer{Status: http.StatusOK, Header: q.Header, Body: fmt.Appendf(nil, "%s %s %s", q.Method, q.Target, q.Body)}
}

// get sends a request and returns the body of the answer.
func (s *sharer) get(ctx context.Context, method, path, body string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://r1"+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Name", "value")
	resp, err := (&http.Client{Transport: s.Transport}).Do(req)
	if err != nil {
		return "", err
	}
	answer, err := io.ReadAll(resp.Body)
	return string(answer), errors.Join(err, resp.Body.Close())
}

func sharing(
	t *testing.T, answer func(q *wire.Request) *wire.Answer,
	f func(t *testing.T, ctx context.Context, s *sharer),
) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		s := newSharer(answer)
		f(t, ctx, s)
		s.CloseIdleConnections()
		time.Sleep(2 * idleTime)
	})
}

func TestRequestsShareAConnection(t *testing.T) {
	sharing(t, echo, func(t *testing.T, ctx context.Context, s *sharer) {
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				body := fmt.Sprint("body", i)
				got, err := s.get(ctx, http.MethodPut, fmt.Sprint("/kv/a%2Fb?n=", i), body)
				if want := fmt.Sprintf("PUT /kv/a%%2Fb?n=%d %s", i, body); err != nil || got != want {
					t.Errorf("%q, %v, want %q", got, err, want)
				}
			})
		}
		wg.Wait()
		if n := s.conns.Load(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestAnswersComeInAnyOrder: a request that waits does not hold up the next.
func TestAnswersComeInAnyOrder(t *testing.T) {
	sharing(t, nil, func(t *testing.T, ctx context.Context, s *sharer) {
		var first uint64
		s.answer = func(q *wire.Request) *wire.Answer {
			if q.Target == "/kv/slow" {
				first = q.ID
				return nil
			}
			late := &wire.Answer{ID: first, Status: http.StatusOK, Body: []byte("late")}
			_, _ = s.last.Write(echo(&wire.Request{ID: 77, Target: "nobody's"}).AppendFrame(nil))
			go func() { time.Sleep(time.Second); _, _ = s.last.Write(late.AppendFrame(nil)) }()
			return echo(q)
		}
		slow := make(chan string)
		go func() {
			got, err := s.get(ctx, http.MethodGet, "/kv/slow", "")
			if err != nil {
				t.Error(err)
			}
			slow <- got
		}()
		synctest.Wait()
		if got, err := s.get(ctx, http.MethodGet, "/kv/fast", ""); err != nil || got != "GET /kv/fast " {
			t.Errorf("%q, %v", got, err)
		}
		if got := <-slow; got != "late" {
			t.Error(got)
		}
	})
}

// TestWhatMayNotShareHasAConnectionOfItsOwn: what is large, or may have a large answer.
func TestWhatMayNotShareHasAConnectionOfItsOwn(t *testing.T) {
	large := strings.Repeat("v", wire.MaxBody+1)
	sharing(t, echo, func(t *testing.T, ctx context.Context, s *sharer) {
		for path, body := range map[string]string{
			"/kv/": "", "/backup": "", "/members": "{}", "/kv/k": large, "/kv/" + large: "",
		} {
			if got, err := s.get(ctx, http.MethodPut, path, body); err != nil || got != "alone "+body {
				t.Errorf("%.20s: %.30q, %v", path, got, err)
			}
		}
		for size, want := range map[int]string{maxHead: "alone v", maxHead - 100: "PUT /kv/k v"} {
			req, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://r1/kv/k", strings.NewReader("v"))
			must(t, err)
			req.Header.Set("Name", large[:size])
			resp, err := s.RoundTrip(req)
			must(t, err)
			if got, err := io.ReadAll(resp.Body); err != nil || string(got) != want {
				t.Errorf("a header of %d bytes: %q, %v", size, got, err)
			}
			must(t, resp.Body.Close())
		}
		s.answer = func(*wire.Request) *wire.Answer { return &wire.Answer{Status: wire.StatusAlone} }
		if got, err := s.get(ctx, http.MethodGet, "/kv/k", ""); err != nil || got != "alone " {
			t.Errorf("a large answer: %q, %v", got, err)
		}
		s.answer = echo
		s.Transport.alone.Proxy = func(*http.Request) (*url.URL, error) { return &url.URL{Scheme: "http", Host: "proxy"}, nil }
		if got, err := s.get(ctx, http.MethodGet, "/kv/k", ""); err != nil || got != "alone " {
			t.Errorf("through a proxy: %q, %v", got, err)
		}
		s.Transport.alone.Proxy = nil
		if got, err := s.get(ctx, http.MethodPut, "/kv/k", large[1:]); err != nil || got != "PUT /kv/k "+large[1:] {
			t.Errorf("the largest value: %.30q, %v", got, err)
		}
	})
}

// TestAReplicaThatDoesNotShareIsAskedAsUsual, and asked again to share after a while.
func TestAReplicaThatDoesNotShareIsAskedAsUsual(t *testing.T) {
	sharing(t, echo, func(t *testing.T, ctx context.Context, s *sharer) {
		s.status = http.StatusNotFound
		for range 3 {
			if got, err := s.get(ctx, http.MethodPut, "/kv/k", "v"); err != nil || got != "alone v" {
				t.Errorf("%q, %v", got, err)
			}
		}
		if n := s.conns.Load(); n != 4 { // one was to be shared
			t.Errorf("%d connections", n)
		}
		s.status = http.StatusSwitchingProtocols
		time.Sleep(refusedTime)
		synctest.Wait()
		if got, err := s.get(ctx, http.MethodPut, "/kv/k", "v"); err != nil || got != "PUT /kv/k v" {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// TestAConnectionThatEndsIsReplaced. Those who wait hear of its end.
func TestAConnectionThatEndsIsReplaced(t *testing.T) {
	sharing(t, echo, func(t *testing.T, ctx context.Context, s *sharer) {
		s.answer = func(q *wire.Request) *wire.Answer {
			if q.Target == "/kv/break" {
				_ = s.last.Close()
				return nil
			}
			return echo(q)
		}
		for range 3 {
			if _, err := s.get(ctx, http.MethodGet, "/kv/break", ""); err == nil || ctx.Err() != nil {
				t.Errorf("an answer on a broken connection: %v", err)
			}
			if got, err := s.get(ctx, http.MethodGet, "/kv/k", ""); err != nil || got != "GET /kv/k " {
				t.Errorf("%q, %v", got, err)
			}
		}
		s.CloseIdleConnections()
		s.status = 0
		dial := (*net.OpError)(nil)
		if _, err := s.get(ctx, http.MethodGet, "/kv/k", ""); !errors.As(err, &dial) || dial.Op != "dial" {
			t.Errorf("nobody listens: %v", err)
		}
		s.status = http.StatusSwitchingProtocols
		if got, err := s.get(ctx, http.MethodGet, "/kv/k", ""); err != nil || got != "GET /kv/k " {
			t.Errorf("%q, %v", got, err)
		}
	})
}

// TestASilentConnectionIsGivenUp when a request has waited in vain, unless it answers others.
func TestASilentConnectionIsGivenUp(t *testing.T) {
	sharing(t, func(*wire.Request) *wire.Answer { return nil }, func(t *testing.T, ctx context.Context, s *sharer) {
		try := func(wait time.Duration) {
			t.Helper()
			soon, cancel := context.WithTimeout(ctx, wait)
			defer cancel()
			if _, err := s.get(soon, http.MethodGet, "/kv/silent", ""); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		}
		conns := func(want int32) {
			t.Helper()
			if n := s.conns.Load(); n != want {
				t.Errorf("%d connections, want %d", n, want)
			}
		}
		try(silentTime / 2) // too short to say
		try(silentTime)
		conns(1)
		for range 5 { // none waits for long
			try(silentTime / 4)
		}
		conns(3)
		synctest.Wait()
		s.answer = func(q *wire.Request) *wire.Answer {
			if q.Target == "/kv/silent" {
				return nil
			}
			return echo(q)
		}
		waits := make(chan struct{})
		go func() { try(2 * silentTime); close(waits) }()
		time.Sleep(silentTime)
		for range 2 {
			if _, err := s.get(ctx, http.MethodGet, "/kv/k", ""); err != nil {
				t.Error(err)
			}
		}
		<-waits
		_, _ = s.get(ctx, http.MethodGet, "/kv/k", "")
		conns(3)
		time.Sleep(silentTime)
		try(silentTime / 2) // it begins anew after an answer
		_, _ = s.get(ctx, http.MethodGet, "/kv/k", "")
		conns(3)
	})
}

// TestAReplicaHearsHowLongAClientWaits.
func TestAReplicaHearsHowLongAClientWaits(t *testing.T) {
	var within time.Duration
	sharing(t, func(q *wire.Request) *wire.Answer {
		within = q.Within
		return echo(q)
	}, func(t *testing.T, ctx context.Context, s *sharer) {
		soon, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		if _, err := s.get(soon, http.MethodGet, "/kv/k", ""); err != nil || within != 3*time.Second {
			t.Errorf("%v, %v", within, err)
		}
		if _, err := s.get(context.Background(), http.MethodGet, "/kv/k", ""); err != nil || within != 0 {
			t.Errorf("without a bound: %v, %v", within, err)
		}
	})
}

// TestAnIdleConnectionIsClosed, and not one on which a request waits.
func TestAnIdleConnectionIsClosed(t *testing.T) {
	sharing(t, echo, func(t *testing.T, ctx context.Context, s *sharer) {
		for range 5 {
			_, err := s.get(ctx, http.MethodGet, "/kv/k", "")
			must(t, err)
			time.Sleep(idleTime / 3)
		}
		if n := s.conns.Load(); n != 1 {
			t.Errorf("%d connections while it is used", n)
		}
		time.Sleep(idleTime)
		if s.open() != 0 {
			t.Error("an idle connection is kept")
		}
		s.answer = func(*wire.Request) *wire.Answer { return nil }
		ended := make(chan error)
		go func() {
			_, err := s.get(ctx, http.MethodGet, "/kv/k", "")
			ended <- err
		}()
		time.Sleep(3 * idleTime)
		s.CloseIdleConnections()
		if s.open() != 1 || len(ended) > 0 {
			t.Error("a connection is closed while a request waits")
		}
		must(t, s.last.Close())
		if err := <-ended; err == nil {
			t.Error("an answer out of nowhere")
		}
	})
}

// TestARequestToAConnectionThatHasJustEndedGoesToTheNext: nothing of it was sent.
func TestARequestToAConnectionThatHasJustEndedGoesToTheNext(t *testing.T) {
	sharing(t, echo, func(t *testing.T, ctx context.Context, s *sharer) {
		here, _ := net.Pipe()
		ended := &line{Transport: s.Transport, at: "http://r1", ready: make(chan struct{}), conn: here, err: errIdle}
		s.lines[ended.at] = ended
		got := make(chan string)
		go func() {
			text, err := s.get(ctx, http.MethodPut, "/kv/k", "v")
			got <- fmt.Sprint(text, err)
		}()
		synctest.Wait()
		s.forget(ended)
		close(ended.ready)
		if text := <-got; text != "PUT /kv/k v<nil>" {
			t.Error(text)
		}
	})
}

// TestAConnectionThatIsBeingOpenedIsNotIdle: a request waits for it.
func TestAConnectionThatIsBeingOpenedIsNotIdle(t *testing.T) {
	sharing(t, echo, func(t *testing.T, ctx context.Context, s *sharer) {
		dial, dials := s.alone.DialContext, make(chan struct{})
		s.alone.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			<-dials
			return dial(ctx, network, address)
		}
		got := make(chan string)
		go func() {
			text, err := s.get(ctx, http.MethodPut, "/kv/k", "v")
			got <- fmt.Sprint(text, err)
		}()
		synctest.Wait()
		s.CloseIdleConnections()
		close(dials)
		if text := <-got; text != "PUT /kv/k v<nil>" {
			t.Error(text)
		}
		if n := s.conns.Load(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestBothKindsOfConnectionsMayBeOpenedAtOnce. The race detector watches it.
func TestBothKindsOfConnectionsMayBeOpenedAtOnce(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	transport := NewTransport(server.Client().Transport.(*http.Transport).TLSClientConfig)
	defer transport.CloseIdleConnections()
	var wg sync.WaitGroup
	for _, path := range []string{"/kv/k", "/kv/"} {
		wg.Go(func() {
			resp, err := (&http.Client{Transport: transport}).Get(server.URL + path)
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
		})
	}
	wg.Wait()
}
