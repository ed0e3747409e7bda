package mixed

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ffd200af/raft/raftpb"

	"github.com/ffd200af/raft/interop/mixed/etcd"
	"github.com/ffd200af/raft/interop/mixed/member"
	"github.com/ffd200af/raft/interop/mixed/ours"
)

// cluster is a group of members of both kinds, a network that breaks as it is told, and the history
// that the rules are checked against. members[i] has id i+1.
type cluster struct {
	t       testing.TB
	name    string
	r       *rand.Rand
	members []member.Member
	configs []member.Config
	wire    []member.Message
	// cut drops a message for which it returns true.
	cut func(m *member.Message) bool

	leaders map[uint64]uint64         // by term
	applied map[uint64]member.Applied // by index
	terms   []uint64                  // the largest term of each member
	commits []uint64                  // the largest commit index of each member in this life
	last    uint64                    // the largest index applied anywhere
	asked   map[string]uint64         // reads: what was applied somewhere when they were asked for
	answers map[string]uint64
}

// newCluster makes a cluster; kinds has a letter for each member, o for ours and e for etcd's.
func newCluster(t testing.TB, kinds string, config member.Config, seed uint64) *cluster {
	c := &cluster{
		t: t, name: fmt.Sprintf("%s %+v seed %d", kinds, config, seed), r: rand.New(rand.NewPCG(seed, 1)),
		leaders: map[uint64]uint64{}, applied: map[uint64]member.Applied{},
		terms: make([]uint64, len(kinds)), commits: make([]uint64, len(kinds)),
		asked: map[string]uint64{}, answers: map[string]uint64{},
	}
	var voters []uint64
	for i := range kinds {
		voters = append(voters, uint64(i+1))
	}
	for i := range kinds {
		config.ID = uint64(i + 1)
		c.configs = append(c.configs, config)
		c.members = append(c.members, start(kinds[i], config, firstDisk(voters)))
	}
	return c
}

// firstDisk holds a snapshot at index 1 with the configuration and nothing else.
func firstDisk(voters []uint64) member.Disk {
	s := raftpb.Snapshot{Metadata: raftpb.SnapshotMetadata{Index: 1, Term: 1, ConfState: raftpb.ConfState{Voters: voters}}}
	snapshot, err := s.Marshal()
	if err != nil {
		panic(err)
	}
	hs := raftpb.HardState{Term: 1, Commit: 1}
	hard, err := hs.Marshal()
	if err != nil {
		panic(err)
	}
	return member.Disk{Snapshot: snapshot, HardState: hard}
}

func start(kind byte, config member.Config, disk member.Disk) member.Member {
	if kind == 'o' {
		return ours.New(config, disk)
	}
	return etcd.New(config, disk)
}

// restart stops a member and starts it again from its disk, as the other kind if that is told.
func (c *cluster) restart(id uint64, kind byte) {
	i := id - 1
	c.members[i] = start(kind, c.configs[i], c.members[i].Stop())
	// What was not written is forgotten, and nobody was told of it.
	c.terms[i], c.commits[i] = 0, 0
}

func (c *cluster) kind(id uint64) byte { return c.members[id-1].Kind()[0] }

func (c *cluster) fail(format string, args ...any) {
	c.t.Helper()
	c.t.Fatalf("%s: %s", c.name, fmt.Sprintf(format, args...))
}

// do lets a member do a piece of work and takes what comes of it.
func (c *cluster) do(id uint64, work func(member.Member, *member.Output) bool) bool {
	var out member.Output
	did := work(c.members[id-1], &out)
	c.wire = append(c.wire, out.Messages...)
	for _, a := range out.Applied {
		c.checkApplied(id, a)
	}
	for _, read := range out.Reads {
		if floor, ok := c.asked[read.Context]; ok && read.Index < floor {
			c.fail("member %d answers read %q with %d, and %d was applied before it was asked", id, read.Context, read.Index, floor)
		}
		c.answers[read.Context] = read.Index
	}
	c.check(id)
	return did
}

// checkApplied: state-machine safety and log matching of what is committed.
func (c *cluster) checkApplied(id uint64, a member.Applied) {
	if before, ok := c.applied[a.Index]; ok && before != a {
		c.fail("member %d has applied %+v, and another one %+v", id, a, before)
	}
	c.applied[a.Index] = a
	c.last = max(c.last, a.Index)
}

// check looks at what a member's step can have broken: election safety, leader completeness, term
// and commit index that never fall.
func (c *cluster) check(id uint64) {
	m, i := c.members[id-1], id-1
	s := m.State()
	if s.Term < c.terms[i] || s.Commit < c.commits[i] {
		c.fail("member %d went back to %+v from term %d, commit %d", id, s, c.terms[i], c.commits[i])
	}
	c.terms[i], c.commits[i] = s.Term, s.Commit
	if !s.Leads {
		return
	}
	other, known := c.leaders[s.Term]
	if known && other != id {
		c.fail("members %d and %d lead in term %d", other, id, s.Term)
	}
	c.leaders[s.Term] = id
	// A leader has everything that was committed in earlier terms, on its disk unless that is
	// asynchronous.
	if a, ok := c.applied[c.last]; ok && !known && !c.configs[i].Async && a.Term < s.Term {
		if term := m.Term(c.last); term != 0 && term != a.Term || c.lastIndex(m) < c.last {
			c.fail("member %d leads in term %d and does not have the committed %+v", id, s.Term, a)
		}
	}
}

// lastIndex is the last index that a member has stored.
func (c *cluster) lastIndex(m member.Member) uint64 {
	index := m.State().Applied
	for m.Term(index+1) != 0 {
		index++
	}
	return index
}

var pieces = []func(member.Member, *member.Output) bool{member.Member.Work, member.Member.Append, member.Member.Apply}

// deliver hands over the message at place i of the wire, unless it is cut.
func (c *cluster) deliver(i int) {
	m := c.wire[i]
	c.wire = append(c.wire[:i:i], c.wire[i+1:]...)
	if c.cut != nil && c.cut(&m) {
		c.lose(&m)
		return
	}
	c.arrive(&m)
}

func (c *cluster) arrive(m *member.Message) {
	if m.To == 0 || m.To > uint64(len(c.members)) {
		return
	}
	if m.Snapshot && c.kind(m.To) == 'e' {
		// Their node takes the configuration of a snapshot at once, and a change that its apply
		// thread still has in hand then stops the process, or takes it back. Ours lets the snapshot
		// wait.
		for c.do(m.To, member.Member.Apply) {
		}
	}
	// What is refused is a message from somebody who is not a member any more, or one that came too
	// late.
	_ = c.members[m.To-1].Step(m.Data)
	c.check(m.To)
	if m.Snapshot {
		c.members[m.From-1].ReportSnapshot(m.To, true)
	}
}

func (c *cluster) lose(m *member.Message) {
	if m.Snapshot {
		c.members[m.From-1].ReportSnapshot(m.To, false)
	}
}

// settle works until nothing moves.
func (c *cluster) settle() {
	for range 100_000 {
		busy := false
		for i := range c.members {
			for _, piece := range pieces {
				for c.do(uint64(i+1), piece) {
					busy = true
				}
			}
		}
		for len(c.wire) > 0 {
			busy = true
			c.deliver(0)
		}
		if !busy {
			return
		}
	}
	c.fail("it never settles")
}

// tick lets everybody's clock tick n times and settles after each.
func (c *cluster) tick(n int) {
	for range n {
		for i := range c.members {
			c.members[i].Tick()
			c.check(uint64(i + 1))
		}
		c.settle()
	}
}

// leader is who leads in the latest term that has a leader; 0 if nobody does.
func (c *cluster) leader() uint64 {
	leader, term := uint64(0), uint64(0)
	for i, m := range c.members {
		if s := m.State(); s.Leads && s.Term > term {
			leader, term = uint64(i+1), s.Term
		}
	}
	return leader
}

// elect lets a member campaign until it leads.
func (c *cluster) elect(id uint64) {
	c.t.Helper()
	for range 60 {
		if c.leader() == id {
			return
		}
		if c.leader() != 0 {
			c.members[c.leader()-1].Transfer(id)
		} else {
			_ = c.members[id-1].Campaign()
		}
		c.settle()
		c.tick(1)
	}
	c.fail("member %d does not become leader: %s", id, c.states())
}

func (c *cluster) states() string {
	text := ""
	for i, m := range c.members {
		text += fmt.Sprintf("\n%d %s %+v", i+1, m.Kind(), m.State())
	}
	return text
}

// propose proposes at the leader.
func (c *cluster) propose(data string) {
	c.t.Helper()
	if err := c.members[c.leader()-1].Propose([]byte(data)); err != nil {
		c.fail("proposing: %v", err)
	}
}

// change proposes configuration changes at the leader, `v4 l2` for instance.
func (c *cluster) change(transition raftpb.ConfChangeTransition, changes string) {
	c.t.Helper()
	list, err := raftpb.ConfChangesFromString(changes)
	if err != nil {
		c.fail("%v", err)
	}
	cc := raftpb.ConfChangeV2{Transition: transition, Changes: list}
	data, err := cc.Marshal()
	if err != nil {
		c.fail("%v", err)
	}
	if err := c.members[c.leader()-1].Change(data); err != nil {
		c.fail("proposing %q: %v", changes, err)
	}
	c.settle()
}

// wantAgreement: everybody has applied the same, up to what the leader has committed.
func (c *cluster) wantAgreement() {
	c.t.Helper()
	leader := c.leader()
	if leader == 0 {
		c.fail("nobody leads: %s", c.states())
	}
	want := c.members[leader-1].State()
	for i, m := range c.members {
		if s := m.State(); s.Applied != want.Commit || s.Commit != want.Commit || s.Lead != leader {
			c.fail("member %d is at %+v, the leader at %+v", i+1, s, want)
		}
	}
}
