package main

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Each cluster has an id. It is part of the replicated state, so every folder and every snapshot
// has it. Every request between replicas carries it, and a replica refuses those of other clusters.
//
// The id is the hash of the first replicas: their ids, addresses and the names of their folders.
// The names are random, and each is durable before another replica hears it. So clusters that are
// born at different times have different ids, even with the same addresses, and a replica has its
// id before it sends or takes a message of Raft: no replica ever votes for "no id yet".
// birth.go is how the first replicas exchange the names. A replica that is added takes the id from
// the answer to its request, and stores it before it takes messages.

const (
	// headerCluster is the id of the sender's cluster, in requests and in answers.
	headerCluster = "Kv-Cluster"
	// identityPath is where a replica says who it is.
	identityPath = "/identity"
	// unnamed is the id of the clusters that are older than ids.
	unnamed = "unnamed"
)

// errStranger is matched by the error of a replica that meets one of another cluster.
var errStranger = errors.New("another cluster")

// clusterOf returns the id of the cluster that begins with these replicas.
func clusterOf(first members) string {
	h := sha256.New()
	for _, id := range slices.Sorted(maps.Keys(first)) {
		m := first[id]
		fmt.Fprintf(h, "%d %q %q", id, m.Address, m.Data)
		if m.Peer != "" { // without it, the ids are those from before there were addresses for peers
			fmt.Fprintf(h, " %q", m.Peer)
		}
		fmt.Fprintln(h)
	}
	return base32.StdEncoding.EncodeToString(h.Sum(nil)[:15])
}

func (s *store) loadCluster() error {
	cluster, found, err := s.get(keyCluster)
	s.cluster = string(cluster)
	if !found && s.last > 0 {
		s.cluster = unnamed
	}
	return err
}

// adopt stores the id of the cluster that a new replica is added to. Nothing else is being written:
// the replica has taken no message yet.
func (s *store) adopt(cluster string) error {
	if s.cluster != "" {
		return nil
	}
	b := s.db.NewBatch()
	defer b.Close()
	if err := b.Set(keyCluster, []byte(cluster), nil); err != nil {
		return err
	}
	if err := s.commit(b, true); err != nil {
		return err
	}
	s.cluster = cluster
	return nil
}

// adopt takes the id of the cluster that has accepted this replica.
func (l *loop) adopt(cluster string) error {
	err := l.store.adopt(cluster)
	if err == nil {
		l.peers.cluster.set(l.store.cluster)
	}
	return err
}

// clusterID is the id of a replica's cluster for everybody; empty while it has none.
type clusterID struct{ id atomic.Pointer[string] }

func (c *clusterID) set(id string) { c.id.Store(&id) }

func (c *clusterID) get() string {
	if id := c.id.Load(); id != nil {
		return *id
	}
	return ""
}

// unlessStranger refuses the requests of other clusters. Those between replicas must carry an id;
// others may, to be sure whom they talk to.
func (r *replica) unlessStranger(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		own, theirs := r.peers.cluster.get(), req.Header.Get(headerCluster)
		checked := theirs != "" || req.URL.Path == raftPath || req.Header.Get(headerForwarded) != ""
		if own != "" {
			w.Header().Set(headerCluster, own)
		}
		switch {
		case !checked || theirs == own && own != "":
			next.ServeHTTP(w, req)
		case own == "":
			r.caller.Store(req.Header.Get(headerAddress))
			http.Error(w, "this replica does not know its cluster yet", http.StatusServiceUnavailable)
		default:
			r.refused.log(r.opts.log, "refused a request of another cluster", "cluster", own, "theirs", orNone(theirs),
				"from", req.Header.Get(headerFrom), "address", req.Header.Get(headerAddress))
			http.Error(w, fmt.Sprintf("this replica belongs to cluster %s, the request comes from cluster %s", own, orNone(theirs)),
				http.StatusMisdirectedRequest)
		}
	})
}

// checkStranger returns an error if a replica answers that it belongs to another cluster.
func (t *transport) checkStranger(address string, resp *http.Response) error {
	if resp.StatusCode != http.StatusMisdirectedRequest {
		return nil
	}
	own, theirs := t.cluster.get(), orNone(resp.Header.Get(headerCluster))
	t.refused.log(t.log, "refused by a replica of another cluster", "cluster", own, "theirs", theirs, "address", address)
	return stranger(address, theirs, own)
}

func stranger(address, theirs, own string) error {
	return fmt.Errorf("%w: %s belongs to cluster %s, this replica to cluster %s", errStranger, address, theirs, own)
}

func orNone(id string) string {
	if id == "" {
		return "none"
	}
	return id
}

// seldom logs each text at most once in ten seconds: peers send all the time. One text does not
// keep another one back.
type seldom struct{ last sync.Map } // from a text to the time of its last line

func (s *seldom) log(to *slog.Logger, text string, args ...any) {
	v, _ := s.last.LoadOrStore(text, new(atomic.Int64))
	at := v.(*atomic.Int64)
	now, last := time.Now().UnixNano(), at.Load()
	if (last == 0 || now-last > int64(10*time.Second)) && at.CompareAndSwap(last, now) {
		to.Error(text, args...)
	}
}

// identityReport is the answer to GET /identity.
type identityReport struct {
	ID      uint64 `json:"id"`
	Cluster string `json:"cluster"` // empty while the replica is new
	Folder  string `json:"folder"`
	// Members are all that have ever taken part. A new replica gives those of its command line,
	// without their folders.
	Members members `json:"members"`
	// DiskFull: the replica takes no data, see space.go.
	DiskFull bool `json:"disk_full,omitempty"`
}

func (r *replica) identify(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, identityReport{
		ID: r.opts.id, Cluster: r.peers.cluster.get(), Folder: r.store.identity, Members: *r.loop.members.Load(),
		DiskFull: r.store.space.full.Load(),
	})
}

func writeJSON(w http.ResponseWriter, answer any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}
