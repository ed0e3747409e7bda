// Command kv is a key-value store on three replicas: the library at work on a real
// storage engine and a real network. See README.md beside this file.
package main

import (
	"context"
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

func run(args []string, stdout, stderr io.Writer) error {
	flags := flag.NewFlagSet("kv", flag.ContinueOnError)
	flags.SetOutput(stderr)
	id := flags.Uint64("id", 0, "run only the replica with this id, of the given cluster")
	cluster := flags.String("cluster", "", "the replicas, as 1=http://host:port,2=http://host:port,...")
	dir := flags.String("data", "kv-data", "folder of the data; each replica has its own in it")
	tick := flags.Duration("tick", 100*time.Millisecond, "length of a tick; the election timeout is 10 to 20 of them")
	compactAfter := flags.Uint64("compact-after", 10000, "number of applied entries at which the log is compacted")
	verbose := flags.Bool("v", false, "log what the replicas do")
	if err := flags.Parse(args); err != nil {
		return err
	}
	base := options{cluster: localCluster, tick: *tick, compactAfter: max(*compactAfter, 4)}
	if *cluster != "" {
		var err error
		if base.cluster, err = parseCluster(*cluster); err != nil {
			return err
		}
	}
	level := slog.LevelError
	if *verbose {
		level = slog.LevelInfo
	}
	var all []options
	for _, i := range slices.Sorted(maps.Keys(base.cluster)) {
		if *id != 0 && i != *id {
			continue
		}
		o := base
		o.id = i
		o.dir = filepath.Join(*dir, strconv.FormatUint(i, 10))
		o.log = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: level})).With("replica", i)
		all = append(all, o)
	}
	if len(all) == 0 {
		return fmt.Errorf("replica %d is not in the cluster", *id)
	}
	return serve(all, stdout)
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

// serve runs replicas in this process until it is told to stop or one fails.
func serve(all []options, stdout io.Writer) (err error) {
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
	failed := make(chan error, len(all))
	for _, o := range all {
		r, err := startReplica(o)
		if err != nil {
			return err
		}
		replicas = append(replicas, r)
		go func() {
			if err := <-r.failed; err != nil {
				failed <- fmt.Errorf("replica %d stops: %w", o.id, err)
			}
			r.failed <- nil
		}()
	}
	go announce(replicas, stdout)
	select {
	case <-interrupted:
		fmt.Fprintln(stdout, "stopping")
		return nil
	case err := <-failed:
		return err
	}
}

// announce says where the replicas are, and how to talk to them once there is a leader.
func announce(replicas []*replica, stdout io.Writer) {
	for _, r := range replicas {
		fmt.Fprintf(stdout, "replica %d  %s  %s\n", r.opts.id, r.opts.cluster[r.opts.id], r.opts.dir)
	}
	for {
		ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
		s, err := replicas[0].report(ctx)
		cancel()
		if err != nil {
			return
		}
		if s.Leader == 0 {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		url := replicas[0].opts.cluster[replicas[0].opts.id]
		fmt.Fprintf(stdout, `replica %d leads. Try, at any of the addresses:
  curl -X PUT --data-binary hello %[2]s/kv/greeting
  curl %[2]s/kv/greeting
  curl -X DELETE %[2]s/kv/greeting
  curl %[2]s/status
Ctrl-C stops; the data stays in place.
`, s.Leader, url)
		return
	}
}
