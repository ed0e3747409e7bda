package rafttest

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/ffd200af/raft"
)

// TraceWriter is a raft.TraceLogger that writes a trace as Traceetcdraft.tla reads it: a JSON
// object a line, with the tag "trace" and the event. The library must be built with the tag
// with_tla. All nodes of a cluster share one TraceWriter. It is not safe for concurrent use.
//
// Each line has a number of constant width before the event. The validation script that goes with
// the specification sorts the lines by it.
type TraceWriter struct {
	out    io.Writer
	events int
	err    error
}

// NewTraceWriter returns a TraceWriter that writes to out, with one Write per event.
func NewTraceWriter(out io.Writer) *TraceWriter { return &TraceWriter{out: out} }

// TraceEvent implements raft.TraceLogger.
func (w *TraceWriter) TraceEvent(e *raft.TracingEvent) {
	if w.err != nil {
		return
	}
	event, err := json.Marshal(e)
	if err == nil {
		w.events++
		_, err = fmt.Fprintf(w.out, `{"tag":"trace","seq":"%010d","event":%s}`+"\n", w.events, event)
	}
	w.err = err
}

// Events returns how many events were written.
func (w *TraceWriter) Events() int { return w.events }

// Err returns the first error of a Write. Nothing is written after it.
func (w *TraceWriter) Err() error { return w.err }
