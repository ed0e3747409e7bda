package mixed

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"

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

	observer property.Observer
	asked    int               // how many reads
	answers  map[string]uint64 // by context
}

// newCluster makes a cluster; kinds has a letter for each member, o for ours and e for etcd's.
func newCluster(t testing.TB, kinds string, config member.Config, seed uint64) *cluster {
	c := &cluster{
		t: t, name: fmt.Sprintf("%s %+v seed %d", kinds, config, seed), r: rand.New(rand.NewPCG(seed, 1)),
		answers: map[string]uint64{},
	}
	c.observer.Report = func(v property.Violation) {
		// With asynchronous storage writes, their nodes ask for votes, answer heartbeats and lead
		// in a term that is not durable.
		promise := v.Property == property.Promise || v.Property == property.OneVote
		if !promise || !c.configs[v.Node-1].Async || c.kind(v.Node) == 'o' {
			c.fail("%v", &v)
		}
	}
	c.observer.Lenient = true // what was asked for in an earlier life is answered
	c.observer.Begins(1, 1)
	var voters []uint64
	for i := range kinds {
		voters = append(voters, uint64(i+1))
	}
	for i := range kinds {
		config.ID = uint64(i + 1)
		c.configs = append(c.configs, config)
		c.members = append(c.members, nil)
		c.start(config.ID, kinds[i], firstDisk(voters))
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

// start starts a member of a kind from a disk.
func (c *cluster) start(id uint64, kind byte, disk member.Disk) {
	snapshot, hard := decode[raftpb.Snapshot](disk.Snapshot), decode[raftpb.HardState](disk.HardState)
	log := property.NewView(snapshot.Metadata.Index, snapshot.Metadata.Term)
	for _, e := range decodeAll(disk.Entries) {
		log.Put(e.Index, e.Term)
	}
	rec := c.observer.Node(id)
	rec.Recovers(log, *hard)
	rec.Conf = snapshot.Metadata.ConfState
	if kind == 'o' {
		c.members[id-1] = ours.New(c.configs[id-1], disk)
	} else {
		c.members[id-1] = etcd.New(c.configs[id-1], disk)
	}
	rec.Starts(c.shown(id))
}

// restart stops a member and starts it again from its disk, as the other kind if that is told.
func (c *cluster) restart(id uint64, kind byte) {
	c.observer.Node(id).Stops()
	c.start(id, kind, c.members[id-1].Stop())
}

func (c *cluster) kind(id uint64) byte { return c.members[id-1].Kind()[0] }

func (c *cluster) fail(format string, args ...any) {
	c.t.Helper()
	c.t.Fatalf("%s: %s", c.name, fmt.Sprintf(format, args...))
}

// do lets a member do a piece of work and takes what comes of it.
func (c *cluster) do(id uint64, work func(member.Member, member.Output) bool) bool {
	did := work(c.members[id-1], output{c, c.observer.Node(id)})
	c.check(id)
	return did
}

// check looks at a member after a step.
func (c *cluster) check(id uint64) { c.observer.Node(id).Shows(c.shown(id)) }

func (c *cluster) shown(id uint64) property.State {
	s := c.members[id-1].State()
	return property.State{
		HardState: raftpb.HardState{Term: s.Term, Vote: s.Vote, Commit: s.Commit}, Lead: s.Lead, Applied: s.Applied, Role: property.Role(s.Role),
	}
}

// ask lets a member ask for a read.
func (c *cluster) ask(id uint64) (context string) {
	context = fmt.Sprint(c.asked)
	c.asked++
	c.observer.Node(id).Asks([]byte(context))
	c.members[id-1].ReadIndex([]byte(context))
	return context
}

// output reports what a member does to the observer, and puts its messages on the wire.
type output struct {
	c *cluster
	n *property.Node
}

func (o output) HandsOut(entries [][]byte, snapshot []byte) {
	o.n.HandsOut(decodeAll(entries), decode[raftpb.Snapshot](snapshot))
}

func (o output) Writes(hard []byte, entries [][]byte, snapshot []byte) {
	s := decode[raftpb.Snapshot](snapshot)
	o.n.Writes(*decode[raftpb.HardState](hard), decodeAll(entries), s, true)
	if s.Metadata.Index > 0 {
		o.n.Restores(s)
	}
}

func (o output) Sends(m member.Message) {
	o.n.Sends(decode[raftpb.Message](m.Data))
	o.c.wire = append(o.c.wire, m)
}

func (o output) Applies(entry []byte) { o.n.Applies(decode[raftpb.Entry](entry)) }

func (o output) Configures(index uint64, conf []byte) {
	o.n.Configures(index, decode[raftpb.ConfState](conf))
	o.c.check(o.n.ID) // a new quorum may commit
}

func (o output) Stands(index, state uint64) {
	o.c.observer.Stands(o.n, index, member.Saved(state))
}

func (o output) Answers(context []byte, index uint64) {
	if _, again := o.c.answers[string(context)]; !again {
		o.n.Answers(context, index)
		o.c.answers[string(context)] = index
	}
}

func decode[T any, M interface {
	*T
	Unmarshal([]byte) error
}](data []byte) *T {
	m := new(T)
	if err := M(m).Unmarshal(data); err != nil {
		panic(err) // members encode what they know
	}
	return m
}

func decodeAll(list [][]byte) []raftpb.Entry {
	var entries []raftpb.Entry
	for _, data := range list {
		entries = append(entries, *decode[raftpb.Entry](data))
	}
	return entries
}

var pieces = []func(member.Member, member.Output) bool{member.Member.Work, member.Member.Append, member.Member.Apply}

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
