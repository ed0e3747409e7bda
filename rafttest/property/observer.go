package property

import (
	"bytes"
	"fmt"

	pb "github.com/ffd200af/raft/raftpb"
)

// Observer judges a whole cluster. Its zero value is ready; set the fields before the first report.
type Observer struct {
	// Report takes each violation, also one that was reported before.
	Report func(Violation)
	// Watch, if set, is given every report as an event.
	Watch func(*Event)
	// Lenient: nodes may answer reads that were not reported.
	Lenient bool

	Past
	// Bootstrapped is the index of the last entry that the first members begin with, if they
	// bootstrap.
	Bootstrapped uint64
	// LastConfChange is the largest index at which a configuration change stands, or stood, in a
	// log.
	LastConfChange uint64
	// Elections counts them.
	Elections int

	nodes   []*Node // nodes[i] has id i+1
	slots   slots
	configs map[uint64]pb.ConfState // by the index of the change
	// states are the states of state machines, by index.
	states map[uint64]uint64
}

// Node returns the record of the node with an id, from 1 on. Nodes with lower ids exist then, too.
func (o *Observer) Node(id uint64) *Node {
	for uint64(len(o.nodes)) < id {
		o.nodes = append(o.nodes, &Node{ID: uint64(len(o.nodes)) + 1, Log: NewView(0, 0), Durable: NewView(0, 0), court: o, watch: o.Watch})
	}
	return o.nodes[id-1]
}

// Bootstraps says that the first members bootstrap, with these ids in this order: all logs begin
// with changes that add them, and these are committed.
func (o *Observer) Bootstraps(ids []uint64) {
	if o.Bootstrapped > 0 {
		return
	}
	for i, id := range ids {
		cc := pb.ConfChange{Type: pb.ConfChangeAddNode, NodeID: id}
		data, err := cc.Marshal()
		if err != nil {
			panic(err) // a change that is made here has an encoding
		}
		e := pb.Entry{Type: pb.EntryConfChange, Term: 1, Index: uint64(i) + 1, Data: data}
		o.adds(nil, &e, min(uint64(i), 1), true)
		if o.Past.Term(e.Index) == 0 {
			o.set(e.Index, e.Term)
		}
		o.Bootstrapped = e.Index
	}
	o.Begins(o.Bootstrapped, 1)
}

// Believe takes the word of a message that the driver has made up for what is committed: of a
// snapshot, and of a leader that is none of the nodes.
func (o *Observer) Believe(m *pb.Message) {
	if m.Snapshot != nil {
		o.Believed = max(o.Believed, m.Snapshot.Metadata.Index)
	}
	if (m.Type == pb.MsgApp || m.Type == pb.MsgHeartbeat) && o.Leader(m.Term) == 0 {
		o.Believed = max(o.Believed, m.Commit)
	}
}

// Fail reports a property that the driver has found broken by a node; n may be nil.
func (o *Observer) Fail(n *Node, p Name, format string, args ...any) { o.fail(n, p, format, args...) }

func (o *Observer) fail(n *Node, p Name, format string, args ...any) {
	o.Report(*violation(n, p, format, args...))
}

func violation(n *Node, p Name, format string, args ...any) *Violation {
	return &Violation{Property: p, Node: nodeID(n), Detail: fmt.Sprintf(format, args...)}
}

func nodeID(n *Node) uint64 {
	if n == nil {
		return 0
	}
	return n.ID
}

func (o *Observer) elected(n *Node) {
	o.Elections++
	o.Past.elected(n, o.fail)
}

func (o *Observer) commits(n *Node, from uint64, leads bool) {
	o.commit(n, from, leads, o.nodes, o.fail)
}
func (o *Observer) committed() uint64 { return o.Commit }
func (o *Observer) lenient() bool     { return o.Lenient }

// adds: an index and a term name an entry, and the one before it.
func (o *Observer) adds(n *Node, e *pb.Entry, prev uint64, known bool) {
	s := o.slots.at(e.Index)
	v := s.find(e.Term)
	if v == nil {
		s.add(variant{term: e.Term, prev: prev, known: known, typ: e.Type, data: e.Data, node: nodeID(n)})
		if e.Type != pb.EntryNormal {
			o.LastConfChange = max(o.LastConfChange, e.Index)
		}
		return
	}
	if known && v.known && v.prev != prev {
		o.fail(n, LogMatching, "entry %d/%d follows term %d at node %d, and term %d at node %d", e.Term, e.Index, prev, n.ID, v.prev, v.node)
	}
	if !v.is(e) {
		o.fail(n, LogMatching, "entry %d/%d is %s at node %d, and %s at node %d", e.Term, e.Index, describe(e.Type, e.Data), n.ID, describe(v.typ, v.data), v.node)
	}
	if !v.known {
		v.prev, v.known = prev, known
	}
}

func describe(typ pb.EntryType, data []byte) string {
	if typ == pb.EntryNormal {
		return fmt.Sprintf("%q", data)
	}
	return fmt.Sprintf("%s %x", typ, data)
}

// Holds reports what is stored at a node, whoever has stored it there.
func (o *Observer) Holds(n *Node, entries []pb.Entry) {
	for i := range entries {
		prev := uint64(0)
		if i > 0 {
			prev = entries[i-1].Term
		}
		o.adds(n, &entries[i], prev, i > 0)
	}
}

func (o *Observer) applies(n *Node, e *pb.Entry) {
	switch want := o.Past.Term(e.Index); {
	case want == e.Term:
	case want != 0:
		o.fail(n, StateMachineSafety, "node %d applies %d/%d, committed is %d/%d", n.ID, e.Term, e.Index, want, e.Index)
		return
	case e.Index > o.Believed:
		o.fail(n, StateMachineSafety, "node %d applies %d/%d, committed is %d", n.ID, e.Term, e.Index, o.Commit)
		return
	default:
		o.set(e.Index, e.Term)
	}
	s := o.slots.at(e.Index)
	if v := s.find(e.Term); v == nil {
		s.add(variant{term: e.Term, typ: e.Type, data: e.Data, node: n.ID})
	} else if !v.is(e) {
		o.fail(n, StateMachineSafety, "node %d applies %d/%d %s, committed is %s", n.ID, e.Term, e.Index, describe(e.Type, e.Data), describe(v.typ, v.data))
	}
}

// configures: a change leads to the same configuration everywhere. Nodes that bootstrap have all of
// the first changes from the start, and others one after the other.
func (o *Observer) configures(n *Node, index uint64) {
	if index < o.Bootstrapped {
		return
	}
	switch other, seen := o.configs[index]; {
	case !seen:
		if o.configs == nil {
			o.configs = map[uint64]pb.ConfState{}
		}
		o.configs[index] = n.Conf
	case other.Equivalent(n.Conf) != nil:
		o.fail(n, SameResults, "at %d node %d has the configuration %v, others have %v", index, n.ID, n.Conf, other)
	}
}

// snapshot: a snapshot stands for committed entries, and for one state.
func (o *Observer) snapshot(n *Node, s *pb.Snapshot) {
	id := &s.Metadata
	if want := o.Past.Term(id.Index); want != 0 && want != id.Term || id.Index > max(o.Commit, o.Believed) {
		o.fail(n, StateMachineSafety, "node %d has a snapshot at %d/%d, committed is %d/%d", n.ID, id.Term, id.Index, want, o.Commit)
		return
	}
	o.Stands(n, id.Index, s.Data)
}

// Stands reports the state of a state machine at an index. Saves and HandsOut imply it.
func (o *Observer) Stands(n *Node, index uint64, state []byte) {
	hash := sum(state)
	switch other, seen := o.states[index]; {
	case !seen:
		if o.states == nil {
			o.states = map[uint64]uint64{}
		}
		o.states[index] = hash
	case other != hash:
		o.fail(n, SameResults, "node %d has another state at %d than others: %q", n.ID, index, state)
	}
}

// sum is the FNV-1a hash of b.
func sum(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}

// Returns reports the result of applying the entry at an index: it is the same everywhere.
func (o *Observer) Returns(n *Node, index uint64, result []byte, err error) {
	hash := sum(result)
	if err != nil {
		hash = sum([]byte(err.Error())) + 1
	}
	s := o.slots.at(index)
	if s.returned && s.result != hash {
		o.fail(n, SameResults, "the result of %d at node %d differs from others: %q %v", index, n.ID, result, err)
	}
	s.returned, s.result = true, hash
}

// Entry returns the entry with a term and an index, false if no log has had it.
func (o *Observer) Entry(term, index uint64) (pb.Entry, bool) {
	v := o.slots.at(index).find(term)
	if v == nil {
		return pb.Entry{Term: term, Index: index}, false
	}
	return pb.Entry{Term: term, Index: index, Type: v.typ, Data: v.data}, true
}

// slots are the indexes of the log, in pages.
type slots struct {
	pages  map[uint64]*[pageSlots]slot
	number uint64 // of the page that was used last
	page   *[pageSlots]slot
}

const pageSlots = 64

func (s *slots) at(index uint64) *slot {
	if number := index / pageSlots; s.page == nil || number != s.number {
		if s.pages == nil {
			s.pages = map[uint64]*[pageSlots]slot{}
		}
		if s.pages[number] == nil {
			s.pages[number] = new([pageSlots]slot)
		}
		s.number, s.page = number, s.pages[number]
	}
	return &s.page[index%pageSlots]
}

// slot is an index of the log with everything that ever stood there.
type slot struct {
	variant
	others   []variant // of other terms
	result   uint64    // a hash of what applying the entry has returned
	returned bool
}

// variant is an entry, and the term of the one before it, if that is known.
type variant struct {
	term, prev uint64
	known      bool
	typ        pb.EntryType
	data       []byte
	node       uint64 // the first one that had it, 0 if all begin with it
}

func (v *variant) is(e *pb.Entry) bool { return v.typ == e.Type && bytes.Equal(v.data, e.Data) }

// find returns the entry of a term, nil if it was never seen.
func (s *slot) find(term uint64) *variant {
	if s.term == term {
		return &s.variant
	}
	for i := range s.others {
		if s.others[i].term == term {
			return &s.others[i]
		}
	}
	return nil
}

func (s *slot) add(v variant) {
	if s.term == 0 {
		s.variant = v
		return
	}
	s.others = append(s.others, v)
}
