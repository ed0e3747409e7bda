package options_test

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/options"
)

// Every field of Config is an option, or in the list of fields that are no values. A field in
// neither list would be missing from recordings, replay and scripts.
func TestEveryFieldOfConfigIsInTheTable(t *testing.T) {
	noValue := []string{"Storage", "Logger", "TraceLogger", "Recording"}
	var want, got []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[raft.Config]()) {
		if !slices.Contains(noValue, f.Name) {
			want = append(want, f.Name)
		}
	}
	args := map[string]bool{}
	for _, o := range options.All() {
		got = append(got, o.Field)
		if args[o.Arg] {
			t.Errorf("two options have the name %s", o.Arg)
		}
		args[o.Arg] = o.Arg != ""
		if o.Arg == "" && o.Field != "ID" && o.Field != "Applied" {
			t.Errorf("no script can set %s", o.Field)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the table has\n%q\nConfig has\n%q", got, want)
	}
}

// all returns a config in which each option has a different value.
func all() *raft.Config {
	c := &raft.Config{}
	for i, o := range options.All() {
		o.Set(c, uint64(100+i))
	}
	c.ReadOnlyOption = raft.ReadOnlyLeaseBased
	return c
}

func TestARecordingHasEveryOption(t *testing.T) {
	list := options.Encode(all())
	var got raft.Config
	if known := options.Decode(&got, list); !known || got != *all() {
		t.Errorf("%t\n%+v\n%+v", known, got, *all())
	}
	for name, more := range map[string][]uint64{"number": append(slices.Clone(list), 1), "bool": {4: 1 << 63}} {
		if options.Decode(&got, more) {
			t.Errorf("a %s that is not in the table is passed over in silence", name)
		}
	}
}

// A recording of a version with fewer options equals one that is made without the newer options.
func TestAnOldRecordingHasTheSameNumbers(t *testing.T) {
	old := []uint64{1, 10, 2, 7, 1 | 4 | 16, 1 << 20, 1 << 19, math.MaxUint64, 0, 256, 1 << 26, 1, 1, 10, 1000, 42}
	want := raft.Config{
		ID: 1, ElectionTick: 10, HeartbeatTick: 2, Applied: 7, AsyncStorageWrites: true, PreVote: true, DisableConfChangeValidation: true,
		MaxSizePerMsg: 1 << 20, MaxCommittedSizePerReady: 1 << 19, MaxUncommittedEntriesSize: math.MaxUint64, MaxInflightMsgs: 256,
		MaxInflightBytes: 1 << 26, ReadOnlyOption: raft.ReadOnlyLeaseBased, LeaseDriftTicks: 1, CatchUpRounds: 10, SnapshotTicks: 1000, Seed: 42,
	}
	var got raft.Config
	if !options.Decode(&got, old) || got != want {
		t.Errorf("it is read as %+v", got)
	}
	if list := options.Encode(&want); !slices.Equal(list, old) {
		t.Errorf("it is written as %d", list)
	}
}

func TestAnOptionIsReadAsItIsWritten(t *testing.T) {
	c := all()
	var got raft.Config
	for _, o := range options.All() {
		if err := o.Parse(&got, o.Format(c)); err != nil {
			t.Errorf("%s: %v", o.Field, err)
		}
	}
	if got != *c {
		t.Errorf("%+v\n%+v", got, *c)
	}
	for _, o := range options.All() {
		if err := o.Parse(&got, "nonsense"); err == nil {
			t.Errorf("%s is nonsense", o.Field)
		}
		if o.Field == "ElectionTick" && o.Parse(&got, "18446744073709551615") == nil {
			t.Error("an int wraps")
		}
		if o.Set(&got, math.MaxUint64); o.Field == "ElectionTick" && got.ElectionTick != math.MaxInt {
			t.Errorf("the election timeout is %d", got.ElectionTick)
		}
	}
}
