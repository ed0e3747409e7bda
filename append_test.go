package raft

import (
	"errors"
	"strings"
	"testing"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// appendTo makes an append for node 2 from node 1.
func appendTo(term uint64, prev raftlog.EntryID, commit uint64, entries ...pb.Entry) pb.Message {
	return pb.Message{Type: pb.MsgApp, From: 1, To: 2, Term: term, Index: prev.Index, LogTerm: prev.Term, Commit: commit, Entries: entries}
}

func TestBug11AFollowerCommitsOnlyWhatMatchedInThisAppend(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	// Node 2 has a tail of term 2 that the leader of term 3 does not have.
	c.withLogs(2, nil, []uint64{2, 2, 2})
	c.step(appendTo(3, entryAt(1, 1), 4))
	c.wantCommit(2, 1)
	c.step(appendTo(3, entryAt(1, 1), 4, entriesOf(2, 3)...))
	c.wantCommit(2, 2)
}

func TestBug12AFollowerAcknowledgesWhatThisAppendMatched(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.withLogs(2, nil, []uint64{2, 2, 2})
	c.step(appendTo(3, entryAt(1, 1), 1))
	got := c.answers(2, pb.MsgAppResp)
	if len(got) != 1 || got[0].Index != 1 || got[0].Reject {
		t.Fatalf("acknowledged %v, want index 1; its own last index is 4", got)
	}
}

func TestBug14AStaleRejectionDoesNotMoveNextBelowMatch(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	for range 5 {
		c.propose(1, "x")
		c.settle()
	}
	progress := func() (match, next uint64) {
		pr := c.node(1).Status().Progress[2]
		return pr.Match, pr.Next
	}
	match, next := progress()
	reject := func(index, hint, term uint64) {
		c.step(pb.Message{Type: pb.MsgAppResp, From: 2, To: 1, Term: 2, Index: index, Reject: true, RejectHint: hint, LogTerm: term})
	}
	reject(2, 1, 1)
	if m, n := progress(); m != match || n != next {
		t.Fatalf("a rejection from before the match moved progress from %d/%d to %d/%d", match, next, m, n)
	}
	// Also while probing, where a rejection is looked at again.
	c.node(1).ReportUnreachable(2)
	reject(match, 0, 0)
	if m, n := progress(); m != match || n != match+1 {
		t.Fatalf("progress is %d/%d, want %d/%d", m, n, match, match+1)
	}
}

func TestBug14AFollowerTruncatesOnlyAtAConflict(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.step(appendTo(2, entryAt(1, 1), 1, entriesOf(2, 2, 2, 2, 2)...))
	c.step(appendTo(2, entryAt(1, 1), 1, entriesOf(2, 2)...))
	c.step(appendTo(2, entryAt(2, 3), 1))
	c.wantLastIndex(2, 5)
	c.step(appendTo(3, entryAt(2, 3), 1, entriesOf(4, 3)...))
	c.wantLastIndex(2, 4)
}

func TestBug15AHintIsNotAMatch(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.withLogs(5, []uint64{5, 5, 5})
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgApp }
	c.elect(1)
	c.step(pb.Message{Type: pb.MsgAppResp, From: 2, To: 1, Term: 6, Index: 4, Reject: true, RejectHint: 4, LogTerm: 5})
	c.step(pb.Message{Type: pb.MsgAppResp, From: 3, To: 1, Term: 6, Index: 4, Reject: true, RejectHint: 3, LogTerm: 5})
	for id := uint64(2); id <= 3; id++ {
		if m := c.node(1).Status().Progress[id].Match; m != 0 {
			t.Errorf("node %d has match %d after a rejection", id, m)
		}
	}
	c.wantCommit(1, 1)
}

func TestBug16AnAcknowledgementFromAnEarlierTermMeansNothing(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1) // term 2
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgApp }
	c.elect(2) // term 3; its no-op reaches nobody
	c.elect(1) // term 4
	match := c.node(1).Status().Progress[2].Match
	last := c.node(1).raft.log.LastIndex()
	c.step(pb.Message{Type: pb.MsgAppResp, From: 2, To: 1, Term: 2, Index: last})
	c.step(pb.Message{Type: pb.MsgAppResp, From: 3, To: 1, Term: 3, Index: last})
	if got := c.node(1).Status().Progress[2].Match; got != match {
		t.Errorf("match moved from %d to %d", match, got)
	}
	c.wantRole(1, StateLeader, 4)
}

// Figure 3.6: six followers whose logs differ from the leader's in every way end up
// with its log, each after few rejections.
func TestBug18EveryConflictIsRepairedWithFewRejections(t *testing.T) {
	logs := [][]uint64{
		{1, 1, 4, 4, 5, 5, 6, 6, 6},       // the leader; the log of the figure begins with the shared entry
		{1, 1, 4, 4, 5, 5, 6, 6},          // a: misses one
		{1, 1, 4},                         // b: misses many
		{1, 1, 4, 4, 5, 5, 6, 6, 6, 6},    // c: one too many
		{1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7}, // d: two too many, of a later term
		{1, 1, 4, 4, 4, 4},                // e: both
		{1, 1, 2, 2, 2, 3, 3, 3, 3, 3},    // f: both, over two terms
	}
	c := newTestCluster(t, 7, nil)
	c.withLogs(7, logs...)
	rejections := map[uint64]int{}
	c.cut = func(m *pb.Message) bool {
		if m.Type == pb.MsgAppResp && m.Reject {
			rejections[m.From]++
		}
		return false
	}
	c.elect(1)
	c.settleTicking(1)
	leader := c.node(1).raft.log
	for id := uint64(2); id <= 7; id++ {
		log := &c.node(id).raft.log
		if log.Last() != leader.Last() {
			t.Errorf("node %d ends at %v, the leader at %v", id, log.Last(), leader.Last())
		}
		for i := uint64(1); i <= leader.LastIndex(); i++ {
			want, _ := leader.Term(i)
			if got, _ := log.Term(i); got != want {
				t.Errorf("node %d has term %d at %d, want %d", id, got, i, want)
			}
		}
		if rejections[id] > 2 {
			t.Errorf("node %d rejected %d appends", id, rejections[id])
		}
		c.wantCommit(id, leader.LastIndex())
	}
}

// A long conflict is repaired with a rejection or two a term, not one an entry (thesis §3.5),
// whichever side has the later terms: the follower skips those of its own that are too late, the
// leader those of its.
func TestFastBackupSkipsWholeTerms(t *testing.T) {
	run := func(term, length uint64) []uint64 {
		var terms []uint64
		for range length {
			terms = append(terms, term)
		}
		return terms
	}
	for name, follower := range map[string][]uint64{
		"the leader's terms are later":   append(run(2, 100), append(run(3, 100), run(4, 100)...)...),
		"the follower's terms are later": append(run(20, 100), append(run(21, 100), run(22, 100)...)...),
	} {
		t.Run(name, func(t *testing.T) {
			c := newTestCluster(t, 3, nil)
			leader := run(10, 300)
			c.withLogs(30, leader, follower, leader)
			rejections := 0
			c.cut = func(m *pb.Message) bool {
				if m.Type == pb.MsgAppResp && m.Reject {
					rejections++
				}
				return false
			}
			c.elect(1)
			c.settle()
			if rejections > 3 {
				t.Errorf("%d rejections", rejections)
			}
			c.wantCommit(2, 302)
		})
	}
}

func TestBug19CompactionWhileAThrottledFollowerIsOwedTheEntries(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) {
		cfg.MaxInflightMsgs = 2
		cfg.MaxSizePerMsg = 1
	})
	c.elect(1)
	c.settleTicking(1)
	c.isolate(3)
	for range 10 {
		c.propose(1, "x")
		c.settle()
	}
	c.compact(c.node(1))
	c.heal()
	c.settleTicking(1)
	c.settleTicking(1)
	c.wantCommit(3, c.node(1).BasicStatus().Commit)
	if c.sent[pb.MsgSnap] != 1 {
		t.Errorf("%d snapshots", c.sent[pb.MsgSnap])
	}
}

func TestBug19ALeaderWhoseLogIsFullyCompactedGoesOn(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.propose(1, "a")
	c.settle()
	for _, n := range c.nodes {
		c.compact(n)
	}
	c.propose(1, "b")
	c.settle()
	c.elect(2)
	c.propose(2, "c")
	c.settle()
	c.wantApplied("a b c ")
	c.compact(c.node(2))
	c.restart(2)
	c.elect(2)
	c.propose(2, "d")
	c.settle()
	c.wantApplied("a b c d ")
	if c.sent[pb.MsgSnap] != 0 {
		t.Errorf("%d snapshots were sent to followers that needed none", c.sent[pb.MsgSnap])
	}
}

func TestBug19AFollowerThatCompactedBeyondTheLeadersMatchIsNotSentBack(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	for range 5 {
		c.propose(1, "x")
		c.settle()
	}
	c.settleTicking(1)
	c.compact(c.node(3))
	// A leader that knows nothing of node 3 yet, and guesses far too low.
	c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 3, Term: 3, Index: 2, LogTerm: 2, Commit: 2, Entries: entriesOf(3, 2)})
	got := c.answers(3, pb.MsgAppResp)
	if len(got) != 1 || got[0].Reject || got[0].Index != 7 {
		t.Fatalf("answered %v, want an acknowledgement of all that is committed", got)
	}
	c.restart(3)
	c.step(pb.Message{Type: pb.MsgApp, From: 2, To: 3, Term: 3, Index: 2, LogTerm: 2, Commit: 2, Entries: entriesOf(3, 2)})
	if got := c.answers(3, pb.MsgAppResp); len(got) != 1 || got[0].Reject || got[0].Index != 7 {
		t.Fatalf("after a restart answered %v", got)
	}
	c.wantLastIndex(3, 7)
}

func TestBug20AReadErrorIsNeverTurnedIntoAnAppend(t *testing.T) {
	fails := map[string]error{}
	c := newTestCluster(t, 3, func(cfg *Config) {
		if cfg.ID == 1 {
			cfg.Storage = failingStorage{cfg.Storage.(*MemoryStorage), fails}
		}
	})
	c.elect(1)
	c.lagBehind(3)
	// Not available now is not a reason to stop, nor to send anything.
	fails["Entries"] = ErrUnavailable
	clear(c.sent)
	c.settleTicking(1)
	if c.node(1).Err() != nil || c.sent[pb.MsgSnap] != 0 {
		t.Fatalf("err %v, sent %v", c.node(1).Err(), c.sent)
	}
	clear(fails)
	c.settleTicking(1)
	c.wantCommit(3, c.node(1).BasicStatus().Commit)
	// Anything else stops the node before the append.
	c.lagBehind(3)
	fails["Entries"] = errDisk
	c.tick(1, 1)
	c.settle()
	if !errors.Is(c.node(1).Err(), errDisk) {
		t.Fatalf("err %v", c.node(1).Err())
	}
	if rd := c.node(1).Ready(); len(rd.Messages) != 0 {
		t.Fatalf("sends %v", rd.Messages)
	}
}

func TestBug22TheWindowIsEmptyAfterAChangeOfState(t *testing.T) {
	c := newTestCluster(t, 3, func(cfg *Config) {
		cfg.MaxSizePerMsg = 100
		cfg.MaxInflightBytes = 100
	})
	c.elect(1)
	c.isolate(3)
	big := strings.Repeat("x", 100)
	c.propose(1, big)
	c.settle()
	if pr := c.node(1).Status().Progress[3]; !pr.Inflights.Full() {
		t.Fatalf("the window of node 3 should be full: %s", pr.String())
	}
	c.node(1).ReportUnreachable(3)
	if n := c.node(1).Status().Progress[3].Inflights.Count(); n != 0 {
		t.Fatalf("%d appends in flight to a follower that is probed", n)
	}
	c.heal()
	c.settleTicking(1)
	for range 5 {
		c.propose(1, big)
		c.settle()
	}
	c.wantCommit(3, c.node(1).BasicStatus().Commit)
}

// A heartbeat of an earlier leader reaches a follower that knows the new term. Its response has
// index 0, and reaches the new leader.
func TestAnAnswerToARequestOfAnEarlierTermEndsNoProbe(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.propose(1, "x")
	c.settle()
	c.isolate(3)
	n := c.node(2)
	if err := n.storage.Compact(2); err != nil {
		t.Fatal(err)
	}
	c.elect(2)
	r := &n.raft
	pr := r.members.Progress(r.members.Find(3))
	next := pr.Next
	c.step(pb.Message{Type: pb.MsgAppResp, From: 3, To: 2, Term: r.term})
	if pr.State != tracker.StateProbe || pr.Next != next {
		t.Errorf("%s, next was %d", pr, next)
	}
	c.heal()
	c.settleTicking(2)
	if c.sent[pb.MsgSnap] > 0 {
		t.Errorf("%d snapshots for a follower that has everything", c.sent[pb.MsgSnap])
	}
	if pr := r.members.Progress(r.members.Find(3)); pr.Match != r.log.LastIndex() {
		t.Errorf("%s", pr)
	}
}

// The logs of a leader and a follower differ in many terms. The search for where they agree sends
// little besides what the follower needs.
func TestASearchThroughManyTermsSendsLittle(t *testing.T) {
	const terms, entries, payload, most = 2000, 20, 100, 1 << 20
	disks := map[uint64][]uint64{}
	for i := range uint64(terms) {
		for range entries {
			disks[1] = append(disks[1], 3+2*i)
			disks[2] = append(disks[2], 2+2*i)
		}
	}
	c := newTestCluster(t, 3, func(cfg *Config) { cfg.MaxSizePerMsg = most })
	c.withLogs(2, disks[1], disks[2], disks[1])
	for _, n := range c.nodes {
		log, err := n.storage.Entries(2, terms*entries+2, raftlog.NoLimit)
		noError(t, err)
		for i := range log {
			log[i].Data = make([]byte, payload)
		}
	}
	sent, probes := 0, 0
	c.cut = func(m *pb.Message) bool {
		if m.Type == pb.MsgApp && m.To == 2 {
			probes++
			sent += m.Size()
		}
		return false
	}
	c.elect(1)
	if last := c.node(2).raft.log.Last(); last != c.node(1).raft.log.Last() {
		t.Fatalf("node 2 has %v", last)
	}
	if probes < terms {
		t.Errorf("%d appends find that %d terms differ", probes, terms)
	}
	if need := terms * entries * (payload + 20); sent > need+3*most {
		t.Errorf("%d bytes are sent in %d appends, and %d are needed", sent, probes, need)
	}
}
