package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/ffd200af/raft/raftpb"
)

func TestVersionNamesWhatTheProgramWasBuiltFrom(t *testing.T) {
	var stdout, stderr bytes.Buffer
	status := run([]string{"-version"}, &stdout, &stderr)
	said := stdout.String()
	if status != 0 || stderr.Len() > 0 || !strings.HasPrefix(said, "kv ") || !strings.Contains(said, runtime.Version()) {
		t.Errorf("status %d, %q, %q", status, said, stderr.String())
	}
	binary, err := build()
	must(t, err)
	b, err := exec.Command(binary, "-version").Output()
	must(t, err)
	out := string(b)
	for _, want := range []string{"github.com/ffd200af/raft ", "github.com/cockroachdb/pebble/v2 v2."} {
		if !strings.Contains(out, want) {
			t.Errorf("-version does not name %s: %s", want, out)
		}
	}
}

// TestElectionsAndFailuresAreLoggedByDefault, and more or less on request.
func TestElectionsAndFailuresAreLoggedByDefault(t *testing.T) {
	start := func(args ...string) (*replica, *lines) {
		t.Helper()
		address := freeAddress(t)
		s, err := parseSettings(append(args, "-data", t.TempDir(), "-id", "1", "-tick", "10ms", "-cluster", "1=http://"+address, "-bootstrap"))
		must(t, err)
		var log lines
		all, err := s.replicas(&log)
		must(t, err)
		r, err := startReplica(context.Background(), all[0])
		must(t, err)
		t.Cleanup(func() { must(t, r.stop()) })
		until(t, "a leader", func() bool { code, _ := r.ask("/ready"); return code == http.StatusOK })
		return r, &log
	}
	refuse := func(r *replica) {
		must(t, r.query(context.Background(), func() { r.loop.step(raftpb.Message{Type: raftpb.MsgHup, From: 2, To: 1}) }))
	}
	r, log := start()
	log.want(t, "is the leader at term 2")
	log.want(t, "replica=1")
	refuse(r)
	must(t, r.query(context.Background(), func() { _, _ = r.store.Snapshot() }))
	log.want(t, `level=INFO msg="a snapshot is made" replica=1`)
	r.server.ErrorLog.Print("of the server")
	log.want(t, `level=WARN msg="of the server" replica=1`)
	if strings.Contains(log.String(), "level=DEBUG") {
		t.Errorf("more than by default: %s", log)
	}
	r, log = start("-log-level", "debug")
	refuse(r)
	log.want(t, `level=DEBUG msg="a message is refused" replica=1 from=2`)

	_, log = start("-log-level", "error")
	if log.String() != "" {
		t.Errorf("less than an error: %s", log)
	}
}

func TestProfilesAreServedOnRequestOnly(t *testing.T) {
	if code, _ := bareReplica().ask("/debug/pprof/"); code != http.StatusNotFound {
		t.Errorf("profiles at the address for clients: %d", code)
	}
	address := freeAddress(t)
	stop, err := servePprof(address)
	must(t, err)
	for _, path := range []string{"", "cmdline", "symbol", "heap", "profile?seconds=1", "trace?seconds=1"} {
		resp, err := client.Get("http://" + address + "/debug/pprof/" + path)
		must(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		must(t, errors.Join(err, resp.Body.Close()))
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	var stdout, stderr bytes.Buffer
	status := run([]string{"-data", t.TempDir(), "-pprof", address}, &stdout, &stderr)
	if status != 1 || !strings.Contains(stderr.String(), "-pprof cannot listen on "+address) {
		t.Errorf("the address is taken: status %d, %s", status, stderr.String())
	}
	stop()
	if _, err := client.Get("http://" + address); err == nil {
		t.Error("it listens after it has stopped")
	}
}
