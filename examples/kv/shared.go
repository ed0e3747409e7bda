package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/ffd200af/raft/examples/kv/internal/wire"
)

// Many requests of a client may share a connection. It begins with POST /requests, which asks for
// an upgrade. Then the client writes frames with requests. This replica writes frames with answers,
// in the order in which they are ready. The handlers are those of HTTP, so a request is refused and
// answered as if it had a connection of its own. It takes less than half the CPU time, because
// requests and answers that are ready together are read and written together.

// maxShared bounds the requests of a connection that are under way, or whose answers are not
// written. Further requests wait in the network.
const maxShared = 128

// requestStream is a connection that requests share.
type requestStream struct {
	*replica
	handler http.Handler // of all requests
	conn    net.Conn
	in      *bufio.Reader
	out     *wire.Outbox
	ctx     context.Context
	places  chan struct{} // one for each request until its answer is written
	workers workers
	begun   *http.Request // the one that has begun the connection
	late    time.Time     // when the frame that comes must be here; zero between frames
}

// share takes a connection of many requests.
func (r *replica) share(handler http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if !strings.EqualFold(req.Header.Get("Upgrade"), wire.Protocol) {
			w.Header().Set("Upgrade", wire.Protocol)
			http.Error(w, "connections of many requests are in "+wire.Protocol, http.StatusUpgradeRequired)
			return
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		defer conn.Close()
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
		s := &requestStream{
			replica: r, handler: handler, conn: conn, out: wire.NewOutbox(), ctx: ctx, places: make(chan struct{}, maxShared),
			workers: newWorkers(), begun: req,
		}
		remove, ok := r.streams.add(s, cancel)
		if !ok {
			return
		}
		defer remove()
		s.in = bufio.NewReaderSize(io.MultiReader(io.LimitReader(buffered.Reader, int64(buffered.Reader.Buffered())), s), 32<<10)
		s.run(cancel)
	}
}

// run ends with the connection.
func (s *requestStream) run(cancel func()) {
	_ = s.conn.SetDeadline(time.Now().Add(answerTimeout))
	if _, err := fmt.Fprintf(s.conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", wire.Protocol); err != nil {
		return
	}
	go func() {
		defer cancel()
		_ = s.out.Run(s.conn, answerTimeout, s.ctx.Done(), func(frames int) {
			for range frames {
				<-s.places
			}
		})
	}()
	defer close(s.workers.end)
	frames := wire.Reader{From: s.in, Max: wire.MaxFrame}
	for s.read(&frames) == nil {
	}
}

// Read reads what comes. A request may be long in coming, but once it begins it must be here soon.
func (s *requestStream) Read(b []byte) (int, error) {
	end := s.late
	if end.IsZero() {
		end = time.Now().Add(s.opts.timeout + idleTimeout)
	}
	if err := s.conn.SetReadDeadline(end); err != nil {
		return 0, err
	}
	return s.conn.Read(b)
}

// read reads a request when there is a place for it, and has it answered. The bytes of a request
// count against the budget of clients until it is answered.
func (s *requestStream) read(frames *wire.Reader) error {
	s.late = time.Time{}
	if _, err := s.in.Peek(1); err != nil {
		return err
	}
	s.late = time.Now().Add(headerTimeout)
	size, err := frames.Head()
	if err != nil {
		return err
	}
	select {
	case s.places <- struct{}{}:
	case <-s.ctx.Done():
		return s.ctx.Err()
	}
	q := &sharedRequest{}
	if q.release, err = s.take(size); err != nil {
		return err
	}
	s.late = time.Now().Add(headerTimeout) // it may have waited here
	b, err := frames.Body()
	if err == nil {
		err = q.Decode(b)
	}
	if err != nil {
		q.release()
		return err
	}
	s.workers.run(func() {
		s.answer(q)
		q.release()
	})
	return nil
}

// take waits for room in the budget as long as a request may take.
func (s *requestStream) take(bytes int) (release func(), err error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.opts.timeout)
	defer cancel()
	return s.clientBytes.take(ctx, int64(bytes))
}

// sharedRequest is a request, and the bytes of the budget that it has.
type sharedRequest struct {
	wire.Request
	release func()
}

// answer has a request answered as one of HTTP.
func (s *requestStream) answer(q *sharedRequest) {
	w := &sharedAnswer{Answer: wire.Answer{ID: q.ID, Header: http.Header{}}}
	defer func() {
		if err := recover(); err != nil { // ends the connection, as in package http
			s.opts.log.Error("a request ends in a panic", "path", q.Target, "err", err, "stack", string(debug.Stack()))
			_ = s.conn.Close()
		}
	}()
	ctx := s.ctx
	if q.Within > 0 && q.Within < s.opts.timeout {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, q.Within)
		defer cancel()
	}
	target, err := url.ParseRequestURI(q.Target)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case !wire.MayShare(target.Path):
		http.Error(w, "this request needs a connection of its own", http.StatusNotFound)
	default:
		s.handler.ServeHTTP(w, s.request(ctx, q, target))
	}
	if w.Status == 0 {
		w.Status = http.StatusOK
	}
	if q.Method == http.MethodHead {
		w.Body = nil
	}
	if len(w.Body) > wire.MaxBody {
		w.Answer = wire.Answer{ID: q.ID, Status: wire.StatusAlone}
	}
	s.out.Put(w.AppendFrame)
}

func (s *requestStream) request(
	ctx context.Context, q *sharedRequest, target *url.URL,
) *http.Request {
	req := &http.Request{
		Method: q.Method, URL: target, RequestURI: q.Target, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: q.Header, Body: http.NoBody, Host: s.begun.Host, RemoteAddr: s.begun.RemoteAddr, TLS: s.begun.TLS,
	}
	if len(q.Body) > 0 {
		req.Body, req.ContentLength = &heldBody{q.Body}, int64(len(q.Body))
	}
	return req.WithContext(ctx)
}

// heldBody is a body that is in memory, and counted, before the request is handled.
type heldBody struct{ b []byte }

func (h *heldBody) Read(b []byte) (int, error) {
	if len(h.b) == 0 {
		return 0, io.EOF
	}
	n := copy(b, h.b)
	h.b = h.b[n:]
	return n, nil
}

func (h *heldBody) Close() error { return nil }

// sharedAnswer is the http.ResponseWriter of such a request.
type sharedAnswer struct{ wire.Answer }

func (w *sharedAnswer) Header() http.Header { return w.Answer.Header }

func (w *sharedAnswer) WriteHeader(status int) {
	if w.Status == 0 {
		w.Status = status
	}
}

func (w *sharedAnswer) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.Body = append(w.Body, b...)
	return len(b), nil
}
