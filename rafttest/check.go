package rafttest

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// observed is what an environment has seen of its nodes, in order to judge the whole run
// and not only the state at the moment at which it is asked.
type observed struct {
	leaders map[uint64]uint64    // by term
	entries map[uint64]firstSeen // by index: those that were applied
	written map[place]firstSeen  // those that were handed out to be written
	// committed are the terms of what a leader has committed, by index; commits, by which leader, in order; commit is the end.
	committed map[uint64]uint64
	commits   []commitMark
	commit    uint64
	believed  uint64           // the largest index that is committed by the word of a message that a script has made up
	floors    map[ask][]uint64 // what was committed when the reads were asked for that wait
	broken    []error
	seen      map[string]bool // what is in broken, so that it is told once
}

// place is a position in the log, with the term of what stands there.
type place struct{ term, index uint64 }

// firstSeen is the first node that had an entry.
type firstSeen struct {
	node  uint64
	prev  uint64 // the term of the entry before it, 0 if that is not known
	entry pb.Entry
}

func newObserved() observed {
	return observed{
		leaders: map[uint64]uint64{}, entries: map[uint64]firstSeen{}, written: map[place]firstSeen{}, seen: map[string]bool{},
		committed: map[uint64]uint64{}, floors: map[ask][]uint64{},
	}
}

func (o *observed) add(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	if !o.seen[err.Error()] {
		o.seen[err.Error()] = true
		o.broken = append(o.broken, err)
	}
}

// leads notes that a node leads in a term.
func (o *observed) leads(node, term uint64) {
	if other, ok := o.leaders[term]; ok && other != node {
		o.add("election safety: term %d has the leaders %d and %d", term, other, node)
		return
	}
	o.leaders[term] = node
}

// applied notes that a node has applied an entry.
func (o *observed) applied(node uint64, e *pb.Entry) {
	if want, known := o.committed[e.Index]; known && want != e.Term {
		o.add("state machine safety: node %d applies %d/%d, committed is %d/%d", node, e.Term, e.Index, want, e.Index)
	}
	first, ok := o.entries[e.Index]
	if !ok {
		o.entries[e.Index] = firstSeen{node: node, entry: *e}
		return
	}
	if !sameEntry(&first.entry, e) {
		o.add("state machine safety: node %d applied %s, node %d applied %s",
			first.node, raft.DescribeEntry(first.entry, nil), node, raft.DescribeEntry(*e, nil))
	}
}

// writes notes that a node is to write an entry behind what it has told so far.
func (o *observed) writes(n *Node, e *pb.Entry) {
	at := place{term: e.Term, index: e.Index}
	prev, _ := n.seen.told.term(e.Index - 1)
	first, ok := o.written[at]
	if !ok {
		o.written[at] = firstSeen{node: n.id(), prev: prev, entry: *e}
		return
	}
	if !sameEntry(&first.entry, e) {
		o.add("log matching: node %d writes %s, node %d writes %s",
			first.node, raft.DescribeEntry(first.entry, nil), n.id(), raft.DescribeEntry(*e, nil))
	}
	if prev != 0 && first.prev != 0 && prev != first.prev {
		o.add("log matching: entry %d/%d follows term %d at node %d, and term %d at node %d", e.Term, e.Index, first.prev, first.node, prev, n.id())
	}
}

func sameEntry(a, b *pb.Entry) bool {
	return a.Index == b.Index && a.Term == b.Term && a.Type == b.Type && bytes.Equal(a.Data, b.Data)
}

// handleCheck prints which safety properties are broken:
//
//	check
func handleCheck(env *InteractionEnv, a *args) error {
	if err := a.done(); err != nil {
		return err
	}
	return env.Check()
}

// Check returns which safety properties the cluster has broken since it was set up, nil if none. Over all
// nodes, crashed ones included: a term has one leader (election safety); logs that agree on an entry
// agree on all before it, and an index and term name one entry, written or lost (log matching); no two nodes apply different entries at an
// index, or have different contents when they have applied the same (state machine safety); a leader has everything that
// was committed in earlier terms (leader completeness), and adds to its log only (leader append-only); what it commits is
// durable on a quorum, and nobody else commits what no leader has (commit safety); no term or index of a node falls
// (monotony); a node votes once a term, in all its lives together (one vote a term); what a response promises is synced before
// the response leaves (promise before durability); a read is given an index that covers what was committed when it was
// asked for (read safety); no invariant of a node is broken (invariants, see RawNode.Verify); and no node gives up for a
// message of another, or refuses it as impossible (health). Messages that a script has made up (step) are believed: what
// they lead to is broken all the same, but for what a leader says to be committed that does not exist here.
func (env *InteractionEnv) Check() error {
	broken := append([]error(nil), env.observed.broken...)
	for i := range env.Nodes {
		for j := range i {
			broken = append(broken, checkLogs(&env.Nodes[j], &env.Nodes[i]), checkContents(&env.Nodes[j], &env.Nodes[i]))
		}
	}
	return errors.Join(broken...)
}

// checkLogs checks log matching (thesis §3.5) for what two nodes have stored: below the last
// index at which the terms are equal, everything is.
func checkLogs(a, b *Node) error {
	logA, err := storedLog(a)
	if err != nil {
		return err
	}
	logB, err := storedLog(b)
	if err != nil {
		return err
	}
	agree := false
	for i := len(logA) - 1; i >= 0; i-- {
		ea := &logA[i]
		eb := entryAt(logB, ea.Index)
		if eb == nil {
			continue
		}
		agree = agree || ea.Term == eb.Term
		if agree && !sameEntry(ea, eb) {
			return fmt.Errorf("log matching: node %d has %s, node %d has %s, and they agree on a later entry or on its term",
				a.id(), raft.DescribeEntry(*ea, nil), b.id(), raft.DescribeEntry(*eb, nil))
		}
	}
	return nil
}

func storedLog(n *Node) ([]pb.Entry, error) {
	first, err := n.FirstIndex()
	if err != nil {
		return nil, err
	}
	last, err := n.LastIndex()
	if err != nil || last < first {
		return nil, err
	}
	return n.Entries(first, last+1, math.MaxUint64)
}

// entryAt returns the entry at an index of a log, nil if it is not there.
func entryAt(log []pb.Entry, index uint64) *pb.Entry {
	if len(log) == 0 || index < log[0].Index || index-log[0].Index >= uint64(len(log)) {
		return nil
	}
	return &log[index-log[0].Index]
}

// checkContents compares the state machines of two nodes at every index at which both have been.
func checkContents(a, b *Node) error {
	states := make(map[uint64]*pb.Snapshot, len(a.History))
	for i := range a.History {
		states[a.History[i].Metadata.Index] = &a.History[i]
	}
	for i := range b.History {
		sb := &b.History[i]
		sa := states[sb.Metadata.Index]
		if sa == nil {
			continue
		}
		if sa.Metadata.Term != sb.Metadata.Term || !bytes.Equal(sa.Data, sb.Data) {
			return fmt.Errorf("state machine safety: at index %d, node %d has the content %q of term %d, node %d has %q of term %d",
				sb.Metadata.Index, a.id(), sa.Data, sa.Metadata.Term, b.id(), sb.Data, sb.Metadata.Term)
		}
	}
	return nil
}
