package raft

import (
	"testing"
)

// levels counts the lines of each level.
type levels struct {
	Logger
	debug, info, warning int
}

func (l *levels) Debugf(string, ...any)   { l.debug++ }
func (l *levels) Infof(string, ...any)    { l.info++ }
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

// run ticks the leader and answers, and settles, n times.
func (c *testCluster) run(n int) {
	c.tb.Helper()
	for range n {
		c.tick(1, 1)
		c.settle()
	}
}

// The application compacts the log before it has a snapshot: the leader leaves the follower that
// needs one alone, and goes on.
func TestALeaderWithoutASnapshotGoesOn(t *testing.T) {
	c, lines := withLagging(t, nil)
	leader := c.node(1)
	leader.storage.snapshot = packedSnapshot{conf: leader.storage.snapshot.conf} // the application's storage has none
	noError(t, leader.storage.Compact(leader.raft.log.applied))
	before := *lines
	c.run(100)
	noError(t, leader.Err())
	if n := lines.warning - before.warning; n != 1 || lines.info != before.info {
		t.Errorf("%d warnings and %d lines at Info in 100 ticks", n, lines.info-before.info)
	}
	c.propose(1, "y")
	c.settle()
	if leader.raft.log.committed != leader.raft.log.lastIndex() {
		t.Error("the leader commits nothing more")
	}
	cs := leader.raft.members.ConfState()
	_, err := leader.storage.CreateSnapshot(leader.raft.log.applied, &cs, []byte("state"))
	noError(t, err)
	c.run(2)
	if last := c.node(3).raft.log.lastIndex(); last != leader.raft.log.lastIndex() {
		t.Errorf("with a snapshot, node 3 gets the log up to %d of %d", last, leader.raft.log.lastIndex())
	}
	// It is news again the next time.
	c.isolate(3)
	c.propose(1, "z")
	c.settle()
	c.heal()
	leader.storage.snapshot = packedSnapshot{conf: leader.storage.snapshot.conf}
	noError(t, leader.storage.Compact(leader.raft.log.applied))
	before = *lines
	c.run(10)
	if n := lines.warning - before.warning; n != 1 {
		t.Errorf("%d warnings the second time", n)
	}
}
