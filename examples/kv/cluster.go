package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What the page at / shows. The replica that serves the page asks all others for their status, so
// that the page needs no other origin than its own.

const (
	clusterPath = "/cluster"
	// statusTimeout is how long a member has to tell its status.
	statusTimeout = time.Second
	maxStatus     = 1 << 20 // bytes
)

// peerReport is what a leader knows of a member.
type peerReport struct {
	Match  uint64 `json:"match"` // the last index that is known to be on its disk
	Next   uint64 `json:"next"`  // the first index that was not sent
	State  string `json:"state"`
	Heard  bool   `json:"heard"`  // within an election timeout
	Paused bool   `json:"paused"` // nothing is sent before it answers
	// Inflight are the appends that it has not acknowledged. The bytes are those of their entries.
	Inflight           int    `json:"inflight"`
	InflightLimit      int    `json:"inflight_limit"`
	InflightBytes      uint64 `json:"inflight_bytes"`
	InflightBytesLimit uint64 `json:"inflight_bytes_limit"`
	InflightFull       bool   `json:"inflight_full"`
}

func (l *loop) reportPeers() map[string]peerReport {
	peers := map[string]peerReport{}
	for id, pr := range l.node.Status().Progress {
		if id == l.id {
			continue
		}
		peers[strconv.FormatUint(id, 10)] = peerReport{
			Match: pr.Match, Next: pr.Next, State: plainState(pr.State), Heard: len(l.silent([]uint64{id}, l.electionTicks)) == 0, Paused: pr.IsPaused(),
			Inflight: pr.Inflights.Count(), InflightLimit: l.inflightLimit,
			InflightBytes: pr.Inflights.Bytes(), InflightBytesLimit: l.inflightBytes, InflightFull: pr.Inflights.Full(),
		}
	}
	return peers
}

// idList is a list that is no null in JSON.
func idList(list []uint64) []uint64 { return append([]uint64{}, list...) }

// clusterReport is the answer to GET /cluster.
type clusterReport struct {
	Self    uint64          `json:"self"` // the replica that answers
	Cluster string          `json:"cluster"`
	Members []clusterMember `json:"members"`
	Removed []uint64        `json:"removed"` // ids that are never used again
}

// clusterMember has a status, or the reason why it has none.
type clusterMember struct {
	ID      uint64        `json:"id"`
	Address string        `json:"address"`
	Status  *statusReport `json:"status,omitempty"`
	Silent  string        `json:"silent,omitempty"`
}

// reportCluster asks all members at once, this replica too: its loop may hang.
func (r *replica) reportCluster(w http.ResponseWriter, req *http.Request) {
	ctx, cancel := context.WithTimeout(req.Context(), statusTimeout)
	defer cancel()
	known := *r.loop.members.Load()
	addresses := known.addresses()
	report := clusterReport{Self: r.opts.id, Cluster: r.peers.cluster.get(), Removed: known.removed(), Members: []clusterMember{}}
	for _, id := range slices.Sorted(maps.Keys(addresses)) {
		report.Members = append(report.Members, clusterMember{ID: id, Address: addresses[id]})
	}
	var wg sync.WaitGroup
	for i := range report.Members {
		wg.Go(func() { r.askStatus(ctx, known, &report.Members[i]) })
	}
	wg.Wait()
	writeJSON(w, report)
}

func (r *replica) askStatus(ctx context.Context, known members, m *clusterMember) {
	var s statusReport
	var err error
	if m.ID == r.opts.id {
		s, err = r.report(ctx)
	} else {
		s, err = r.fetchStatus(ctx, known[m.ID].peer())
	}
	if err != nil {
		m.Silent = err.Error()
		return
	}
	m.Status = &s
}

func (r *replica) fetchStatus(ctx context.Context, address string) (s statusReport, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/status", nil)
	if err != nil {
		return s, err
	}
	r.peers.sign(req)
	resp, err := r.peers.client.Do(req)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxStatus))
	switch {
	case err != nil:
	case resp.StatusCode != http.StatusOK:
		err = fmt.Errorf("%s: %s", resp.Status, strings.TrimSpace(string(body)))
	default:
		err = json.Unmarshal(body, &s)
	}
	return s, err
}
