package explore

import (
	"cmp"
	"fmt"
	"slices"

	pb "github.com/ffd200af/raft/raftpb"
)

// Options bound an exploration.
type Options struct {
	// MaxStates is how many states to keep at most; 0 for as many as there are.
	MaxStates int
	// Stop, if set, is asked now and then; exploration ends when it returns true.
	Stop func() bool
	// One in so many states is asked whether the survivors elect a leader, whatever minority of
	// its nodes dies for ever; 0 asks none, 1 all.
	Minorities int
}

// Result is what an exploration has found.
type Result struct {
	World World
	Bound Bound

	// States is the number of distinct states, not counting those that are superfluous (see seen),
	// Places how many combinations of states of the nodes are among them, Steps the number of steps
	// taken between them.
	States, Places, Steps int
	// Depth is the length of the longest path that was taken.
	Depth int
	// Done: everything that can happen within the bound was looked at.
	Done bool

	// NodeStates is how many states of single nodes there are, NodeSteps how often the library was
	// run to find out what a node does, and Messages how many different messages were sent.
	NodeStates, NodeSteps, Messages int

	// Minorities is how many combinations of survivors were seen to elect a leader, see Options.
	Minorities int

	// Violation is what was found; nil if all is well.
	Violation *Violation
}

// Explore visits every state of the world that can be reached within the bound, in order of
// distance, and stops at the first one in which something is broken.
func Explore(w World, b Bound, o Options) (*Result, error) {
	x, err := newExplorer(w, b)
	if err != nil {
		return nil, err
	}
	x.run(o)
	return x.result(), nil
}

// explorer is a breadth-first search.
type explorer struct {
	world  World
	bound  Bound
	limits [counted]uint8 // of bound
	nodes  *nodes
	pasts  pasts
	seen   seen

	// prelude is what has happened before exploration begins, first where it begins.
	prelude []noted
	first   cluster

	// asked holds the combinations of survivors that were asked, by their states; minorities
	// counts them.
	asked      map[[maxNodes]uint32]bool
	minorities int

	steps, depth int
	done         bool
	violation    *Violation

	// Memory for the step under way.
	before, after cluster
	acts          []step
	fresh         []uint32
	// noted are the steps as they were taken, while noting.
	noting bool
	noted  []noted
}

func newExplorer(w World, b Bound) (*explorer, error) {
	if w.Nodes > maxNodes || b.Reads > maxReads {
		return nil, fmt.Errorf("explore: world %s is too large", w.Name)
	}
	w.between = cmp.Or(b.Between, maxBacklog)
	x := &explorer{world: w, bound: b, limits: b.limits(), pasts: newPasts(), seen: newSeen(), asked: map[[maxNodes]uint32]bool{}}
	x.nodes = newNodes(&x.world, b.Reads > 0)
	return x, nil
}

func (x *explorer) result() *Result {
	return &Result{
		World: x.world, Bound: x.bound, States: len(x.seen.states) - x.seen.overtaken, Places: len(x.seen.heads), Steps: x.steps, Depth: x.depth, Done: x.done,
		NodeStates: len(x.nodes.states), NodeSteps: len(x.nodes.transitions), Messages: len(x.nodes.messages), Minorities: x.minorities, Violation: x.violation,
	}
}

func (x *explorer) run(o Options) {
	if err := x.begin(); err != nil {
		x.violation = x.explain(err, nil)
		return
	}
	x.first.copyTo(&x.after)
	x.seen.add(&x.after, none, 0)
	end := 1
	for at := 0; at < len(x.seen.states); at++ {
		if at == end {
			x.depth++
			end = len(x.seen.states)
		}
		if at&255 == 0 && (o.Stop != nil && o.Stop()) || o.MaxStates > 0 && len(x.seen.states) >= o.MaxStates {
			return
		}
		if o.Minorities > 0 && at%o.Minorities == 0 {
			if err := x.outlives(uint32(at)); err != nil {
				x.violation = x.explain(err, x.path(uint32(at)))
				return
			}
		}
		if !x.seen.states[at].overtaken && !x.expand(uint32(at)) {
			return
		}
	}
	x.done = true
}

// expand takes every step that is possible in a state. It reports whether all is well.
func (x *explorer) expand(at uint32) bool {
	x.seen.load(&x.before, at)
	x.acts = x.possible(x.acts[:0], &x.before)
	for _, s := range x.acts {
		x.before.copyTo(&x.after)
		changed, err := x.take(&x.after, s)
		if err != nil {
			x.violation = x.explain(err, append(x.path(at), s))
			return false
		}
		if changed {
			x.steps++
			x.seen.add(&x.after, at, s)
		}
	}
	return true
}

// take changes c by a step, and by all that follows from it for nothing, and judges the outcome.
// changed is false if the step brings nothing.
func (x *explorer) take(c *cluster, s step) (changed bool, err error) {
	i := x.nodeOf(s)
	was := c.nodes[i]
	x.fresh = x.fresh[:0]
	if changed, err = x.one(c, s, i); err != nil || !changed {
		return changed, err
	}
	if c.nodes[i] != was {
		if err := x.judge(c, i); err != nil {
			return true, err
		}
	}
	if x.seen.all {
		return true, nil
	}
	return true, x.saturate(c, i)
}

// one carries out a single step at node i.
func (x *explorer) one(c *cluster, s step, i int) (changed bool, err error) {
	t := x.nodes.take(c.nodes[i], s)
	if t.broken != nil {
		x.note(s, nil)
		return true, t.broken
	}
	changed = t.next != c.nodes[i] || len(t.answers) > 0
	from := len(x.fresh)
	for _, m := range t.sent {
		if c.add(m) {
			changed = true
			x.fresh = append(x.fresh, m)
		}
	}
	if !changed {
		return false, nil
	}
	x.note(s, x.fresh[from:])
	switch k := s.kind(); {
	case k == tornWrite:
		c.used[restart]++
	case k == deliver && x.asks(s.message()):
		c.used[question]++
	case k != deliver && k < counted:
		c.used[k]++
	}
	if s.kind() == read {
		c.floors[s.number()] = uint8(x.pasts.list[c.past].Commit-firstIndex) + 1
	}
	c.moved |= 1 << i
	c.nodes[i] = t.next
	for _, a := range t.answers {
		if err := x.judgeAnswer(c, i, a); err != nil {
			return true, err
		}
	}
	return true, x.judgeFacts(c, t.facts)
}

// noted is a step that was taken, with the messages that it sent for the first time.
type noted struct {
	step
	sent []uint32
}

func (x *explorer) note(s step, sent []uint32) {
	if x.noting {
		x.noted = append(x.noted, noted{s, slices.Clone(sent)})
	}
}

// saturate delivers what changes nothing but brings new messages: nothing is lost by doing that at
// once, since every message may come again. Only what was sent just now, and what is for node i,
// which has just changed, can bring anything.
func (x *explorer) saturate(c *cluster, i int) error {
	for _, m := range c.messages {
		if x.recipient(m) == i && !slices.Contains(x.fresh, m) {
			x.fresh = append(x.fresh, m)
		}
	}
	for n := 0; n < len(x.fresh); n++ {
		m := x.fresh[n]
		to := x.recipient(m)
		if !x.mayArrive(c, m) {
			continue
		}
		s := delivery(m)
		if t := x.nodes.take(c.nodes[to], s); t.broken == nil && (t.next != c.nodes[to] || len(t.answers) > 0) {
			continue
		}
		if _, err := x.one(c, s, to); err != nil {
			return err
		}
	}
	return nil
}

// mayArrive reports whether a message may be delivered. There need not be a node that it is for.
func (x *explorer) mayArrive(c *cluster, m uint32) bool {
	i := x.recipient(m)
	if i >= x.world.Nodes || x.asks(m) && c.used[question] >= x.limits[question] {
		return false
	}
	return !x.nodes.states[c.nodes[i]].view.busy && !x.waitsForItsLike(c, i)
}

// asks reports whether a message is a follower's question to its leader.
func (x *explorer) asks(m uint32) bool { return x.nodes.messages[m].Type == pb.MsgReadIndex }

// recipient returns the position of the node that a message is for.
func (x *explorer) recipient(m uint32) int { return int(x.nodes.messages[m].To) - 1 }

// nodeOf returns the position of the node that takes the step.
func (x *explorer) nodeOf(s step) int {
	if s.kind() == deliver {
		return x.recipient(s.message())
	}
	return s.node()
}

// possible appends the steps that may be taken in c.
func (x *explorer) possible(acts []step, c *cluster) []step {
	for _, m := range c.messages {
		if x.mayArrive(c, m) {
			acts = append(acts, delivery(m))
		}
	}
	for i := range x.world.Nodes {
		if !x.waitsForItsLike(c, i) {
			acts = x.atNode(acts, c, i)
		}
	}
	return acts
}

// atNode appends the steps that node i may take of itself.
func (x *explorer) atNode(acts []step, c *cluster, i int) []step {
	v := &x.nodes.states[c.nodes[i]].view
	may := func(k kind) bool { return c.used[k] < x.limits[k] }
	add := func(possible bool, k kind, number int) {
		if possible {
			acts = append(acts, stepOf(k, i, number))
		}
	}
	add(v.ready, ready, 0)
	add(v.ready && may(restart), tornWrite, 0)
	add(v.writes, writeDisk, 0)
	add(v.applies, applyEntries, 0)
	for thread, owes := range v.owes {
		add(owes, acknowledge, thread)
	}
	add(may(restart), restart, 0)
	if v.busy {
		return acts
	}
	candidate := x.world.Candidates == nil || slices.Contains(x.world.Candidates, uint64(i+1))
	add(candidate && may(campaign), campaign, 0)
	// A proposal at a follower is passed on to the leader: it is one at the leader, later.
	add(v.leads && may(propose), propose, int(c.used[propose]))
	add(may(read), read, int(c.used[read]))
	add(v.leads && may(beat), beat, 0)
	add(v.compactable && may(compact), compact, 0)
	for number := range x.world.Changes {
		add(v.leads && may(change), change, number)
	}
	for target := range x.world.Nodes {
		add(v.leads && target != i && may(transfer), transfer, target+1)
	}
	return acts
}

// waitsForItsLike breaks the symmetry between nodes. Nodes that are alike, and have done nothing,
// are interchangeable: nobody has heard from them, and nobody else has treated them differently, so
// exchanging two of them leaves the state as it is. Of two such nodes it is enough to let the first
// one go first: every path on which the second does is the mirror image of one on which the first
// does. Messages to them differ only in the recipient.
func (x *explorer) waitsForItsLike(c *cluster, i int) bool {
	if x.seen.all || c.moved>>i&1 != 0 || !slices.Contains(x.world.Alike, uint64(i+1)) {
		return false
	}
	for _, id := range x.world.Alike {
		if int(id) <= i && c.moved>>(id-1)&1 == 0 {
			return true
		}
	}
	return false
}

// path returns the steps that led from the beginning to the state with a number, without what
// followed for nothing.
func (x *explorer) path(at uint32) []step {
	var steps []step
	for ; x.seen.states[at].parent != none; at = x.seen.states[at].parent {
		steps = append(steps, x.seen.states[at].by)
	}
	slices.Reverse(steps)
	return steps
}
