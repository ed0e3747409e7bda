package multiraft

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
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

// A quorum of the voters has to answer: learners do not count, and half of the voters is too few.
func TestASleepingLeaderNeedsAQuorumOfVoters(t *testing.T) {
	for _, c := range []struct {
		stores, learner uint64
		dead            int // with so many stores the leader leads, and with one more it does not
	}{{2, 0, 0}, {3, 0, 1}, {4, 0, 1}, {5, 0, 2}, {3, 3, 0}} {
		t.Run(fmt.Sprintf("%d stores, learner on %d", c.stores, c.learner), func(t *testing.T) {
			w := newWorld(t, 1, int(c.stores))
			w.start()
			var all []uint64
			for id := range c.stores {
				all = append(all, id+1)
			}
			w.group(1, all...)
			w.electAll()
			_ = w.leader(1).store.Do(1, func(n *raft.RawNode) error { n.TransferLeader(1); return nil })
			w.ticks(3)
			if c.learner > 0 {
				cc := pb.ConfChange{Type: pb.ConfChangeAddLearnerNode, NodeID: c.learner}
				_ = w.stores[0].store.Do(1, func(n *raft.RawNode) error { return n.ProposeConfChange(cc) })
			}
			w.ticks(3)
			w.fallAsleep(int(c.stores))
			for id := uint64(2); id <= uint64(c.dead)+1; id++ {
				w.crash(id)
			}
			w.ticks(40)
			if r := w.stores[0].replicaOf(1); !r.leads || !r.asleep {
				t.Fatalf("leads: %t, sleeps: %t, with %d stores dead", r.leads, r.asleep, c.dead)
			}
			w.crash(uint64(c.dead) + 2)
			w.ticks(22)
			if w.stores[0].replicaOf(1).leads {
				t.Errorf("it leads with %d stores dead", c.dead+1)
			}
		})
	}
}
