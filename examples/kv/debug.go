package main

import (
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime/debug"
	"strings"
)

// For who looks into a process: what it was built from, and profiles.

// version is what -version prints: this program, and what it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "kv, built without modules\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "kv %s %s\n", info.Main.Version, info.GoVersion)
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS", "GOARCH", "vcs.revision", "vcs.time", "vcs.modified":
			fmt.Fprintf(&b, "%s %s\n", s.Key, s.Value)
		}
	}
	for _, d := range info.Deps {
		switch d.Path {
		case "github.com/ffd200af/raft", "github.com/cockroachdb/pebble/v2":
			fmt.Fprintf(&b, "%s %s\n", d.Path, d.Version)
		}
	}
	return b.String()
}

// servePprof serves profiles at an address of their own, which need not be open to clients. stop
// ends that.
func servePprof(address string) (stop func(), err error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("-pprof cannot listen on %s: %w", address, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	server := newServer(mux)
	go func() { _ = server.Serve(listener) }() // ends with stop
	return func() { _ = server.Close() }, nil
}
