package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/ffd200af/raft/examples/kv/internal/wire"
)

// What one request may hold of this server: its connection for a bounded time, and bytes from a
// bounded budget. A snapshot has its own bounds, see incoming.go.

const (
	headerTimeout = 5 * time.Second // to send the header of a request
	idleTimeout   = time.Minute     // between two requests on a connection
	answerTimeout = 5 * time.Second // to read an answer, after the time of the request
)

// Bytes of bodies that are in memory at once. Peers have budgets of their own, so that clients do
// not keep replicas from talking to each other. Large bodies have another one than small ones: many
// entries do not hold up heartbeats.
const (
	clientBytes     = 64 << 20
	batchBytes      = 64 << 20
	largeBatchBytes = maxBatch
	// smallBatch is the most bytes of a small frame of a peer.
	smallBatch = 2 << 20
)

func newServer(handler http.Handler) *http.Server {
	return &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
}

// inTime answers each request in its time. A client that sends its body or reads its answer too
// slowly loses the connection.
func (r *replica) inTime(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost && strings.HasPrefix(req.URL.Path, snapshotPath) {
			next.ServeHTTP(w, req) // each chunk has a time of its own
			return
		}
		end := time.Now().Add(r.opts.timeout)
		ctx, cancel := context.WithDeadline(req.Context(), end)
		defer cancel()
		req = req.WithContext(ctx)
		conn := http.NewResponseController(w)
		_ = conn.SetWriteDeadline(end.Add(answerTimeout))
		if req.Body != http.NoBody {
			_ = conn.SetReadDeadline(end)
		}
		if needsConnection(req) {
			next.ServeHTTP(w, req)
			return
		}
		answers := make(chan *heldAnswer, 1)
		r.workers.run(func() {
			r.answer(next, req, end, func(a *heldAnswer) { answers <- a })
		})
		(<-answers).writeTo(w)
	})
}

// needsConnection reports whether the handler of a request writes to the connection itself.
func needsConnection(req *http.Request) bool {
	switch req.URL.Path {
	case raftPath, wire.Path, backupPath:
		return true
	}
	return false
}

// budget is a number of bytes that requests share.
type budget struct {
	units chan struct{} // those that are taken
	turn  chan struct{} // held by the request that takes units: the others wait behind it
}

// budgetUnit is the number of bytes that are taken at least.
const budgetUnit = 4 << 10

func newBudget(bytes int) *budget {
	return &budget{units: make(chan struct{}, bytes/budgetUnit), turn: make(chan struct{}, 1)}
}

// errBusy is the error of a request that finds no room in time. Nothing was done.
var errBusy = errors.New("too many bytes are on their way here: nothing was done, try again")

// take waits for bytes until the context ends. release gives them back.
func (b *budget) take(ctx context.Context, bytes int64) (release func(), err error) {
	select {
	case b.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, errBusy
	}
	defer func() { <-b.turn }()
	taken := 0
	release = func() {
		for range taken {
			<-b.units
		}
	}
	for int64(taken)*budgetUnit < bytes {
		select {
		case b.units <- struct{}{}:
			taken++
		case <-ctx.Done():
			release()
			return nil, errBusy
		}
	}
	return release, nil
}

// read reads a request's body of at most limit bytes. The caller calls release when it needs the
// body no more.
func (b *budget) read(w http.ResponseWriter, req *http.Request, limit int64) (body []byte, release func(), err error) {
	size := req.ContentLength
	held, isHeld := req.Body.(*heldBody)
	switch {
	case size > limit:
		return nil, nil, &http.MaxBytesError{Limit: limit}
	case isHeld:
		return held.b, func() {}, nil
	case size < 0:
		size = limit
	}
	if release, err = b.take(req.Context(), size); err != nil {
		return nil, nil, err
	}
	if req.ContentLength >= 0 {
		body = make([]byte, size)
		_, err = io.ReadFull(req.Body, body)
	} else {
		body, err = io.ReadAll(http.MaxBytesReader(w, req.Body, limit))
	}
	if err != nil {
		release()
		return nil, nil, err
	}
	return body, release, nil
}

// refuseBody answers with the reason why a body was not read.
func refuseBody(w http.ResponseWriter, err error) {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(w, fmt.Sprintf("the body must have at most %d bytes", tooLarge.Limit), http.StatusRequestEntityTooLarge)
	case errors.Is(err, os.ErrDeadlineExceeded):
		http.Error(w, "the body did not come in time: nothing was done", http.StatusRequestTimeout)
	case errors.Is(err, errBusy):
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
	default:
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}
