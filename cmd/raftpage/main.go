// Command raftpage shows the library at work, in a page with a cluster of three to seven nodes.
// They run the real code, compiled to WebAssembly.
//
//	go run ./cmd/raftpage [-listen 127.0.0.1:8020]
//
// It compiles the library, prints the address of the page and serves it until it is interrupted.
// Run it in the source tree of the library. Nothing is fetched from elsewhere. The compiled library
// has 7.5 MB, or 2.0 MB with gzip; a browser takes about a second to start it.
//
// # The page
//
// Tasks at the top lead through a first run: elect a leader, write, break the majority, and find on
// the page why the next write does not commit.
//
// Nodes elect leaders, take proposals and answer reads. You crash and restart them, cut links by
// drawing a line across them, slow disks down, let clocks drift, add and remove members, and drop
// messages one by one. The page says what the cluster waits for ("entry 7 is on the disks of 2 of
// 5, needs 3"), and checks the safety properties after each step.
//
// Time passes in ticks. In each, messages arrive, nodes work, and clocks go on. Time can be paused,
// stepped and wound back. A run is a list of commands in the script language of package rafttest,
// so what is played back is exact. Save writes the run as a script that "go run ./cmd/raftscript
// FILE" replays; Open reads such a script, and the stories in testdata. Package run documents the
// comments in which a script keeps what only the page knows.
//
// # Removed rules
//
// The page can run the library without one of its safety rules, to show what the rule is for. Such
// a library is compiled when it is asked for, from source that cmd/raftmutate has changed. The
// library has no such switch. A story that breaks comes with each rule.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := start(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "raftpage:", err)
		stop()
		os.Exit(1)
	}
}

// start serves the page until ctx is done.
func start(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("raftpage", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8020", "`address` to serve the page at; port 0 is a free one")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("there are no arguments besides flags: %q", flags.Args())
	}
	source, err := sourceTree(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "raftpage")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := newBuilder(source, dir)
	fmt.Fprintln(stdout, "compiling the library to WebAssembly: the first time takes up to a minute ...")
	begin := time.Now()
	core, err := b.build(ctx, "")
	if err != nil {
		return err
	}
	info, err := os.Stat(core)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%.1f MB in %.0f s\n", float64(info.Size())/1e6, time.Since(begin).Seconds())
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "the page is at http://%s/\n", l.Addr())
	return serve(ctx, l, handler(ctx, source, b))
}

// serve answers requests until ctx is done.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		<-ctx.Done()
		_ = server.Close()
	}()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// modulePath is the module whose source tree the command needs.
const modulePath = "github.com/ffd200af/raft"

// sourceTree is the folder of the module.
func sourceTree(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", modulePath).Output()
	if err != nil {
		return "", fmt.Errorf("looking for the source of %s, from which the page is built: %w%s", modulePath, err, stderrOf(err))
	}
	return strings.TrimSpace(string(out)), nil
}

// stderrOf is what a command has said on its standard error, on a line of its own.
func stderrOf(err error) string {
	var exit *exec.ExitError
	if !errors.As(err, &exit) || len(exit.Stderr) == 0 {
		return ""
	}
	return "\n" + strings.TrimSpace(string(exit.Stderr))
}
