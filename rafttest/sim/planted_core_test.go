package sim

import (
	"strings"
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

// A core that is wrong breaks other properties first than a disk that lies. Each of these does on
// the way what such a core would do. The run fails, is made small, and its script shows the same in
// the cluster of package rafttest, where nothing is wrong but what the script says.
func TestAWrongCoreLeadsToAShortScriptThatShowsIt(t *testing.T) {
	for _, tc := range []struct {
		name   string
		breaks property.Name
		plant  plant
		disk   func(uint64) Disk
		tune   func(*raft.Config)
	}{
		{"votes leave before they are synced", property.Promise, plant{unsynced: votesOnly}, nil, plain},
		{"so do acknowledgements, with asynchronous writes", property.Promise, plant{unsynced: batches}, nil, async},
		{"followers are told that everything is committed", property.CommitSafety, plant{tamper: commitsAll}, nil, plain},
		{"a refusal acknowledges", property.CommitSafety, plant{tamper: acknowledges}, nil, plain},
		{"a vote is given to a log that is behind", property.LeaderCompleteness, plant{tamper: votesForAnyLog}, nil, plain},
		{"a vote is given twice", property.ElectionSafety, plant{tamper: votesForAll}, nil, plain},
		{"a vote is forgotten in a crash", property.OneVote, plant{}, newForgetfulDisk, plain},
		{"a read is answered with less than is committed", property.ReadSafety, plant{tamper: readsBehind}, nil, plain},
		{"an entry changes on its way", property.LogMatching, plant{tamper: changesEntries}, nil, plain},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := firstBroken(t, tc.breaks, func(seed uint64) Config {
				return Config{
					Seed: seed, Nodes: 3, Clients: 2, Steps: 1000, NewDisk: tc.disk, SkipDiskCheck: tc.disk != nil, Tune: tc.tune, plant: &tc.plant,
					Faults: &Faults{Crash: 6, DownTicks: 2, Drop: 0.05, Partition: 60, PartitionTicks: 20, Campaign: 6},
				}
			})
			small, err := Shrink(cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("seed %d: %d of %d actions in %d replays: %v", cfg.Seed, small.Actions, small.Of, small.Replays, small.Failure)
			if small.Actions > 60 || !small.Shown || strings.Contains(small.Script, "does not show") {
				t.Errorf("%d actions, shown %t:\n%s", small.Actions, small.Shown, small.Script)
			}
			if got := checkScript(t, small.Script); !strings.Contains(got, string(tc.breaks)+": ") {
				t.Errorf("the script of a run that breaks %s says at the end: %s", tc.breaks, got)
			}
		})
	}
}

func votesOnly(_ *node, _ pb.HardState, entries []pb.Entry) bool { return len(entries) == 0 }

func batches(_ *node, _ pb.HardState, entries []pb.Entry) bool { return len(entries) > 1 }

func commitsAll(_ *node, m *pb.Message) bool {
	if m.Type != pb.MsgApp || len(m.Entries) == 0 {
		return false
	}
	m.Commit = m.Entries[len(m.Entries)-1].Index
	return true
}

func acknowledges(_ *node, m *pb.Message) bool { return m.Type == pb.MsgAppResp && agrees(m) }

func votesForAll(_ *node, m *pb.Message) bool { return m.Type == pb.MsgVoteResp && agrees(m) }

// votesForAnyLog leaves alone who has voted already.
func votesForAnyLog(n *node, m *pb.Message) bool {
	return n.Hard.Vote == raft.None && votesForAll(n, m)
}

// agrees turns a refusal into its opposite.
func agrees(m *pb.Message) bool {
	was := m.Reject
	if was {
		m.Reject, m.RejectHint, m.LogTerm, m.Commit = false, 0, 0, 0
	}
	return was
}

func readsBehind(_ *node, m *pb.Message) bool {
	if m.Type != pb.MsgReadIndexResp || m.Index <= firstIndex {
		return false
	}
	m.Index--
	return true
}

func changesEntries(_ *node, m *pb.Message) bool {
	if m.Type != pb.MsgApp || m.To != 3 || len(m.Entries) != 1 || len(m.Entries[0].Data) == 0 {
		return false
	}
	e := m.Entries[0]
	m.Entries = []pb.Entry{{Term: e.Term, Index: e.Index, Data: []byte("another")}}
	return true
}

// firstBroken returns the first configuration whose run breaks a property before it breaks others.
func firstBroken(t *testing.T, p property.Name, cfg func(seed uint64) Config) Config {
	t.Helper()
	for from := uint64(0); from < 2000; {
		c, f := firstFailure(t, 2000, func(seed uint64) Config { return cfg(from + seed) })
		if f.Property == p {
			return c
		}
		from = f.Seed
	}
	t.Fatalf("no seed breaks %s first", p)
	return Config{}
}

// async is plain with asynchronous storage writes.
func async(c *raft.Config) {
	plain(c)
	c.AsyncStorageWrites = true
}

// forgetfulDisk loses the vote in a crash.
type forgetfulDisk struct{ *MemoryDisk }

func newForgetfulDisk(uint64) Disk { return forgetfulDisk{NewMemoryDisk()} }

func (d forgetfulDisk) Crash(keep int) (Disk, error) {
	if _, err := d.MemoryDisk.Crash(keep); err != nil {
		return nil, err
	}
	hs, _, err := d.InitialState()
	hs.Vote = raft.None
	d.durable = hs
	if err == nil && !raft.IsEmptyHardState(hs) {
		err = d.SetHardState(hs)
	}
	return d, err
}

// What only the simulator looks at is not shown, and the script says so.
func TestAScriptThatShowsNothingSaysSo(t *testing.T) {
	cfg := firstBroken(t, property.Durability, func(seed uint64) Config {
		return Config{Seed: seed, Nodes: 3, Steps: 1000, NewDisk: newLyingDisk, Tune: plain, Faults: &Faults{Crash: 20, DownTicks: 5}}
	})
	small, err := Shrink(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if small.Shown || !strings.HasPrefix(small.Script, "# The check at the end does not show") {
		t.Errorf("shown %t:\n%s", small.Shown, small.Script)
	}
}

// Where leases count on the clocks, a run is made small without a clock that stands still.
func TestClocksRunOnInAShrunkRun(t *testing.T) {
	c := clocks{rate: 1.1}
	tick := func(node uint64) action { return action{kind: doTick, node: node} }
	look := func(node uint64) action { return action{kind: doReady, node: node} }
	even := []action{look(1), look(2)}
	for range 10 {
		even = append(even, tick(1), look(1), tick(2), look(2))
	}
	slow := []action{look(1), look(2)}
	for range 10 {
		slow = append(slow, tick(1), look(1))
	}
	slow = append(slow, look(2))
	// A pause is made up for before anything else is done.
	paused := append(append([]action(nil), slow[:len(slow)-1]...), tick(2), tick(2), tick(2), tick(2), tick(2), tick(2), tick(2), tick(2), tick(2), look(2))
	down := append([]action{{kind: doCrash, node: 2}}, slow...)
	down = append(down, action{kind: doRestart, node: 2}, look(2))
	down = append(down[:3:3], append(slow[2:len(slow)-1:len(slow)-1], action{kind: doRestart, node: 2}, look(2))...)
	for _, tc := range []struct {
		name    string
		actions []action
		allowed bool
	}{{"even", even, true}, {"one stands still", slow, false}, {"a pause", paused, true}, {"one is down", down, true}} {
		if got := c.excess(tc.actions, 2); got <= c.rate+1 != tc.allowed {
			t.Errorf("%s: a clock runs %v ticks ahead", tc.name, got)
		}
	}
}
