package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	headerCluster = "Kv-Cluster"
	headerIndex   = "Kv-Index"
	headerAtLeast = "Kv-At-Least"

	// maxAnswer bounds what is read of an answer: a page of keys, escaped.
	maxAnswer = 16 << 20
	// lagTime is how long a monotonic read waits for a replica while there is another to ask.
	lagTime = time.Second
	// doubtTime is how long a leader may be silent before the others are asked who leads.
	doubtTime = time.Second

	minPause = 20 * time.Millisecond
	maxPause = time.Second
)

// call is a request that any replica may be asked.
type call struct {
	method, path string
	header       map[string]string
	session      *session
	sequence     uint64 // in the session
	body         []byte
	outcomes     []int // statuses that are an answer
	monotonic    bool  // it reads what a replica has
	// open: a request was sent, and may have been carried out.
	open bool
}

// answer is the answer to a call.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// revision is that of the key; 0 if the answer does not have it.
func (a *answer) revision() uint64 { return parse(a.header.Get("ETag")) }

// do sends a call to one replica after the other until one answers. A refusal that repeating does
// not change ends it, and so does the context.
func (c *Client) do(ctx context.Context, q *call) (*answer, error) {
	var last error
	for round := 0; ; round++ {
		c.directory.prepare(ctx)
		tried := map[string]bool{}
		hopeless := true
		for {
			endpoint, others := c.directory.pick(tried, q.monotonic)
			if endpoint == "" || ctx.Err() != nil {
				break
			}
			tried[endpoint] = true
			a, err := c.attempt(ctx, endpoint, q, others)
			if err == nil {
				return a, nil
			}
			var failed *attemptError
			if !errors.As(err, &failed) {
				return nil, q.doubtful(err)
			}
			c.directory.fail(endpoint)
			last = err
			q.open = q.open || !failed.harmless
			hopeless = hopeless && (errors.Is(err, ErrCluster) || errors.Is(err, ErrRemoved))
		}
		if hopeless && last != nil && ctx.Err() == nil {
			return nil, q.doubtful(last)
		}
		if err := sleep(ctx, pause(round)); err != nil {
			if last != nil {
				err = fmt.Errorf("%w; the last attempt: %v", err, last)
			}
			return nil, q.doubtful(err)
		}
	}
}

// doubtful adds to the error of a call that its outcome is not known, if so.
func (q *call) doubtful(err error) error {
	if q.open && q.session != nil {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	}
	return err
}

// attempt sends a call to one replica. An error that is no *attemptError is final.
func (c *Client) attempt(ctx context.Context, endpoint string, q *call, others bool) (*answer, error) {
	limit := c.config.AttemptTime
	if q.monotonic && others {
		limit = min(limit, lagTime)
	}
	ctx, end := context.WithTimeout(ctx, limit)
	defer end()
	if !q.monotonic && c.directory.leads(endpoint) {
		watch := time.AfterFunc(doubtTime, func() { c.watch(ctx, end, endpoint) })
		defer watch.Stop()
	}
	atLeast := uint64(0)
	if q.monotonic {
		atLeast = c.Token().Index
	}
	a, err := c.send(ctx, endpoint, q, atLeast)
	if err != nil {
		dial := (*net.OpError)(nil)
		return nil, &attemptError{endpoint, errors.As(err, &dial) && dial.Op == "dial", err}
	}
	if err := c.judge(endpoint, q, a, atLeast); err != nil {
		return nil, err
	}
	c.see(parse(a.header.Get(headerIndex)))
	return a, nil
}

// watch ends an attempt at a leader when another replica leads.
func (c *Client) watch(ctx context.Context, end context.CancelFunc, endpoint string) {
	for ctx.Err() == nil {
		c.directory.learn(ctx)
		if c.directory.isSucceeded(endpoint) {
			end()
		}
		_ = sleep(ctx, doubtTime)
	}
}

// send sends one request and reads the answer.
func (c *Client) send(ctx context.Context, endpoint string, q *call, atLeast uint64) (*answer, error) {
	req, err := http.NewRequestWithContext(ctx, q.method, endpoint+q.path, bytes.NewReader(q.body))
	if err != nil {
		return nil, err
	}
	for name, value := range q.header {
		req.Header.Set(name, value)
	}
	if q.session != nil {
		q.session.mark(req.Header, q.sequence)
	}
	if atLeast > 0 {
		req.Header.Set(headerAtLeast, format(atLeast))
	}
	if cluster := c.Token().Cluster; cluster != "" {
		req.Header.Set(headerCluster, cluster)
	}
	if c.config.Bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.config.Bearer)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = errors.New("the answer is too long")
	}
	return &answer{resp.StatusCode, resp.Header, body}, err
}

// untouched are the answers to requests of which nothing was done, and nothing will be.
var untouched = []int{http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInsufficientStorage}

// judge returns nil for an answer that ends the call.
func (c *Client) judge(endpoint string, q *call, a *answer, atLeast uint64) error {
	text := strings.TrimSpace(string(a.body[:min(len(a.body), 1<<10)]))
	retry := func(harmless bool, err error) error { return &attemptError{endpoint, harmless, err} }
	switch cluster := a.header.Get(headerCluster); {
	case a.status == http.StatusMisdirectedRequest:
		return retry(true, fmt.Errorf("%w: %s", ErrCluster, text))
	case cluster != "" && !c.isCluster(cluster):
		return retry(false, fmt.Errorf("%w: the replica belongs to cluster %s", ErrCluster, cluster))
	case slices.Contains(q.outcomes, a.status) && cluster == "":
		return retry(false, errors.New("the answer names no cluster: it is not from a replica"))
	case slices.Contains(q.outcomes, a.status) && parse(a.header.Get(headerIndex)) < atLeast:
		return retry(false, fmt.Errorf("the answer was given at index %q, not at %d or later", a.header.Get(headerIndex), atLeast))
	case slices.Contains(q.outcomes, a.status):
		return nil
	case a.header.Get("Location") != "":
		text = "a redirect to " + a.header.Get("Location") + ", which the client does not follow"
	case a.status == http.StatusGone:
		return retry(false, fmt.Errorf("%w: %s", ErrRemoved, text))
	case slices.Contains(untouched, a.status):
		return retry(true, &StatusError{endpoint, a.status, text})
	case a.status >= http.StatusInternalServerError:
		return retry(false, &StatusError{endpoint, a.status, text})
	}
	return &StatusError{endpoint, a.status, text}
}

// pause is the time between two rounds. It is random, so that clients do not come back together.
func pause(round int) time.Duration {
	longest := min(minPause<<min(round, 10), maxPause)
	return longest/2 + rand.N(longest/2+1)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}
