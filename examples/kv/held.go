package main

import (
	"errors"
	"maps"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// A handler may wait for a disk that hangs, and no context ends that. So handlers write to memory,
// and a request whose time is over is answered without its handler.

// heldAnswer is an answer in memory.
type heldAnswer struct {
	status int
	header http.Header
	body   []byte
	broken bool // its handler has ended in a panic
}

func (a *heldAnswer) Header() http.Header { return a.header }

func (a *heldAnswer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *heldAnswer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.body = append(a.body, b...)
	return len(b), nil
}

// writeTo gives the answer to a client. One that is broken ends the connection.
func (a *heldAnswer) writeTo(w http.ResponseWriter) {
	if a.broken {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// errHangs is the error of a request whose handler does not return.
var errHangs = errors.New("kv: this replica hangs. Its disk may be the reason")

// answerGrace is how long a handler has for its answer after its context has ended.
const answerGrace = 100 * time.Millisecond

// answer has a request handled. It gives the answer to send, once: that of the handler, or 503 when
// the handler does not return soon after the end.
func (r *replica) answer(
	handler http.Handler, req *http.Request, end time.Time, send func(*heldAnswer),
) {
	var sent atomic.Bool
	a := &heldAnswer{header: http.Header{}}
	give := func(a *heldAnswer) {
		if sent.CompareAndSwap(false, true) {
			send(a)
		}
	}
	late := time.AfterFunc(time.Until(end)+answerGrace, func() {
		a := &heldAnswer{header: http.Header{}}
		unavailable(a, errHangs)
		give(a)
	})
	defer func() {
		late.Stop()
		if err := recover(); err != nil {
			r.opts.log.Error("a request ends in a panic", "path", req.URL.Path, "err", err, "stack", string(debug.Stack()))
			a.broken = true
		}
		a.WriteHeader(http.StatusOK)
		give(a)
	}()
	handler.ServeHTTP(a, req)
}
