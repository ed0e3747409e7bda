package rafttest

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/driver"
	"github.com/ffd200af/raft/multiraft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/picture"
	"github.com/ffd200af/raft/rafttest/property"
)

// The commands about stores.

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
