package multiraft

import (
	"slices"
	"testing"
	"time"

	"github.com/ffd200af/raft"
)

// A follower that wakes again and again while its leader cannot hear it says so once.
func TestAWakeIsOwedOnce(t *testing.T) {
	w := three(t, 1, nil)
	w.electAll()
	lead, others := w.others()
	m := others[0]
	w.cut[[2]uint64{m.id, lead.id}] = true
	for range 50 {
		w.tick()
		_ = m.store.Do(1, func(*raft.RawNode) error { return nil })
	}
	if n := len(m.store.peers[m.store.peerOf(lead.id)].wakes); n != 1 {
		t.Errorf("%d wakes", n)
	}
	clear(w.cut)
	w.ticks(2)
	w.fallAsleep(3)
	_ = m.store.Do(1, func(*raft.RawNode) error { return nil })
	if n := len(m.store.peers[m.store.peerOf(lead.id)].wakes); n != 1 {
		t.Errorf("%d wakes after the first was confirmed", n)
	}
}

// StoreOf may have forgotten a replica that leads no more.
func TestAFollowerWakesWhoseLeadersStoreIsUnknown(t *testing.T) {
	w := sleeping(t, 1, nil)
	_, others := w.others()
	others[0].store.cfg.StoreOf = func(uint64, uint64) uint64 { return 0 }
	_ = others[0].store.Do(1, func(*raft.RawNode) error { return nil })
	if others[0].replicaOf(1).asleep {
		t.Error("it sleeps")
	}
}

// A store may become known while the ticks of groups are made.
func TestALeaderThatStepsDownMayOweWakesToAStoreThatIsNotKnown(t *testing.T) {
	w := three(t, 6, noSleep)
	w.electAll()
	for g := uint64(1); g <= 6; g++ {
		_ = w.leader(g).store.Do(g, func(n *raft.RawNode) error { n.TransferLeader(1); return nil })
	}
	w.ticks(5)
	s := w.stores[0].store
	s.cfg.StoreOf = func(group, replica uint64) uint64 { return 100*group + replica }
	s.lists = slices.Clip(s.lists)
	for i := range s.groups {
		s.groups[i].offered = true
	}
	done := make(chan bool)
	go func() {
		for range 25 { // nobody answers
			s.Tick()
		}
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatal("a tick does not end")
	}
	for i := range s.groups {
		if s.groups[i].leads {
			t.Errorf("group %d leads on", s.groups[i].id)
		}
	}
}
