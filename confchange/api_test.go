package confchange_test

import (
	"github.com/ffd200af/raft/confchange"
	"github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// The exported names of go.etcd.io/raft/v3/confchange v3.6, with their types: a program
// that uses that API compiles here if this does. Nothing in this file may be taken away or
// changed.

var (
	_ func(...raftpb.ConfChangeSingle) string                                                 = confchange.Describe
	_ func(confchange.Changer, raftpb.ConfState) (tracker.Config, tracker.ProgressMap, error) = confchange.Restore
)

// Its methods are those of a value.
var _ interface {
	EnterJoint(autoLeave bool, ccs ...raftpb.ConfChangeSingle) (tracker.Config, tracker.ProgressMap, error)
	LeaveJoint() (tracker.Config, tracker.ProgressMap, error)
	Simple(ccs ...raftpb.ConfChangeSingle) (tracker.Config, tracker.ProgressMap, error)
} = confchange.Changer{}

func _(c confchange.Changer) {
	var _ *tracker.ProgressTracker = &c.Tracker
	var _ *uint64 = &c.LastIndex
}
