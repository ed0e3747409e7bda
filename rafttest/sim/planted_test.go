package sim

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest"
	"github.com/ffd200af/raft/rafttest/property"
)

// lyingDisk says that it has synced, and does so every time but one in three.
type lyingDisk struct {
	*MemoryDisk
	writes int
	// honest is what is really durable; behind it there is what was only said to be.
	honest *MemoryDisk
}

func newLyingDisk(uint64) Disk {
	return &lyingDisk{MemoryDisk: NewMemoryDisk(), honest: NewMemoryDisk()}
}

func (d *lyingDisk) Write(hs pb.HardState, entries []pb.Entry, snapshot pb.Snapshot, sync bool) error {
	if err := d.MemoryDisk.Write(hs, entries, snapshot, sync); err != nil || !sync {
		return err
	}
	if d.writes++; d.writes%3 != 0 {
		return d.settle()
	}
	return nil
}

func (d *lyingDisk) SaveSnapshot(s pb.Snapshot) error {
	if err := d.MemoryDisk.SaveSnapshot(s); err != nil {
		return err
	}
	return d.settle()
}

func (d *lyingDisk) Compact(index uint64) error {
	if err := d.MemoryDisk.Compact(index); err != nil {
		return err
	}
	return d.settle()
}

// settle makes everything durable.
func (d *lyingDisk) settle() error {
	c, err := cloneDisk(d.MemoryDisk)
	d.honest = c
	return err
}

func (d *lyingDisk) Crash(int) (Disk, error) {
	c, err := cloneDisk(d.honest)
	return &lyingDisk{MemoryDisk: c, honest: d.honest, writes: d.writes}, err
}

// cloneDisk copies what a disk holds.
func cloneDisk(d *MemoryDisk) (*MemoryDisk, error) {
	c := NewMemoryDisk()
	s, err := d.Snapshot()
	if err != nil {
		return nil, err
	}
	first, _ := d.FirstIndex()
	last, _ := d.LastIndex()
	hs, _, err := d.InitialState()
	if err != nil {
		return nil, err
	}
	begin := s
	if first-1 < s.Metadata.Index {
		term, err := d.Term(first - 1)
		if err != nil {
			return nil, err
		}
		begin = pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: first - 1, Term: term}}
	}
	var entries []pb.Entry
	if first <= last {
		if entries, err = d.Entries(first, last+1, noLimit); err != nil {
			return nil, err
		}
	}
	if err := c.Write(hs, entries, begin, true); err != nil {
		return nil, err
	}
	if begin.Metadata.Index < s.Metadata.Index {
		return c, c.SaveSnapshot(s)
	}
	return c, nil
}

// firstFailure runs seeds until one fails.
func firstFailure(t *testing.T, seeds uint64, cfg func(seed uint64) Config) (Config, *Failure) {
	t.Helper()
	for seed := uint64(1); seed <= seeds; seed++ {
		_, err := Run(cfg(seed))
		var f *Failure
		if errors.As(err, &f) {
			return cfg(seed), f
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Fatalf("%d seeds find nothing", seeds)
	return Config{}, nil
}

func TestADiskThatLiesAboutItsSyncsIsFoundOut(t *testing.T) {
	_, f := firstFailure(t, 5, func(seed uint64) Config { return Config{Seed: seed, NewDisk: newLyingDisk} })
	if f.Property != property.Durability {
		t.Errorf("got %v, want that %s is broken", f, property.Durability)
	}
}

// Even when nobody looks at the disk, and only at what the cluster does, it is found out; the run
// is made small, and the script breaks the same property.
func TestALyingDiskLeadsToAShortScript(t *testing.T) {
	wanted := []property.Name{property.ElectionSafety, property.LogMatching, property.StateMachineSafety, property.LeaderCompleteness, property.CommitSafety, property.OneVote}
	var cfg Config
	var f *Failure
	for from := uint64(0); f == nil || !slices.Contains(wanted, f.Property); from = f.Seed {
		cfg, f = firstFailure(t, 1000, func(seed uint64) Config {
			return Config{
				Seed: from + seed, Nodes: 3, Clients: 2, Steps: 1000, NewDisk: newLyingDisk, SkipDiskCheck: true, Tune: plain,
				Faults: &Faults{Crash: 20, DownTicks: 5, Drop: 0.05, Partition: 60, PartitionTicks: 20},
			}
		})
	}
	small, err := Shrink(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("seed %d: %d of %d actions in %d replays: %v\n%s", f.Seed, small.Actions, small.Of, small.Replays, small.Failure, small.Script)
	if got := checkScript(t, small.Script); !small.Shown || !strings.Contains(got, string(f.Property)) {
		t.Errorf("the script of a run that breaks %s says at the end: %s", f.Property, got)
	}
	if small.Actions > 60 || !small.Shown {
		t.Errorf("%d of %d actions are left, shown %t", small.Actions, small.Of, small.Shown)
	}
}

// plain makes a cluster as simple as it can be.
func plain(c *raft.Config) {
	*c = raft.Config{ElectionTick: 10, HeartbeatTick: 1, MaxSizePerMsg: noLimit, MaxInflightMsgs: 256}
}

// checkScript replays a script, and returns what its check prints.
func checkScript(t *testing.T, script string) string {
	t.Helper()
	outcomes, err := rafttest.Replay(strings.NewReader(script), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range outcomes {
		if strings.Contains(outcomes[i].Actual, "unknown") {
			t.Errorf("%s: %s", outcomes[i].Directive, outcomes[i].Actual)
		}
	}
	return outcomes[len(outcomes)-1].Actual
}
