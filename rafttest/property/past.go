package property

import (
	"encoding/binary"
	"slices"
)

// Past is what a cluster must not contradict: who has led each term, and what is committed. The
// zero value is an empty past.
type Past struct {
	// Commit is the largest index that a leader has committed.
	Commit uint64
	// Believed is an index up to which nodes may commit although no leader has: a driver has made
	// up messages that say so.
	Believed uint64

	leaders []leader // by rising term
	// spans are the parts of the committed log that are known, by rising index.
	spans []span
	// commits says up to where leaders have committed, in order.
	commits []commit
}

type leader struct{ term, node uint64 }

// span is a part of the committed log, both ends included, with entries of one term.
type span struct{ first, last, term uint64 }

type commit struct{ term, index uint64 }

// Clone returns a copy.
func (p *Past) Clone() *Past {
	c := *p
	c.leaders, c.spans, c.commits = slices.Clone(p.leaders), slices.Clone(p.spans), slices.Clone(p.commits)
	return &c
}

// AppendKey appends a key to buf: pasts with equal keys are equal.
func (p *Past) AppendKey(buf []byte) []byte {
	for _, l := range p.leaders {
		buf = binary.AppendUvarint(binary.AppendUvarint(buf, l.term), l.node)
	}
	buf = append(buf, 0)
	for _, s := range p.spans {
		buf = binary.AppendUvarint(binary.AppendUvarint(binary.AppendUvarint(buf, s.first), s.last), s.term)
	}
	for _, c := range p.commits {
		buf = binary.AppendUvarint(binary.AppendUvarint(buf, c.term), c.index)
	}
	return buf
}

// Begins says that an entry is committed, and all before it are, when the cluster starts.
func (p *Past) Begins(index, term uint64) {
	if p.Term(index) == 0 {
		p.set(index, term)
	}
	p.Commit = max(p.Commit, index)
	p.commits = append(p.commits, commit{term: term, index: index})
}

// Leader returns the leader of a term, 0 if none was seen.
func (p *Past) Leader(term uint64) uint64 {
	for i := len(p.leaders) - 1; i >= 0; i-- {
		if p.leaders[i].term == term {
			return p.leaders[i].node
		}
	}
	return 0
}

// Term returns the term of a committed entry, 0 if it is not known.
func (p *Past) Term(index uint64) uint64 {
	if i := p.find(index); i >= 0 && index <= p.spans[i].last {
		return p.spans[i].term
	}
	return 0
}

// find returns the last span that begins at an index or before, -1 if there is none.
func (p *Past) find(index uint64) int {
	i := len(p.spans) - 1
	for i >= 0 && p.spans[i].first > index {
		i--
	}
	return i
}

// set makes an entry a committed one of which nothing was known.
func (p *Past) set(index, term uint64) {
	i := p.find(index)
	if i >= 0 && p.spans[i].last+1 == index && p.spans[i].term == term {
		p.spans[i].last++
		return
	}
	p.spans = slices.Insert(p.spans, i+1, span{index, index, term})
}

// elected checks what must hold when a node comes to lead.
func (p *Past) elected(n *Node, fail failer) {
	switch other := p.Leader(n.Term); other {
	case 0:
		at := len(p.leaders)
		for at > 0 && p.leaders[at-1].term > n.Term {
			at--
		}
		p.leaders = slices.Insert(p.leaders, at, leader{n.Term, n.ID})
	case n.ID:
	default:
		fail(n, ElectionSafety, "term %d has the leaders %d and %d", n.Term, other, n.ID)
	}
	for _, c := range slices.Backward(p.commits) {
		if c.term >= n.Term {
			continue
		}
		if want := p.Term(c.index); !n.Log.Covers(c.index, want) {
			has, _ := n.Log.Term(c.index)
			fail(n, LeaderCompleteness, "node %d leads term %d without %d/%d, which was committed in term %d; its log ends at %d and has term %d there",
				n.ID, n.Term, want, c.index, c.term, n.Log.Last(), has)
		}
		return
	}
}

// failer takes a violation.
type failer func(n *Node, p Name, format string, args ...any)

// commit checks what a node has committed from an index to n.Commit, as a leader of its term or
// not. nodes has the node with id i+1 at i, or nil.
func (p *Past) commit(n *Node, from uint64, leads bool, nodes []*Node, fail failer) {
	news := false
	for i := from; i <= n.Commit; i++ {
		term, ok := n.Log.Term(i)
		if !ok {
			fail(n, CommitSafety, "node %d commits %d, its log ends at %d", n.ID, i, n.Log.Last())
			return
		}
		switch was := p.Term(i); {
		case was == term:
		case was != 0:
			fail(n, StateMachineSafety, "node %d commits %d/%d, committed before is %d/%d", n.ID, term, i, was, i)
		case leads:
			p.set(i, term)
			news = true
		case i > p.Believed:
			fail(n, CommitSafety, "node %d commits %d/%d in term %d, which no leader has committed", n.ID, term, i, n.Term)
		}
	}
	if !news {
		return
	}
	p.Commit = max(p.Commit, n.Commit)
	if k := len(p.commits); k > 0 && p.commits[k-1].term == n.Term {
		p.commits[k-1].index = n.Commit
	} else {
		p.commits = append(p.commits, commit{term: n.Term, index: n.Commit})
	}
	checkQuorum(n, nodes, fail)
	term, _ := n.Log.Term(n.Commit)
	for _, other := range nodes {
		if other != nil && other.Role == Leader && other.Term > n.Term && !other.Log.Covers(n.Commit, term) {
			fail(other, LeaderCompleteness, "node %d leads term %d without %d/%d, which is committed now in term %d", other.ID, other.Term, term, n.Commit, n.Term)
		}
	}
}

// checkQuorum: what a leader commits is on the disks of a quorum of its configuration, of both
// halves if that is joint (thesis §4.3). Nothing is known of members that are not among nodes.
func checkQuorum(n *Node, nodes []*Node, fail failer) {
	term, _ := n.Log.Term(n.Commit)
	for _, voters := range [...][]uint64{n.Conf.Voters, n.Conf.VotersOutgoing} {
		have := 0
		for _, id := range voters {
			v := n
			if id != n.ID {
				v = at(nodes, id)
			}
			if v == nil || v.Durable.Covers(n.Commit, term) {
				have++
			}
		}
		if len(voters) > 0 && have <= len(voters)/2 {
			fail(n, CommitSafety, "node %d commits %d/%d in term %d, which is durable on %d of the voters %v", n.ID, term, n.Commit, n.Term, have, voters)
		}
	}
}

// at returns the node with an id, nil if there is none.
func at(nodes []*Node, id uint64) *Node {
	if id-1 >= uint64(len(nodes)) {
		return nil
	}
	return nodes[id-1]
}
