package raft_test

import (
	"context"
	"math"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// The exported names of go.etcd.io/raft/v3 v3.6, with their types: a program that uses
// that API compiles here if this does. Nothing in this file and in api_fields_test.go
// may be taken away or changed; what the library adds does not belong here.

var (
	_ func(*raft.Config) (*raft.RawNode, error)           = raft.NewRawNode
	_ func(*raft.Config, []raft.Peer) raft.Node           = raft.StartNode
	_ func(*raft.Config) raft.Node                        = raft.RestartNode
	_ func() *raft.MemoryStorage                          = raft.NewMemoryStorage
	_ func(st, prevst raftpb.HardState, entsnum int) bool = raft.MustSync
	_ func(raftpb.HardState) bool                         = raft.IsEmptyHardState
	_ func(raftpb.Snapshot) bool                          = raft.IsEmptySnap
	_ func(raftpb.MessageType) bool                       = raft.IsLocalMsg
	_ func(raftpb.MessageType) bool                       = raft.IsResponseMsg
	_ func(id uint64) bool                                = raft.IsLocalMsgTarget
	_ func(raft.Logger)                                   = raft.SetLogger
	_ func()                                              = raft.ResetDefaultLogger
	_ func(raftpb.ConfState) string                       = raft.DescribeConfState
	_ func([]raftpb.Entry, raft.EntryFormatter) string    = raft.DescribeEntries
	_ func(raftpb.Entry, raft.EntryFormatter) string      = raft.DescribeEntry
	_ func(raftpb.HardState) string                       = raft.DescribeHardState
	_ func(raftpb.Message, raft.EntryFormatter) string    = raft.DescribeMessage
	_ func(raft.Ready, raft.EntryFormatter) string        = raft.DescribeReady
	_ func(raftpb.Snapshot) string                        = raft.DescribeSnapshot
	_ func(raft.SoftState) string                         = raft.DescribeSoftState
)

// The errors are variables, which programs compare with and return.
var _ = []*error{
	&raft.ErrCompacted,
	&raft.ErrProposalDropped,
	&raft.ErrSnapOutOfDate,
	&raft.ErrSnapshotTemporarilyUnavailable,
	&raft.ErrStepLocalMsg,
	&raft.ErrStepPeerNotFound,
	&raft.ErrStopped,
	&raft.ErrUnavailable,
}

// kinds says what the types are that are neither structs nor interfaces.
type kinds[A ~string, B ~byte, C ~int, D ~int, E ~uint64] struct{}

var _ kinds[raft.CampaignType, raft.ProgressType, raft.ReadOnlyOption, raft.SnapshotStatus, raft.StateType]

var (
	_ func([]byte) string = raft.EntryFormatter(nil)
	_ raft.EntryFormatter = (func([]byte) string)(nil)

	_ = raft.TraceLogger(nil)
	_ = raft.TracingEvent{}
)

// typed tells the type of one constant: without a type of its own it makes another pointer.
func typed[T any](constant T) *T { return &constant }

var (
	_ = []*uint64{typed(raft.None), typed(raft.LocalAppendThread), typed(raft.LocalApplyThread)}
	_ = []*raft.StateType{typed(raft.StateFollower), typed(raft.StateCandidate), typed(raft.StateLeader), typed(raft.StatePreCandidate)}
	_ = []*raft.SnapshotStatus{typed(raft.SnapshotFinish), typed(raft.SnapshotFailure)}
	_ = []*raft.ReadOnlyOption{typed(raft.ReadOnlySafe), typed(raft.ReadOnlyLeaseBased)}
	_ = []*raft.ProgressType{typed(raft.ProgressTypePeer), typed(raft.ProgressTypeLearner)}
)

func TestConstantsHaveTheNumbersOfTheAPI(t *testing.T) {
	if raft.None != 0 || raft.LocalAppendThread != math.MaxUint64 || raft.LocalApplyThread != math.MaxUint64-1 {
		t.Errorf("None %d, LocalAppendThread %d, LocalApplyThread %d", raft.None, raft.LocalAppendThread, raft.LocalApplyThread)
	}
	if raft.SnapshotFinish != 1 || raft.SnapshotFailure != 2 {
		t.Errorf("SnapshotFinish %d, SnapshotFailure %d", raft.SnapshotFinish, raft.SnapshotFailure)
	}
	if raft.ReadOnlySafe != 0 || raft.ReadOnlyLeaseBased != 1 {
		t.Errorf("ReadOnlySafe %d, ReadOnlyLeaseBased %d", raft.ReadOnlySafe, raft.ReadOnlyLeaseBased)
	}
	if raft.ProgressTypePeer != 0 || raft.ProgressTypeLearner != 1 {
		t.Errorf("ProgressTypePeer %d, ProgressTypeLearner %d", raft.ProgressTypePeer, raft.ProgressTypeLearner)
	}
	for number, role := range []raft.StateType{raft.StateFollower, raft.StateCandidate, raft.StateLeader, raft.StatePreCandidate} {
		if role != raft.StateType(number) {
			t.Errorf("%s is %d and not %d", role, uint64(role), number)
		}
	}
}

// A program's own type that has these methods is a Node, a Storage, a Logger: no method
// may be missing, and none may be added.
type (
	nodeAPI interface {
		Advance()
		ApplyConfChange(cc raftpb.ConfChangeI) *raftpb.ConfState
		Campaign(ctx context.Context) error
		ForgetLeader(ctx context.Context) error
		Propose(ctx context.Context, data []byte) error
		ProposeConfChange(ctx context.Context, cc raftpb.ConfChangeI) error
		ReadIndex(ctx context.Context, rctx []byte) error
		Ready() <-chan raft.Ready
		ReportSnapshot(id uint64, status raft.SnapshotStatus)
		ReportUnreachable(id uint64)
		Status() raft.Status
		Step(ctx context.Context, msg raftpb.Message) error
		Stop()
		Tick()
		TransferLeadership(ctx context.Context, lead, transferee uint64)
	}
	storageAPI interface {
		Entries(lo, hi, maxSize uint64) ([]raftpb.Entry, error)
		FirstIndex() (uint64, error)
		InitialState() (raftpb.HardState, raftpb.ConfState, error)
		LastIndex() (uint64, error)
		Snapshot() (raftpb.Snapshot, error)
		Term(i uint64) (uint64, error)
	}
	loggerAPI interface {
		Debug(v ...interface{})
		Debugf(format string, v ...interface{})
		Error(v ...interface{})
		Errorf(format string, v ...interface{})
		Fatal(v ...interface{})
		Fatalf(format string, v ...interface{})
		Info(v ...interface{})
		Infof(format string, v ...interface{})
		Panic(v ...interface{})
		Panicf(format string, v ...interface{})
		Warning(v ...interface{})
		Warningf(format string, v ...interface{})
	}
)

var (
	_ nodeAPI      = raft.Node(nil)
	_ raft.Node    = nodeAPI(nil)
	_ storageAPI   = raft.Storage(nil)
	_ raft.Storage = storageAPI(nil)
	_ loggerAPI    = raft.Logger(nil)
	_ raft.Logger  = loggerAPI(nil)
)

var _ interface {
	Advance(raft.Ready)
	ApplyConfChange(cc raftpb.ConfChangeI) *raftpb.ConfState
	BasicStatus() raft.BasicStatus
	Bootstrap(peers []raft.Peer) error
	Campaign() error
	ForgetLeader() error
	HasReady() bool
	Propose(data []byte) error
	ProposeConfChange(cc raftpb.ConfChangeI) error
	ReadIndex(rctx []byte)
	Ready() raft.Ready
	ReportSnapshot(id uint64, status raft.SnapshotStatus)
	ReportUnreachable(id uint64)
	Status() raft.Status
	Step(m raftpb.Message) error
	Tick()
	TickQuiesced()
	TransferLeader(transferee uint64)
	WithProgress(visitor func(id uint64, typ raft.ProgressType, pr tracker.Progress))
} = (*raft.RawNode)(nil)

var _ interface {
	storageAPI
	Lock()
	Unlock()
	Append(entries []raftpb.Entry) error
	ApplySnapshot(snap raftpb.Snapshot) error
	Compact(compactIndex uint64) error
	CreateSnapshot(i uint64, cs *raftpb.ConfState, data []byte) (raftpb.Snapshot, error)
	SetHardState(st raftpb.HardState) error
} = (*raft.MemoryStorage)(nil)

var _ interface {
	loggerAPI
	EnableDebug()
	EnableTimestamps()
} = (*raft.DefaultLogger)(nil)

// Roles and a Status are values that print and encode themselves.
var _, _ interface {
	MarshalJSON() ([]byte, error)
	String() string
} = raft.StateType(0), raft.Status{}
