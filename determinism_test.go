package raft

import (
	"fmt"
	"strings"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
	"pgregory.net/rapid"
)

// act is one call on a cluster, drawn once and replayed as often as one likes.
type act struct {
	what string
	node uint64
	pick int
}

func drawActs(t *rapid.T) []act {
	one := rapid.Custom(func(t *rapid.T) act {
		return act{
			what: rapid.SampledFrom([]string{"tick", "tick", "tick", "ready", "ready", "ready", "deliver", "deliver", "deliver", "deliver",
				"drop", "duplicate", "threads", "threads", "all but", "all but", "all but", "propose", "propose", "campaign", "read", "read", "transfer", "unreachable", "restart", "compact"}).Draw(t, "what"),
			node: rapid.Uint64Range(1, 3).Draw(t, "node"),
			pick: rapid.IntRange(0, 1000).Draw(t, "pick"),
		}
	})
	return rapid.SliceOfN(one, 40, 300).Draw(t, "acts")
}

// play performs acts and returns all output, byte for byte. Safety is checked on the way.
func play(tb rapid.TB, acts []act, tune func(*Config)) string {
	c := newTestCluster(tb, 3, tune)
	c.floors = map[string]uint64{}
	var out strings.Builder
	leaders := map[uint64]uint64{}
	for _, a := range acts {
		c.perform(&out, a)
		for _, n := range c.nodes {
			c.verify(n)
			if n.Err() != nil {
				tb.Fatal(n.Err())
			}
			if st := n.BasicStatus(); st.RaftState == StateLeader {
				if other := leaders[st.Term]; other != 0 && other != st.ID {
					tb.Fatalf("term %d has leaders %d and %d", st.Term, other, st.ID)
				}
				leaders[st.Term] = st.ID
			}
		}
		c.checkApplied()
	}
	return out.String()
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
	rd := node.take()
	out.WriteString(DescribeReady(rd, nil))
	if node.cfg.AsyncStorageWrites {
		c.checkReads(rd.ReadStates)
		if node.rec != nil { // elsewhere the disk says nothing about a later write
			node.checkPromises(c.tb, rd.Messages)
		}
		for _, m := range rd.Messages {
			if IsLocalMsgTarget(m.To) {
				node.threads = append(node.threads, m)
			} else {
				c.wire = append(c.wire, m)
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
		c.wire = append(c.wire, m)
	}
	node.apply(c.tb, rd.CommittedEntries)
	c.checkReads(rd.ReadStates)
	node.Advance(rd)
	node.shows()
}

// playThreads performs the oldest storage messages of a node: what each writes or applies, then
// its responses. Appends and applies may overtake each other.
func (c *testCluster) playThreads(node *testNode, n int) {
	for ; n > 0 && len(node.threads) > 0; n-- {
		m := node.threads[0]
		node.threads = node.threads[1:]
		if m.Type == pb.MsgStorageApply {
			node.apply(c.tb, m.Entries)
		} else {
			rd := Ready{Entries: m.Entries, HardState: pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}}
			if m.Snapshot != nil {
				rd.Snapshot = *m.Snapshot
			}
			node.persist(c.tb, rd)
			node.checkPromises(c.tb, m.Responses)
		}
		for _, resp := range m.Responses {
			if resp.To == node.cfg.ID {
				_ = node.Step(resp)
			} else {
				c.wire = append(c.wire, resp)
			}
		}
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

func TestTheSameSeedAndTheSameCallsGiveTheSameOutputToTheByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		acts := drawActs(t)
		seed := rapid.Uint64Range(1, 1<<60).Draw(t, "seed")
		option := rapid.IntRange(0, 7).Draw(t, "options")
		tune := func(c *Config) {
			c.Seed = seed
			c.PreVote = option&1 != 0
			c.CheckQuorum = option&2 != 0
			c.AsyncStorageWrites = option&4 != 0
			c.MaxSizePerMsg = 60
			c.MaxInflightMsgs = 3
		}
		first := play(t, acts, tune)
		if second := play(t, acts, tune); first != second {
			t.Fatalf("two runs differ:\n%q\n%q", first, second)
		}
	})
}

func TestAnotherSeedGivesOtherTimeouts(t *testing.T) {
	draws := func(seed, id uint64) string {
		g := newGenerator(seed, id)
		var s strings.Builder
		for range 16 {
			d := g.electionTimeout(10)
			if d < 10 || d >= 20 {
				t.Fatalf("timeout %d is outside [10, 20)", d)
			}
			s.WriteByte(byte('a' + d - 10))
		}
		return s.String()
	}
	if draws(1, 1) == draws(2, 1) || draws(1, 1) == draws(1, 2) {
		t.Error("seed and id do not both matter")
	}
	if first := draws(1, 1); first != draws(1, 1) {
		t.Error("the generator is not deterministic")
	}
}
