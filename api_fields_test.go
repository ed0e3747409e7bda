package raft_test

import (
	"log"
	"sync"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// has compiles if the field has exactly the type T. The functions below are compiled and never
// called.
func has[T any](field *T) { _ = field }

func _(c raft.Config) {
	has[uint64](&c.ID)
	has[int](&c.ElectionTick)
	has[int](&c.HeartbeatTick)
	has[raft.Storage](&c.Storage)
	has[uint64](&c.Applied)
	has[bool](&c.AsyncStorageWrites)
	has[uint64](&c.MaxSizePerMsg)
	has[uint64](&c.MaxCommittedSizePerReady)
	has[uint64](&c.MaxUncommittedEntriesSize)
	has[int](&c.MaxInflightMsgs)
	has[uint64](&c.MaxInflightBytes)
	has[bool](&c.CheckQuorum)
	has[bool](&c.PreVote)
	has[raft.ReadOnlyOption](&c.ReadOnlyOption)
	has[raft.Logger](&c.Logger)
	has[bool](&c.DisableProposalForwarding)
	has[bool](&c.DisableConfChangeValidation)
	has[bool](&c.StepDownOnRemoval)
	has[raft.TraceLogger](&c.TraceLogger)
}

func _(p raft.Peer) {
	has[uint64](&p.ID)
	has[[]byte](&p.Context)
}

func _(rd raft.Ready) {
	has[*raft.SoftState](&rd.SoftState)
	has[raftpb.HardState](&rd.HardState)
	has[[]raft.ReadState](&rd.ReadStates)
	has[[]raftpb.Entry](&rd.Entries)
	has[raftpb.Snapshot](&rd.Snapshot)
	has[[]raftpb.Entry](&rd.CommittedEntries)
	has[[]raftpb.Message](&rd.Messages)
	has[bool](&rd.MustSync)

	// SoftState and HardState are embedded.
	has[uint64](&rd.Lead)
	has[raft.StateType](&rd.RaftState)
	has[uint64](&rd.Term)
	has[uint64](&rd.Vote)
	has[uint64](&rd.Commit)
}

func _(ss raft.SoftState, rs raft.ReadState) {
	has[uint64](&ss.Lead)
	has[raft.StateType](&ss.RaftState)

	has[uint64](&rs.Index)
	has[[]byte](&rs.RequestCtx)
}

func _(s raft.BasicStatus) {
	has[uint64](&s.ID)
	has[raftpb.HardState](&s.HardState)
	has[raft.SoftState](&s.SoftState)
	has[uint64](&s.Applied)
	has[uint64](&s.LeadTransferee)

	// HardState and SoftState are embedded.
	has[uint64](&s.Term)
	has[uint64](&s.Vote)
	has[uint64](&s.Commit)
	has[uint64](&s.Lead)
	has[raft.StateType](&s.RaftState)
}

func _(s raft.Status) {
	has[raft.BasicStatus](&s.BasicStatus)
	has[tracker.Config](&s.Config)
	has[map[uint64]tracker.Progress](&s.Progress)

	// BasicStatus is embedded.
	has[uint64](&s.ID)
	has[uint64](&s.Applied)
	has[uint64](&s.Term)
	has[raft.StateType](&s.RaftState)
}

// Mutex and Logger are embedded: MemoryStorage has Lock, and DefaultLogger has Writer.
func _(ms *raft.MemoryStorage, l *raft.DefaultLogger) {
	has[sync.Mutex](&ms.Mutex)
	ms.Lock()
	defer ms.Unlock()

	has[*log.Logger](&l.Logger)
	_ = l.Writer()
}
