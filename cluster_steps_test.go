package raft

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft/internal/driver"
	pb "github.com/ffd200af/raft/raftpb"
)

// leaderAmong lets the live nodes run for a number of ticks, and returns the leader that has
// committed in its term; None if there is none.
func (c *testCluster) leaderAmong(live []uint64, ticks int) uint64 {
	c.cut = func(m *pb.Message) bool { return !slices.Contains(live, m.From) || !slices.Contains(live, m.To) }
	for range ticks {
		for _, id := range live {
			c.tick(id, 1)
		}
		for range 4 {
			for _, id := range live {
				c.ready(id)
			}
			c.deliver()
		}
		for _, id := range live {
			if r := &c.node(id).raft; r.role == StateLeader && r.log.Committed() >= r.termStart {
				return id
			}
		}
	}
	return None
}

// withLogs gives every node a log: logs[i] lists the terms of node i+1's entries from
// index 2 on (index 1, of term 1, is the snapshot that all share). The term is the
// last one in the log, or term if that is later.
func (c *testCluster) withLogs(term uint64, logs ...[]uint64) {
	c.tb.Helper()
	for i, terms := range logs {
		n := c.nodes[i]
		if err := n.storage.Append(entriesOf(2, terms...)); err != nil {
			c.tb.Fatal(err)
		}
		hs := pb.HardState{Term: term, Commit: 1}
		if k := len(terms); k > 0 {
			hs.Term = max(term, terms[k-1])
		}
		if err := n.storage.SetHardState(hs); err != nil {
			c.tb.Fatal(err)
		}
		c.start(n)
		n.verified = nil
	}
}

func (c *testCluster) wantLastIndex(id, want uint64) {
	c.tb.Helper()
	if got := c.node(id).raft.log.LastIndex(); got != want {
		c.tb.Fatalf("node %d has last index %d, want %d", id, got, want)
	}
}

func (c *testCluster) wantCommit(id, want uint64) {
	c.tb.Helper()
	if got := c.node(id).BasicStatus().Commit; got != want {
		c.tb.Fatalf("node %d has commit index %d, want %d", id, got, want)
	}
}

// idle lets time pass on all nodes.
func (c *testCluster) idle(ticks int) {
	for range ticks {
		for id := range c.nodes {
			c.tick(uint64(id+1), 1)
		}
		c.settle()
	}
}

// round proposes n entries at the leader, node 1, and works until every node has
// applied them, with nothing in the way: no bookkeeping, no checks.
func (c *testCluster) round(n int, data []byte) {
	for range n {
		if err := c.nodes[0].Propose(data); err != nil {
			c.tb.Fatal(err)
		}
	}
	for busy := true; busy; {
		busy = false
		for _, node := range c.nodes {
			if !node.HasReady() {
				continue
			}
			busy = true
			rd := node.Ready()
			if err := node.storage.Append(rd.Entries); err != nil {
				c.tb.Fatal(err)
			}
			if !IsEmptyHardState(rd.HardState) {
				if err := node.storage.SetHardState(rd.HardState); err != nil {
					c.tb.Fatal(err)
				}
			}
			for i := range rd.Messages {
				if err := c.nodes[rd.Messages[i].To-1].Step(rd.Messages[i]); err != nil {
					c.tb.Fatal(err)
				}
			}
			node.Advance(rd)
		}
	}
}

// asyncRound is round with asynchronous storage writes.
func (c *testCluster) asyncRound(n int, data []byte) {
	for range n {
		if err := c.nodes[0].Propose(data); err != nil {
			c.tb.Fatal(err)
		}
	}
	for busy := true; busy; {
		busy = false
		for _, node := range c.nodes {
			if !node.HasReady() {
				continue
			}
			busy = true
			rd := node.Ready()
			for i := range rd.Messages {
				c.deliverOrStore(node, &rd.Messages[i])
			}
		}
	}
}

// deliverOrStore does what a message asks for: storage work at once, or delivery.
func (c *testCluster) deliverOrStore(node *testNode, m *pb.Message) {
	if !IsLocalMsgTarget(m.To) {
		if err := c.nodes[m.To-1].Step(*m); err != nil {
			c.tb.Fatal(err)
		}
		return
	}
	if m.To == LocalAppendThread {
		if err := node.storage.Append(m.Entries); err != nil {
			c.tb.Fatal(err)
		}
		if hs := (pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}); !IsEmptyHardState(hs) {
			if err := node.storage.SetHardState(hs); err != nil {
				c.tb.Fatal(err)
			}
		}
	}
	for i := range m.Responses {
		c.deliverOrStore(node, &m.Responses[i])
	}
}

func (c *testCluster) compactAll() {
	for _, node := range c.nodes {
		if i := node.raft.log.Applied(); i > 1 {
			if err := node.storage.Compact(i); err != nil {
				c.tb.Fatal(err)
			}
		}
	}
}

// wantAllocationsPerRound fails if a round makes more allocations than wanted, on average.
func (c *testCluster) wantAllocationsPerRound(most float64, round func()) {
	const rounds = 400
	n := testing.AllocsPerRun(1, func() {
		for range rounds {
			round()
		}
	}) / rounds
	c.tb.Logf("%.3f allocations a round", n)
	if n > most {
		c.tb.Errorf("%.3f allocations a round, want at most %.3f", n, most)
	}
}

func (c *testCluster) wantNews(id, server uint64, want CatchUpState) {
	c.tb.Helper()
	news := c.node(id).news
	c.node(id).news = nil
	if len(news) != 1 || news[0].ID != server || news[0].State != want {
		c.tb.Fatalf("node %d tells %+v, want %s of %d", id, news, want, server)
	}
}

func (c *testCluster) wantCatchUp(id, server uint64, want CatchUpState) CatchUp {
	c.tb.Helper()
	got, ok := c.node(id).Status().CatchUp[server]
	if !ok || got.State != want {
		c.tb.Fatalf("node %d: %+v, want %s of %d", id, got, want, server)
	}
	return got
}

func (c *testCluster) perform(out *strings.Builder, a act) {
	node := c.node(a.node)
	pick := -1
	if len(c.wire) > 0 {
		pick = a.pick % len(c.wire)
	}
	switch a.what {
	case "tick":
		c.tick(a.node, a.pick%5)
	case "ready":
		c.playReady(out, node)
	case "threads":
		c.playThreads(node, 1+a.pick%3)
	case "all but":
		c.allBut(out, a.node, a.pick%6)
	case "deliver", "duplicate":
		if pick >= 0 {
			m := c.wire[pick]
			if a.what == "deliver" {
				c.wire = append(c.wire[:pick:pick], c.wire[pick+1:]...)
			}
			_ = c.node(m.To).Step(m)
		}
	case "drop":
		if pick >= 0 {
			c.wire = append(c.wire[:pick:pick], c.wire[pick+1:]...)
		}
	case "propose":
		_ = node.Propose([]byte{byte(a.pick), byte(a.pick >> 8)})
	case "read":
		context := fmt.Sprint(len(c.floors))
		c.floors[context] = c.largestCommit()
		node.ReadIndex([]byte(context))
	case "transfer":
		node.TransferLeader(uint64(a.pick%len(c.nodes)) + 1)
	case "campaign":
		_ = node.Campaign()
	case "unreachable":
		node.ReportUnreachable(uint64(a.pick%len(c.nodes)) + 1)
	case "restart":
		c.restart(a.node)
	case "compact":
		c.compact(node)
	}
	node.shows()
}

func (c *testCluster) playReady(out *strings.Builder, node *testNode) {
	if !node.HasReady() {
		return
	}
	rd, d := node.take(), node.driver(c)
	out.WriteString(DescribeReady(rd, nil))
	if node.cfg.AsyncStorageWrites {
		c.checkReads(rd.ReadStates)
		for i, m := range rd.Messages {
			if IsLocalMsgTarget(m.To) {
				node.threads = append(node.threads, m)
			} else {
				d.Send(rd.Messages[i : i+1])
			}
		}
		return
	}
	node.persist(c.tb, rd)
	node.checkPromises(c.tb, rd.Messages)
	for _, m := range rd.Messages {
		data, err := m.Marshal()
		if err != nil {
			c.tb.Fatal(err)
		}
		out.Write(data)
	}
	d.Send(rd.Messages)
	node.apply(c.tb, rd.CommittedEntries)
	c.checkReads(rd.ReadStates)
	node.Advance(rd)
	node.shows()
}

// playThreads performs the oldest storage messages of a node: what each writes or applies, then
// its responses. Appends and applies may overtake each other.
func (c *testCluster) playThreads(node *testNode, n int) {
	for ; n > 0 && len(node.threads) > 0; n-- {
		m, d := node.threads[0], node.driver(c)
		node.threads = node.threads[1:]
		if m.Type == pb.MsgStorageApply {
			noError(c.tb, d.Apply(m.Entries))
		} else {
			noError(c.tb, d.Persist(driver.WriteOf(&m, true)))
			node.checkPromises(c.tb, m.Responses)
		}
		d.Respond(node.cfg.ID, 0, m.Responses)
	}
}

// allBut lets everybody but one node talk for a while. Messages to and from that node wait.
func (c *testCluster) allBut(out *strings.Builder, id uint64, rounds int) {
	for range rounds {
		for _, n := range c.nodes {
			if n.cfg.ID != id {
				c.playReady(out, n)
				c.playThreads(n, 2)
			}
		}
		var waiting []pb.Message
		for _, m := range c.wire {
			if m.From == id || m.To == id {
				waiting = append(waiting, m)
			} else {
				_ = c.node(m.To).Step(m)
			}
		}
		c.wire = waiting
	}
}

// largestCommit is what somebody in the cluster may have answered a client with.
func (c *testCluster) largestCommit() uint64 {
	var largest uint64
	for _, n := range c.nodes {
		largest = max(largest, n.BasicStatus().Commit)
	}
	return largest
}

// checkReads: no read is answered with an index from before it was asked for.
func (c *testCluster) checkReads(answers []ReadState) {
	for _, rs := range answers {
		if floor := c.floors[string(rs.RequestCtx)]; rs.Index < floor {
			c.tb.Fatalf("a read is answered at %d; %d was committed before it was asked for", rs.Index, floor)
		}
		if c.answered != nil {
			c.answered[string(rs.RequestCtx)] = true
		}
	}
}

// compact makes a snapshot of what the node applied and drops the log before it.
func (c *testCluster) compact(node *testNode) {
	applied := node.raft.log.Applied()
	first, _ := node.storage.FirstIndex()
	if applied < first {
		return
	}
	cs := node.raft.members.ConfState()
	if _, err := node.storage.CreateSnapshot(applied, &cs, nil); err != nil {
		c.tb.Fatal(err)
	}
	if err := node.storage.Compact(applied); err != nil {
		c.tb.Fatal(err)
	}
}

// checkApplied: no two nodes have applied different entries at the same index (State
// Machine Safety, thesis §3.6.3).
func (c *testCluster) checkApplied() {
	seen := map[uint64]pb.Entry{}
	for _, n := range c.nodes {
		for _, e := range n.applied {
			if other, ok := seen[e.Index]; ok && (other.Term != e.Term || string(other.Data) != string(e.Data)) {
				c.tb.Fatalf("index %d is applied as %v and as %v", e.Index, other, e)
			}
			seen[e.Index] = e
		}
	}
}

// answers returns the responses of a type that a node has ready, after persisting.
func (c *testCluster) answers(id uint64, t pb.MessageType) []pb.Message {
	c.tb.Helper()
	var found []pb.Message
	c.ready(id)
	for _, m := range c.wire {
		if m.Type == t && m.From == id {
			found = append(found, m)
		}
	}
	c.wire = nil
	return found
}

func (c *testCluster) step(m pb.Message) {
	c.tb.Helper()
	if err := c.node(m.To).Step(m); err != nil {
		c.tb.Fatal(err)
	}
	c.verify(c.node(m.To))
}

func (c *testCluster) wantRole(id uint64, role StateType, term uint64) {
	c.tb.Helper()
	if st := c.node(id).BasicStatus(); st.RaftState != role || st.Term != term {
		c.tb.Fatalf("node %d is %s at term %d, want %s at term %d", id, st.RaftState, st.Term, role, term)
	}
}

// snapshotAt takes a snapshot and keeps nothing before it.
func (c *testCluster) snapshotAt(n *testNode, index uint64, cs *pb.ConfState) {
	c.tb.Helper()
	if _, err := n.storage.CreateSnapshot(index, cs, nil); err != nil {
		c.tb.Fatal(err)
	}
	if err := n.storage.Compact(index); err != nil {
		c.tb.Fatal(err)
	}
}

func (c *testCluster) wantLease(id uint64, want bool) {
	c.tb.Helper()
	if _, ok := c.node(id).LeaseRead(); ok != want {
		c.tb.Fatalf("node %d has a lease: %t", id, ok)
	}
}

// leader returns the one node that leads in the largest term; None if none does.
func (c *testCluster) leader() uint64 {
	lead, term := None, uint64(0)
	for _, n := range c.nodes {
		if st := n.BasicStatus(); st.RaftState == StateLeader && st.Term > term && n.Err() == nil {
			lead, term = st.ID, st.Term
		}
	}
	return lead
}

// Transports that merge the heartbeats of many groups leave out the term, and sometimes the sender.

// termless steps a message without a term.
func (c *testCluster) termless(m pb.Message) {
	c.tb.Helper()
	m.Term = 0
	c.step(m)
}

// Programs written for v3.6 start from a first snapshot without a term, from a Storage that has
// forgotten the term before its first entry, or with ticks that mean never.

// startFrom replaces the disk of every node and starts it.
func (c *testCluster) startFrom(fill func(s *MemoryStorage)) {
	c.tb.Helper()
	for _, n := range c.nodes {
		n.storage = NewMemoryStorage()
		fill(n.storage)
		n.cfg.Storage = n.storage
		c.start(n)
	}
}

// readAt asks for a read and returns what the node answers until the cluster rests.
func (c *testCluster) readAt(id uint64, context string) []ReadState {
	c.tb.Helper()
	n := c.node(id)
	n.reads = nil
	n.ReadIndex([]byte(context))
	c.settle()
	return n.reads
}

func (c *testCluster) wantRead(got []ReadState, context string, index uint64) {
	c.tb.Helper()
	if len(got) != 1 || string(got[0].RequestCtx) != context || got[0].Index != index {
		c.tb.Fatalf("answered %+v, want %s at %d", got, context, index)
	}
}

// wantDroppedReads fails unless exactly these reads of the node were dropped, and none was
// answered.
func (c *testCluster) wantDroppedReads(id uint64, contexts ...string) {
	c.tb.Helper()
	var got []string
	for _, context := range c.node(id).dropped {
		got = append(got, string(context))
	}
	if !slices.Equal(got, contexts) || len(c.node(id).reads) != 0 {
		c.tb.Errorf("node %d dropped %q, want %q; answered %+v", id, got, contexts, c.node(id).reads)
	}
}

// asked returns the questions that a follower has sent.
func (c *testCluster) asked(id uint64) []pb.Message {
	c.tb.Helper()
	c.wire = nil
	return c.answers(id, pb.MsgReadIndex)
}

func (c *testCluster) wantMaySleep(id uint64, want bool) {
	c.tb.Helper()
	if got := c.node(id).MaySleep(); got != want {
		c.tb.Fatalf("node %d may sleep: %t, want %t: %+v", id, got, want, c.node(id).raft)
	}
}

// lagBehind makes a follower miss entries that the leader, node 1, has on disk.
func (c *testCluster) lagBehind(id uint64) {
	c.isolate(id)
	for range 5 {
		c.propose(1, "missed")
		c.settle()
	}
	c.heal()
}

// settleTicking lets the leader send heartbeats until nothing moves.
func (c *testCluster) settleTicking(leader uint64) {
	for range 3 {
		c.tick(leader, 1)
		c.settle()
	}
}

// run ticks the leader and answers, and settles, n times.
func (c *testCluster) run(n int) {
	c.tb.Helper()
	for range n {
		c.tick(1, 1)
		c.settle()
	}
}

// settleThreads works until nothing moves. Storage messages for which hold is true stay queued.
func (c *testCluster) settleThreads(hold func(id uint64, m *pb.Message) bool) {
	c.tb.Helper()
	for moved := true; moved; {
		moved = false
		for _, n := range c.nodes {
			for n.HasReady() {
				moved = true
				rd := n.Ready()
				for _, m := range rd.Messages {
					if IsLocalMsgTarget(m.To) {
						n.threads = append(n.threads, m)
					} else if c.cut == nil || !c.cut(&m) {
						c.wire = append(c.wire, m)
					}
				}
				c.verify(n)
			}
			work := n.threads
			n.threads = nil
			for i := range work {
				if hold != nil && hold(n.cfg.ID, &work[i]) {
					n.threads = append(n.threads, work[i])
					continue
				}
				moved = true
				c.storageWork(n, work[i])
			}
		}
		moved = c.deliver() || moved
	}
}

// storageWork performs one storage message.
func (c *testCluster) storageWork(n *testNode, m pb.Message) {
	keep := n.threads
	n.threads = []pb.Message{m}
	c.playThreads(n, 1)
	n.threads = keep
}

// Acknowledgements and echoes of what is not there any more.

// writing steps a message into a node with asynchronous storage writes, and returns the
// acknowledgement of the write that follows.
func (c *testCluster) writing(m pb.Message) pb.Message {
	c.tb.Helper()
	c.step(m)
	for _, m := range c.node(m.To).Ready().Messages {
		if m.Type == pb.MsgStorageAppend {
			return m.Responses[len(m.Responses)-1]
		}
	}
	c.tb.Fatal("nothing is written")
	return pb.Message{}
}

func (c *testCluster) wantTransferee(id, want uint64) {
	c.tb.Helper()
	if got := c.node(id).BasicStatus().LeadTransferee; got != want {
		c.tb.Fatalf("node %d transfers to %d, want %d", id, got, want)
	}
}

// come lets everybody tick and talk, without faults, until a new entry is committed under a
// configuration that is not to be left any more.
func (c *testCluster) come(h *history) {
	c.tb.Helper()
	for round := range 400 {
		for _, n := range c.nodes {
			c.tick(n.cfg.ID, 1)
		}
		for range 6 {
			c.allBut(&strings.Builder{}, 0, 1)
			for _, n := range c.nodes {
				c.playThreads(n, 5)
			}
		}
		h.look(c)
		lead := c.leader()
		if lead == None {
			continue
		}
		r := &c.node(lead).raft
		if round > 50 && r.log.Committed() == r.log.LastIndex() && r.log.Committed() > h.Commit-1 && !r.members.AutoLeave() && r.transferee == None {
			before := r.log.Committed()
			_ = c.node(lead).Propose([]byte("end"))
			for range 10 {
				c.allBut(&strings.Builder{}, 0, 1)
			}
			if r.log.Committed() > before {
				return
			}
		}
	}
	for _, n := range c.nodes {
		c.tb.Logf("node %d: %s %s", n.cfg.ID, n.Status(), n.raft.members.Config())
	}
	c.tb.Fatal("no progress after the faults have stopped")
}
