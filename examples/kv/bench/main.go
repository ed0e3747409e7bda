// Command bench compares the example server with etcd 3.6. It runs three servers of each as
// processes of their own, with their data on one disk and every write synced. The loads run on both
// in turns. It needs Linux, where it reads what each process uses, and prints a table in Markdown:
//
//	go run ./examples/kv/bench                       # a minute and a half
//	go run ./examples/kv/bench -turns 6 -length 7s   # about five minutes
//	go run ./examples/kv/bench -dir /mnt/disk        # with the data on another disk
//	go run ./examples/kv/bench -check                # seconds, measures nothing, needs no Linux
//
// The clients run in this process, and 64 share a connection (-share): gRPC to etcd, and to the
// example the one of package client.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == memberFlag {
		fmt.Fprintln(stderr, "etcd:", serveMember(args[1:]))
		return 1
	}
	s, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	if err := compare(ctx, s, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// settings are the command line.
type settings struct {
	turns   int
	length  time.Duration
	clients int
	size    int
	keys    int
	fill    int
	dir     string
	spread  bool
	share   int
	check   bool
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&s.turns, "turns", 3, "how often each load runs on each side")
	flags.DurationVar(&s.length, "length", 3*time.Second, "length of one run, after a warm-up of a sixth of it")
	flags.IntVar(&s.clients, "clients", 64, "number of clients of the loads with many")
	flags.IntVar(&s.size, "size", 128, "bytes of a value")
	flags.IntVar(&s.keys, "keys", 10000, "number of keys, all of which exist from the start")
	flags.IntVar(&s.fill, "fill", 20000, "writes to each side before the first turn; each key is written at least once")
	flags.StringVar(&s.dir, "dir", os.TempDir(), "folder on the disk to use; the data is in a temporary folder in it")
	flags.BoolVar(&s.spread, "spread", false, "spread the clients over the three servers, instead of all at the leader")
	flags.IntVar(&s.share, "share", 64, "number of clients that share a connection")
	flags.BoolVar(&s.check, "check", false, "measure nothing: write with all clients, and read everything on each server")
	err := flags.Parse(args)
	switch {
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("%q is not a flag, and there are no other arguments", flags.Arg(0))
	case s.turns < 1 || s.clients < 1 || s.share < 1 || s.keys < 1 || s.length <= 0:
		err = errors.New("-turns, -clients, -share, -keys and -length must be above 0")
	case s.size < 1 || s.size > 1<<20:
		err = errors.New("-size must be from 1 to 1048576, the largest value that both take")
	}
	return s, err
}

// compare starts both clusters, and compares or checks them.
func compare(ctx context.Context, s settings, stdout, stderr io.Writer) error {
	dir, err := os.MkdirTemp(s.dir, "kv-bench-")
	if err != nil {
		return fmt.Errorf("folder for the data: %w", err)
	}
	defer os.RemoveAll(dir)
	binary, err := buildExample(ctx, dir)
	if err != nil {
		return err
	}
	var clusters []*cluster
	for _, sys := range []system{example(binary), etcd()} {
		c, err := sys.start(ctx, filepath.Join(dir, sys.name))
		if err != nil {
			return err
		}
		defer c.stop()
		clusters = append(clusters, c)
	}
	data := newValues(s.keys, s.size)
	if s.check {
		for _, c := range clusters {
			if err := check(ctx, c, s.clients, data); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			fmt.Fprintf(stdout, "%s: each write succeeded and is read on each server\n", c.name)
		}
		return nil
	}
	return measureAll(ctx, s, clusters, data, dir, stdout, stderr)
}

// buildExample builds the server.
func buildExample(ctx context.Context, dir string) (binary string, err error) {
	const server = "github.com/ffd200af/raft/examples/kv"
	binary = filepath.Join(dir, "kv")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, server).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build %s (run this command inside the repository): %w\n%s", server, err, out)
	}
	return binary, nil
}
