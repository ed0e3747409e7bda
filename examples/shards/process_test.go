package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ffd200af/raft/examples/shards/driver"
)

// patience bounds every wait; nothing waits longer than it must.
const patience = 60 * time.Second

var client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !f(); {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// cluster is four stores, a process each. The groups begin on the first three.
type cluster struct {
	t         *testing.T
	binary    string
	args      []string
	web       map[uint64]string
	processes map[uint64]*exec.Cmd
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	dir := t.TempDir()
	c := &cluster{t: t, binary: filepath.Join(dir, "shards"), web: map[uint64]string{}, processes: map[uint64]*exec.Cmd{}}
	if out, err := exec.Command("go", "build", "-o", c.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var peers []string
	for id := range uint64(4) {
		c.web[id+1] = freeAddress(t)
		peers = append(peers, fmt.Sprintf("%d=%s", id+1, freeAddress(t)))
	}
	c.args = []string{"-stores", "4", "-founders", "3", "-groups", "8", "-tick", "20ms", "-sleep", "25",
		"-data", dir, "-peers", strings.Join(peers, ",")}
	t.Cleanup(func() {
		for id := range c.processes {
			c.kill(id)
		}
	})
	for id := range c.web {
		c.start(id)
	}
	return c
}

var given sync.Map // addresses

// freeAddress returns one that nobody listens at, each once.
func freeAddress(t *testing.T) string {
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		_ = l.Close()
		if _, taken := given.LoadOrStore(l.Addr().String(), true); !taken {
			return l.Addr().String()
		}
	}
}

func (c *cluster) start(id uint64) {
	c.t.Helper()
	cmd := exec.Command(c.binary, append([]string{"-store", fmt.Sprint(id), "-http", c.web[id]}, c.args...)...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.processes[id] = cmd
}

func (c *cluster) kill(id uint64) {
	_ = c.processes[id].Process.Kill()
	_ = c.processes[id].Wait()
	delete(c.processes, id)
}

// do sends a request to a store. It returns the status, 0 if there is no answer.
func (c *cluster) do(method string, id uint64, path, body string) (int, string) {
	req, err := http.NewRequest(method, "http://"+c.web[id]+path, strings.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return 0, ""
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, string(b)
}

// groups returns what a store has.
func (c *cluster) groups(id uint64) (all []driver.Status, ok bool) {
	code, body := c.do(http.MethodGet, id, "/groups", "")
	return all, code == http.StatusOK && json.Unmarshal([]byte(body), &all) == nil
}

// move moves a replica, and waits until the old one is gone.
func (c *cluster) move(group, from, to uint64) {
	c.t.Helper()
	until(c.t, fmt.Sprintf("group %d moves from store %d to %d", group, from, to), func() bool {
		for id := range c.processes {
			if code, _ := c.do(http.MethodPost, id, fmt.Sprintf("/move?group=%d&from=%d&to=%d", group, from, to), ""); code == http.StatusNoContent {
				return true
			}
		}
		return false
	})
	until(c.t, "the old replica is gone", func() bool {
		all, ok := c.groups(from)
		return ok && !slices.ContainsFunc(all, func(s driver.Status) bool { return s.Group == group })
	})
}

// writers write keys of their own, each once or until the store says that nothing was done.
type writers struct {
	c     *cluster
	stop  atomic.Bool
	wg    sync.WaitGroup
	count atomic.Int64 // of what was acknowledged

	mu    sync.Mutex
	acked []string // keys; the value is the key
}

func (w *writers) run(name string) {
	defer w.wg.Done()
	for i := 0; !w.stop.Load(); i++ {
		key := fmt.Sprint(name, "-", i)
		if code, _ := w.c.do(http.MethodPut, 1+rand.Uint64N(4), "/kv/"+key, key); code == http.StatusNoContent {
			w.count.Add(1)
			w.mu.Lock()
			w.acked = append(w.acked, key)
			w.mu.Unlock()
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// some waits until so many more writes are acknowledged.
func (w *writers) some(n int64, when string) {
	w.c.t.Helper()
	want := w.count.Load() + n
	until(w.c.t, "writes "+when, func() bool { return w.count.Load() >= want })
}

// check reads what was acknowledged.
func (w *writers) check() {
	var wg sync.WaitGroup
	lost := make(chan string, len(w.acked))
	for part := range slices.Chunk(w.acked, len(w.acked)/8+1) {
		wg.Go(func() {
			for _, key := range part {
				for deadline := time.Now().Add(patience); ; {
					code, body := w.c.do(http.MethodGet, 1+rand.Uint64N(4), "/kv/"+key, "")
					if code == http.StatusOK && body == key {
						break
					}
					if code == http.StatusOK || code == http.StatusNotFound || time.Now().After(deadline) {
						lost <- fmt.Sprintf("%s is read as %d, %q", key, code, body)
						break
					}
				}
			}
		})
	}
	wg.Wait()
	close(lost)
	for l := range lost {
		w.c.t.Error(l)
	}
}

// Clients write to all groups all the time, on any store. Meanwhile groups move, also away from a
// store that is down, and stores are killed.
func TestMovesAndKillsLoseNothingThatWasAcknowledged(t *testing.T) {
	c := newCluster(t)
	w := &writers{c: c}
	for i := range 8 {
		w.wg.Add(1)
		go w.run(fmt.Sprint("client", i))
	}
	w.some(50, "at the start")
	c.move(1, 1, 4)
	w.some(50, "after a group has moved")
	c.kill(2)
	w.some(50, "without store 2")
	until(t, "group 2 moves away from the dead store", func() bool {
		for _, id := range []uint64{1, 3, 4} {
			if code, _ := c.do(http.MethodPost, id, "/move?group=2&from=2&to=4", ""); code == http.StatusNoContent {
				return true
			}
		}
		return false
	})
	c.kill(3)
	c.start(2)
	c.start(3)
	until(t, "store 2 hears that its replica of group 2 was removed", func() bool {
		all, ok := c.groups(2)
		return ok && !slices.ContainsFunc(all, func(s driver.Status) bool { return s.Group == 2 })
	})
	w.some(50, "after stores 2 and 3 have started again")
	c.kill(4)
	c.start(4)
	c.move(1, 4, 1)
	for id := range c.web { // all at once
		c.kill(id)
	}
	for id := range c.web {
		c.start(id)
	}
	w.some(50, "after all stores have started again")
	w.stop.Store(true)
	w.wg.Wait()
	t.Logf("%d writes were acknowledged", len(w.acked))
	w.check()
}

func TestRequestsThatCannotBeServedSaySo(t *testing.T) {
	c := newCluster(t)
	until(t, "a write", func() bool {
		code, _ := c.do(http.MethodPut, 1, "/kv/a", "1")
		return code == http.StatusNoContent
	})
	for _, tc := range []struct {
		method, path, body string
		store              uint64
		want               int
	}{
		{http.MethodGet, "/kv/none", "", 2, http.StatusNotFound},
		{http.MethodGet, "/kv/a", "", 4, http.StatusMisdirectedRequest},
		{http.MethodPut, "/kv/a", "2", 4, http.StatusMisdirectedRequest},
		{http.MethodPut, "/kv/a", strings.Repeat("x", maxValue+1), 1, http.StatusRequestEntityTooLarge},
		{http.MethodPost, "/move?group=x&from=1&to=2", "", 1, http.StatusBadRequest},
		{http.MethodPost, "/move?group=9&from=1&to=2", "", 1, http.StatusMisdirectedRequest},
		{http.MethodDelete, "/kv/none", "", 1, http.StatusNoContent},
	} {
		var code int
		var body string
		until(t, tc.path, func() bool { // groups may have no leader yet
			code, body = c.do(tc.method, tc.store, tc.path, tc.body)
			return code != 0 && code != http.StatusServiceUnavailable && code != http.StatusGatewayTimeout
		})
		if code != tc.want {
			t.Errorf("%s %.20s: %d %s, want %d", tc.method, tc.path, code, body, tc.want)
		}
	}
	c.kill(2)
	c.args = append(c.args, "-groups", "9")
	c.start(2)
	cmd := c.processes[2]
	delete(c.processes, 2)
	if err := cmd.Wait(); err == nil {
		t.Error("a store starts with another number of groups")
	}
}
