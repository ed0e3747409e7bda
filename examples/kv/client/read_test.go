package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"
)

func TestAReadGivesValueAndRevision(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		cl := c.client(Config{})
		if _, err := cl.Get(ctx, "k"); !errors.Is(err, ErrNotFound) {
			t.Errorf("no such key: %v", err)
		}
		mustPut(t, ctx, cl)
		if item, err := cl.Get(ctx, "k"); err != nil || string(item.Value) != "v" || item.Revision != 7 {
			t.Errorf("%+v, %v", item, err)
		}
		c.requests = nil
		if _, err := cl.Get(ctx, ""); err == nil || c.matching("") > 0 {
			t.Errorf("an empty key: %v", err)
		}
	})
}

// TestAMonotonicReadAsksForWhatItsClientHasSeen, at a replica that does not lead.
func TestAMonotonicReadAsksForWhatItsClientHasSeen(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		cl := c.client(Config{})
		read := func(want string) {
			t.Helper()
			_, err := cl.GetMonotonic(ctx, "k")
			line, last := c.last("/kv/k")
			if got := last.Header.Get(headerAtLeast); got != want || err != nil {
				t.Errorf("it asks for %q, want %q, and ends with %v", got, want, err)
			}
			if line[:2] == "r1" || last.URL.RawQuery != "read=stale" {
				t.Errorf("the request is %s", line)
			}
		}
		c.values["k"] = "v"
		read("")
		mustPut(t, ctx, cl)
		read("1")
		c.index = 5
		_, err := cl.Get(ctx, "k")
		must(t, err)
		read("5")
		c.index = 6
		read("5")
		read("6")
		// An answer that is older than that is not taken. Only the leader has a newer one.
		c.applied["r2"], c.applied["r3"] = 5, 5
		_, err = cl.GetMonotonic(ctx, "k")
		must(t, err)
		if got, _ := c.last("/kv/k"); got != "r1 GET /kv/k?read=stale" {
			t.Errorf("the last request is %s", got)
		}
		if got := (Token{"ours", 6}); cl.Token() != got {
			t.Errorf("the token is %v, want %v", cl.Token(), got)
		}
	})
}

// TestAMonotonicReadDoesNotWaitLongForAReplicaThatIsBehind: another one may be ahead. The last one
// has the whole time.
func TestAMonotonicReadDoesNotWaitLongForAReplicaThatIsBehind(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		cl := c.client(Config{AttemptTime: 4 * time.Second})
		mustPut(t, ctx, cl)
		c.hook = func(at string, w http.ResponseWriter, req *http.Request) bool {
			if at == "r1" && req.URL.Path == "/kv/k" {
				time.Sleep(3 * time.Second)
			}
			return (hang("r2 GET /kv/")(at, w, req) || hang("r3 GET /kv/")(at, w, req))
		}
		began := time.Now()
		_, err := cl.GetMonotonic(ctx, "k")
		if d := time.Since(began); err != nil || d != 2*lagTime+3*time.Second {
			t.Errorf("%v after %v", err, d)
		}
	})
}

func TestATokenGoesFromOneClientToAnother(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		writer, reader := c.client(Config{}), c.client(Config{})
		if err := reader.Observe(Token{"", 3}); !errors.Is(err, ErrCluster) {
			t.Errorf("a token without a cluster: %v", err)
		}
		must(t, reader.Observe(writer.Token())) // it has seen nothing
		c.index = 41
		mustPut(t, ctx, writer)
		must(t, reader.Observe(writer.Token()))
		must(t, reader.Observe(Token{"ours", 3}))
		_, err := reader.GetMonotonic(ctx, "k")
		must(t, err)
		if _, req := c.last("/kv/k"); req.Header.Get(headerAtLeast) != "42" {
			t.Errorf("it asks for %q", req.Header.Get(headerAtLeast))
		}
		for _, bad := range []Token{{"theirs", 3}, {"", 3}} {
			if err := reader.Observe(bad); !errors.Is(err, ErrCluster) {
				t.Errorf("%v: %v", bad, err)
			}
		}
	})
}

func TestAListingIsReadPageByPage(t *testing.T) {
	inBubble(t, func(t *testing.T, ctx context.Context, c *cluster) {
		pages := map[string]string{
			"/kv/?after=a&limit=2&prefix=p%26":   `{"keys":[{"key":"a%2520b//","revision":3},{"key":"%FF","revision":4}],"next":"/kv/?after=%FF&limit=2&prefix=p%26"}`,
			"/kv/?after=%FF&limit=2&prefix=p%26": `{"keys":[{"key":"z","revision":5}]}`,
			"/kv/?prefix=":                       `{"keys":[]}`,
			"/kv/?prefix=&read=stale":            `{"keys":[{"key":"s","revision":6}]}`,
			"/kv/?prefix=bad":                    `{"keys":[{"key":"%","revision":5}]}`,
			"/kv/?after=z&prefix=endless":        `{"keys":[{"key":"z","revision":5}],"next":"/kv/?after=z"}`,
			"/kv/?prefix=worse":                  `[`,
		}
		c.hook = func(_ string, w http.ResponseWriter, req *http.Request) bool {
			page, ok := pages[req.URL.RequestURI()]
			fmt.Fprint(w, page)
			return ok
		}
		cl := c.client(Config{})
		list := func(l Listing) (got string) {
			for key, err := range cl.All(ctx, l) {
				if err != nil {
					return got + "error"
				}
				if got += fmt.Sprintf("%q %d ", key.Key, key.Revision); len(got) > 100 {
					break
				}
			}
			return got
		}
		for want, l := range map[string]Listing{
			`"a%20b//" 3 "\xff" 4 "z" 5 `: {Prefix: "p&", After: "a", Limit: 2}, "": {}, `"s" 6 `: {Monotonic: true},
			"error": {Prefix: "bad"},
		} {
			if got := list(l); got != want {
				t.Errorf("%+v: %s, want %s", l, got, want)
			}
		}
		if line, _ := c.last("read=stale"); line[:2] == "r1" {
			t.Error("the leader answers a monotonic listing")
		}
		if got := list(Listing{Prefix: "endless", After: "z"}); len(got) > 110 {
			t.Errorf("a listing goes on after the end: %s", got)
		}
		if got := list(Listing{Prefix: "worse"}); got != "error" {
			t.Errorf("no JSON: %s", got)
		}
	})
}
