package raft

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft/internal/survivors"
	pb "github.com/ffd200af/raft/raftpb"
)

// A live majority always elects: random walks through configurations on a bad network, at the end
// of which a minority dies for ever, or only its disks. Package survivors defines which nodes may
// die. The rest has no faults from then on, and must elect, commit and answer reads.

var (
	stuckWalks = flag.Int("stuckwalks", 300, "how many walks TestALiveMajorityAlwaysElects takes")
	stuckFrom  = flag.Uint64("stuckfrom", 1, "the number of its first walk")
)

// deadMinorityTicks bounds the ticks in which the survivors have to elect, commit and answer.
// Removed nodes that are alive may disturb elections, and the election timeout is 10 ticks.
const deadMinorityTicks = 500

// TestALiveMajorityAlwaysElects:
//
//	go test -run TestALiveMajorityAlwaysElects . -stuckwalks 100000
func TestALiveMajorityAlwaysElects(t *testing.T) {
	walks, longest := 0, 0
	for number := *stuckFrom; number < *stuckFrom+uint64(*stuckWalks); number++ {
		w := newDeadWalk(t, number)
		w.wander()
		if !w.die() {
			continue
		}
		walks++
		ticks, missing := w.outlive()
		longest = max(longest, ticks)
		if missing != "" {
			t.Errorf("walk %d (-stuckfrom %d -stuckwalks 1): live %s, working %s: %s after %d ticks", number, number,
				w.ids(w.live), w.ids(w.work), missing, ticks)
			if *stuckWalks == 1 {
				w.logStates()
			}
		}
	}
	if walks == 0 {
		t.Fatal("nobody dies in any walk: nothing is shown")
	}
	t.Logf("%d of %d walks end with a dead minority; the slowest takes %d ticks", walks, *stuckWalks, longest)
}

// deadWalk is a walk at the end of which some nodes die.
type deadWalk struct {
	walker
	h     *history
	dice  generator
	acts  []act
	pinch pinch
	// live are the nodes that stay up, work those among them whose disks work. Bit i is node i+1.
	live, work survivors.Set
}

// pinch holds what the survivors were asked for, and what of it is missing.
type pinch struct {
	index, term uint64            // of the last proposal
	committed   bool              // it is committed
	reads       map[uint64]string // the context of the last read of each node
	asked       int               // the tick at which the reads were asked for last
}

func newDeadWalk(t *testing.T, number uint64) *deadWalk {
	const nodes = 6
	w := &deadWalk{dice: newGenerator(number, 0)}
	weights := []struct {
		what   string
		weight int
	}{
		{"split", 4}, {"talk", 10}, {"coup", 4}, {"rule", 5}, {"rule twice", 3}, {"lead", 5}, {"tick", 1}, {"deliver", 2}, {"drop", 2},
		{"duplicate", 1}, {"threads", 1}, {"ready", 1}, {"transfer", 1}, {"restart", 1}, {"compact", 1}, {"leave", 1}, {"step down", 1},
		{"add server", 1},
	}
	var what []string
	for _, x := range weights {
		for range x.weight {
			what = append(what, x.what)
		}
	}
	options := w.dice.next()
	w.acts = make([]act, 50+w.below(250))
	for i := range w.acts {
		w.acts[i] = act{what: what[w.below(len(what))], node: 1 + uint64(w.below(nodes)), pick: w.below(100_000)}
	}
	w.testCluster, w.h = walkCluster(t, nodes, func(cfg *Config) { w.tune(cfg, options) })
	return w
}

// tune draws options: the same for all nodes or, in a quarter of the walks, others for each where
// that is safe.
func (w *deadWalk) tune(cfg *Config, options uint64) {
	cfg.MaxSizePerMsg, cfg.MaxInflightMsgs, cfg.SnapshotTicks = 100, 4, 30
	cfg.AsyncStorageWrites = options&4 != 0
	own := options
	if options>>3&3 == 0 {
		own = w.dice.next()
	}
	cfg.PreVote, cfg.CheckQuorum = own&1 != 0, own&2 != 0
	if options>>5&3 == 0 { // a lease is a promise of all voters
		cfg.CheckQuorum, cfg.LeaseDriftTicks = true, 1
	}
	cfg.Seed = options | 1
}

func (w *deadWalk) below(n int) int { return int(w.dice.next() % uint64(n)) }

// wander takes the walk. Then every node finishes its work, and messages under way are lost.
func (w *deadWalk) wander() {
	for _, a := range w.acts {
		w.walk(a)
	}
	w.h.look(w.testCluster)
	w.settleApart()
	for _, n := range w.nodes {
		w.awaitPromotion(n)
	}
	w.wire = nil
}

// settleApart lets every node finish its work, without messages.
func (w *deadWalk) settleApart() {
	for range 3 {
		for _, n := range w.nodes {
			w.playReady(&strings.Builder{}, n)
			w.playThreads(n, 50)
		}
	}
}

// awaitPromotion waits until the leader has promoted a learner that it waits for, or finds it
// silent. A learner may die within an election timeout of its last answer, and the leader may
// promote it until then.
func (w *deadWalk) awaitPromotion(n *testNode) {
	for range n.cfg.ElectionTick + 1 {
		if n.raft.role != StateLeader || !slices.ContainsFunc(n.raft.catching.all(), func(c catchUp) bool { return c.wait == waitsPromoted }) {
			return
		}
		w.tick(n.cfg.ID, 1)
		w.settleApart()
	}
}

// die draws the nodes that die, and reports whether there are any.
func (w *deadWalk) die() bool {
	known := make([]survivors.Node, len(w.nodes))
	var all, fragile survivors.Set
	for i, n := range w.nodes {
		known[i] = w.knownTo(n)
		all |= 1 << i
		// A leader whose disk is stuck steps down only with CheckQuorum.
		if n.cfg.AsyncStorageWrites && n.cfg.CheckQuorum {
			fragile |= 1 << i
		}
	}
	if w.below(2) == 0 {
		fragile = 0
	}
	w.live, w.work = survivors.Draw(known, all, fragile, w.below)
	return w.work != all
}

// knownTo returns what a node knows of the configuration.
func (w *deadWalk) knownTo(n *testNode) survivors.Node {
	r := &n.raft
	known := survivors.Node{ID: n.cfg.ID, Config: r.members.Config(), Applied: r.log.Applied(), Commit: r.log.Committed()}
	if err := known.AddChanges(logOf(w.testCluster, n)); err != nil {
		w.tb.Fatal(err)
	}
	return known
}

func (w *deadWalk) isLive(id uint64) bool { return w.live>>(id-1)&1 != 0 }
func (w *deadWalk) works(id uint64) bool  { return w.work>>(id-1)&1 != 0 }

func (w *deadWalk) ids(set survivors.Set) string {
	var ids []uint64
	for _, n := range w.nodes {
		if set>>(n.cfg.ID-1)&1 != 0 {
			ids = append(ids, n.cfg.ID)
		}
	}
	return fmt.Sprint(ids)
}

// outlive lets the survivors tick and talk until nothing is missing.
func (w *deadWalk) outlive() (ticks int, missing string) {
	w.pinch.reads = map[uint64]string{}
	for ticks = range deadMinorityTicks {
		for _, n := range w.nodes {
			if w.isLive(n.cfg.ID) {
				w.tick(n.cfg.ID, 1)
			}
		}
		for range 6 {
			w.talkAlive()
		}
		if missing = w.missing(ticks); missing == "" {
			break
		}
	}
	w.h.look(w.testCluster)
	return ticks, missing
}

// talkAlive is a round of messages among the survivors.
func (w *deadWalk) talkAlive() {
	for _, n := range w.nodes {
		if !w.isLive(n.cfg.ID) {
			continue
		}
		w.playReady(&strings.Builder{}, n)
		if w.works(n.cfg.ID) {
			w.playThreads(n, 10)
		} else {
			w.playStuck(n)
		}
	}
	wire := w.wire
	w.wire = nil
	for _, m := range wire {
		if w.isLive(m.To) && w.isLive(m.From) {
			_ = w.node(m.To).Step(m)
		}
	}
}

// playStuck does the work of a node's apply thread. The disk does nothing.
func (w *deadWalk) playStuck(n *testNode) {
	var writes, applies []pb.Message
	for _, m := range n.threads {
		if m.Type == pb.MsgStorageApply {
			applies = append(applies, m)
		} else {
			writes = append(writes, m)
		}
	}
	n.threads = applies
	w.playThreads(n, len(applies))
	n.threads = append(writes, n.threads...)
}

// missing asks for what was not asked for yet, and returns what is missing.
func (w *deadWalk) missing(tick int) string {
	p := &w.pinch
	lead := w.leaderIn(uint(w.live))
	if lead == None || w.node(lead).raft.log.Committed() < w.node(lead).raft.termStart {
		return "no leader commits in its term"
	}
	r := w.node(lead).raft
	if !p.committed {
		if p.committed = p.term == r.term && r.log.Committed() >= p.index; p.committed {
			p.asked = -deadMinorityTicks
		} else if p.term != r.term {
			if w.node(lead).Propose([]byte("end")) == nil {
				p.index, p.term = r.log.LastIndex(), r.term
			}
		}
		if !p.committed {
			return "nothing is committed"
		}
	}
	var waiting []uint64
	for _, n := range w.nodes {
		if i := r.members.Find(n.cfg.ID); w.works(n.cfg.ID) && i >= 0 && !w.answered[p.reads[n.cfg.ID]] {
			waiting = append(waiting, n.cfg.ID)
		}
	}
	if tick >= p.asked+30 { // those that were dropped are asked again
		p.asked = tick
		for _, id := range waiting {
			p.reads[id] = fmt.Sprint(len(w.floors))
			w.perform(&strings.Builder{}, act{what: "read", node: id})
		}
	}
	if len(waiting) > 0 {
		return fmt.Sprintf("no answer to a read at %d", waiting)
	}
	return ""
}

// logStates logs the state of every node.
func (w *deadWalk) logStates() {
	for _, n := range w.nodes {
		w.tb.Logf("node %d: %s, last %v, heard %d, %s", n.cfg.ID, n.Status(), n.raft.log.Last(), n.raft.heardCommit, n.raft.members.Config())
	}
}
