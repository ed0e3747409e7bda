package main

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// With -load, etcd servers run under load instead of tests: three members on this machine, with
// their logs synced to disk, and etcd's own benchmark, which puts values at the leader. The servers
// with the one library and those with the other run in turns, each time in a new cluster.

const (
	loadProgram = "etcd"
	loadRuns    = 3 // of each side; the medians are shown
	loadTime    = 3 * time.Minute
)

// loads are the clients that put at the same time, and their puts together.
var loads = []struct{ clients, puts int }{{1, 2_000}, {64, 20_000}, {256, 40_000}}

// measured is what a run shows.
type measured struct {
	rate float64       // puts in a second
	cpu  time.Duration // of all members, for a put; 0 where the system does not tell
}

// runLoads compares the two sides under each load, and prints a line for each.
func runLoads(base string) error {
	i := slices.IndexFunc(table, func(p *program) bool { return p.name == loadProgram })
	etcd, ours, err := layOutBoth(table[i], base)
	if err != nil {
		return err
	}
	tool := filepath.Join(base, "benchmark")
	if _, err := output(etcd.dir, etcd.env(), "go", "build", "-o", tool, "./tools/benchmark"); err != nil {
		return err
	}
	for _, s := range []*side{etcd, ours} {
		if _, err := output(filepath.Join(s.dir, "server"), s.env(), "go", "build", "-o", s.server(), "."); err != nil {
			return err
		}
	}
	fmt.Printf("%8s %12s %12s %7s %12s %12s %7s\n", "clients", "v3.6.0", "ours", "ratio", "CPU v3.6.0", "CPU ours", "ratio")
	for _, l := range loads {
		var runs [2][]measured
		for range loadRuns {
			for i, s := range []*side{etcd, ours} {
				m, err := s.underLoad(tool, l.clients, l.puts)
				if err != nil {
					return fmt.Errorf("%s, %d clients: %w", s.name, l.clients, err)
				}
				runs[i] = append(runs[i], m)
			}
		}
		a, b := median(runs[0]), median(runs[1])
		fmt.Printf("%8d %10.0f/s %10.0f/s %6.2fx %12v %12v %6.2fx\n", l.clients, a.rate, b.rate, b.rate/a.rate,
			a.cpu, b.cpu, float64(b.cpu)/max(1, float64(a.cpu)))
	}
	return nil
}

// median takes the median of each figure.
func median(runs []measured) measured {
	middle := len(runs) / 2
	rates := slices.Clone(runs)
	slices.SortFunc(rates, func(a, b measured) int { return int(a.rate - b.rate) })
	slices.SortFunc(runs, func(a, b measured) int { return int(a.cpu - b.cpu) })
	return measured{rates[middle].rate, runs[middle].cpu}
}

// server is the binary of the etcd server.
func (s *side) server() string { return filepath.Join(s.base, "etcd") }

// underLoad runs a new cluster of three while clients put.
func (s *side) underLoad(tool string, clients, puts int) (m measured, err error) {
	dir, err := os.MkdirTemp(s.base, "members")
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(dir)
	members, err := s.start(dir, 3)
	defer func() {
		for _, member := range members {
			_ = member.cmd.Process.Kill()
			_ = member.cmd.Wait()
		}
	}()
	if err != nil {
		return m, err
	}
	var urls []string
	for _, member := range members {
		urls = append(urls, member.client)
	}
	before := cpuOf(members)
	out, err := output(dir, nil, tool, "put", "--endpoints="+strings.Join(urls, ","), "--target-leader", "--clients="+strconv.Itoa(clients),
		"--conns="+strconv.Itoa(min(clients, 16)), "--total="+strconv.Itoa(puts), "--val-size=128", "--key-space-size=100000")
	if err != nil {
		return m, err
	}
	if m.rate, err = putRate(out); err != nil {
		return m, err
	}
	m.cpu = (cpuOf(members) - before) / time.Duration(puts)
	return m, nil
}

// member is an etcd server that runs.
type member struct {
	cmd    *exec.Cmd
	client string // its URL for clients
}

// start starts a new cluster and waits until it answers. It returns what has started with an error
// too.
func (s *side) start(dir string, n int) ([]member, error) {
	var clients, peers, cluster []string
	for i := range n {
		client, err := freeURL()
		if err != nil {
			return nil, err
		}
		peer, err := freeURL()
		if err != nil {
			return nil, err
		}
		clients, peers = append(clients, client), append(peers, peer)
		cluster = append(cluster, fmt.Sprintf("m%d=%s", i, peer))
	}
	var members []member
	for i := range n {
		name := fmt.Sprintf("m%d", i)
		cmd := exec.Command(s.server(), "--name="+name, "--data-dir="+filepath.Join(dir, name), "--log-level=fatal",
			"--listen-client-urls="+clients[i], "--advertise-client-urls="+clients[i],
			"--listen-peer-urls="+peers[i], "--initial-advertise-peer-urls="+peers[i],
			"--initial-cluster="+strings.Join(cluster, ","), "--initial-cluster-state=new")
		if err := cmd.Start(); err != nil {
			return members, err
		}
		members = append(members, member{cmd, clients[i]})
	}
	for _, member := range members {
		if err := member.awaitHealth(); err != nil {
			return members, err
		}
	}
	return members, nil
}

// freeURL returns a URL on this machine that nobody listens on.
func freeURL() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return "http://" + l.Addr().String(), nil
}

// awaitHealth waits until the member has a leader.
func (m *member) awaitHealth() error {
	for end := time.Now().Add(loadTime); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		resp, err := http.Get(m.client + "/health")
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("the member at %s does not become healthy", m.client)
}

var ratePattern = regexp.MustCompile(`Requests/sec:\s*([0-9.]+)`)

// putRate finds the rate in the output of etcd's benchmark.
func putRate(out []byte) (float64, error) {
	found := ratePattern.FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("the benchmark prints no rate: %s", out)
	}
	return strconv.ParseFloat(string(found[1]), 64)
}

// cpuOf is the processor time that the members have taken, as Linux reports it; 0 elsewhere.
func cpuOf(members []member) time.Duration {
	var ticks int
	for _, m := range members {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", m.cmd.Process.Pid))
		if err != nil {
			return 0
		}
		_, rest, _ := bytes.Cut(stat, []byte(") ")) // the name may hold spaces
		fields := strings.Fields(string(rest))
		for _, field := range fields[11:13] { // user and system time
			n, err := strconv.Atoi(field)
			if err != nil {
				return 0
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
