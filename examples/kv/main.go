// Command kv is a key-value store on three replicas: the library at work on a real
// storage engine and a real network. See README.md beside this file.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// localCluster is what runs without flags.
var localCluster = map[uint64]string{
	1: "http://127.0.0.1:9121",
	2: "http://127.0.0.1:9122",
	3: "http://127.0.0.1:9123",
}

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "kv:", err)
		os.Exit(1)
	}
}

// settings are the command line.
type settings struct {
	id              uint64
	cluster, data   string
	join            string
	address, listen string
	tick, timeout   time.Duration
	compactAfter    uint64
	verbose         bool
}

func run(args []string, stdout, stderr io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("kv", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Uint64Var(&s.id, "id", 0, "run only the replica with this id")
	flags.StringVar(&s.cluster, "cluster", "", "the first replicas, as 1=http://host:port,2=http://host:port,...")
	flags.StringVar(&s.join, "join", "", "add the replica -id at -address to a cluster: the address of any living replica of it")
	flags.StringVar(&s.address, "address", "", "with -join: http://host:port at which the others and clients reach this replica")
	flags.StringVar(&s.listen, "listen", "", "with -id: host:port to listen on, if it is not the one of the address")
	flags.StringVar(&s.data, "data", "kv-data", "folder of the data; each replica has its own in it")
	flags.DurationVar(&s.tick, "tick", 100*time.Millisecond, "length of a tick; the election timeout is 10 to 20 of them")
	flags.DurationVar(&s.timeout, "timeout", 5*time.Second, "how long a request may take")
	flags.Uint64Var(&s.compactAfter, "compact-after", 10000, "number of applied entries at which the log is compacted")
	flags.BoolVar(&s.verbose, "v", false, "log what the replicas do")
	if err := flags.Parse(args); err != nil {
		return err
	}
	all, err := s.replicas(stderr)
	if err != nil {
		return err
	}
	return serve(all, s.join, stdout)
}

// replicas are those to be run in this process.
func (s *settings) replicas(stderr io.Writer) ([]options, error) {
	level := slog.LevelError
	if s.verbose {
		level = slog.LevelInfo
	}
	first := localCluster
	if s.cluster != "" {
		var err error
		if first, err = parseCluster(s.cluster); err != nil {
			return nil, err
		}
	}
	place := func(id uint64) options {
		return options{
			id: id, first: first, address: first[id], listen: s.listen, dir: filepath.Join(s.data, strconv.FormatUint(id, 10)),
			tick: s.tick, timeout: s.timeout, compactAfter: max(s.compactAfter, 4),
			log: slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level})).With("replica", id),
		}
	}
	switch {
	case s.join != "":
		return s.joining(place(s.id))
	case s.address != "" || s.listen != "" && s.id == 0:
		return nil, errors.New("-address needs -join, and -listen needs -id")
	case s.id != 0:
		o := place(s.id)
		if o.address == "" { // it was added later, and its folder knows everything
			o.first = nil
			if _, err := os.Stat(o.dir); err != nil {
				return nil, fmt.Errorf("replica %d is not in the cluster; -join and -address add it", s.id)
			}
		}
		return []options{o}, nil
	}
	var all []options
	for _, id := range slices.Sorted(maps.Keys(first)) {
		all = append(all, place(id))
	}
	return all, nil
}

// joining is the replica that is to be added.
func (s *settings) joining(o options) ([]options, error) {
	if s.cluster != "" || s.id == 0 || s.address == "" {
		return nil, errors.New("-join needs -id and -address, and no -cluster")
	}
	for _, base := range []*string{&s.join, &s.address} {
		parsed, err := parseCluster("1=" + *base)
		if err != nil {
			return nil, fmt.Errorf("%q is not like http://host:port", *base)
		}
		*base = parsed[1]
	}
	o.first, o.address = nil, s.address
	return []options{o}, nil
}

func parseCluster(s string) (map[uint64]string, error) {
	cluster := map[uint64]string{}
	for _, word := range strings.Split(s, ",") {
		left, right, _ := strings.Cut(word, "=")
		id, err := strconv.ParseUint(left, 10, 64)
		if err != nil || id == 0 {
			return nil, fmt.Errorf("%q does not begin with the id of a replica", word)
		}
		u, err := url.Parse(right)
		if err != nil || u.Scheme != "http" || u.Host == "" || cluster[id] != "" {
			return nil, fmt.Errorf("%q does not give replica %d one http://host:port", word, id)
		}
		cluster[id] = "http://" + u.Host
	}
	return cluster, nil
}

// ending is how a replica ended.
type ending struct {
	r   *replica
	err error
}

// serve runs replicas in this process until it is told to stop or one fails. One that is
// removed from the cluster leaves the others alone; when none is left, that is all.
func serve(all []options, join string, stdout io.Writer) (err error) {
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(interrupted)

	var replicas []*replica
	defer func() {
		for _, r := range replicas {
			if stopErr := r.stop(); err == nil {
				err = stopErr
			}
		}
	}()
	for _, o := range all {
		r, err := startReplica(o)
		if errors.Is(err, errRemoved) {
			sayRemoved(o, stdout)
			continue
		}
		if err != nil {
			return err
		}
		replicas = append(replicas, r)
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
		case <-interrupted:
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

// watch reports how a replica ends, and adds it to the cluster of join if that is given.
func (r *replica) watch(join string, endings chan<- ending, stdout io.Writer) {
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
  curl -X PUT --data-binary hello %[2]s/kv/greeting
  curl %[2]s/kv/greeting
  curl -X DELETE %[2]s/kv/greeting
  curl %[2]s/status
  curl %[2]s/members
  curl -X POST %[2]s/leader
Ctrl-C stops; the data stays in place. README.md tells how to add and remove replicas.
`, s.Leader, replicas[0].opts.address)
		return
	}
}
