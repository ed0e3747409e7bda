//go:build !with_tla

package raft

// StateTraceDeployed reports whether the library was built with the tag with_tla, and calls
// Config.TraceLogger.
const StateTraceDeployed = false

// TraceLogger receives a TracingEvent for every step of a node, in a library that is built with
// the tag with_tla. Without the tag it is never called.
type TraceLogger interface{}

// TracingEvent has its fields in a library that is built with the tag with_tla.
type TracingEvent struct{}
