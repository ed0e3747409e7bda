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
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ffd200af/raft/raftpb"
)

// pipes is a net.Listener without a network: a client's end of a connection comes from dial.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) dial() net.Conn {
	here, there := net.Pipe()
	p.conns <- there
	return here
}

// status sends a request, as far as it is taken, and returns the status of the answer.
func (p *pipes) status(t *testing.T, request string) int {
	t.Helper()
	conn := p.dial()
	go func() { _, _ = io.WriteString(conn, request) }()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	must(t, conn.Close())
	return resp.StatusCode
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.IPAddr{} }

// bareReplica serves HTTP without a loop.
func bareReplica() *replica {
	r := &replica{
		workers: newWorkers(),
		opts:    options{id: 1, timeout: time.Second, log: slog.New(slog.DiscardHandler)}, store: &store{engine: &engine{syncTimes: newSyncTimes(), space: &space{}}},
		loop:        &loop{reads: newReadQueue(), inbox: make(chan raftpb.Message, 1), counters: newCounters()},
		clientBytes: newBudget(clientBytes), batchBytes: newBudget(batchBytes), largeBatchBytes: newBudget(largeBatchBytes),
	}
	r.peers = newTransport(1, "")
	r.peers.cluster.set("c")
	r.loop.members.Store(&members{1: {}})
	return r
}

// inBubble serves a replica's HTTP in a bubble, in which time passes when everybody waits.
func inBubble(t *testing.T, f func(t *testing.T, r *replica, p *pipes)) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		r := bareReplica()
		server := newServer(r.routes())
		go func() { _ = server.Serve(p) }()
		f(t, r, p)
		must(t, server.Close())
		close(r.workers.end)
		time.Sleep(time.Minute) // the server waits a little before it closes a connection
	})
}

// TestASlowClientLosesItsConnection: wherever a client stops to send or to read, the
// connection is closed. Without a limit, the read below would never end.
func TestASlowClientLosesItsConnection(t *testing.T) {
	for name, tc := range map[string]struct{ sends, want string }{
		"nothing":                 {"", ""},
		"half a header":           {"PUT /kv/k HTTP/1.1\r\nHost: h\r\n", ""},
		"half a value":            {put1(10) + "12345", "HTTP/1.1 408"},
		"half a chunk":            {"PUT /kv/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123", "HTTP/1.1 408"},
		"half a join":             {post("/members", 10) + "12345", "HTTP/1.1 408"},
		"no batch":                {openStream(2), "HTTP/1.1 101"},
		"half a batch":            {openStream(2) + head(10) + "12345", "HTTP/1.1 101"},
		"half a large batch":      {openStream(2) + head(smallBatch+1) + "12345", "HTTP/1.1 101"},
		"a body that nobody asks": {strings.Replace(put1(10), "PUT", "GET", 1), "HTTP/1.1 503"},
		"a body to nowhere":       {post("/nowhere", 10), "HTTP/1.1 404"},
		"no further request":      {post("/nowhere", 0), "HTTP/1.1 404"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, _ *replica, p *pipes) {
				conn := p.dial()
				_, err := io.WriteString(conn, tc.sends)
				must(t, err)
				got, err := io.ReadAll(conn)
				if err != nil || !strings.HasPrefix(string(got), tc.want) || tc.want == "" && len(got) > 0 {
					t.Errorf("%q, %v, want %q and the end", got, err, tc.want)
				}
			})
		})
	}
}

func put1(n int) string {
	return fmt.Sprintf("PUT /kv/k HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", n)
}

func post(path string, n int) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: h\r\nKv-Cluster: c\r\nContent-Length: %d\r\n\r\n", path, n)
}

// TestAClientThatDoesNotReadLosesItsConnection asks for a large value and looks away for a while.
func TestAClientThatDoesNotReadLosesItsConnection(t *testing.T) {
	s, err := openStoreIn(vfs.NewMem(), "1")
	must(t, err)
	defer func() { must(t, s.close()) }()
	must(t, s.db.Set(dataKey([]byte("k")), encodeRow(1, make([]byte, maxValue)), nil))
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		r.store = s
		conn := p.dial()
		_, err := io.WriteString(conn, "GET /kv/k HTTP/1.1\r\nHost: h\r\n\r\n")
		must(t, err)
		<-r.loop.reads.came
		close(r.loop.reads.fresh[consistency{mode: readSafe}].done)
		time.Sleep(r.opts.timeout + answerTimeout + time.Millisecond)
		got, err := io.ReadAll(conn)
		if err != nil || len(got) > maxValue/2 {
			t.Errorf("%d bytes, %v, want a connection that was closed in between", len(got), err)
		}
	})
}

// TestAConnectionGoesOnAfterALongRequest: the deadlines of one request do not end the next.
func TestAConnectionGoesOnAfterALongRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, r *replica, p *pipes) {
		conn := p.dial()
		answers := bufio.NewReader(conn)
		for range 3 {
			_, err := io.WriteString(conn, "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n")
			must(t, err)
			resp, err := http.ReadResponse(answers, nil)
			must(t, err)
			_, err = io.Copy(io.Discard, resp.Body)
			must(t, err)
			if resp.StatusCode != http.StatusNotFound {
				t.Errorf("%s", resp.Status)
			}
			time.Sleep(idleTimeout - time.Second)
		}
		must(t, conn.Close())
	})
}

func TestABudgetBoundsWhatIsTakenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(100 * budgetUnit)
		release, err := b.take(t.Context(), 60*budgetUnit)
		must(t, err)
		taken := false
		go func() {
			again, err := b.take(t.Context(), 60*budgetUnit)
			must(t, err)
			taken = true
			again()
		}()
		synctest.Wait()
		if taken {
			t.Error("more is taken than there is")
		}
		release()
		synctest.Wait()
		if !taken || len(b.units) != 0 {
			t.Errorf("taken: %v, left over: %d units", taken, len(b.units))
		}
		release, err = b.take(t.Context(), 60*budgetUnit)
		must(t, err)
		ended, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.take(ended, 60*budgetUnit); !errors.Is(err, errBusy) || len(b.units) != 60 {
			t.Errorf("%v, %d units are taken", err, len(b.units))
		}
		release()
	})
}

// TestABodyTakesItsBytesBeforeItIsRead holds the memory of a replica to what its budgets have.
func TestABodyTakesItsBytesBeforeItIsRead(t *testing.T) {
	for name, tc := range map[string]struct {
		request string
		want    [3]int64 // of clients, batches, large batches
	}{
		"value":       {put1(maxValue), [3]int64{maxValue, 0, 0}},
		"join":        {post("/members", 1), [3]int64{budgetUnit, 0, 0}},
		"chunked":     {"PUT /kv/k HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", [3]int64{maxValue, 0, 0}},
		"batch":       {openStream(2) + head(smallBatch), [3]int64{0, smallBatch, 0}},
		"large batch": {openStream(2) + head(maxBatch), [3]int64{0, 0, maxBatch}},
		"no batch":    {openStream(2), [3]int64{}},
		"too much":    {put1(maxValue + 1), [3]int64{}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, r *replica, p *pipes) {
				conn := p.dial()
				go func() { _, _ = io.Copy(io.Discard, conn) }()
				_, err := io.WriteString(conn, tc.request)
				must(t, err)
				synctest.Wait()
				for i, b := range r.budgets() {
					if got := int64(len(b.units)) * budgetUnit; got != tc.want[i] {
						t.Errorf("%d bytes are taken of budget %d, want %d", got, i, tc.want[i])
					}
				}
				must(t, conn.Close())
				synctest.Wait()
				for i, b := range r.budgets() {
					if len(b.units) > 0 {
						t.Errorf("%d units of budget %d are not given back", len(b.units), i)
					}
				}
			})
		})
	}
}

func (r *replica) budgets() []*budget {
	return []*budget{r.clientBytes, r.batchBytes, r.largeBatchBytes}
}

// TestAFullBudgetHoldsUpOnlyItsOwnKind: whoever uses it is refused in time. 408 is the answer to a
// body that does not come, and shows that somebody waited for it.
func TestAFullBudgetHoldsUpOnlyItsOwnKind(t *testing.T) {
	small := frameOf(t, raftpb.Message{Type: raftpb.MsgHeartbeat})
	for full := range bareReplica().budgets() {
		inBubble(t, func(t *testing.T, r *replica, p *pipes) {
			b := r.budgets()[full]
			release, err := b.take(t.Context(), int64(cap(b.units))*budgetUnit)
			must(t, err)
			for _, request := range []string{put1(1), post("/members", 1)} {
				want := http.StatusRequestTimeout
				if full == 0 {
					want = http.StatusServiceUnavailable
				}
				if got := p.status(t, request); got != want {
					t.Errorf("budget %d is full, %.20q: %d, want %d", full, request, got, want)
				}
			}
			for of, frame := range map[int]string{1: small, 2: frameOf(t, bigMessage)} {
				conn := p.stream(t, uint64(of))
				go func() { _, _ = io.WriteString(conn, frame) }()
				select {
				case <-r.loop.inbox:
					if of == full {
						t.Errorf("budget %d is full, and a batch that needs it is taken", full)
					}
					must(t, conn.Close())
				case <-streamEnd(conn):
					if of != full {
						t.Errorf("budget %d is full, and a batch that needs budget %d is not taken", full, of)
					}
				}
			}
			release()
		})
	}
}

func TestABodyThatIsTooLargeIsRefused(t *testing.T) {
	chunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", maxAdminBody+1, make([]byte, maxAdminBody+1))
	for _, request := range []string{
		put1(maxValue + 1), post("/members", maxAdminBody+1),
		"POST /members HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk,
	} {
		inBubble(t, func(t *testing.T, r *replica, p *pipes) {
			if got := p.status(t, request); got != http.StatusRequestEntityTooLarge {
				t.Errorf("%.20q: %d", request, got)
			}
		})
	}
}
