package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// cluster plays three replicas at http://r1 to http://r3. What one of them carries out, all have.
// Their network is the transport of clients. A test changes the fields before requests arrive.
type cluster struct {
	t *testing.T
	// hook sees each request first. It may answer: done means that nothing else is to happen.
	hook func(at string, w http.ResponseWriter, req *http.Request) (done bool)
	// lose takes away the answer to what was carried out.
	lose func(at string, req *http.Request) bool
	down map[string]bool

	mu       sync.Mutex
	id       string
	leader   int
	term     int
	members  map[string]string
	index    uint64
	values   map[string]string
	sessions uint64            // opened
	session  uint64            // alive
	written  map[uint64]int    // status by sequence number
	awaiting uint64            // the highest that the client has sent
	carried  int               // writes
	requests []string          // "r1 GET /kv/k"
	sent     []*http.Request   // the same
	at       []time.Time       // when they came
	applied  map[string]uint64 // where it is not index
}

func newFake(t *testing.T) *cluster {
	return &cluster{
		t: t, id: "ours", leader: 1, term: 1, down: map[string]bool{}, values: map[string]string{}, applied: map[string]uint64{},
		members: map[string]string{"1": "http://r1", "2": "http://r2", "3": "http://r3"},
	}
}

// RoundTrip is the network.
func (c *cluster) RoundTrip(req *http.Request) (*http.Response, error) {
	at := req.URL.Host
	c.mu.Lock()
	if c.down[at] {
		c.mu.Unlock()
		return nil, &net.OpError{Op: "dial", Err: fmt.Errorf("%s is down", at)}
	}
	c.requests = append(c.requests, at+" "+req.Method+" "+req.URL.RequestURI())
	c.sent, c.at = append(c.sent, req), append(c.at, time.Now())
	hook, lose := c.hook, c.lose
	c.mu.Unlock()
	w := httptest.NewRecorder()
	w.Header().Set(headerCluster, c.id)
	if hook == nil || !hook(at, w, req) {
		c.serve(at, w, req)
	}
	if lose != nil && lose(at, req) {
		return nil, &net.OpError{Op: "read", Err: errors.New("connection reset")}
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

func (c *cluster) serve(at string, w http.ResponseWriter, req *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch path := req.URL.Path; {
	case path == "/status":
		_ = json.NewEncoder(w).Encode(map[string]any{
			"id": int(at[1] - '0'), "term": c.term, "leader": c.leader, "applied": c.index, "members": c.members,
		})
	case path == "/session":
		c.sessions++
		c.session, c.written, c.awaiting = c.sessions, map[uint64]int{}, 1
		fmt.Fprintf(w, `{"session":%d}`, c.session)
	case strings.HasPrefix(path, "/session/"):
		c.session = 0
		w.WriteHeader(http.StatusNoContent)
	case req.Method == http.MethodGet:
		c.read(at, w, strings.TrimPrefix(path, "/kv/"))
	default:
		c.write(w, req, strings.TrimPrefix(path, "/kv/"))
	}
}

func (c *cluster) read(at string, w http.ResponseWriter, key string) {
	index := c.index
	if behind, ok := c.applied[at]; ok {
		index = behind
	}
	w.Header().Set(headerIndex, format(index))
	value, ok := c.values[key]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Set("ETag", `"7"`)
	fmt.Fprint(w, value)
}

func (c *cluster) write(w http.ResponseWriter, req *http.Request, key string) {
	number, awaiting := parse(req.Header.Get(headerSequence)), parse(req.Header.Get(headerAwaiting))
	if parse(req.Header.Get(headerSession)) != c.session || c.session == 0 {
		w.WriteHeader(http.StatusConflict)
		return
	}
	if c.awaiting = max(c.awaiting, awaiting); number < c.awaiting || number-c.awaiting >= window {
		c.t.Errorf("write %d arrives when the client awaits %d", number, c.awaiting)
	}
	c.index++
	w.Header().Set(headerIndex, format(c.index))
	if code, ok := c.written[number]; ok {
		w.WriteHeader(code)
		return
	}
	code := http.StatusNoContent
	if _, ok := c.values[key]; ok && req.Header.Get("If-None-Match") == "*" || req.Header.Get("If-Match") == `"9"` {
		code = http.StatusPreconditionFailed
	} else {
		c.carried++
		c.values[key] = "v"
		w.Header().Set("ETag", `"7"`)
	}
	c.written[number] = code
	w.WriteHeader(code)
}

// client makes a client of this cluster.
func (c *cluster) client(config Config) *Client {
	c.t.Helper()
	if config.Endpoints == nil {
		config.Endpoints = []string{"http://r1", "http://r2", "http://r3"}
	}
	config.HTTP = &http.Client{Transport: c}
	cl, err := New(config)
	if err != nil {
		c.t.Fatal(err)
	}
	return cl
}

// matching counts the requests so far that contain a text.
func (c *cluster) matching(text string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(slices.DeleteFunc(slices.Clone(c.requests), func(r string) bool { return !strings.Contains(r, text) }))
}

// last returns the last request that contains a text.
func (c *cluster) last(text string) (line string, req *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.requests) - 1; i >= 0; i-- {
		if strings.Contains(c.requests[i], text) {
			return c.requests[i], c.sent[i]
		}
	}
	c.t.Fatalf("no request has %q", text)
	return "", nil
}

// asked returns which replicas got requests that contain a text.
func (c *cluster) asked(text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := map[string]bool{}
	for _, r := range c.requests {
		if strings.Contains(r, text) {
			at[r[:2]] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(at)), " ")
}

// refuse is a hook that has a status for all requests with a text in their line.
func refuse(text string, code int) func(string, http.ResponseWriter, *http.Request) bool {
	return func(at string, w http.ResponseWriter, req *http.Request) bool {
		if !strings.Contains(at+" "+req.Method+" "+req.URL.Path, text) {
			return false
		}
		w.WriteHeader(code)
		return true
	}
}

// hang is a hook that gives no answer.
func hang(text string) func(string, http.ResponseWriter, *http.Request) bool {
	return func(at string, _ http.ResponseWriter, req *http.Request) bool {
		if !strings.Contains(at+" "+req.Method+" "+req.URL.Path, text) {
			return false
		}
		<-req.Context().Done()
		return true
	}
}

// inBubble runs a test in which time passes when everybody waits.
func inBubble(t *testing.T, f func(t *testing.T, ctx context.Context, c *cluster)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		f(t, ctx, newFake(t))
		synctest.Wait()
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mustPut writes, and waits until no question who leads is under way.
func mustPut(t *testing.T, ctx context.Context, c *Client) {
	t.Helper()
	_, err := c.Put(ctx, "k", nil)
	must(t, err)
	synctest.Wait()
}
