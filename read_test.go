package raft

import (
	"fmt"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

func TestAReadIsAnsweredWithTheCommitIndexByLeaderAndFollower(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.propose(1, "x")
	c.settle()
	c.wantRead(c.readAt(1, "a"), "a", 3)
	c.wantRead(c.readAt(2, "b"), "b", 3)
	single := newTestCluster(t, 1, nil)
	single.elect(1)
	single.wantRead(single.readAt(1, "c"), "c", 2)
}

func TestOneRoundConfirmsAllReadsQueuedBeforeIt(t *testing.T) {
	c := newTestCluster(t, 5, nil)
	c.elect(1)
	clear(c.sent)
	for i := range 64 {
		c.node(1).ReadIndex(fmt.Appendf(nil, "%d", i))
	}
	c.settle()
	if got := len(c.node(1).reads); got != 64 {
		t.Errorf("%d of 64 reads are answered", got)
	}
	if c.sent[pb.MsgHeartbeat] != 4 || c.sent[pb.MsgHeartbeatResp] != 4 {
		t.Errorf("messages: %v", c.sent)
	}
}

func TestAReadThatCannotBeAnsweredIsReportedAsDropped(t *testing.T) {
	t.Run("no leader", func(t *testing.T) {
		c := newTestCluster(t, 3, nil)
		c.node(1).ReadIndex([]byte("x"))
		m := pb.Message{Type: pb.MsgReadIndex, To: 1, Entries: []pb.Entry{{Data: []byte("y")}}}
		if err := c.node(1).Step(m); err != nil {
			t.Errorf("Step: %v", err)
		}
		if c.node(1).HasReady() {
			t.Error("there is a Ready with nothing that a program written for v3.6 knows")
		}
		if err := c.node(1).Campaign(); err != nil {
			t.Fatal(err)
		}
		c.settle()
		c.wantDroppedReads(1, "x", "y")
	})
	t.Run("a peer's, sent to a node that does not lead", func(t *testing.T) {
		c := newTestCluster(t, 3, nil)
		c.elect(1)
		c.step(pb.Message{Type: pb.MsgReadIndex, From: 3, To: 2, Entries: []pb.Entry{{Data: []byte("x")}}})
		c.settleTicking(1)
		c.wantDroppedReads(2)
	})
	t.Run("a peer's, who leads by now, in another life", func(t *testing.T) {
		c := newTestCluster(t, 3, nil)
		c.elect(1)
		c.step(pb.Message{Type: pb.MsgReadIndex, From: 1, To: 2, Entries: []pb.Entry{{Data: []byte("x")}}})
		c.settleTicking(1)
		c.wantDroppedReads(1)
		if got := c.node(1).reads; len(got) != 0 {
			t.Errorf("answered %v", got)
		}
	})
	t.Run("the leader is deposed", func(t *testing.T) {
		c := newTestCluster(t, 3, nil)
		c.elect(1)
		c.isolate(1)
		c.node(1).ReadIndex([]byte("x"))
		c.settle()
		c.elect(2)
		c.heal()
		c.settleTicking(2)
		c.wantDroppedReads(1, "x")
	})
	t.Run("the leader that was asked is gone", func(t *testing.T) {
		c := newTestCluster(t, 3, nil)
		c.elect(1)
		c.isolate(1)
		c.node(2).ReadIndex([]byte("x"))
		c.settle()
		c.elect(3)
		c.wantDroppedReads(2, "x")
	})
	t.Run("too many wait", func(t *testing.T) {
		c := newTestCluster(t, 3, func(cfg *Config) { cfg.MaxPendingReads = 100 })
		c.elect(1)
		c.isolate(1)
		for range 100 {
			c.node(1).ReadIndex([]byte("x"))
		}
		c.settle()
		c.wantDroppedReads(1)
		c.node(1).ReadIndex([]byte("y"))
		c.settleTicking(1)
		c.wantDroppedReads(1, "y")
	})
	t.Run("too many are dropped before the next Ready", func(t *testing.T) {
		c := newTestCluster(t, 3, func(cfg *Config) { cfg.MaxPendingReads = 100 })
		for range 200 {
			c.node(1).ReadIndex([]byte("x"))
		}
		if err := c.node(1).Campaign(); err != nil {
			t.Fatal(err)
		}
		c.settle()
		if got := len(c.node(1).dropped); got != 100 {
			t.Errorf("%d contexts, want 100", got)
		}
	})
}

func answerTo(question pb.Message, from, index uint64) pb.Message {
	return pb.Message{Type: pb.MsgReadIndexResp, From: from, To: question.From, Term: 2, Index: index, Entries: question.Entries}
}

func TestAnAnswerFromAnotherThanTheLeaderMeansNothing(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.node(2).ReadIndex([]byte("x"))
	q := c.asked(2)[0]
	other := q
	other.Entries = []pb.Entry{{Data: []byte("x")}}
	c.step(answerTo(q, 3, 1))
	c.step(answerTo(other, 1, 1))
	c.ready(2)
	if len(c.node(2).reads) != 0 {
		t.Errorf("answered %+v", c.node(2).reads)
	}
	c.step(answerTo(q, 1, 2))
	c.ready(2)
	c.wantRead(c.node(2).reads, "x", 2)
}

func TestBug44AnAnswerThatComesTwiceAnswersNoLaterReadOfAFollower(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.node(2).ReadIndex([]byte("again"))
	q := c.asked(2)[0]
	c.step(answerTo(q, 1, 2))
	c.ready(2)
	c.wantRead(c.node(2).reads, "again", 2)
	c.node(2).reads = nil
	c.node(2).ReadIndex([]byte("again"))
	c.asked(2)
	c.step(answerTo(q, 1, 2))
	c.ready(2)
	if len(c.node(2).reads) != 0 {
		t.Errorf("answered %+v", c.node(2).reads)
	}
	// Not even in another life of the node.
	c.propose(1, "x")
	c.settle()
	c.node(2).reads = nil
	c.restart(2)
	c.step(pb.Message{Type: pb.MsgHeartbeat, From: 1, To: 2, Term: 2})
	c.node(2).ReadIndex([]byte("again"))
	c.asked(2)
	c.step(answerTo(q, 1, 2))
	c.ready(2)
	if len(c.node(2).reads) != 0 {
		t.Errorf("answered %+v", c.node(2).reads)
	}
}

// A program may take the messages of a follower only after each tick, so that it never ticks an
// idle one.
func TestABusyFollowerAsksAgainForAReadThatMayBeLost(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgReadIndex }
	c.node(2).ReadIndex([]byte("x"))
	c.ready(2)
	c.heal()
	for range 12 {
		c.deliver()
		for id := uint64(1); id <= 3; id++ {
			c.tick(id, 1)
		}
		for id := uint64(1); id <= 3; id++ {
			c.ready(id)
		}
	}
	c.settle()
	c.wantRead(c.node(2).reads, "x", 2)
}

func TestAFollowerAsksAgainForAReadThatMayBeLost(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgReadIndex }
	c.node(2).ReadIndex([]byte("x"))
	c.settle()
	beat := pb.Message{Type: pb.MsgHeartbeat, From: 1, To: 2, Term: 2}
	c.tick(2, 9)
	c.step(beat)
	if got := c.asked(2); len(got) != 0 {
		t.Fatalf("asked %v", got)
	}
	c.heal()
	c.tick(2, 1)
	c.settle()
	c.wantRead(c.node(2).reads, "x", 2)
	c.tick(2, 10)
	c.step(beat)
	if got := c.asked(2); len(got) != 0 {
		t.Errorf("asked again after the answer: %v", got)
	}
}

func TestAFollowerAsksOnceForAllReadsThatWait(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.cut = func(m *pb.Message) bool { return m.Type == pb.MsgReadIndex }
	for i := range 100 {
		c.node(2).ReadIndex([]byte{byte(i)})
	}
	c.settle()
	questions := 0
	c.cut = func(m *pb.Message) bool {
		if m.Type == pb.MsgReadIndex {
			questions++
		}
		return false
	}
	c.tick(2, 10)
	c.settle()
	if got := len(c.node(2).reads); questions != 1 || got != 100 {
		t.Errorf("%d questions, %d answers", questions, got)
	}
}

func TestAnAnswerOfAnEarlierReadAnswersNoLaterOne(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.node(2).ReadIndex([]byte("early"))
	c.ready(2)
	c.cut = func(m *pb.Message) bool {
		return m.Type == pb.MsgReadIndex && m.From == 2 && c.node(2).raft.reads.waiting() > 1
	}
	c.node(2).ReadIndex([]byte("late"))
	c.settle()
	if got := c.node(2).reads; len(got) != 1 || string(got[0].RequestCtx) != "early" {
		t.Errorf("answered: %v", got)
	}
}

func TestQuestionsDoNotPileUpWhileNobodyCallsReady(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	if err := c.node(2).SetRandomizedElectionTimeout(1000); err != nil {
		t.Fatal(err)
	}
	c.node(2).ReadIndex([]byte("r"))
	c.tick(2, 100)
	if got := c.answers(2, pb.MsgReadIndex); len(got) != 1 {
		t.Errorf("%d questions wait", len(got))
	}
	c.tick(2, 10)
	if got := c.answers(2, pb.MsgReadIndex); len(got) != 1 {
		t.Errorf("it is asked %d times again", len(got))
	}
}

func TestAnEchoOfARoundThatWasNotSentMeansNothing(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.isolate(1)
	c.node(1).ReadIndex([]byte("x"))
	c.settle()
	c.step(pb.Message{Type: pb.MsgHeartbeatResp, From: 2, To: 1, Term: 2, Context: []byte{0xff, 0, 0, 0, 0, 0, 0, 0}})
	c.node(1).ReadIndex([]byte("y"))
	c.settle()
	if len(c.node(1).reads) != 0 {
		t.Errorf("answered %+v", c.node(1).reads)
	}
}

func TestAReadWithoutAContextIsAnswered(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.wantRead(c.readAt(1, ""), "", 2)
	c.wantRead(c.readAt(2, ""), "", 2)
}

// A read that is forwarded to the node that sent it, and that leads by now, is not a read of its
// application. v3.6 forwards it, too.
func TestAQuestionThatComesBackIsNoRead(t *testing.T) {
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	c.settleTicking(1)
	c.cut = func(m *pb.Message) bool { return m.To == 1 }
	c.node(2).ReadIndex([]byte("a"))
	var question pb.Message
	c.cut = func(m *pb.Message) bool {
		if m.Type == pb.MsgReadIndex {
			question = *m
		}
		return m.Type == pb.MsgReadIndex
	}
	c.settle()
	c.elect(2)
	c.settleTicking(2)
	if question.From != 2 {
		t.Fatalf("the question is %v", question)
	}
	question.To = 3
	c.cut = nil
	if err := c.node(3).Step(question); err != nil {
		t.Fatal(err)
	}
	question.To = 2
	if err := c.node(2).Step(question); err != nil {
		t.Fatal(err)
	}
	c.settleTicking(2)
	if reads := c.node(2).reads; len(reads) != 0 {
		t.Errorf("the application is told %v", reads)
	}
}

// A program may ask for many reads before it takes a Ready: a healthy group answers them all.
func TestManyReadsAreAnswered(t *testing.T) {
	const n = 20_000
	for _, asker := range []uint64{1, 2} {
		c := newTestCluster(t, 3, nil)
		c.elect(1)
		for i := range n {
			c.node(asker).ReadIndex(fmt.Append(nil, i))
		}
		c.settle()
		if node := c.node(asker); len(node.reads) != n || len(node.dropped) != 0 {
			t.Errorf("node %d: %d of %d reads are answered, and %d dropped", asker, len(node.reads), n, len(node.dropped))
		}
		for id := range uint64(3) {
			// What the reads took is let go of when they are answered.
			if rs := c.node(id + 1).raft.reads; rs != nil && cap(rs.queue.All())+cap(rs.answers)+cap(rs.lent) > 2*1024 {
				t.Errorf("node %d keeps room for %d reads, %d and %d answers", id+1, cap(rs.queue.All()), cap(rs.answers), cap(rs.lent))
			}
		}
	}
}

// The answers to a follower's reads find them without a search through the queue, and the others
// stay where they are.
func TestAnsweredReadsLeaveOthersInPlace(t *testing.T) {
	const n = 1000
	c := newTestCluster(t, 3, nil)
	c.elect(1)
	for range n {
		c.node(2).ReadIndex([]byte("x"))
	}
	var asked []pb.Message
	c.cut = func(m *pb.Message) bool {
		if m.Type == pb.MsgReadIndex {
			asked = append(asked, *m)
		}
		return m.Type == pb.MsgReadIndex
	}
	c.settle()
	q := &c.node(2).raft.reads.queue
	last := q.At(n - 1)
	for i := range n / 2 {
		m := pb.Message{Type: pb.MsgReadIndexResp, From: 1, To: 2, Term: asked[i].Term, Index: 2, Entries: asked[i].Entries}
		noError(t, c.node(2).Step(m))
		if q.Len() != n-1-i || q.At(q.Len()-1) != last {
			t.Fatalf("after %d answers %d reads wait, and the last one has moved: %t", i+1, q.Len(), q.At(q.Len()-1) != last)
		}
	}
}

func TestTheEchoesOfAnEarlierReignConfirmNoRead(t *testing.T) {
	c := newTestCluster(t, 5, nil)
	c.elect(1)
	for i := range 5 {
		c.node(1).ReadIndex([]byte{byte(i) + 1})
		c.settle()
	}
	c.elect(2)
	c.elect(1)
	// Of the others only node 2 is left, and echoes the first round of the new reign.
	c.cut = func(m *pb.Message) bool { return m.From > 2 || m.To > 2 }
	answered := len(c.node(1).reads)
	c.node(1).ReadIndex([]byte("of two in five"))
	c.settle()
	if got := len(c.node(1).reads); got != answered {
		t.Errorf("%d reads were answered without a round of most", got-answered)
	}
}

// A leader that was removed hands over when the other has everything. Until then it cannot read
// without asking: the other is the only voter, and may be elected any time.
func TestARemovedLeaderOfTwoAsksBeforeItReads(t *testing.T) {
	c := newLeaseCluster(t, 2, nil)
	c.propose(1, "x")
	c.settle()
	if err := c.tryChange(1, "r1"); err != nil {
		t.Fatal(err)
	}
	c.ready(1)
	c.deliver()
	c.ready(2)
	c.propose(1, "y") // node 2 does not get it, so the leadership cannot be handed over yet
	c.deliver()
	c.isolate(1)
	c.ready(1)
	c.wantRole(1, StateLeader, 2)
	c.wantConfig("voters=(2)", 1)
	c.wantLease(1, false)
	answered := len(c.node(1).reads)
	c.node(1).ReadIndex([]byte("r"))
	c.settle()
	if got := c.node(1).reads[answered:]; len(got) != 0 {
		t.Errorf("it answers alone: %+v", got)
	}
}
