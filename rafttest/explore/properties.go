package explore

import (
	"fmt"

	"github.com/ffd200af/raft/rafttest/property"
)

// Each node's record checks what can be seen at one node, once for each step that the node takes in
// a state that it can be in, however many states of the cluster have a part in it. What concerns
// others is judged here, in each state of the cluster.

// pasts gives equal pasts one number.
type pasts struct {
	list    []*property.Past
	numbers map[string]uint32
	buf     []byte
}

func newPasts() pasts {
	p := pasts{numbers: map[string]uint32{}}
	first := &property.Past{}
	first.Begins(firstIndex, 1)
	p.number(first)
	return p
}

func (p *pasts) number(of *property.Past) uint32 {
	p.buf = of.AppendKey(p.buf[:0])
	id, known := p.numbers[string(p.buf)]
	if !known {
		id = uint32(len(p.list))
		p.numbers[string(p.buf)] = id
		p.list = append(p.list, of)
	}
	return id
}

// judgeFacts judges what a step has brought against the past, and makes it part of the past.
func (x *explorer) judgeFacts(c *cluster, facts []property.Fact) error {
	if len(facts) == 0 {
		return nil
	}
	var all [maxNodes]*property.Node
	nodes := all[:x.world.Nodes]
	for i := range nodes {
		nodes[i] = x.nodes.states[c.nodes[i]].view.rec
	}
	for i := range facts {
		f, p := &facts[i], x.pasts.list[c.past]
		known := p.Has(f)
		if !known {
			p = p.Clone()
		}
		if err := p.Judge(f, nodes); err != nil {
			return err
		}
		if !known {
			c.past = x.pasts.number(p)
		}
	}
	return nil
}

// judge looks at a state of the cluster after a step of node i, and returns which property is
// broken, or nil.
func (x *explorer) judge(c *cluster, i int) error {
	v := &x.nodes.states[c.nodes[i]].view
	for j := range x.world.Nodes {
		if j == i {
			continue
		}
		w := &x.nodes.states[c.nodes[j]].view
		for _, logs := range [...][2][]uint32{{v.log, w.log}, {v.durable, w.durable}} {
			if err := x.logMatching(i, logs[0], j, logs[1]); err != nil {
				return err
			}
		}
	}
	return x.durableAtQuorum(c)
}

// logMatching: where two logs have an entry of the same term, they are equal up to there.
func (x *explorer) logMatching(i int, a []uint32, j int, b []uint32) error {
	for at := min(len(a), len(b)) - 1; at >= 0; at-- {
		if a[at] == b[at] {
			return nil
		}
		if term := x.nodes.places.terms[a[at]]; term == x.nodes.places.terms[b[at]] {
			return broken(property.LogMatching, "nodes %d and %d have entries of term %d at index %d and differ there or before",
				i+1, j+1, term, firstIndex+1+at)
		}
	}
	return nil
}

// durableAtQuorum: what is committed is on the disks of a majority, now and for ever. Where the
// configuration changes, the majority that counts changes with it; there it is judged when a leader
// commits.
func (x *explorer) durableAtQuorum(c *cluster) error {
	p := x.pasts.list[c.past]
	if p.Commit == firstIndex || len(x.world.Changes) > 0 {
		return nil
	}
	have, term := 0, p.Term(p.Commit)
	for i := range x.world.Nodes {
		if x.nodes.states[c.nodes[i]].view.rec.Durable.Covers(p.Commit, term) {
			have++
		}
	}
	if have <= len(x.world.Voters)/2 {
		return broken(property.CommitSafety, "index %d is committed and on the disks of %d nodes only", p.Commit, have)
	}
	return nil
}

// judgeAnswer: a read is answered with everything that was committed when it was requested.
func (x *explorer) judgeAnswer(c *cluster, i int, a answer) error {
	if floor := c.floors[a.number]; floor > 0 && a.index < firstIndex+uint64(floor-1) {
		return broken(property.ReadSafety, "node %d answers with index %d a read that was asked for when %d was committed",
			i+1, a.index, firstIndex+int(floor-1))
	}
	return nil
}

func broken(p property.Name, format string, args ...any) error {
	return &property.Violation{Property: p, Detail: fmt.Sprintf(format, args...)}
}
