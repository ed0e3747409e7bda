package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait; nothing waits longer than it must.
const patience = 60 * time.Second

var client = &http.Client{Timeout: 10 * time.Second}

// cluster is a set of real processes, one a replica.
type cluster struct {
	t         *testing.T
	binary    string
	dir       string
	flag      string
	urls      map[uint64]string
	processes map[uint64]*exec.Cmd
	extra     []string
	said      lines // by all of them
}

// build makes the program, once for all tests.
var build = sync.OnceValues(func() (string, error) {
	path := filepath.Join(binaries, "kv")
	args := slices.Concat([]string{"build"}, buildFlags, []string{"-o", path, "."})
	out, err := exec.Command("go", args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, out)
	}
	return path, err
})

var (
	binaries   string
	buildFlags []string
)

func TestMain(m *testing.M) {
	var err error
	if binaries, err = os.MkdirTemp("", "kv"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(binaries)
	os.Exit(code)
}

func newCluster(t *testing.T, extra ...string) *cluster {
	t.Helper()
	c := &cluster{t: t, dir: t.TempDir(), urls: map[uint64]string{}, processes: map[uint64]*exec.Cmd{}, extra: extra}
	var err error
	if c.binary, err = build(); err != nil {
		t.Fatal(err)
	}
	var words []string
	for id := uint64(1); id <= 3; id++ {
		c.urls[id] = "http://" + freeAddress(t)
		words = append(words, fmt.Sprintf("%d=%s", id, c.urls[id]))
	}
	c.flag = strings.Join(words, ",")
	t.Cleanup(func() {
		for id := range c.processes {
			c.kill(id, syscall.SIGKILL)
		}
	})
	return c
}

// lastPort numbers the ports that were given out.
var lastPort atomic.Int64

// freeAddress returns an address that no test of this process gets again. The system gives ports of
// this range to nobody who does not name one, so the address stays free until a replica listens.
// Processes begin at places of their own.
func freeAddress(t *testing.T) string {
	for {
		port := 10000 + (int64(os.Getpid()%50)*200+lastPort.Add(1))%10000
		address := fmt.Sprint("127.0.0.1:", port)
		if l, err := net.Listen("tcp", address); err == nil {
			must(t, l.Close())
			return address
		}
	}
}

func (c *cluster) start(id uint64) {
	c.t.Helper()
	c.run(id, "-cluster", c.flag, "-bootstrap") // as in a service file: both are for the first start
}

func (c *cluster) run(id uint64, args ...string) {
	c.t.Helper()
	args = append(append([]string{"-id", fmt.Sprint(id), "-data", c.dir, "-tick", "20ms", "-timeout", "1s"}, args...), c.extra...)
	cmd := exec.Command(c.binary, args...)
	out := io.MultiWriter(os.Stderr, &c.said)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Env = append(os.Environ(), "GORACE=halt_on_error=1 atexit_sleep_ms=0")
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.processes[id] = cmd
}

// join starts a replica that joins at the address of another.
func (c *cluster) join(id, via uint64) {
	c.t.Helper()
	if c.urls[id] == "" {
		c.urls[id] = "http://" + freeAddress(c.t)
	}
	c.run(id, "-join", c.urls[via], "-address", c.urls[id])
}

func (c *cluster) startAll() {
	for id := range c.urls {
		c.start(id)
	}
}

// kill sends a signal and waits for the end of the process.
func (c *cluster) kill(id uint64, sig syscall.Signal) error {
	cmd := c.processes[id]
	delete(c.processes, id)
	_ = cmd.Process.Signal(sig)
	return cmd.Wait()
}

// wantExit waits until a process has ended by itself, without an error.
func (c *cluster) wantExit(id uint64) {
	c.t.Helper()
	if err := c.exit(id); err != nil {
		c.t.Fatalf("replica %d ends with %v", id, err)
	}
}

// wantFailure waits until a process has ended by itself with exit status 1.
func (c *cluster) wantFailure(id uint64) {
	c.t.Helper()
	if err := c.exit(id); err == nil || err.Error() != "exit status 1" {
		c.t.Fatalf("replica %d ends with %v", id, err)
	}
}

func (c *cluster) exit(id uint64) error {
	cmd := c.processes[id]
	delete(c.processes, id)
	overdue := time.AfterFunc(5*patience, func() { _ = cmd.Process.Kill() })
	defer overdue.Stop()
	return cmd.Wait()
}

// folder is where a replica has its data.
func (c *cluster) folder(id uint64) string { return filepath.Join(c.dir, fmt.Sprint(id)) }

// until tries f until it is true. A machine that has stood still for a minute does not end it: it
// takes many tries.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for tries := 0; !f(); tries++ {
		if tries > 200 && time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (c *cluster) status(id uint64) (statusReport, bool) {
	var s statusReport
	resp, err := client.Get(c.urls[id] + "/status")
	if err != nil {
		return s, false
	}
	defer resp.Body.Close()
	return s, json.NewDecoder(resp.Body).Decode(&s) == nil && resp.StatusCode == http.StatusOK
}

// wantSnapshot waits until the log of a replica begins behind a snapshot, at an index or later.
func (c *cluster) wantSnapshot(id, first uint64) {
	c.t.Helper()
	until(c.t, fmt.Sprintf("a log of replica %d from index %d on", id, first), func() bool {
		s, ok := c.status(id)
		return ok && s.First >= first
	})
}

// leader waits until all running replicas agree on a leader that runs.
func (c *cluster) leader() uint64 {
	c.t.Helper()
	var leader uint64
	until(c.t, "a leader that all agree on", func() bool {
		leader = 0
		for id := range c.processes {
			s, ok := c.status(id)
			if !ok || s.Leader == 0 || leader != 0 && s.Leader != leader {
				return false
			}
			leader = s.Leader
		}
		return c.processes[leader] != nil
	})
	return leader
}

// put writes until the write is acknowledged.
func (c *cluster) put(id uint64, key, value string) {
	c.t.Helper()
	until(c.t, "write of "+key, func() bool {
		req, err := http.NewRequest(http.MethodPut, c.urls[id]+"/kv/"+key, strings.NewReader(value))
		if err != nil {
			c.t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			return false
		}
		defer resp.Body.Close()
		return resp.StatusCode == http.StatusNoContent
	})
}

func (c *cluster) get(id uint64, key, query string) (string, int) {
	resp, err := client.Get(c.urls[id] + "/kv/" + key + query)
	if err != nil {
		return "", 0
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", 0
	}
	return string(body), resp.StatusCode
}

// wantRead reads until there is an answer, which has to be the right one at once.
func (c *cluster) wantRead(id uint64, key, query, want string) {
	c.t.Helper()
	until(c.t, fmt.Sprintf("read of %s%s at replica %d", key, query, id), func() bool {
		got, code := c.get(id, key, query)
		if code == http.StatusNotFound || code == http.StatusOK && got != want {
			c.t.Fatalf("replica %d answers %q, %d for %s%s, want %q", id, got, code, key, query, want)
		}
		return code == http.StatusOK
	})
}

// wantEverywhere waits until every replica has, on its own disk, every acknowledged write.
func (c *cluster) wantEverywhere(written map[string]string) {
	c.t.Helper()
	for id := range c.urls {
		for key, want := range written {
			until(c.t, fmt.Sprintf("%s on replica %d", key, id), func() bool {
				got, code := c.get(id, key, "?stale=true")
				return code == http.StatusOK && got == want
			})
		}
	}
}

func other(c *cluster, not uint64) uint64 {
	for id := uint64(1); ; id++ {
		if id != not {
			return id
		}
	}
}

func TestAKilledLeaderLosesNoAcknowledgedWrite(t *testing.T) {
	c := newCluster(t)
	c.startAll()
	written := map[string]string{}
	write := func(id uint64, phase string) {
		t.Helper()
		for i := range 20 {
			key := fmt.Sprintf("%s-%d", phase, i)
			c.put(id, key, phase)
			written[key] = phase
		}
	}
	leader := c.leader()
	write(leader, "before")
	_ = c.kill(leader, syscall.SIGKILL)
	write(other(c, leader), "without")
	c.start(leader)
	write(other(c, leader), "after")
	c.wantEverywhere(written)

	// All at once: whatever was acknowledged is on disk.
	for id := range c.urls {
		_ = c.kill(id, syscall.SIGKILL)
	}
	c.startAll()
	c.wantEverywhere(written)
}

func TestCtrlCAndARestartKeepEverything(t *testing.T) {
	c := newCluster(t)
	c.startAll()
	written := map[string]string{"a": "1", "b/c": "2", "empty": ""}
	for key, value := range written {
		c.put(c.leader(), key, value)
	}
	for id := range c.urls {
		if err := c.kill(id, syscall.SIGINT); err != nil {
			t.Errorf("replica %d ends with %v", id, err)
		}
	}
	c.startAll()
	c.wantEverywhere(written)
}

func TestAReplicaThatWasAwayGetsASnapshot(t *testing.T) {
	c := newCluster(t, "-compact-after", "20")
	c.startAll()
	leader := c.leader()
	away := other(c, leader)
	_ = c.kill(away, syscall.SIGKILL)
	written := map[string]string{}
	for i := range 100 {
		key := fmt.Sprint("key", i)
		c.put(leader, key, key)
		written[key] = key
	}
	c.wantSnapshot(leader, 50)
	c.start(away)
	c.wantEverywhere(written)
	c.wantSnapshot(away, 50) // it cannot have caught up by entries
}

func TestRequestsThatCannotBeServedSaySo(t *testing.T) {
	c := newCluster(t)
	c.startAll()
	id := c.leader()
	for _, tc := range []struct {
		method, path string
		body         string
		want         int
	}{
		{http.MethodPut, "/kv/", "", http.StatusBadRequest},
		{http.MethodPut, "/kv/" + strings.Repeat("k", maxKey+1), "", http.StatusBadRequest},
		{http.MethodPut, "/kv/k", strings.Repeat("v", maxValue+1), http.StatusRequestEntityTooLarge},
		{http.MethodPut, "/kv/k", strings.Repeat("v", maxValue), http.StatusNoContent},
		{http.MethodGet, "/kv/none", "", http.StatusNotFound},
		{http.MethodPost, "/kv/k", "", http.StatusMethodNotAllowed},
		{http.MethodDelete, "/kv/none", "", http.StatusNoContent},
		{http.MethodPost, "/status", "", http.StatusMethodNotAllowed},
		{http.MethodPost, "/raft", "", http.StatusMisdirectedRequest},
		{http.MethodGet, "/", "", http.StatusOK},
		{http.MethodGet, "/none", "", http.StatusNotFound},
		{http.MethodGet, "/page.html", "", http.StatusNotFound},
		{http.MethodPost, "/", "", http.StatusMethodNotAllowed},
		{http.MethodPost, "/members", "no JSON", http.StatusBadRequest},
		{http.MethodPost, "/members", `{"id":0,"address":"http://127.0.0.1:1"}`, http.StatusBadRequest},
		{http.MethodPost, "/members", `{"id":4,"address":"127.0.0.1:1"}`, http.StatusBadRequest},
		{http.MethodPost, "/members", `{"id":1,"address":"http://127.0.0.1:1"}`, http.StatusConflict},
		{http.MethodPost, "/members", `{"id":4,"address":"` + c.urls[1] + `"}`, http.StatusConflict},
		{http.MethodDelete, "/members/4", "", http.StatusNotFound},
		{http.MethodPost, "/leader?to=4", "", http.StatusConflict},
		{http.MethodPost, fmt.Sprint("/leader?to=", id), "", http.StatusOK},
		{http.MethodPut, "/kv/k?expect=other", "x", http.StatusPreconditionFailed},
	} {
		code := 0
		until(t, "an answer to "+tc.method+" "+tc.path[:min(len(tc.path), 20)], func() bool {
			code, _ = askFor(tc.method, c.urls[id]+tc.path, tc.body)
			return code != 0 && code != http.StatusServiceUnavailable
		})
		if code != tc.want {
			t.Errorf("%s %.20s: %d, want %d", tc.method, tc.path, code, tc.want)
		}
	}
	// Without a majority there is no answer, rather than a wrong one.
	for other := range c.urls {
		if other != id {
			_ = c.kill(other, syscall.SIGKILL)
		}
	}
	if code, said := c.asked(http.MethodPut, c.urls[id]+"/kv/k"); code != http.StatusServiceUnavailable {
		t.Errorf("a write without a majority: %d %s", code, said)
	}
}
