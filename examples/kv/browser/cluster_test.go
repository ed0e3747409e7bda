package browser

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// patience bounds every wait; nothing waits longer than it must.
const patience = 60 * time.Second

// token is what changes of the cluster need.
const token = "secret7"

// cluster is three replicas, each a process of its own.
type cluster struct {
	t         *testing.T
	urls      map[int]string
	processes map[int]*exec.Cmd
}

func startCluster(t *testing.T) *cluster {
	t.Helper()
	dir := t.TempDir()
	binary := filepath.Join(dir, "kv")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Dir = ".." // the module of the example, which this one does not need otherwise
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	tokenFile := filepath.Join(dir, "token")
	if err := os.WriteFile(tokenFile, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, urls: map[int]string{}, processes: map[int]*exec.Cmd{}}
	var words []string
	for id := 1; id <= 3; id++ {
		c.urls[id] = "http://" + freeAddress(t)
		words = append(words, fmt.Sprintf("%d=%s", id, c.urls[id]))
	}
	t.Cleanup(func() {
		for id := range c.processes {
			c.kill(id)
		}
	})
	for id := range c.urls {
		p := exec.Command(binary, "-id", fmt.Sprint(id), "-data", filepath.Join(dir, "data"),
			"-cluster", strings.Join(words, ","), "-bootstrap", "-token-file", tokenFile)
		p.Stdout, p.Stderr = t.Output(), t.Output()
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		c.processes[id] = p
	}
	return c
}

var lastPort atomic.Int64

// freeAddress returns an address that is given out once. The system gives ports of this range to
// nobody who does not name one.
func freeAddress(t *testing.T) string {
	t.Helper()
	for {
		port := 10000 + (int64(os.Getpid()%50)*200+lastPort.Add(1))%10000
		address := fmt.Sprint("127.0.0.1:", port)
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
}

func (c *cluster) kill(id int) {
	p := c.processes[id]
	delete(c.processes, id)
	_ = p.Process.Kill()
	_ = p.Wait()
}

// awaitUp waits until a replica serves.
func (c *cluster) awaitUp(id int) {
	c.t.Helper()
	until(c.t, "a replica that is ready", func() bool {
		resp, err := http.Get(c.urls[id] + "/ready")
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// put writes until the write is acknowledged.
func (c *cluster) put(id int, key string) {
	c.t.Helper()
	until(c.t, "a write", func() bool {
		ctx, cancel := context.WithTimeout(c.t.Context(), 10*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, c.urls[id]+"/kv/"+key, strings.NewReader("v"))
		if err != nil {
			c.t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusNoContent
	})
}

// until tries f until it is true, for patience and at least 200 times.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for tries := 0; !f(); tries++ {
		if tries > 200 && time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
