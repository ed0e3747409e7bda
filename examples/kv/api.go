package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/examples/kv/internal/wire"
	"github.com/ffd200af/raft/tracker"
)

const (
	maxKey   = 4 << 10 // bytes
	maxValue = 1 << 20 // bytes
)

// routes is the HTTP interface of the port for clients, and for the other replicas if they have no
// port of their own.
func (r *replica) routes() http.Handler {
	mux := &router{}
	handle := mux.handle
	handle("GET "+keyPath+"/{$}", r.listKeys, "prefix", "after", "limit", "read", "stale")
	handle("GET /{$}", servePage("page.html"))
	handle("GET /page.css", servePage("page.css"))
	handle("GET /page.js", servePage("page.js"))
	handle("GET "+backupPath, r.backup)
	handle("GET "+clusterPath, r.reportCluster)
	handle("GET /health", r.health)
	handle("GET /ready", r.ready)
	handle("GET /metrics", r.metrics().ServeHTTP)
	handle("POST /session", r.openSession)
	handle("DELETE /session/{id}", r.closeSession)
	r.addShared(mux)
	if r.opts.peer == "" {
		r.addRaft(mux)
	} else {
		mux.HandleFunc(raftPath, r.notHere)
		mux.HandleFunc(raftPath+"/", r.notHere)
	}
	all := r.checked(handleKeys(map[string]http.HandlerFunc{
		http.MethodPut:    checkQuery(r.withKey(r.put), []string{"expect", "absent"}),
		http.MethodGet:    checkQuery(r.withKey(r.get), []string{"read", "stale"}),
		http.MethodDelete: checkQuery(r.withKey(r.delete), []string{"expect"}),
	}, mux))
	handle("POST "+wire.Path, r.share(all))
	return r.inTime(all)
}

// peerRoutes is the HTTP interface of the port for other replicas.
func (r *replica) peerRoutes() http.Handler {
	mux := &router{}
	r.addShared(mux)
	r.addRaft(mux)
	return r.inTime(r.checked(mux))
}

// router is a mux that checks queries, and takes paths as they are.
type router struct{ http.ServeMux }

// ServeHTTP answers 404 to a path with empty segments or dots. http.ServeMux would redirect it to
// another path, which may be another key.
func (mux *router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	whole := req.URL.Path
	if clean := path.Clean("/" + whole); clean != whole && (clean == "/" || clean+"/" != whole) {
		http.NotFound(w, req)
		return
	}
	mux.ServeMux.ServeHTTP(w, req)
}

func (mux *router) handle(pattern string, h http.HandlerFunc, parameters ...string) {
	mux.HandleFunc(pattern, checkQuery(h, parameters))
}

// addShared adds what clients ask for, and what replicas pass on or need when they join.
func (r *replica) addShared(mux *router) {
	handle := mux.handle
	handle("GET /members", r.onLeader(r.listMembers))
	handle("POST /members", r.guarded(r.onLeader(r.addMember)), "force")
	handle("DELETE /members/{id}", r.guarded(r.onLeader(r.removeMember)), "force")
	handle("POST /leader", r.guarded(r.onLeader(r.transferLeader)), "to")
	handle("GET "+identityPath, r.identify)
	handle("GET /status", r.status)
}

// addRaft adds what only replicas ask for.
func (r *replica) addRaft(mux *router) {
	mux.handle("POST "+raftPath, r.receive)
	mux.handle("GET "+snapshotPath+"{name}", r.snapshotSize, "size")
	mux.handle("POST "+snapshotPath+"{name}", r.receiveSnapshot, "offset")
}

// notHere answers a replica that sends messages to the port for clients.
func (r *replica) notHere(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "replicas talk to this one at "+r.opts.peer, http.StatusForbidden)
}

// checked has a handler get only the requests that are meant for this replica.
func (r *replica) checked(handler http.Handler) http.Handler {
	return ownPagesOnly(r.peersOnly(r.unlessStranger(r.unlessRemoved(handler))))
}

// unlessRemoved refuses clients when this replica was removed from the cluster.
func (r *replica) unlessRemoved(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if r.loop.departure.begun.Load() && req.URL.Path != raftPath && req.URL.Path != identityPath {
			unavailable(w, errRemoved)
			return
		}
		next.ServeHTTP(w, req)
	})
}

type keyHandler func(w http.ResponseWriter, req *http.Request, key []byte)

// withKey checks the key.
func (r *replica) withKey(handle keyHandler) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		key := keyIn(req.URL.Path)
		if key == "" || len(key) > maxKey {
			http.Error(w, "the key must have 1 to "+strconv.Itoa(maxKey)+" bytes", http.StatusBadRequest)
			return
		}
		handle(w, req, []byte(key))
	}
}

// put answers 204 when the write is applied: it is then on the disks of a majority. With ?expect=
// or ?absent it answers 412 if the key does not have that value, or is there.
func (r *replica) put(w http.ResponseWriter, req *http.Request, key []byte) {
	query := req.URL.Query()
	absent := flagIn(query, "absent")
	if absent && query.Has("expect") {
		http.Error(w, "expect and absent exclude each other", http.StatusBadRequest)
		return
	}
	value, release, err := r.clientBytes.read(w, req, maxValue)
	if err != nil {
		refuseBody(w, err)
		return
	}
	defer release()
	c := command{op: opPut, key: key, value: value}
	switch {
	case query.Has("expect"):
		c.op, c.expect = opSwap, []byte(query.Get("expect"))
	case absent:
		c.op = opCreate
	}
	r.write(w, req, c)
}

// delete answers like put.
func (r *replica) delete(w http.ResponseWriter, req *http.Request, key []byte) {
	c := command{op: opDelete, key: key}
	if query := req.URL.Query(); query.Has("expect") {
		c.op, c.expect = opDeleteIf, []byte(query.Get("expect"))
	}
	r.write(w, req, c)
}

// write proposes a command and answers with its outcome.
func (r *replica) write(w http.ResponseWriter, req *http.Request, c command) {
	cond, err := readCondition(req.Header)
	switch {
	case err != nil:
	case cond != nil && c.op != opPut && c.op != opDelete:
		err = errors.New("a condition in the query and one in the header exclude each other")
	case cond != nil:
		c.at(cond)
	}
	if err == nil {
		c.header, err = sessionHeader(req.Header)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	o, err := r.do(req.Context(), c)
	setIndex(w.Header(), o)
	switch {
	case err != nil:
		unavailable(w, err)
	case o.err != nil:
		http.Error(w, o.err.Error(), sessionStatus(o.err))
	case !o.done:
		http.Error(w, errCondition.Error(), http.StatusPreconditionFailed)
	default:
		if o.revision > 0 {
			w.Header().Set(headerTag, tag(o.revision))
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

// consistencyIn reads what a request asks of a read.
func consistencyIn(req *http.Request) (consistency, error) {
	mode, err := modeIn(req.URL.Query())
	as := consistency{mode: mode}
	if word := req.Header.Get(headerAtLeast); word != "" && err == nil {
		if as.atLeast, err = strconv.ParseUint(word, 10, 64); err != nil {
			err = errors.New(headerAtLeast + " must be a number that an answer gave as " + headerIndex)
		}
	}
	return as, err
}

// modeIn reads the read mode of a query: linearizable unless it asks for something else.
// ?read=lease trusts the leader's lease, ?read=stale (or ?stale=true) answers from what this
// replica has.
func modeIn(query url.Values) (readMode, error) {
	if flagIn(query, "stale") {
		if query.Has("read") {
			return "", errors.New("read and stale exclude each other")
		}
		return readStale, nil
	}
	switch mode := readMode(query.Get("read")); mode {
	case "":
		return readSafe, nil
	case readSafe, readLease, readStale:
		return mode, nil
	}
	return "", errors.New("read must be safe, lease or stale")
}

// get answers with the value and, as its ETag, with the revision.
func (r *replica) get(w http.ResponseWriter, req *http.Request, key []byte) {
	as, err := consistencyIn(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	cond, err := readCondition(req.Header)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	o, err := r.read(req.Context(), as, func(s *store) (outcome, error) { return s.read(key) })
	setConsistency(w.Header(), o)
	if o.found {
		w.Header().Set(headerTag, tag(o.revision))
	}
	switch {
	case err != nil:
		unavailable(w, err)
	case cond != nil && !cond.holds(o.revision) && req.Header.Get("If-None-Match") != "":
		w.WriteHeader(http.StatusNotModified)
	case cond != nil && !cond.holds(o.revision):
		http.Error(w, errCondition.Error(), http.StatusPreconditionFailed)
	case !o.found:
		http.Error(w, "no such key", http.StatusNotFound)
	default:
		w.Header().Set("Content-Type", "application/octet-stream")
		_, _ = w.Write(o.value)
	}
}

const (
	headerRead = "Kv-Read" // says how a read was confirmed
	headerTag  = "ETag"    // of the revision that the key has now
	// headerIndex is the log index that an answer was given at, and headerAtLeast in a read is the
	// one that must be applied first.
	headerIndex   = "Kv-Index"
	headerAtLeast = "Kv-At-Least"
)

// setConsistency says in an answer how a read was confirmed, and at which index.
func setConsistency(to http.Header, o outcome) {
	to.Set(headerRead, string(o.mode))
	setIndex(to, o)
}

func setIndex(to http.Header, o outcome) {
	if o.index > 0 {
		to.Set(headerIndex, strconv.FormatUint(o.index, 10))
	}
}

var errCondition = errors.New("the key has another value or revision")

// unavailable says that the outcome is not known: a write may still be carried out.
func unavailable(w http.ResponseWriter, err error) {
	if errors.Is(err, errRemoved) {
		http.Error(w, err.Error(), http.StatusGone)
		return
	}
	if errors.Is(err, errDiskFull) {
		insufficient(w, err)
		return
	}
	http.Error(w, "no answer, the outcome is unknown: "+err.Error(), http.StatusServiceUnavailable)
}

// statusReport is what GET /status answers.
type statusReport struct {
	ID       uint64            `json:"id"`
	Cluster  string            `json:"cluster"`
	Role     string            `json:"role"`
	Term     uint64            `json:"term"`
	Leader   uint64            `json:"leader"`
	Commit   uint64            `json:"commit"`
	Applied  uint64            `json:"applied"`
	First    uint64            `json:"first_index"`
	Last     uint64            `json:"last_index"`
	Voters   []uint64          `json:"voters"` // of the configuration that is applied here
	Learners []uint64          `json:"learners"`
	Progress map[string]string `json:"progress,omitempty"`
	// Members are the addresses of the replicas that take part, by id.
	Members map[uint64]string `json:"members"`
	// Peers is what Progress is, in numbers.
	Peers     map[string]peerReport `json:"peers,omitempty"`
	Elections []election            `json:"elections"` // the last ones, the earliest first
	// Hindrance is why no progress is made, if none is made for some time.
	Hindrance hindrance `json:"no_progress,omitempty"`
	// Sending are the snapshots on their way to peers, by id, and Receiving is the one that comes.
	Sending   map[string]snapshotProgress `json:"sending,omitempty"`
	Receiving *snapshotProgress           `json:"receiving,omitempty"`
	Disk      *diskReport                 `json:"disk,omitempty"`
	Err       string                      `json:"err,omitempty"`
}

func (r *replica) report(ctx context.Context) (statusReport, error) {
	var s statusReport
	err := r.query(ctx, func() {
		st := r.loop.node.BasicStatus()
		s = statusReport{
			ID: st.ID, Cluster: r.store.cluster, Role: strings.TrimPrefix(st.RaftState.String(), "State"), Term: st.Term, Leader: st.Lead,
			Commit: st.Commit, Applied: st.Applied, First: r.store.prev.index + 1, Last: r.store.last,
			Members: r.store.members.addresses(),
		}
		s.Voters, s.Learners = idList(r.store.conf.Voters), idList(r.store.conf.Learners)
		s.Elections = slices.Clone(r.loop.elections.past)
		s.Hindrance, _ = r.hindrance.Load().(hindrance)
		s.Sending, s.Receiving = r.loop.transfers()
		s.Disk = r.store.space.report()
		if err := r.loop.node.Err(); err != nil {
			s.Err = err.Error()
		}
		if st.RaftState == raft.StateLeader {
			s.Peers = r.loop.reportPeers()
			s.Progress = map[string]string{}
			r.loop.node.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
				s.Progress[strconv.FormatUint(id, 10)] = pr.String()
			})
		}
	})
	return s, err
}

func (r *replica) status(w http.ResponseWriter, req *http.Request) {
	s, err := r.report(req.Context())
	if err != nil {
		unavailable(w, err)
		return
	}
	writeJSON(w, s)
}
