package rafttest

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	"github.com/ffd200af/raft/multiraft"
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

func (w *storeWorld) store(id uint64) (*scriptStore, error) {
	if id == 0 || id > uint64(len(w.stores)) {
		return nil, fmt.Errorf("there is no such store: %d", id)
	}
	return w.stores[id-1], nil
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
