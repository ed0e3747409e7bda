package raft

import (
	"bytes"
	"fmt"

	"github.com/ffd200af/raft/internal/driver"
	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
	"pgregory.net/rapid"
)

// testNode is one member of a testCluster: a RawNode, its disk and what it applied.
type testNode struct {
	*RawNode
	storage *MemoryStorage
	cfg     Config
	applied []pb.Entry
	reads   []ReadState
	dropped [][]byte // contexts of reads
	news    []CatchUp
	// configured is told of every configuration that was applied, by an entry or a snapshot.
	configured func(index uint64, snapshot bool, cs *pb.ConfState)
	threads    []pb.Message // with asynchronous storage writes: work that is not done yet
	held       *Ready       // of a fuzzer: written, and not acknowledged by Advance
	// rec is where the node's doings are reported, in a walk. Elsewhere tests meddle with nodes,
	// and what a node promises is checked alone.
	rec   *property.Node
	alone property.Witness
}

// testCluster drives members by hand: every method works until nothing moves, with
// messages delivered in order, unless cut says otherwise. Invariants are checked after every step.
type testCluster struct {
	tb    rapid.TB
	nodes []*testNode // nodes[i] has id i+1
	wire  []pb.Message
	// cut drops messages for which it returns true.
	cut func(m *pb.Message) bool
	// floors holds, per context of a read, the largest commit index when it was asked for.
	floors map[string]uint64
	// answered holds the contexts of the reads that were answered; nil unless a test needs
	// them.
	answered map[string]bool
	// sent counts messages by type, whether dropped or not.
	sent map[pb.MessageType]int
}

// newTestCluster creates n voters without a log; tune may change each Config.
func newTestCluster(tb rapid.TB, n int, tune func(c *Config)) *testCluster {
	c := &testCluster{tb: tb, sent: map[pb.MessageType]int{}}
	var cs pb.ConfState
	for id := uint64(1); id <= uint64(n); id++ {
		cs.Voters = append(cs.Voters, id)
	}
	for _, id := range cs.Voters {
		storage := NewMemoryStorage()
		if err := storage.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 1, Term: 1, ConfState: cs}}); err != nil {
			tb.Fatal(err)
		}
		if err := storage.SetHardState(pb.HardState{Term: 1, Commit: 1}); err != nil {
			tb.Fatal(err)
		}
		cfg := testConfig(id, storage)
		if tune != nil {
			tune(&cfg)
		}
		node := &testNode{storage: storage, cfg: cfg}
		c.nodes = append(c.nodes, node)
		c.start(node)
	}
	return c
}

// join adds a node with an empty disk, which knows no configuration.
func (c *testCluster) join(tune func(c *Config)) uint64 {
	c.tb.Helper()
	storage := NewMemoryStorage()
	cfg := testConfig(uint64(len(c.nodes)+1), storage)
	if tune != nil {
		tune(&cfg)
	}
	node := &testNode{storage: storage, cfg: cfg}
	c.nodes = append(c.nodes, node)
	c.start(node)
	return cfg.ID
}

// change proposes configuration changes at a leader, `v4 r1` for instance, and settles.
func (c *testCluster) change(id uint64, changes string) {
	c.tb.Helper()
	if err := c.tryChange(id, changes); err != nil {
		c.tb.Fatalf("%s: %v", changes, err)
	}
	c.settle()
}

func (c *testCluster) tryChange(id uint64, changes string) error {
	c.tb.Helper()
	ccs, err := pb.ConfChangesFromString(changes)
	if err != nil {
		c.tb.Fatal(err)
	}
	cc := pb.ConfChangeV2{Changes: ccs}
	if err := c.node(id).CheckConfChange(cc); err != nil {
		return err
	}
	return c.node(id).ProposeConfChange(cc)
}

// wantConfig checks the active configuration of nodes.
func (c *testCluster) wantConfig(want string, ids ...uint64) {
	c.tb.Helper()
	for _, id := range ids {
		if got := c.node(id).raft.members.Config().String(); got != want {
			c.tb.Fatalf("node %d uses %s, want %s", id, got, want)
		}
	}
}

func testConfig(id uint64, storage Storage) Config {
	return Config{
		ID: id, Storage: storage, ElectionTick: 10, HeartbeatTick: 1, Seed: 7,
		MaxSizePerMsg: raftlog.NoLimit, MaxInflightMsgs: 256, Logger: DiscardLogger,
	}
}

func (c *testCluster) start(node *testNode) {
	c.tb.Helper()
	rn, err := NewRawNode(&node.cfg)
	if err != nil {
		c.tb.Fatal(err)
	}
	node.RawNode = rn
}

// restart drops everything that is not on the node's disk.
func (c *testCluster) restart(id uint64) {
	c.tb.Helper()
	node := c.node(id)
	snap, err := node.storage.Snapshot()
	if err != nil {
		c.tb.Fatal(err)
	}
	node.cfg.Applied = snap.Metadata.Index
	if n := len(node.applied); n > 0 {
		node.cfg.Applied = max(node.cfg.Applied, node.applied[n-1].Index)
	}
	node.threads = nil
	if node.rec != nil {
		node.rec.Stops()
	}
	c.start(node)
	if node.rec != nil {
		node.rec.Starts(node.shown())
	}
}

func (c *testCluster) node(id uint64) *testNode { return c.nodes[id-1] }

// app is the application around a node: what its driver does goes through it. c is nil where a test
// sends by itself.
type app struct {
	*testNode
	c *testCluster
}

func (n *testNode) driver(c *testCluster) driver.Driver {
	return driver.Driver{Host: app{n, c}, Node: n.rec}
}

// persist does the storage work of a Ready.
func (n *testNode) persist(tb rapid.TB, rd Ready) {
	tb.Helper()
	d := n.driver(nil)
	noError(tb, d.Persist(&driver.Write{HardState: rd.HardState, Entries: rd.Entries, Snapshot: rd.Snapshot, Sync: true}))
}

// Write implements driver.Host.
func (n app) Write(w *driver.Write) error { return w.Onto(n.storage) }

// Restore implements driver.Host.
func (n app) Restore(s *pb.Snapshot) error {
	if n.configured != nil {
		n.configured(s.Metadata.Index, true, &s.Metadata.ConfState)
	}
	return nil
}

// Apply implements driver.Host.
func (n app) Apply(e *pb.Entry, _ pb.ConfChangeI, cs *pb.ConfState) error {
	if last := len(n.applied); last > 0 && n.applied[last-1].Index >= e.Index {
		return fmt.Errorf("node %d applies %d after %d", n.cfg.ID, e.Index, n.applied[last-1].Index)
	}
	n.applied = append(n.applied, *e)
	if cs == nil {
		return nil
	}
	n.shows()
	if n.configured != nil {
		n.configured(e.Index, false, cs)
	}
	return nil
}

// Send implements driver.Host.
func (n app) Send(messages []pb.Message) {
	for i := range messages {
		m := &messages[i]
		n.c.sent[m.Type]++
		if n.c.cut == nil || !n.c.cut(m) {
			n.c.wire = append(n.c.wire, *m)
		}
	}
}

// Acknowledge implements driver.Host.
func (n app) Acknowledge(_ int, response pb.Message) {
	_ = n.Step(response) // a node that was removed refuses it
}

// checkPromises: what leaves the node after a write is covered by what is on its disk. In a walk
// the node's record judges that.
func (n *testNode) checkPromises(tb rapid.TB, messages []pb.Message) {
	tb.Helper()
	if n.rec != nil {
		return
	}
	hs, _, _ := n.storage.InitialState()
	last, _ := n.storage.LastIndex()
	term, _ := n.storage.Term(last)
	rec := property.NewAlone(n.cfg.ID, &n.alone)
	rec.Recovers(property.NewView(last, term), hs)
	for i := range messages {
		if m := &messages[i]; m.To != n.cfg.ID && !IsLocalMsgTarget(m.To) {
			rec.Sends(m)
		}
	}
	if n.alone.Broken != nil {
		tb.Fatal(n.alone.Broken)
	}
}

// shows reports the node's state to the observer of a walk.
func (n *testNode) shows() {
	if n.rec != nil && n.Err() == nil {
		n.rec.Shows(n.shown())
	}
}

func (n *testNode) shown() property.State {
	st := n.BasicStatus()
	return property.State{HardState: st.HardState, Lead: st.Lead, Applied: st.Applied, Role: property.Role(st.RaftState)}
}

// Step gives the node a message. A leader that commits may step down with the next one.
func (n *testNode) Step(m pb.Message) error {
	err := n.RawNode.Step(m)
	n.shows()
	return err
}

// take takes a Ready.
func (n *testNode) take() Ready {
	rd := n.Ready()
	if n.shows(); n.rec != nil {
		n.rec.HandsOut(rd.Entries, &rd.Snapshot)
	}
	return rd
}

// apply applies committed entries, configuration changes included.
func (n *testNode) apply(tb rapid.TB, entries []pb.Entry) {
	tb.Helper()
	d := n.driver(nil)
	noError(tb, d.Apply(entries))
}

func (c *testCluster) verify(node *testNode) {
	c.tb.Helper()
	if err := node.Verify(); err != nil {
		c.tb.Fatal(err)
	}
	node.shows()
}

// ready handles one Ready of a node and puts its messages on the wire.
func (c *testCluster) ready(id uint64) bool {
	c.tb.Helper()
	node := c.node(id)
	if !node.HasReady() {
		return false
	}
	rd, d := node.take(), node.driver(c)
	node.persist(c.tb, rd)
	node.checkPromises(c.tb, rd.Messages)
	d.Send(rd.Messages)
	node.apply(c.tb, rd.CommittedEntries)
	node.reads = append(node.reads, rd.ReadStates...)
	node.dropped = append(node.dropped, rd.DroppedReads...)
	node.news = append(node.news, rd.CatchUps...)
	node.Advance(rd)
	c.verify(node)
	return true
}

// deliver steps everything on the wire.
func (c *testCluster) deliver() bool {
	c.tb.Helper()
	wire := c.wire
	c.wire = nil
	for _, m := range wire {
		if m.To > uint64(len(c.nodes)) {
			continue // a member that was never started
		}
		node := c.node(m.To)
		_ = node.Step(m) // refusals are looked at where they matter
		c.verify(node)
	}
	return len(wire) > 0
}

// settle works until nothing moves.
func (c *testCluster) settle() {
	c.tb.Helper()
	for round := 0; ; round++ {
		if round > 10000 {
			c.tb.Fatal("the cluster does not come to rest")
		}
		moved := false
		for _, node := range c.nodes {
			moved = c.ready(node.cfg.ID) || moved
		}
		if moved = c.deliver() || moved; !moved {
			return
		}
	}
}

// elect makes id the leader.
func (c *testCluster) elect(id uint64) {
	c.tb.Helper()
	if err := c.node(id).Campaign(); err != nil {
		c.tb.Fatal(err)
	}
	c.settle()
	if got := c.node(id).BasicStatus().RaftState; got != StateLeader {
		c.tb.Fatalf("node %d is %s after its campaign", id, got)
	}
}

func (c *testCluster) propose(id uint64, data string) {
	c.tb.Helper()
	if err := c.node(id).Propose([]byte(data)); err != nil {
		c.tb.Fatal(err)
	}
}

// tick ticks a node n times without looking at its output.
func (c *testCluster) tick(id uint64, n int) {
	for range n {
		c.node(id).Tick()
		c.verify(c.node(id))
	}
}

// isolate cuts the nodes off from all others.
func (c *testCluster) isolate(ids ...uint64) {
	c.cut = func(m *pb.Message) bool {
		inside := func(id uint64) bool {
			for _, i := range ids {
				if i == id {
					return true
				}
			}
			return false
		}
		return inside(m.From) != inside(m.To)
	}
}

func (c *testCluster) heal() { c.cut = nil }

// applied returns the data of what a node has applied, one entry after another.
func (c *testCluster) appliedData(id uint64) string {
	var b bytes.Buffer
	for _, e := range c.node(id).applied {
		if e.Type == pb.EntryNormal && len(e.Data) > 0 {
			fmt.Fprintf(&b, "%s ", e.Data)
		}
	}
	return b.String()
}

// wantApplied checks what every node has applied.
func (c *testCluster) wantApplied(want string) {
	c.tb.Helper()
	for _, node := range c.nodes {
		if got := c.appliedData(node.cfg.ID); got != want {
			c.tb.Fatalf("node %d applied %q, want %q", node.cfg.ID, got, want)
		}
	}
}

func entryAt(term, index uint64) raftlog.EntryID { return raftlog.EntryID{Term: term, Index: index} }

// entriesOf builds entries with the given terms, the first at index.
func entriesOf(index uint64, entryTerms ...uint64) []pb.Entry {
	var entries []pb.Entry
	for i, term := range entryTerms {
		at := index + uint64(i)
		entries = append(entries, pb.Entry{Term: term, Index: at, Data: fmt.Appendf(nil, "%d/%d", term, at)})
	}
	return entries
}
