package raft

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	"github.com/ffd200af/raft/quorum"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
	"github.com/ffd200af/raft/tracker"
	"pgregory.net/rapid"
)

// Random walks through configurations on a bad network, with the safety properties of Raft
// (thesis Figure 3.2) checked after every step, and that adjacent configurations overlap.

// walkStorage is a disk on which the application keeps the configuration up to date with
// what it has applied.
type walkStorage struct {
	*MemoryStorage
	conf *pb.ConfState
}

func (s walkStorage) InitialState() (pb.HardState, pb.ConfState, error) {
	hs, _, err := s.MemoryStorage.InitialState()
	return hs, *s.conf, err
}

// history is what an observer of all nodes has seen. It never forgets.
type history struct {
	property.Observer
	broken *property.Violation // the first one
	// changed are the configurations by the index of the entry that led to them.
	changed map[uint64]tracker.Config
	order   []uint64

	overlaps map[[2]string]bool // what was found out about pairs of configurations

	changes, leaves int
}

// newHistory has the nodes of a new cluster report to a history.
func newHistory(c *testCluster) *history {
	h := &history{changed: map[uint64]tracker.Config{}, overlaps: map[[2]string]bool{}}
	h.Report = func(v property.Violation) {
		if h.broken == nil {
			h.broken = &v
		}
	}
	h.changed[1], h.order = c.nodes[0].raft.members.Config(), []uint64{1}
	h.Begins(1, 1)
	for _, n := range c.nodes {
		n.rec = h.Node(n.cfg.ID)
		n.rec.Recovers(property.NewView(1, 1), pb.HardState{Term: 1, Commit: 1})
		n.rec.Starts(n.shown())
		_, n.rec.Conf, _ = n.storage.InitialState()
	}
	return h
}

// look checks everything that can be seen of all nodes now.
func (h *history) look(c *testCluster) {
	c.tb.Helper()
	for _, n := range c.nodes {
		if n.Err() != nil {
			c.tb.Fatal(n.Err())
		}
		n.shows()
	}
	if h.broken != nil {
		c.tb.Fatal(h.broken)
	}
	if lead := c.leader(); lead != None {
		h.lookAtRivals(c, c.node(lead))
	}
}

// lookAtRivals: whoever could be elected next, because it has all that is committed and may
// campaign, uses a configuration in which every quorum meets every quorum of the leader's. That is
// why changes are made one at a time, and why a committed one has to be applied before a campaign.
func (h *history) lookAtRivals(c *testCluster, lead *testNode) {
	c.tb.Helper()
	newest := pb.Entry{Index: h.Commit, Term: h.Past.Term(h.Commit)}
	if !lead.raft.log.Has(raftlog.IDOf(&newest)) {
		return // deposed without knowing it
	}
	mine := lead.raft.members.Config()
	for _, n := range c.nodes {
		if n == lead || !n.raft.isVoter || !n.raft.log.Has(raftlog.IDOf(&newest)) {
			continue
		}
		if ready, err := n.raft.readyToCampaign(); err != nil || !ready {
			continue
		}
		theirs := n.raft.members.Config()
		pair := [2]string{mine.String(), theirs.String()}
		meet, known := h.overlaps[pair]
		if !known {
			meet = pair[0] == pair[1] || overlap(mine, theirs)
			h.overlaps[pair] = meet
		}
		if !meet {
			for _, i := range h.order {
				c.tb.Logf("entry %d: %s", i, h.changed[i])
			}
			for _, n := range c.nodes {
				c.tb.Logf("node %d: %s, last %v, heard %d, %s", n.cfg.ID, n.Status(), n.raft.log.Last(), n.raft.heardCommit, n.raft.members.Config())
			}
			c.tb.Fatalf("%d leads with %s, and %d could be elected with %s", lead.cfg.ID, pair[0], n.cfg.ID, pair[1])
		}
	}
}

// logOf returns what a node has in its log, behind what is compacted.
func logOf(c *testCluster, n *testNode) []pb.Entry {
	l := &n.raft.log
	first, _ := n.storage.FirstIndex()
	first = max(first, l.First())
	var all []pb.Entry
	for lo := first; lo <= l.LastIndex(); {
		entries, err := l.Entries(lo, l.LastIndex()+1, raftlog.NoLimit)
		if err != nil {
			c.tb.Fatal(err)
		}
		all = append(all, entries...)
		lo += uint64(len(entries))
	}
	return all
}

// applied: every node gets the same configuration from the same entry, and it overlaps with the one
// before: no quorum of either is disjoint from a quorum of the other.
func (h *history) applied(c *testCluster, n *testNode, index uint64) {
	cfg := n.raft.members.Config()
	if other, ok := h.changed[index]; ok {
		if other.String() != cfg.String() {
			c.tb.Fatalf("entry %d leads to %s on node %d, and led to %s", index, cfg, n.cfg.ID, other)
		}
		return
	}
	before := h.changed[h.order[len(h.order)-1]]
	if index < h.order[len(h.order)-1] {
		c.tb.Fatalf("node %d applies a change at %d that nobody has applied before, behind %v", n.cfg.ID, index, h.order)
	}
	if !overlap(before, cfg) {
		c.tb.Fatalf("%s and %s have disjoint quorums", before, cfg)
	}
	h.changed[index] = cfg
	h.order = append(h.order, index)
	h.changes++
	if len(before.Voters[1]) > 0 && len(cfg.Voters[1]) == 0 {
		h.leaves++
	}
}

// restored: a snapshot has the configuration of the entries it stands for.
func (h *history) restored(c *testCluster, n *testNode, index uint64) {
	i := len(h.order) - 1
	for h.order[i] > index {
		i--
	}
	if got, want := n.raft.members.Config().String(), h.changed[h.order[i]].String(); got != want {
		c.tb.Fatalf("the snapshot at %d has %s, the entries lead to %s", index, got, want)
	}
}

// overlap tries all ways to split the nodes in two.
func overlap(a, b tracker.Config) bool {
	const nodes = 8
	decides := func(cfg tracker.Config, yes uint) bool {
		votes := map[uint64]bool{}
		for id := uint64(0); id < nodes; id++ {
			votes[id] = yes>>id&1 != 0
		}
		return cfg.Voters.VoteResult(votes) == quorum.VoteWon
	}
	for split := uint(0); split < 1<<nodes; split++ {
		if decides(a, split) && decides(b, ^split) {
			return false
		}
	}
	return true
}

// walkCluster is a cluster of n nodes, all voters, on walkStorage.
func walkCluster(tb rapid.TB, n int, tune func(*Config)) (*testCluster, *history) {
	c := newTestCluster(tb, n, tune)
	h := newHistory(c)
	for _, node := range c.nodes {
		_, conf, _ := node.storage.InitialState()
		node.cfg.Storage = walkStorage{node.storage, &conf}
		node.configured = func(index uint64, snapshot bool, cs *pb.ConfState) {
			conf = *cs
			if snapshot {
				h.restored(c, node, index)
			} else {
				h.applied(c, node, index)
			}
		}
	}
	c.floors, c.answered = map[string]uint64{}, map[string]bool{}
	return c, h
}

// randomChange makes a change of up to three members.
func randomChange(pick, nodes int) pb.ConfChangeV2 {
	var cc pb.ConfChangeV2
	types := []pb.ConfChangeType{pb.ConfChangeAddNode, pb.ConfChangeAddLearnerNode, pb.ConfChangeRemoveNode, pb.ConfChangeAddNode}
	n := 1
	if pick%3 == 0 {
		n = 1 + pick/3%3
	}
	for pick /= 9; n > 0; n-- {
		cc.Changes = append(cc.Changes, pb.ConfChangeSingle{Type: types[pick%4], NodeID: uint64(pick/4%nodes) + 1})
		pick = pick/20 + 7*n
	}
	cc.Transition = pb.ConfChangeTransition(pick % 3)
	return cc
}

// walker drives a cluster that is split in two, or not: what goes from one side to the other waits,
// and may be delivered late.
type walker struct {
	*testCluster
	split uint // a bit for each node on one side
	// mute: messages that bring nothing but a commit index are lost, so that many nodes do not know
	// what is committed.
	mute bool
}

// side is the side of the split on which a node is.
func (w *walker) side(id uint64) uint {
	if w.split>>(id-1)&1 != 0 {
		return w.split
	}
	return ^w.split
}

func (w *walker) walk(a act) {
	node := w.node(a.node)
	rounds := 1 + a.pick/100%6
	switch a.what {
	case "split":
		w.split = uint(a.pick) % (1 << len(w.nodes))
		if a.pick/1000%3 == 0 {
			w.split = 0
		}
		w.mute = a.pick/3000%2 == 0
	case "talk":
		w.talk(w.side(a.node), rounds)
	case "coup":
		_ = node.Campaign()
		w.talk(w.side(a.node), 6)
	case "rule", "rule twice":
		// Whoever leads on this side changes the configuration.
		lead := w.leaderIn(w.side(a.node))
		if lead == None {
			return
		}
		_ = w.node(lead).ProposeConfChange(randomChange(a.pick, len(w.nodes)))
		if a.what == "rule twice" {
			_ = w.node(lead).ProposeConfChange(randomChange(a.pick/7, len(w.nodes)))
		}
		w.talk(w.side(a.node), rounds)
	case "lead", "leave", "add server", "step down":
		if lead := w.leaderIn(w.side(a.node)); lead != None {
			w.lead(w.node(lead), a)
		}
	default:
		w.perform(&strings.Builder{}, a)
	}
}

// lead lets a leader do something.
func (w *walker) lead(n *testNode, a act) {
	switch a.what {
	case "lead":
		_ = n.Propose([]byte{byte(a.pick), byte(a.pick >> 8)})
	case "leave":
		_ = n.ProposeConfChange(pb.ConfChangeV2{})
	case "add server":
		_ = n.AddServer(uint64(a.pick%len(w.nodes))+1, nil)
	case "step down":
		_ = n.StepDown()
	}
}

// leaderIn returns the leader of the largest term in a set.
func (w *walker) leaderIn(set uint) uint64 {
	lead, term := None, uint64(0)
	for _, n := range w.nodes {
		if set>>(n.cfg.ID-1)&1 != 0 && n.raft.role == StateLeader && n.raft.term > term {
			lead, term = n.cfg.ID, n.raft.term
		}
	}
	return lead
}

// talk lets the nodes of a set, a bit for each, talk among themselves. Everything else waits, a
// bounded amount of it.
func (w *walker) talk(set uint, rounds int) {
	c := w.testCluster
	inside := func(id uint64) bool { return set>>(id-1)&1 != 0 }
	for range rounds {
		for _, n := range c.nodes {
			if inside(n.cfg.ID) {
				c.playReady(&strings.Builder{}, n)
				c.playThreads(n, 2)
			}
		}
		var waiting []pb.Message
		for _, m := range c.wire {
			if w.mute && len(m.Entries) == 0 && (m.Type == pb.MsgApp && m.Commit > 0 || m.Type == pb.MsgHeartbeat) {
				continue
			}
			if inside(m.From) && inside(m.To) {
				_ = c.node(m.To).Step(m)
			} else {
				waiting = append(waiting, m)
			}
		}
		c.wire = waiting[max(0, len(waiting)-200):]
	}
}

// plan is a walk that was drawn: its steps, and options as bits.
type plan struct {
	acts    []act
	options int
	dice    generator
}

// plans draws walks of the given lengths. The larger the weight of a kind of step, the more of them
// there are.
func plans(nodes uint64, weights map[string]int, lengths []int, options int) *rapid.Generator[plan] {
	var what []string
	for _, name := range slices.Sorted(maps.Keys(weights)) {
		for range weights[name] {
			what = append(what, name)
		}
	}
	return rapid.Custom(func(t *rapid.T) plan {
		// Rapid prefers small numbers, so it draws only how long the walk is, and a seed for its
		// steps.
		p := plan{acts: make([]act, rapid.SampledFrom(lengths).Draw(t, "acts"))}
		p.dice = newGenerator(rapid.Uint64().Draw(t, "seed"), 0)
		for i := range p.acts {
			p.acts[i] = act{what: what[p.dice.next()%uint64(len(what))], node: 1 + p.dice.next()%nodes, pick: int(p.dice.next() % 100000)}
		}
		p.options = rapid.IntRange(0, options-1).Draw(t, "options")
		return p
	})
}

// checkFixedAndDrawn checks a property on the input of fixed seeds, then on random input. After the
// fixed part, whose input is the same in every run, seen asserts what the property came to.
func checkFixedAndDrawn[I any](t *testing.T, inputs *rapid.Generator[I], property func(tb rapid.TB, input I), seen func()) {
	const fixed = 30
	for seed := range fixed {
		property(t, inputs.Example(seed))
	}
	seen()
	rapid.Check(t, func(t *rapid.T) { property(t, inputs.Draw(t, "input")) })
}

func TestRandomConfigurationChangesOnABadNetworkKeepRaftSafe(t *testing.T) {
	const nodes = 5
	weights := map[string]int{"split": 3, "talk": 10, "coup": 4, "rule": 4, "rule twice": 2, "lead": 4, "tick": 1, "deliver": 2, "drop": 1,
		"duplicate": 2, "threads": 1, "ready": 1, "read": 1, "transfer": 1, "unreachable": 1, "restart": 2, "compact": 1, "leave": 1,
		"add server": 1, "step down": 1}
	changes, leaves, leaders := 0, 0, 0
	checkFixedAndDrawn(t, plans(nodes, weights, []int{400, 300, 200, 100, 50}, 8), func(tb rapid.TB, p plan) {
		c, h := walkCluster(tb, nodes, func(cfg *Config) {
			cfg.PreVote, cfg.CheckQuorum, cfg.AsyncStorageWrites = p.options&1 != 0, p.options&2 != 0, p.options&4 != 0
			cfg.MaxSizePerMsg, cfg.MaxInflightMsgs, cfg.SnapshotTicks = 100, 4, 30
			cfg.MaxCachedEntriesSize = uint64(p.options) * 500
			cfg.DeferCommit = p.options%3 == 1
		})
		w := walker{testCluster: c}
		for _, a := range p.acts {
			w.walk(a)
			for _, n := range c.nodes {
				c.verify(n)
			}
			h.look(c)
		}
		c.come(h)
		changes, leaves, leaders = changes+h.changes, leaves+h.leaves, leaders+h.Elections
	}, func() {
		if changes == 0 || leaves == 0 {
			t.Fatalf("%d changes, %d joint configurations left: nothing is shown", changes, leaves)
		}
	})
	t.Logf("%d configuration changes, %d joint configurations left, %d leaders", changes, leaves, leaders)
}
