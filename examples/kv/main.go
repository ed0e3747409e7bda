// Command kv is a key-value store on three replicas: the library at work on a real
// storage engine and a real network. See README.md beside this file.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run returns the exit status: 2 for a command line that makes no sense, 1 for what goes wrong
// later.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && (args[0] == "backup" || args[0] == "restore") {
		return runTool(args[0], args[1:], stdout, stderr)
	}
	if len(args) > 0 && args[0] == "recover" {
		return runRecover(args[1:], stdout, stderr)
	}
	if len(args) > 0 && args[0] == "certs" {
		return runCerts(args[1:], stdout, stderr)
	}
	s, err := parseSettings(args)
	var all []options
	if err == nil {
		all, err = s.replicas(stderr)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, err)
		return 0
	case err != nil:
		fmt.Fprint(stderr, "kv: ", err, "\n", adviceIn(err))
		return 2
	}
	if s.pprof != "" {
		stop, err := servePprof(s.pprof)
		if err != nil {
			fmt.Fprintln(stderr, "kv:", err)
			return 1
		}
		defer stop()
	}
	if err := serve(all, s.join, stdout); err != nil {
		s.log(stderr).Error("kv ends", "err", err)
		fmt.Fprint(stderr, adviceIn(err))
		return 1
	}
	return 0
}

// runCommand runs a command that has flags of its own, and returns the exit status as run does.
// check gets the arguments that are not flags.
func runCommand(flags *flag.FlagSet, args []string, check func(rest []string) error, carryOut func(io.Writer) error, stdout, stderr io.Writer) int {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	if err == nil {
		err = check(flags.Args())
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stdout)
		flags.Usage()
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "kv:", err)
		return 2
	}
	if err := carryOut(stdout); err != nil {
		fmt.Fprintln(stderr, "kv:", err)
		return 1
	}
	return 0
}

// ending is how a replica ended.
type ending struct {
	r   *replica
	err error
}

// serve runs replicas in this process until it is told to stop or one fails. One that is
// removed from the cluster leaves the others alone; when none is left, that is all.
func serve(all []options, join string, stdout io.Writer) (err error) {
	interrupted, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()

	replicas, err := startAll(interrupted, all, stdout)
	defer func() {
		for _, r := range replicas {
			if stopErr := r.stop(); err == nil {
				err = stopErr
			}
		}
	}()
	switch {
	case interrupted.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	endings := make(chan ending, 2*len(all))
	for _, r := range replicas {
		go r.watch(join, endings, stdout)
	}
	if len(replicas) > 0 {
		go announce(slices.Clone(replicas), stdout)
	}
	for len(replicas) > 0 {
		select {
		case <-interrupted.Done():
			fmt.Fprintln(stdout, "stopping")
			return nil
		case e := <-endings:
			if !errors.Is(e.err, errRemoved) {
				return fmt.Errorf("replica %d stops: %w", e.r.opts.id, e.err)
			}
			sayRemoved(e.r.opts, stdout)
			replicas = slices.DeleteFunc(replicas, func(r *replica) bool { return r == e.r })
			if err := e.r.stop(); err != nil {
				return err
			}
		}
	}
	return nil
}

// start is what came of the start of a replica.
type start struct {
	opts options
	r    *replica
	err  error
}

// startAll starts replicas at the same time: new ones wait for each other. One that was removed or
// has lost its folder leaves the others alone.
func startAll(ctx context.Context, all []options, stdout io.Writer) (replicas []*replica, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	starts := make(chan start, len(all))
	for _, o := range all {
		go func() {
			r, err := startReplica(ctx, o)
			starts <- start{o, r, err}
		}()
	}
	for range all {
		switch s := <-starts; {
		case errors.Is(s.err, errRemoved):
			sayRemoved(s.opts, stdout)
		case errors.Is(s.err, errLost) && len(all) > 1:
			fmt.Fprint(stdout, "kv: ", s.err, "\n", adviceIn(s.err))
		case s.err != nil:
			cancel()
			err = cmp.Or(err, s.err)
		default:
			replicas = append(replicas, s.r)
		}
	}
	slices.SortFunc(replicas, func(a, b *replica) int { return cmp.Compare(a.opts.id, b.opts.id) })
	return replicas, err
}

// watch reports how a replica ends, and adds it to the cluster of join if that is given.
func (r *replica) watch(join string, endings chan<- ending, stdout io.Writer) {
	go func() {
		<-r.store.failed
		endings <- ending{r, r.store.cause}
	}()
	if join != "" {
		if err := r.join(join); err != nil {
			endings <- ending{r, err}
			return
		}
		if ctx := context.Background(); r.votes(ctx) {
			fmt.Fprintf(stdout, "replica %d votes\n", r.opts.id)
		}
	}
	<-r.loop.ended
	endings <- ending{r, r.loop.cause}
}

func sayRemoved(o options, stdout io.Writer) {
	fmt.Fprintf(stdout, "replica %d was removed from the cluster and serves no more; nothing needs %s\n", o.id, o.dir)
}

// curlFor is the curl command for an address, as it is printed for operators.
func curlFor(base string) string {
	if isSecure(base) {
		return "curl --cacert CA.pem"
	}
	return "curl"
}

// announce says where the replicas are, and how to talk to them once there is a leader.
func announce(replicas []*replica, stdout io.Writer) {
	for _, r := range replicas {
		fmt.Fprintf(stdout, "replica %d  %s  %s\n", r.opts.id, r.opts.address, r.opts.dir)
	}
	for {
		ctx, cancel := context.WithTimeout(context.Background(), replicas[0].opts.timeout)
		s, err := replicas[0].report(ctx)
		cancel()
		if err != nil {
			return
		}
		if s.Leader == 0 {
			time.Sleep(retryPause)
			continue
		}
		fmt.Fprintf(stdout, `replica %d leads. Try, at any of the addresses:
  %[3]s -X PUT --data-binary hello %[2]s/kv/greeting
  %[3]s %[2]s/kv/greeting
  %[3]s -X DELETE %[2]s/kv/greeting
  %[3]s %[2]s/status
  %[3]s %[2]s/members
  %[3]s -X POST %[2]s/leader
or open %[2]s/ in a browser.
Ctrl-C stops; the data stays in place. OPERATING.md tells how to add and remove replicas.
`, s.Leader, replicas[0].opts.address, curlFor(replicas[0].opts.address))
		return
	}
}
