package rafttest_test

import (
	"io"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest"
)

// The exported names of go.etcd.io/raft/v3/rafttest v3.6, with their types: a test that
// uses that API compiles here if this does. Nothing in this file may be taken away or changed;
// what the library adds does not belong here.

var _ func(*rafttest.InteractionOpts) *rafttest.InteractionEnv = rafttest.NewInteractionEnv

var _ interface {
	AddNodes(n int, cfg raft.Config, snap raftpb.Snapshot) error
	Campaign(idx int) error
	Compact(idx int, newFirstIndex uint64) error
	DeliverMsgs(typ raftpb.MessageType, rs ...rafttest.Recipient) int
	ForgetLeader(idx int)
	Handle(t *testing.T, d datadriven.TestData) string
	LogLevel(name string) error
	ProcessAppendThread(idx int) error
	ProcessApplyThread(idx int) error
	ProcessReady(idx int) error
	Propose(idx int, data []byte) error
	ProposeConfChange(idx int, c raftpb.ConfChangeI) error
	RaftLog(idx int) error
	SendSnapshot(fromIdx, toIdx int) error
	Stabilize(idxs ...int) error
	Status(idx int) error
	Tick(idx, num int) error
} = (*rafttest.InteractionEnv)(nil)

// A program's own disk that has these methods is a Storage: no method may be missing, and none
// may be added.
type storageAPI interface {
	raft.Storage
	Append([]raftpb.Entry) error
	ApplySnapshot(raftpb.Snapshot) error
	Compact(newFirstIndex uint64) error
	SetHardState(state raftpb.HardState) error
}

var (
	_ storageAPI       = rafttest.Storage(nil)
	_ rafttest.Storage = storageAPI(nil)
)

var _ interface {
	raft.Logger
	Quiet() bool
	io.Writer
	io.ByteWriter
	io.StringWriter
	WriteRune(r rune) (int, error)
} = (*rafttest.RedirectLogger)(nil)

// has compiles if the field has exactly the type T. The functions below are compiled and never
// called.
func has[T any](field *T) { _ = field }

func _(env rafttest.InteractionEnv, opts rafttest.InteractionOpts) {
	has[*rafttest.InteractionOpts](&env.Options)
	has[[]rafttest.Node](&env.Nodes)
	has[[]raftpb.Message](&env.Messages)
	has[*rafttest.RedirectLogger](&env.Output)

	has[func(*raft.Config)](&opts.OnConfig)
	has[func(node *raft.RawNode, timeout int)](&opts.SetRandomizedElectionTimeout)
}

func _(n rafttest.Node, r rafttest.Recipient, l rafttest.RedirectLogger) {
	has[*raft.RawNode](&n.RawNode)
	has[rafttest.Storage](&n.Storage)
	has[*raft.Config](&n.Config)
	has[[]raftpb.Message](&n.AppendWork)
	has[[]raftpb.Message](&n.ApplyWork)
	has[[]raftpb.Snapshot](&n.History)

	has[uint64](&r.ID)
	has[bool](&r.Drop)

	has[*strings.Builder](&l.Builder)
	has[int](&l.Lvl)
}

// RawNode, Storage and Builder are embedded.
var (
	_ func(rafttest.Node)                         = rafttest.Node.Tick
	_ func(rafttest.Node) (uint64, error)         = rafttest.Node.LastIndex
	_ func(rafttest.Node, raftpb.HardState) error = rafttest.Node.SetHardState
	_ func(*rafttest.RedirectLogger) int          = (*rafttest.RedirectLogger).Len
)
