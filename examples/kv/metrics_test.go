package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/ffd200af/raft/raftpb"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
)

// metricsOf returns what GET /metrics shows, by name and labels.
func metricsOf(t *testing.T, r *replica) map[string]float64 {
	t.Helper()
	code, text := r.ask("/metrics")
	if code != http.StatusOK {
		t.Fatalf("GET /metrics: %d %s", code, text)
	}
	all := map[string]float64{}
	for line := range strings.Lines(text) {
		i := strings.LastIndexByte(line, ' ')
		if strings.HasPrefix(line, "#") {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64)
		must(t, err)
		all[line[:i]] = value
	}
	return all
}

func wantMetrics(t *testing.T, r *replica, want map[string]float64) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		until(t, fmt.Sprint(name, " ", want[name]), func() bool { // what is written counts later
			value, there := metricsOf(t, r)[name]
			return there && value == want[name]
		})
	}
}

func TestMetricsShowWhatALeaderKnowsOfItsPeers(t *testing.T) {
	l := startSoloLeader(t, 3, 2) // its log has entry 2 of term 2
	wantMetrics(t, l.replica, map[string]float64{
		"kv_loop_answers": 1, "kv_term": 2, "kv_leader_id": 1, `kv_role{role="leader"}`: 1, `kv_role{role="follower"}`: 0,
		"kv_commit_index": 1, "kv_applied_index": 1, "kv_first_index": 2, "kv_last_index": 2, "kv_log_bytes": float64((&raftpb.Entry{Term: 2, Index: 2}).Size()),
		`kv_peer_match_index{peer="2"}`: 0, `kv_peer_state{peer="2",state="probe"}`: 1,
		`kv_peer_state{peer="2",state="replicate"}`: 0, `kv_peer_snapshot_index{peer="2"}`: 0,
	})
	until(t, "replication to peer 2, which may seem unreachable again", func() bool {
		l.step(raftpb.Message{Type: raftpb.MsgAppResp, From: 2, Term: 2, Index: 2})
		return metricsOf(t, l.replica)[`kv_peer_state{peer="2",state="replicate"}`] == 1
	})
	wantMetrics(t, l.replica, map[string]float64{
		"kv_commit_index": 2, "kv_applied_index": 2, `kv_peer_match_index{peer="2"}`: 2, `kv_peer_match_index{peer="3"}`: 0,
	})
	if _, there := metricsOf(t, l.replica)[`kv_peer_match_index{peer="1"}`]; there {
		t.Error("a replica is no peer of itself")
	}
	if _, there := metricsOf(t, startSoloLeader(t, 3).replica)[`kv_peer_match_index{peer="2"}`]; there {
		t.Error("a follower shows progress of a peer")
	}
	until(t, "a message that is lost: nobody listens", func() bool { return metricsOf(t, l.replica)["kv_messages_lost_total"] > 0 })
	before := metricsOf(t, l.replica)["kv_messages_refused_total"]
	l.step(raftpb.Message{Type: raftpb.MsgHup, From: 2, Term: 2})
	wantMetrics(t, l.replica, map[string]float64{"kv_messages_refused_total": before + 1})
}

func TestMetricsCountRequestsByOutcome(t *testing.T) {
	r := startHere(t, 1)[1]
	for range 2 {
		r.insist(t, http.MethodPut, "/kv/k?absent", "v")
		r.insist(t, http.MethodGet, "/kv/k", "")
		r.insist(t, http.MethodGet, "/kv/none?stale", "")
	}
	r.insist(t, http.MethodPost, "/session", "")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := r.do(ctx, command{op: opPut, key: []byte("k")})
	for err == nil { // the loop may be quicker than a context that has ended
		_, err = r.do(ctx, command{op: opPut, key: []byte("k")})
	}
	got := metricsOf(t, r)
	if n := got[`kv_proposals_total{outcome="unknown"}`]; n != 1 {
		t.Errorf("%v writes have no known outcome, want 1", n)
	}
	wantMetrics(t, r, map[string]float64{
		`kv_proposals_total{outcome="condition failed"}`: 1,
		`kv_reads_total{mode="safe",outcome="found"}`:    2, `kv_reads_total{mode="stale",outcome="not found"}`: 2,
	})
	if got[`kv_proposals_total{outcome="done"}`] < 1 {
		t.Error("a write that was done is not counted")
	}
	const before = 2 // the writes that have made the folder
	until(t, "a time for each synced write", func() bool {
		synced, err := readSynced(r.store.db)
		must(t, err)
		return metricsOf(t, r)["kv_sync_seconds_count"] == float64(synced-before)
	})
}

func TestMetricsOfALoopThatHangsSayThatItDoes(t *testing.T) {
	r := onDisk(t, vfs.NewMem())
	defer func() { must(t, r.stop()) }()
	go r.watchProgress()
	r.wantAnswer(t, "/ready", http.StatusOK, "ok")
	held, release := make(chan struct{}), make(chan struct{})
	go func() { _ = r.query(context.Background(), func() { close(held); <-release }) }()
	<-held
	gone := &request{}
	gone.gone.Store(true)
	r.loop.proposals <- gone
	until(t, "the reason", func() bool { return metricsOf(t, r)[`kv_no_progress{reason="no apply"}`] == 1 })
	wantMetrics(t, r, map[string]float64{
		"kv_loop_answers": 0, `kv_no_progress{reason="no leader"}`: 0, `kv_queue_length{queue="proposals"}`: 1,
	})
	if _, there := metricsOf(t, r)["kv_term"]; there {
		t.Error("it shows a term that it cannot know")
	}
	close(release)
	until(t, "progress again", func() bool { return metricsOf(t, r)[`kv_no_progress{reason="no apply"}`] == 0 })
}

func TestMetricsCountMessagesForWhichThereIsNoRoom(t *testing.T) {
	r := bareReplica()
	for range 3 { // the inbox holds one
		r.take(raftpb.Message{})
	}
	wantMetrics(t, r, map[string]float64{"kv_messages_dropped_total": 2, `kv_queue_length{queue="inbox"}`: 1})
}

func TestMetricsShowTheSnapshotForFollowers(t *testing.T) {
	r := startHere(t, 1)[1]
	r.insist(t, http.MethodPut, "/kv/k", "v")
	wantMetrics(t, r, map[string]float64{"kv_snapshot_index": 0})
	var want float64
	must(t, r.query(context.Background(), func() {
		_, _ = r.store.Snapshot()
		want = float64(r.store.applied.index)
	}))
	wantMetrics(t, r, map[string]float64{"kv_snapshot_index": want})
}

// TestMetricsAreNamedAsPrometheusWants.
func TestMetricsAreNamedAsPrometheusWants(t *testing.T) {
	l := startSoloLeader(t, 3, 2)
	_, text := l.replica.ask("/metrics")
	problems, err := promlint.New(bytes.NewBufferString(text + "\n")).Lint()
	must(t, err)
	for _, p := range problems {
		t.Error(fmt.Sprint(p.Metric, ": ", p.Text))
	}
}
