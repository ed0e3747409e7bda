package tracker_test

import (
	"github.com/ffd200af/raft/quorum"
	"github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// The exported names of go.etcd.io/raft/v3/tracker v3.6, with their types: a program that
// uses that API compiles here if this does. Nothing in this file may be taken away or changed.

var (
	_ func(maxInflight int, maxBytes uint64) tracker.ProgressTracker = tracker.MakeProgressTracker
	_ func(size int, maxBytes uint64) *tracker.Inflights             = tracker.NewInflights
)

// kinds says what StateType is.
type kinds[A ~uint64] struct{}

var _ kinds[tracker.StateType]

// typed tells the type of one constant: without a type of its own it makes another pointer.
func typed[T any](constant T) *T { return &constant }

// The constants have their numbers, here as lengths, and their type.
var (
	_ [0]byte = [tracker.StateProbe]byte{}
	_ [1]byte = [tracker.StateReplicate]byte{}
	_ [2]byte = [tracker.StateSnapshot]byte{}

	_ = []*tracker.StateType{typed(tracker.StateProbe), typed(tracker.StateReplicate), typed(tracker.StateSnapshot)}
)

// has compiles if the field has exactly the type T. The functions below are compiled and never
// called.
func has[T any](field *T) { _ = field }

func _(c tracker.Config) {
	has[quorum.JointConfig](&c.Voters)
	has[bool](&c.AutoLeave)
	has[map[uint64]struct{}](&c.Learners)
	has[map[uint64]struct{}](&c.LearnersNext)
}

func _(pr tracker.Progress) {
	has[uint64](&pr.Match)
	has[uint64](&pr.Next)
	has[tracker.StateType](&pr.State)
	has[uint64](&pr.PendingSnapshot)
	has[bool](&pr.RecentActive)
	has[bool](&pr.MsgAppFlowPaused)
	has[*tracker.Inflights](&pr.Inflights)
	has[bool](&pr.IsLearner)
}

func _(p tracker.ProgressTracker) {
	has[tracker.Config](&p.Config)
	has[tracker.ProgressMap](&p.Progress)
	has[map[uint64]bool](&p.Votes)
	has[int](&p.MaxInflight)
	has[uint64](&p.MaxInflightBytes)

	has[quorum.JointConfig](&p.Voters) // Config is embedded
}

var _ map[uint64]*tracker.Progress = tracker.ProgressMap(nil)

var _ func(*tracker.Config) tracker.Config = (*tracker.Config).Clone

var _, _, _ interface{ String() string } = tracker.Config{}, tracker.ProgressMap(nil), tracker.StateProbe

var _ interface {
	Add(index, bytes uint64)
	Clone() *tracker.Inflights
	Count() int
	FreeLE(to uint64)
	Full() bool
} = (*tracker.Inflights)(nil)

var _ interface {
	BecomeProbe()
	BecomeReplicate()
	BecomeSnapshot(snapshoti uint64)
	CanBumpCommit(index uint64) bool
	IsPaused() bool
	MaybeDecrTo(rejected, matchHint uint64) bool
	MaybeUpdate(n uint64) bool
	ResetState(state tracker.StateType)
	SentCommit(commit uint64)
	SentEntries(entries int, bytes uint64)
	String() string
} = (*tracker.Progress)(nil)

var _ interface {
	Committed() uint64
	ConfState() raftpb.ConfState
	IsSingleton() bool
	LearnerNodes() []uint64
	QuorumActive() bool
	RecordVote(id uint64, v bool)
	ResetVotes()
	TallyVotes() (granted, rejected int, _ quorum.VoteResult)
	Visit(f func(id uint64, pr *tracker.Progress))
	VoterNodes() []uint64
} = (*tracker.ProgressTracker)(nil)
