package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// statusTime is how long replicas have to say who leads.
	statusTime = time.Second
	// The directory is asked again in the background when it is older than this, or, while no
	// leader is known, than shortAge.
	longAge, shortAge = 10 * time.Second, time.Second
)

// directory knows where replicas are and which of them leads.
type directory struct {
	configured []string
	secure     bool // all of them are https
	ask        func(ctx context.Context, endpoint string) (*status, error)

	mu     sync.Mutex
	order  []string          // all endpoints, those that failed last at the end
	leader string            // empty if not known
	ids    map[string]uint64 // of endpoints, by what they said
	asked  time.Time
	doubt  bool          // no answer was had yet, or a replica has failed since
	asking chan struct{} // closed when the asking under way is over; nil if there is none
}

// status is the part of the answer to GET /status that counts here.
type status struct {
	endpoint string
	ID       uint64            `json:"id"`
	Term     uint64            `json:"term"`
	Leader   uint64            `json:"leader"`
	Applied  uint64            `json:"applied"`
	Members  map[uint64]string `json:"members"`
}

func newDirectory(endpoints []string, ask func(context.Context, string) (*status, error)) (*directory, error) {
	d := &directory{ask: ask, ids: map[string]uint64{}, doubt: true, secure: true}
	if len(endpoints) == 0 {
		return nil, errors.New("client: there is no endpoint")
	}
	for _, e := range endpoints {
		e = strings.TrimRight(e, "/")
		u, err := url.Parse(e)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("client: endpoint %q: want a URL like http://host:port", e)
		}
		d.secure = d.secure && u.Scheme == "https"
		d.configured = append(d.configured, e)
	}
	d.order = slices.Clone(d.configured)
	rand.Shuffle(len(d.order), func(i, j int) { d.order[i], d.order[j] = d.order[j], d.order[i] })
	return d, nil
}

// pick returns the endpoint to ask next, and whether there are others after it; empty if all were
// tried. The leader comes first, or last for a call that any replica may answer.
func (d *directory) pick(tried map[string]bool, anyone bool) (endpoint string, others bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	left := slices.DeleteFunc(slices.Clone(d.order), func(e string) bool { return tried[e] })
	if len(left) == 0 {
		return "", false
	}
	endpoint = left[0]
	if i := slices.Index(left, d.leader); i >= 0 {
		switch {
		case !anyone:
			endpoint = d.leader
		case i == 0 && len(left) > 1:
			endpoint = left[1]
		}
	}
	return endpoint, len(left) > 1
}

// fail puts an endpoint behind the others.
func (d *directory) fail(endpoint string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.doubt = true
	if i := slices.Index(d.order, endpoint); i >= 0 {
		d.order = append(slices.Delete(d.order, i, i+1), endpoint)
	}
}

func (d *directory) leads(endpoint string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.leader == endpoint
}

// isSucceeded reports whether another replica leads.
func (d *directory) isSucceeded(endpoint string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.leader != "" && d.leader != endpoint
}

// prepare asks who leads before a round. It waits for the answers if that is in doubt, but not if
// they have only become old.
func (d *directory) prepare(ctx context.Context) {
	d.mu.Lock()
	doubt, age, allowed := d.doubt, time.Since(d.asked), longAge
	if d.leader == "" {
		allowed = shortAge
	}
	d.mu.Unlock()
	switch {
	case doubt:
		d.learn(ctx)
	case age > allowed:
		d.begin()
	}
}

// learn asks all replicas who leads. Calls at the same time share the answers.
func (d *directory) learn(ctx context.Context) {
	select {
	case <-d.begin():
	case <-ctx.Done():
	}
}

func (d *directory) begin() (over <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asking == nil {
		d.asking = make(chan struct{})
		go d.askAll(slices.Clone(d.order))
	}
	return d.asking
}

// askAll ends when more than half of the endpoints name the same leader, all have answered, or the
// time is over. A leader that was cut off may still take itself for the leader.
func (d *directory) askAll(endpoints []string) {
	ctx, cancel := context.WithTimeout(context.Background(), statusTime)
	defer cancel()
	answers := make(chan *status, len(endpoints))
	for _, e := range endpoints {
		go func() {
			s, err := d.ask(ctx, e)
			if err != nil {
				s = nil
			}
			answers <- s
		}()
	}
	var all []*status
	for range endpoints {
		if s := <-answers; s != nil {
			all = append(all, s)
			if s.Leader != 0 && 2*votes(all, s) > len(endpoints) {
				break
			}
		}
	}
	d.take(all)
}

// votes counts the answers that name the same leader.
func votes(all []*status, as *status) (n int) {
	for _, s := range all {
		if s.Leader == as.Leader {
			n++
		}
	}
	return n
}

// take takes in what replicas have answered.
func (d *directory) take(all []*status) {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.asking)
	d.asking, d.asked, d.doubt = nil, time.Now(), false
	if len(all) == 0 {
		return
	}
	for _, s := range all {
		d.ids[s.endpoint] = s.ID
	}
	d.setMembers(slices.MaxFunc(all, func(a, b *status) int { return cmp.Compare(a.Applied, b.Applied) }).Members)
	newest := slices.MaxFunc(all, func(a, b *status) int {
		return cmp.Or(cmp.Compare(min(a.Leader, 1), min(b.Leader, 1)), cmp.Compare(a.Term, b.Term))
	})
	d.leader = ""
	for _, e := range d.order {
		if newest.Leader != 0 && d.ids[e] == newest.Leader {
			d.leader = e
			break
		}
	}
}

// setMembers adds the addresses of replicas that have none among the endpoints yet, and drops those
// of replicas that are gone. Endpoints of the Config stay.
func (d *directory) setMembers(members map[uint64]string) {
	wanted := slices.Clone(d.configured)
	known := map[uint64]bool{}
	for _, e := range d.configured {
		known[d.ids[e]] = true
	}
	for id, address := range members {
		if known[id] || d.secure && !strings.HasPrefix(address, "https://") {
			continue
		}
		d.ids[address] = id
		if !slices.Contains(wanted, address) {
			wanted = append(wanted, address)
		}
	}
	d.order = slices.DeleteFunc(d.order, func(e string) bool { return !slices.Contains(wanted, e) })
	for _, e := range wanted {
		if !slices.Contains(d.order, e) {
			d.order = append(d.order, e)
		}
	}
}

// askStatus asks a replica who takes part and who leads.
func (c *Client) askStatus(ctx context.Context, endpoint string) (*status, error) {
	q := &call{method: http.MethodGet, path: "/status", outcomes: []int{http.StatusOK}}
	a, err := c.send(ctx, endpoint, q, 0)
	if err == nil {
		err = c.judge(endpoint, q, a, 0)
	}
	if err != nil {
		return nil, err
	}
	s := &status{endpoint: endpoint}
	return s, json.Unmarshal(a.body, s)
}
