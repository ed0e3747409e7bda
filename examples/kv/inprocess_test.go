package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startHere starts replicas 1 to n in this process.
func startHere(t *testing.T, n uint64) map[uint64]*replica {
	t.Helper()
	first := map[uint64]string{}
	for id := uint64(1); id <= n; id++ {
		first[id] = "http://" + freeAddress(t)
	}
	dir := t.TempDir()
	makeFirst(t, dir, first)
	replicas := map[uint64]*replica{}
	for id := range first {
		r, err := startReplica(context.Background(), options{
			id: id, dir: filepath.Join(dir, fmt.Sprint(id)), tick: 100 * time.Millisecond,
			timeout: 10 * time.Second, compactAfter: 1000, log: slog.New(slog.DiscardHandler),
		})
		must(t, err)
		t.Cleanup(func() { must(t, r.stop()) })
		replicas[id] = r
	}
	return replicas
}

// makeFirst makes the folders of first replicas, as if they had been born.
func makeFirst(t *testing.T, dir string, addresses map[uint64]string) {
	t.Helper()
	folders, stores := map[uint64]string{}, []*store{}
	for id := range addresses {
		s, err := openStore(filepath.Join(dir, fmt.Sprint(id)))
		must(t, err)
		folders[id], stores = s.identity, append(stores, s)
	}
	for _, s := range stores {
		must(t, errors.Join(s.begin(at(addresses).named(folders)), s.close()))
	}
}

// follower waits for a leader that all know, and returns a replica that does not lead.
func follower(t *testing.T, replicas map[uint64]*replica) *replica {
	t.Helper()
	var found *replica
	until(t, "a leader that all know", func() bool {
		for id, r := range replicas {
			s, err := r.report(context.Background())
			must(t, err)
			if s.Leader == 0 {
				return false
			}
			if s.Leader != id {
				found = r
			}
		}
		return true
	})
	return found
}

// insist is send for a request that may be carried out twice. It repeats it while leaders change.
func (r *replica) insist(t *testing.T, method, path, body string) (code int, answer string) {
	t.Helper()
	until(t, "a leader that answers", func() bool {
		code, answer = r.send(t, method, path, body)
		return code != http.StatusServiceUnavailable
	})
	return code, answer
}

// send sends a request to a replica and returns status and answer.
func (r *replica) send(t *testing.T, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(method, r.opts.address+path, strings.NewReader(body))
	must(t, err)
	req.Header.Set(headerCluster, r.peers.cluster.get()) // clients need not, other replicas must
	resp, err := client.Do(req)
	must(t, err)
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, string(answer)
}
