package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheLeaderIsAskedFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		for c.leader = 1; c.leader <= 3; c.leader++ {
			c.requests = nil
			cl := c.client(Config{})
			mustPut(t, ctx, cl)
			_, err := cl.Get(ctx, "k")
			must(t, err)
			_, err = cl.List(ctx, Listing{})
			if want := fmt.Sprint("r", c.leader); c.asked("/kv/") != want || c.asked("/session") != want {
				t.Errorf("the leader is %s, and asked are %s", want, c.asked("/"))
			}
			if err == nil {
				t.Error("the fake lists keys")
			}
		}
	})
}

func TestOneEndpointIsEnoughToFindTheOthers(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		cl := c.client(Config{Endpoints: []string{"http://r2/"}})
		mustPut(t, ctx, cl)
		c.down["r2"], c.down["r1"] = true, true
		mustPut(t, ctx, cl)
		if got := c.asked("PUT"); got != "r1 r3" {
			t.Errorf("asked are %s", got)
		}
		// A replica that is gone is forgotten, and one that has come is learned.
		c.down["r2"], c.down["r1"], c.leader = false, false, 4
		c.members = map[string]string{"2": "http://r2", "4": "http://r4"}
		c.requests = nil
		cl.directory.learn(ctx)
		mustPut(t, ctx, cl)
		if got := fmt.Sprint(c.asked("PUT"), cl.directory.order); !strings.HasPrefix(got, "r4[") || strings.Contains(got, "r1") {
			t.Errorf("asked and known are %s", got)
		}
	})
}

// TestAnEndpointByAnotherNameIsOneReplica: the cluster knows a replica by an address that its
// clients do not use.
func TestAnEndpointByAnotherNameIsOneReplica(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		c.members = map[string]string{"1": "http://x1", "2": "http://x2", "3": "http://x3"}
		cl := c.client(Config{Endpoints: []string{"http://r1", "http://r2"}})
		c.hook = hang("x3 ")
		mustPut(t, ctx, cl)
		if got := c.asked("PUT"); got != "r1" || len(cl.directory.order) != 3 {
			t.Errorf("asked are %s, known %v", got, cl.directory.order)
		}
	})
}

func TestACallGoesOnToTheNextReplica(t *testing.T) {
	for name, hook := range map[string]func(string, http.ResponseWriter, *http.Request) bool{
		"503": refuse("r1 PUT", 503), "500": refuse("r1 PUT", 500), "removed": refuse("r1 ", 410), "of another cluster": refuse("r1 ", 421),
		"429": refuse("r1 PUT", 429), "408": refuse("r1 PUT", 408), "silent": hang("r1 PUT"),
		"an answer of another cluster": func(at string, w http.ResponseWriter, req *http.Request) bool {
			if at == "r1" {
				w.Header().Set(headerCluster, "theirs")
			}
			return false
		},
		"an answer of nobody": func(at string, w http.ResponseWriter, req *http.Request) bool {
			if at == "r1" && req.Method == http.MethodPut {
				w.Header().Del(headerCluster)
				w.WriteHeader(http.StatusPreconditionFailed)
			}
			return at == "r1" && req.Method == http.MethodPut
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
				cl := c.client(Config{Cluster: "ours"})
				c.hook = hook
				began := time.Now()
				mustPut(t, ctx, cl)
				if c.carried != 1 || c.asked("PUT") == "r1" || time.Since(began) > 6*time.Second {
					t.Errorf("carried out %d times, asked are %s, after %v", c.carried, c.asked("PUT"), time.Since(began))
				}
			})
		})
	}
	t.Run("down", func(t *testing.T) {
		inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
			c.down["r1"] = true
			mustPut(t, ctx, c.client(Config{}))
		})
	})
}

func TestWhatNoReplicaCanDoEndsAtOnce(t *testing.T) {
	for code, want := range map[int]error{421: ErrCluster, 410: ErrRemoved} {
		inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
			c.hook = refuse("", code)
			began := time.Now()
			_, err := c.client(Config{}).Put(ctx, "k", nil)
			if !errors.Is(err, want) || errors.Is(err, ErrUnknown) || time.Since(began) > 0 {
				t.Errorf("%d: %v after %v", code, err, time.Since(began))
			}
		})
	}
}

func TestEachRequestNamesTheCluster(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		mustPut(t, ctx, c.client(Config{}))
		mustPut(t, ctx, c.client(Config{Cluster: "ours"}))
		for i, req := range c.sent {
			if got := req.Header.Get(headerCluster); got != "ours" && (got != "" || req.URL.Path != "/status") { // which find it out
				t.Errorf("%s names %q", c.requests[i], got)
			}
		}
		_, err := c.client(Config{Cluster: "theirs"}).Get(ctx, "k")
		if !errors.Is(err, ErrCluster) {
			t.Errorf("another cluster: %v", err)
		}
	})
}

// TestTheCallPausesBetweenRounds: from round to round longer, never longer than a second, and the
// call ends with its context.
func TestTheCallPausesBetweenRounds(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		c.hook = refuse("GET /kv/", 503)
		began := time.Now()
		_, err := c.client(Config{}).Get(ctx, "k")
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "503") || time.Since(began) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		synctest.Wait()
		var rounds []time.Time
		for i, r := range c.requests {
			if strings.Contains(r, "/kv/") {
				rounds = append(rounds, c.at[i])
			}
		}
		if len(rounds)%3 != 0 || len(rounds)/3 < 60 || len(rounds)/3 > 130 {
			t.Fatalf("%d requests", len(rounds))
		}
		longest := minPause
		for i := 3; i < len(rounds); i += 3 {
			if d := rounds[i].Sub(rounds[i-1]); d < longest/2 || d > longest {
				t.Errorf("the pause before round %d is %v, want %v to %v", i/3, d, longest/2, longest)
			}
			longest = min(2*longest, maxPause)
		}
	})
}

// TestALeaderThatDoesNotAnswerIsLeftWhenAnotherLeads, and not before.
func TestALeaderThatDoesNotAnswerIsLeftWhenAnotherLeads(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		cl := c.client(Config{AttemptTime: 30 * time.Second})
		mustPut(t, ctx, cl)
		c.hook = hang("r1 ")
		for at, leader := range map[time.Duration]int{3 * time.Second: 0, 10 * time.Second: 3} {
			time.AfterFunc(at, func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.leader = leader
			})
		}
		began := time.Now()
		mustPut(t, ctx, cl)
		if d := time.Since(began); d < 10*time.Second || d > 12*time.Second || c.matching("r2 PUT") > 0 {
			t.Errorf("it took %v, with %v", d, c.requests)
		}
	})
}

// TestWhoLeadsIsWhatReplicasSay, each after a while of its own.
func TestWhoLeadsIsWhatReplicasSay(t *testing.T) {
	type said struct {
		after        time.Duration
		term, leader uint64
		applied      uint64
		members      map[uint64]string
	}
	const hangs = time.Hour
	two := map[uint64]string{1: "http://r1", 2: "http://r2"}
	three := map[uint64]string{1: "http://r1", 2: "http://r2", 3: "http://r3"}
	for name, tc := range map[string]struct {
		said   [3]said
		leader string
		within time.Duration
	}{
		"all agree":                          {[3]said{{0, 1, 2, 0, three}, {0, 1, 2, 0, three}, {0, 1, 2, 0, three}}, "http://r2", 0},
		"two are enough":                     {[3]said{{0, 1, 2, 0, three}, {0, 1, 2, 0, three}, {hangs, 1, 2, 0, three}}, "http://r2", 0},
		"one was cut off":                    {[3]said{{0, 1, 1, 9, three}, {2, 2, 3, 0, three}, {1, 2, 3, 0, three}}, "http://r3", 2},
		"one was cut off, one does not know": {[3]said{{1, 1, 1, 0, three}, {0, 2, 0, 0, three}, {2, 2, 3, 0, three}}, "http://r3", 2},
		"two do not know":                    {[3]said{{0, 2, 0, 0, three}, {0, 2, 0, 0, three}, {1, 2, 3, 0, three}}, "http://r3", 1},
		"a candidate is ahead":               {[3]said{{0, 5, 0, 0, three}, {0, 2, 2, 0, three}, {hangs, 0, 0, 0, three}}, "http://r2", statusTime},
		"nobody leads":                       {[3]said{{0, 2, 0, 0, two}, {0, 2, 0, 0, two}, {hangs, 0, 0, 0, two}}, "", statusTime},
		"nobody answers":                     {[3]said{{hangs, 2, 0, 0, three}, {hangs, 2, 0, 0, three}, {hangs, 0, 0, 0, three}}, "", statusTime},
		"another leads": {[3]said{
			{0, 1, 4, 9, map[uint64]string{1: "http://r1", 4: "http://r4"}}, {1, 1, 4, 0, three}, {hangs, 1, 4, 0, three},
		}, "http://r4", 1},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
				d, err := newDirectory([]string{"http://r1", "http://r2", "http://r3"}, func(ctx context.Context, e string) (*status, error) {
					id := uint64(e[len(e)-1] - '0')
					s := tc.said[id-1]
					err := sleep(ctx, s.after)
					return &status{e, id, s.term, s.leader, s.applied, s.members}, err
				})
				must(t, err)
				began := time.Now()
				d.learn(ctx)
				took := time.Since(began)
				if synctest.Wait(); d.leader != tc.leader || took > tc.within {
					t.Errorf("the leader is %q after %v, want %q within %v", d.leader, took, tc.leader, tc.within)
				}
			})
		})
	}
}

// TestAReplicaThatHasFailedIsNotAskedFirst, and who leads is asked at once.
func TestAReplicaThatHasFailedIsNotAskedFirst(t *testing.T) {
	for range 10 { // the order is random
		inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
			cl := c.client(Config{})
			mustPut(t, ctx, cl)
			c.hook = refuse("r1 PUT", 503)
			c.leader = 2
			mustPut(t, ctx, cl)
			c.requests = nil
			mustPut(t, ctx, cl)
			if got := c.asked("PUT"); got != "r2" {
				t.Errorf("asked are %s", got)
			}
			c.hook = refuse("r3 GET /kv/", 503)
			for range 10 {
				_, _ = cl.GetMonotonic(ctx, "k")
			}
			if n := c.matching("r3 GET /kv/"); n > 1 {
				t.Errorf("the replica that fails is asked %d times", n)
			}
		})
	}
}

func TestAnAnswerThatIsTooLongIsNotTaken(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		c.values["k"] = "v"
		c.hook = func(at string, w http.ResponseWriter, req *http.Request) bool {
			if at == "r1" && req.URL.Path == "/kv/k" {
				_, _ = w.Write(make([]byte, maxAnswer+1))
			}
			return at == "r1" && req.URL.Path == "/kv/k"
		}
		if item, err := c.client(Config{}).Get(ctx, "k"); err != nil || string(item.Value) != "v" {
			t.Errorf("%d bytes, %v", len(item.Value), err)
		}
	})
}

// TestWhoLeadsIsAskedAgainAfterAWhile, although no call fails: followers pass writes on.
func TestWhoLeadsIsAskedAgainAfterAWhile(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		cl := c.client(Config{})
		mustPut(t, ctx, cl)
		c.leader, c.term = 2, 2
		mustPut(t, ctx, cl)
		if got, status := c.asked("PUT"), c.matching("/status"); got != "r1" || status > 3 {
			t.Fatalf("asked are %s, with %d questions who leads", got, status)
		}
		time.Sleep(longAge + 1)
		mustPut(t, ctx, cl)
		synctest.Wait()
		mustPut(t, ctx, cl)
		if got := c.asked("PUT"); got != "r1 r2" {
			t.Errorf("asked are %s", got)
		}
	})
}

func TestWhoLeadsIsAskedAgainSoonIfNobodyDoes(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		c.leader = 0
		cl := c.client(Config{})
		mustPut(t, ctx, cl)
		last := cl.directory.order[2]
		c.leader = int(last[len(last)-1] - '0')
		time.Sleep(shortAge + 1)
		mustPut(t, ctx, cl)
		c.requests = nil
		mustPut(t, ctx, cl)
		if got := c.asked("PUT"); "http://"+got != last {
			t.Errorf("asked are %s, and %s leads", got, last)
		}
	})
}

func TestManyCallsAskOnceWhoLeads(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		c.hook = func(_ string, _ http.ResponseWriter, req *http.Request) bool {
			time.Sleep(time.Millisecond)
			return false
		}
		cl := c.client(Config{})
		for range 10 {
			go func() { _, _ = cl.Get(ctx, "k") }()
		}
		time.Sleep(time.Second)
		if n := c.matching("/status"); n != 3 || c.matching("/kv/k") != 10 || c.asked("/kv/k") != "r1" {
			t.Errorf("%d questions who leads, and %d reads at %s", n, c.matching("/kv/k"), c.asked("/kv/k"))
		}
	})
}
