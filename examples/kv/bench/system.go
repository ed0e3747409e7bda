package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Three servers of one kind, each a process with a folder of its own.

const (
	servers  = 3
	patience = 2 * time.Minute // for everything that ends by itself
	pause    = 20 * time.Millisecond
)

// system is a kind of server.
type system struct {
	name    string
	command func(self member, all []member) *exec.Cmd // starts a server of a new cluster
	connect func(m member) (client, error)            // opens a connection of its own
}

// member is one server of a cluster.
type member struct {
	id     int    // from 1 on
	client string // host:port for clients
	peer   string // host:port for the other servers, if that is another one
	dir    string
}

// client uses one connection to one server.
type client interface {
	put(ctx context.Context, key string, value []byte) error
	get(ctx context.Context, key string) ([]byte, error) // linearizable
	leads(ctx context.Context) (bool, error)             // whether the server leads
	close()
}

type cluster struct {
	system
	members   []member
	processes []*process
}

// process is a running server.
type process struct {
	command *exec.Cmd
	log     string        // file with its output
	ended   chan struct{} // closed when it has ended
}

// start runs the servers of a new cluster, and waits for a leader.
func (s system) start(ctx context.Context, dir string) (*cluster, error) {
	c := &cluster{system: s}
	for id := 1; id <= servers; id++ {
		m := member{id: id, dir: filepath.Join(dir, fmt.Sprint(id))}
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return nil, fmt.Errorf("folder of a server: %w", err)
		}
		c.members = append(c.members, m)
	}
	if err := giveAddresses(c.members); err != nil {
		return nil, err
	}
	for _, m := range c.members {
		p, err := startProcess(s.command(m, c.members), m.dir+".log")
		if err != nil {
			c.stop()
			return nil, fmt.Errorf("start %s %d: %w", s.name, m.id, err)
		}
		c.processes = append(c.processes, p)
	}
	if _, err := c.leader(ctx); err != nil {
		c.stop()
		return nil, fmt.Errorf("start %s: %w", s.name, err)
	}
	return c, nil
}

// giveAddresses finds free ports. It holds each until it has all, so that no two are equal.
func giveAddresses(members []member) error {
	for i := range members {
		for _, address := range []*string{&members[i].client, &members[i].peer} {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return fmt.Errorf("free port: %w", err)
			}
			defer l.Close()
			*address = l.Addr().String()
		}
	}
	return nil
}

func startProcess(command *exec.Cmd, log string) (*process, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer file.Close() // the process has its own
	command.Stdout, command.Stderr = file, file
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &process{command: command, log: log, ended: make(chan struct{})}
	go func() {
		_ = command.Wait() // alive reports ProcessState
		close(p.ended)
	}()
	return p, nil
}

// stop kills the servers. Nobody needs their data any more.
func (c *cluster) stop() {
	for _, p := range c.processes {
		_ = p.command.Process.Kill()
	}
	for _, p := range c.processes {
		<-p.ended
	}
}

// alive returns an error with the end of its log if a server has ended.
func (c *cluster) alive() error {
	for i, p := range c.processes {
		select {
		case <-p.ended:
			log, _ := os.ReadFile(p.log)
			return fmt.Errorf("server %d has ended: %v\n%s", i+1, p.command.ProcessState, log[max(0, len(log)-2000):])
		default:
		}
	}
	return nil
}

// leader waits until exactly one server says that it leads, and returns its place in members.
func (c *cluster) leader(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	clients, err := c.connectAll()
	if err != nil {
		return 0, err
	}
	defer closeAll(clients)
	for {
		var leaders []int
		var failed error
		for i, cl := range clients {
			ok, err := cl.leads(ctx)
			if ok {
				leaders = append(leaders, i)
			}
			failed = errors.Join(failed, err)
		}
		if len(leaders) == 1 && failed == nil {
			return leaders[0], nil
		}
		if err := c.alive(); err != nil {
			return 0, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return 0, fmt.Errorf("no leader: %w", errors.Join(ctx.Err(), failed))
		}
	}
}

// connectAll opens one connection to each server.
func (c *cluster) connectAll() ([]client, error) {
	return c.connectTo(servers, func(i int) int { return i })
}

// connectTo opens n connections, each to the server that at names.
func (c *cluster) connectTo(n int, at func(i int) int) ([]client, error) {
	var clients []client
	for i := range n {
		cl, err := c.connect(c.members[at(i)])
		if err != nil {
			closeAll(clients)
			return nil, fmt.Errorf("connect to server %d: %w", at(i)+1, err)
		}
		clients = append(clients, cl)
	}
	return clients, nil
}

func closeAll(clients []client) {
	for _, cl := range clients {
		cl.close()
	}
}
