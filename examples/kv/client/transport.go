package client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/ffd200af/raft/examples/kv/internal/wire"
)

// Transport is an http.RoundTripper whose requests to a replica share one connection. Requests that
// are ready together are written together, and so are their answers. That takes less than half the
// CPU time of a connection for each request. Listings, values of more than 64 KiB, requests through
// a proxy and requests to a replica that does not share connections travel as usual.
//
// A Transport may be used by several goroutines at once.
type Transport struct {
	alone  *http.Transport
	config *tls.Config // alone changes its own when it is first used

	mu    sync.Mutex
	lines map[string]*line // by scheme and host
}

const (
	// writeTime bounds a write to a shared connection.
	writeTime = 10 * time.Second
	// silentTime is how long a connection may be silent after a request. When a request is given
	// up then, the connection is closed: the network may have lost it.
	silentTime = time.Second
	// refusedTime is how long a replica is not asked again that does not share connections.
	refusedTime = 10 * time.Second
	// maxHead bounds the bytes of the target and the header of a request. A frame has a little more
	// room than that, and the largest body.
	maxHead = wire.MaxFrame - wire.MaxBody - 1<<10
	// idleTime is how long a connection is kept without requests. Replicas keep it longer.
	idleTime = 45 * time.Second
)

// NewTransport makes a Transport. The configuration is for https, and is copied; it may be nil.
func NewTransport(config *tls.Config) *Transport {
	return &Transport{
		config: config.Clone(),
		alone: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: dialTime}).DialContext, TLSHandshakeTimeout: dialTime,
			TLSClientConfig: config.Clone(), ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64, IdleConnTimeout: idleTime,
		},
		lines: map[string]*line{},
	}
}

// CloseIdleConnections closes the connections on which no request waits.
func (t *Transport) CloseIdleConnections() {
	t.alone.CloseIdleConnections()
	t.mu.Lock()
	lines := slices.Collect(maps.Values(t.lines))
	t.mu.Unlock()
	for _, l := range lines {
		select {
		case <-l.ready:
			l.endIfIdle(0)
		default: // the request that has it opened waits
		}
	}
}

// RoundTrip sends a request and returns the answer, whose body is in memory.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	if !t.mayShare(req) {
		return t.alone.RoundTrip(req)
	}
	q, err := encode(req)
	if err != nil {
		return nil, err
	}
	for {
		l, err := t.connected(req)
		if err != nil {
			return nil, err
		}
		switch a, err := l.ask(req.Context(), q); {
		case errors.Is(err, errNotSent): // it has ended since; ask on the next one
		case err != nil:
			return nil, err
		case a.Status == wire.StatusAlone:
			again := *req
			again.Body = io.NopCloser(bytes.NewReader(q.Body))
			return t.alone.RoundTrip(&again)
		default:
			return response(req, a), nil
		}
	}
}

func response(req *http.Request, a *wire.Answer) *http.Response {
	return &http.Response{
		Status: fmt.Sprint(a.Status, " ", http.StatusText(a.Status)), StatusCode: a.Status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.Header, Body: io.NopCloser(bytes.NewReader(a.Body)), ContentLength: int64(len(a.Body)), Request: req,
	}
}

// mayShare reports whether a request is one for a shared connection.
func (t *Transport) mayShare(req *http.Request) bool {
	hasBody := req.Body != nil && req.Body != http.NoBody
	switch {
	case !wire.MayShare(req.URL.Path), req.Header.Get("Upgrade") != "":
		return false
	case hasBody && req.ContentLength <= 0, req.ContentLength > wire.MaxBody, headSize(req) > maxHead:
		return false
	}
	if t.alone.Proxy == nil {
		return true
	}
	proxy, err := t.alone.Proxy(req)
	return proxy == nil && err == nil
}

// headSize is about the number of bytes of a request's target and header in a frame, and not less.
func headSize(req *http.Request) int {
	size := len(req.URL.RequestURI())
	for name, values := range req.Header {
		for _, value := range values {
			size += len(name) + len(value) + 2*binary.MaxVarintLen32
		}
	}
	return size
}

// encode returns what is sent of a request.
func encode(req *http.Request) (*wire.Request, error) {
	q := &wire.Request{Method: req.Method, Target: req.URL.RequestURI(), Header: req.Header}
	if q.Method == "" {
		q.Method = http.MethodGet
	}
	if end, bounded := req.Context().Deadline(); bounded {
		q.Within = min(max(time.Until(end), time.Millisecond), time.Hour)
	}
	if req.Body == nil || req.Body == http.NoBody {
		return q, nil
	}
	q.Body = make([]byte, req.ContentLength)
	_, err := io.ReadFull(req.Body, q.Body)
	return q, errors.Join(err, req.Body.Close())
}

// line is a connection that requests share.
type line struct {
	*Transport
	at    string        // scheme and host
	ready chan struct{} // closed when it is connected, or refused is set, or err
	// refused: the replica does not share connections.
	refused bool
	conn    net.Conn
	out     *wire.Outbox
	ended   chan struct{} // closed after err is set

	mu      sync.Mutex
	err     error // why nothing is sent any more
	waiting map[uint64]chan<- *wire.Answer
	last    uint64    // number of a request
	asked   time.Time // when it was sent
	// silent is when the first request was sent after the last answer came; zero if none was.
	silent time.Time
}

// errNotSent is the error of a request to a connection that had ended before.
var errNotSent = errors.New("the connection had ended")

// connected returns a connection that is ready, or one that is refused.
func (t *Transport) connected(req *http.Request) (*line, error) {
	l := t.line(req)
	select {
	case <-l.ready:
	case <-req.Context().Done():
		return nil, req.Context().Err()
	}
	if l.conn == nil && !l.refused {
		return nil, l.err
	}
	return l, nil
}

// line returns the connection for a request, which may not be ready yet.
func (t *Transport) line(req *http.Request) *line {
	at := req.URL.Scheme + "://" + req.URL.Host
	t.mu.Lock()
	defer t.mu.Unlock()
	l := t.lines[at]
	if l == nil {
		l = &line{
			Transport: t, at: at, ready: make(chan struct{}), out: wire.NewOutbox(), ended: make(chan struct{}),
			waiting: map[uint64]chan<- *wire.Answer{},
		}
		t.lines[at] = l
		go l.connect()
	}
	return l
}

// forget has the next request open another connection.
func (t *Transport) forget(l *line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines[l.at] == l {
		delete(t.lines, l.at)
	}
}

// connect opens the connection and serves it to its end.
func (l *line) connect() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*dialTime)
	defer cancel()
	conn, answers, err := l.open(ctx)
	switch {
	case err != nil:
		l.end(err)
		close(l.ready)
		return
	case conn == nil:
		l.refused = true
		close(l.ready)
		time.AfterFunc(refusedTime, func() { l.forget(l) })
		return
	}
	l.conn = conn
	close(l.ready)
	go func() { l.end(l.out.Run(conn, writeTime, l.ended, func(int) {})) }()
	go l.watchIdle()
	l.end(l.receive(answers))
}

// open dials and asks for a shared connection. It returns none if the replica refuses.
func (l *line) open(ctx context.Context) (net.Conn, *bufio.Reader, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.at+wire.Path, http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	conn, err := l.dial(ctx, req)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", wire.Protocol)
	answers := bufio.NewReaderSize(conn, 32<<10)
	end, _ := ctx.Deadline()
	if err = errors.Join(conn.SetDeadline(end), req.Write(conn)); err == nil {
		var resp *http.Response
		if resp, err = http.ReadResponse(answers, req); err == nil && resp.StatusCode == http.StatusSwitchingProtocols {
			return conn, answers, conn.SetDeadline(time.Time{})
		}
	}
	_ = conn.Close()
	return nil, nil, err
}

func (l *line) dial(ctx context.Context, req *http.Request) (net.Conn, error) {
	host := req.URL.Host
	if req.URL.Port() == "" {
		host = net.JoinHostPort(req.URL.Hostname(), req.URL.Scheme)
	}
	conn, err := l.alone.DialContext(ctx, "tcp", host)
	if err != nil || req.URL.Scheme == "http" {
		return conn, err
	}
	config := l.config.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	if config.ServerName == "" {
		config.ServerName = req.URL.Hostname()
	}
	config.NextProtos = []string{"http/1.1"}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// receive gives answers to those who wait for them.
func (l *line) receive(answers *bufio.Reader) error {
	frames := wire.Reader{From: answers, Max: wire.MaxFrame}
	for {
		b, err := frames.Next()
		if err != nil {
			return err
		}
		a := &wire.Answer{}
		if err := a.Decode(b); err != nil {
			return err
		}
		l.mu.Lock()
		to := l.waiting[a.ID]
		delete(l.waiting, a.ID)
		l.silent = time.Time{}
		l.mu.Unlock()
		if to != nil {
			to <- a // it has room
		}
	}
}

// end ends the connection. Those who wait get the error.
func (l *line) end(err error) { l.endIf(err, func() bool { return true }) }

// endIf ends the connection under a condition.
func (l *line) endIf(err error, condition func() bool) {
	l.mu.Lock()
	ends := l.err == nil && condition()
	if ends {
		l.err = err
		close(l.ended)
	}
	l.mu.Unlock()
	if !ends {
		return
	}
	l.forget(l)
	if l.conn != nil {
		_ = l.conn.Close()
	}
}

// ask sends a request and waits for the answer.
func (l *line) ask(ctx context.Context, q *wire.Request) (*wire.Answer, error) {
	if l.refused {
		return &wire.Answer{Status: wire.StatusAlone}, nil
	}
	answered := make(chan *wire.Answer, 1)
	if !l.expect(q, answered) {
		return nil, errNotSent
	}
	l.out.Put(q.AppendFrame)
	select {
	case a := <-answered:
		return a, nil
	case <-ctx.Done():
		l.giveUp(q.ID)
		return nil, ctx.Err()
	case <-l.ended:
	}
	select {
	case a := <-answered: // before the end
		return a, nil
	default:
		return nil, fmt.Errorf("the connection has ended: %w", l.err)
	}
}

// expect numbers a request.
func (l *line) expect(q *wire.Request, answered chan<- *wire.Answer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return false
	}
	l.last++
	l.asked = time.Now()
	if l.silent.IsZero() {
		l.silent = l.asked
	}
	q.ID = l.last
	l.waiting[q.ID] = answered
	return true
}

// giveUp forgets a request, and ends a connection that has been silent for a while. Requests that
// were given up before count: each of them may have waited for less.
func (l *line) giveUp(id uint64) {
	l.endIf(errors.New("nothing has come for a while"), func() bool {
		delete(l.waiting, id)
		return !l.silent.IsZero() && time.Since(l.silent) >= silentTime
	})
}

// watchIdle ends a connection that has been idle for idleTime, or half of it.
func (l *line) watchIdle() {
	ticker := time.NewTicker(idleTime / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			l.endIfIdle(idleTime / 2)
		case <-l.ended:
			return
		}
	}
}

// endIfIdle ends a connection that no request waits for, and none was sent on for a time.
func (l *line) endIfIdle(after time.Duration) {
	l.endIf(errIdle, func() bool { return len(l.waiting) == 0 && time.Since(l.asked) >= after })
}

var errIdle = errors.New("it was idle")
