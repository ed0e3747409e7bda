package sim

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// world is the cluster without time and chance: nodes, their disks, the messages that were sent,
// and what was seen of all that. It changes by actions only, one at a time, and the same actions
// lead to the same world. The simulator decides which action is next; the shrinker and scripts
// repeat them.
type world struct {
	cfg   *Config
	base  raft.Config // of every node, but for id and storage
	nodes []*node     // nodes[i] has the id i+1
	o     property.Observer
	peers []raft.Peer // that the first members bootstrap with, if they do
	// asked counts the reads that were asked for.
	asked uint64

	// flights are messages on their way; free are places in it. sent are those that the last action
	// has sent.
	flights []flight
	free    []int32
	sent    []int32
	// What the last action has told clients, and the operator.
	answers []answerAt
	reads   []readAt
	news    []raft.CatchUp

	// clock is the virtual clock, for pictures.
	clock func() uint64
	// verifies: RawNode.Verify is called after every action, which takes longer than most actions.
	// Every fourth seed does; the other properties are always checked.
	verifies bool

	stats   Stats
	failure *Failure
	hash    uint64

	// recorder notes the actions; nil while nobody wants them.
	recorder *recorder
	// keep: messages stay for ever, so that they can be delivered by what they say.
	keep bool
	// delivered is the message that was delivered last, when actions are repeated.
	delivered *flight
	// unsynced: in the last action a write was not synced that had to be.
	unsynced bool
}

// flight is a message on its way. Who has sent it does not always stand in it: a forwarded order to
// transfer the leadership names the one to whom.
type flight struct {
	pb.Message
	sender   uint64
	tampered bool // it is not as it was sent
	lost     bool // it does not arrive
}

type answerAt struct {
	answer
	node *node
}

type readAt struct {
	node    *node
	number  uint64
	index   uint64
	dropped bool
}

// newWorld builds the cluster of the first members.
func newWorld(cfg *Config, base raft.Config, voters int, clock func() uint64) (*world, error) {
	w := &world{cfg: cfg, base: base, hash: cfg.Seed, verifies: cfg.Seed%4 == 1, clock: clock}
	w.o.Report, w.o.Watch = w.report, cfg.watcher(clock)
	if err := w.firstMembers(voters); err != nil {
		return nil, err
	}
	return w, nil
}

// node returns the node with an id, which must exist.
func (w *world) node(id uint64) *node { return w.nodes[id-1] }

// has reports whether there is or was a node with an id.
func (w *world) has(id uint64) bool { return id >= 1 && id <= uint64(len(w.nodes)) }

// logOf returns the entries of the log that a node has handed out.
func (w *world) logOf(n *node) []pb.Entry {
	var entries []pb.Entry
	for index := n.Log.Base + 1; index <= n.Log.Last(); index++ {
		term, _ := n.Log.Term(index)
		e, _ := w.o.Entry(term, index)
		entries = append(entries, e)
	}
	return entries
}

// guard makes a panic in f a failure like any other, so that it comes with a seed and can be made
// small.
func (w *world) guard(f func()) {
	defer func() {
		if p := recover(); p != nil {
			w.failf(property.NoPanic, nil, "%v in %s", p, panicSite())
		}
	}()
	f()
}

// panicSite is the function in which a panic began that is being recovered from. Only what is the
// same in every run is said of it.
func panicSite() string {
	var callers [64]uintptr
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers[:])])
	for panicked := false; ; {
		f, more := frames.Next()
		inRuntime := strings.HasPrefix(f.Function, "runtime.")
		if panicked && !inRuntime {
			return fmt.Sprintf("%s, %s:%d", f.Function, filepath.Base(f.File), f.Line)
		}
		panicked = panicked || f.Function == "runtime.gopanic"
		if !more {
			return "an unknown place"
		}
	}
}

// begin starts an action.
func (w *world) begin() {
	w.sent = w.sent[:0]
	w.answers = w.answers[:0]
	w.reads = w.reads[:0]
	w.news = w.news[:0]
	w.unsynced = false
}

// send takes messages of a node to others.
func (w *world) send(n *node, msgs []pb.Message) {
	for i := range msgs {
		m := &msgs[i]
		n.Sends(m)
		w.hash = mix(w.hash, uint64(m.Type)<<56^m.From<<48^m.To<<40^m.Term<<20^m.Index)
		w.stats.Messages++
		f := flight{Message: *m, sender: n.id}
		w.tampered(n, &f)
		w.sent = append(w.sent, w.launch(f))
	}
}

// launch gives a message a place among those in flight.
func (w *world) launch(m flight) int32 {
	if k := len(w.free); k > 0 {
		f := w.free[k-1]
		w.free = w.free[:k-1]
		w.flights[f] = m
		return f
	}
	w.flights = append(w.flights, m)
	return int32(len(w.flights)) - 1
}

// release lets go of a message that is delivered or lost.
func (w *world) release(f int32) {
	if !w.keep {
		w.flights[f] = flight{}
		w.free = append(w.free, f)
	}
}
