package raft

import (
	"errors"
	"fmt"

	"github.com/ffd200af/raft/internal/raftlog"
	pb "github.com/ffd200af/raft/raftpb"
)

// The errors that v3.6 exports have the texts of v3.6: programs compare them, or send them over a
// network.

// Errors of a Storage. An implementation returns them, possibly wrapped; the
// library and MemoryStorage do the same.
var (
	// ErrCompacted means that the requested index lies before the first index:
	// the entries were dropped after a snapshot.
	ErrCompacted = raftlog.ErrCompacted
	// ErrUnavailable means that the requested index lies behind the last index.
	ErrUnavailable = raftlog.ErrUnavailable
	// ErrSnapOutOfDate means that a snapshot is older than the one already stored.
	ErrSnapOutOfDate = errors.New("requested index is older than the existing snapshot")
	// ErrSnapshotTemporarilyUnavailable means that a snapshot is being made; the
	// leader asks again after the follower's next sign of life.
	ErrSnapshotTemporarilyUnavailable = errors.New("snapshot is temporarily unavailable")
)

// Errors of Step and of proposals.
var (
	// ErrStepLocalMsg is returned for a message of a type that only the node
	// itself, its clock or its storage may produce.
	ErrStepLocalMsg = errors.New("raft: cannot step raft local message")
	// ErrStepPeerNotFound is returned for a response from a node that is not a
	// member of the active configuration.
	ErrStepPeerNotFound = errors.New("raft: cannot step as peer not found")
	// ErrStopped is returned by a Node that was stopped.
	ErrStopped = errors.New("raft: stopped")
	// ErrProposalDropped is returned for a proposal that may succeed when tried again or
	// elsewhere. RawNode.CheckProposal says why. AddServer, AwaitCatchUp and StepDown return
	// one of the more precise errors below, which match it.
	ErrProposalDropped = errors.New("raft proposal dropped")
	// ErrCatchUpGivenUp is returned to who waits for a server that does not catch up, see
	// CatchUpGivenUp.
	ErrCatchUpGivenUp = errors.New("raft: the server has not caught up")
	// ErrNotLearner is returned for a server that was to be a learner of the configuration.
	ErrNotLearner = errors.New("raft: not a learner")
)

// Reasons for which a proposal is dropped, see RawNode.CheckProposal and CheckConfChange. Each
// matches ErrProposalDropped.
var (
	// ErrNoLeader: this node knows no leader to forward to.
	ErrNoLeader error = &dropError{"no leader is known"}
	// ErrForwardingDisabled: this node is not the leader and must not forward
	// (Config.DisableProposalForwarding).
	ErrForwardingDisabled error = &dropError{"not the leader, and forwarding is disabled"}
	// ErrNotMember: this leader is no longer part of the configuration.
	ErrNotMember error = &dropError{"the leader is not a member any more"}
	// ErrNotLeader: only a leader can do this. Ask the one that Status names.
	ErrNotLeader error = &dropError{"this node does not lead"}
	// ErrUncommittedFull: the uncommitted tail of the log has reached
	// Config.MaxUncommittedEntriesSize bytes.
	ErrUncommittedFull error = &dropError{"too many uncommitted bytes"}
	// ErrLogFull: the log has reached the largest index that this library uses.
	ErrLogFull error = &dropError{"the log has reached its largest index"}
	// ErrTransferring: this leader is handing the leadership to another node.
	ErrTransferring error = &dropError{"the leadership is being transferred"}
	// ErrConfChangePending: an earlier configuration change is not in effect yet, or the leader
	// has not applied the log with which it began its term.
	ErrConfChangePending error = &dropError{"an earlier configuration change may be pending"}
)

// asDropped returns ErrProposalDropped itself for each of the reasons: programs compare with ==.
func asDropped(err error) error {
	if errors.Is(err, ErrProposalDropped) {
		return ErrProposalDropped
	}
	return err
}

// dropError is a reason for which a proposal was dropped.
type dropError struct{ reason string }

func (e *dropError) Error() string { return "raft: proposal dropped: " + e.reason }

// Is makes every reason match ErrProposalDropped.
func (e *dropError) Is(target error) bool { return target == ErrProposalDropped }

// What a MessageError can be about. Test with errors.Is.
var (
	// ErrInvalidMessage is matched by every MessageError.
	ErrInvalidMessage = errors.New("raft: invalid message")
	// ErrMalformed: the message's shape is impossible for its type.
	ErrMalformed = errors.New("malformed")
	// ErrWrongRecipient: the message is addressed to another node.
	ErrWrongRecipient = errors.New("wrong recipient")
	// ErrOutOfRange: a term, index or id is so large that it could wrap.
	ErrOutOfRange = errors.New("out of range")
	// ErrEmptyProposal: a proposal without entries.
	ErrEmptyProposal = errors.New("empty proposal")
	// ErrBeyondLog: an acknowledgement of entries that the leader does not have.
	ErrBeyondLog = errors.New("acknowledges entries beyond the log")
	// ErrSecondLeader: the sender claims to lead a term whose leader is another node.
	ErrSecondLeader = errors.New("the term has another leader")
	// ErrTransferTarget: the leadership cannot go to a node that is not a voter, or is
	// about to be none.
	ErrTransferTarget = errors.New("leadership cannot be transferred to this node")
	// ErrBadConfChange: a configuration change that cannot be decoded or is
	// not legal in the configuration it would apply to.
	ErrBadConfChange = errors.New("bad configuration change")
)

// MessageError is the refusal of one message by Step. The node's state is as it
// was before the message. It matches ErrInvalidMessage and its cause Err.
type MessageError struct {
	Type     pb.MessageType // as received
	From, To uint64         // as received
	Err      error          // one of the causes above, possibly wrapped
}

func (e *MessageError) Error() string {
	return fmt.Sprintf("%v: %v from %x to %x: %v", ErrInvalidMessage, e.Type, e.From, e.To, e.Err)
}

// Unwrap returns ErrInvalidMessage and the cause.
func (e *MessageError) Unwrap() []error { return []error{ErrInvalidMessage, e.Err} }

// ErrInvalidConfig is matched by every ConfigError.
var ErrInvalidConfig = errors.New("raft: invalid config")

// ConfigError says which field of a Config cannot be used, and why.
type ConfigError struct {
	Field  string
	Reason string
}

func (e *ConfigError) Error() string {
	return fmt.Sprintf("%v: %s %s", ErrInvalidConfig, e.Field, e.Reason)
}

// Unwrap returns ErrInvalidConfig.
func (e *ConfigError) Unwrap() error { return ErrInvalidConfig }

// Why a node was quarantined. Test RawNode.Err with errors.Is.
var (
	// ErrQuarantined is matched by every QuarantineError.
	ErrQuarantined = errors.New("raft: node is quarantined")
	// ErrStorage: Storage returned an error other than those that have a meaning,
	// or an answer that contradicts what it said before.
	ErrStorage = raftlog.ErrStorage
	// ErrCommitBeyondLog: the leader knows entries of this node as committed
	// that the node does not have, so it has lost acknowledged entries.
	ErrCommitBeyondLog = raftlog.ErrCommitBeyondLog
	// ErrCommittedConflict: an append or a snapshot contradicts an entry that is
	// committed here.
	ErrCommittedConflict = raftlog.ErrCommittedConflict
	// ErrInvariant: the node's own state is inconsistent.
	ErrInvariant = errors.New("invariant broken")
)

// QuarantineError is why a node stopped taking part. It stays stopped: every
// further call returns this error or does nothing, no message leaves it, and no
// other node of the process is touched. The application discards the handle and,
// depending on the cause, restarts the node from its Storage or replaces it.
type QuarantineError struct {
	ID    uint64 // the node
	Doing string // what the node was doing
	Err   error  // the cause, matching one of the errors above
}

func (e *QuarantineError) Error() string {
	return fmt.Sprintf("%v: %x: %s: %v", ErrQuarantined, e.ID, e.Doing, e.Err)
}

// Unwrap returns ErrQuarantined and the cause.
func (e *QuarantineError) Unwrap() []error { return []error{ErrQuarantined, e.Err} }

var errBadSnapshot = errors.New("no snapshot of committed entries replaces the compacted ones")

var errNotContiguous = errors.New("entries are not contiguous")

// wrapStorage says what a failing Storage was asked for.
func wrapStorage(doing string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrStorage, doing, err)
}
