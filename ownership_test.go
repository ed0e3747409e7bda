package raft

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// keeper keeps what was handed out, with a deep copy from that time.
type keeper struct {
	values []any
	copies []string
}

func deepCopy(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (k *keeper) keep(values ...any) {
	for _, v := range values {
		k.values, k.copies = append(k.values, v), append(k.copies, deepCopy(v))
	}
}

func (k *keeper) check(t *testing.T) {
	t.Helper()
	for i, v := range k.values {
		if now := deepCopy(v); now != k.copies[i] {
			t.Fatalf("value %d of %d was\n%s\nand is\n%s", i, len(k.values), k.copies[i], now)
		}
	}
}

// lateProgram is a program that calls Advance before it sends, and sends from the arrays of the
// Ready some batches later. It drives a testCluster.
type lateProgram struct {
	*testCluster
	t *testing.T
	keeper
	output strings.Builder // all that was handed out

	// prompt: it sends before Advance, as Config.ReuseMemory demands, and copies what it keeps.
	prompt bool
	// scribbles: it overwrites what belongs to it, as soon as it has used it.
	scribbles bool

	late    [][]pb.Message // not sent yet
	threads map[uint64][]*pb.Message
	midway  bool            // ask for one more entry once the first ones are committed
	wanted  strings.Builder // what is proposed
}

const sentLate = 3 // batches

func newLateProgram(t *testing.T, n int, tune func(*Config)) *lateProgram {
	p := &lateProgram{testCluster: newTestCluster(t, n, tune), t: t, threads: map[uint64][]*pb.Message{}}
	p.prompt = p.nodes[0].cfg.ReuseMemory
	for _, n := range p.nodes {
		n.configured = func(_ uint64, snapshot bool, cs *pb.ConfState) {
			switch {
			case snapshot: // the Storage has it too
			case p.scribbles:
				fill(cs.Voters, 99)
				fill(cs.Learners, 99)
			default:
				p.keep(cs)
			}
		}
	}
	return p
}

// fill overwrites an array, to its last element.
func fill[T any](s []T, with T) {
	s = s[:cap(s)]
	for i := range s {
		s[i] = with
	}
}

// run drives the cluster through elections, proposals, reads, changes of members and snapshots.
func (p *lateProgram) run(rounds int) {
	for id := range p.nodes {
		p.tick(uint64(id+1), 10) // with leases nobody votes before
	}
	p.campaign(1)
	for i := range rounds {
		lead := p.leader()
		if lead == 0 || p.node(lead).raft.transferee != None {
			p.t.Fatalf("no leader in round %d, scribbles %t, prompt %t", i, p.scribbles, p.prompt)
		}
		p.midway = true
		for range 1 + i%3 {
			p.ask(lead)
		}
		for id := range p.nodes {
			p.node(uint64(id + 1)).ReadIndex(fmt.Append(nil, "read ", i, id))
		}
		last := uint64(len(p.nodes))
		switch {
		case i%20 == 5 && last > 1:
			p.isolate(last)
		case i%20 == 15:
			for _, n := range p.nodes {
				if n.cfg.ID != last {
					p.compact(n)
				}
			}
			p.heal()
		case i%20 == 18:
			_ = p.tryChange(lead, []string{"l99", "r99"}[i/20%2])
		case i%40 == 39 && last > 1:
			p.node(lead).TransferLeader(lead%2 + 1)
		}
		p.tick(lead, 1)
		p.work()
	}
	p.heal()
	for range 3 {
		p.tick(p.leader(), 1)
		p.work()
	}
}

// ask proposes something at a leader.
func (p *lateProgram) ask(id uint64) {
	data := fmt.Sprint("entry ", p.wanted.Len())
	p.propose(id, data)
	p.wanted.WriteString(data + " ")
}

func (p *lateProgram) campaign(id uint64) {
	noError(p.t, p.node(id).Campaign())
	p.work()
}

// work continues until no node has work.
func (p *lateProgram) work() {
	for moved := true; moved; {
		moved = false
		for _, n := range p.nodes {
			for n.HasReady() {
				p.batch(n)
				moved = true
			}
			moved = p.storageWorkOf(n) || moved
			p.verify(n)
		}
		for len(p.late) > sentLate || !moved && len(p.late) > 0 {
			moved = true
			p.send(p.late[0])
			p.late = p.late[1:]
		}
	}
}

// batch does the work of a Ready, and sends nothing yet.
func (p *lateProgram) batch(n *testNode) {
	if p.midway && n.raft.log.Applying() < n.raft.log.Committed() && n.raft.role == StateLeader && n.raft.transferee == None {
		p.midway = false
		p.ask(n.cfg.ID) // so that what is committed is not all that there is
	}
	rd := n.Ready()
	p.output.WriteString(DescribeReady(rd, nil))
	if !p.scribbles && !p.prompt {
		st := n.Status()
		p.keep(rd.Messages, rd.ReadStates, rd.Entries, rd.CommittedEntries, rd.Snapshot, rd.CatchUps, rd.DroppedReads, rd.SoftState, st.Config, st.Progress, st.CatchUp)
	}
	if n.cfg.AsyncStorageWrites {
		for i := range rd.Messages {
			if m := &rd.Messages[i]; IsLocalMsgTarget(m.To) {
				if p.scribbles {
					own := *m // the array may be written over before the work is done
					m = &own
				}
				p.threads[n.cfg.ID] = append(p.threads[n.cfg.ID], m)
			}
		}
		if p.prompt {
			for moved := true; moved; {
				moved = p.storageWorkOf(n)
			}
			p.send(rd.Messages)
		} else {
			p.late = append(p.late, rd.Messages)
		}
		p.scribble(n, &rd)
		return
	}
	n.persist(p.t, rd)
	n.apply(p.t, rd.CommittedEntries)
	if p.prompt {
		p.send(rd.Messages)
		p.scribble(n, &rd)
		n.Advance(rd)
		return
	}
	n.Advance(rd)
	p.scribble(n, &rd)
	p.late = append(p.late, rd.Messages)
}

// storageWorkOf performs the oldest storage message of a node. Its own responses go first.
func (p *lateProgram) storageWorkOf(n *testNode) bool {
	list := p.threads[n.cfg.ID]
	if len(list) == 0 {
		return false
	}
	m := list[0]
	p.threads[n.cfg.ID] = list[1:]
	if m.Type == pb.MsgStorageApply {
		n.apply(p.t, m.Entries)
	} else {
		rd := Ready{Entries: m.Entries, HardState: pb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}}
		if m.Snapshot != nil {
			rd.Snapshot = *m.Snapshot
			if p.scribbles {
				*m.Snapshot = pb.Snapshot{}
			}
		}
		n.persist(p.t, rd)
	}
	responses := m.Responses
	for i := range responses {
		if responses[i].To == n.cfg.ID {
			noError(p.t, n.Step(responses[i]))
		}
	}
	if p.prompt {
		p.send(responses)
	} else {
		p.late = append(p.late, responses)
	}
	return true
}

// send delivers the messages of an array to other nodes.
func (p *lateProgram) send(messages []pb.Message) {
	for i := range messages {
		m := messages[i]
		local := IsLocalMsgTarget(m.To) || m.To == m.From || IsLocalMsgTarget(m.From)
		if local || m.To > uint64(len(p.nodes)) || p.cut != nil && p.cut(&m) {
			continue
		}
		_ = p.node(m.To).Step(m)
		if m.Type == pb.MsgSnap {
			p.node(m.From).ReportSnapshot(m.To, SnapshotFinish)
		}
		if p.scribbles && m.Snapshot != nil {
			*m.Snapshot = pb.Snapshot{}
		}
		if p.scribbles && len(m.Entries) > 0 {
			_ = append(m.Entries, junkEntry)
		}
	}
	if p.scribbles && !p.prompt {
		fill(messages, junkMessage)
	}
}

var (
	junkEntry   = pb.Entry{Term: 77, Index: 77, Data: []byte("junk")}
	junkMessage = pb.Message{Type: pb.MsgSnap, To: 77, From: 77, Term: 77, Responses: []pb.Message{{To: 77}}}
)

// scribble overwrites what a batch handed out besides messages, and a Status.
func (p *lateProgram) scribble(n *testNode, rd *Ready) {
	if !p.scribbles {
		return
	}
	for _, entries := range [][]pb.Entry{rd.Entries, rd.CommittedEntries} {
		_ = append(entries, junkEntry, junkEntry, junkEntry)
	}
	_ = append(rd.Messages, junkMessage)
	_ = append(rd.ReadStates, ReadState{Index: 77})
	for _, rs := range rd.ReadStates {
		fill(rs.RequestCtx, 'x')
	}
	if !p.prompt {
		fill(rd.ReadStates, ReadState{Index: 77})
	}
	fill(rd.CatchUps, CatchUp{ID: 77})
	for _, context := range rd.DroppedReads {
		fill(context, 'x')
	}
	fill(rd.DroppedReads, nil)
	if rd.SoftState != nil {
		*rd.SoftState = SoftState{Lead: 77}
	}
	st := n.Status()
	clear(st.Config.Voters[0])
	for id, pr := range st.Progress {
		pr.Inflights.Add(77, 77)
		st.Progress[id] = tracker.Progress{}
	}
}

// everyUse calls f for clusters of some sizes and every way to run a node.
func everyUse(t *testing.T, sizes []int, f func(t *testing.T, nodes int, tune func(*Config))) {
	for _, nodes := range sizes {
		for _, async := range []bool{false, true} {
			for _, reads := range []ReadOnlyOption{ReadOnlySafe, ReadOnlyLeaseBased} {
				t.Run(fmt.Sprintf("%d nodes, async %t, reads %d", nodes, async, reads), func(t *testing.T) {
					f(t, nodes, func(c *Config) {
						c.AsyncStorageWrites, c.ReadOnlyOption, c.CheckQuorum = async, reads, true
						c.MaxCachedEntriesSize = 1 << 10
					})
				})
			}
		}
	}
}

// What a Ready hands out belongs to the program: programs send after Advance, and keep batches.
func TestWhatIsHandedOutIsNeverWrittenAgain(t *testing.T) {
	everyUse(t, []int{1, 3, 5}, func(t *testing.T, nodes int, tune func(*Config)) {
		p := newLateProgram(t, nodes, tune)
		p.run(100)
		p.check(t)
		p.wantEverythingApplied()
	})
}

func (p *lateProgram) wantEverythingApplied() {
	p.t.Helper()
	if got := p.appliedData(p.leader()); got != p.wanted.String() {
		p.t.Errorf("applied: %s", got)
	}
	for _, n := range p.nodes {
		if got, want := n.raft.log.Applied(), p.node(p.leader()).raft.log.Applied(); got != want {
			p.t.Errorf("node %d has applied %d of %d", n.cfg.ID, got, want)
		}
	}
}

// A program that overwrites what belongs to it, to the end of its arrays, does no harm.
func TestWritingOverWhatWasHandedOutChangesNothing(t *testing.T) {
	everyUse(t, []int{3}, func(t *testing.T, nodes int, tune func(*Config)) {
		for _, reuse := range []bool{false, true} {
			var outputs []string
			for _, scribbles := range []bool{false, true} {
				p := newLateProgram(t, nodes, func(c *Config) { tune(c); c.ReuseMemory = reuse })
				p.scribbles = scribbles
				p.run(60)
				p.wantEverythingApplied()
				outputs = append(outputs, p.output.String())
			}
			if outputs[0] != outputs[1] {
				t.Errorf("reuse %t: the outputs differ", reuse)
			}
		}
	})
}
