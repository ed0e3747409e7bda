package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// The replicas: three processes, each with a folder and a log of its own.

const (
	servers  = 3
	patience = time.Minute // for everything that ends by itself
	pause    = 20 * time.Millisecond
)

type cluster struct {
	binary, dir string
	addresses   [servers]string // host:port
	stderr      io.Writer
	lost        chan error // receives failed

	mu        sync.Mutex
	processes [servers]*process // nil while killed
	failed    error             // set when a replica has ended by itself
}

type process struct {
	command *exec.Cmd
	killed  bool
	ended   chan struct{} // closed when it has ended
}

// bySignal is the exit code of a process that a signal has ended.
const bySignal = -1

// buildServer builds the server.
func buildServer(ctx context.Context, dir string) (binary string, err error) {
	const server = "github.com/ffd200af/raft/examples/kv"
	binary = filepath.Join(dir, "kv")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, server).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build %s (run this command inside the repository): %w\n%s", server, err, out)
	}
	return binary, nil
}

// newCluster finds free ports. It holds each until it has all, so that no two are equal.
func newCluster(binary, dir string, stderr io.Writer) (*cluster, error) {
	c := &cluster{binary: binary, dir: dir, stderr: stderr, lost: make(chan error, 1)}
	for i := range c.addresses {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close()
		c.addresses[i] = l.Addr().String()
	}
	return c, nil
}

func (c *cluster) startAll() error {
	for i := range servers {
		if err := c.start(i); err != nil {
			return err
		}
	}
	return nil
}

// start starts a replica. The command is the same each time: a replica whose folder has data
// ignores -cluster and -bootstrap.
func (c *cluster) start(i int) error {
	var first []string
	for j, address := range c.addresses {
		first = append(first, fmt.Sprintf("%d=http://%s", j+1, address))
	}
	log, err := os.OpenFile(c.log(i), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("open the log of replica %d: %w", i+1, err)
	}
	defer log.Close() // the process has its own
	p := &process{ended: make(chan struct{})}
	p.command = exec.Command(c.binary, "-id", fmt.Sprint(i+1), "-data", c.dir, "-cluster", strings.Join(first, ","), "-bootstrap")
	p.command.Stdout, p.command.Stderr = log, log
	if err := p.command.Start(); err != nil {
		return fmt.Errorf("start replica %d: %w", i+1, err)
	}
	c.mu.Lock()
	c.processes[i] = p
	c.mu.Unlock()
	go c.wait(i, p)
	return nil
}

// wait reports a process that ends although it was not killed.
func (c *cluster) wait(i int, p *process) {
	_ = p.command.Wait() // ProcessState has the same
	c.mu.Lock()
	defer c.mu.Unlock()
	close(p.ended)
	if p.killed && p.command.ProcessState.ExitCode() == bySignal || c.failed != nil {
		return
	}
	text, _ := os.ReadFile(c.log(i))
	c.failed = fmt.Errorf("replica %d ended by itself: %v\n%s", i+1, p.command.ProcessState, text[max(0, len(text)-2000):])
	c.lost <- c.failed
}

// kill ends a replica with SIGKILL and waits until it has ended.
func (c *cluster) kill(i int) {
	c.mu.Lock()
	p := c.processes[i]
	c.processes[i] = nil
	if p != nil {
		p.killed = true
		_ = p.command.Process.Kill() // fails if it has ended, which wait reports
	}
	c.mu.Unlock()
	if p != nil {
		<-p.ended
	}
}

func (c *cluster) stop() {
	for i := range servers {
		c.kill(i)
	}
}

// ended returns an error if a replica has ended by itself.
func (c *cluster) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

func (c *cluster) log(i int) string    { return filepath.Join(c.dir, fmt.Sprintf("%d.log", i+1)) }
func (c *cluster) folder(i int) string { return filepath.Join(c.dir, fmt.Sprint(i+1)) }

// await waits until each replica answers a linearizable read.
func (c *cluster) await(ctx context.Context) error {
	deadline := time.Now().Add(patience)
	for i := range servers {
		cl := newClient(c.addresses, i)
		defer cl.close()
		for {
			_, err := cl.do(&key{name: "ready"}, &operation{kind: get})
			if err == nil {
				break
			}
			switch {
			case c.ended() != nil:
				return c.ended()
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case time.Now().After(deadline):
				return fmt.Errorf("replica %d does not serve: %w", i+1, errors.Join(err, c.ended()))
			}
			time.Sleep(pause)
		}
	}
	return nil
}
