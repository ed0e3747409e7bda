package main

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/tracker"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// What GET /metrics shows. Events are counted where they happen: the loop only adds to atomic
// numbers. All the rest is asked of the loop, in one question for each look.

// counters count events. The loop raises only those without labels: to look up a label takes a
// lock.
type counters struct {
	writes, reads         *prometheus.CounterVec
	refused, noRoom, lost prometheus.Counter

	snapshotSent, snapshotReceived prometheus.Counter // bytes
}

func newCounters() *counters {
	count := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	return &counters{
		writes:  count("kv_proposals_total", "Writes by outcome.", "outcome"),
		reads:   count("kv_reads_total", "Reads by the way they were confirmed and outcome.", "mode", "outcome"),
		refused: count("kv_messages_refused_total", "Messages of peers that the node refused.").WithLabelValues(),
		noRoom:  count("kv_messages_dropped_total", "Messages of peers for which the inbox had no room.").WithLabelValues(),
		lost:    count("kv_messages_lost_total", "Messages that did not reach their peer.").WithLabelValues(),

		snapshotSent:     count("kv_snapshot_sent_bytes_total", "Bytes of snapshots that were sent to peers.").WithLabelValues(),
		snapshotReceived: count("kv_snapshot_received_bytes_total", "Bytes of snapshots that have come from peers.").WithLabelValues(),
	}
}

func newSyncTimes() prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "kv_sync_seconds", Help: "Time of a synced write to the database.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 2, 18), // to 13 s
	})
}

func (c *counters) countWrite(op op, o outcome, err error) {
	switch {
	case op == opSession:
	case errors.Is(err, errDiskFull):
		c.writes.WithLabelValues("disk full").Inc()
	case err != nil:
		c.writes.WithLabelValues("unknown").Inc()
	case o.err != nil:
		c.writes.WithLabelValues("refused by session").Inc()
	case !o.done:
		c.writes.WithLabelValues("condition failed").Inc()
	default:
		c.writes.WithLabelValues("done").Inc()
	}
}

func (c *counters) countRead(asked readMode, o outcome, err error) {
	switch {
	case err != nil:
		c.reads.WithLabelValues(string(asked), "no answer").Inc()
	case o.found:
		c.reads.WithLabelValues(string(o.mode), "found").Inc()
	default:
		c.reads.WithLabelValues(string(o.mode), "not found").Inc()
	}
}

// metrics is the handler of GET /metrics.
func (r *replica) metrics() http.Handler {
	registry, c := prometheus.NewRegistry(), r.loop.counters
	registry.MustRegister(collector{r}, c.writes, c.reads, c.refused, c.noRoom, c.lost, c.snapshotSent, c.snapshotReceived, r.store.syncTimes,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// figures are what the loop says of itself.
type figures struct {
	sample
	role        raft.StateType
	term, first uint64
	logBytes    uint64
	snapshot    uint64
	queues      map[string]int
	peers       map[uint64]peerFigures
	sending     map[string]snapshotProgress
	receiving   *snapshotProgress
}

type peerFigures struct {
	queue    int
	progress *tracker.Progress // nil on replicas that do not lead
}

func (l *loop) figures() figures {
	status := l.node.BasicStatus()
	f := figures{
		sample: l.sample(), role: status.RaftState, term: status.Term, first: l.store.prev.index + 1, logBytes: l.store.sizes.Size(),
		queues: map[string]int{"proposed": len(l.waiting), "read index": len(l.reads.asked), "read apply": len(l.reads.confirmed)},
		peers:  map[uint64]peerFigures{},
	}
	for id, p := range l.peers.peers {
		f.peers[id] = peerFigures{queue: len(p.queue)}
	}
	f.snapshot = l.store.snapshots.index()
	f.sending, f.receiving = l.transfers()
	if f.role != raft.StateLeader { // it has progress of an earlier term, or none
		return f
	}
	l.node.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
		if p, known := f.peers[id]; known {
			p.progress = &pr
			f.peers[id] = p
		}
	})
	return f
}

// collector makes metrics of figures. A loop that does not answer within an election timeout has
// none but those that are seen from outside.
type collector struct{ *replica }

// Describe says nothing: labels depend on the members.
func (collector) Describe(chan<- *prometheus.Desc) {}

func (c collector) Collect(out chan<- prometheus.Metric) {
	e := emitter{out}
	ctx, cancel := context.WithTimeout(context.Background(), c.electionTimeout)
	defer cancel()
	var f figures
	err := c.query(ctx, func() { f = c.loop.figures() })
	e.gauge("kv_loop_answers", "1 if the loop of this replica answers.", number(err == nil))
	if err == nil {
		e.node(&f)
		e.peers(f.peers)
		e.transfers(&f)
		for name, length := range f.queues {
			e.queue(name, length)
		}
	}
	e.queue("inbox", len(c.loop.inbox))
	e.queue("proposals", len(c.loop.proposals))
	e.queue("reads", c.loop.reads.waiting())
	for _, h := range []hindrance{noLeader, noQuorum, ownDisk, diskFull, noApply} {
		e.gauge("kv_no_progress", "1 for the reason why no progress is made.", number(h == c.hindrance.Load()), "reason", string(h))
	}
	if disk := c.store.space.report(); disk != nil {
		e.gauge("kv_disk_free_bytes", "Free space on the disk of this replica.", float64(disk.Free))
		e.gauge("kv_disk_full", "1 if this replica takes no writes for want of room.", number(disk.Full))
	}
}

type emitter struct{ out chan<- prometheus.Metric }

// gauge emits a gauge; labels are names and values.
func (e emitter) gauge(name, help string, value float64, labels ...string) {
	var names, values []string
	for i := 0; i < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, labels[i+1])
	}
	e.out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, names, nil), prometheus.GaugeValue, value, values...)
}

func (e emitter) queue(name string, length int) {
	e.gauge("kv_queue_length", "What waits in a queue.", float64(length), "queue", name)
}

func (e emitter) node(f *figures) {
	e.gauge("kv_term", "Term of this replica.", float64(f.term))
	e.gauge("kv_leader_id", "Id of the leader that this replica knows, or 0.", float64(f.leader))
	e.gauge("kv_commit_index", "Index up to which entries are committed.", float64(f.commit))
	e.gauge("kv_applied_index", "Index up to which entries are applied.", float64(f.applied))
	e.gauge("kv_first_index", "Index of the first entry in the log.", float64(f.first))
	e.gauge("kv_last_index", "Index of the last entry in the log.", float64(f.last))
	e.gauge("kv_log_bytes", "Size of the entries in the log.", float64(f.logBytes))
	e.gauge("kv_snapshot_index", "Index of the snapshot that is ready for followers, or 0.", float64(f.snapshot))
	for _, role := range []raft.StateType{raft.StateFollower, raft.StatePreCandidate, raft.StateCandidate, raft.StateLeader} {
		e.gauge("kv_role", "1 for the role of this replica.", number(role == f.role), "role", plainState(role))
	}
}

func (e emitter) peers(peers map[uint64]peerFigures) {
	for id, p := range peers {
		peer := strconv.FormatUint(id, 10)
		e.gauge("kv_peer_queue_length", "Messages that wait to be sent to a peer.", float64(p.queue), "peer", peer)
		if p.progress == nil {
			continue
		}
		e.gauge("kv_peer_match_index", "Index up to which a peer has the entries on its disk, as the leader knows.",
			float64(p.progress.Match), "peer", peer)
		e.gauge("kv_peer_snapshot_index", "Index of the snapshot that is on its way to a peer, or 0.",
			float64(p.progress.PendingSnapshot), "peer", peer)
		for _, state := range []tracker.StateType{tracker.StateProbe, tracker.StateReplicate, tracker.StateSnapshot} {
			e.gauge("kv_peer_state", "1 for the state of the replication to a peer.", number(state == p.progress.State),
				"peer", peer, "state", plainState(state))
		}
	}
}

func (e emitter) transfers(f *figures) {
	for peer, p := range f.sending {
		e.gauge("kv_snapshot_sending_bytes", "Bytes so far of the snapshot on its way to a peer.", float64(p.Bytes), "peer", peer)
	}
	if f.receiving != nil {
		e.gauge("kv_snapshot_receiving_bytes", "Bytes so far of the snapshot that comes from a peer.", float64(f.receiving.Bytes))
	}
}

// plainState is the name of a role or of a state of replication, in small letters.
func plainState(s interface{ String() string }) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "State"))
}

// number is 1 for a condition that holds, and 0 otherwise.
func number(set bool) float64 {
	if set {
		return 1
	}
	return 0
}
