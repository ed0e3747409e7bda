package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"

	kvclient "github.com/ffd200af/raft/examples/kv/client"
)

// watched is a transport that keeps what a client sends, and may lose answers.
type watched struct {
	via  http.RoundTripper
	mu   sync.Mutex
	lose func(req *http.Request) bool
	last *http.Request
}

func (w *watched) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := w.via.RoundTrip(req)
	w.mu.Lock()
	defer w.mu.Unlock()
	if req.URL.Path != "/status" {
		w.last = req
	}
	if err == nil && w.lose != nil && w.lose(req) {
		err = errors.Join(errors.New("the answer is lost"), resp.Body.Close())
		return nil, err
	}
	return resp, err
}

// loses sets which answers are lost.
func (w *watched) loses(f func(req *http.Request) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lose = f
}

func newTestClient(t *testing.T, via http.RoundTripper, cluster string, endpoints ...string) *kvclient.Client {
	t.Helper()
	c, err := kvclient.New(kvclient.Config{Endpoints: endpoints, HTTP: &http.Client{Transport: via}, Cluster: cluster})
	must(t, err)
	return c
}

// increment adds 1 to a counter that others may change, too.
func increment(ctx context.Context, c *kvclient.Client, key string) error {
	for {
		item, err := c.Get(ctx, key)
		if err != nil && !errors.Is(err, kvclient.ErrNotFound) {
			return err
		}
		n, _ := strconv.Atoi(string(item.Value))
		_, err = c.PutIf(ctx, key, []byte(fmt.Sprint(n+1)), item.Revision)
		if !errors.Is(err, kvclient.ErrCondition) {
			return err
		}
	}
}

// TestAClientAgainstRealReplicas: what the fake of package client takes for granted.
func TestAClientAgainstRealReplicas(t *testing.T) {
	replicas := startHere(t, 3)
	r := follower(t, replicas)
	stranger := startHere(t, 1)[1]
	ctx, cancel := context.WithTimeout(context.Background(), 5*patience)
	defer cancel()
	via := &watched{via: kvclient.NewTransport(nil)}
	c := newTestClient(t, via, r.peers.cluster.get(), stranger.opts.address, r.opts.address)
	t.Run("each increment is carried out once although each answer is lost once", func(t *testing.T) {
		seen := map[string]bool{}
		via.loses(func(req *http.Request) bool {
			number := req.Header.Get(headerSequence)
			first := !seen[number]
			seen[number] = true
			return number != "" && first
		})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 5 {
					if err := increment(ctx, c, "lost"); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		via.loses(nil)
		if item, err := c.Get(ctx, "lost"); err != nil || string(item.Value) != "20" {
			t.Errorf("the counter is %q, %v", item.Value, err)
		}
	})
	t.Run("a follower gives what the client has written", func(t *testing.T) {
		elsewhere := 0 // than at the leader
		for i := range 50 {
			_, err := c.Put(ctx, "k", []byte(fmt.Sprint(i)))
			must(t, err)
			item, err := c.GetMonotonic(ctx, "k")
			if err != nil || string(item.Value) != fmt.Sprint(i) {
				t.Fatalf("after %d there is %q at %s, %v", i, item.Value, via.last.URL, err)
			}
			leader, err := r.report(ctx)
			must(t, err)
			if "http://"+via.last.URL.Host != leader.Members[leader.Leader] {
				elsewhere++
			}
		}
		if elsewhere == 0 {
			t.Error("the leader answers all")
		}
	})
	t.Run("a session that has ended", func(t *testing.T) {
		must(t, c.Delete(ctx, "k"))
		end := func(session string) {
			code, said := r.insist(t, http.MethodDelete, "/session/"+session, "")
			if code != http.StatusNoContent {
				t.Errorf("%d %s", code, said)
			}
		}
		end(via.last.Header.Get(headerSession))
		_, err := c.PutIf(ctx, "ended", nil, 0)
		must(t, err)
		via.loses(func(req *http.Request) bool {
			lost := req.Method == http.MethodDelete
			if lost {
				via.lose = nil
				end(req.Header.Get(headerSession))
			}
			return lost
		})
		if err := c.Delete(ctx, "ended"); !errors.Is(err, kvclient.ErrUnknown) {
			t.Errorf("a write whose session has ended: %v", err)
		}
		if _, err := c.Get(ctx, "ended"); !errors.Is(err, kvclient.ErrNotFound) {
			t.Errorf("it was carried out: %v", err)
		}
	})
	t.Run("keys", func(t *testing.T) {
		keys := []string{"\x00", "../up", "a", "a b?c=%", "a//b", "\xff\xff"}
		for _, key := range keys {
			revision, err := c.PutIf(ctx, key, []byte(key), 0)
			must(t, err)
			if _, err = c.PutIf(ctx, key, []byte(key), 0); !errors.Is(err, kvclient.ErrCondition) {
				t.Errorf("%q is there: %v", key, err)
			}
			revision, err = c.PutIf(ctx, key, []byte(key), revision)
			must(t, err)
			if item, err := c.Get(ctx, key); err != nil || string(item.Value) != key || item.Revision != revision {
				t.Errorf("%q has %+v, %v, want revision %d", key, item, err, revision)
			}
		}
		must(t, c.Delete(ctx, "lost"))
		for _, monotonic := range []bool{false, true} {
			var got []string
			for key, err := range c.All(ctx, kvclient.Listing{Limit: 2, Monotonic: monotonic}) {
				must(t, err)
				got = append(got, key.Key)
				if item, err := c.Get(ctx, key.Key); err != nil || item.Revision != key.Revision {
					t.Errorf("%q has revision %d in the listing, and %d, %v", key.Key, key.Revision, item.Revision, err)
				}
			}
			if !slices.Equal(got, keys) {
				t.Errorf("listed are %q", got)
			}
		}
		if err := c.DeleteIf(ctx, "a", 0); !errors.Is(err, kvclient.ErrCondition) {
			t.Errorf("a key that is there: %v", err)
		}
	})
	must(t, c.Close(ctx))
	if _, body := stranger.insist(t, http.MethodGet, "/kv/?stale", ""); body != "{\"keys\":[]}\n" {
		t.Errorf("the other cluster has %s", body)
	}
}

// TestAClientCountsRightAlthoughLeadersDie: goroutines that share a client count up, and each makes
// keys that nobody else makes. A write that was carried out twice, or not at all, shows in either.
func TestAClientCountsRightAlthoughLeadersDie(t *testing.T) {
	cl := newCluster(t)
	cl.startAll()
	leader := cl.leader()
	ctx, cancel := context.WithTimeout(context.Background(), 5*patience)
	defer cancel()
	c := newTestClient(t, kvclient.NewTransport(nil), "", cl.urls[1], cl.urls[2], cl.urls[3])
	const workers = 8
	var done [workers]int
	var wg sync.WaitGroup
	over := make(chan struct{})
	work := func(worker int) error {
		for i := 1; ; i++ {
			select {
			case <-over:
				return nil
			default:
			}
			own := fmt.Sprintf("own/%d/%d", worker, i)
			if _, err := c.PutIf(ctx, own, nil, 0); err != nil {
				return err
			}
			if _, err := c.GetMonotonic(ctx, own); err != nil {
				return err
			}
			if err := increment(ctx, c, "counter"); err != nil {
				return err
			}
			done[worker] = i
		}
	}
	for worker := range workers {
		wg.Go(func() {
			if err := work(worker); err != nil {
				t.Errorf("worker %d: %v", worker, err)
			}
		})
	}
	count := func() int {
		item, err := c.Get(ctx, "counter")
		if err != nil && !errors.Is(err, kvclient.ErrNotFound) {
			t.Fatal(err)
		}
		n, _ := strconv.Atoi(string(item.Value))
		return n
	}
	for range 3 {
		before := count()
		until(t, "progress", func() bool { return count() > before+5 })
		_ = cl.kill(leader, syscall.SIGKILL)
		before = count()
		until(t, "progress without a replica", func() bool { return count() > before+5 })
		cl.start(leader)
		leader = cl.leader()
	}
	close(over)
	wg.Wait()
	want := 0
	for _, n := range done {
		want += n
	}
	if got := count(); got != want {
		t.Errorf("the counter is %d after %d increments", got, want)
	}
}
