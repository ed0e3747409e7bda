package raft

import (
	"errors"
	"slices"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	"github.com/ffd200af/raft/quorum"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// emptyCluster creates nodes with empty disks that hand out one entry at a time.
func emptyCluster(t *testing.T, n int) *testCluster {
	c := &testCluster{tb: t, sent: map[pb.MessageType]int{}}
	for range n {
		c.join(func(cfg *Config) { cfg.MaxCommittedSizePerReady = 1 })
	}
	return c
}

// meagre answers with one entry at a time, as it may.
type meagre struct{ *MemoryStorage }

func (s meagre) Entries(lo, hi, _ uint64) ([]pb.Entry, error) {
	return s.MemoryStorage.Entries(lo, hi, 1)
}

// A part of it would be what a snapshot between two batches has.
func TestTheFirstConfigurationIsHandedOutAndActiveAsOne(t *testing.T) {
	peers := []Peer{{ID: 1}, {ID: 2}, {ID: 3}}
	log := bootstrapLog(t, peers)
	for stored := range len(log) + 1 {
		storage := meagre{NewMemoryStorage()}
		if err := storage.Append(log[:stored]); err != nil {
			t.Fatal(err)
		}
		cfg := testConfig(1, storage)
		cfg.MaxCommittedSizePerReady = 1
		rn, err := NewRawNode(&cfg)
		if err != nil {
			t.Fatal(err)
		}
		// The rest comes from a leader.
		prev := raftlog.EntryID{}
		if stored > 0 {
			prev = raftlog.IDOf(&log[stored-1])
		}
		var applied [][]pb.Entry
		for _, m := range []pb.Message{
			{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: prev.Index, LogTerm: prev.Term, Commit: 4, Entries: log[stored:]},
			{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 2, Commit: 4},
		} {
			if err := rn.Step(m); err != nil {
				t.Fatal(err)
			}
			for rn.HasReady() {
				rd := rn.Ready()
				if err := storage.Append(rd.Entries); err != nil {
					t.Fatal(err)
				}
				wantAllVoters(t, rn, rd.CommittedEntries)
				if len(rd.CommittedEntries) > 0 {
					applied = append(applied, rd.CommittedEntries)
				}
				rn.Advance(rd)
			}
		}
		if len(applied) != 2 || len(applied[0]) != 3 || applied[0][2].Index != 3 || len(applied[1]) != 1 {
			t.Errorf("with %d entries stored, it hands out %v", stored, applied)
		}
	}
}

// wantAllVoters applies configuration changes, each of which has to make all of the first
// configuration active.
func wantAllVoters(t *testing.T, rn *RawNode, entries []pb.Entry) {
	t.Helper()
	for i := range entries {
		if !raftlog.IsConfChange(&entries[i]) {
			continue
		}
		cc, err := decodeConfChange(&entries[i])
		if err != nil {
			t.Fatal(err)
		}
		if cs := rn.ApplyConfChange(cc); !slices.Equal(cs.Voters, []uint64{1, 2, 3}) {
			t.Errorf("entry %d makes %v active", entries[i].Index, cs)
		}
	}
}

// An application may take a snapshot after any entry. Whoever got one from within the first
// configuration would know of all its voters, and not that the rest of it is committed: here 2 and
// 3 would elect a leader who has other entries in its place.
func TestNoSnapshotThatEndsWithinTheFirstConfigurationIsSent(t *testing.T) {
	c := emptyCluster(t, 3)
	n := c.node(1)
	n.configured = func(index uint64, _ bool, cs *pb.ConfState) {
		if index == 2 {
			c.snapshotAt(n, index, cs)
		}
	}
	if err := n.Bootstrap([]Peer{{ID: 1}, {ID: 2}, {ID: 3}}); err != nil {
		t.Fatal(err)
	}
	c.settle()
	// The append behind the snapshot would be lost.
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgApp && m.Index == 2 }
	c.elect(1)
	for range 30 {
		c.tick(1, 1)
		c.settle()
	}
	if sent := c.sent[pb.MsgSnap]; sent != 0 {
		t.Errorf("%d snapshots within the first configuration were sent", sent)
	}
	for id := uint64(2); id <= 3; id++ {
		if st := c.node(id).BasicStatus(); st.Commit != 0 || len(c.node(id).Status().Config.Voters[0]) != 0 {
			t.Errorf("node %d has committed %d", id, st.Commit)
		}
	}
	// The next one is whole.
	c.heal()
	cs := n.raft.members.ConfState()
	c.snapshotAt(n, 3, &cs)
	for range 3 {
		c.tick(1, 1)
		c.settle()
	}
	c.propose(1, "x")
	c.settle()
	c.tick(1, 1)
	c.settle()
	c.wantApplied("x ")
	c.wantConfig("voters=(1 2 3)", 1, 2, 3)
}

// Where the log begins otherwise, a change behind a snapshot is one like any other, in term 1 too:
// there may be no later snapshot for long.
func TestASnapshotBeforeAChangeInTheFirstTermIsSent(t *testing.T) {
	changes := bootstrapLog(t, []Peer{{ID: 5}, {ID: 6}})
	for name, tc := range map[string]struct {
		index  uint64
		change pb.Entry
		within bool
	}{
		"of the first configuration": {3, changes[0], true},
		"a newcomer":                 {3, changes[1], false},
		"far behind":                 {5, changes[0], false},
		"an entry":                   {3, pb.Entry{}, false},
	} {
		snapshot := pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: tc.index, Term: 1, ConfState: pb.ConfState{Voters: []uint64{1, 2, 3, 4, 5}}}}
		storage := NewMemoryStorage()
		if err := storage.ApplySnapshot(snapshot); err != nil {
			t.Fatal(err)
		}
		l, err := openLog(&Config{Storage: storage}, pb.HardState{})
		if err != nil {
			t.Fatal(err)
		}
		l.AppendOwn(1, []pb.Entry{tc.change}, 0)
		if within, err := endsInFirstConfiguration(&l, &snapshot.Metadata); within != tc.within || err != nil {
			t.Errorf("before %s it ends within the first configuration: %t, %v", name, within, err)
		}
	}
}

// unavailable fails reads for the moment.
type unavailable struct {
	*MemoryStorage
	now   bool
	reads int
}

func (s *unavailable) Entries(lo, hi, size uint64) ([]pb.Entry, error) {
	s.reads++
	if s.now {
		return nil, ErrUnavailable
	}
	return s.MemoryStorage.Entries(lo, hi, size)
}

func TestAFirstConfigurationThatIsUnavailableIsCommittedLater(t *testing.T) {
	log := bootstrapLog(t, []Peer{{ID: 1}, {ID: 2}, {ID: 3}})
	storage := &unavailable{MemoryStorage: NewMemoryStorage()}
	if err := storage.Append(log[:3]); err != nil {
		t.Fatal(err)
	}
	cfg := testConfig(1, storage)
	rn, err := NewRawNode(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, now := range []bool{true, false} {
		storage.now = now
		m := pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 3, LogTerm: 1, Commit: 4, Entries: log[3:]}
		if err := rn.Step(m); err != nil {
			t.Fatal(err)
		}
		for rn.HasReady() {
			rd := rn.Ready()
			if err := storage.Append(rd.Entries); err != nil {
				t.Fatal(err)
			}
			rn.Advance(rd)
		}
		if st := rn.BasicStatus(); st.Commit != map[bool]uint64{false: 4}[now] || rn.Err() != nil {
			t.Errorf("unavailable %t: committed %d, %v", now, st.Commit, rn.Err())
		}
	}
	if errors.Is(rn.Err(), ErrUnavailable) {
		t.Error(rn.Err())
	}
}

// Nobody leads in the term of the first configuration. Who claims to adds nothing to what is
// committed of it.
func TestWhatIsAddedToTheFirstConfigurationIsNotApplied(t *testing.T) {
	log := bootstrapLog(t, []Peer{{ID: 1}, {ID: 2}, {ID: 3}, {ID: 4}})
	cfg := testConfig(1, NewMemoryStorage())
	rn, err := NewRawNode(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := rn.Bootstrap([]Peer{{ID: 1}, {ID: 2}, {ID: 3}}); err != nil {
		t.Fatal(err)
	}
	m := pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 1, Index: 3, LogTerm: 1, Entries: log[3:4]}
	if err := rn.Step(m); err != nil {
		t.Fatal(err)
	}
	if rd := rn.Ready(); len(rd.CommittedEntries) != 3 {
		t.Errorf("it hands out %v", rd.CommittedEntries)
	}
}

// What is committed is so in every term. Who has said it may be gone, and those who lead later may
// not know that this node votes.
func TestWhatIsToldOfCommitmentBeforeItIsDurableCountsInALaterTerm(t *testing.T) {
	log := bootstrapLog(t, []Peer{{ID: 1}, {ID: 2}, {ID: 3}})
	for name, tell := range map[string]pb.Message{
		"append":   {Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 4, LogTerm: 2, Commit: 4},
		"snapshot": {Type: pb.MsgSnap, From: 2, To: 1, Term: 2, Snapshot: &pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 4, Term: 2, ConfState: pb.ConfState{Voters: []uint64{1, 2, 3}}}}},
		"refusal":  {Type: pb.MsgVoteResp, From: 2, To: 1, Term: 2, Reject: true, Context: committedContext(entryAt(2, 4))},
	} {
		rn, storage := torn(t, log[:2])
		rn.raft.setConfig(tracker.Config{Voters: quorum.JointConfig{{1: {}, 2: {}}}}) // responses come from members
		for _, m := range []pb.Message{
			{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 2, LogTerm: 1, Entries: log[2:]},
			tell,
		} {
			if err := rn.Step(m); err != nil {
				t.Fatal(err)
			}
		}
		rd := rn.Ready()
		if err := rn.Step(pb.Message{Type: pb.MsgVote, From: 3, To: 1, Term: 5}); err != nil {
			t.Fatal(err)
		}
		if st := rn.BasicStatus(); st.Commit != 0 || st.Term != 5 {
			t.Fatalf("%s: committed %d in term %d before it is durable", name, st.Commit, st.Term)
		}
		if err := storage.Append(rd.Entries); err != nil {
			t.Fatal(err)
		}
		rn.Advance(rd)
		if st := rn.BasicStatus(); st.Commit != 4 {
			t.Errorf("%s: committed %d, want 4", name, st.Commit)
		}
	}
}
