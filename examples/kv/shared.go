package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
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
	release, busy := s.take(size)
	s.late = time.Now().Add(headerTimeout) // it may have waited here
	if busy != nil {
		return s.skip(frames)
	}
	q := &sharedRequest{release: release}
	b, err := frames.Body()
	if err == nil {
		err = q.Decode(b)
	}
	if err != nil {
		q.release()
		return err
	}
	s.workers.run(func() {
		s.respond(q)
		q.release()
	})
	return nil
}

// skip refuses a request for which there is no room, and goes on with the next one.
func (s *requestStream) skip(frames *wire.Reader) error {
	id, err := frames.Skip()
	if err == nil {
		s.refuse(id, http.StatusServiceUnavailable, errBusy)
	}
	return err
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

// respond has a request answered as one of HTTP.
func (s *requestStream) respond(q *sharedRequest) {
	within := s.opts.timeout
	if q.Within > 0 {
		within = min(within, q.Within)
	}
	end := time.Now().Add(within)
	ctx, cancel := context.WithDeadline(s.ctx, end)
	defer cancel()
	target, err := url.ParseRequestURI(q.Target)
	switch {
	case err != nil:
		s.refuse(q.ID, http.StatusBadRequest, err)
	case !wire.MayShare(target.Path):
		s.refuse(q.ID, http.StatusNotFound, errAlone)
	default:
		s.answer(s.handler, s.request(ctx, q, target), end, func(a *heldAnswer) { s.send(q, a) })
	}
}

var errAlone = errors.New("this request needs a connection of its own")

// refuse answers a request that is not handled.
func (s *requestStream) refuse(id uint64, status int, err error) {
	a := &heldAnswer{header: http.Header{}}
	http.Error(a, err.Error(), status)
	s.send(&sharedRequest{Request: wire.Request{ID: id}}, a)
}

func (s *requestStream) send(q *sharedRequest, a *heldAnswer) {
	if a.broken { // ends the connection, as in package http
		_ = s.conn.Close()
		return
	}
	answer := wire.Answer{ID: q.ID, Status: a.status, Header: a.header, Body: a.body}
	switch {
	case q.Method == http.MethodHead:
		answer.Body = nil
	case len(a.body) > wire.MaxBody:
		answer = wire.Answer{ID: q.ID, Status: wire.StatusAlone}
	}
	s.out.Put(answer.AppendFrame)
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
