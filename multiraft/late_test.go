package multiraft

import (
	"testing"
)

// others returns the store that leads group 1, and those that do not.
func (w *world) others() (lead *machine, others []*machine) {
	lead = w.leader(1)
	for _, m := range w.stores {
		if m != lead {
			others = append(others, m)
		}
	}
	return lead, others
}

// capture watches the batches with heartbeats from one store to another. The result returns the
// last of them.
func (w *world) capture(from, to uint64) func() *Batch {
	var last []byte
	w.tamper = func(b *Batch) {
		if b.From == from && b.To == to && len(b.Heartbeats) > 0 {
			last, _ = b.Append(nil)
		}
	}
	return func() *Batch {
		w.tamper = nil
		b := &Batch{}
		if err := b.Unmarshal(last); err != nil {
			w.tb.Fatal(err)
		}
		return b
	}
}

// A batch that a later one has overtaken wakes nobody on behalf of the leader: the leader may sleep
// again since, and relies on it that its followers do.
func TestALateMessageOfALeaderThatSleepsIsReported(t *testing.T) {
	w := three(t, 1, nil)
	w.electAll()
	lead, others := w.others()
	late := w.capture(lead.id, others[0].id)
	w.ticks(2)
	b := late()
	w.fallAsleep(3)
	_ = others[0].store.Step(b)
	w.cut[[2]uint64{others[0].id, lead.id}] = true // the response is lost
	w.settle()
	clear(w.cut)
	if others[0].replicaOf(1).asleep {
		t.Fatal("a heartbeat without the mark does not wake")
	}
	w.tick()
	if lead.replicaOf(1).asleep {
		t.Error("the leader sleeps and does not know that a follower is awake")
	}
}

func TestALateWakeIsNoWake(t *testing.T) {
	w := sleeping(t, 1, nil)
	lead, others := w.others()
	p := others[0].store.peers[others[0].store.peerOf(lead.id)]
	_ = others[0].store.Step(&Batch{From: lead.id, To: others[0].id, Incarnation: p.incarnation, Number: p.number - 1, Wakes: []uint64{1}})
	w.ticks(1)
	if r := others[0].replicaOf(1); r.asleep != lead.replicaOf(1).asleep {
		t.Errorf("asleep: follower %t, leader %t", r.asleep, lead.replicaOf(1).asleep)
	}
}

// Members that have agreed, and were woken since by the leader itself, have to agree again.
func TestAgreementFromBeforeAnotherMessageDoesNotCount(t *testing.T) {
	w := three(t, 1, nil)
	w.electAll()
	lead, others := w.others()
	agreed, third := others[0], others[1]
	w.cut[[2]uint64{third.id, lead.id}] = true
	for range 9 {
		if w.tick(); agreed.replicaOf(1).asleep {
			break
		}
	}
	if !agreed.replicaOf(1).asleep || lead.replicaOf(1).asleep {
		t.Fatalf("asleep: follower %t, leader %t", agreed.replicaOf(1).asleep, lead.replicaOf(1).asleep)
	}
	w.read(lead, 1)
	w.settle()
	if agreed.replicaOf(1).asleep {
		t.Fatal("the leader's round does not wake its follower")
	}
	clear(w.cut)
	w.tamper = func(b *Batch) {
		if b.To == agreed.id {
			b.Heartbeats = nil // it hears no new offer
		}
	}
	w.ticks(8)
	if lead.replicaOf(1).asleep && !agreed.replicaOf(1).asleep {
		t.Error("the leader sleeps because of agreement from before its read")
	}
}

// A store that has restarted hears an offer that was made to its earlier life. What ended the offer
// was confirmed by the earlier life, and is not repeated.
func TestAnOfferToAnEarlierLifeIsNotAgreedTo(t *testing.T) {
	w := three(t, 1, nil)
	w.electAll()
	lead, others := w.others()
	m := others[0]
	late := w.capture(lead.id, m.id)
	w.fallAsleep(3)
	b := late()
	if !b.Heartbeats[0].Sleep {
		t.Fatal("no offer")
	}
	w.crash(m.id)
	w.boot(m)
	w.work(m)
	_ = m.store.Step(b)
	w.work(m)
	if m.replicaOf(1).asleep {
		t.Error("it sleeps")
	}
}
