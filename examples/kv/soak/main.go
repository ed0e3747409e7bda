// Command soak runs three replicas of the example server for half an hour under load and kills one
// of them with SIGKILL every minute, now and then all three. It ends with a table by minute and a
// verdict. The exit status is 1 if
//
//   - what the clients saw is not linearizable, or porcupine cannot decide that for some key,
//   - an acknowledged write is missing at the end on any replica,
//   - the memory of the replicas grows, or operations take longer with time, or
//   - a replica ends by itself.
//
// It is run inside the repository:
//
//	go run ./examples/kv/soak
//	go run ./examples/kv/soak -length 8h -dir /mnt/disk
//
// The history stays in memory, at 40 bytes an operation. Resident memory comes from /proc. Without
// /proc it is 0 in the table, and not judged.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
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
	s, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "soak:", err)
		return 2
	}
	if err := s.run(ctx, stdout, stderr); err != nil {
		fmt.Fprintln(stderr, "soak:", err)
		return 1
	}
	return 0
}

// settings are the command line.
type settings struct {
	length, kill  time.Duration
	clients, keys int
	seed          uint64
	growth        float64 // of memory
	slower        float64
	dir, server   string
}

func parse(args []string, stderr io.Writer) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.DurationVar(&s.length, "length", 30*time.Minute, "run the clients for this `long`")
	flags.DurationVar(&s.kill, "kill", time.Minute, "`time` between two kills; a replica starts again after at most a sixth of it")
	flags.IntVar(&s.clients, "clients", 64, "number of clients")
	flags.IntVar(&s.keys, "keys", 64, "number of keys in use at a time; a new key takes the place of one with a long history")
	flags.Uint64Var(&s.seed, "seed", 1, "seed of the operations and the kills; the timing differs between runs")
	flags.Float64Var(&s.growth, "growth", 1.5, "bound on the memory of the last third of the run, as a multiple of the second third")
	flags.Float64Var(&s.slower, "slower", 2, "bound on p50 and p99 of the quickest minute in the last third of the run, as a multiple of those in the first")
	flags.StringVar(&s.dir, "dir", os.TempDir(), "folder on the disk to use; the data is in a temporary folder in it, which stays if the run fails")
	flags.StringVar(&s.server, "server", "", "the `binary` of the server; built if empty")
	err := flags.Parse(args)
	switch {
	case err != nil:
	case flags.NArg() > 0:
		err = fmt.Errorf("%q is not a flag, and there are no other arguments", flags.Arg(0))
	case s.length <= 0 || s.kill <= 0 || s.clients < 1 || s.keys < 1:
		err = errors.New("-length, -kill, -clients and -keys must be above 0")
	case s.growth < 1 || s.slower < 1:
		err = errors.New("-growth and -slower must be at least 1")
	}
	return s, err
}

// run starts the replicas, and returns an error if they fail the soak.
func (s settings) run(ctx context.Context, stdout, stderr io.Writer) (err error) {
	dir, err := os.MkdirTemp(s.dir, "kv-soak-")
	if err != nil {
		return fmt.Errorf("make a folder for the data: %w", err)
	}
	defer func() {
		if err == nil {
			err = os.RemoveAll(dir)
		} else {
			fmt.Fprintln(stderr, "soak: the data and logs of the replicas are in", dir)
		}
	}()
	if s.server == "" {
		if s.server, err = buildServer(ctx, dir); err != nil {
			return err
		}
	}
	c, err := newCluster(s.server, dir, stderr)
	if err != nil {
		return err
	}
	defer c.stop()
	if err := c.startAll(); err != nil {
		return err
	}
	if err := c.await(ctx); err != nil {
		return err
	}
	return s.soak(ctx, c, dir, stdout)
}

// soak puts a running cluster under load and judges what it did.
func (s settings) soak(ctx context.Context, c *cluster, dir string, stdout io.Writer) error {
	h := newHistory(s.keys)
	samples, failed := s.load(ctx, c, h)
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	}
	complete := failed == nil
	if complete {
		failed = readAll(ctx, c, h, s.clients)
	}
	fmt.Fprint(stdout, table(h, samples, s.length))
	result := checkAll(h.keys, patience)
	fmt.Fprintln(stdout, result)
	failed = errors.Join(failed, result.verdict(dir), c.ended())
	if complete {
		memory, grows := judgeMemory(samples, s.length, s.growth)
		latency, slows := judgeLatency(h, s.length, s.slower)
		fmt.Fprintf(stdout, "%s\n%s\n", memory, latency)
		failed = errors.Join(failed, grows, slows)
	}
	if failed != nil {
		fmt.Fprintln(stdout, "Verdict: failed.")
		return failed
	}
	fmt.Fprintln(stdout, "Verdict: passed.")
	return nil
}
