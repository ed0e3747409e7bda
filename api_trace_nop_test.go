//go:build !with_tla

package raft_test

import "github.com/ffd200af/raft"

var (
	_ interface{}      = raft.TraceLogger(nil)
	_ raft.TraceLogger = interface{}(nil)
)
