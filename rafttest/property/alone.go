package property

import pb "github.com/ffd200af/raft/raftpb"

// Witness judges what can be judged of one node alone, and keeps the facts that concern others. A
// driver that branches judges these against the Past of each branch.
type Witness struct {
	// Broken is the first property that the node has broken by itself, nil if there is none.
	Broken *Violation
	Facts  []Fact
}

// Fact is something that a node has done, and that concerns others.
type Fact struct {
	// Node is the node as it was then.
	Node *Node
	// Elected: the node has come to lead. Otherwise it has committed from From to Node.Commit, as a
	// leader of its term if Leads.
	Elected, Leads bool
	From           uint64
}

// NewAlone returns a record of a node that has no Observer.
func NewAlone(id uint64, w *Witness) *Node {
	return &Node{ID: id, Log: NewView(0, 0), Durable: NewView(0, 0), court: w}
}

// Judge checks a fact, and makes it part of the past. nodes has the node with id i+1 at i, or nil
// if nothing is known of it. The error is a *Violation.
func (p *Past) Judge(f *Fact, nodes []*Node) error {
	var broken *Violation
	fail := func(n *Node, name Name, format string, args ...any) {
		if broken == nil {
			broken = violation(n, name, format, args...)
		}
	}
	if f.Elected {
		p.elected(f.Node, fail)
	} else {
		p.commit(f.Node, f.From, f.Leads, nodes, fail)
	}
	if broken != nil {
		return broken
	}
	return nil
}

// Has reports whether a fact brings nothing new. Judge does not change the past then.
func (p *Past) Has(f *Fact) bool {
	if f.Elected {
		return p.Leader(f.Node.Term) != 0
	}
	for i := f.From; f.Leads && i <= f.Node.Commit; i++ {
		if p.Term(i) == 0 {
			return false
		}
	}
	return true
}

func (w *Witness) fail(n *Node, p Name, format string, args ...any) {
	if w.Broken == nil {
		w.Broken = violation(n, p, format, args...)
	}
}

func (w *Witness) elected(n *Node) { w.Facts = append(w.Facts, Fact{Node: n.Clone(), Elected: true}) }

func (w *Witness) commits(n *Node, from uint64, leads bool) {
	w.Facts = append(w.Facts, Fact{Node: n.Clone(), From: from, Leads: leads})
}

// What takes the whole log of a cluster is not judged.
func (w *Witness) adds(*Node, *pb.Entry, uint64, bool) {}
func (w *Witness) applies(*Node, *pb.Entry)            {}
func (w *Witness) configures(*Node, uint64)            {}
func (w *Witness) snapshot(*Node, *pb.Snapshot)        {}
func (w *Witness) committed() uint64                   { return 0 }
func (w *Witness) lenient() bool                       { return true }
