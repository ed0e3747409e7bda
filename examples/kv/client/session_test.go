package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestAWriteIsRepeatedUnderItsNumberUntilThereIsAnAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		cl := c.client(Config{})
		lost := map[string]int{}
		c.lose = func(at string, req *http.Request) bool {
			key := req.URL.Path
			if req.Method == http.MethodPut {
				lost[key]++
			}
			return req.Method == http.MethodPut && lost[key] <= 7 // two rounds, and one more
		}
		revision, err := cl.PutIf(ctx, "a", nil, 0)
		if err != nil || revision != 0 || c.carried != 1 || c.matching("PUT") != 8 {
			t.Errorf("revision %d, %v; carried out %d times with %d requests", revision, err, c.carried, c.matching("PUT"))
		}
		if _, err := cl.PutIf(ctx, "a", nil, 0); !errors.Is(err, ErrCondition) || errors.Is(err, ErrUnknown) {
			t.Errorf("a second one: %v", err)
		}
		if revision, err := cl.Put(ctx, "a", nil); err != nil || revision != 7 {
			t.Errorf("revision %d, %v", revision, err)
		}
		if err := cl.DeleteIf(ctx, "a", 9); !errors.Is(err, ErrCondition) {
			t.Errorf("another revision: %v", err)
		}
		if c.sessions != 1 {
			t.Errorf("%d sessions", c.sessions)
		}
	})
}

func TestOneSessionIsOpenedForAll(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		cl := c.client(Config{})
		_, _ = cl.Get(ctx, "k")
		synctest.Wait()
		if c.matching("/session") > 0 {
			t.Error("a read opens a session")
		}
		c.hook = func(_ string, _ http.ResponseWriter, _ *http.Request) bool {
			time.Sleep(time.Millisecond)
			return false
		}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := cl.Put(ctx, "k", nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		if c.sessions != 1 || c.carried != 20 {
			t.Errorf("%d sessions, %d writes", c.sessions, c.carried)
		}
		must(t, cl.Close(ctx))
		if c.session != 0 {
			t.Error("the session lives on")
		}
		must(t, cl.Close(ctx))
		c.requests = nil
		mustPut(t, ctx, cl)
		if n := c.matching("PUT"); n != 1 || c.sessions != 2 {
			t.Errorf("after Close, %d requests and %d sessions", n, c.sessions)
		}
	})
}

// TestASessionThatHasEndedIsReplaced: what was not sent before its end is sent in another one.
func TestASessionThatHasEndedIsReplaced(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		cl := c.client(Config{})
		mustPut(t, ctx, cl)
		c.session = 0
		c.hook = func(_ string, _ http.ResponseWriter, req *http.Request) bool {
			if req.Header.Get(headerSequence) == "2" && req.Header.Get(headerSession) == "1" {
				time.Sleep(time.Second) // until the next session is open
			}
			return false
		}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if _, err := cl.Put(ctx, "k", nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		synctest.Wait()
		if c.sessions != 2 || c.carried != 11 {
			t.Errorf("%d sessions, %d writes", c.sessions, c.carried)
		}
		// One that always ends is no busy loop.
		c.hook = func(_ string, _ http.ResponseWriter, req *http.Request) bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			if req.Method == http.MethodPut {
				c.session = 0
			}
			return false
		}
		c.requests = nil
		_, err := cl.Put(ctx, "k", nil)
		if n := c.matching("PUT"); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnknown) || n > 200 {
			t.Errorf("%v after %d requests", err, n)
		}
	})
}

// TestAWriteWhoseSessionEndsIsUnknown: whether it was carried out before the end, nobody knows. It
// must not be carried out in another session.
func TestAWriteWhoseSessionEndsIsUnknown(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		cl := c.client(Config{})
		c.lose = func(_ string, req *http.Request) bool {
			c.mu.Lock()
			defer c.mu.Unlock()
			lost := req.Method == http.MethodPut && c.session == 1
			if lost {
				c.session = 0
			}
			return lost
		}
		_, err := cl.Put(ctx, "k", nil)
		if !errors.Is(err, ErrUnknown) || c.carried != 1 || c.matching("PUT") != 2 {
			t.Errorf("%v; carried out %d times with %d requests", err, c.carried, c.matching("PUT"))
		}
		mustPut(t, ctx, cl)
		if c.sessions != 2 {
			t.Errorf("%d sessions", c.sessions)
		}
	})
}

func TestAnAnswerThatMakesNoSenseEndsAWrite(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		c.hook = func(_ string, w http.ResponseWriter, req *http.Request) bool {
			fmt.Fprint(w, "welcome")
			return req.URL.Path == "/session"
		}
		if _, err := c.client(Config{}).Put(ctx, "k", nil); err == nil || errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
	})
}

func TestAWriteThatIsGivenUpIsUnknownIfItWasSent(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(c *cluster)
		unknown bool
	}{
		"no answer":           {func(c *cluster) { c.hook = hang("PUT") }, true},
		"a broken connection": {func(c *cluster) { c.lose = func(_ string, req *http.Request) bool { return req.Method == "PUT" } }, true},
		"503":                 {func(c *cluster) { c.hook = refuse("PUT", 503) }, true},
		"503, then 429": {func(c *cluster) {
			c.hook = func(at string, w http.ResponseWriter, req *http.Request) bool {
				return refuse("r1 PUT", 503)(at, w, req) || refuse("PUT", 429)(at, w, req)
			}
		}, true},
		"410":                   {func(c *cluster) { c.hook = refuse("PUT", 410) }, true},
		"429":                   {func(c *cluster) { c.hook = refuse("PUT", 429) }, false},
		"507":                   {func(c *cluster) { c.hook = refuse("PUT", 507) }, false},
		"408":                   {func(c *cluster) { c.hook = refuse("PUT", 408) }, false},
		"421":                   {func(c *cluster) { c.hook = refuse("PUT", 421) }, false},
		"no session":            {func(c *cluster) { c.hook = refuse("POST", 503) }, false},
		"all replicas are down": {func(c *cluster) { c.down = map[string]bool{"r1": true, "r2": true, "r3": true} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
				cl := c.client(Config{})
				if name != "no session" {
					mustPut(t, ctx, cl)
				}
				tc.prepare(c)
				_, err := cl.Put(ctx, "k", nil)
				if err == nil || errors.Is(err, ErrUnknown) != tc.unknown {
					t.Errorf("%v", err)
				}
				if name != "410" && name != "421" && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("it ends with %v", err)
				}
			})
		})
	}
}

// TestARefusalEndsAWrite at once. When it comes to a repetition, the first request may have been
// carried out.
func TestARefusalEndsAWrite(t *testing.T) {
	for _, code := range []int{400, 401, 403, 413, 404, 307} {
		inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
			cl := c.client(Config{})
			mustPut(t, ctx, cl)
			c.hook = refuse("r1 PUT", code)
			_, err := cl.Put(ctx, "k", nil)
			var refused *StatusError
			if !errors.As(err, &refused) || refused.Status != code || errors.Is(err, ErrUnknown) || c.matching("PUT") != 2 {
				t.Errorf("%d: %v, with %d requests", code, err, c.matching("PUT"))
			}
			c.hook = func(at string, w http.ResponseWriter, req *http.Request) bool {
				return refuse("r1 PUT", 503)(at, w, req) || refuse("PUT", code)(at, w, req)
			}
			_, err = cl.Put(ctx, "k", nil)
			if !errors.As(err, &refused) || refused.Status != code || !errors.Is(err, ErrUnknown) {
				t.Errorf("%d after 503: %v", code, err)
			}
		})
	}
}

// TestTheWindowMovesWithTheLowestOpenWrite: the fake fails on a number that is outside of it.
func TestTheWindowMovesWithTheLowestOpenWrite(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		cl := c.client(Config{})
		first := make(chan struct{})
		c.hook = func(_ string, _ http.ResponseWriter, req *http.Request) bool {
			if req.Header.Get(headerSequence) == "1" {
				<-first
			}
			return false
		}
		var wg sync.WaitGroup
		for i := range 50 {
			wg.Go(func() {
				if _, err := cl.PutIf(ctx, fmt.Sprint(i), nil, 0); err != nil {
					t.Errorf("write %d: %v", i, err)
				}
			})
		}
		synctest.Wait()
		if n := c.matching("PUT"); n != window {
			t.Errorf("%d writes are sent, want %d", n, window)
		}
		late, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := cl.Put(late, "late", nil); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrUnknown) {
			t.Errorf("a write that waits: %v", err)
		}
		close(first)
		wg.Wait()
		synctest.Wait()
		if c.carried != 50 || c.matching("PUT") != 50 {
			t.Errorf("%d writes with %d requests", c.carried, c.matching("PUT"))
		}
		mustPut(t, ctx, cl)
		if _, req := c.last("PUT"); req.Header.Get(headerAwaiting) != "51" || req.Header.Get(headerSequence) != "51" {
			t.Errorf("write %s awaits %s", req.Header.Get(headerSequence), req.Header.Get(headerAwaiting))
		}
	})
}

// TestAWriteThatIsGivenUpLeavesTheWindow: nobody waits for it.
func TestAWriteThatIsGivenUpLeavesTheWindow(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		cl := c.client(Config{})
		c.hook = func(_ string, _ http.ResponseWriter, req *http.Request) bool {
			if strings.HasSuffix(req.URL.Path, "slow") {
				<-req.Context().Done()
			}
			return false
		}
		soon, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if _, err := cl.Put(soon, "slow", nil); !errors.Is(err, ErrUnknown) {
			t.Error(err)
		}
		for range 2 * window {
			mustPut(t, ctx, cl)
		}
	})
}
