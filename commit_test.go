package raft

import (
	"errors"
	"fmt"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// Figure 3.7: an entry of term 2 is on a majority, but the leader of term 4 must not
// commit it before an entry of its own.
func TestBug10AnEntryOfAnEarlierTermIsNotCommittedByCounting(t *testing.T) {
	c := newTestCluster(t, 5, nil)
	c.withLogs(3, []uint64{2}, []uint64{2}, nil, nil, []uint64{3})
	// Node 1 wins term 4; its no-op reaches nobody, while the old entry gets to node 3.
	if err := c.node(1).Campaign(); err != nil {
		t.Fatal(err)
	}
	c.cut = func(m *pb.Message) bool {
		if m.Type == pb.MsgApp {
			for i := range m.Entries {
				if m.Entries[i].Term == 4 {
					m.Entries = m.Entries[:i]
					break
				}
			}
		}
		return m.From == 5 || m.To == 5
	}
	c.settle()
	c.wantRole(1, StateLeader, 4)
	matched := 0
	for _, pr := range c.node(1).Status().Progress {
		if pr.Match >= 2 {
			matched++
		}
	}
	if matched < 3 {
		t.Fatalf("the entry of term 2 is on %d nodes; the scenario needs a majority", matched)
	}
	c.wantCommit(1, 1)
	// The entry of its own term commits both.
	c.cut = nil
	c.settleTicking(1)
	c.wantCommit(1, 3)
}

func TestBug17TheCommitRuleDoesNotDependOnTheOrderOfMembers(t *testing.T) {
	for _, voters := range [][]uint64{{1, 2, 3, 4, 5}, {5, 1, 4, 2, 3}, {3, 2, 1, 5, 4}} {
		c := newTestCluster(t, 5, nil)
		for _, n := range c.nodes {
			n.storage = NewMemoryStorage()
			if err := n.storage.ApplySnapshot(*snapAt(1, 1, pb.ConfState{Voters: voters})); err != nil {
				t.Fatal(err)
			}
			n.cfg.Storage = n.storage
			c.start(n)
		}
		c.elect(1)
		for range 8 {
			c.propose(1, "x")
		}
		c.ready(1)
		base := c.node(1).BasicStatus().Commit
		// Two acknowledgements and the leader's own log make a majority.
		for i, want := range []uint64{0, 2, 4, 6} {
			c.step(pb.Message{Type: pb.MsgAppResp, From: uint64(i + 2), To: 1, Term: 1, Index: base + 2*uint64(i+1)})
			c.wantCommit(1, base+want)
		}
	}
}

func TestBug23ASingleVoterDoesNotCommitBeforeItsOwnWrite(t *testing.T) {
	c := newTestCluster(t, 1, nil)
	c.elect(1)
	n := c.node(1)
	c.propose(1, "x")
	rd := n.Ready()
	if len(rd.Entries) != 1 || len(rd.CommittedEntries) != 0 || n.BasicStatus().Commit != 2 {
		t.Fatalf("before the write: %d entries, %d committed, commit index %d", len(rd.Entries), len(rd.CommittedEntries), n.BasicStatus().Commit)
	}
	// What comes while the write is under way is not covered by it.
	c.propose(1, "y")
	n.persist(t, rd)
	n.Advance(rd)
	c.wantCommit(1, 3)
	c.settle()
	c.wantApplied("x y ")
}

// The leader of a larger group does not count its own log before it is written either.
func TestALeaderCountsItsOwnEntriesOnlyWhenTheyAreDurable(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	n := c.node(1)
	c.propose(1, "x")
	rd := n.Ready()
	c.step(pb.Message{Type: pb.MsgAppResp, From: 2, To: 1, Term: 2, Index: 3})
	c.wantCommit(1, 2)
	n.persist(t, rd)
	n.Advance(rd)
	c.wantCommit(1, 3)
}

// A node may be told what is committed at a moment when its Storage cannot give the configuration
// changes. Whoever told it may be gone afterwards.

// toldLearner is a learner beside voter 2. Its log has the changes that make it the only voter, the
// joint configuration at 2 and its end at 3. Its Storage cannot be read.
type toldLearner struct {
	*RawNode
	t       *testing.T
	storage *unavailable
}

func newToldLearner(t *testing.T) *toldLearner {
	t.Helper()
	s := &unavailable{MemoryStorage: NewMemoryStorage()}
	noError(t, s.ApplySnapshot(*snapAt(1, 1, pb.ConfState{Voters: []uint64{2}, Learners: []uint64{1}})))
	cfg := testConfig(1, s)
	n, err := NewRawNode(&cfg)
	noError(t, err)
	l := &toldLearner{RawNode: n, t: t, storage: s}
	swap := pb.ConfChangeV2{Changes: []pb.ConfChangeSingle{
		{Type: pb.ConfChangeAddLearnerNode, NodeID: 2}, {Type: pb.ConfChangeAddNode, NodeID: 1},
	}}
	joint := pb.Entry{Type: pb.EntryConfChangeV2, Term: 2, Index: 2}
	joint.Data, err = swap.Marshal()
	noError(t, err)
	l.hear(1, 1, joint)
	s.now = true
	l.hear(2, 2, pb.Entry{Type: pb.EntryConfChangeV2, Term: 2, Index: 3})
	return l
}

// hear takes an append of the leader, and stores what it brings.
func (l *toldLearner) hear(prev, commit uint64, entries ...pb.Entry) {
	l.t.Helper()
	m := pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: prev, LogTerm: min(prev, 2), Commit: commit, Entries: entries}
	noError(l.t, l.Step(m))
	l.work()
}

// work handles every Ready.
func (l *toldLearner) work() {
	l.t.Helper()
	for l.HasReady() {
		rd := l.Ready()
		noError(l.t, l.storage.Append(rd.Entries))
		if !IsEmptyHardState(rd.HardState) {
			noError(l.t, l.storage.SetHardState(rd.HardState))
		}
		for i := range rd.CommittedEntries {
			if raftlog.IsConfChange(&rd.CommittedEntries[i]) {
				cc, err := decodeConfChange(&rd.CommittedEntries[i])
				noError(l.t, err)
				l.ApplyConfChange(cc)
			}
		}
		l.Advance(rd)
	}
}

func (l *toldLearner) wantCommit(want uint64) {
	l.t.Helper()
	if st := l.BasicStatus(); st.Commit != want || l.Err() != nil {
		l.t.Fatalf("committed %d, want %d, %v", st.Commit, want, l.Err())
	}
}

func TestAReportOfWhatIsCommittedIsNotLost(t *testing.T) {
	for name, available := range map[string]func(l *toldLearner){
		"at the next tick":    func(l *toldLearner) { l.Tick() },
		"when Storage has it": func(l *toldLearner) { l.StorageAvailable() },
		"in a later term": func(l *toldLearner) {
			noError(l.t, l.Step(pb.Message{Type: pb.MsgVote, From: 2, To: 1, Term: 3}))
			l.work()
			l.Tick()
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newToldLearner(t)
			l.hear(3, 3)
			l.Tick() // it cannot be read yet
			l.work()
			l.wantCommit(1)
			l.storage.now = false
			available(l)
			l.wantCommit(3)
			l.work()
			for range 40 {
				l.Tick()
				l.work()
			}
			if l.raft.role != StateLeader {
				t.Errorf("the only voter is %s, %s", l.raft.role, l.raft.members.Config())
			}
		})
	}
}

// A crash may lose a hard state and keep entries that show what it must have been, see recovery.go.
func TestWhatALogShowsAtTheStartIsNotLost(t *testing.T) {
	l := newToldLearner(t)
	l.storage.now = false
	storage := &unreadableTwice{MemoryStorage: l.storage.MemoryStorage}
	cfg := testConfig(1, storage)
	n, err := NewRawNode(&cfg)
	noError(t, err)
	if got := n.BasicStatus().Commit; got != 1 {
		t.Fatalf("committed %d", got)
	}
	n.Tick()
	if got := n.BasicStatus().Commit; got != 2 || n.Err() != nil {
		t.Errorf("committed %d, %v", got, n.Err())
	}
}

// unreadableTwice can be read once, and not the second time.
type unreadableTwice struct {
	*MemoryStorage
	reads int
}

func (s *unreadableTwice) Entries(lo, hi, size uint64) ([]pb.Entry, error) {
	if s.reads++; s.reads == 2 {
		return nil, ErrUnavailable
	}
	return s.MemoryStorage.Entries(lo, hi, size)
}

// The first configuration needs nobody's report. A report that comes first takes nothing back.
func TestAFirstConfigurationThatIsUnavailableNeedsNoReport(t *testing.T) {
	log := bootstrapLog(t, []Peer{{ID: 1}, {ID: 2}, {ID: 3}})
	for _, reported := range []uint64{0, 4} {
		storage := &unavailable{MemoryStorage: NewMemoryStorage()}
		noError(t, storage.Append(log[:3]))
		cfg := testConfig(1, storage)
		n, err := NewRawNode(&cfg)
		noError(t, err)
		l := &toldLearner{RawNode: n, t: t, storage: storage}
		storage.now = true
		noError(t, l.Step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 3, LogTerm: 1, Entries: log[3:]}))
		l.work()
		l.wantCommit(0)
		storage.now = false
		noError(t, l.Step(pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 2, Commit: reported}))
		l.work()
		l.Tick()
		l.wantCommit(max(3, reported))
	}
}

// A leader that may not know of a committed change is told what is committed.
func TestAnAcknowledgementNamesWhatMayBeAChange(t *testing.T) {
	for _, now := range []bool{true, false} {
		storage := &unavailable{MemoryStorage: NewMemoryStorage()}
		noError(t, storage.ApplySnapshot(*snapAt(1, 1, pb.ConfState{Voters: []uint64{1, 2, 3}})))
		noError(t, storage.Append(entriesOf(2, 1, 1, 1)))
		noError(t, storage.SetHardState(pb.HardState{Term: 1, Commit: 4}))
		cfg := testConfig(1, storage)
		n, err := NewRawNode(&cfg)
		noError(t, err)
		storage.now = now
		noError(t, n.Step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 1, Index: 4, LogTerm: 1, Commit: 2}))
		rd := n.Ready()
		if len(rd.Messages) != 1 || (rd.Messages[0].Context != nil) != now {
			t.Errorf("unavailable %t: %v", now, rd.Messages)
		}
	}
}

// A log may begin with other entries than a first configuration, which has to be read to be seen.
func TestAnUnavailableBeginningOfALogIsNoReasonToForget(t *testing.T) {
	for name, hear := range map[string]func(l *toldLearner){
		"follower": func(l *toldLearner) {
			noError(l.t, l.Step(pb.Message{Type: pb.MsgApp, From: 2, To: 1, Term: 2, Index: 2, LogTerm: 1, Commit: 2}))
			l.work()
		},
		"leader": func(l *toldLearner) {
			l.storage.now = false
			noError(l.t, l.Step(pb.Message{Type: pb.MsgTimeoutNow, From: 2, To: 1}))
			l.work()
			noError(l.t, l.Step(pb.Message{Type: pb.MsgVoteResp, From: 2, To: 1, Term: 2}))
			l.work()
			l.storage.now = true
			noError(l.t, l.Step(pb.Message{Type: pb.MsgAppResp, From: 2, To: 1, Term: 2, Index: 3}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := &unavailable{MemoryStorage: NewMemoryStorage()}
			noError(t, s.Append(entriesOf(1, 1, 1)))
			s.configure(pb.ConfState{Voters: []uint64{1, 2}})
			cfg := testConfig(1, s)
			n, err := NewRawNode(&cfg)
			noError(t, err)
			l := &toldLearner{RawNode: n, t: t, storage: s}
			s.now = true
			hear(l)
			l.wantCommit(0)
			s.now = false
			l.Tick()
			l.wantCommit(l.raft.log.LastIndex())
		})
	}
}

// Two changes are committed. Node 1 was told of both and cannot read them. In the configuration
// before them it would need only node 2, and commit beside those who use the newest one.
func TestANodeThatKeepsAReportDoesNotCampaign(t *testing.T) {
	storage := &unavailable{}
	c := newTestCluster(t, 3, func(cfg *Config) {
		if cfg.ID == 1 {
			storage.MemoryStorage = cfg.Storage.(*MemoryStorage)
			cfg.Storage = storage
		}
	})
	c.elect(3)
	c.join(nil)
	c.join(nil)
	storage.now = true
	c.isolate(2)
	c.change(3, "v4")
	c.change(3, "v5")
	c.wantConfig("voters=(1 2 3)", 1)
	c.cut = func(m *pb.Message) bool { return m.From <= 2 != (m.To <= 2) }
	c.tick(1, 40)
	c.settle()
	c.wantRole(1, StateFollower, 2)
	storage.now = false
	noError(t, c.node(1).Campaign())
	c.settle()
	c.wantRole(1, StateFollower, 2)
	c.tick(1, 40)
	c.settle()
	c.wantConfig("voters=(1 2 3 4 5)", 1)
	c.heal()
	if leader := c.leaderAmong([]uint64{1, 2, 4, 5}, 200); leader == 0 {
		t.Error("nobody leads")
	}
}

// Node 1 lost its disk, and has the log again up to a change that made it the only voter long ago.
// A removed server reports that change. The leader's commit index shows that node 1 is behind.
func TestAKeptProofIsVoidOnceTheNodeIsKnownToBeBehind(t *testing.T) {
	s := &unavailable{MemoryStorage: NewMemoryStorage()}
	noError(t, s.ApplySnapshot(*snapAt(1, 1, pb.ConfState{Voters: []uint64{1, 2}})))
	data, err := (&pb.ConfChange{Type: pb.ConfChangeRemoveNode, NodeID: 2}).Marshal()
	noError(t, err)
	noError(t, s.Append([]pb.Entry{{Type: pb.EntryConfChange, Term: 2, Index: 2, Data: data}}))
	noError(t, s.SetHardState(pb.HardState{Term: 7, Commit: 1}))
	cfg := testConfig(1, s)
	n, err := NewRawNode(&cfg)
	noError(t, err)
	l := &toldLearner{RawNode: n, t: t, storage: s}
	s.now = true
	noError(t, l.Step(pb.Message{Type: pb.MsgVote, From: 2, To: 1, Term: 8, Index: 2, LogTerm: 2, Context: committedContext(entryAt(2, 2))}))
	l.work()
	noError(t, l.Step(pb.Message{Type: pb.MsgApp, From: 3, To: 1, Term: 8, Index: 100, LogTerm: 7, Commit: 100}))
	l.work()
	s.now = false
	l.Tick()
	l.wantCommit(1)
}

func TestAReportBeyondTheLogIsAnErrorAlsoIfStorageCannotBeRead(t *testing.T) {
	l := newToldLearner(t)
	if err := l.Step(pb.Message{Type: pb.MsgHeartbeat, From: 2, To: 1, Term: 2, Commit: 9}); !errors.Is(err, ErrCommitBeyondLog) {
		t.Error(err)
	}
}

func deferCommit(cfg *Config) { cfg.DeferCommit = true }

func TestADeferredCommitGoesOutWithTheNextMessage(t *testing.T) {
	c := newTestCluster(t, 3, deferCommit)
	c.elect(1)
	first := c.node(1).raft.log.Committed()
	clear(c.sent)
	c.propose(1, "x")
	c.settle()
	if got, want := fmt.Sprint(c.sent), fmt.Sprint(map[pb.MessageType]int{pb.MsgApp: 2, pb.MsgAppResp: 2}); got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
	c.wantCommit(1, first+1)
	c.wantCommit(2, first)
	c.propose(1, "y")
	c.settle()
	c.wantCommit(2, first+1)
	c.tick(1, 1)
	c.settle()
	c.wantApplied("x y ")
}

func TestADeferredCommitIsToldForAReadOfAFollower(t *testing.T) {
	c := newLeaseCluster(t, 3, deferCommit) // no round of heartbeats tells the commit index
	c.propose(1, "x")
	c.settle()
	index := c.node(1).raft.log.Committed()
	c.wantCommit(2, index-1)
	c.wantRead(c.readAt(2, "a"), "a", index)
	c.wantCommit(2, index)
	c.wantCommit(3, index-1)
	clear(c.sent)
	c.wantRead(c.readAt(2, "b"), "b", index)
	if c.sent[pb.MsgApp] != 0 {
		t.Errorf("%d appends tell what is known", c.sent[pb.MsgApp])
	}
}

func TestAHeartbeatThatTellsADeferredCommitSavesTheAppend(t *testing.T) {
	c := newTestCluster(t, 3, deferCommit)
	c.elect(1)
	c.propose(1, "x")
	c.settle()
	clear(c.sent)
	c.wantRead(c.readAt(2, "a"), "a", c.node(1).raft.log.Committed())
	c.wantApplied("x ")
	if c.sent[pb.MsgApp] != 0 {
		t.Errorf("%d appends after the heartbeats", c.sent[pb.MsgApp])
	}
}

func TestAChangeOfTheConfigurationIsNotDeferred(t *testing.T) {
	c := newTestCluster(t, 4, deferCommit)
	c.elect(1)
	c.change(1, "r4")
	c.wantConfig("voters=(1 2 3)", 1, 2, 3, 4)
	c.change(1, "r3 l2")
	c.wantConfig("voters=(1) learners=(2)", 1, 2, 3)
}
