package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
}

func newCluster(t *testing.T, extra ...string) *cluster {
	c := &cluster{t: t, dir: t.TempDir(), urls: map[uint64]string{}, processes: map[uint64]*exec.Cmd{}, extra: extra}
	c.binary = filepath.Join(c.dir, "kv")
	if out, err := exec.Command("go", "build", "-o", c.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
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

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (c *cluster) start(id uint64) {
	c.t.Helper()
	args := append([]string{"-id", fmt.Sprint(id), "-cluster", c.flag, "-data", c.dir, "-tick", "20ms"}, c.extra...)
	cmd := exec.Command(c.binary, args...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.processes[id] = cmd
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

// until tries f until it is true.
func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !f(); {
		if time.Now().After(deadline) {
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

	// A read through the log sees the last write, wherever it is asked.
	c.put(other(c, leader), "last", "1")
	c.put(leader, "last", "2")
	for id := range c.urls {
		if got, code := c.get(id, "last", ""); code != http.StatusOK || got != "2" {
			t.Errorf("replica %d answers %q, %d", id, got, code)
		}
	}

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
	s, _ := c.status(leader)
	if s.First < 50 {
		t.Fatalf("the log was not compacted: first index %d", s.First)
	}
	c.start(away)
	c.wantEverywhere(written)
	if s, ok := c.status(away); !ok || s.First < 50 {
		t.Errorf("replica %d has first index %d; it cannot have caught up by entries", away, s.First)
	}
}

func TestRequestsThatCannotBeServedSaySo(t *testing.T) {
	c := newCluster(t)
	c.startAll()
	id := c.leader()
	for _, tc := range []struct {
		method, path string
		body         io.Reader
		want         int
	}{
		{http.MethodPut, "/kv/", nil, http.StatusBadRequest},
		{http.MethodPut, "/kv/" + strings.Repeat("k", maxKey+1), nil, http.StatusBadRequest},
		{http.MethodPut, "/kv/k", bytes.NewReader(make([]byte, maxValue+1)), http.StatusRequestEntityTooLarge},
		{http.MethodPut, "/kv/k", bytes.NewReader(make([]byte, maxValue)), http.StatusNoContent},
		{http.MethodGet, "/kv/none", nil, http.StatusNotFound},
		{http.MethodPost, "/kv/k", nil, http.StatusMethodNotAllowed},
		{http.MethodDelete, "/kv/none", nil, http.StatusNoContent},
		{http.MethodPost, "/status", nil, http.StatusMethodNotAllowed},
		{http.MethodPost, "/raft", strings.NewReader("\xff\xff"), http.StatusBadRequest},
		{http.MethodGet, "/", nil, http.StatusNotFound},
	} {
		req, err := http.NewRequest(tc.method, c.urls[id]+tc.path, tc.body)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tc.want {
			t.Errorf("%s %.20s: %s, want %d", tc.method, tc.path, resp.Status, tc.want)
		}
	}
	// Without a majority there is no answer, rather than a wrong one.
	for other := range c.urls {
		if other != id {
			_ = c.kill(other, syscall.SIGKILL)
		}
	}
	req, _ := http.NewRequest(http.MethodPut, c.urls[id]+"/kv/k", strings.NewReader("x"))
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a write without a majority: %s", resp.Status)
	}
}
