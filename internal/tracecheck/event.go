// Package tracecheck checks state traces (raft.TraceLogger, build tag with_tla) against the steps
// of the specification that go.etcd.io/raft publishes: Traceetcdraft.tla, as of v3.6.0.
//
// It follows the guards and effects that the specification gives each event, and a few of its
// invariants. It is no model checker. The specification is authoritative: TLC validates the same
// files.
package tracecheck

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Event is a step in a trace, as raft.TracingEvent encodes it.
type Event struct {
	Name  string `json:"name"`
	Node  string `json:"nid"`
	State struct {
		Term   uint64 `json:"term"`
		Vote   string `json:"vote"`
		Commit uint64 `json:"commit"`
	} `json:"state"`
	Role    string      `json:"role"`
	LogSize uint64      `json:"log"`
	Conf    [2][]string `json:"conf"`
	Message *Message    `json:"msg"`
	Prop    struct {
		Change struct {
			Changes []struct {
				Node   string `json:"nid"`
				Action string `json:"action"`
			} `json:"changes"`
			NewConf []string `json:"newconf"`
		} `json:"cc"`
	} `json:"prop"`
}

// Message is a message in a trace.
type Message struct {
	Type    string `json:"type"`
	Term    uint64 `json:"term"`
	From    string `json:"from"`
	To      string `json:"to"`
	Entries uint64 `json:"entries"`
	LogTerm uint64 `json:"logTerm"`
	Index   uint64 `json:"index"`
	Commit  uint64 `json:"commit"`
	Reject  bool   `json:"reject"`
}

// Read reads a trace: a JSON object a line. Lines without the tag "trace" do not count.
func Read(in io.Reader) ([]Event, error) {
	var events []Event
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var line struct {
			Tag   string `json:"tag"`
			Event Event  `json:"event"`
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if line.Tag == "trace" {
			events = append(events, line.Event)
		}
	}
	return events, lines.Err()
}

// Illegal is an event that is no step of the specification.
type Illegal struct {
	// Event counts from 1.
	Event  int
	Name   string
	Node   string
	Reason string
}

func (e *Illegal) Error() string {
	return fmt.Sprintf("event %d, %s of node %s: %s", e.Event, e.Name, e.Node, e.Reason)
}

// Check returns nil if the trace is a run of the specification. Otherwise it returns an *Illegal
// for the first event that is no step of it.
func Check(events []Event) error {
	w, err := begin(events)
	if err != nil {
		return err
	}
	for i := range events {
		if w.bootstrap[i] {
			continue
		}
		e := &events[i]
		reason := w.step(e)
		if reason == "" {
			reason = w.invariants(e.Node)
		}
		if reason != "" {
			return &Illegal{Event: i + 1, Name: e.Name, Node: e.Node, Reason: reason}
		}
		w.last[e.Node] = e
	}
	return nil
}

var errEmpty = errors.New("the trace is empty")
