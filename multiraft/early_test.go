package multiraft

import (
	"fmt"
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

func sendEarly(c *Config) { c.SendEarly, c.SleepTicks = true, -1 }

func typesOf(batches []*Batch) (types []pb.MessageType) {
	for _, b := range batches {
		b.Each(func(_ uint64, m pb.Message) { types = append(types, m.Type) })
	}
	return types
}

// wantReady takes the next Ready of a store, sends what is early, and compares.
func (w *world) wantReady(m *machine, early, late string, writes, durable, others int) *Ready {
	w.tb.Helper()
	rd := w.ready(m)
	var applies [2]int
	for _, a := range rd.Applies {
		if a.Durable {
			applies[0]++
		} else {
			applies[1]++
		}
	}
	got := fmt.Sprintln(typesOf(rd.Early), typesOf(rd.Batches), len(rd.Writes), applies)
	if want := fmt.Sprintln(early, late, writes, [2]int{durable, others}); got != want {
		w.tb.Fatalf("store %d: %s, want %s", m.id, got, want)
	}
	return rd
}

func TestWhatPromisesNothingNeedNotWaitForTheWrite(t *testing.T) {
	w := three(t, 1, sendEarly)
	w.electAll()
	w.ticks(3)
	lead, others := w.others()
	if err := w.propose(1, "x"); err != nil {
		t.Fatal(err)
	}
	rd := w.wantReady(lead, "[MsgApp MsgApp]", "[]", 1, 0, 0)
	w.deliver()
	for _, m := range others {
		w.finish(m, w.wantReady(m, "[]", "[MsgAppResp]", 1, 0, 0))
	}
	w.finish(lead, rd) // all have written at the same time
	w.deliver()
	w.finish(lead, w.wantReady(lead, "[MsgApp MsgApp]", "[]", 1, 1, 0))
	w.deliver()
	for _, m := range others {
		w.finish(m, w.wantReady(m, "[]", "[MsgAppResp]", 1, 1, 0))
	}
	w.settle()

	// Without a write there is nothing to wait for, and one batch for each store.
	lead.store.Tick()
	w.finish(lead, w.wantReady(lead, "[]", "[MsgHeartbeat MsgHeartbeat]", 0, 0, 0))
}

// A follower that catches up gets entries that are committed: they are not durable yet.
func TestEntriesOfTheSameReadyAreNotDurable(t *testing.T) {
	w := three(t, 1, sendEarly)
	w.electAll()
	w.ticks(3)
	lead, others := w.others()
	w.cut[[2]uint64{lead.id, others[0].id}] = true
	if err := w.propose(1, "x"); err != nil {
		t.Fatal(err)
	}
	w.settle()
	clear(w.cut)
	lead.store.Tick()
	for lead.store.HasReady() {
		w.finish(lead, w.ready(lead))
	}
	m := others[0]
	for range 100 {
		w.deliver()
		rd := w.ready(m)
		if len(rd.Applies) > 0 {
			if rd.Applies[0].Durable || len(rd.Writes[0].Entries) == 0 {
				t.Errorf("%+v of %+v", rd.Applies[0], rd.Writes[0])
			}
			return
		}
		w.finish(m, rd)
		w.deliver()
		w.finish(lead, w.ready(lead))
	}
	t.Fatal("the follower does not catch up")
}

// A server that is removed may leave for good as soon as it learns of that. If the leader could
// crash and forget that it has committed the removal, nobody might know of it.
func TestACommittedChangeIsDurableBeforeAnybodyLearnsOfIt(t *testing.T) {
	w := newWorld(t, 1, 2)
	w.tune = sendEarly
	w.start()
	w.group(1, 1, 2)
	w.electAll()
	w.ticks(3)
	lead := w.leader(1)
	other := w.stores[2-lead.id]
	err := lead.store.Do(1, func(n *raft.RawNode) error {
		return n.ProposeConfChange(pb.ConfChange{Type: pb.ConfChangeRemoveNode, NodeID: other.id})
	})
	if err != nil {
		t.Fatal(err)
	}
	w.finish(lead, w.wantReady(lead, "[MsgApp]", "[]", 1, 0, 0))
	w.deliver()
	w.finish(other, w.wantReady(other, "[]", "[MsgAppResp]", 1, 0, 0))
	w.deliver()
	rd := w.ready(lead)
	w.deliver()
	w.crash(lead.id)
	if st := other.replicaOf(1).node.BasicStatus(); st.Commit >= rd.Writes[0].HardState.Commit || rd.Applies[0].Durable {
		t.Fatalf("removed at commit index %d, and the other has forgotten that: %+v", st.Commit, rd.Applies)
	}
}

// If not all that is committed is handed out, the rest may hold a change.
func TestWhatIsCommittedAndNotHandedOutMayBeAChange(t *testing.T) {
	w := three(t, 1, sendEarly)
	w.tuneGroup = func(c *raft.Config) { c.MaxCommittedSizePerReady = 1 }
	for _, m := range w.stores {
		w.crash(m.id)
		w.boot(m)
	}
	w.electAll()
	w.ticks(3)
	lead, others := w.others()
	for range 2 {
		if err := w.propose(1, "x"); err != nil {
			t.Fatal(err)
		}
	}
	w.finish(lead, w.wantReady(lead, "[MsgApp MsgApp]", "[]", 1, 0, 0))
	w.deliver()
	for _, m := range others {
		w.finish(m, w.wantReady(m, "[]", "[MsgAppResp]", 1, 0, 0))
	}
	w.deliver()
	w.finish(lead, w.wantReady(lead, "[]", "[MsgApp MsgApp]", 1, 0, 1))
	w.finish(lead, w.wantReady(lead, "[]", "[]", 0, 1, 0))
}
