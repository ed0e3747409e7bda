package main

import (
	"bytes"
	"crypto/rand"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var large = flag.Bool("large", false, "move a snapshot of 600 MiB between processes, which takes minutes")

// breakingProxy passes connections on to an address. It breaks one connection when so many bytes
// have come.
func breakingProxy(t *testing.T, to string, after int64) (address string, broken *atomic.Bool) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	var come atomic.Int64
	broken = &atomic.Bool{}
	pass := func(to, from net.Conn, seen *atomic.Int64) {
		defer to.Close()
		defer from.Close()
		for b := make([]byte, 64<<10); ; {
			n, err := from.Read(b)
			if seen != nil && seen.Add(int64(n)) > after && broken.CompareAndSwap(false, true) {
				return
			}
			if _, failed := to.Write(b[:n]); failed != nil || err != nil {
				return
			}
		}
	}
	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				_ = in.Close()
				continue
			}
			go pass(out, in, &come)
			go pass(in, out, nil)
		}
	}()
	return listener.Addr().String(), broken
}

// memory is a line of /proc/PID/status, in KiB.
func (c *cluster) memory(id uint64, name string) (kib int) {
	c.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.processes[id].Process.Pid))
	must(c.t, err)
	_, rest, found := strings.Cut(string(b), name+":")
	if _, err := fmt.Sscan(rest, &kib); err != nil || !found {
		c.t.Fatalf("no %s: %v", name, err)
	}
	return kib
}

// forgetPeak makes the present size of a process its peak, VmHWM.
func (c *cluster) forgetPeak(id uint64) {
	must(c.t, os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", c.processes[id].Process.Pid), []byte("5"), 0))
}

// TestALargeSnapshotTakesLittleMemory moves 600 MiB to a replica that joins. The connection breaks
// once.
func TestALargeSnapshotTakesLittleMemory(t *testing.T) {
	if !*large {
		t.Skip("-large runs it")
	}
	const mib = 600
	c := newCluster(t, "-compact-after", "20")
	c.startAll()
	leader := c.leader()
	_ = c.kill(other(c, leader), syscall.SIGKILL) // spares the disk
	value := make([]byte, maxValue)
	for i := range mib {
		_, _ = rand.Read(value)
		until(t, "a write", func() bool {
			req, err := http.NewRequest(http.MethodPut, fmt.Sprint(c.urls[leader], "/kv/", i), bytes.NewReader(value))
			must(t, err)
			resp, err := client.Do(req)
			if err != nil {
				return false
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			return resp.StatusCode == http.StatusNoContent
		})
	}
	leader = c.leader()
	before, _ := c.status(leader)

	listen := freeAddress(t)
	address, broken := breakingProxy(t, listen, mib<<20/2)
	c.urls[4] = "http://" + address
	c.forgetPeak(leader)
	leaderBefore := c.memory(leader, "VmHWM")
	c.run(4, "-join", c.urls[leader], "-address", c.urls[4], "-listen", listen)
	until(t, "a replica that listens", func() bool { _, ok := c.status(4); return ok })
	joinedBefore := c.memory(4, "VmHWM")
	started := time.Now()
	for deadline := started.Add(8 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		s, ok := c.status(4)
		if ok && s.Applied >= before.Applied {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %+v", s)
		}
	}
	took := time.Since(started)
	time.Sleep(10 * time.Second) // the engine goes on with the new table
	leaderGrowth, joinedGrowth := c.memory(leader, "VmHWM")-leaderBefore, c.memory(4, "VmHWM")-joinedBefore
	t.Logf("%d MiB in %v: VmHWM of the leader grows from %d by %d KiB, of the new replica from %d by %d KiB",
		mib, took.Round(time.Millisecond), leaderBefore, leaderGrowth, joinedBefore, joinedGrowth)
	if leaderGrowth > 64<<10 || joinedGrowth > 64<<10 {
		t.Error("more than 64 MiB")
	}
	if !broken.Load() {
		t.Error("the connection did not break")
	}
	sent, received := c.figure(leader, "kv_snapshot_sent_bytes_total"), c.figure(4, "kv_snapshot_received_bytes_total")
	t.Logf("%.1f MiB were sent, %.1f MiB received", sent/(1<<20), received/(1<<20))
	if sent > (mib+8)<<20 || received > (mib+1)<<20 {
		t.Error("the transfer did not go on where it was broken off")
	}
}

// figure is a metric without labels.
func (c *cluster) figure(id uint64, name string) (value float64) {
	c.t.Helper()
	_, text := c.metrics(id)
	for line := range strings.Lines(text) {
		if rest, found := strings.CutPrefix(line, name+" "); found {
			_, err := fmt.Sscan(rest, &value)
			must(c.t, err)
		}
	}
	return value
}
