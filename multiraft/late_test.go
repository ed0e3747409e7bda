package multiraft

import (
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
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

// Nobody knows how late a message is that came in no batch.
func TestAMessageThatCameInNoBatchIsReported(t *testing.T) {
	w := sleeping(t, 1, nil)
	lead, others := w.others()
	st := lead.replicaOf(1).node.BasicStatus()
	m := pb.Message{Type: pb.MsgHeartbeat, From: lead.id, To: others[0].id, Term: st.Term, Commit: st.Commit}
	_ = others[0].store.StepMessage(1, m)
	p := others[0].store.peers[others[0].store.peerOf(lead.id)]
	if others[0].replicaOf(1).asleep || len(p.wakes) != 1 {
		t.Errorf("sleeps: %t, and tells the leader's store %v", others[0].replicaOf(1).asleep, p.wakes)
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

// halfAgreed is a group in which one follower has agreed to an offer and sleeps. Nothing that the
// other one sends arrives.
func halfAgreed(t *testing.T) (w *world, lead, agreed, third *machine) {
	w = three(t, 1, nil)
	w.electAll()
	lead, others := w.others()
	agreed, third = others[0], others[1]
	w.cut[[2]uint64{third.id, lead.id}] = true
	for range 9 {
		if w.tick(); agreed.replicaOf(1).asleep {
			break
		}
	}
	if !agreed.replicaOf(1).asleep || lead.replicaOf(1).asleep {
		t.Fatalf("asleep: follower %t, leader %t", agreed.replicaOf(1).asleep, lead.replicaOf(1).asleep)
	}
	return w, lead, agreed, third
}

// Members that have agreed, and were woken since by the leader itself, have to agree again.
func TestAgreementFromBeforeAnotherMessageDoesNotCount(t *testing.T) {
	for name, disturb := range map[string]func(w *world, lead, agreed *machine){
		"a round": func(w *world, lead, _ *machine) { w.read(lead, 1) },
		"the answer to an earlier leader": func(w *world, lead, agreed *machine) {
			term := lead.replicaOf(1).node.BasicStatus().Term
			b := &Batch{From: agreed.id, To: lead.id, Incarnation: agreed.incarnation, Number: 1}
			b.Heartbeats = []Heartbeat{{Group: 1, From: agreed.id, To: lead.id, Term: term - 1}}
			_ = lead.store.Step(b)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, lead, agreed, third := halfAgreed(t)
			disturb(w, lead, agreed)
			w.settle()
			if agreed.replicaOf(1).asleep {
				t.Fatal("the leader's message does not wake its follower")
			}
			clear(w.cut)
			w.tamper = func(b *Batch) {
				if b.To == agreed.id {
					b.Heartbeats = nil // it hears no new offer
				}
				if b.From == agreed.id {
					b.Wakes, b.Responses = nil, nil
				}
			}
			for range 8 {
				if w.tick(); lead.replicaOf(1).asleep && !agreed.replicaOf(1).asleep {
					t.Fatalf("the leader sleeps because store %d has agreed before, and store %d now", agreed.id, third.id)
				}
			}
		})
	}
}

// Nor does such agreement count if it was under way meanwhile.
func TestAgreementToAnEarlierOfferDoesNotCount(t *testing.T) {
	w, lead, agreed, third := halfAgreed(t)
	o := lead.store.offers[0]
	p := lead.store.peers[lead.store.peerOf(agreed.id)]
	b := &Batch{
		From: agreed.id, To: lead.id, Incarnation: agreed.incarnation, Number: p.number + 1,
		HeardIncarnation: lead.incarnation, HeardNumber: p.sent,
		Responses: []Heartbeat{{Group: 1, From: agreed.id, To: lead.id, Term: o.term, Commit: o.commit, Sleep: true}},
	}
	w.cut[[2]uint64{agreed.id, lead.id}] = true
	w.cut[[2]uint64{lead.id, agreed.id}] = true
	w.read(lead, 1)
	delete(w.cut, [2]uint64{third.id, lead.id})
	w.ticks(7)
	if o = lead.store.offers[0]; o == nil || !o.has(third.id) {
		t.Fatalf("the offer of now: %+v", o)
	}
	_ = lead.store.Step(b)
	if lead.replicaOf(1).asleep {
		t.Error("the leader sleeps")
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
