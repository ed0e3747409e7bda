package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/ffd200af/raft"
)

// Requests that only the leader can carry out go to any replica all the same: one that does not
// lead passes them on, as it passes proposals on.

// maxAdminBody bounds the body of such a request, in bytes.
const maxAdminBody = 64 << 10

// headerForwarded marks a request that was passed on: it goes no further.
const headerForwarded = "Kv-Forwarded"

// headerRetry marks a refusal that time may lift, with a number of seconds.
const headerRetry = "Retry-After"

// onLeader carries a request out here or at the leader. What may succeed when tried again is tried
// again until the time is over: there is no leader yet, or another change of the configuration is
// under way.
func (r *replica) onLeader(handle func(context.Context, adminRequest) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		body, release, err := r.clientBytes.read(w, req, maxAdminBody)
		if err != nil {
			refuseBody(w, err)
			return
		}
		defer release()
		ctx := req.Context()
		for {
			answer, err := handle(ctx, adminRequest{Request: req, body: body})
			if errors.Is(err, raft.ErrNotLeader) && req.Header.Get(headerForwarded) == "" {
				if r.forward(ctx, w, req, body) {
					return
				}
			}
			if !errors.Is(err, raft.ErrProposalDropped) || ctx.Err() != nil {
				writeAnswer(w, answer, err)
				return
			}
			if errors.Is(err, raft.ErrNotLeader) && req.Header.Get(headerForwarded) != "" {
				writeAnswer(w, nil, err) // the one who has passed it on tries again
				return
			}
			select {
			case <-time.After(retryPause):
			case <-ctx.Done():
			}
		}
	}
}

// forward passes a request on to the leader, and its answer back. It returns false
// if there is no leader to be reached, or no answer that ends the matter.
func (r *replica) forward(ctx context.Context, w http.ResponseWriter, req *http.Request, body []byte) bool {
	var leader uint64
	if r.query(ctx, func() { leader = r.loop.node.BasicStatus().Lead }) != nil {
		return false
	}
	m, known := (*r.loop.members.Load())[leader]
	if !known || leader == r.opts.id {
		return false
	}
	on, err := http.NewRequestWithContext(ctx, req.Method, m.peer()+req.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return false
	}
	on.Header.Set(headerForwarded, fmt.Sprint(r.opts.id))
	on.Header.Set(headerCluster, r.peers.cluster.get())
	if credentials := req.Header.Get("Authorization"); credentials != "" {
		on.Header.Set("Authorization", credentials)
	}
	resp, err := r.peers.client.Do(on)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || r.peers.checkStranger(m.peer(), resp) != nil || resp.StatusCode == http.StatusServiceUnavailable {
		return false
	}
	for _, name := range []string{"Content-Type", headerRetry} {
		if value := resp.Header.Get(name); value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(answer)
	return true
}

func writeAnswer(w http.ResponseWriter, answer any, err error) {
	switch {
	case err != nil:
		if errors.Is(err, errNoQuorum) {
			w.Header().Set(headerRetry, "1")
		}
		http.Error(w, err.Error(), adminStatus(err))
	case answer == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		writeJSON(w, answer)
	}
}
