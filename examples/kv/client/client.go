package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Config says how to reach a cluster.
type Config struct {
	// Endpoints are base URLs of replicas, such as http://host1:9121. One that answers is enough:
	// the client learns the others from it. If all are https, the client learns no http address.
	Endpoints []string
	// Cluster is the id of the cluster, as GET /status gives it. If it is empty, the client takes
	// the cluster of the replica that answers first. Set it if an endpoint may be a wrong one.
	Cluster string
	// Bearer is a token that each request carries in its Authorization header.
	Bearer string
	// TLS is for endpoints with https. The client copies it. HTTP makes the requests; by default it
	// has a Transport of the client's own. At most one of them is set. No redirect is followed,
	// unless HTTP has a CheckRedirect.
	TLS  *tls.Config
	HTTP *http.Client
	// AttemptTime is how long the client waits for one replica. The default is 5 s.
	AttemptTime time.Duration
}

// Client is a client of one cluster. See New.
type Client struct {
	config    Config
	http      *http.Client
	own       bool // http is of this client alone
	directory *directory
	opening   chan struct{} // held by the goroutine that opens a session

	mu      sync.Mutex
	cluster string // empty until it is known
	index   uint64 // the highest that was seen
	session *session
}

// Dialing ends soon: a machine that is down does not refuse.
const dialTime = 2 * time.Second

// New makes a client. It sends nothing before the first call.
func New(config Config) (*Client, error) {
	if config.AttemptTime <= 0 {
		config.AttemptTime = 5 * time.Second
	}
	c := &Client{config: config, http: config.HTTP, cluster: config.Cluster, opening: make(chan struct{}, 1)}
	switch {
	case config.HTTP != nil && config.TLS != nil:
		return nil, errors.New("client: HTTP and TLS exclude each other: set TLS in the transport of HTTP")
	case config.HTTP == nil:
		c.http, c.own = &http.Client{Transport: NewTransport(config.TLS)}, true
	}
	if c.http.CheckRedirect == nil {
		stays := *c.http // replicas do not redirect: whoever does may not have the token or the value
		stays.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		c.http = &stays
	}
	var err error
	c.directory, err = newDirectory(config.Endpoints, c.askStatus)
	return c, err
}

// Close ends the session of the client and closes idle connections. Call it when no other call is
// under way. A client that is not closed does no harm: its session ends when others need the place.
func (c *Client) Close(ctx context.Context) error {
	if c.own {
		defer c.http.CloseIdleConnections()
	}
	s := c.currentSession()
	if s == nil {
		return nil
	}
	c.forget(s)
	_, err := c.do(ctx, &call{method: http.MethodDelete, path: "/session/" + format(s.id), outcomes: []int{http.StatusNoContent}})
	return describe(err, "end of the session", "")
}

// Item is what a key has.
type Item struct {
	Value []byte
	// Revision rises with each write of the key.
	Revision uint64
}

// Get reads a key, linearizably. The error matches ErrNotFound if there is no such key.
func (c *Client) Get(ctx context.Context, key string) (Item, error) { return c.get(ctx, key, false) }

// GetMonotonic reads a key at any replica. It may miss the latest writes of other clients, but none
// that this client has seen.
func (c *Client) GetMonotonic(ctx context.Context, key string) (Item, error) {
	return c.get(ctx, key, true)
}

func (c *Client) get(ctx context.Context, key string, monotonic bool) (Item, error) {
	path, err := keyPath(key)
	if err != nil {
		return Item{}, err
	}
	q := &call{method: http.MethodGet, path: path, outcomes: []int{http.StatusOK, http.StatusNotFound}}
	if monotonic {
		q.monotonic, q.path = true, path+"?read=stale"
	}
	a, err := c.do(ctx, q)
	if err == nil && a.status == http.StatusNotFound {
		err = ErrNotFound
	}
	if err != nil {
		return Item{}, describe(err, "read", key)
	}
	return Item{Value: a.body, Revision: a.revision()}, nil
}

// Put writes a key. It returns the new revision, or 0 if that is not known: the cluster does not
// repeat the revision when the client repeats the write. Get returns it then.
func (c *Client) Put(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	return c.write(ctx, http.MethodPut, key, value, nil)
}

// PutIf is Put for a key that has the given revision, or for one that is not there if the revision
// is 0. The error matches ErrCondition if the key has another one.
func (c *Client) PutIf(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	return c.write(ctx, http.MethodPut, key, value, &revision)
}

// Delete deletes a key. There need not be such a key.
func (c *Client) Delete(ctx context.Context, key string) error {
	_, err := c.write(ctx, http.MethodDelete, key, nil, nil)
	return err
}

// DeleteIf deletes a key that has the given revision. The error matches ErrCondition if it has
// another one. With revision 0 there must be no such key.
func (c *Client) DeleteIf(ctx context.Context, key string, revision uint64) error {
	_, err := c.write(ctx, http.MethodDelete, key, nil, &revision)
	return err
}

// Token is a place in the log of a cluster that a client has seen.
type Token struct {
	Cluster string `json:"cluster"`
	Index   uint64 `json:"index"`
}

// Token returns the place that this client has seen. Another client that observes it reads what
// this one has read and written.
func (c *Client) Token() Token {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Token{Cluster: c.cluster, Index: c.index}
}

// Observe has the monotonic reads that follow see at least what the token stands for. The error
// matches ErrCluster if the token is of another cluster.
func (c *Client) Observe(t Token) error {
	if t == (Token{}) {
		return nil
	}
	if !c.isCluster(t.Cluster) {
		return fmt.Errorf("client: %w: the token is of cluster %q, the client of cluster %q", ErrCluster, t.Cluster, c.Token().Cluster)
	}
	c.see(t.Index)
	return nil
}

func (c *Client) see(index uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.index = max(c.index, index)
}

// isCluster reports whether an id is that of the client's cluster. The first id is.
func (c *Client) isCluster(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cluster == "" {
		c.cluster = id
	}
	return id != "" && c.cluster == id
}

// keyPath is the path of a key. Keys are taken as they are.
func keyPath(key string) (string, error) {
	if key == "" {
		return "", errors.New("client: the key is empty")
	}
	return "/kv" + (&url.URL{Path: "/" + key}).EscapedPath(), nil
}

// describe says what a call was about.
func describe(err error, what, key string) error {
	if err == nil {
		return nil
	}
	if key != "" {
		what += " of " + strconv.Quote(key)
	}
	return fmt.Errorf("client: %s: %w", what, err)
}

func format(n uint64) string { return strconv.FormatUint(n, 10) }

// parse reads a number in a header or an ETag; 0 if there is none.
func parse(word string) uint64 {
	n, _ := strconv.ParseUint(strings.Trim(word, `"`), 10, 64)
	return n
}
