package raft

import (
	"io"
	"math"

	"github.com/ffd200af/raft/internal/raftlog"
)

// ReadOnlyOption says how linearizable reads are confirmed (thesis §6.4).
type ReadOnlyOption int

const (
	// ReadOnlySafe confirms leadership with a round of heartbeats per batch of
	// reads; it depends on no clock.
	ReadOnlySafe ReadOnlyOption = iota
	// ReadOnlyLeaseBased answers from a lease that heartbeats extend; it depends on
	// bounded clock drift and needs CheckQuorum.
	ReadOnlyLeaseBased
)

// CampaignType names the kind of a campaign. It is sent as the context of vote requests.
type CampaignType string

// None is the id of no node: no leader, no vote.
const None uint64 = 0

// Config holds what a node needs to start. NewRawNode reads it only once. As in etcd/raft v3.6,
// NewRawNode sets MaxCommittedSizePerReady, MaxUncommittedEntriesSize, MaxInflightBytes and Logger
// in it where they are zero. DefaultConfig returns a Config for common use.
type Config struct {
	// ID is this node's identity in the cluster: not None, not one of the local
	// storage threads, never reused by another node or by this one with an older disk.
	ID uint64

	// ElectionTick is the base election timeout in ticks (thesis §3.4). Each
	// timeout is drawn from [ElectionTick, 2*ElectionTick). It must be larger than
	// HeartbeatTick; ten times as large is a good start.
	ElectionTick int
	// HeartbeatTick is the interval, in ticks, at which a leader sends heartbeats.
	HeartbeatTick int

	// Storage is where the application has persisted the log, the hard state and the
	// last snapshot. The node reads it, at start and while running.
	Storage Storage
	// Applied is the index up to which the application has applied entries before
	// a restart: those are not handed out again. 0 if unknown. It may be ahead of the
	// stored commit index, because an applied entry is committed.
	Applied uint64

	// AsyncStorageWrites makes Ready hand storage work out as messages to the two
	// local threads instead of expecting Advance.
	AsyncStorageWrites bool

	// MaxSizePerMsg limits the entries of one append, in encoded bytes. At least one entry is
	// always sent. 0 means one entry per append.
	MaxSizePerMsg uint64
	// MaxCommittedSizePerReady limits Ready.CommittedEntries in encoded bytes; at
	// least one entry is handed out. With asynchronous storage writes it limits what is handed out
	// and not acknowledged as applied, of all batches together. 0 means MaxSizePerMsg.
	MaxCommittedSizePerReady uint64
	// MaxUncommittedEntriesSize limits the payload, in bytes, of the entries that a leader has
	// appended and that are not applied yet. Proposals beyond it are dropped, and CheckProposal
	// returns ErrUncommittedFull. Two kinds of proposals always pass: those without data, and one
	// of any size when everything else is applied. 0 means no limit.
	MaxUncommittedEntriesSize uint64
	// MaxCachedEntriesSize limits, in bytes, the durable entries that a node keeps in memory. They
	// save reads of Storage for followers that are slightly behind. 0 means none.
	MaxCachedEntriesSize uint64
	// MaxInflightMsgs limits the appends in flight to one follower, in messages.
	// Memory for them is allocated as a follower needs it, not in advance.
	MaxInflightMsgs int
	// MaxInflightBytes limits the appends in flight to one follower, in bytes of
	// payload. It must not be smaller than MaxSizePerMsg. 0 means no limit.
	MaxInflightBytes uint64

	// DeferCommit makes a leader send a new commit index (leaderCommit in thesis Figure 3.1) with
	// its next append or heartbeat, and not in an append of its own. That saves up to half of all
	// messages. A follower may apply an entry up to HeartbeatTick later. Reads do not wait for
	// that: after its answer to a follower's read, the leader sends the commit index at once,
	// unless it is probing that follower. Nor do configuration changes wait.
	DeferCommit bool

	// CheckQuorum makes a leader step down when it has not heard from a quorum for
	// an election timeout (thesis §6.2), and makes nodes that hear from a leader
	// ignore candidates (thesis §4.2.3).
	CheckQuorum bool
	// PreVote makes a node ask whether it could win an election before it starts a new term (thesis
	// §9.6).
	PreVote bool

	// ReadOnlyOption says how ReadIndex confirms reads. ReadOnlyLeaseBased needs CheckQuorum, and
	// turns leases on.
	ReadOnlyOption ReadOnlyOption
	// MaxPendingReads limits the reads that wait on a node, and those whose answer waits for the
	// next Ready. One more read is dropped, see Ready.DroppedReads. The memory is taken when it is
	// used. 0 means 65,536.
	MaxPendingReads int
	// LeaseDriftTicks is the margin of leases for clock drift. Leases are safe only if no voter's
	// clock gains more than this many ticks on the leader's clock within ElectionTick of the
	// leader's ticks. Setting it turns leases on (thesis §6.4.1), and needs CheckQuorum: the leader
	// keeps a lease, see RawNode.LeaseRead, and voters promise not to support another node
	// meanwhile. All members have to be configured alike. 0 means no leases. With
	// ReadOnlyLeaseBased, 0 means a tenth of ElectionTick, at least 1.
	LeaseDriftTicks int

	// Logger gets the node's log lines. nil means the default logger.
	Logger Logger

	// DisableProposalForwarding makes followers drop proposals (ErrForwardingDisabled)
	// instead of sending them to the leader.
	DisableProposalForwarding bool

	// DisableConfChangeValidation accepts configuration changes that the library would refuse. It
	// is for applications that serialize and validate changes themselves. The log may then hold
	// several changes that are not committed. A node that starts without this option treats all of
	// them but the last one as committed. So switch the option off only when every change that was
	// proposed with it is committed and applied on all members.
	DisableConfChangeValidation bool

	// StepDownOnRemoval is accepted for compatibility. A leader always steps down
	// when a configuration without it has been applied (thesis §4.2.2).
	StepDownOnRemoval bool

	// TraceLogger receives the steps of the node, for validation against a specification, if
	// the library is built with the tag with_tla. Without the tag it is never called.
	TraceLogger TraceLogger

	// Seed seeds the generator from which election timeouts are drawn, together with ID, so that
	// nodes may share a seed. With the same seed, the same calls give the same outputs to the byte.
	// 0 draws a seed; Status reports the one in use. With a fixed seed, never reuse a read context
	// across restarts: a delayed answer from before the restart could match a new read with the
	// same context. Such an answer would also answer the reads that were asked before that read.
	Seed uint64

	// Recording, if not nil, gets every input of the node, one record in each Write. The command
	// raftscript replays a recording. Package recording describes the format, and its Ring bounds a
	// recording in memory. After a restart, the node may use the same Recording: each start begins
	// a new life in it. Two nodes must not share a Recording. If a Write fails, the node continues
	// without recording.
	Recording io.Writer

	// ReuseMemory makes the node reuse the arrays of Ready.Messages, Ready.ReadStates and
	// Message.Responses, so that a steady round allocates nothing. It is safe for a program
	// that sends the messages, and copies what it keeps, before it calls Advance (with
	// AsyncStorageWrites, the next Ready). Ready says when the arrays of Responses are reused.
	// Without ReuseMemory the arrays belong to the program, like all else in a Ready. A Node
	// with AsyncStorageWrites ignores ReuseMemory. DefaultConfig leaves it off.
	ReuseMemory bool

	// CatchUpRounds limits how long AddServer and AwaitCatchUp wait for a learner to catch up
	// (thesis §4.2.1): for this many rounds of replication, or for this many election timeouts
	// without any progress. 0 means 10.
	CatchUpRounds int

	// SnapshotTicks bounds how long a follower stays in StateSnapshot without a
	// report: after that many ticks (rounded up to whole election timeouts) the leader
	// probes it again. 0 means 100 election timeouts.
	SnapshotTicks int
}

// Defaults of DefaultConfig.
const (
	defaultElectionTick    = 10
	defaultHeartbeatTick   = 1
	defaultMaxSizePerMsg   = 1 << 20
	defaultInflightMsgs    = 256
	defaultInflightBytes   = 64 << 20
	defaultUncommittedSize = 1 << 30
	defaultSnapshotTimeout = 100 // election timeouts
	defaultCatchUpRounds   = 10
	defaultPendingReads    = 1 << 16
)

// DefaultConfig returns a Config for common use: ten ticks of election timeout,
// pre-vote and check-quorum on, appends of up to 1 MiB, 256 of them or 64 MiB in
// flight per follower, and a bound of 1 GiB on a leader's entries that are not
// applied yet. A tick of 100 ms suits a local network.
func DefaultConfig(id uint64, storage Storage) *Config {
	return &Config{
		ID:                        id,
		Storage:                   storage,
		ElectionTick:              defaultElectionTick,
		HeartbeatTick:             defaultHeartbeatTick,
		MaxSizePerMsg:             defaultMaxSizePerMsg,
		MaxInflightMsgs:           defaultInflightMsgs,
		MaxInflightBytes:          defaultInflightBytes,
		MaxUncommittedEntriesSize: defaultUncommittedSize,
		CheckQuorum:               true,
		PreVote:                   true,
	}
}

// normalized returns a copy of c in which defaults replace zero values, or a ConfigError for the
// first field that cannot be used. In c itself it sets only the defaults that v3.6 sets there:
// programs read them afterwards.
func (c *Config) normalized() (Config, error) {
	n := *c
	if err := n.validate(); err != nil {
		return Config{}, err
	}
	if n.MaxCommittedSizePerReady == 0 {
		n.MaxCommittedSizePerReady = n.MaxSizePerMsg
	}
	if n.MaxUncommittedEntriesSize == 0 {
		n.MaxUncommittedEntriesSize = raftlog.NoLimit
	}
	if n.MaxInflightBytes == 0 {
		n.MaxInflightBytes = raftlog.NoLimit
	}
	if n.CatchUpRounds == 0 {
		n.CatchUpRounds = defaultCatchUpRounds
	}
	if n.LeaseDriftTicks == 0 && n.ReadOnlyOption == ReadOnlyLeaseBased {
		n.LeaseDriftTicks = max(1, countedTicks(n.ElectionTick)/10)
	}
	if n.Logger == nil {
		n.Logger = defaultLogger()
	}
	c.MaxCommittedSizePerReady, c.MaxUncommittedEntriesSize = n.MaxCommittedSizePerReady, n.MaxUncommittedEntriesSize
	c.MaxInflightBytes, c.Logger = n.MaxInflightBytes, n.Logger
	return n, nil
}

// maxTicks is so small that sums of tick counts cannot overflow on any platform.
const maxTicks = math.MaxInt32 / 512

func (c *Config) validate() error {
	for _, rule := range []struct {
		broken bool
		field  string
		reason string
	}{
		{c.ID == None, "ID", "must not be None"},
		{IsLocalMsgTarget(c.ID), "ID", "must not be the id of a local storage thread"},
		{c.Storage == nil, "Storage", "must be set"},
		{c.HeartbeatTick <= 0, "HeartbeatTick", "must be positive"},
		{c.ElectionTick <= c.HeartbeatTick, "ElectionTick", "must be larger than HeartbeatTick"},
		{c.MaxInflightMsgs <= 0, "MaxInflightMsgs", "must be positive"},
		{c.MaxInflightBytes != 0 && c.MaxInflightBytes < c.MaxSizePerMsg, "MaxInflightBytes", "must not be smaller than MaxSizePerMsg"},
		{c.SnapshotTicks < 0, "SnapshotTicks", "must not be negative"},
		{c.CatchUpRounds < 0 || c.CatchUpRounds > maxTicks, "CatchUpRounds", "must not be negative or too large"},
		{c.Applied >= raftlog.MaxCounter, "Applied", "is too large"},
		{c.ReadOnlyOption != ReadOnlySafe && c.ReadOnlyOption != ReadOnlyLeaseBased, "ReadOnlyOption", "is unknown"},
		{c.ReadOnlyOption == ReadOnlyLeaseBased && !c.CheckQuorum, "ReadOnlyOption", "lease-based reads need CheckQuorum"},
		{c.MaxPendingReads < 0, "MaxPendingReads", "must not be negative"},
		{c.LeaseDriftTicks < 0, "LeaseDriftTicks", "must not be negative"},
		{c.LeaseDriftTicks > 0 && !c.CheckQuorum, "LeaseDriftTicks", "leases need CheckQuorum"},
		{c.LeaseDriftTicks > 0 && c.LeaseDriftTicks >= countedTicks(c.ElectionTick)-1, "LeaseDriftTicks", "must be smaller than ElectionTick - 1"},
	} {
		if rule.broken {
			return &ConfigError{Field: rule.field, Reason: rule.reason}
		}
	}
	return nil
}
