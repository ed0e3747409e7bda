package raft

import (
	"encoding/json"
	"fmt"
	"math"

	pb "github.com/ffd200af/raft/raftpb"
)

// StateType is the role of a node (thesis §3.3).
type StateType uint64

const (
	// StateFollower answers a leader and candidates.
	StateFollower StateType = iota
	// StateCandidate asks for votes in a new term.
	StateCandidate
	// StateLeader appends and replicates.
	StateLeader
	// StatePreCandidate asks whether it could win before it starts a term (thesis §9.6).
	StatePreCandidate
)

func (st StateType) String() string {
	switch st {
	case StateFollower:
		return "StateFollower"
	case StateCandidate:
		return "StateCandidate"
	case StateLeader:
		return "StateLeader"
	case StatePreCandidate:
		return "StatePreCandidate"
	}
	return fmt.Sprintf("StateType(%d)", uint64(st))
}

// MarshalJSON encodes the name of the role.
func (st StateType) MarshalJSON() ([]byte, error) { return json.Marshal(st.String()) }

// SoftState is what an application may want to know of a node and need not persist.
type SoftState struct {
	Lead      uint64 // the leader of the node's term; None if not known
	RaftState StateType
}

// ReadState answers a ReadIndex request: the state machine may serve the read once it has
// applied everything up to Index.
type ReadState struct {
	Index      uint64
	RequestCtx []byte // as it was given to ReadIndex
}

// CatchUpState says how a learner keeps up with the leader.
type CatchUpState uint8

const (
	// CatchingUp: no round has been fast enough yet, or the learner has fallen behind again.
	CatchingUp CatchUpState = iota
	// CaughtUp: the last round took less than an election timeout.
	CaughtUp
	// CatchUpGivenUp: AddServer or AwaitCatchUp waits no longer. The learner was not fast enough in
	// Config.CatchUpRounds rounds, made no progress for as many election timeouts, or left the
	// configuration, or this node lost the leadership.
	CatchUpGivenUp
	// CatchUpPromoted: the server votes now.
	CatchUpPromoted
)

func (s CatchUpState) String() string {
	switch s {
	case CatchingUp:
		return "CatchingUp"
	case CaughtUp:
		return "CaughtUp"
	case CatchUpGivenUp:
		return "CatchUpGivenUp"
	case CatchUpPromoted:
		return "CatchUpPromoted"
	}
	return "CatchUpState(?)"
}

// CatchUp is what a leader knows of a learner's way to the end of the log.
type CatchUp struct {
	ID    uint64
	State CatchUpState
	// Rounds is how many rounds have ended.
	Rounds int
	// LastTicks is how many ticks the last one took.
	LastTicks int
	// Ticks is how many ticks the current round has taken. It ends at index Target.
	Ticks  int
	Target uint64
}

// Ready is a batch of work for the application.
//
// The entries in Entries, CommittedEntries and Messages and the Snapshot are immutable and may be
// kept for ever. The arrays of Messages, of ReadStates and of the Responses of storage messages
// belong to the program: the node never writes to them again. A small array that is kept may keep a
// block of 4 KiB in memory. With Config.ReuseMemory the arrays belong to the node. The arrays of
// Messages and ReadStates are then valid until Advance (with async storage writes, until the next
// Ready). Copy the elements to keep them.
//
// Without async storage writes: write Snapshot, Entries and HardState to
// Storage, as one atomic step; send Messages; apply Snapshot and then
// CommittedEntries; call Advance. With them: Messages to LocalAppendThread and
// LocalApplyThread carry the same work together with the messages to send when it is done.
type Ready struct {
	// SoftState is nil if it is as it was in the last batch.
	*SoftState

	// HardState is to be persisted before Messages are sent; empty (IsEmptyHardState)
	// if it is as it was in the last batch.
	pb.HardState

	// ReadStates are answers to ReadIndex.
	ReadStates []ReadState

	// Entries are to be persisted before Messages are sent. They replace whatever Storage
	// holds from the index of the first one on.
	Entries []pb.Entry

	// Snapshot, if not empty (IsEmptySnap), replaces the log and the state machine. It has to be
	// durable before Messages are sent. Entries follow it. It comes only when everything that was
	// handed out before is applied.
	Snapshot pb.Snapshot

	// CommittedEntries are to be applied to the state machine, in order. They have been
	// in Entries of this batch or an earlier one, or were in Storage at the start.
	CommittedEntries []pb.Entry

	// Messages are to be sent after HardState, Entries and Snapshot are persisted. With
	// Config.ReuseMemory, the Responses of a storage message are valid until this node has
	// stepped its own response of the next message to that thread. Its own response, the last
	// one, loses Snapshot and Entries when it is stepped. After a MsgSnap, call
	// ReportSnapshot when it is known whether the snapshot arrived.
	Messages []pb.Message

	// MustSync says that HardState, Snapshot and Entries have to be durable, not only written,
	// before Messages are sent. If it is false, a crash may take them back. It is also set if a
	// configuration change may have been committed. The commitment must be durable, with everything
	// written before, before any other node learns of it.
	//
	// With asynchronous storage writes, MustSync is about the storage message in Messages. Its
	// Responses may be sent once it and all messages before it are written and, with MustSync,
	// durable. A program that does not look at MustSync makes every message with Responses durable.
	// The append that reports a committed configuration change does not wait for the write.
	MustSync bool

	// DroppedReads are the contexts of reads that cannot be answered: this node knew no leader,
	// the leader changed, or too many reads waited. A dropped read alone makes no Ready: its
	// context is in the next one. The array belongs to the program.
	DroppedReads [][]byte

	// CatchUps holds the progress of learners since the last Ready, for AddServer and
	// AwaitCatchUp. It may be older than a wait that began since.
	CatchUps []CatchUp
}

// MustSync reports whether a write has to be durable before anything that depends on
// it is sent: new entries, a new term or a new vote (Figure 3.1 of the thesis, "persistent
// state"). A commit index alone can be learnt again.
func MustSync(st, prevst pb.HardState, entsnum int) bool {
	return entsnum != 0 || st.Vote != prevst.Vote || st.Term != prevst.Term
}

// IsEmptyHardState reports whether st is the zero value.
func IsEmptyHardState(st pb.HardState) bool { return st == pb.HardState{} }

// IsEmptySnap reports whether sp is no snapshot: one at index 0 covers nothing.
func IsEmptySnap(sp pb.Snapshot) bool { return sp.Metadata.Index == 0 }

// SnapshotStatus is how the transmission of a snapshot ended.
type SnapshotStatus int

const (
	// SnapshotFinish: the follower has it.
	SnapshotFinish SnapshotStatus = 1
	// SnapshotFailure: the follower does not have it, as far as is known.
	SnapshotFailure SnapshotStatus = 2
)

// The recipients of storage messages (Config.AsyncStorageWrites); no node has such an id.
const (
	// LocalAppendThread writes entries, hard state and snapshots to Storage.
	LocalAppendThread uint64 = math.MaxUint64
	// LocalApplyThread applies committed entries to the state machine.
	LocalApplyThread uint64 = math.MaxUint64 - 1
)

// IsLocalMsgTarget reports whether id is LocalAppendThread or LocalApplyThread.
func IsLocalMsgTarget(id uint64) bool { return id >= LocalApplyThread }

// typeSet has a bit for each message type in it.
type typeSet uint64

// has is false for every type that is unknown: a shift by 64 or more leaves nothing, and a
// negative type is a large one as unsigned.
func (s typeSet) has(t pb.MessageType) bool { return s>>uint32(t)&1 != 0 }

const (
	localMsgs typeSet = 1<<pb.MsgHup | 1<<pb.MsgBeat | 1<<pb.MsgUnreachable | 1<<pb.MsgSnapStatus | 1<<pb.MsgCheckQuorum |
		1<<pb.MsgStorageAppend | 1<<pb.MsgStorageAppendResp | 1<<pb.MsgStorageApply | 1<<pb.MsgStorageApplyResp

	responseMsgs typeSet = 1<<pb.MsgAppResp | 1<<pb.MsgVoteResp | 1<<pb.MsgHeartbeatResp | 1<<pb.MsgUnreachable |
		1<<pb.MsgReadIndexResp | 1<<pb.MsgPreVoteResp | 1<<pb.MsgStorageAppendResp | 1<<pb.MsgStorageApplyResp
)

// IsLocalMsg reports whether messages of this type stay on their node: its clock, its
// application and its storage make them, and a network must not bring them.
func IsLocalMsg(msgt pb.MessageType) bool { return localMsgs.has(msgt) }

// IsResponseMsg reports whether messages of this type answer another one; an answer
// counts only from a member of the configuration.
func IsResponseMsg(msgt pb.MessageType) bool { return responseMsgs.has(msgt) }
