package multiraft

import (
	"fmt"
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// sleeping makes n groups on three stores, and lets all of them fall asleep.
func sleeping(tb testing.TB, n int, tune func(*Config)) *world {
	tb.Helper()
	w := three(tb, n, tune)
	w.electAll()
	w.fallAsleep(n * 3)
	return w
}

// fallAsleep lets time pass until so many replicas sleep.
func (w *world) fallAsleep(replicas int) {
	w.tb.Helper()
	for range 300 {
		if w.asleep() == replicas {
			return
		}
		w.tick()
	}
	w.tb.Fatalf("%d replicas sleep, want %d", w.asleep(), replicas)
}

// led returns the groups that a store leads.
func (w *world) led(id uint64) (groups []uint64) {
	for g := uint64(1); g <= uint64(len(w.history)); g++ {
		if lead := w.leader(g); lead != nil && lead.id == id {
			groups = append(groups, g)
		}
	}
	return groups
}

// spread moves the leaders so that each of three stores leads a third of the groups.
func (w *world) spread() {
	w.tb.Helper()
	for g := uint64(1); g <= uint64(len(w.history)); g++ {
		target := g%3 + 1
		if lead := w.leader(g); lead.id != target {
			if err := lead.store.Do(g, func(n *raft.RawNode) error { n.TransferLeader(target); return nil }); err != nil {
				w.tb.Fatal(err)
			}
		}
	}
	w.ticks(5)
	for g := uint64(1); g <= uint64(len(w.history)); g++ {
		if lead := w.leader(g); lead == nil || lead.id != g%3+1 {
			w.tb.Fatalf("group %d is not led by %d", g, g%3+1)
		}
	}
}

func TestAProposalWakesASleepingGroup(t *testing.T) {
	w := sleeping(t, 10, nil)
	for id := uint64(1); id <= 3; id++ { // at the leader or a follower
		m := w.stores[id-1]
		if err := m.store.Propose(id, []byte("x")); err != nil {
			t.Fatal(err)
		}
		w.settle()
		applied := m.disks[id].applied
		if string(applied[len(applied)-1].Data) != "x" {
			t.Errorf("group %d: applied %v", id, applied[len(applied)-1])
		}
	}
	if n := w.asleep(); n != 21 {
		t.Errorf("%d replicas sleep, and should of 7 groups", n)
	}
	w.fallAsleep(30)
}

func TestADeadStoreWakesTheGroupsThatItLedAndNoOthers(t *testing.T) {
	w := sleeping(t, 30, nil)
	w.spread()
	w.fallAsleep(90)
	before := map[uint64]uint64{}
	for g := range w.history {
		before[g] = w.leader(g).replicaOf(g).node.BasicStatus().Term
	}
	lost := w.led(1)
	w.crash(1)
	w.ticks(9)
	if n := w.asleep(); n != 60 {
		t.Errorf("%d replicas sleep before the store counts as silent", n)
	}
	// The silence, the longest election timeout, and some tries for votes that were split.
	w.ticks(1 + 20 + 40)
	for _, g := range lost {
		if lead := w.leader(g); lead == nil || lead.id == 1 {
			t.Errorf("group %d has no leader", g)
		}
	}
	for g, term := range before {
		if lead := w.leader(g); g%3+1 != 1 && (lead.replicaOf(g).node.BasicStatus().Term != term || !lead.replicaOf(g).asleep) {
			t.Errorf("group %d, which the dead store did not lead, was woken", g)
		}
	}
}

// Members do not split the votes: each group has a leader after the silence and one timeout.
func TestMembersOfADeadStoresGroupsCampaignOneAfterAnother(t *testing.T) {
	w := sleeping(t, 150, nil)
	w.spread()
	w.fallAsleep(450)
	lost := w.led(1)
	w.crash(1)
	w.ticks(10 + 19 + 1)
	heirs := map[uint64]int{}
	for _, g := range lost {
		lead := w.leader(g)
		if lead == nil {
			t.Fatalf("group %d has no leader", g)
		}
		heirs[lead.id]++
	}
	if heirs[2] < len(lost)/3 || heirs[3] < len(lost)/3 {
		t.Errorf("of %d groups store 2 leads %d and store 3 %d", len(lost), heirs[2], heirs[3])
	}
}

func TestARestartIsNoticedByItsIncarnation(t *testing.T) {
	w := sleeping(t, 30, nil)
	w.spread()
	w.fallAsleep(90)
	lost := w.led(2)
	w.crash(2)
	w.ticks(2) // too short for silence
	w.boot(w.stores[1])
	w.ticks(60)
	for _, g := range lost {
		if w.leader(g) == nil {
			t.Errorf("group %d, led by a store that has restarted, has no leader", g)
		}
	}
	w.fallAsleep(90)
}

// Nobody is left on the store who would campaign and wake the others.
func TestFollowersOfAStoreThatLostItsDisksAreWoken(t *testing.T) {
	w := sleeping(t, 1, nil)
	lead := w.leader(1)
	w.crash(lead.id)
	lead.disks[1] = nil
	w.ticks(2)
	w.boot(lead)
	w.ticks(25)
	if got := w.leader(1); got == nil || got == lead {
		t.Error("the group has no leader")
	}
}

// Those whose turn to wake has not come when the store is there again wake all the same.
func TestARestartWakesAllGroupsThatTheStoreLed(t *testing.T) {
	w := sleeping(t, 60, func(c *Config) { c.SleepTicks, c.MaxWakes = 5, 1 })
	w.spread()
	w.fallAsleep(180)
	lost := w.led(1)
	w.crash(1)
	w.ticks(12) // silent, and some are awake
	for _, g := range lost {
		w.stores[0].disks[g] = nil
	}
	w.boot(w.stores[0])
	for _, m := range w.stores[1:] {
		m.store.cfg.SleepTicks = 1000
	}
	w.ticks(25)
	for _, g := range lost {
		for _, m := range w.stores[1:] {
			if m.replicaOf(g).asleep {
				t.Errorf("group %d sleeps on store %d", g, m.id)
			}
		}
	}
}

// The members of groups that others lead, on a store that has restarted, are told so by their
// leaders. They need not campaign.
func TestARestartedFollowerSleepsAgainWithoutACampaign(t *testing.T) {
	w := sleeping(t, 30, nil)
	w.spread()
	w.fallAsleep(90)
	w.crash(2)
	w.ticks(2)
	w.sent = map[string]int{}
	w.boot(w.stores[1])
	w.ticks(4)
	for g := uint64(1); g <= 30; g++ {
		if g%3+1 != 2 && w.stores[1].replicaOf(g).node.BasicStatus().Lead != g%3+1 {
			t.Errorf("group %d: the restarted member does not know its leader", g)
		}
	}
	if n := w.sent[pb.MsgPreVote.String()]; n > 0 {
		t.Errorf("%d requests for votes", n)
	}
}

func TestAStoreThatHearsNobodyEndsItsLeaderships(t *testing.T) {
	w := sleeping(t, 9, nil)
	w.spread()
	w.fallAsleep(27)
	// It is still heard by the others, so nobody else could know.
	w.cut[[2]uint64{2, 1}], w.cut[[2]uint64{3, 1}] = true, true
	w.ticks(35)
	for g := uint64(1); g <= 9; g++ {
		if st := w.stores[0].replicaOf(g).node.BasicStatus(); st.RaftState == raft.StateLeader {
			t.Errorf("group %d: a leader that hears nobody leads on", g)
		}
	}
	w.ticks(60)
	for g := uint64(1); g <= 9; g++ {
		if lead := w.leader(g); lead == nil || lead.id == 1 {
			t.Errorf("group %d has no leader on the other side", g)
		}
	}
}

func TestAStoreThatIsNotHeardLosesItsLeaderships(t *testing.T) {
	w := sleeping(t, 9, nil)
	w.spread()
	w.fallAsleep(27)
	w.cut[[2]uint64{1, 2}], w.cut[[2]uint64{1, 3}] = true, true
	w.ticks(100)
	for g := uint64(1); g <= 9; g++ {
		if lead := w.leader(g); lead == nil || lead.id == 1 {
			t.Errorf("group %d has no leader on the other side", g)
		}
	}
}

func TestFollowersAreWokenWhenTheirLeaderIsTakenAway(t *testing.T) {
	w := sleeping(t, 3, nil)
	g := uint64(2)
	lead := w.leader(g)
	w.loss = 60 // the first words are lost, and repeated
	if err := lead.store.RemoveGroup(g); err != nil {
		t.Fatal(err)
	}
	w.ticks(15)
	w.loss = 0
	w.ticks(60)
	if got := w.leader(g); got == nil || got == lead {
		t.Error("the group has no leader")
	}
	for _, m := range w.stores {
		for _, p := range m.store.peers {
			if len(p.wakes) > 0 {
				t.Errorf("store %d repeats what store %d has confirmed: %v", m.id, p.store, p.wakes)
			}
		}
	}
}

// What a follower's store confirms does not include what it has not heard.
func TestAWakeIsRepeatedUntilItHasArrived(t *testing.T) {
	w := sleeping(t, 1, nil)
	lead := w.leader(1)
	for _, m := range w.stores {
		if m != lead {
			w.cut[[2]uint64{lead.id, m.id}] = true
		}
	}
	if err := lead.store.RemoveGroup(1); err != nil {
		t.Fatal(err)
	}
	w.ticks(5) // which is too short for silence
	if n := w.asleep(); n != 2 {
		t.Fatalf("%d followers sleep", n)
	}
	clear(w.cut)
	w.ticks(1)
	if n := w.asleep(); n != 0 {
		t.Errorf("%d followers sleep when they have been told", n)
	}
}

func TestARestartWakesNoLeaderWithoutAMemberThere(t *testing.T) {
	w := newWorld(t, 1, 4)
	w.start()
	w.group(1, 1, 2, 3)
	w.group(2, 1, 2, 4)
	w.electAll()
	w.fallAsleep(6)
	for g := uint64(1); g <= 2; g++ {
		if lead := w.leader(g); lead.id != 1 {
			_ = lead.store.Do(g, func(n *raft.RawNode) error { n.TransferLeader(1); return nil })
		}
	}
	w.ticks(3)
	w.fallAsleep(6)
	touched := w.stores[0].store.groups[w.stores[0].store.index[1]].active
	w.crash(4)
	w.ticks(1)
	w.boot(w.stores[3])
	w.ticks(60)
	if r := w.stores[0].replicaOf(1); !r.asleep || r.active != touched {
		t.Errorf("a group without a member on the store was woken: asleep %t", r.asleep)
	}
	if n := w.asleep(); n != 6 {
		t.Errorf("%d replicas sleep", n)
	}
}

// A leader that loses its leadership while followers sleep, because not all had agreed, owes them a
// word.
func TestFollowersAreWokenWhenTheirLeaderStepsDown(t *testing.T) {
	w := three(t, 1, nil)
	w.electAll()
	lead := w.leader(1)
	var follower, other *machine
	for _, m := range w.stores {
		if m != lead && follower == nil {
			follower = m
		} else if m != lead {
			other = m
		}
	}
	w.ticks(3)
	w.crash(other.id)
	for range 50 {
		if follower.replicaOf(1).asleep {
			break
		}
		w.tick()
	}
	if !follower.replicaOf(1).asleep || lead.replicaOf(1).asleep {
		t.Fatalf("asleep: follower %t, leader %t", follower.replicaOf(1).asleep, lead.replicaOf(1).asleep)
	}
	w.cut[[2]uint64{follower.id, lead.id}] = true
	w.sent = map[string]int{}
	for range 40 {
		w.tick()
		if lead.replicaOf(1).node.BasicStatus().RaftState != raft.StateLeader {
			break
		}
	}
	w.ticks(1)
	if follower.replicaOf(1).asleep || w.sent["wake"] == 0 {
		t.Errorf("the follower of a leader that has stepped down sleeps: %t; wakes sent: %d", follower.replicaOf(1).asleep, w.sent["wake"])
	}
}

// offerTo returns a follower's store and an offer that it would agree to.
func offerTo(t *testing.T) (w *world, m *machine, offer *Batch) {
	w = three(t, 1, nil)
	w.electAll()
	w.ticks(3)
	lead := w.leader(1)
	m = w.stores[lead.id%3]
	st := lead.replicaOf(1).node.BasicStatus()
	p := m.store.peers[m.store.peerOf(lead.id)]
	return w, m, &Batch{
		From: lead.id, To: m.id, Incarnation: p.incarnation, Number: p.number + 1, HeardIncarnation: m.incarnation,
		Heartbeats: []Heartbeat{{Group: 1, From: lead.id, To: m.id, Term: st.Term, Commit: st.Commit, Sleep: true}},
	}
}

func TestAFollowerAgreesOnlyToAFreshOfferOfWhatItHas(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(w *world, m *machine, b *Batch)
		agrees bool
	}{
		{"as it is", func(w *world, m *machine, b *Batch) {}, true},
		{"overtaken", func(w *world, m *machine, b *Batch) { b.Number-- }, false},
		{"of an earlier life", func(w *world, m *machine, b *Batch) { b.Incarnation-- }, false},
		{"of an earlier commit index", func(w *world, m *machine, b *Batch) { b.Heartbeats[0].Commit-- }, false},
		{"of an earlier term", func(w *world, m *machine, b *Batch) { b.Heartbeats[0].Term-- }, false},
		{"with the end of the leadership", func(w *world, m *machine, b *Batch) { b.Wakes = []uint64{1} }, false},
		{"and the store restarts", func(w *world, m *machine, b *Batch) {
			_ = m.store.Step(b)
			*b = Batch{From: b.From, To: b.To, Incarnation: b.Incarnation + 1, Number: 1}
		}, false},
		{"and a read begins", func(w *world, m *machine, b *Batch) {
			_ = m.store.Step(b)
			_ = m.store.ReadIndex(1, []byte("r"))
			*b = Batch{From: b.From, To: b.To, Incarnation: b.Incarnation, Number: b.Number + 1}
		}, false},
		{"and its store falls silent before it is answered", func(w *world, m *machine, b *Batch) {
			_ = m.store.Step(b)
			_ = m.store.Do(1, func(n *raft.RawNode) error { return n.SetRandomizedElectionTimeout(30) })
			for range 10 {
				m.store.Tick()
			}
			third := 6 - b.From - m.id
			p := m.store.peers[m.store.peerOf(third)]
			*b = Batch{From: third, To: m.id, Incarnation: p.incarnation, Number: p.number + 1}
		}, false},
		{"of a group that may not sleep", func(w *world, m *machine, b *Batch) { m.replicaOf(1).maySleep = false }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, m, b := offerTo(t)
			c.change(w, m, b)
			_ = m.store.Step(b)
			marks := 0
			for m.store.HasReady() {
				rd := m.store.Ready()
				for _, b := range rd.Batches {
					for _, r := range b.Responses {
						if r.Sleep {
							marks++
						}
					}
				}
				m.store.Advance(rd)
			}
			if got := m.replicaOf(1).asleep; got != c.agrees || marks == 1 != c.agrees {
				t.Errorf("sleeps: %t, and says so %d times; want %t", got, marks, c.agrees)
			}
		})
	}
}

func TestAnOfferDoesNotWakeWhoAgrees(t *testing.T) {
	w, m, b := offerTo(t)
	for range 3 {
		_ = m.store.Step(b)
		w.work(m)
		if !m.replicaOf(1).asleep {
			t.Fatal("it woke")
		}
		b.Number++
	}
	b.Heartbeats[0].Sleep = false // its leader is awake
	_ = m.store.Step(b)
	if m.replicaOf(1).asleep {
		t.Error("it sleeps although its leader is awake")
	}
}

// The node of a sleeper has not seen the time yet. So it only takes a heartbeat that changes
// nothing.
func TestAnOfferOfSomethingElseWakesASleeper(t *testing.T) {
	for name, change := range map[string]func(h *Heartbeat){
		"term":   func(h *Heartbeat) { h.Term++ },
		"commit": func(h *Heartbeat) { h.Commit-- },
		"none":   func(h *Heartbeat) {},
	} {
		_, m, b := offerTo(t)
		m.store.sleep(0)
		change(&b.Heartbeats[0])
		_ = m.store.Step(b)
		if got := m.replicaOf(1).asleep; got != (name == "none") {
			t.Errorf("another %s: it sleeps: %t", name, got)
		}
	}
}

func TestAFollowerThatDoesNotAgreeKeepsItsLeaderAwake(t *testing.T) {
	w := three(t, 1, nil)
	w.stores[2].store.groups[0].maySleep = false
	w.electAll()
	w.ticks(100)
	if lead := w.leader(1); lead.replicaOf(1).asleep {
		t.Error("the leader sleeps")
	}
	// Nor does it take another's agreement for this one's.
	if w.stores[2].replicaOf(1).asleep {
		t.Error("who does not agree sleeps")
	}
}

// An offer is of a term and commit index. When these have moved, the leader makes another.
func TestAnOfferIsRenewedAfterACommit(t *testing.T) {
	w := three(t, 1, nil)
	w.electAll()
	lead := w.leader(1)
	m := w.stores[lead.id%3]
	w.ticks(3)
	w.cut[[2]uint64{lead.id, m.id}] = true
	for range 50 {
		if len(lead.store.offers) > 0 {
			break
		}
		w.tick()
	}
	if len(lead.store.offers) == 0 {
		t.Fatal("no offer")
	}
	if err := w.propose(1, "x"); err != nil {
		t.Fatal(err)
	}
	w.settle()
	clear(w.cut)
	w.fallAsleep(3)
}

// Who is woken by its leader need not say so.
func TestALeaderThatSpeaksIsNotTold(t *testing.T) {
	w := sleeping(t, 1, nil)
	w.sent = map[string]int{}
	if err := w.propose(1, "x"); err != nil {
		t.Fatal(err)
	}
	w.ticks(2)
	if w.asleep() != 0 || w.sent["wake"] != 0 {
		t.Errorf("%d replicas sleep, %d wakes were sent", w.asleep(), w.sent["wake"])
	}
}

func TestALeaderOffersNothingWhileAMemberLacksAnEntry(t *testing.T) {
	w := three(t, 1, nil)
	w.electAll()
	w.crash(w.leader(1).id%3 + 1)
	if err := w.propose(1, "x"); err != nil {
		t.Fatal(err)
	}
	offers := 0
	w.tamper = func(b *Batch) {
		for _, h := range b.Heartbeats {
			if h.Sleep {
				offers++
			}
		}
	}
	w.ticks(50)
	if offers > 0 {
		t.Errorf("%d offers", offers)
	}
}

func TestALeaderCountsAgreementToItsPresentOfferOnly(t *testing.T) {
	for _, c := range []struct {
		name         string
		term, commit uint64 // less than those of the offer
		sleeps       bool
	}{{"the same", 0, 0, true}, {"an earlier term", 1, 0, false}, {"an earlier commit index", 0, 1, false}} {
		t.Run(c.name, func(t *testing.T) {
			w := three(t, 1, nil)
			w.electAll()
			w.ticks(1)
			lead := w.leader(1)
			s := lead.store
			for s.offers[0] == nil {
				w.now++
				s.Tick()
				w.work(lead)
				w.wire = nil
			}
			o := s.offers[0]
			for _, m := range w.stores {
				if m != lead {
					s.peers[s.peerOf(m.id)].confirmedAt = s.clock
					_ = s.stepResponse(s.peerOf(m.id), &Heartbeat{Group: 1, From: m.id, To: lead.id, Term: o.term - c.term, Commit: o.commit - c.commit, Sleep: true}, true)
				}
			}
			if got := s.groups[0].asleep; got != c.sleeps {
				t.Errorf("sleeps: %t", got)
			}
		})
	}
}

func TestALeaderThatSleepsIsWokenByDisagreementOnly(t *testing.T) {
	w := sleeping(t, 1, nil)
	lead := w.leader(1)
	st := lead.replicaOf(1).node.BasicStatus()
	from := lead.id%3 + 1
	p := lead.store.peers[lead.store.peerOf(from)]
	b := Batch{
		From: from, To: lead.id, Incarnation: p.incarnation, Number: p.number + 1, HeardIncarnation: lead.incarnation,
		Responses: []Heartbeat{{Group: 1, From: from, To: lead.id, Term: st.Term, Commit: st.Commit, Sleep: true}},
	}
	if _ = lead.store.Step(&b); !lead.replicaOf(1).asleep {
		t.Error("agreement that is late wakes it")
	}
	b.Responses[0].Sleep = false
	if _ = lead.store.Step(&b); lead.replicaOf(1).asleep {
		t.Error("a member that is awake does not wake it")
	}
}

func TestOnlyGroupsWhoseStoreIsMissedInTimeSleep(t *testing.T) {
	w := newWorld(t, 1, 3)
	w.tune = func(c *Config) { c.ElectionTick = 11 }
	w.start()
	w.group(1, 1, 2, 3)
	w.electAll()
	w.ticks(60)
	if n := w.asleep(); n != 0 {
		t.Errorf("%d replicas sleep that would campaign before their store notices", n)
	}
}

// Without pre-vote, a member that wakes alone would end the leader's term if its leader slept on.
func TestAFollowerThatWakesAloneHearsOfItsLeaderAgain(t *testing.T) {
	w := newWorld(t, 1, 3)
	w.tuneGroup = func(c *raft.Config) { c.PreVote, c.CheckQuorum = false, false }
	w.start()
	w.group(1, 1, 2, 3)
	w.electAll()
	w.fallAsleep(3)
	lead := w.leader(1)
	term := lead.replicaOf(1).node.BasicStatus().Term
	m := w.stores[lead.id%3]
	w.cut[[2]uint64{m.id, lead.id}] = true // its first words are lost
	if err := m.store.Do(1, func(*raft.RawNode) error { return nil }); err != nil {
		t.Fatal(err)
	}
	w.ticks(3)
	clear(w.cut)
	w.ticks(2)
	if lead.replicaOf(1).asleep {
		t.Error("the leader of a follower that is awake sleeps")
	}
	w.fallAsleep(3)
	if now := lead.replicaOf(1).node.BasicStatus(); now.Term != term || now.RaftState != raft.StateLeader {
		t.Errorf("the leader of term %d is %s at term %d", term, now.RaftState, now.Term)
	}
}

// leased makes a group with leases, asleep.
func leased(t *testing.T) (w *world, lead *machine, lease func() bool) {
	w = newWorld(t, 1, 3)
	w.tuneGroup = func(c *raft.Config) { c.LeaseDriftTicks = 1 }
	w.start()
	w.group(1, 1, 2, 3)
	w.electAll()
	w.ticks(3)
	w.fallAsleep(3)
	w.ticks(30)
	lead = w.leader(1)
	return w, lead, func() (ok bool) {
		_ = lead.store.Do(1, func(n *raft.RawNode) error { _, ok = n.LeaseRead(); return nil })
		return ok
	}
}

func TestBeatsKeepTheLeaseOfASleepingLeader(t *testing.T) {
	_, _, lease := leased(t)
	if !lease() {
		t.Error("no lease although all stores have answered")
	}
}

// The lease counts from when the newest beat was sent that a quorum has answered.
func TestALeaseEndsWhenBeatsAreNotAnswered(t *testing.T) {
	for missed, want := range map[int]bool{7: true, 8: false} {
		w, lead, lease := leased(t)
		for _, m := range w.stores {
			w.cut[[2]uint64{lead.id, m.id}] = true // its beats get lost, theirs do not
		}
		w.ticks(missed)
		if got := lease(); got != want {
			t.Errorf("a lease after %d ticks without an answer: %t", missed, got)
		}
	}
}

// A member that has restarted has promised nothing in its new life.
func TestBeatsOfAStoreThatHasRestartedKeepNoLease(t *testing.T) {
	w, lead, lease := leased(t)
	lead.store.cfg.MaxWakes = 0 // it does not get to look at its leaders
	other := w.stores[(lead.id+1)%3]
	w.crash(other.id)
	m := w.stores[lead.id%3]
	w.crash(m.id)
	w.ticks(1)
	w.boot(m)
	m.store.cfg.MaxWakes = 0
	w.ticks(8)
	if lease() {
		t.Error("a lease after eight ticks")
	}
}

// A leader steps down as soon as if its heartbeats had not been answered, although other stores are
// heard.
func TestALeaderThatLosesItsQuorumStepsDownInTime(t *testing.T) {
	w := newWorld(t, 1, 5)
	w.start()
	w.group(1, 1, 2, 3)
	w.group(2, 1, 2, 4)
	w.electAll()
	for g := uint64(1); g <= 2; g++ {
		lead := w.leader(g)
		_ = lead.store.Do(g, func(n *raft.RawNode) error { n.TransferLeader(1); return nil })
	}
	w.ticks(3)
	w.fallAsleep(6)
	w.crash(2)
	w.crash(3)
	w.ticks(9)
	if n := w.asleep(); n != 3 {
		t.Fatalf("%d replicas sleep before the stores count as silent", n)
	}
	w.ticks(11)
	if st := w.stores[0].replicaOf(1).node.BasicStatus(); st.RaftState == raft.StateLeader {
		t.Error("it leads without a quorum for two election timeouts")
	}
	if r := w.stores[0].replicaOf(2); !r.asleep || !r.leads {
		t.Error("the leader that has a quorum was woken")
	}
}

// It may not get to wake in time. The check that has failed meanwhile fails then.
func TestALeaderThatWakesLateHasLostItsQuorumInTime(t *testing.T) {
	w := sleeping(t, 1, nil)
	lead := w.leader(1)
	lead.store.cfg.MaxWakes = 0
	for _, m := range w.stores {
		if m != lead {
			w.crash(m.id)
		}
	}
	w.ticks(25)
	if !lead.replicaOf(1).asleep {
		t.Fatal("it is awake")
	}
	_ = lead.store.Do(1, func(n *raft.RawNode) error {
		if n.BasicStatus().RaftState == raft.StateLeader {
			t.Error("it leads after 25 ticks without a quorum")
		}
		return nil
	})
}

func TestALeaderDoesNotSleepWhoseQuorumDoesNotAnswer(t *testing.T) {
	w := three(t, 1, nil)
	w.electAll()
	w.ticks(1)
	lead := w.leader(1)
	for range 10 {
		lead.store.Tick()
	}
	lead.store.sleep(0)
	if lead.replicaOf(1).asleep {
		t.Error("it sleeps")
	}
	w.ticks(1)
	lead.store.sleep(0)
	if !lead.replicaOf(1).asleep {
		t.Error("it does not sleep although all have answered")
	}
}

// A quarantined replica neither leads nor answers.
func TestAQuarantineWakesTheOthers(t *testing.T) {
	for _, leads := range []bool{true, false} {
		w := sleeping(t, 1, nil)
		m := w.leader(1)
		if !leads {
			m = w.stores[m.id%3]
		}
		other := w.leader(1)
		if leads {
			other = w.stores[m.id%3]
		}
		m.store.fail(0, errDisk)
		w.ticks(1)
		if other.replicaOf(1).asleep {
			t.Errorf("a replica that leads: %t is quarantined, and another sleeps", leads)
		}
	}
}

// A leader of before has its followers woken, too. The present one has to know.
func TestAFollowerThatAnotherStoreHasWokenWakesItsLeader(t *testing.T) {
	w := sleeping(t, 1, nil)
	lead := w.leader(1)
	m, third := w.stores[lead.id%3], w.stores[(lead.id+1)%3]
	_ = m.store.Step(&Batch{From: third.id, To: m.id, Incarnation: third.incarnation, Number: 1000, Wakes: []uint64{1}})
	w.ticks(1)
	if m.replicaOf(1).asleep || lead.replicaOf(1).asleep {
		t.Errorf("asleep: follower %t, leader %t", m.replicaOf(1).asleep, lead.replicaOf(1).asleep)
	}
}

// A follower's election timeout counts from its leader's last beat.
func TestAFollowerCountsFromTheLastBeat(t *testing.T) {
	w := sleeping(t, 1, nil)
	lead := w.leader(1)
	m := w.stores[lead.id%3]
	w.ticks(20)
	w.crash(lead.id)
	w.ticks(6)
	if r := m.replicaOf(1); !r.asleep {
		t.Fatal("it is awake")
	}
	_ = m.store.Do(1, func(n *raft.RawNode) error {
		_ = n.SetRandomizedElectionTimeout(10)
		if got := n.NextDue(); got != 4 {
			t.Errorf("its election timeout of 10 ticks ends in %d, and the last beat came 6 ticks ago", got)
		}
		return nil
	})
}

// A store that has not heard another for long has woken the groups that it leads. If that was the
// network's fault, the leaders have to know.
func TestALeaderLearnsThatItsFollowersWereWoken(t *testing.T) {
	w := sleeping(t, 1, nil)
	lead := w.leader(1)
	m := w.stores[lead.id%3]
	w.cut[[2]uint64{lead.id, m.id}], w.cut[[2]uint64{m.id, lead.id}] = true, true
	w.ticks(9)
	w.tamper = func(b *Batch) { b.Messages = nil } // so that nothing else wakes the leader
	w.ticks(2)
	if m.replicaOf(1).asleep || !lead.replicaOf(1).asleep {
		t.Fatalf("asleep: follower %t, leader %t", m.replicaOf(1).asleep, lead.replicaOf(1).asleep)
	}
	clear(w.cut)
	before := lead.store.touched
	w.ticks(2)
	if lead.store.touched == before {
		t.Error("the leader sleeps on")
	}
	w.tamper = nil
	w.fallAsleep(3)
	w.ticks(3)
	before = lead.store.touched
	w.ticks(9)
	if lead.store.touched != before {
		t.Error("it is woken again for the same reason")
	}
}

// The next life of a store counts its batches from 1 again.
func TestALeaderLearnsThatFollowersWereWokenInALaterLife(t *testing.T) {
	w := sleeping(t, 1, nil)
	lead := w.leader(1)
	m := w.stores[lead.id%3]
	b := &Batch{From: m.id, To: lead.id, Incarnation: m.incarnation, Number: 1000, AwakeSince: 1000}
	_ = lead.store.Step(b)
	*b = Batch{From: m.id, To: lead.id, Incarnation: m.incarnation + 1, Number: 1}
	_ = lead.store.Step(b)
	lead.store.Tick()
	if lead.replicaOf(1).asleep {
		t.Fatal("the leader sleeps although a member has restarted")
	}
	lead.store.sleep(lead.store.index[1])
	b.Number, b.AwakeSince = 2, 2
	_ = lead.store.Step(b)
	lead.store.Tick()
	if lead.replicaOf(1).asleep {
		t.Error("the leader sleeps although its followers were woken")
	}
}

// What a batch wakes had ended before the batch was sent. So the batch is no heartbeat for it.
func TestABatchIsNoHeartbeatForWhatItWakes(t *testing.T) {
	w := sleeping(t, 1, nil)
	lead := w.leader(1)
	m := w.stores[lead.id%3]
	p := m.store.peers[m.store.peerOf(lead.id)]
	for range 4 {
		m.store.Tick()
	}
	_ = m.store.Step(&Batch{From: lead.id, To: m.id, Incarnation: p.incarnation, Number: p.number + 1, Wakes: []uint64{1}})
	_ = m.store.Do(1, func(n *raft.RawNode) error {
		_ = n.SetRandomizedElectionTimeout(10)
		if got := n.NextDue(); got != 6 {
			t.Errorf("an election timeout of 10 ticks ends in %d, and the last heartbeat came 4 ticks ago", got)
		}
		return nil
	})
}

func TestWhatAnEarlierLifeSentIsNotConfirmed(t *testing.T) {
	w := sleeping(t, 1, nil)
	m := w.stores[0]
	p := m.store.peers[m.store.peerOf(2)]
	m.store.oweWake(m.store.peerOf(2), 1)
	m.store.Tick()
	before := p.answeredAt
	b := &Batch{From: 2, To: 1, Incarnation: p.incarnation, Number: p.number + 1, HeardIncarnation: m.incarnation - 1, HeardNumber: 1 << 30}
	_ = m.store.Step(b)
	if len(p.wakes) == 0 || p.answeredAt != before {
		t.Errorf("a batch of an earlier life counts as confirmed: %+v", p)
	}
}

// Beats of others show that their stores live, and not that this one is heard.
func TestALeaderThatIsNotHeardStepsDown(t *testing.T) {
	w := sleeping(t, 1, nil)
	lead := w.leader(1)
	for _, m := range w.stores {
		w.cut[[2]uint64{lead.id, m.id}] = true
	}
	w.tamper = func(b *Batch) {
		b.Messages, b.AwakeSince, b.Wakes, b.Responses = nil, 0, nil, nil // so that nobody tells it
	}
	w.ticks(22)
	if st := lead.replicaOf(1).node.BasicStatus(); st.RaftState == raft.StateLeader {
		t.Error("it leads for two election timeouts without an answer")
	}
}

func TestAgreementThatIsNotFreshDoesNotCount(t *testing.T) {
	w := three(t, 1, nil)
	w.electAll()
	w.ticks(1)
	lead := w.leader(1)
	s := lead.store
	for s.offers[0] == nil {
		w.now++
		s.Tick()
		w.work(lead)
		w.wire = nil
	}
	o := *s.offers[0]
	agreement := func(m *machine, number uint64) *Batch {
		return &Batch{
			From: m.id, To: lead.id, Incarnation: m.incarnation, Number: number, HeardIncarnation: lead.incarnation,
			HeardNumber: s.peers[s.peerOf(m.id)].sent,
			Responses:   []Heartbeat{{Group: 1, From: m.id, To: lead.id, Term: o.term, Commit: o.commit, Sleep: true}},
		}
	}
	a, b := w.stores[lead.id%3], w.stores[(lead.id+1)%3]
	_ = s.Step(agreement(a, 1000))
	heard := agreement(b, 1000) // of the offer, without agreement
	heard.Responses = nil
	_ = s.Step(heard)
	_ = s.Step(agreement(b, 1))
	if s.groups[0].asleep {
		t.Fatal("agreement that was overtaken counts")
	}
	// Who has agreed and is awake since does not count either.
	_ = s.Step(&Batch{From: a.id, To: lead.id, Incarnation: a.incarnation, Number: 1001, Wakes: []uint64{1}})
	_ = s.Step(agreement(b, 1001))
	if s.groups[0].asleep {
		t.Error("agreement that was taken back counts")
	}
}

func TestAgreementFromBeforeARestartDoesNotCount(t *testing.T) {
	for name, again := range map[string]Batch{
		"restart": {Incarnation: 1, Number: 1}, "silence": {Number: 1001, AwakeSince: 1001}, "nothing": {Number: 1001},
	} {
		w := three(t, 1, nil)
		w.electAll()
		w.ticks(1)
		lead := w.leader(1)
		s := lead.store
		for s.offers[0] == nil {
			w.now++
			s.Tick()
			w.work(lead)
			w.wire = nil
		}
		o := *s.offers[0]
		agree := func(m *machine) {
			_ = s.Step(&Batch{
				From: m.id, To: lead.id, Incarnation: m.incarnation, Number: 1000, HeardIncarnation: lead.incarnation,
				HeardNumber: s.peers[s.peerOf(m.id)].sent,
				Responses:   []Heartbeat{{Group: 1, From: m.id, To: lead.id, Term: o.term, Commit: o.commit, Sleep: true}},
			})
		}
		a, b := w.stores[lead.id%3], w.stores[(lead.id+1)%3]
		agree(a)
		again.HeardIncarnation = lead.incarnation
		again.From, again.To, again.Incarnation = a.id, lead.id, a.incarnation+again.Incarnation
		_ = s.Step(&again)
		agree(b)
		if got := s.groups[0].asleep; got != (name == "nothing") {
			t.Errorf("%s: the leader sleeps: %t", name, got)
		}
	}
}

func TestCampaignsAreBoundedInATick(t *testing.T) {
	for name, wakes := range map[string]int{"all wake at once": 0, "they wake late": 2} {
		t.Run(name, func(t *testing.T) { testBoundOfCampaigns(t, wakes) })
	}
}

func testBoundOfCampaigns(t *testing.T, wakes int) {
	w := sleeping(t, 60, func(c *Config) { c.SleepTicks, c.MaxCampaigns, c.MaxWakes = 5, 1, wakes })
	w.spread()
	w.fallAsleep(180)
	w.crash(1)
	most := 0
	for range 150 {
		w.sent = map[string]int{}
		w.tick()
		most = max(most, w.sent[pb.MsgPreVote.String()])
	}
	if most != 2*2 { // two stores, one campaign each, two members to ask
		t.Errorf("%d requests for pre-votes in a tick", most)
	}
	for g := range w.history {
		if w.leader(g) == nil {
			t.Errorf("group %d has no leader", g)
		}
	}
}

func TestWakesAreBoundedInATick(t *testing.T) {
	w := sleeping(t, 60, func(c *Config) { c.SleepTicks, c.MaxWakes = 5, 3 })
	w.spread()
	w.fallAsleep(180)
	w.crash(1)
	w.ticks(9)
	for i := range 5 {
		if got, want := w.asleep(), 120-6*i; got != want {
			t.Fatalf("%d replicas sleep, want %d", got, want)
		}
		w.tick()
	}
	// If the store is heard again meanwhile, the others sleep on.
	m := w.stores[0]
	w.boot(m)
	w.crash(1)
	for id := uint64(2); id <= 3; id++ {
		s := w.stores[id-1].store
		p := s.peers[s.peerOf(1)]
		_ = s.Step(&Batch{From: 1, To: id, Incarnation: p.incarnation, Number: p.number + 1})
	}
	before := w.asleep()
	w.ticks(3)
	if after := w.asleep(); after != before {
		t.Errorf("%d replicas woke although their leader's store was heard again", before-after)
	}
}

func TestGroupsOfAForgottenStoreWake(t *testing.T) {
	w := sleeping(t, 9, nil)
	w.spread()
	w.fallAsleep(27)
	s := w.stores[1].store
	s.ForgetStore(1)
	w.now++
	s.Tick()
	for g := uint64(1); g <= 9; g++ {
		if r := w.stores[1].replicaOf(g); r.asleep != (g%3+1 != 1) {
			t.Errorf("group %d sleeps: %t", g, r.asleep)
		}
	}
	s.ForgetStore(3)
	w.now++
	s.Tick()
	for g := uint64(1); g <= 9; g++ {
		if r := w.stores[1].replicaOf(g); r.asleep {
			t.Errorf("group %d sleeps and has lost its leader or its quorum", g)
		}
	}
}

func TestAForgottenStoreGetsNoBeats(t *testing.T) {
	w := sleeping(t, 9, nil)
	w.spread()
	w.crash(1)
	w.stores[1].store.ForgetStore(1)
	w.ticks(100)
	w.batches = 0
	toDead := 0
	w.tamper = func(b *Batch) {
		if b.From == 2 && b.To == 1 && len(b.Heartbeats) == 0 && len(b.Messages) == 0 {
			toDead++
		}
	}
	w.ticks(5)
	if toDead > 0 {
		t.Errorf("%d beats to a store that was forgotten", toDead)
	}
	for g := range w.history {
		if w.leader(g) == nil {
			t.Error(fmt.Sprint("no leader of group ", g))
		}
	}
}
