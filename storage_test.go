package raft

import (
	"testing"

	pb "github.com/ffd200af/raft/raftpb"
)

// levels counts the lines of each level.
type levels struct {
	Logger
	debug, info, warning int
}

func (l *levels) Debugf(string, ...any) { l.debug++ }

func (l *levels) Infof(string, ...any) { l.info++ }

func (l *levels) Warningf(string, ...any) { l.warning++ }

// withLagging returns a cluster of three whose leader, node 1, has ten entries that node 3 lacks.
// Node 3 is heard from again. lines counts what the leader logs.
func withLagging(t *testing.T, tune func(c *Config)) (c *testCluster, lines *levels) {
	t.Helper()
	lines = &levels{Logger: DiscardLogger}
	c = newTestCluster(t, 3, func(cfg *Config) {
		if cfg.CheckQuorum = true; cfg.ID == 1 {
			cfg.Logger = lines
		}
		if tune != nil {
			tune(cfg)
		}
	})
	c.elect(1)
	c.isolate(3)
	for range 10 {
		c.propose(1, "x")
	}
	c.settle()
	c.heal()
	return c, lines
}

// The application compacts the log before it has a snapshot: the leader leaves the follower that
// needs one alone, and goes on.
func TestALeaderWithoutASnapshotGoesOn(t *testing.T) {
	c, lines := withLagging(t, nil)
	leader := c.node(1)
	leader.storage.configure(leader.storage.snapshot.meta.unpack().ConfState) // the application's storage has none
	noError(t, leader.storage.Compact(leader.raft.log.Applied()))
	before := *lines
	c.run(100)
	noError(t, leader.Err())
	if n := lines.warning - before.warning; n != 1 || lines.info != before.info {
		t.Errorf("%d warnings and %d lines at Info in 100 ticks", n, lines.info-before.info)
	}
	c.propose(1, "y")
	c.settle()
	if leader.raft.log.Committed() != leader.raft.log.LastIndex() {
		t.Error("the leader commits nothing more")
	}
	cs := leader.raft.members.ConfState()
	_, err := leader.storage.CreateSnapshot(leader.raft.log.Applied(), &cs, []byte("state"))
	noError(t, err)
	c.run(2)
	if last := c.node(3).raft.log.LastIndex(); last != leader.raft.log.LastIndex() {
		t.Errorf("with a snapshot, node 3 gets the log up to %d of %d", last, leader.raft.log.LastIndex())
	}
	// It is news again the next time.
	c.isolate(3)
	c.propose(1, "z")
	c.settle()
	c.heal()
	leader.storage.configure(leader.storage.snapshot.meta.unpack().ConfState)
	noError(t, leader.storage.Compact(leader.raft.log.Applied()))
	before = *lines
	c.run(10)
	if n := lines.warning - before.warning; n != 1 {
		t.Errorf("%d warnings the second time", n)
	}
}

// While Storage cannot give the entries that a follower needs, the node is quiet. When it can, the
// program says so, and the entries are sent at once.
func TestEntriesThatAreUnavailableForLong(t *testing.T) {
	var storage *unavailable
	c, lines := withLagging(t, func(cfg *Config) {
		if cfg.ID == 1 {
			storage = &unavailable{MemoryStorage: cfg.Storage.(*MemoryStorage)}
			cfg.Storage = storage
		}
	})
	before := *lines
	storage.now = true
	c.run(100)
	noError(t, c.node(1).Err())
	if n := lines.warning - before.warning; n != 1 || lines.info != before.info {
		t.Errorf("%d warnings and %d lines at Info in 100 ticks", n, lines.info-before.info)
	}
	storage.now = false
	c.settle()
	if last := c.node(3).raft.log.LastIndex(); last == c.node(1).raft.log.LastIndex() {
		t.Fatal("node 3 has the entries already")
	}
	c.node(1).StorageAvailable()
	c.settle()
	if last := c.node(3).raft.log.LastIndex(); last != c.node(1).raft.log.LastIndex() {
		t.Errorf("node 3 has the log up to %d of %d", last, c.node(1).raft.log.LastIndex())
	}
	// It is news again the next time.
	c.isolate(3)
	c.propose(1, "y")
	c.settle()
	c.heal()
	storage.now, before = true, *lines
	c.run(10)
	if n := lines.warning - before.warning; n != 1 {
		t.Errorf("%d warnings the second time", n)
	}
}

// Entries to apply that Storage cannot give are asked for once in a tick, and when the program says
// that they are there.
func TestEntriesToApplyThatAreUnavailable(t *testing.T) {
	for _, told := range []bool{false, true} {
		c, _ := withLagging(t, nil)
		node := c.node(2)
		storage := &unavailable{MemoryStorage: node.storage, now: true}
		lines := &levels{Logger: DiscardLogger}
		node.cfg.Storage, node.cfg.Logger = storage, lines
		node.applied = nil // the state machine is lost
		c.restart(2)
		c.ready(2)
		for range 5 {
			if node.HasReady() {
				t.Fatal("there is a Ready without a tick")
			}
			node.TickQuiesced()
			c.ready(2)
		}
		noError(t, node.Err())
		if storage.reads != 6 || lines.warning != 1 {
			t.Errorf("%d reads and %d warnings in 5 ticks", storage.reads, lines.warning)
		}
		if storage.now = false; told {
			node.StorageAvailable()
		} else {
			node.TickQuiesced()
		}
		if rd := node.Ready(); len(rd.CommittedEntries) == 0 || node.HasReady() {
			t.Errorf("told %t: nothing is to be applied", told)
		}
	}
}

// A campaign that has to look at entries waits for them.
func TestACampaignWaitsForStorage(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		c, _ := withLagging(t, func(cfg *Config) { cfg.CheckQuorum = true })
		node := c.node(2)
		storage := &unavailable{MemoryStorage: node.storage, now: true}
		node.cfg.Storage = storage
		node.applied = nil
		c.restart(2)
		if ordered {
			noError(t, node.Step(pb.Message{Type: pb.MsgTimeoutNow, From: 1, To: 2, Term: node.raft.term}))
		} else {
			noError(t, node.Campaign())
		}
		c.ready(2)
		noError(t, node.Err())
		if node.raft.role != StateFollower {
			t.Fatalf("node 2 is %s", node.raft.role)
		}
		storage.now = false
		if node.StorageAvailable(); !ordered {
			node.Tick()
		}
		if node.raft.role != StateCandidate {
			t.Errorf("ordered %t: node 2 is %s when the entries are there", ordered, node.raft.role)
		}
	}
}
