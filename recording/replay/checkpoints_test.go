package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/checkpoint"
	"github.com/ffd200af/raft/rafttest/sim"
	"github.com/ffd200af/raft/recording"
)

// often asks for a checkpoint at every nth input.
type often struct {
	bytes.Buffer
	n, inputs int
}

func (o *often) CheckpointRoom() int {
	if o.inputs++; o.inputs%o.n == 0 {
		return math.MaxInt / 2
	}
	return 0
}

// oftenLives is lives with checkpoints.
func oftenLives(t testing.TB, c sim.Config, n int) [][]recording.Record {
	t.Helper()
	var all []*often
	c.Recording = func(uint64) io.Writer {
		all = append(all, &often{n: n})
		return all[len(all)-1]
	}
	if _, err := sim.Run(c); err != nil {
		t.Fatal(err)
	}
	var recordings [][]recording.Record
	for _, o := range all {
		recordings = append(recordings, read(t, o.Bytes()))
	}
	return recordings
}

// A node that was restored from a checkpoint goes on as the one that was there all the time: what
// it hands out is the same, and so is its state at every later checkpoint.
func TestACheckpointStandsForEverythingBeforeIt(t *testing.T) {
	seeds := uint64(24)
	if testing.Short() {
		seeds = 6
	}
	compared, restored, leaders := 0, 0, 0
	for seed := uint64(1); seed <= seeds; seed++ {
		c := sim.Config{Seed: seed, Bootstrap: seed%3 == 0, Steps: 2500}
		if seed%3 == 0 {
			c.Tune = func(c *raft.Config) { c.MaxCachedEntriesSize = 4096 }
		}
		for life, records := range oftenLives(t, c, 7) {
			if err := Run(records, nil); err != nil {
				t.Fatalf("seed %d, life %d from its start: %v", seed, life, err)
			}
			var at []int
			for i := range records {
				if records[i].Kind == recording.Checkpoint {
					at = append(at, i)
				}
			}
			compared += len(at)
			for i := 0; i < len(at); i += 1 + len(at)/5 {
				led := false
				err := Run(records[at[i]:], func(s *Step) error {
					led = led || s.Node.BasicStatus().RaftState == raft.StateLeader
					return nil
				})
				if err != nil {
					t.Fatalf("seed %d, life %d from record %d of %d: %v", seed, life, at[i], len(records), err)
				}
				if restored++; led {
					leaders++
				}
			}
		}
	}
	t.Logf("%d states compared, %d restored, %d of them led", compared, restored, leaders)
	if leaders < 10 {
		t.Error("too few leaders")
	}
}

// A small ring under a long life holds what can be replayed, at any time.
func TestARingThatHasWrappedIsReplayedFromACheckpoint(t *testing.T) {
	rings := map[uint64]*recording.Ring{}
	faults := &sim.Faults{Drop: 0.02, Crash: 200, DownTicks: 5, Compact: 20, MaxNodes: 3}
	c := sim.Config{Seed: 4, Nodes: 3, Steps: 20000, Faults: faults, Recording: func(id uint64) io.Writer {
		if rings[id] == nil {
			rings[id] = recording.NewRing(32 << 10)
		}
		return rings[id]
	}}
	if _, err := sim.Run(c); err != nil {
		t.Fatal(err)
	}
	for _, id := range slices.Sorted(func(yield func(uint64) bool) {
		for id := range rings {
			if !yield(id) {
				return
			}
		}
	}) {
		var out bytes.Buffer
		if n, err := rings[id].WriteTo(&out); err != nil || n != int64(out.Len()) || n > 32<<10+100 {
			t.Fatal(n, err)
		}
		records := read(t, out.Bytes())
		if records[0].Kind != recording.Lost || records[0].Number(0) == 0 {
			t.Errorf("node %d: the ring has not wrapped", id)
		}
		inputs := 0
		if err := Run(records, func(*Step) error { inputs++; return nil }); err != nil || inputs < 20 {
			t.Errorf("node %d: %d inputs of %d records, %v", id, inputs, len(records), err)
		}
	}
}

// What a checkpoint holds may be anything: there is an error, and no panic.
func TestADamagedCheckpointIsAnError(t *testing.T) {
	records := oftenLives(t, sim.Config{Seed: 4, Nodes: 3, Steps: 500, Faults: sim.NoFaults()}, 40)[0]
	at := slices.IndexFunc(records, func(r recording.Record) bool { return r.Kind == recording.Checkpoint })
	for i := range records[at].Blobs[0] {
		for _, b := range []byte{0, 1, 0x7f, 0xff} {
			changed := slices.Clone(records[at:])
			state := bytes.Clone(changed[0].Blobs[0])
			state[i] = b
			changed[0].Blobs = [][]byte{state}
			if err := Run(changed, nil); !errors.Is(err, ErrCheckpoint) && !bytes.Equal(state, records[at].Blobs[0]) {
				t.Fatalf("byte %d as %x, with the sum as it was: %v", i, b, err)
			}
			changed[0].Numbers = []uint64{records[at].Number(0), checkpoint.Sum(state)}
			var d *Divergence
			if err := Run(changed, nil); err != nil && !errors.Is(err, ErrCheckpoint) && !errors.As(err, &d) {
				t.Fatalf("byte %d as %x: %v", i, b, err)
			}
		}
	}
	other := slices.Clone(records[at:])
	other[0].Numbers = []uint64{1}
	if err := Run(other, nil); !errors.Is(err, ErrOtherLibrary) {
		t.Errorf("got %v", err)
	}
}

// There is nothing in a node that cannot be written down.
func TestTheStateOfANodeHasAShape(t *testing.T) {
	if shape, err := checkpoint.Shape(&raft.RawNode{}); err != nil || shape == 0 {
		t.Error(fmt.Sprint(shape), err)
	}
}
