package multiraft

import (
	"errors"
	"fmt"
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
)

// three makes n groups on three stores.
func three(tb testing.TB, n int, tune func(*Config)) *world {
	w := newWorld(tb, 1, 3)
	w.tune = tune
	w.start()
	for g := 1; g <= n; g++ {
		w.group(uint64(g), 1, 2, 3)
	}
	return w
}

func noSleep(c *Config) { c.SleepTicks = -1 }

func TestGroupsElectAndCommit(t *testing.T) {
	w := three(t, 20, noSleep)
	w.electAll()
	for g := range uint64(20) {
		if err := w.propose(g+1, fmt.Sprint("x", g)); err != nil {
			t.Fatal(err)
		}
	}
	w.ticks(2)
	for _, m := range w.stores {
		for g := range uint64(20) {
			applied := m.disks[g+1].applied
			if last := applied[len(applied)-1]; string(last.Data) != fmt.Sprint("x", g) {
				t.Errorf("store %d, group %d: applied %v", m.id, g+1, last)
			}
		}
	}
}

func TestHeartbeatsOfAllGroupsAreOneBatch(t *testing.T) {
	w := three(t, 50, noSleep)
	w.electAll()
	w.ticks(30)
	w.batches, w.sent = 0, map[string]int{}
	w.ticks(1)
	// Each store sends its heartbeats in one batch to each other store, and then its responses.
	if w.batches > 3*2*2 || w.sent["heartbeat"] != 100 || w.sent["response"] != 100 || w.sent["message"] != 0 {
		t.Errorf("%d batches with %v", w.batches, w.sent)
	}
}

func TestATickWithNothingDueTouchesNoGroup(t *testing.T) {
	w := three(t, 100, func(c *Config) { c.SleepTicks = 3 })
	w.electAll()
	w.ticks(60)
	if n := w.asleep(); n != 300 {
		t.Fatalf("%d replicas sleep", n)
	}
	before := w.touches()
	w.sent, w.batches = map[string]int{}, 0
	w.ticks(50)
	if got := w.touches(); got != before {
		t.Errorf("%d touches of sleeping groups", got-before)
	}
	if w.batches != 50*6 || w.sent["heartbeat"]+w.sent["response"]+w.sent["message"]+w.sent["wake"] != 0 {
		t.Errorf("in 50 ticks of sleep: %d batches with %v", w.batches, w.sent)
	}
}

func (w *world) touches() (n uint64) {
	for _, m := range w.stores {
		n += m.store.touched
	}
	return n
}

func TestAnAwakeFollowerIsNotTickedBetweenMessages(t *testing.T) {
	s := single(t, 1, 3)
	w := s.stores[0].store
	before := w.touched
	for range 9 { // less than an election timeout
		w.Tick()
	}
	if got := w.touched - before; got != 0 {
		t.Errorf("%d touches of a group whose election timeout runs", got)
	}
}

// A heartbeat moves the due tick away. The group is not touched when its old one comes up.
func TestAFollowersTouchesAreThoseOfItsMessages(t *testing.T) {
	w := single(t, 1, 3)
	s := w.stores[0].store
	for range 100 {
		before := s.touched
		if s.Tick(); s.clock > 3 && s.touched != before {
			t.Fatal("a tick in which nothing is due touches the group")
		}
		before = s.touched
		if err := s.StepMessage(1, pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 2}); err != nil {
			t.Fatal(err)
		}
		w.work(w.stores[0])
		if got := s.touched - before; s.clock > 3 && got != 2 {
			t.Fatalf("%d touches for a heartbeat and its response", got)
		}
	}
}

// The wheel has fewer buckets than some timeouts have ticks.
func TestATickFarAwayIsDueInTime(t *testing.T) {
	w := single(t, 1, 3)
	s := w.stores[0].store
	far := 3*wheelSize + 10
	_ = s.Do(1, func(n *raft.RawNode) error { return n.SetRandomizedElectionTimeout(far) })
	for tick := 1; tick <= far; tick++ {
		s.Tick()
		if campaigns := s.groups[0].node.BasicStatus().RaftState != raft.StateFollower; campaigns != (tick == far) {
			t.Fatalf("tick %d: it campaigns: %t", tick, campaigns)
		}
	}
}

func TestAGroupThatIsRemovedHasNoWork(t *testing.T) {
	w := single(t, 2, 1)
	w.ticks(25)
	s := w.stores[0].store
	_ = s.Propose(1, []byte("x"))
	_ = s.RemoveGroup(1)
	_ = s.Propose(2, []byte("x"))
	if rd := w.ready(w.stores[0]); len(rd.Writes) != 1 || rd.Writes[0].Group != 2 {
		t.Errorf("%+v", rd.Writes)
	}
}

func TestConfigsThatCannotWorkAreRefused(t *testing.T) {
	for name, c := range map[string]Config{
		"no id":              {Incarnation: 1},
		"no incarnation":     {ID: 1},
		"a negative bound":   {ID: 1, Incarnation: 1, MaxWakes: -1},
		"beats too far away": {ID: 1, Incarnation: 1, BeatTicks: 5, ElectionTick: 5},
	} {
		if _, err := New(c); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// single makes one store that is alone with replicas of groups of three.
func single(tb testing.TB, groups, members int) *world {
	w := newWorld(tb, 1, 3)
	w.boot(w.stores[0])
	ids := []uint64{1, 2, 3}[:members]
	for g := 1; g <= groups; g++ {
		w.group(uint64(g), ids...)
	}
	return w
}

func TestAGroupOfOneElectsItselfAndSleeps(t *testing.T) {
	w := single(t, 3, 1)
	w.ticks(60)
	if n := w.asleep(); n != 3 {
		t.Fatalf("%d groups sleep", n)
	}
	if err := w.propose(2, "x"); err != nil {
		t.Fatal(err)
	}
	w.settle()
	if applied := w.stores[0].disks[2].applied; string(applied[len(applied)-1].Data) != "x" {
		t.Errorf("applied %v", applied)
	}
}

func TestAReadyIsBoundedInGroupsAndBytes(t *testing.T) {
	for name, tune := range map[string]func(*Config){
		"groups": func(c *Config) { c.MaxReadyGroups = 10 },
		"bytes":  func(c *Config) { c.MaxReadyBytes = 1000 },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 1, 1)
			w.tune = tune
			w.start()
			for g := range uint64(40) {
				w.group(g+1, 1)
			}
			w.electAll()
			w.settle()
			s := w.stores[0].store
			for g := range uint64(40) {
				if err := s.Propose(g+1, make([]byte, 100)); err != nil {
					t.Fatal(err)
				}
			}
			rd := w.ready(w.stores[0])
			if len(rd.Writes) != 10 {
				t.Errorf("%d groups in a Ready", len(rd.Writes))
			}
			w.finish(w.stores[0], rd)
		})
	}
}

// What a peak has needed is given back when it is long over.
func TestAReadyThatIsTooLargeIsNotKept(t *testing.T) {
	w := newWorld(t, 1, 1)
	w.start()
	for g := range uint64(300) {
		w.group(g+1, 1)
	}
	w.electAll()
	m := w.stores[0]
	room := func(groups uint64) int {
		for g := range groups {
			_ = m.store.Propose(g+1, []byte("x"))
		}
		rd := w.ready(m)
		w.finish(m, rd)
		return cap(rd.parts)
	}
	if most := room(300); most < 300 {
		t.Fatalf("room for %d groups", most)
	}
	w.settle()
	for range 90 { // some of them large
		room(1)
		room(1)
		room(1)
		room(50)
	}
	if room(1) < 300 {
		t.Error("the arrays of a busy store are given back")
	}
	for range 400 {
		room(1)
	}
	if now := room(1); now >= 300 {
		t.Errorf("room for %d groups after 400 Readys with one", now)
	}
}

// A group that always has work does not keep others waiting: after each turn it waits behind them.
func TestABusyGroupWaitsForItsTurn(t *testing.T) {
	w := newWorld(t, 1, 1)
	w.tune = func(c *Config) { c.MaxReadyGroups = 1 }
	w.start()
	for g := range uint64(3) {
		w.group(g+1, 1)
	}
	w.electAll()
	s := w.stores[0].store
	turns := map[uint64]int{}
	for range 30 {
		for g := range uint64(3) { // all of them always have work
			_ = s.Propose(g+1, []byte("x"))
		}
		rd := w.ready(w.stores[0])
		for _, wr := range rd.Writes {
			turns[wr.Group]++
		}
		w.finish(w.stores[0], rd)
	}
	for g := range uint64(3) {
		if turns[g+1] != 10 {
			t.Errorf("of 30 turns each of 3 groups gets %v", turns)
		}
	}
}

func TestOtherGroupsWorkWhileAWriteIsUnderWay(t *testing.T) {
	w := newWorld(t, 1, 1)
	w.start()
	w.group(1, 1)
	w.group(2, 1)
	w.electAll()
	w.settle()
	s := w.stores[0].store
	_ = s.Propose(1, []byte("x"))
	slow := w.ready(w.stores[0])
	_ = s.Propose(1, []byte("y"))
	_ = s.Propose(2, []byte("x"))
	rd := w.ready(w.stores[0])
	if len(rd.Writes) != 1 || rd.Writes[0].Group != 2 {
		t.Fatalf("while group 1 is being written: %+v", rd.Writes)
	}
	w.finish(w.stores[0], rd)
	w.finish(w.stores[0], slow)
	w.settle()
	if applied := w.stores[0].disks[1].applied; string(applied[len(applied)-1].Data) != "y" {
		t.Errorf("applied %v", applied)
	}
}

func TestGroupsComeAndGoWhileOthersRun(t *testing.T) {
	w := three(t, 3, nil)
	w.electAll()
	s := w.stores[0].store
	_ = w.propose(1, "x")
	rd := w.ready(w.stores[0]) // the group goes while its work is out
	if err := s.RemoveGroup(1); err != nil {
		t.Fatal(err)
	}
	delete(w.stores[0].disks, 1)
	w.group(4, 1, 2, 3) // in its place
	w.finish(w.stores[0], rd)
	w.ticks(100)
	if s.Len() != 3 {
		t.Errorf("%d groups", s.Len())
	}
	for g := uint64(1); g <= 4; g++ {
		if err := w.propose(g, "y"); err != nil {
			t.Fatal(err)
		}
	}
	w.ticks(5)
	for _, want := range []struct {
		err  error
		like error
	}{
		{s.RemoveGroup(1), ErrNoGroup},
		{s.Propose(1, nil), ErrNoGroup},
		{s.AddGroup(2, raft.DefaultConfig(1, raft.NewMemoryStorage())), ErrGroupExists},
		{s.AddGroup(9, raft.DefaultConfig(2, raft.NewMemoryStorage())), ErrConfig},
		{s.AddGroup(9, &raft.Config{ID: 1, AsyncStorageWrites: true}), ErrConfig},
	} {
		var of *GroupError
		if !errors.Is(want.err, want.like) || !errors.As(want.err, &of) {
			t.Errorf("%v, want one like %v", want.err, want.like)
		}
	}
}

func TestAReadyIsSyncedIfOneOfItsGroupsHasToBe(t *testing.T) {
	w := newWorld(t, 1, 1)
	w.start()
	w.group(1, 1)
	w.group(2, 1)
	w.electAll()
	w.settle()
	s := w.stores[0].store
	_ = s.Propose(2, []byte("x"))
	rd := w.ready(w.stores[0])
	_ = s.Propose(1, []byte("x"))
	w.finish(w.stores[0], rd)
	rd = w.ready(w.stores[0]) // the entry of group 1, and then the commit index of group 2
	if len(rd.Writes) != 2 || rd.Writes[0].Group != 1 || len(rd.Writes[1].Entries) > 0 {
		t.Fatalf("%+v", rd.Writes)
	}
	if !rd.MustSync {
		t.Error("an entry is not synced")
	}
	w.finish(w.stores[0], rd)
}

func TestWorkOfAGroupThatWasRemovedDoesNotAdvanceAnother(t *testing.T) {
	w := newWorld(t, 1, 1)
	w.start()
	w.group(1, 1)
	w.electAll()
	w.settle()
	m := w.stores[0]
	_ = m.store.Propose(1, []byte("x"))
	old := w.ready(m)
	if err := m.store.RemoveGroup(1); err != nil {
		t.Fatal(err)
	}
	m.disks[1] = nil
	w.group(2, 1) // in its place
	var rd *Ready
	for rd == nil || len(rd.parts) == 0 {
		m.store.Tick()
		rd = w.ready(m)
	}
	m.store.Advance(old)
	if !m.replicaOf(2).out {
		t.Error("the work of group 2 counts as done")
	}
	w.finish(m, rd)
}

// failingStorage fails when it is asked for entries.
type failingStorage struct {
	*raft.MemoryStorage
	fail bool
}

var errDisk = errors.New("the disk is gone")

func (f *failingStorage) Entries(lo, hi, maxSize uint64) ([]pb.Entry, error) {
	if f.fail {
		return nil, errDisk
	}
	return f.MemoryStorage.Entries(lo, hi, maxSize)
}

func TestAQuarantinedGroupIsReportedAndOthersGoOn(t *testing.T) {
	w := newWorld(t, 1, 1)
	w.start()
	storage := &failingStorage{MemoryStorage: raft.NewMemoryStorage()}
	snap := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: pb.ConfState{Voters: []uint64{1}}}}
	entries := []pb.Entry{{Term: 1, Index: 2, Data: []byte("a")}, {Term: 1, Index: 3, Data: []byte("b")}}
	if err := errors.Join(storage.ApplySnapshot(snap), storage.Append(entries), storage.SetHardState(pb.HardState{Term: 1, Commit: 3})); err != nil {
		t.Fatal(err)
	}
	s := w.stores[0].store
	cfg := raft.DefaultConfig(1, storage)
	cfg.Logger = raft.DiscardLogger
	if err := s.AddGroup(1, cfg); err != nil {
		t.Fatal(err)
	}
	storage.fail = true
	w.group(2, 1)
	rd := w.ready(w.stores[0])
	w.finish(w.stores[0], rd)
	w.ticks(100)
	failures := w.stores[0].failures
	if len(failures) != 1 || failures[0].Group != 1 || !errors.Is(failures[0].Err, errDisk) {
		t.Fatalf("reported: %v", failures)
	}
	if err := s.Propose(1, nil); !errors.Is(err, raft.ErrQuarantined) {
		t.Errorf("a proposal to it: %v", err)
	}
	if err := w.propose(2, "x"); err != nil {
		t.Error(err)
	}
	if err := s.RemoveGroup(1); err != nil {
		t.Error(err)
	}
	w.ticks(3)
}

func TestMessagesForGroupsThatAreNotHereAreReported(t *testing.T) {
	s := single(t, 1, 3).stores[0].store
	m := pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 5}
	if err := s.StepMessage(7, m); !errors.Is(err, ErrNoGroup) {
		t.Errorf("%v", err)
	}
	rd := s.Ready()
	for range 2 * maxUnknown {
		_ = s.StepMessage(7, m)
	}
	if more := len(s.unknown); more != maxUnknown {
		t.Errorf("%d messages for unknown groups are remembered", more)
	}
	if len(rd.Unknowns) != 1 || rd.Unknowns[0] != (Unknown{Group: 7, From: 2, To: 1, Type: pb.MsgApp}) {
		t.Errorf("%+v", rd.Unknowns)
	}
	s.Advance(rd)
}

func TestReadsAreAnsweredThroughAStore(t *testing.T) {
	w := three(t, 2, nil)
	w.electAll()
	w.ticks(60)
	for _, m := range w.stores { // followers ask the leader, who sleeps
		m.disks[2].rec.Asks([]byte{byte(m.id)})
		if err := m.store.ReadIndex(2, []byte{byte(m.id)}); err != nil {
			t.Fatal(err)
		}
	}
	w.ticks(2)
	for _, m := range w.stores {
		if len(m.reads) != 1 || m.reads[0].Group != 2 || m.reads[0].RequestCtx[0] != byte(m.id) {
			t.Errorf("store %d: %v", m.id, m.reads)
		}
	}
}

func TestABatchForAnotherStoreIsRefused(t *testing.T) {
	s := single(t, 1, 3).stores[0].store
	for _, b := range []Batch{{From: 2, To: 3, Incarnation: 1}, {From: 1, To: 1, Incarnation: 1}, {To: 1, Incarnation: 1}, {From: 2, To: 1}} {
		if err := s.Step(&b); !errors.Is(err, ErrBatch) {
			t.Errorf("%+v: %v", b, err)
		}
	}
}

func TestTheSameCallsGiveTheSameBatches(t *testing.T) {
	run := func() string {
		w := three(t, 10, nil)
		out := ""
		w.tamper = func(b *Batch) {
			data, _ := b.Append(nil)
			out += string(data)
		}
		w.electAll()
		for g := range uint64(10) {
			_ = w.propose(g+1, "x")
		}
		w.ticks(40)
		return out
	}
	if first := run(); first != run() {
		t.Error("two runs differ")
	}
}
