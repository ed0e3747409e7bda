package raft

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ffd200af/raft/quorum"
	pb "github.com/ffd200af/raft/raftpb"
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

// place is a position in a log with the term of what stands there.
type place struct{ index, term uint64 }

// history is what an observer of all nodes has seen. It never forgets.
type history struct {
	leaders map[uint64]uint64 // per term
	// entries that stood in some log, and the term before each: both are the same wherever the
	// entry stands (Log Matching).
	entries map[place]pb.Entry
	before  map[place]uint64
	// committed entries by index, and the term in which the commit was seen first.
	committed map[uint64]pb.Entry
	since     map[uint64]uint64
	last      uint64 // the largest committed index
	// configs are the configurations by the index of the entry that led to them.
	configs map[uint64]tracker.Config
	order   []uint64

	changes, leaves int
}

func newHistory(c *testCluster) *history {
	h := &history{
		leaders: map[uint64]uint64{}, entries: map[place]pb.Entry{}, before: map[place]uint64{},
		committed: map[uint64]pb.Entry{}, since: map[uint64]uint64{}, configs: map[uint64]tracker.Config{},
	}
	h.configs[1], h.order = c.nodes[0].raft.members.Config(), []uint64{1}
	return h
}

// look checks everything that can be seen of all nodes now.
func (h *history) look(c *testCluster) {
	c.tb.Helper()
	for _, n := range c.nodes {
		if n.Err() != nil {
			c.tb.Fatal(n.Err())
		}
		h.lookAtLog(c, n)
		h.lookAtCommit(c, n)
	}
	for _, n := range c.nodes {
		if n.raft.role == StateLeader {
			h.lookAtLeader(c, n)
		}
	}
}

// logOf returns what a node has in its log, behind what is compacted.
func logOf(c *testCluster, n *testNode) []pb.Entry {
	l := &n.raft.log
	first, _ := n.storage.FirstIndex()
	first = max(first, l.first)
	var all []pb.Entry
	for lo := first; lo <= l.lastIndex(); {
		entries, err := l.entries(lo, l.lastIndex()+1, noLimit)
		if err != nil {
			c.tb.Fatal(err)
		}
		all = append(all, entries...)
		lo += uint64(len(entries))
	}
	return all
}

// lookAtLog: an index and a term determine the entry, and the one before it (thesis §3.5).
func (h *history) lookAtLog(c *testCluster, n *testNode) {
	var prev *pb.Entry
	log := logOf(c, n)
	for i := range log {
		e := &log[i]
		at := place{e.Index, e.Term}
		if other, ok := h.entries[at]; ok && (other.Type != e.Type || string(other.Data) != string(e.Data)) {
			c.tb.Fatalf("log matching: node %d has %v, another had %v", n.cfg.ID, *e, other)
		}
		h.entries[at] = *e
		if prev != nil {
			if term, ok := h.before[at]; ok && term != prev.Term {
				c.tb.Fatalf("log matching: before %v stand entries of terms %d and %d", *e, prev.Term, term)
			}
			h.before[at] = prev.Term
		}
		prev = e
	}
}

// lookAtCommit: what was committed once stands at its index wherever that is committed.
func (h *history) lookAtCommit(c *testCluster, n *testNode) {
	log := logOf(c, n)
	for i := range log {
		e := &log[i]
		if e.Index > n.raft.log.committed {
			break
		}
		if other, ok := h.committed[e.Index]; ok && (other.Term != e.Term || string(other.Data) != string(e.Data)) {
			c.tb.Fatalf("state machine safety: node %d has committed %v, another had %v", n.cfg.ID, *e, other)
		} else if !ok {
			h.committed[e.Index], h.since[e.Index] = *e, n.raft.term
		}
	}
	h.last = max(h.last, n.raft.log.committed)
}

// lookAtLeader: one leader a term, and it has whatever was committed in an earlier one (thesis §3.4,
// §3.6.1).
func (h *history) lookAtLeader(c *testCluster, n *testNode) {
	id, term := n.cfg.ID, n.raft.term
	if other, ok := h.leaders[term]; ok && other != id {
		c.tb.Fatalf("election safety: %d and %d lead term %d", other, id, term)
	}
	h.leaders[term] = id
	for index, e := range h.committed {
		if h.since[index] >= term || index < n.raft.log.first {
			continue
		}
		if !n.raft.log.has(idOf(&e)) {
			c.tb.Fatalf("leader completeness: %d leads term %d without %v, committed in term %d", id, term, e, h.since[index])
		}
	}
}

// applied: every node gets the same configuration from the same entry, and it overlaps with the one
// before: no quorum of either is disjoint from a quorum of the other.
func (h *history) applied(c *testCluster, n *testNode, index uint64) {
	cfg := n.raft.members.Config()
	if other, ok := h.configs[index]; ok {
		if other.String() != cfg.String() {
			c.tb.Fatalf("entry %d leads to %s on node %d, and led to %s", index, cfg, n.cfg.ID, other)
		}
		return
	}
	before := h.configs[h.order[len(h.order)-1]]
	if index < h.order[len(h.order)-1] {
		c.tb.Fatalf("node %d applies a change at %d that nobody has applied before, behind %v", n.cfg.ID, index, h.order)
	}
	if !overlap(before, cfg) {
		c.tb.Fatalf("%s and %s have disjoint quorums", before, cfg)
	}
	h.configs[index] = cfg
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
	if got, want := n.raft.members.Config().String(), h.configs[h.order[i]].String(); got != want {
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
	c.floors = map[string]uint64{}
	return c, h
}

// randomChange makes a change of up to three members.
func randomChange(pick, nodes int) pb.ConfChangeV2 {
	var cc pb.ConfChangeV2
	types := []pb.ConfChangeType{pb.ConfChangeAddNode, pb.ConfChangeAddLearnerNode, pb.ConfChangeRemoveNode, pb.ConfChangeAddNode}
	for n := pick%3 + 1; n > 0; n-- {
		pick /= 3
		cc.Changes = append(cc.Changes, pb.ConfChangeSingle{Type: types[pick%4], NodeID: uint64(pick/4%nodes) + 1})
		pick = pick/20 + 7*n
	}
	cc.Transition = pb.ConfChangeTransition(pick % 3)
	return cc
}

func (c *testCluster) walk(a act) {
	node := c.node(a.node)
	lead := node
	if id := c.leader(); id != None {
		lead = c.node(id)
	}
	switch a.what {
	case "change":
		_ = lead.ProposeConfChange(randomChange(a.pick, len(c.nodes)))
	case "leave":
		_ = lead.ProposeConfChange(pb.ConfChangeV2{})
	case "add server":
		_ = lead.AddServer(uint64(a.pick%len(c.nodes))+1, nil)
	case "step down":
		_ = lead.StepDown()
	case "lead":
		_ = lead.Propose([]byte{byte(a.pick), byte(a.pick >> 8)})
	default:
		c.perform(&strings.Builder{}, a)
	}
}

// come lets everybody tick and talk, without faults, until a new entry is committed under a
// configuration that is not to be left any more.
func (c *testCluster) come(h *history) {
	c.tb.Helper()
	for round := range 400 {
		for _, n := range c.nodes {
			c.tick(n.cfg.ID, 1)
		}
		for range 6 {
			c.allBut(&strings.Builder{}, 0, 1)
			for _, n := range c.nodes {
				c.playThreads(n, 5)
			}
		}
		h.look(c)
		lead := c.leader()
		if lead == None {
			continue
		}
		r := c.node(lead).raft
		if round > 50 && r.log.committed == r.log.lastIndex() && r.log.committed > h.last-1 && !r.members.AutoLeave() && r.transferee == None {
			before := r.log.committed
			_ = c.node(lead).Propose([]byte("end"))
			for range 10 {
				c.allBut(&strings.Builder{}, 0, 1)
			}
			if r.log.committed > before {
				return
			}
		}
	}
	for _, n := range c.nodes {
		c.tb.Logf("node %d: %s %s", n.cfg.ID, n.Status(), n.raft.members.Config())
	}
	c.tb.Fatal("no progress after the faults have stopped")
}

func TestRandomConfigurationChangesOnABadNetworkKeepRaftSafe(t *testing.T) {
	const nodes = 5
	changes, leaves, leaders := 0, 0, 0
	rapid.Check(t, func(t *rapid.T) {
		one := rapid.Custom(func(t *rapid.T) act {
			return act{
				what: rapid.SampledFrom([]string{"tick", "tick", "ready", "ready", "deliver", "deliver", "deliver", "drop", "duplicate", "threads",
					"all but", "all but", "all but", "all but", "all but", "lead", "lead", "campaign", "read", "transfer", "unreachable", "restart", "compact",
					"change", "change", "change", "change", "leave", "add server", "step down"}).Draw(t, "what"),
				node: rapid.Uint64Range(1, nodes).Draw(t, "node"),
				pick: rapid.IntRange(0, 100000).Draw(t, "pick"),
			}
		})
		acts := rapid.SliceOfN(one, 100, 400).Draw(t, "acts")
		option := rapid.IntRange(0, 7).Draw(t, "options")
		c, h := walkCluster(t, nodes, func(cfg *Config) {
			cfg.PreVote, cfg.CheckQuorum, cfg.AsyncStorageWrites = option&1 != 0, option&2 != 0, option&4 != 0
			cfg.MaxSizePerMsg, cfg.MaxInflightMsgs = 100, 4
			cfg.MaxCachedEntriesSize = uint64(option) * 500
		})
		for _, a := range acts {
			c.walk(a)
			for _, n := range c.nodes {
				c.verify(n)
			}
			h.look(c)
		}
		c.come(h)
		changes, leaves, leaders = changes+h.changes, leaves+h.leaves, leaders+len(h.leaders)
	})
	if changes == 0 || leaves == 0 {
		t.Fatalf("%d changes, %d joint configurations left: nothing is shown", changes, leaves)
	}
	t.Log(fmt.Sprintf("%d configuration changes, %d joint configurations left, %d leaders", changes, leaves, leaders))
}
