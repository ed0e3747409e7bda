package quorum_test

import (
	"github.com/ffd200af/raft/quorum"
)

// The exported names of go.etcd.io/raft/v3/quorum v3.6, with their types: a program that
// uses that API compiles here if this does. Nothing in this file may be taken away or changed.

type ackedIndexerAPI interface {
	AckedIndex(voterID uint64) (idx quorum.Index, found bool)
}

// configAPI is what both kinds of configuration answer.
type configAPI interface {
	CommittedIndex(l quorum.AckedIndexer) quorum.Index
	Describe(l quorum.AckedIndexer) string
	String() string
	VoteResult(votes map[uint64]bool) quorum.VoteResult
}

// kinds says what the types are that are no composites.
type kinds[A ~uint64, B ~uint8] struct{}

var (
	_ ackedIndexerAPI     = quorum.AckedIndexer(nil)
	_ quorum.AckedIndexer = ackedIndexerAPI(nil)

	_    kinds[quorum.Index, quorum.VoteResult]
	_    map[uint64]struct{}          = quorum.MajorityConfig(nil)
	_    [2]quorum.MajorityConfig     = quorum.JointConfig{}
	_, _ configAPI                    = quorum.MajorityConfig(nil), quorum.JointConfig{}
	_, _ interface{ String() string } = quorum.Index(0), quorum.VotePending

	_ func(quorum.JointConfig) map[uint64]struct{} = quorum.JointConfig.IDs
	_ func(quorum.MajorityConfig) []uint64         = quorum.MajorityConfig.Slice
)

// typed tells the type of one constant: without a type of its own it makes another pointer.
func typed[T any](constant T) *T { return &constant }

// The constants have their numbers, here as lengths, and their type.
var (
	_ [1]byte = [quorum.VotePending]byte{}
	_ [2]byte = [quorum.VoteLost]byte{}
	_ [3]byte = [quorum.VoteWon]byte{}

	_ = []*quorum.VoteResult{typed(quorum.VotePending), typed(quorum.VoteLost), typed(quorum.VoteWon)}
)
