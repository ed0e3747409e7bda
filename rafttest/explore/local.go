package explore

import (
	"bytes"
	"encoding/binary"

	"github.com/ffd200af/raft/internal/driver"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// A node is a function: what it becomes and says depends on its own state and on the step alone. So
// a state of the cluster is made of states of its nodes, each of which has a number, and what a
// node does with a step is found out once, by the real code, however many states of the cluster
// need to know.

// local is a state in which a node can be.
type local struct {
	// The path on which the state was reached first: from another state by a step; or, after a
	// start, from a disk, which says all.
	parent uint32
	by     step
	start  *start

	// spare is a node in this state that nobody uses; nil if there is none.
	spare *node
	view  view
}

// view is what the cluster's properties need of a node.
type view struct {
	rec   *property.Node // shared by the views that have the same
	leads bool
	// The ids of the places, see places, from firstIndex+1 on: log is with what waits to be
	// written, durable what is on the disk.
	log, durable []uint32

	// What the node has to do.
	ready, writes, applies, compactable bool
	// owes: a thread has done something that the node does not know to be done.
	owes [driver.AllThreads]bool
	// busy: it gets nothing more before it has done some of that.
	busy bool
}

// transition is what becomes of a node in some state with some step.
type transition struct {
	next    uint32
	sent    []uint32 // message numbers
	answers []answer
	facts   []property.Fact
	broken  error
}

// places numbers the places of logs: an entry together with all entries before it. Logs are equal
// up to an index if they have the same place there. Place 0 is the snapshot at the start.
type places struct {
	numbers map[string]uint32
	terms   []uint64
	parents []uint32
}

func newPlaces() places {
	return places{numbers: map[string]uint32{}, terms: []uint64{1}, parents: []uint32{0}}
}

func (p *places) behind(parent uint32, e *pb.Entry) uint32 {
	key := binary.AppendUvarint(nil, uint64(parent))
	key = binary.AppendUvarint(key, e.Term)
	key = append(binary.AppendUvarint(key, uint64(e.Type)), e.Data...)
	id, known := p.numbers[string(key)]
	if !known {
		id = uint32(len(p.terms))
		p.numbers[string(key)] = id
		p.terms = append(p.terms, e.Term)
		p.parents = append(p.parents, parent)
	}
	return id
}

// of returns the places of a whole log.
func (p *places) of(entries []pb.Entry) []uint32 {
	list := make([]uint32, 0, len(entries))
	at := uint32(0)
	for i := range entries {
		at = p.behind(at, &entries[i])
		list = append(list, at)
	}
	return list
}

// nodes numbers states of nodes and messages, and remembers transitions.
type nodes struct {
	world   *World
	prints  *fingerprinter
	buf     []byte
	places  places
	numbers map[string]uint32
	states  []local

	// recs are the records of nodes, by their keys.
	recs map[string]*property.Node

	messages       []pb.Message
	messageNumbers map[string]uint32

	transitions []transition
	known       map[uint64]uint32

	// spares are the states that have a spare node, the latest ones.
	spares []uint32
	oldest int

	replayed uint64 // steps taken again to reach a state
	// twice are paths that led to a state that was known already: tests take them to see whether
	// equal fingerprints mean equal behaviour. nil keeps none.
	twice []arrival
}

// arrival is another way to a state: by a step from a state that is not the first one it was
// reached from.
type arrival struct {
	from, to uint32
	by       step
}

const maxSpares = 1 << 14

func newNodes(w *World, reads bool) *nodes {
	return &nodes{
		world: w, prints: newFingerprinter(reads), places: newPlaces(), numbers: map[string]uint32{},
		recs: map[string]*property.Node{}, messageNumbers: map[string]uint32{}, known: map[uint64]uint32{}, spares: make([]uint32, 0, maxSpares),
	}
}

// begin returns the state of a node that starts from an empty log.
func (ns *nodes) begin(id uint64) (uint32, error) {
	from := start{id: id, disk: newDisk(ns.world.Voters)}
	n := startNode(ns.world, &from)
	if n.err() != nil {
		return 0, n.err()
	}
	state, _ := ns.intern(n, local{start: &from})
	return state, nil
}

// message numbers a message that was sent. What is delivered later is read from its bytes, and
// shares nothing with the sender.
func (ns *nodes) message(m *pb.Message) (uint32, error) {
	data, err := m.Marshal()
	if err != nil {
		return 0, err
	}
	if number, known := ns.messageNumbers[string(data)]; known {
		return number, nil
	}
	var own pb.Message
	if err := own.Unmarshal(data); err != nil {
		return 0, err
	}
	number := uint32(len(ns.messages))
	ns.messages = append(ns.messages, own)
	ns.messageNumbers[string(data)] = number
	return number, nil
}

// take returns what a step does to a node.
func (ns *nodes) take(state uint32, s step) *transition {
	key := uint64(state)<<32 | uint64(s)
	at, known := ns.known[key]
	if !known {
		at = uint32(len(ns.transitions))
		ns.transitions = append(ns.transitions, ns.findOut(state, s))
		ns.known[key] = at
	}
	return &ns.transitions[at]
}

// findOut runs the real code.
func (ns *nodes) findOut(state uint32, s step) transition {
	n := ns.reach(state)
	ns.run(n, s)
	t := transition{answers: n.answers, broken: n.err()}
	if n.err() != nil {
		return t
	}
	for i := range n.sent {
		number, err := ns.message(&n.sent[i])
		if err != nil {
			t.broken = err
			return t
		}
		t.sent = append(t.sent, number)
	}
	to := local{parent: state, by: s}
	if s.kind() == restart || s.kind() == tornWrite {
		life := n.life
		to.start = &life
	}
	var fresh bool
	t.next, fresh = ns.intern(n, to)
	if !fresh && ns.twice != nil && len(ns.twice) < cap(ns.twice) {
		ns.twice = append(ns.twice, arrival{state, t.next, s})
	}
	t.facts = n.witness.Facts
	for i := range t.facts {
		t.facts[i].Node = ns.record(t.facts[i].Node)
	}
	ns.keep(n, t.next)
	return t
}

// record returns a record that is equal to one, and is kept.
func (ns *nodes) record(rec *property.Node) *property.Node {
	ns.buf = rec.AppendKey(ns.buf[:0])
	kept := ns.recs[string(ns.buf)]
	if kept == nil {
		kept = rec.Clone()
		ns.recs[string(ns.buf)] = kept
	}
	return kept
}

// run makes a node take a step.
func (ns *nodes) run(n *node, s step) {
	var m *pb.Message
	if s.kind() == deliver {
		own := ns.messages[s.message()]
		m = &own
	}
	if !n.hoards(s) {
		n.take(s, m)
		return
	}
	before := ns.prints.node(nil, n.raw)
	n.take(s, m)
	switch {
	case n.lent == nil && !n.raw.HasReady():
		n.inputs = 0
	case !bytes.Equal(before, ns.prints.node(nil, n.raw)): // what changes nothing may come as often as it likes
		n.inputs++
	}
}

// reach returns a node in the given state, for the caller to use: a spare one, or one that takes
// all steps since its start again.
func (ns *nodes) reach(state uint32) *node {
	if n := ns.states[state].spare; n != nil {
		ns.states[state].spare = nil
		return n
	}
	var path []step
	at := state
	for ns.states[at].start == nil {
		path = append(path, ns.states[at].by)
		at = ns.states[at].parent
	}
	n := startNode(ns.world, ns.states[at].start)
	for i := len(path) - 1; i >= 0; i-- {
		ns.run(n, path[i])
	}
	ns.replayed += uint64(len(path))
	return n
}

// keep puts a node aside that is in a state, in place of the one that was put aside longest ago.
func (ns *nodes) keep(n *node, state uint32) {
	if ns.states[state].spare != nil {
		return
	}
	if len(ns.spares) < maxSpares {
		ns.spares = append(ns.spares, state)
	} else {
		ns.states[ns.spares[ns.oldest]].spare = nil
		ns.spares[ns.oldest] = state
		ns.oldest = (ns.oldest + 1) % maxSpares
	}
	ns.states[state].spare = n
}

// intern returns the number of the state that a node is in, and whether it is new; as describes the
// way there.
func (ns *nodes) intern(n *node, as local) (uint32, bool) {
	ns.buf = ns.print(ns.buf[:0], n)
	if state, known := ns.numbers[string(ns.buf)]; known {
		return state, false
	}
	state := uint32(len(ns.states))
	ns.numbers[string(ns.buf)] = state
	as.view = ns.look(n)
	ns.states = append(ns.states, as)
	return state, true
}

// print writes down everything that can influence what the node does from now on, and what is
// remembered to judge it.
func (ns *nodes) print(buf []byte, n *node) []byte {
	buf = binary.AppendUvarint(buf, n.id)
	buf = ns.prints.node(buf, n.raw)
	buf = appendMarshaled(buf, &n.disk.hard)
	buf = binary.AppendUvarint(buf, n.disk.prev.Index)
	buf = appendMarshaled(buf, &n.disk.conf)
	buf = appendEntries(buf, n.disk.log)
	buf = appendEntries(buf, n.disk.machine)
	for _, queue := range [][]pb.Message{n.AppendWork, n.ApplyWork, n.acks[driver.AppendThread], n.acks[driver.ApplyThread]} {
		buf = binary.AppendUvarint(buf, uint64(len(queue)))
		for i := range queue {
			buf = appendMarshaled(buf, &queue[i])
		}
	}
	if n.lent != nil {
		buf = appendEntries(buf, n.lent.CommittedEntries)
	}
	buf = binary.AppendUvarint(buf, uint64(n.inputs))
	return n.rec.AppendVotes(buf)
}

func appendMarshaled(buf []byte, m interface{ Marshal() ([]byte, error) }) []byte {
	data, err := m.Marshal()
	if err != nil {
		panic(err) // these are values that the library made
	}
	return append(binary.AppendUvarint(buf, uint64(len(data))), data...)
}

func appendEntries(buf []byte, entries []pb.Entry) []byte {
	buf = binary.AppendUvarint(buf, uint64(len(entries)))
	for i := range entries {
		buf = binary.AppendUvarint(buf, entries[i].Term)
		buf = binary.AppendUvarint(buf, uint64(entries[i].Type))
		buf = append(binary.AppendUvarint(buf, uint64(len(entries[i].Data))), entries[i].Data...)
	}
	return buf
}

// look returns the view of a node.
func (ns *nodes) look(n *node) view {
	v := view{
		rec: ns.record(n.rec), leads: n.rec.Leads(),
		durable: ns.places.of(n.disk.history()),
		ready:   n.world.Batches && n.raw.HasReady(),
		writes:  len(n.AppendWork) > 0, applies: len(n.ApplyWork) > 0,
		owes: [driver.AllThreads]bool{n.owes(driver.AppendThread), n.owes(driver.ApplyThread)},
		busy: n.busy(), compactable: n.disk.applied() > n.disk.prev.Index,
	}
	v.log = v.durable
	if len(n.AppendWork) > 0 {
		// What the append thread was handed comes on top of what is on the disk.
		d := *n.disk
		for i := range n.AppendWork {
			if err := d.write(driver.WriteOf(&n.AppendWork[i], true)); err != nil {
				panic(err) // it would fail when its turn comes, too
			}
		}
		v.log = ns.places.of(d.history())
	}
	return v
}
