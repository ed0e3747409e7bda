package explore

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
)

// pasts numbers pasts.
type pasts struct {
	list    []past
	numbers map[string]uint32
}

func newPasts() pasts {
	p := pasts{numbers: map[string]uint32{}}
	p.number(past{})
	return p
}

func (p *pasts) number(of past) uint32 {
	key := append([]byte(nil), of.leaders[:]...)
	for i, place := range of.committed {
		key = binary.AppendUvarint(key, uint64(place))
		key = binary.AppendUvarint(key, of.terms[i])
	}
	id, known := p.numbers[string(key)]
	if !known {
		id = uint32(len(p.list))
		p.numbers[string(key)] = id
		p.list = append(p.list, of)
	}
	return id
}

// judge looks at a state of the cluster after a step of node i. It brings the past up to date, and returns which
// property of the thesis (Figure 3.2) is broken, or nil.
func (x *explorer) judge(c *cluster, i int) error {
	v := &x.nodes.states[c.nodes[i]].view
	if err := x.remember(c, i, v); err != nil {
		return err
	}
	p := &x.pasts.list[c.past]
	for j := range x.world.Nodes {
		w := &x.nodes.states[c.nodes[j]].view
		if err := x.leaderCompleteness(p, j, w); err != nil {
			return err
		}
		if j == i {
			continue
		}
		for _, logs := range [][2][]uint32{{v.log, w.log}, {v.durable, w.durable}} {
			if err := x.logMatching(i, logs[0], j, logs[1]); err != nil {
				return err
			}
		}
	}
	return x.durableAtQuorum(c, p)
}

// remember adds to the past what a node's state tells.
func (x *explorer) remember(c *cluster, i int, v *view) error {
	p := &x.pasts.list[c.past]
	if v.leads && v.term > maxTerm {
		return fmt.Errorf("term %d is larger than the exploration can remember", v.term)
	}
	if v.leads && p.leaders[v.term] != 0 && p.leaders[v.term] != uint8(i+1) {
		return fmt.Errorf("election safety: term %d has the leaders %d and %d", v.term, p.leaders[v.term], i+1)
	}
	n := int(v.commit - firstIndex)
	known := min(n, len(p.committed))
	if known > 0 && p.committed[known-1] != v.log[known-1] {
		return fmt.Errorf("state machine safety: node %d has committed another log up to index %d than an earlier one", i+1, firstIndex+known)
	}
	elected := v.leads && p.leaders[v.term] == 0
	if !elected && n <= len(p.committed) {
		return nil
	}
	news := past{leaders: p.leaders, committed: p.committed, terms: p.terms}
	if elected {
		news.leaders[v.term] = uint8(i + 1)
	}
	if n > len(p.committed) {
		news.committed = slices.Clone(v.log[:n])
		news.terms = slices.Clone(p.terms)
		for len(news.terms) < n {
			news.terms = append(news.terms, v.term)
		}
	}
	c.past = x.pasts.number(news)
	return nil
}

// leaderCompleteness: what was committed in a term is in the logs of the leaders of all later ones.
func (x *explorer) leaderCompleteness(p *past, i int, v *view) error {
	if !v.leads {
		return nil
	}
	for at := len(p.committed) - 1; at >= 0; at-- {
		if p.terms[at] >= v.term {
			continue
		}
		if at >= len(v.log) || v.log[at] != p.committed[at] {
			return fmt.Errorf("leader completeness: node %d leads term %d without the entry at index %d, which was committed in term %d",
				i+1, v.term, firstIndex+1+at, p.terms[at])
		}
		return nil // and so is everything before it
	}
	return nil
}

// logMatching: where two logs have an entry of the same term, they are equal up to there.
func (x *explorer) logMatching(i int, a []uint32, j int, b []uint32) error {
	for at := min(len(a), len(b)) - 1; at >= 0; at-- {
		if a[at] == b[at] {
			return nil
		}
		if x.nodes.places.terms[a[at]] == x.nodes.places.terms[b[at]] {
			return fmt.Errorf("log matching: nodes %d and %d have entries of term %d at index %d and differ there or before",
				i+1, j+1, x.nodes.places.terms[a[at]], firstIndex+1+at)
		}
	}
	return nil
}

// judgeDecision: when a leader commits, that is on the disks of a majority of the configuration it leads, of both halves if
// that is joint (thesis §4.3). What it only believes to be on its own disk does not count.
func (x *explorer) judgeDecision(c *cluster, leader int, d *decision) error {
	at := d.index - firstIndex - 1
	have := uint8(0)
	for i := range x.world.Nodes {
		durable := x.nodes.states[c.nodes[i]].view.durable
		if i == leader && d.own || i != leader && at < uint64(len(durable)) && durable[at] == d.place {
			have |= 1 << i
		}
	}
	for _, half := range d.voters {
		if n := bits.OnesCount8(half & have); half != 0 && n <= bits.OnesCount8(half)/2 {
			return fmt.Errorf("durability: node %d commits index %d, which is on the disks of %d of %d voters", leader+1, d.index, n, bits.OnesCount8(half))
		}
	}
	return nil
}

// durableAtQuorum: what anybody has known to be committed is on the disks of a majority, now and for ever. Where
// the configuration changes, the majority that counts changes with it; there it is judged when it is committed.
func (x *explorer) durableAtQuorum(c *cluster, p *past) error {
	n := len(p.committed)
	if n == 0 || len(x.world.Changes) > 0 {
		return nil
	}
	have := 0
	for i := range x.world.Nodes {
		if d := x.nodes.states[c.nodes[i]].view.durable; len(d) >= n && d[n-1] == p.committed[n-1] {
			have++
		}
	}
	if have <= len(x.world.Voters)/2 {
		return fmt.Errorf("durability: index %d is committed and on the disks of %d nodes only", firstIndex+n, have)
	}
	return nil
}

// judgeAnswer: a read is answered with everything that was committed when it was asked for (thesis §6.4).
func (x *explorer) judgeAnswer(c *cluster, i int, a answer) error {
	if floor := c.floors[a.number]; floor > 0 && a.index < firstIndex+uint64(floor-1) {
		return fmt.Errorf("linearizable reads: node %d answers with index %d a read that was asked for when %d was committed",
			i+1, a.index, firstIndex+int(floor-1))
	}
	return nil
}
