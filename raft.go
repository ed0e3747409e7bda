package raft

import (
	"errors"
	"fmt"
	"math"

	"github.com/ffd200af/raft/confchange"
	"github.com/ffd200af/raft/internal/raftlog"
	"github.com/ffd200af/raft/progress"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// raft is the state of one node (thesis Figure 3.1). Its behaviour is in the other files, one per
// mechanism.
type raft struct {
	// Persistent: term and vote are in HardState, entries in the log. A vote is cast at most once
	// in a term, and cleared only when the term changes.

	term uint64
	vote uint64
	log  raftlog.Log

	// Fixed at construction.

	id     uint64
	limits limits
	logger Logger
	seed   uint64

	checkQuorum       bool
	preVote           bool
	disableForwarding bool

	// Volatile on every node. Small fields stand together, which saves padding: a process may have
	// very many nodes.

	// isVoter: this node is a voter of the active configuration.
	isVoter bool
	// leadPresumed: lead was named only by messages without a term.
	leadPresumed bool
	// termOut and voteOut: the term was handed out in a hard state, or read from Storage; and the
	// vote in it.
	termOut, voteOut bool
	// ownVotePending: this candidate's own vote is not durable yet and thus not counted.
	ownVotePending bool

	role    StateType
	lead    uint64 // the leader of the term, if known
	members tracker.Members

	// electionElapsed counts ticks since the last sign of the leader, the last granted vote, the
	// last candidate that the node gave way to, or the last campaign. On a leader it counts ticks
	// since the last check of the quorum. It stops before neverTicks.
	electionElapsed uint32
	// electionTimeout is the election timeout that was drawn last, in ticks.
	electionTimeout uint32
	// draws is the number of election timeouts that were drawn, modulo 2^32.
	draws uint32
	// inflightMessages limits the appends in flight to one follower.
	inflightMessages int32

	// heardCommit is the highest commit index that any leader has reported, even beyond this
	// node's last index. It matters only to a node that is about to decide alone, see alone.go.
	heardCommit uint64

	// clock counts all ticks since the node was started.
	clock uint64
	// heardLeaderAt is the value of clock at the last sign of a leader of any term.
	heardLeaderAt uint64
	// postponed is what waits on this node; nil if nothing does.
	postponed *postponed

	// reads are the linearizable reads that wait on this node; nil until there are some, or a
	// lease to keep.
	reads *reads

	// leadership is what only a leader needs; nil on a node that has never led.
	*leadership

	// Output.

	outbox outbox
	// async is what asynchronous storage writes need; nil without them.
	async *asyncWrites

	// trace reports the steps to Config.TraceLogger; it is empty without the tag with_tla.
	trace tracer

	// record writes the node's inputs to Config.Recording; nil without it.
	record *recorder

	// broken is why the node is quarantined; it is set once.
	broken *QuarantineError
}

// leadership is the volatile state of a leader, reset in each term. It is allocated only on nodes
// that lead, because a process may have very many followers.
type leadership struct {
	// termStart is the index of the leader's first entry, the no-op of its term.
	termStart uint64
	// pendingConfIndex is the index of the last entry that may be a configuration
	// change which is not applied yet; 0 if none.
	pendingConfIndex uint64
	// effective is an index up to which all configuration changes are in effect, possibly before
	// they count as applied.
	effective uint64
	// stalledTicks counts the ticks for which this node's own disk has acknowledged nothing beyond
	// index stalledAt, although there is more to write.
	stalledAt    uint64
	stalledTicks int32

	heartbeatElapsed int32
	// transferee is the voter that the leadership is being transferred to; None if none. The
	// transfer has taken transferElapsed ticks.
	transferee      uint64
	transferElapsed int32
	// campaignOrdered: in this term the leader has ordered another node to campaign. The order
	// may arrive late.
	campaignOrdered bool
	// steppingDown: this leader is no longer a voter and is about to step down.
	steppingDown bool
	// leaving: this leader has proposed to leave the active joint configuration.
	leaving bool
	// lease is nil without leases.
	lease *lease
	// catching holds the progress of learners, and the waits for them to catch up.
	catching *catchUps
	// unappliedBytes is the payload of the entries that this leader has appended and that are not
	// applied yet. handedOutBytes is the payload of the entries that the application has until
	// Advance.
	unappliedBytes uint64
	handedOutBytes uint64
}

// end resets what belongs to the term. Results for those who wait for learners stay, until a Ready
// has returned them.
func (l *leadership) end() {
	if l == nil {
		return
	}
	l.catching.drop()
	*l = leadership{catching: l.catching, lease: l.lease}
	if l.lease != nil {
		l.lease.end()
	}
}

// news returns the progress of learners for the next Ready.
func (l *leadership) news() []CatchUp {
	if l == nil || l.catching == nil {
		return nil
	}
	return l.catching.news
}

// limits are the bounds that Config sets: ticks, bytes, messages.
type limits struct {
	election  int32
	heartbeat int32

	messageBytes uint64
	// set holds the options that most programs leave at their defaults; nil if all of them are.
	set *rareOptions
}

// rareOptions are options that most programs leave at their defaults.
type rareOptions struct {
	trustConfChanges bool // Config.DisableConfChangeValidation
	leaseReads       bool // ReadOnlyLeaseBased: ReadIndex answers from the lease
	deferCommit      bool // Config.DeferCommit

	// lease is the length of a lease; 0 without leases.
	lease int32
	// catchUp is how many rounds to wait for a learner.
	catchUp int32
	// snapshotTimeouts is how many election timeouts a follower may spend in StateSnapshot.
	snapshotTimeouts uint32

	applyBytes uint64

	// Bytes of payload.

	unapplied uint64
	inflight  uint64
}

// rare returns the options that most programs leave at their defaults.
func (l *limits) rare() rareOptions {
	if l.set != nil {
		return *l.set
	}
	return rareOptions{
		catchUp:          defaultCatchUpRounds,
		snapshotTimeouts: defaultSnapshotTimeout,
		applyBytes:       l.applyBytes(),
		unapplied:        raftlog.NoLimit,
		inflight:         raftlog.NoLimit,
	}
}

// inflight bounds what is in flight to one follower.
func (r *raft) inflight() progress.Limits {
	limits := progress.Limits{Messages: int(r.inflightMessages)}
	if set := r.limits.set; set != nil {
		limits.Bytes = set.inflight
	}
	return limits
}

// admitsUnapplied reports whether a leader may have entries of that many bytes that are not
// applied.
func (l *limits) admitsUnapplied(bytes uint64) bool { return l.set == nil || bytes <= l.set.unapplied }

// defersCommit is Config.DeferCommit.
func (l *limits) defersCommit() bool { return l.set != nil && l.set.deferCommit }

// applyBytes bounds what is handed out to be applied.
func (l *limits) applyBytes() uint64 {
	if l.set == nil {
		return l.messageBytes
	}
	return l.set.applyBytes
}

// start reads the state that storage holds and starts as a follower. It returns the stored hard
// state. If the node starts with another one, it has that one to write.
func (r *raft) start(c *Config) (pb.HardState, error) {
	var written pb.HardState
	cfg, err := c.normalized()
	if err != nil {
		return written, err
	}
	if cfg.Seed == 0 {
		cfg.Seed = drawSeed()
	}
	record := newRecorder(cfg.Recording)
	if record != nil {
		record.start(&cfg)
		cfg.Storage = &recordedStorage{Storage: cfg.Storage, recorder: record}
	}
	hs, cs, err := cfg.Storage.InitialState()
	if err != nil {
		return written, fmt.Errorf("raft: starting %x: %w: initial state: %w", cfg.ID, ErrStorage, err)
	}
	if hs.Term >= raftlog.MaxCounter {
		return written, fmt.Errorf("raft: starting %x: %w: term %d", cfg.ID, ErrOutOfRange, hs.Term)
	}
	log, err := openLog(&cfg, hs)
	if err != nil {
		return written, fmt.Errorf("raft: starting %x: %w", cfg.ID, err)
	}
	written = pb.HardState{Term: hs.Term, Vote: hs.Vote, Commit: log.Committed()}
	if hs, err = recoverHardState(written, &log, cfg.DisableConfChangeValidation); err != nil {
		return written, fmt.Errorf("raft: starting %x: %w", cfg.ID, err)
	}
	config, err := confchange.FromConfState(cs)
	if err != nil {
		return written, fmt.Errorf("raft: starting %x: %w: %w", cfg.ID, ErrStorage, err)
	}
	*r = raft{
		id:                cfg.ID,
		limits:            limitsOf(&cfg),
		logger:            cfg.Logger,
		seed:              cfg.Seed,
		inflightMessages:  int32(min(cfg.MaxInflightMsgs, math.MaxInt32)),
		record:            record,
		trace:             newTracer(cfg.TraceLogger),
		checkQuorum:       cfg.CheckQuorum,
		preVote:           cfg.PreVote,
		disableForwarding: cfg.DisableProposalForwarding,
		term:              hs.Term,
		vote:              hs.Vote,
		termOut:           hs.Term == written.Term,
		voteOut:           hs.Term == written.Term && hs.Vote != None,
		log:               log,
		role:              StateFollower,
	}
	return written, r.begin(&cfg, config, hs, written.Term)
}

// begin starts a node that has its options and its log. hs is what it has recovered; durableTerm is
// the term that is in Storage.
func (r *raft) begin(cfg *Config, config tracker.Config, hs pb.HardState, durableTerm uint64) error {
	if cfg.MaxPendingReads != 0 {
		r.openReads().most = cfg.MaxPendingReads // with the default, the queue is made when it is needed
	}
	r.drawElectionTimeout()
	if cfg.AsyncStorageWrites {
		r.async = newAsyncWrites(cfg.ReuseMemory)
		r.async.durableTerm = durableTerm
	}
	if r.term == 0 {
		// A new node has promised nothing, so it need not wait out a promise.
		r.clock = uint64(r.limits.electionTicks())
	}
	r.setConfig(config)
	proof := hs.Term == r.log.Last().Term
	limit, err := r.beforeAlone(hs.Commit, proof)
	if err == nil {
		err = r.log.CommitTo(limit)
	}
	switch {
	case errors.Is(err, ErrUnavailable):
		r.postponeCommit(hs.Commit, proof)
	case err != nil:
		return fmt.Errorf("raft: starting %x: %w", cfg.ID, err)
	}
	r.logger.Infof("%x starts at term %d: commit %d, applied %d, last entry %v, %s", r.id, r.term, r.log.Committed(), r.log.Applied(), r.log.Last(), config)
	traceInitState(r)
	return nil
}

// openLog reads the log that Storage holds.
func openLog(c *Config, hs pb.HardState) (raftlog.Log, error) {
	log, err := raftlog.Open(c.Storage, c.MaxCachedEntriesSize)
	if err != nil {
		return log, err
	}
	if first := log.First(); c.Applied != 0 && c.Applied < first-1 {
		return log, &ConfigError{Field: "Applied", Reason: fmt.Sprintf("is %d, and the log begins at %d", c.Applied, first)}
	}
	return log, log.Start(hs.Commit, c.Applied)
}

func limitsOf(c *Config) limits {
	l := limits{
		election:     int32(countedTicks(c.ElectionTick)),
		heartbeat:    int32(countedTicks(c.HeartbeatTick)),
		messageBytes: c.MaxSizePerMsg,
	}
	set := rareOptions{
		trustConfChanges: c.DisableConfChangeValidation,
		leaseReads:       c.ReadOnlyOption == ReadOnlyLeaseBased,
		deferCommit:      c.DeferCommit,
		lease:            leaseTicks(c),
		catchUp:          int32(c.CatchUpRounds),
		snapshotTimeouts: snapshotTimeouts(c),
		applyBytes:       c.MaxCommittedSizePerReady,
		unapplied:        c.MaxUncommittedEntriesSize,
		inflight:         c.MaxInflightBytes,
	}
	if set != l.rare() {
		l.set = &set
	}
	return l
}

// snapshotTimeouts is how many election timeouts a follower may wait for a snapshot: SnapshotTicks,
// rounded up.
func snapshotTimeouts(c *Config) uint32 {
	if c.SnapshotTicks == 0 {
		return defaultSnapshotTimeout
	}
	timeouts := c.SnapshotTicks / c.ElectionTick
	if c.SnapshotTicks%c.ElectionTick != 0 {
		timeouts++
	}
	return uint32(countedTicks(timeouts))
}

// leaseTicks is how long a lease may last, see lease.go; 0 if leases are off.
func leaseTicks(c *Config) int32 {
	if c.LeaseDriftTicks == 0 {
		return 0
	}
	return int32(countedTicks(c.ElectionTick) - 1 - c.LeaseDriftTicks)
}

// These limits are kept as small integers, and used as the types that counters have.
func (l *limits) electionTicks() int  { return int(l.election) }
func (l *limits) heartbeatTicks() int { return int(l.heartbeat) }
func (l *limits) leaseTicks() uint64  { return uint64(l.rare().lease) }
func (l *limits) catchUpRounds() int  { return int(l.rare().catchUp) }

// setConfig makes cfg the active configuration. It changes state only.
func (r *raft) setConfig(cfg tracker.Config) {
	// New members are sent the last entry first, as in v3.6.
	r.members.Switch(cfg, max(r.log.LastIndex(), 1))
	i := r.members.Find(r.id)
	r.isVoter = i >= 0 && r.members.IsVoter(i)
}

// drawElectionTimeout draws the timeout for the time until the next change of role.
func (r *raft) drawElectionTimeout() {
	timeouts := newGenerator(r.seed, r.id)
	timeouts.skip(r.draws)
	r.draws++
	r.electionTimeout = uint32(timeouts.electionTimeout(r.limits.electionTicks()))
}

// hardState is what must be durable before anything that depends on it is sent.
func (r *raft) hardState() pb.HardState {
	return pb.HardState{Term: r.term, Vote: r.vote, Commit: r.log.Committed()}
}

// quarantine stops this node because of err, and returns the reason. Only the first call has an
// effect. doing says what the node was doing.
func (r *raft) quarantine(doing string, err error) error {
	if r.broken == nil {
		r.broken = &QuarantineError{ID: r.id, Doing: doing, Err: err}
		r.logger.Errorf("%x stops: %s: %v", r.id, doing, err)
	}
	return r.broken
}

// err returns why the node is quarantined, or nil.
func (r *raft) err() error {
	if r.broken == nil {
		return nil
	}
	return r.broken
}
