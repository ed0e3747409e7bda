package multiraft

import (
	"testing"

	"github.com/ffd200af/raft"
)

func TestAFollowerDoesNotSleepAtAForgottenStore(t *testing.T) {
	_, m, b := offerTo(t)
	_ = m.store.Step(b)
	m.store.ForgetStore(b.From)
	for m.store.HasReady() {
		m.store.Advance(m.store.Ready())
	}
	if m.replicaOf(1).asleep {
		t.Error("it sleeps, and nobody watches its leader's store")
	}
}

// A store that was forgotten too early is told what it has missed.
func TestAForgottenStoreThatComesBackHearsOfWakes(t *testing.T) {
	w := sleeping(t, 1, nil)
	lead, others := w.others()
	w.cut[[2]uint64{others[0].id, lead.id}] = true
	_ = others[0].store.Do(1, func(*raft.RawNode) error { return nil })
	w.ticks(1)
	others[0].store.ForgetStore(lead.id)
	clear(w.cut)
	w.ticks(3)
	if lead.replicaOf(1).asleep {
		t.Error("the leader sleeps and does not know that a follower is awake")
	}
}

// Its followers here may not all be woken yet. Those that agree to sleep again do.
func TestAForgottenStoreThatComesBackLetsItsGroupsSleep(t *testing.T) {
	w := sleeping(t, 1, func(c *Config) { c.SleepTicks = 5 })
	lead, others := w.others()
	m := others[0]
	m.store.cfg.MaxWakes = 0 // it does not get to wake the group yet
	m.store.ForgetStore(lead.id)
	w.ticks(12)
	m.store.cfg.MaxWakes = 10
	w.ticks(2)
	if m.replicaOf(1).asleep != lead.replicaOf(1).asleep {
		t.Errorf("asleep: follower %t, leader %t", m.replicaOf(1).asleep, lead.replicaOf(1).asleep)
	}
}
