package rafttest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	"github.com/ffd200af/raft/multiraft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/picture"
	"github.com/ffd200af/raft/rafttest/property"
)

// storeWorld is the stores of a script, with a network on which batches take no time.
type storeWorld struct {
	env    *InteractionEnv
	config multiraft.Config
	stores []*scriptStore // stores[i] has id i+1
	now    int
	wire   []*multiraft.Batch
	cut    map[[2]uint64]bool
	groups map[uint64]*property.Observer
	idle   idleTime
	beats  int // batches without content
	shown  int // the last tick that has a header
}

// scriptStore is a store with its disks.
type scriptStore struct {
	*multiraft.Store // nil while it is down
	id, incarnation  uint64
	replicas         map[uint64]*scriptReplica
	asleep           map[uint64]bool // what was printed
}

// scriptReplica is the disk of a replica, whose id is that of its store.
type scriptReplica struct {
	*raft.MemoryStorage
	driver.Driver
	store  *scriptStore
	group  uint64
	config raft.Config
	data   []string
}

// handleAddStores:
//
//	add-stores N [election=10] [beat=1] [sleep=10]
func handleAddStores(env *InteractionEnv, a *args) error {
	n := a.number("number of stores", 9)
	election, beat, sleep := uint64(10), uint64(1), uint64(10)
	a.setUint("election", &election)
	a.setUint("beat", &beat)
	a.setUint("sleep", &sleep)
	if err := a.done(); err != nil {
		return err
	}
	w := &storeWorld{env: env, cut: map[[2]uint64]bool{}, groups: map[uint64]*property.Observer{}}
	ticks := func(n uint64) int { return int(min(n, math.MaxInt32)) }
	w.config = multiraft.Config{ElectionTick: ticks(election), BeatTicks: ticks(beat), SleepTicks: ticks(sleep)}
	for id := range n {
		w.stores = append(w.stores, &scriptStore{id: id + 1, replicas: map[uint64]*scriptReplica{}})
		if err := w.start(w.stores[id]); err != nil {
			return err
		}
	}
	env.stores = w
	env.Options.Picture.Lane("store")
	return nil
}

// start begins the next life of a store.
func (w *storeWorld) start(s *scriptStore) error {
	s.incarnation++
	cfg := w.config
	cfg.ID, cfg.Incarnation, cfg.Seed = s.id, s.incarnation, s.id
	store, err := multiraft.New(cfg)
	if err != nil {
		return err
	}
	s.Store, s.asleep = store, map[uint64]bool{}
	for _, g := range slices.Sorted(maps.Keys(s.replicas)) {
		if err := w.startReplica(s.replicas[g]); err != nil {
			return err
		}
	}
	return nil
}

func (w *storeWorld) startReplica(r *scriptReplica) error {
	if err := r.store.AddGroup(r.group, &r.config); err != nil {
		return err
	}
	r.data = nil
	view, _ := property.ViewOf(r)
	hs, cs, err := r.InitialState()
	if err != nil {
		return err
	}
	r.Node.Recovers(view, hs)
	r.Node.Starts(property.State{HardState: hs, Applied: view.Base})
	r.Node.Conf = cs
	w.env.drawLog(r.config.ID, r)
	w.shows(r.store)
	return nil
}

// handleAddGroup:
//
//	add-group GROUP (1,2,3) [OPTION=VALUE ...]
func handleAddGroup(env *InteractionEnv, a *args) error {
	w, err := env.storeWorld()
	group := a.number("group", math.MaxInt32)
	cfg := raft.DefaultConfig(1, nil)
	cfg.Logger = raft.DiscardLogger
	var drift uint64
	a.setBool("prevote", &cfg.PreVote)
	a.setBool("checkquorum", &cfg.CheckQuorum)
	a.setUint("lease-drift-ticks", &drift)
	members := a.groups()
	if err := a.done(); err != nil {
		return err
	}
	switch {
	case err != nil:
		return err
	case len(members) != 1:
		return fmt.Errorf("a group has one list of stores, like (1,2,3)")
	case w.groups[group] != nil:
		return fmt.Errorf("there is a group %d", group)
	}
	for _, id := range members[0] {
		if s, err := w.store(id); err != nil || s.Store == nil {
			return fmt.Errorf("store %d is not up", id)
		}
	}
	cfg.LeaseDriftTicks = int(min(drift, math.MaxInt32))
	snap := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: pb.ConfState{Voters: members[0]}}}
	o := &property.Observer{Report: env.observer.Report, Watch: w.watch(group), Lenient: true}
	o.Begins(1, 1)
	w.groups[group] = o
	for _, id := range members[0] {
		s := w.stores[id-1]
		r := &scriptReplica{MemoryStorage: raft.NewMemoryStorage(), store: s, group: group, config: *cfg}
		r.config.ID, r.config.Storage = id, r
		r.Driver = driver.Driver{Host: r, Node: o.Node(id)}
		if err := r.ApplySnapshot(snap); err != nil {
			return err
		}
		if err := r.SetHardState(pb.HardState{Term: 1, Commit: 1}); err != nil {
			return err
		}
		s.replicas[group] = r
		if err := w.startReplica(r); err != nil {
			return err
		}
	}
	return nil
}

func (env *InteractionEnv) storeWorld() (*storeWorld, error) {
	if env.stores == nil {
		return nil, fmt.Errorf("there are no stores; see add-stores")
	}
	return env.stores, nil
}

func (w *storeWorld) store(id uint64) (*scriptStore, error) {
	if id == 0 || id > uint64(len(w.stores)) {
		return nil, fmt.Errorf("there is no such store: %d", id)
	}
	return w.stores[id-1], nil
}

// onStore makes a handler of what is done to a store. With live, the store has to be up; what it
// causes happens at once.
func onStore(live bool, do func(w *storeWorld, s *scriptStore, a *args) error) handler {
	return func(env *InteractionEnv, a *args) error {
		w, err := env.storeWorld()
		if err != nil {
			return err
		}
		s, err := w.store(a.number("store", math.MaxInt32))
		switch {
		case a.err != nil:
			return a.err
		case err != nil:
			return err
		case live && s.Store == nil:
			return fmt.Errorf("store %d is down", s.id)
		}
		w.shown = -1
		if err := do(w, s, a); err != nil {
			return err
		}
		return w.settle()
	}
}

// onGroup is onStore for a group on a store.
func onGroup(do func(w *storeWorld, s *scriptStore, group uint64, a *args) error) handler {
	return onStore(true, func(w *storeWorld, s *scriptStore, a *args) error {
		p, group := w.env.Options.Picture, a.number("group", math.MaxInt32)
		p.Group(group)
		p.Event(s.id, picture.Input, w.env.doing)
		err := do(w, s, group, a)
		p.Refuse(s.id, err)
		w.shows(s)
		return err
	})
}

// campaignGroup: campaign-group STORE GROUP
func campaignGroup(_ *storeWorld, s *scriptStore, group uint64, a *args) error {
	if err := a.done(); err != nil {
		return err
	}
	return s.Do(group, (*raft.RawNode).Campaign)
}

// proposeGroup: propose-group STORE GROUP DATA
func proposeGroup(_ *storeWorld, s *scriptStore, group uint64, a *args) error {
	data := a.word("data")
	if err := a.done(); err != nil {
		return err
	}
	return s.Propose(group, []byte(data))
}

// leaseReadGroup: lease-read-group STORE GROUP
func leaseReadGroup(w *storeWorld, s *scriptStore, group uint64, a *args) error {
	if err := a.done(); err != nil {
		return err
	}
	return s.Do(group, func(n *raft.RawNode) error {
		index, ok := n.LeaseRead()
		if !ok {
			w.env.Options.Picture.Add(s.id, "no lease")
			w.env.printf("no lease\n")
			return nil
		}
		s.replicas[group].Node.LeaseReads(index)
		w.env.printf("lease: read at index %d\n", index)
		return nil
	})
}

// removeGroup: remove-group STORE GROUP
func removeGroup(w *storeWorld, s *scriptStore, group uint64, a *args) error {
	if err := a.done(); err != nil {
		return err
	}
	if err := s.RemoveGroup(group); err != nil {
		return err
	}
	w.stop(s.replicas[group], "is removed")
	delete(s.replicas, group)
	delete(s.asleep, group)
	return nil
}

// killStore: kill-store STORE
func killStore(w *storeWorld, s *scriptStore, a *args) error {
	if err := a.done(); err != nil {
		return err
	}
	for _, g := range slices.Sorted(maps.Keys(s.replicas)) {
		w.stop(s.replicas[g], "is killed")
	}
	s.Store = nil
	return nil
}

// startStore: start-store STORE [empty=true]
func startStore(w *storeWorld, s *scriptStore, a *args) error {
	var empty bool
	a.setBool("empty", &empty)
	if err := a.done(); err != nil {
		return err
	}
	if s.Store != nil {
		return fmt.Errorf("store %d is up", s.id)
	}
	if empty {
		clear(s.replicas)
	}
	return w.start(s)
}

// handleCutStores has all batches from a store to another lost. handleHealStores ends that:
//
//	cut-stores FROM TO
//	heal-stores
func handleCutStores(env *InteractionEnv, a *args) error {
	from, to := a.number("store", math.MaxInt32), a.number("store", math.MaxInt32)
	return env.onStores(a, func(w *storeWorld) error {
		w.cut[[2]uint64{from, to}] = true
		env.Options.Picture.Event(0, picture.Partition, fmt.Sprintf("nothing gets from store %d to store %d", from, to))
		return nil
	})
}

func handleHealStores(env *InteractionEnv, a *args) error {
	return env.onStores(a, func(w *storeWorld) error {
		clear(w.cut)
		env.Options.Picture.Event(0, picture.Partition, "the network is whole")
		return nil
	})
}

// onStores does something when all arguments are read.
func (env *InteractionEnv) onStores(a *args, do func(w *storeWorld) error) error {
	if err := a.done(); err != nil {
		return err
	}
	w, err := env.storeWorld()
	if err != nil {
		return err
	}
	return do(w)
}

// handleTickStores ticks all stores that are up, and lets everything happen in each tick:
//
//	tick-stores [N]
func handleTickStores(env *InteractionEnv, a *args) error {
	n := uint64(1)
	if a.more() {
		n = a.number("number of ticks", maxTicks)
	}
	return env.onStores(a, func(w *storeWorld) error {
		w.beats, w.shown = 0, -1
		for range n {
			if err := w.tick(); err != nil {
				return err
			}
		}
		env.printf("batches without content: %d\n", w.beats)
		return nil
	})
}

func (w *storeWorld) tick() error {
	w.now++
	w.idle.tick(w.now)
	for _, s := range w.stores {
		if s.Store != nil {
			s.Tick()
			w.shows(s)
		}
	}
	return w.settle()
}

// printf prints below a header for the tick.
func (w *storeWorld) printf(format string, args ...any) {
	if w.shown != w.now {
		w.env.printf("tick %d:\n", w.now)
		w.shown = w.now
	}
	w.env.printf("  "+format, args...)
}

// settle lets stores work until they have nothing to do.
func (w *storeWorld) settle() error {
	for moved := true; moved; {
		moved = false
		for _, s := range w.stores {
			for s.Store != nil && s.HasReady() {
				moved = true
				if err := w.work(s); err != nil {
					return err
				}
			}
		}
		wire := w.wire
		w.wire = nil
		for _, b := range wire {
			moved = true
			if !w.lost(b) {
				s := w.stores[b.To-1]
				w.drawReceived(b)
				if err := s.Step(b); err != nil {
					w.printf("store %d: %v\n", s.id, err)
					w.env.Options.Picture.Refuse(s.id, err)
				}
				w.shows(s)
			}
		}
	}
	return nil
}

// work does what a Ready asks for.
func (w *storeWorld) work(s *scriptStore) error {
	rd := s.Ready()
	idle := w.beatsIn(rd)
	w.drawReady(s, rd)
	for i := range rd.Writes {
		if r := s.replicas[rd.Writes[i].Group]; r != nil {
			r.Node.HandsOut(rd.Writes[i].Entries, &rd.Writes[i].Snapshot)
		}
	}
	w.shows(s)
	for i := range rd.Writes {
		wr := &rd.Writes[i]
		if r := s.replicas[wr.Group]; r != nil {
			if err := r.Persist(&driver.Write{HardState: wr.HardState, Entries: wr.Entries, Snapshot: wr.Snapshot, Sync: true}); err != nil {
				return err
			}
		}
	}
	for _, role := range rd.Roles {
		if role.RaftState == raft.StateLeader {
			w.printf("group %d: store %d leads\n", role.Group, s.id)
		}
	}
	for _, b := range rd.Batches {
		w.drawSent(b)
	}
	for _, b := range rd.Batches {
		if err := w.send(b); err != nil {
			return err
		}
	}
	for _, ap := range rd.Applies {
		if r := s.replicas[ap.Group]; r != nil {
			if err := r.Driver.Apply(ap.Entries); err != nil {
				return err
			}
		}
	}
	for _, f := range rd.Failures {
		w.printf("group %d fails on store %d: %v\n", f.Group, s.id, f.Err)
	}
	s.Advance(rd)
	w.shows(s)
	w.beats += len(idle)
	w.idle.add(idle)
	return nil
}

// send prints what a batch says, and puts it on the wire as the other store will read it.
func (w *storeWorld) send(b *multiraft.Batch) error {
	w.describe(b)
	if w.lost(b) {
		w.drawLost(b)
	}
	data, err := b.Append(nil)
	if err != nil {
		return err
	}
	sent := &multiraft.Batch{}
	w.wire = append(w.wire, sent)
	return sent.Unmarshal(data)
}

func (w *storeWorld) describe(b *multiraft.Batch) {
	fate := map[bool]string{true: ", lost"}[w.lost(b)]
	for i := range b.Heartbeats {
		h := &b.Heartbeats[i]
		w.printf("%d->%d group %d: heartbeat term %d commit %d%s%s\n", b.From, b.To, h.Group, h.Term, h.Commit, map[bool]string{true: ", offers sleep"}[h.Sleep], fate)
	}
	for i := range b.Responses {
		h := &b.Responses[i]
		w.printf("%d->%d group %d: response term %d%s%s\n", b.From, b.To, h.Group, h.Term, map[bool]string{true: fmt.Sprintf(", agrees to sleep at commit %d", h.Commit)}[h.Sleep], fate)
	}
	for _, g := range b.Wakes {
		w.printf("%d->%d group %d: awake%s\n", b.From, b.To, g, fate)
	}
	for i := range b.Messages {
		w.printf("%d->%d group %d: %s%s\n", b.From, b.To, b.Messages[i].Group, raft.DescribeMessage(b.Messages[i].Message, nil), fate)
	}
}

// shows reports the state of all replicas of a store, and prints which of them sleep or wake.
func (w *storeWorld) shows(s *scriptStore) {
	if s.Store == nil {
		return
	}
	list, _ := s.Status(nil, 0, math.MaxInt32)
	for i := range list {
		st := &list[i]
		r := s.replicas[st.Group]
		if r == nil || st.Err != nil {
			continue
		}
		shows := property.State{HardState: st.HardState, Lead: st.Lead, Applied: st.Applied, Role: property.Role(st.RaftState)}
		if shows != r.Node.State || st.Asleep != s.asleep[st.Group] {
			w.drawIdle()
		}
		r.Node.Shows(shows)
		p := w.env.Options.Picture
		p.Group(st.Group)
		p.Asleep(s.id, st.Asleep)
		p.Shows(r.Node, false)
		if st.Asleep != s.asleep[st.Group] {
			s.asleep[st.Group] = st.Asleep
			w.printf("group %d %s on store %d\n", st.Group, map[bool]string{true: "falls asleep", false: "wakes"}[st.Asleep], s.id)
		}
	}
}

// handleGroupState prints all replicas of a group:
//
//	group-state GROUP
func handleGroupState(env *InteractionEnv, a *args) error {
	group := a.number("group", math.MaxInt32)
	return env.onStores(a, func(w *storeWorld) error {
		for _, s := range w.stores {
			if r := s.replicas[group]; r != nil {
				env.printf("store %d: %s\n", s.id, r.describe())
			}
		}
		return nil
	})
}

func (r *scriptReplica) describe() string {
	if r.store.Store == nil {
		return "down"
	}
	list, _ := r.store.Status(nil, 0, math.MaxInt32)
	for i := range list {
		if st := &list[i]; st.Group == r.group {
			return fmt.Sprintf("%s term %d lead %d commit %d applied [%s]%s", st.RaftState, st.Term, st.Lead, st.Commit,
				strings.Join(r.data, " "), map[bool]string{true: ", asleep"}[st.Asleep])
		}
	}
	return "removed"
}

// Write is part of driver.Host.
func (r *scriptReplica) Write(w *driver.Write) error { return w.Onto(r) }

// Restore is part of driver.Host.
func (r *scriptReplica) Restore(*pb.Snapshot) error { return nil }

// Send is part of driver.Host. Stores send batches instead.
func (r *scriptReplica) Send([]pb.Message) {}

// ApplyConfChange is part of driver.Host.
func (r *scriptReplica) ApplyConfChange(cc pb.ConfChangeI) *pb.ConfState {
	cs, err := r.store.ApplyConfChange(r.group, cc)
	if err != nil {
		return &pb.ConfState{}
	}
	return cs
}

// Apply is part of driver.Host.
func (r *scriptReplica) Apply(e *pb.Entry, _ pb.ConfChangeI, _ *pb.ConfState) error {
	if e.Type == pb.EntryNormal && len(e.Data) > 0 {
		r.data = append(r.data, string(e.Data))
	}
	return nil
}

// Acknowledge is part of driver.Host. There are no threads.
func (r *scriptReplica) Acknowledge(int, pb.Message) {}
