package multiraft

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// world is a few stores on a network, with their disks, in simulated time. Everything that happens
// follows from its seed.
type world struct {
	tb     testing.TB
	rng    *rand.Rand
	stores []*machine // id i+1
	wire   []packet
	now    int
	// tune changes the Config of a store, tuneGroup that of a group.
	tune      func(*Config)
	tuneGroup func(*raft.Config)

	// The network: loss of packets in percent, the longest delay in ticks, and cuts by direction.
	loss, delay int
	// late is how many packets of a hundred arrive a second time, long after.
	late int
	cut  map[[2]uint64]bool
	// slow: a store with such an entry misses one tick of so many.
	slow map[uint64]int
	// hold is the longest time, in ticks, for which a write is under way.
	hold int
	// tamper changes what goes over the wire.
	tamper func(*Batch)

	sent    map[string]int // lines and messages by kind
	batches int
	leases  int // reads from leases
	history map[uint64]*history
}

// machine is a store with its disks. A store that is nil is down.
type machine struct {
	id          uint64
	store       *Store
	incarnation uint64
	disks       map[uint64]*disk
	order       []uint64 // the groups of disks
	held        []heldReady
	failures    []Failure
	reads       []Read
}

type heldReady struct {
	rd    *Ready
	until int
}

// disk is one replica's.
type disk struct {
	*raft.MemoryStorage
	replica uint64
	applied []pb.Entry
	rec     *property.Node
}

// packet is a batch under way.
type packet struct {
	data     []byte
	from, to uint64
	at       int
}

// history is what was seen of a group.
type history struct {
	property.Observer
	last   uint64 // the last index that was applied
	config pb.ConfState
	asked  int // reads
}

func newWorld(tb testing.TB, seed uint64, stores int) *world {
	w := &world{
		tb: tb, rng: rand.New(rand.NewPCG(seed, 1)), cut: map[[2]uint64]bool{}, sent: map[string]int{},
		history: map[uint64]*history{}, slow: map[uint64]int{},
	}
	for id := 1; id <= stores; id++ {
		w.stores = append(w.stores, &machine{id: uint64(id), disks: map[uint64]*disk{}})
	}
	return w
}

// storeOf: replicas have the id of their store plus a multiple of 100.
func storeOf(_, replica uint64) uint64 { return replica % 100 }

// start starts all stores.
func (w *world) start() {
	for _, m := range w.stores {
		w.boot(m)
	}
}

// boot starts a store with what is on its disks.
func (w *world) boot(m *machine) {
	w.tb.Helper()
	m.incarnation += 10
	cfg := Config{ID: m.id, Incarnation: m.incarnation, StoreOf: storeOf, Seed: m.id, SleepTicks: 5}
	if w.tune != nil {
		w.tune(&cfg)
	}
	store, err := New(cfg)
	if err != nil {
		w.tb.Fatal(err)
	}
	m.store = store
	for _, g := range m.order {
		if m.disks[g] != nil {
			w.startGroup(m, g)
		}
	}
}

func (w *world) startGroup(m *machine, g uint64) {
	w.tb.Helper()
	d := m.disks[g]
	d.applied = nil
	cfg := raft.DefaultConfig(d.replica, d)
	cfg.Logger = raft.DiscardLogger
	if w.tuneGroup != nil {
		w.tuneGroup(cfg)
	}
	if err := m.store.AddGroup(g, cfg); err != nil {
		w.tb.Fatal(err)
	}
	d.rec = w.history[g].Node(d.replica)
	view, _ := property.ViewOf(d)
	hs, cs, _ := d.InitialState()
	d.rec.Recovers(view, hs)
	d.rec.Starts(m.shown(g))
	d.rec.Conf = cs
}

// shown is what a replica shows of itself.
func (m *machine) shown(g uint64) property.State {
	st := m.replicaOf(g).node.BasicStatus()
	return property.State{HardState: st.HardState, Lead: st.Lead, Applied: st.Applied, Role: property.Role(st.RaftState)}
}

// show reports the state of all replicas of a store.
func (w *world) show(m *machine) {
	for _, g := range m.order {
		if r := m.replicaOf(g); r != nil && !r.failed {
			m.disks[g].rec.Shows(m.shown(g))
		}
	}
}

// group makes a group with replicas on the stores.
func (w *world) group(g uint64, stores ...uint64) {
	w.tb.Helper()
	snap := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: pb.ConfState{Voters: stores}}}
	h := &history{config: snap.Metadata.ConfState}
	h.Begins(1, 1)
	h.Report = func(v property.Violation) { w.tb.Fatalf("group %d: %v", g, &v) }
	w.history[g] = h
	for _, id := range stores {
		m := w.stores[id-1]
		d := &disk{MemoryStorage: raft.NewMemoryStorage(), replica: id}
		if err := d.ApplySnapshot(snap); err != nil {
			w.tb.Fatal(err)
		}
		if err := d.SetHardState(pb.HardState{Term: 1, Commit: 1}); err != nil {
			w.tb.Fatal(err)
		}
		w.addDisk(m, g, d)
		if m.store != nil {
			w.startGroup(m, g)
		}
	}
}

func (w *world) addDisk(m *machine, g uint64, d *disk) {
	if _, ok := m.disks[g]; !ok {
		m.order = append(m.order, g)
	}
	m.disks[g] = d
}

// tick lets a tick pass everywhere, and everything that is due in it happen.
func (w *world) tick() {
	w.tb.Helper()
	w.now++
	for _, m := range w.stores {
		if slow := w.slow[m.id]; m.store != nil && (slow == 0 || w.now%slow != int(m.id)) {
			m.store.Tick()
			w.show(m)
		}
	}
	w.settle()
}

func (w *world) ticks(n int) {
	w.tb.Helper()
	for range n {
		w.tick()
	}
}

// settle works until nothing happens any more in this tick.
func (w *world) settle() {
	w.tb.Helper()
	for round := 0; ; round++ {
		if round > 10000 {
			w.tb.Fatal("the world does not come to rest")
		}
		moved := false
		for _, m := range w.stores {
			moved = w.work(m) || moved
		}
		if moved = w.deliver() || moved; !moved {
			break
		}
	}
	w.check()
}

// work does what a store has to do.
func (w *world) work(m *machine) (moved bool) {
	for i := 0; m.store != nil && i < len(m.held); {
		if h := m.held[i]; h.until <= w.now {
			m.held = append(m.held[:i:i], m.held[i+1:]...)
			w.finish(m, h.rd)
			moved = true
			continue
		}
		i++
	}
	for m.store != nil && m.store.HasReady() {
		moved = true
		rd := w.ready(m)
		if w.hold > 0 && w.rng.IntN(3) == 0 {
			m.held = append(m.held, heldReady{rd, w.now + w.rng.IntN(w.hold+1)})
			continue
		}
		w.finish(m, rd)
	}
	return moved
}

// ready takes a Ready.
func (w *world) ready(m *machine) *Ready {
	rd := m.store.Ready()
	for i := range rd.Writes {
		if d := m.disks[rd.Writes[i].Group]; d != nil {
			d.rec.HandsOut(rd.Writes[i].Entries, &rd.Writes[i].Snapshot)
		}
	}
	w.show(m)
	w.sendAll(m, rd.Early)
	return rd
}

// sendAll sends batches of a store.
func (w *world) sendAll(m *machine, batches []*Batch) {
	for _, b := range batches {
		b.Each(func(g uint64, msg pb.Message) {
			if d := m.disks[g]; d != nil && d.replica == msg.From {
				d.rec.Sends(&msg)
			}
		})
		w.send(b)
	}
}

// finish writes, sends, applies and advances. What is durable is applied first.
func (w *world) finish(m *machine, rd *Ready) {
	w.tb.Helper()
	for _, a := range rd.Applies {
		if a.Durable {
			w.apply(m, &a)
		}
	}
	for i := range rd.Writes {
		wr := &rd.Writes[i]
		d := m.disks[wr.Group]
		if d == nil {
			continue
		}
		write := driver.Write{HardState: wr.HardState, Entries: wr.Entries, Snapshot: wr.Snapshot}
		if err := write.Onto(d); err != nil {
			w.tb.Fatal(err)
		}
		d.rec.Writes(wr.HardState, wr.Entries, &wr.Snapshot, true)
	}
	w.sendAll(m, rd.Batches)
	for _, a := range rd.Applies {
		if !a.Durable {
			w.apply(m, &a)
		}
	}
	m.failures = append(m.failures, rd.Failures...)
	m.reads = append(m.reads, rd.Reads...)
	for _, r := range rd.Reads {
		m.disks[r.Group].rec.Answers(r.RequestCtx, r.Index)
	}
	for _, r := range rd.DroppedReads {
		m.disks[r.Group].rec.DropsRead(r.Context)
	}
	m.store.Advance(rd)
	w.show(m)
}

// send puts a batch on the wire, as bytes.
func (w *world) send(b *Batch) {
	w.tb.Helper()
	if w.tamper != nil {
		w.tamper(b)
	}
	w.batches++
	w.sent["heartbeat"] += len(b.Heartbeats)
	w.sent["response"] += len(b.Responses)
	w.sent["wake"] += len(b.Wakes)
	for i := range b.Messages {
		w.sent[b.Messages[i].Type.String()]++
	}
	w.sent["message"] += len(b.Messages)
	data, err := b.Append(nil)
	if err != nil {
		w.tb.Fatal(err)
	}
	for copies := 1; copies > 0; copies-- {
		if w.cut[[2]uint64{b.From, b.To}] || w.loss > 0 && w.rng.IntN(100) < w.loss {
			continue
		}
		at := w.now
		if w.delay > 0 {
			at += w.rng.IntN(w.delay + 1)
		}
		if w.loss > 0 && w.rng.IntN(100) < w.loss {
			copies++
		}
		w.wire = append(w.wire, packet{data, b.From, b.To, at})
		if w.late > 0 && w.rng.IntN(100) < w.late {
			w.wire = append(w.wire, packet{data, b.From, b.To, at + w.rng.IntN(60)})
		}
	}
}

// deliver hands out what arrives in this tick.
func (w *world) deliver() (moved bool) {
	w.tb.Helper()
	wire := w.wire
	w.wire = nil
	for _, p := range wire {
		m := w.stores[p.to-1]
		switch {
		case p.at > w.now:
			w.wire = append(w.wire, p)
		case m.store != nil && !w.cut[[2]uint64{p.from, p.to}]:
			var b Batch
			if err := b.Unmarshal(p.data); err != nil {
				w.tb.Fatal(err)
			}
			_ = m.store.Step(&b)
			w.show(m)
			moved = true
		}
	}
	return moved
}

func (w *world) apply(m *machine, a *Apply) {
	w.tb.Helper()
	d, h := m.disks[a.Group], w.history[a.Group]
	if d == nil {
		return
	}
	for _, e := range a.Entries {
		d.rec.Applies(&e)
		d.applied = append(d.applied, e)
		h.last = max(h.last, e.Index)
		if e.Type == pb.EntryNormal {
			continue
		}
		var cc pb.ConfChangeI
		if e.Type == pb.EntryConfChange {
			var c pb.ConfChange
			if err := c.Unmarshal(e.Data); err != nil {
				w.tb.Fatal(err)
			}
			cc = c
		} else {
			var c pb.ConfChangeV2
			if err := c.Unmarshal(e.Data); err != nil {
				w.tb.Fatal(err)
			}
			cc = c
		}
		cs, err := m.store.ApplyConfChange(a.Group, cc)
		if err == nil {
			d.rec.Configures(e.Index, cs)
		}
		if err == nil && e.Index == h.last {
			h.config = *cs
		}
	}
}

// crash ends a store without a word. What it has not written is gone.
func (w *world) crash(id uint64) {
	m := w.stores[id-1]
	for _, g := range m.order {
		if m.replicaOf(g) != nil {
			m.disks[g].rec.Stops()
		}
	}
	m.store, m.held = nil, nil
}

// replicaOf returns a store's group.
func (m *machine) replicaOf(g uint64) *group {
	if m.store == nil {
		return nil
	}
	i, ok := m.store.index[g]
	if !ok {
		return nil
	}
	return &m.store.groups[i]
}

// leader returns the store that leads a group in its latest term; nil if none does.
func (w *world) leader(g uint64) *machine {
	var lead *machine
	term := uint64(0)
	for _, m := range w.stores {
		if r := m.replicaOf(g); r != nil {
			if st := r.node.BasicStatus(); st.RaftState == raft.StateLeader && st.Term > term {
				lead, term = m, st.Term
			}
		}
	}
	return lead
}

// check looks at everything that must hold at any time.
func (w *world) check() {
	w.tb.Helper()
	for _, m := range w.stores {
		if m.store == nil {
			continue
		}
		for _, g := range m.order {
			r := m.replicaOf(g)
			if r == nil || r.failed {
				continue
			}
			st := r.node.BasicStatus()
			if r.asleep {
				w.checkSleeper(m, r, &st)
			}
		}
	}
}

// checkSleeper: no leader sleeps while a member lacks a committed entry, and no replica sleeps with
// something to do.
func (w *world) checkSleeper(m *machine, r *group, st *raft.BasicStatus) {
	w.tb.Helper()
	if _, invited := m.store.invites[m.store.index[r.id]]; invited || r.queued {
		return // it may wake at its next Ready
	}
	if !r.node.MaySleep() || r.out {
		w.tb.Fatalf("group %d sleeps on store %d and has something to do", r.id, m.id)
	}
	if st.RaftState != raft.StateLeader {
		return
	}
	m.store.otherMembers(m.store.index[r.id], func(replica, store uint64) {
		d := w.stores[store-1].disks[r.id]
		if d == nil || d.replica != replica {
			return // its store was just wiped
		}
		if last, _ := d.LastIndex(); last < st.Commit {
			w.tb.Fatalf("group %d: leader sleeps at commit index %d, and replica %d has %d", r.id, st.Commit, replica, last)
		}
		if hs, _, _ := d.InitialState(); hs.Term > st.Term {
			return // it is no leader any more, and does not know it yet
		}
	})
}

// asleep counts the replicas that sleep.
func (w *world) asleep() (n int) {
	for _, m := range w.stores {
		if m.store == nil {
			continue
		}
		for i := range m.store.groups {
			if m.store.groups[i].node != nil && m.store.groups[i].asleep {
				n++
			}
		}
	}
	return n
}

// read asks for a read at a store, and takes one from its lease if it has one.
func (w *world) read(m *machine, g uint64) {
	r := m.replicaOf(g)
	if r == nil || r.failed {
		return
	}
	h, rec := w.history[g], m.disks[g].rec
	_ = m.store.Do(g, func(n *raft.RawNode) error {
		w.show(m)
		if index, ok := n.LeaseRead(); ok {
			w.leases++
			rec.LeaseReads(index)
		}
		return nil
	})
	h.asked++
	context := fmt.Appendf(nil, "%d", h.asked)
	rec.Asks(context)
	_ = m.store.ReadIndex(g, context)
	w.show(m)
}

// propose proposes at the leader.
func (w *world) propose(g uint64, data string) error {
	m := w.leader(g)
	if m == nil {
		return fmt.Errorf("group %d has no leader", g)
	}
	return m.store.Propose(g, []byte(data))
}

// electAll lets time pass until every group has a leader.
func (w *world) electAll() {
	w.tb.Helper()
	for range 200 {
		w.tick()
		missing := false
		for g := range w.history {
			missing = missing || w.leader(g) == nil
		}
		if !missing {
			return
		}
	}
	w.tb.Fatal("some groups have no leader")
}
