//go:build !with_tla

package raft

import (
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/tracker"
)

// Without the tag the hooks are empty and compile to nothing.

type tracer struct{}

func newTracer(TraceLogger) tracer { return tracer{} }

func traceInitState(*raft)                     {}
func traceReady(*raft)                         {}
func traceCommit(*raft)                        {}
func traceAppend(*raft, []pb.Entry)            {}
func traceBecomeFollower(*raft)                {}
func traceBecomePreCandidate(*raft)            {}
func traceBecomeCandidate(*raft)               {}
func traceBecomeLeader(*raft)                  {}
func traceSwitchConfig(*raft, *tracker.Config) {}
func traceSend(*raft, *pb.Message)             {}
func traceReceive(*raft, *pb.Message)          {}
func traceOwnVote(*raft)                       {}
func traceOwnAck(*raft)                        {}
