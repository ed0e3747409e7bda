package sim

import (
	"errors"
	"fmt"
	"io"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/rafttest/picture"
	"github.com/ffd200af/raft/rafttest/property"
)

// Config says what to simulate. The zero Config with a Seed is a good start: whatever is zero is
// drawn from the seed, differently for each, so that many seeds see many kinds of clusters and
// faults.
type Config struct {
	// Seed decides everything that is left to chance. The same Config gives the same run, to the
	// byte.
	Seed uint64
	// Nodes is the number of first voters, 0 for 1 to 5. More may join.
	Nodes int
	// Bootstrap has the first voters, in half of the clusters only some of them, begin with
	// RawNode.Bootstrap on empty disks. Otherwise they begin with a snapshot that they share.
	Bootstrap bool
	// Steps is the number of events after which the faults end and everybody has to recover. 0
	// means 10,000.
	Steps int
	// Clients is the number of clients, 0 for 1 to 4.
	Clients int
	// Faults are what goes wrong; nil draws a selection of everything that the library promises to
	// survive.
	Faults *Faults

	// Tune, if set, may change what was drawn for all nodes alike: sizes, timeouts, asynchronous
	// storage writes. ID, Storage, Applied, Seed and Logger are the simulator's.
	Tune func(*raft.Config)
	// MessageTicks and WriteTicks are the mean times that a message and a write take, in ticks and
	// parts of them; 0 means a tenth of a tick. Both are drawn anew each time, between none and
	// three times the mean; faults come on top.
	MessageTicks, WriteTicks float64
	// ElectionTimeout, if set, says after how many ticks without a leader a node campaigns in a
	// term, which the library otherwise draws from [ElectionTick, 2*ElectionTick). It must return
	// the same for the same node and term. Scripts do not have it.
	ElectionTimeout func(id, term uint64) int
	// NewDisk makes the disk of a node, empty; nil means NewMemoryDisk.
	NewDisk func(id uint64) Disk
	// NewMachine makes a state machine in its initial state; nil means KV. With another one,
	// Command and Query are needed too.
	NewMachine func() StateMachine
	// Command and Query return what a client asks for next, from a source of chance: n(k) is in [0,
	// k). op is another number for each operation of the run.
	Command, Query func(n func(int) int, op uint32) []byte
	// DurableMachine makes the state machine survive a crash with all that it has applied, as one
	// that is stored in the same transactions does. Otherwise it goes back to the last snapshot. It
	// is drawn with Faults.
	DurableMachine bool

	// RecoverTicks bounds the ticks between the end of the faults and the moment at which a leader
	// is elected, all clients have finished an operation, and all members have caught up; and those
	// that a last read of each then takes. 0 means 1,000, which is 100 election timeouts of the
	// usual length.
	RecoverTicks int
	// SkipDiskCheck leaves it to the other properties to find out that a Disk loses what it has
	// synced.
	SkipDiskCheck bool
	// Recording, if not nil, is called whenever a node starts, and returns what its
	// raft.Config.Recording is in that life.
	Recording func(id uint64) io.Writer
	// KeepHistory collects what the clients have done in Result.History.
	KeepHistory bool
	// Watch, if set, is told everything that nodes do, in order, and when: now is the virtual
	// clock, in microseconds. What an event refers to is the simulator's: copy what is kept.
	Watch func(now uint64, e *property.Event)
	// Picture, if set, takes down what happens.
	Picture *picture.Recorder
	// TraceLines is how many lines Failure.Trace has at most, 0 for 60.
	TraceLines int

	plant *plant // of tests
}

// Faults say what goes wrong. Probabilities are per message. Means are in ticks, over the whole
// cluster; 0 is never. All times are drawn around their means.
type Faults struct {
	// Drop and Duplicate are probabilities.
	Drop, Duplicate float64
	// Slow is the probability that a message takes up to SlowTicks ticks.
	Slow      float64
	SlowTicks int
	// Reorder lets messages between two nodes overtake each other; without it only duplicates do.
	Reorder bool
	// LoseReports is the probability that a leader is not told what became of a snapshot or a
	// message.
	LoseReports float64

	// Partition is the mean time between partitions: of one node or a group, in both directions or
	// in one. PartitionTicks is how long they last.
	Partition, PartitionTicks int
	// Crash is the mean time between crashes; CrashWriting, between crashes in the middle of a
	// write, which may be on the disk, in part, or not. DownTicks is how long a node is down.
	Crash, CrashWriting, DownTicks int
	// WriteError is the mean time between writes that fail. The application stops the node then, as
	// it must: what was to be written may be on the disk all the same, or, with Tear, a part of it.
	WriteError int
	// Tear lets a crash in the middle of a write leave a beginning of it, see rafttest.Disk: the
	// snapshot, some of the entries, all without the hard state. Otherwise all of the write is on
	// the disk or nothing.
	Tear bool
	// Pause is the mean time between pauses of a node, PauseTicks how long they last. It makes up
	// for the ticks then.
	Pause, PauseTicks int
	// Stall is the mean time between disks that get stuck, StallTicks how long they do.
	Stall, StallTicks int
	// ReadError is the mean time between reads of a disk that fail, which ends the node's life;
	// Unavailable, between those that fail for the moment.
	ReadError, Unavailable int
	// LoseDisk is the mean time between disks that are lost for good. The operator removes the
	// server, and another one with a new id joins.
	LoseDisk int
	// ReuseID lets a node whose disk is lost come back under its id, with an empty disk or an old
	// copy. The library notices that when the leader has known what is lost, and cannot promise to:
	// runs with it may fail.
	ReuseID bool

	// Compact is the mean time between snapshots with compactions; Transfer, between leaderships
	// that are handed over or given up; Campaign, between elections that nothing calls for; Forget,
	// between leaders that are forgotten.
	Compact, Transfer, Campaign, Forget int
	// Member is the mean time between changes of the membership, MaxNodes the number of nodes there
	// may ever be.
	Member, MaxNodes int

	// Minority lets some nodes die for ever when the other faults end. With asynchronous
	// storage writes and check-quorum, the disks of others get stuck for ever. The newest
	// configuration that a working node knows to be committed keeps its quorum.
	Minority bool

	// Drift is how many ticks a node's clock may gain on another's in an election timeout. What the
	// leases allow for is set from it, unless DriftUnknown: then reads may be stale, and the run
	// fails.
	Drift        float64
	DriftUnknown bool
	// Lazy is the probability that a node does not ask for Ready after an event, but later, so that
	// a batch has more in it.
	Lazy float64
	// Concurrent lets inputs come between a Ready and its Advance, as they do with raft.Node; with
	// asynchronous storage writes, between what a thread has done and the node's being told.
	Concurrent bool
	// ApplyLate has applications apply entries up to half an election timeout after Advance. It
	// makes no difference with asynchronous storage writes.
	ApplyLate bool
	// Mixed gives each node, and each of its lives, other sizes and limits, and another choice of
	// pre-vote and, without leases, check-quorum.
	Mixed bool
	// Batches brings other entries along in the proposals of some commands, some of them larger
	// than the limits of the nodes; has some configuration changes rejected by the application; and
	// makes up for half of the pauses with RawNode.SkipTicks.
	Batches bool
}

// NoFaults is a network with delays, and nothing else.
func NoFaults() *Faults { return &Faults{MaxNodes: defaultMaxNodes} }

// AllFaults is everything that the library promises to survive, at once.
func AllFaults() *Faults {
	return &Faults{
		Drop: 0.02, Duplicate: 0.02, Slow: 0.02, SlowTicks: 30, Reorder: true, LoseReports: 0.3,
		Partition: 60, PartitionTicks: 30, Crash: 80, CrashWriting: 80, DownTicks: 20, WriteError: 200, Tear: true,
		Pause: 150, PauseTicks: 20, Stall: 100, StallTicks: 15, ReadError: 300, Unavailable: 60, LoseDisk: 800,
		Compact: 20, Transfer: 100, Campaign: 150, Forget: 150, Member: 60, MaxNodes: defaultMaxNodes,
		Drift: 1, Lazy: 0.2, Concurrent: true, Mixed: true, Batches: true, Minority: true, ApplyLate: true,
	}
}

const (
	defaultSteps        = 10_000
	defaultRecoverTicks = 1000
	defaultTraceLines   = 60
	defaultMaxNodes     = 16
	maxNodes            = 64
	maxDelayTicks       = 10_000
)

// ErrConfig is matched by the errors about a Config that cannot be used.
var ErrConfig = errors.New("sim: bad config")

// draw fills in what c leaves open, and returns the configuration of the nodes.
func (c Config) draw() (Config, raft.Config, error) {
	r := rng{state: c.Seed}
	if c.Nodes < 0 || c.Nodes > maxNodes/2 || c.Steps < 0 || c.Clients < 0 {
		return c, raft.Config{}, fmt.Errorf("%w: Nodes, Steps and Clients must not be negative, nor Nodes above %d", ErrConfig, maxNodes/2)
	}
	for _, mean := range [...]float64{c.MessageTicks, c.WriteTicks} {
		if !(mean >= 0 && mean <= maxDelayTicks) {
			return c, raft.Config{}, fmt.Errorf("%w: MessageTicks and WriteTicks must be between 0 and %d", ErrConfig, maxDelayTicks)
		}
	}
	if c.Nodes == 0 {
		c.Nodes = []int{1, 2, 3, 3, 3, 3, 4, 5, 5}[r.below(9)]
	}
	if c.Clients == 0 {
		c.Clients = r.between(1, 4)
	}
	c.Steps = orInt(c.Steps, defaultSteps)
	c.RecoverTicks = orInt(c.RecoverTicks, defaultRecoverTicks)
	c.TraceLines = orInt(c.TraceLines, defaultTraceLines)
	if c.Faults == nil {
		c.Faults = drawFaults(&r)
		c.DurableMachine = r.chance(0.5)
	} else {
		own := *c.Faults
		c.Faults = &own
	}
	if c.Faults.MaxNodes == 0 || c.Faults.MaxNodes > maxNodes {
		c.Faults.MaxNodes = defaultMaxNodes
	}
	if c.NewDisk == nil {
		c.NewDisk = func(uint64) Disk { return NewMemoryDisk() }
	}
	if c.NewMachine == nil {
		c.NewMachine = func() StateMachine { return NewKV() }
		if c.Command == nil && c.Query == nil {
			c.Command, c.Query = KVCommand, KVQuery
		}
	}
	if c.Command == nil || c.Query == nil {
		return c, raft.Config{}, fmt.Errorf("%w: a state machine of one's own needs Command and Query", ErrConfig)
	}
	base := drawNodes(&r, c.Faults)
	if c.Tune != nil {
		c.Tune(&base)
	}
	base.Seed = r.next() | 1
	base.Logger = raft.DiscardLogger
	return c, base, nil
}

func orInt(v, otherwise int) int {
	if v == 0 {
		return otherwise
	}
	return v
}

// drawFaults draws which faults there are and how many: a run with a few kinds of faults gets
// further than one with all of them, and finds other things.
func drawFaults(r *rng) *Faults {
	f := AllFaults()
	for _, p := range []*float64{&f.Drop, &f.Duplicate, &f.Slow, &f.LoseReports, &f.Lazy} {
		*p *= []float64{0, 0.5, 1, 4}[r.below(4)]
	}
	f.LoseReports, f.Lazy = min(f.LoseReports, 0.9), min(f.Lazy, 0.7)
	f.SlowTicks = []int{3, 10, 30, 60}[r.below(4)]
	f.Reorder, f.Tear = r.chance(0.7), r.chance(0.5)
	f.Concurrent, f.Mixed, f.Batches = r.chance(0.5), r.chance(0.3), r.chance(0.5)
	for _, mean := range []*int{
		&f.Partition, &f.Crash, &f.CrashWriting, &f.Pause, &f.Stall, &f.ReadError, &f.Unavailable, &f.LoseDisk,
		&f.Compact, &f.Transfer, &f.Campaign, &f.Forget, &f.Member, &f.WriteError,
	} {
		*mean = []int{0, *mean / 4, *mean, *mean, *mean * 3}[r.below(5)]
	}
	for _, length := range []*int{&f.PartitionTicks, &f.DownTicks, &f.PauseTicks, &f.StallTicks} {
		*length = []int{2, *length, *length * 3}[r.below(3)]
	}
	f.Drift = []float64{0, 0.5, 1, 2}[r.below(4)]
	end := *r // earlier seeds give the same runs as before this fault existed
	end.state ^= 0xdead
	f.Minority = end.chance(0.6)
	f.ApplyLate = end.chance(0.4)
	return f
}

// drawNodes draws the configuration of the nodes.
func drawNodes(r *rng, f *Faults) raft.Config {
	c := raft.Config{
		ElectionTick: []int{6, 10, 10, 10, 20}[r.below(5)], HeartbeatTick: r.between(1, 3),
		SnapshotTicks:      []int{20, 100, 100}[r.below(3)],
		CatchUpRounds:      []int{0, 1, 3}[r.below(3)],
		MaxInflightBytes:   []uint64{0, 0, 300, 1 << 20}[r.below(4)],
		AsyncStorageWrites: r.chance(0.5), PreVote: r.chance(0.6), CheckQuorum: r.chance(0.7),
		MaxSizePerMsg:             []uint64{0, 64, 256, 1 << 20}[r.below(4)],
		MaxCommittedSizePerReady:  []uint64{0, 40, 1 << 20}[r.below(3)],
		MaxCachedEntriesSize:      []uint64{0, 512, 1 << 16}[r.below(3)],
		MaxInflightMsgs:           []int{1, 2, 8, 256}[r.below(4)],
		DisableProposalForwarding: r.chance(0.1),
	}
	if c.MaxInflightBytes > 0 {
		c.MaxInflightBytes = max(c.MaxInflightBytes, c.MaxSizePerMsg)
	}
	if r.chance(0.2) {
		c.MaxUncommittedEntriesSize = 512
	}
	// These draw nothing, so that later draws stay the same.
	c.ReuseMemory = mix(r.state, 1)&1 != 0
	c.DeferCommit = mix(r.state, 2)&7 == 0
	if c.CheckQuorum && r.chance(0.6) {
		if r.chance(0.5) {
			c.ReadOnlyOption = raft.ReadOnlyLeaseBased
		}
		c.LeaseDriftTicks = max(1, int(f.Drift+0.999))
		if f.DriftUnknown {
			c.LeaseDriftTicks = 1
		}
	}
	return c
}
