// Package survivors defines which nodes of a cluster may die for ever, so that the others have to
// elect a leader and commit: "a live majority always elects". Tests of the core, the simulator and
// the explorer share it.
package survivors

import (
	"github.com/ffd200af/raft/confchange"
	"github.com/ffd200af/raft/internal/driver"
	"github.com/ffd200af/raft/quorum"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// Node is what one node knows of the configuration.
type Node struct {
	ID uint64
	// Config is the configuration that the entries up to Applied lead to.
	Config  tracker.Config
	Applied uint64
	// Commit is the highest index that the node knows to be committed.
	Commit uint64
	// Changes are the configuration changes in its log above Applied, in order, committed or not.
	Changes []Change
}

// Change is a configuration change in a log.
type Change struct {
	Index  uint64
	Change pb.ConfChangeV2
}

// AddChanges adds the configuration changes above Applied that are among the entries of the node's
// log.
func (n *Node) AddChanges(entries []pb.Entry) error {
	for i := range entries {
		e := &entries[i]
		cc, err := driver.Change(e)
		if err != nil {
			return err
		}
		if cc != nil && e.Index > n.Applied {
			n.Changes = append(n.Changes, Change{Index: e.Index, Change: cc.AsV2()})
		}
	}
	return nil
}

// committed returns the newest configuration that the node knows to be committed.
func (n *Node) committed() tracker.Config {
	cfg := n.Config
	for i := range n.Changes {
		if n.Changes[i].Index <= n.Commit {
			cfg = after(cfg, &n.Changes[i])
		}
	}
	return cfg
}

// after returns the configuration that a change leads to: cfg itself if the change is illegal.
func after(cfg tracker.Config, c *Change) tracker.Config {
	if next, err := confchange.Apply(cfg, c.Change); err == nil {
		return next
	}
	return cfg
}

// Set is a set of nodes: bit i stands for the node at position i.
type Set = uint64

// Suffice reports whether the nodes in work have to elect a leader and commit. No others ever work
// again, and every message under way is lost. The nodes in live are up. Those of them that are not
// in work have a disk that never acknowledges again: they send messages, and can promise nothing.
//
// The newest configuration that a node in work knows to be committed, B, needs a quorum in work.
// Older configurations are superseded: a voter that does not learn of B is a fault. A log may have
// a change beyond B that may or may not be committed. The leader elected under B commits what its
// log has, and the change takes effect. So the configuration of each such change needs a quorum
// too. So does the newest configuration that a node with a stuck disk knows, because other nodes
// may learn of it.
//
// A change that no log in work has is not committed, or older than B. To commit it, a quorum of B
// or of the configuration before B had to store it. The set work meets each of those quorums,
// because adjacent configurations overlap. For the same reason everything that was ever committed
// is in a log in work. No log has two changes beyond B: a leader appends a change only when it has
// applied the one before, and its appends carry that commit index.
//
// A node that has not reached B's index may have a change in its log that conflicts with a
// committed entry. Such a change is counted all the same if it is above B's index, which is
// harmless.
func Suffice(nodes []Node, live, work Set) bool {
	var best *Node
	for i := range nodes {
		if work>>i&1 != 0 && (best == nil || nodes[i].Commit > best.Commit) {
			best = &nodes[i]
		}
	}
	if best == nil {
		return false
	}
	for i := range nodes {
		if live>>i&1 == 0 {
			continue
		}
		n := best
		if nodes[i].Commit > best.Commit { // the nodes in work have the entry, and lack only the commit index
			n = &nodes[i]
		}
		cfg := n.committed()
		if !hasQuorum(nodes, cfg.Voters, work) {
			return false
		}
		for k := range nodes[i].Changes {
			if c := &nodes[i].Changes[k]; c.Index > n.Commit {
				if cfg = after(cfg, c); !hasQuorum(nodes, cfg.Voters, work) {
					return false
				}
			}
		}
	}
	return true
}

// hasQuorum reports whether a set has a majority of each half of the voters.
func hasQuorum(nodes []Node, voters quorum.JointConfig, set Set) bool {
	for half, ids := range voters {
		have := 0
		for i := range nodes {
			if _, ok := ids[nodes[i].ID]; ok && set>>i&1 != 0 {
				have++
			}
		}
		if half == 0 && len(ids) == 0 || len(ids) > 0 && have <= len(ids)/2 {
			return false
		}
	}
	return true
}

// tries is how many sets Draw looks at.
const tries = 20

// Draw draws which of the nodes in up stay up for ever, and which of those have a disk that works.
// The disks of the nodes in fragile may get stuck instead. below returns a number in [0, n). If
// Draw finds no minority that can be spared, nobody dies.
func Draw(nodes []Node, up, fragile Set, below func(n int) int) (live, work Set) {
	for range tries {
		live, work = up, up
		odds := 2 + below(3)
		for i := range nodes {
			if below(odds) != 0 || up>>i&1 == 0 {
				continue
			}
			work &^= 1 << i
			if fragile>>i&1 == 0 || below(2) == 0 {
				live &^= 1 << i
			}
		}
		if work == up || !Suffice(nodes, live, work) {
			continue
		}
		if below(2) == 0 {
			live, work = fewest(nodes, live, work, below)
		}
		return live, work
	}
	return up, up
}

// fewest removes further nodes, in a random order, as long as the rest suffices.
func fewest(nodes []Node, live, work Set, below func(n int) int) (Set, Set) {
	first := below(len(nodes))
	for i := range nodes {
		one := Set(1) << ((first + i) % len(nodes))
		if work&one != 0 && Suffice(nodes, live&^one, work&^one) {
			live, work = live&^one, work&^one
		}
	}
	return live, work
}
