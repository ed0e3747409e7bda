package explore

import (
	"fmt"
	"strings"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/confchange"
	"github.com/ffd200af/raft/internal/driver"
	"github.com/ffd200af/raft/internal/survivors"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// Does a live majority always elect? A state is asked for every set of nodes that may die for ever
// in it, see package survivors. Everything under way is lost, and the survivors run on a fair
// schedule without faults. Copies of the nodes do that, so that it does not change the exploration.
//
// The outcome depends on the survivors alone, so each combination of them is asked once.

const (
	// turns is how often each survivor has its turn to campaign. The first survivor may have to
	// learn the newest configuration, and the last one may have the best log.
	turns = 4
	// beats is how many rounds of heartbeats a leader may need to commit its first entry.
	beats = 3
	// maxDeliveries bounds the deliveries that follow one campaign.
	maxDeliveries = 2000
)

// outlives asks the state with that number, and returns an error if some survivors elect no leader.
func (x *explorer) outlives(at uint32) error {
	site := x.seen.states[at].site
	for live := survivors.Set(1); live < 1<<x.world.Nodes; live++ {
		key := site.nodes
		for i := range key {
			if live>>i&1 == 0 {
				key[i] = none
			}
		}
		if x.asked[key] {
			continue
		}
		x.asked[key] = true
		s := x.survivors(&site, live)
		if known := s.rest(); !survivors.Suffice(known, live, live) {
			continue
		}
		x.minorities++
		if err := s.elect(); err != nil {
			return err
		}
	}
	return nil
}

// group holds the survivors.
type group struct {
	world *World
	nodes []*node // nil: dead
	wire  []pb.Message
	err   error
}

// survivors copies the nodes of the survivors.
func (x *explorer) survivors(s *site, live survivors.Set) *group {
	g := &group{world: &x.world, nodes: make([]*node, x.world.Nodes)}
	for i := range g.nodes {
		if live>>i&1 != 0 {
			g.nodes[i] = x.nodes.copy(s.nodes[i])
		}
	}
	return g
}

// copy returns a new node in the given state, and does not move the spare one.
func (ns *nodes) copy(state uint32) *node {
	spare := ns.states[state].spare
	ns.states[state].spare = nil
	n := ns.reach(state)
	ns.states[state].spare = spare
	return n
}

// rest lets every node finish its work, without messages, and returns what each of them knows.
// Snapshots under way are lost, and the application reports that with ReportSnapshot.
func (g *group) rest() []survivors.Node {
	known := make([]survivors.Node, len(g.nodes))
	for i, n := range g.nodes {
		known[i].ID = uint64(i + 1)
		if n == nil {
			continue
		}
		for to := range g.nodes {
			n.raw.ReportSnapshot(uint64(to+1), raft.SnapshotFailure)
		}
		g.settle(n)
		known[i] = n.known()
	}
	g.wire = nil
	return known
}

// settle lets a node work until it has no more work.
func (g *group) settle(n *node) {
	for n.err() == nil {
		switch {
		case n.lent != nil:
			g.take(n, stepOf(acknowledge, 0, driver.AppendThread), nil)
		case n.owes(driver.AppendThread):
			g.take(n, stepOf(acknowledge, 0, driver.AppendThread), nil)
		case n.owes(driver.ApplyThread):
			g.take(n, stepOf(acknowledge, 0, driver.ApplyThread), nil)
		case n.raw.HasReady():
			g.take(n, stepOf(ready, 0, 0), nil)
		case len(n.AppendWork) > 0:
			g.take(n, stepOf(writeDisk, 0, 0), nil)
		case len(n.ApplyWork) > 0:
			g.take(n, stepOf(applyEntries, 0, 0), nil)
		default:
			return
		}
	}
}

// take lets a node take a step, and puts what it sends on the wire.
func (g *group) take(n *node, s step, m *pb.Message) {
	n.take(s, m)
	g.wire = append(g.wire, n.sent...)
	if n.err() != nil && g.err == nil {
		g.err = n.err()
	}
}

// known returns what a node at rest knows of the configuration.
func (n *node) known() survivors.Node {
	known := survivors.Node{ID: n.id, Applied: n.disk.applied(), Commit: n.raw.BasicStatus().Commit}
	var err error
	if known.Config, err = confchange.FromConfState(n.disk.conf); err != nil && len(n.disk.conf.Voters) > 0 {
		n.fail("has a configuration that cannot be: %v", err)
	}
	if err := known.AddChanges(n.disk.log); err != nil {
		n.fail("%v", err)
	}
	return known
}

// elect lets the survivors campaign in turn, until one of them leads and has committed its first
// entry. A node campaigns twice in its turn, because others may have voted in the term of the first
// campaign.
func (g *group) elect() error {
	for range turns {
		for _, n := range g.nodes {
			for range 2 {
				if n == nil {
					break
				}
				g.take(n, stepOf(campaign, 0, 0), nil)
				if g.talk(); g.leads() || g.err != nil {
					return g.err
				}
			}
			if g.beat(); g.leads() || g.err != nil {
				return g.err
			}
		}
	}
	return broken(property.Progress, "with all others dead, no survivor leads and commits in its term: %s", g.standing())
}

// beat lets leaders send a few rounds of heartbeats.
func (g *group) beat() {
	for range beats {
		for _, n := range g.nodes {
			if n != nil && n.raw.BasicStatus().RaftState == raft.StateLeader {
				g.take(n, stepOf(beat, 0, 0), nil)
			}
		}
		g.talk()
	}
}

// talk delivers messages in order, until nothing is left to do.
func (g *group) talk() {
	for range maxDeliveries {
		for _, n := range g.nodes {
			if n != nil {
				g.settle(n)
			}
		}
		if len(g.wire) == 0 || g.err != nil {
			return
		}
		m := g.wire[0]
		g.wire = g.wire[1:]
		if to := int(m.To) - 1; to < len(g.nodes) && g.nodes[to] != nil {
			g.take(g.nodes[to], delivery(0), &m)
		}
	}
	g.err = broken(property.Progress, "the survivors do not come to rest: %s", g.standing())
}

// leads reports whether a survivor leads, and has committed an entry of its term.
func (g *group) leads() bool {
	for _, n := range g.nodes {
		if n == nil {
			continue
		}
		st := n.raw.BasicStatus()
		if term, err := n.disk.Term(st.Commit); st.RaftState == raft.StateLeader && err == nil && term == st.Term {
			return true
		}
	}
	return false
}

// standing describes the states of the survivors.
func (g *group) standing() string {
	var all []string
	for _, n := range g.nodes {
		if n != nil {
			st := n.raw.BasicStatus()
			all = append(all, fmt.Sprintf("node %d: %s in term %d, commit %d, log up to %d, %s", n.id, st.RaftState, st.Term, st.Commit,
				n.disk.last(), raft.DescribeConfState(n.disk.conf)))
		}
	}
	return strings.Join(all, "; ")
}
