package raft

import (
	"errors"
	"slices"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

func TestBootstrapGivesEveryNodeTheSameLog(t *testing.T) {
	peers := []Peer{{ID: 1, Context: []byte("a")}, {ID: 2}, {ID: 3}}
	c := &testCluster{tb: t, sent: map[pb.MessageType]int{}}
	for id := uint64(1); id <= 3; id++ {
		storage := NewMemoryStorage()
		n := &testNode{storage: storage, cfg: testConfig(id, storage)}
		c.nodes = append(c.nodes, n)
		c.start(n)
		if err := n.Bootstrap(peers); err != nil {
			t.Fatal(err)
		}
		if err := n.Bootstrap(peers); !errors.Is(err, ErrBootstrapNotEmpty) {
			t.Errorf("a second time: %v", err)
		}
	}
	rd := c.node(1).Ready()
	if len(rd.Entries) != 3 || len(rd.CommittedEntries) != 3 || rd.HardState != (pb.HardState{Term: 1, Commit: 3}) {
		t.Fatalf("%d entries, %d committed, %v", len(rd.Entries), len(rd.CommittedEntries), rd.HardState)
	}
	c.node(1).persist(t, rd)
	c.node(1).apply(t, rd.CommittedEntries)
	c.node(1).Advance(rd)
	c.settle()
	c.elect(2)
	c.propose(2, "x")
	c.settle()
	c.wantApplied("x ")
}

func TestBootstrapRefusesPeersThatCannotBe(t *testing.T) {
	for name, peers := range map[string][]Peer{
		"none":        nil,
		"id none":     {{ID: 1}, {ID: None}},
		"twice":       {{ID: 1}, {ID: 2}, {ID: 1}},
		"a thread id": {{ID: LocalApplyThread}},
	} {
		cfg := testConfig(1, NewMemoryStorage())
		rn, err := NewRawNode(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := rn.Bootstrap(peers); !errors.Is(err, ErrBootstrapPeers) {
			t.Errorf("%s: %v", name, err)
		}
		if rn.HasReady() {
			t.Errorf("%s: something has changed", name)
		}
	}
}

// torn is what a crash may leave of a write: its first entries, without the hard state.
func torn(t *testing.T, entries []pb.Entry) (*RawNode, *MemoryStorage) {
	t.Helper()
	storage := NewMemoryStorage()
	if err := storage.Append(entries); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(1, storage)
	rn, err := NewRawNode(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	return rn, storage
}

// bootstrapLog is what Bootstrap writes, and an entry of the first leader.
func bootstrapLog(t *testing.T, peers []Peer) []pb.Entry {
	t.Helper()
	cfg := testConfig(1, NewMemoryStorage())
	rn, err := NewRawNode(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := rn.Bootstrap(peers); err != nil {
		t.Fatal(err)
	}
	entries := slices.Clone(rn.Ready().Entries)
	return append(entries, pb.Entry{Term: 2, Index: uint64(len(entries)) + 1})
}

func TestBootstrapFinishesWhatACrashHasTorn(t *testing.T) {
	peers := []Peer{{ID: 1, Context: []byte("a")}, {ID: 2}, {ID: 3}}
	log := bootstrapLog(t, peers)
	for n := range len(log) + 1 {
		rn, _ := torn(t, log[:n])
		// The entry behind them shows that they are all.
		if st := rn.BasicStatus(); st.Commit != map[bool]uint64{true: 3}[n == 4] {
			t.Errorf("with %d entries it starts with %d of them committed", n, st.Commit)
		}
		if err := rn.Bootstrap(peers); err != nil {
			t.Fatalf("with %d entries: %v", n, err)
		}
		rd := rn.Ready()
		if want := map[bool]int{true: 3}[n < 3]; len(rd.Entries) != want || want > 0 && rd.Entries[0].Index != 1 {
			t.Errorf("with %d entries it writes %v", n, rd.Entries)
		}
		if want := (pb.HardState{Term: max(1, log[max(n, 1)-1].Term), Commit: 3}); rd.HardState != want {
			t.Errorf("with %d entries: %v, want %v", n, rd.HardState, want)
		}
		if last, _ := rn.raft.log.Term(rn.raft.log.LastIndex()); last != rn.raft.log.Last().Term || last != log[max(n, 3)-1].Term {
			t.Errorf("with %d entries the log ends with %v, and term %d", n, rn.raft.log.Last(), last)
		}
		if got := rn.Status().Config.String(); got != "voters=(1 2 3)" {
			t.Errorf("with %d entries: %s", n, got)
		}
		if err := rn.Bootstrap(peers); !errors.Is(err, ErrBootstrapNotEmpty) {
			t.Errorf("with %d entries, a second time: %v", n, err)
		}
	}
}

func TestBootstrapKeepsOffOtherLogs(t *testing.T) {
	peers := []Peer{{ID: 1}, {ID: 2}, {ID: 3}}
	log := bootstrapLog(t, peers)
	later := slices.Clone(log[:1])
	later[0].Term = 2
	for name, tc := range map[string]struct {
		entries []pb.Entry
		peers   []Peer
	}{
		"other peers":      {log[:2], []Peer{{ID: 1}, {ID: 3}, {ID: 2}}},
		"another context":  {log[:1], []Peer{{ID: 1, Context: []byte("x")}, {ID: 2}, {ID: 3}}},
		"fewer peers":      {log[:3], peers[:2]},
		"more peers":       {log, append(slices.Clip(peers), Peer{ID: 4})},
		"a later term":     {later, peers},
		"the first leader": {[]pb.Entry{{Term: 1, Index: 1}}, peers},
	} {
		rn, _ := torn(t, tc.entries)
		before := rn.Status().String()
		if err := rn.Bootstrap(tc.peers); !errors.Is(err, ErrBootstrapNotEmpty) {
			t.Errorf("%s: %v", name, err)
		}
		if after := rn.Status().String(); after != before {
			t.Errorf("%s: %s becomes %s", name, before, after)
		}
	}
}

// A follower that has a part of the first configuration acknowledges it, by a snapshot too,
// although it holds back that it is committed: whoever leads goes on from there.
func TestAPartOfTheFirstConfigurationIsAcknowledgedAndNotCommitted(t *testing.T) {
	peers := []Peer{{ID: 1}, {ID: 2}, {ID: 3}}
	log := bootstrapLog(t, peers)
	rn, storage := torn(t, log[:2])
	snapshot := &pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 2, Term: 1, ConfState: pb.ConfState{Voters: []uint64{1, 2, 3}}}}
	for i, m := range []pb.Message{
		{Type: pb.MsgSnap, From: 2, To: 1, Term: 2, Snapshot: snapshot},
		{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 2, LogTerm: 1, Commit: 2},
		{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 2, LogTerm: 1, Commit: 4, Entries: log[2:3]},
		{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 3, LogTerm: 1, Commit: 4, Entries: log[3:]},
	} {
		if err := rn.Step(m); err != nil {
			t.Fatal(err)
		}
		rd := rn.Ready()
		acknowledged := [...]uint64{2, 2, 3, 4}[i]
		committed := [...]uint64{0, 0, 0, 4}[i]
		if len(rd.Messages) != 1 || rd.Messages[0].Index != acknowledged || rd.Messages[0].Reject {
			t.Errorf("message %d is answered with %v", i, rd.Messages)
		}
		if st := rn.BasicStatus(); st.Commit != committed {
			t.Errorf("after message %d, committed is %d", i, st.Commit)
		}
		if err := storage.Append(rd.Entries); err != nil {
			t.Fatal(err)
		}
		rn.Advance(rd)
	}
}

// compactedStorage is a Storage that says of a log which begins at 1 that it does not.
type compactedStorage struct{ *MemoryStorage }

func (compactedStorage) Entries(_, _, _ uint64) ([]pb.Entry, error) { return nil, ErrCompacted }

func TestAFirstConfigurationThatCannotBeReadIsAnErrorOfStorage(t *testing.T) {
	storage := NewMemoryStorage()
	if err := storage.Append(bootstrapLog(t, []Peer{{ID: 1}, {ID: 2}})[:1]); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(1, compactedStorage{storage})
	if _, err := NewRawNode(&cfg); !errors.Is(err, ErrStorage) {
		t.Errorf("starting: %v", err)
	}
}
