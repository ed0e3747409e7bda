//go:build with_tla

package raft_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/tracecheck"
	"github.com/ffd200af/raft/rafttest"
)

// A program's own trace logger has the method of v3.6.
type traceFunc func(*raft.TracingEvent)

func (f traceFunc) TraceEvent(e *raft.TracingEvent) { f(e) }

var _ raft.TraceLogger = traceFunc(nil)

// traceOf returns the trace of a script.
func traceOf(t *testing.T, script string) string {
	t.Helper()
	var out bytes.Buffer
	w := rafttest.NewTraceWriter(&out)
	var blocks strings.Builder
	for line := range strings.Lines(script) {
		if line = strings.TrimSpace(line); line != "" {
			head, body, _ := strings.Cut(line, " |")
			blocks.WriteString(head + "\n" + strings.TrimSpace(body) + "\n----\n\n")
		}
	}
	outcomes, err := rafttest.Replay(strings.NewReader(strings.ReplaceAll(blocks.String(), "\n\n----", "\n----")), &rafttest.InteractionOpts{
		OnConfig: func(c *raft.Config) { c.TraceLogger = w },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		if strings.Contains(o.Actual, "ERROR") || strings.Contains(o.Actual, "unknown command") {
			t.Fatalf("%s: %s", o.Directive, o.Actual)
		}
	}
	return out.String()
}

// The events of a cluster of one, field by field.
func TestTraceEventsHaveTheShapeOfV36(t *testing.T) {
	got := traceOf(t, `
		add-nodes 1 voters=(1) index=2
		campaign 1
		stabilize
		propose-conf-change 1 | l2
		process-ready 1`)
	const (
		line = `{"tag":"trace","seq":"00000000%","event":{"name":"`
		node = `","nid":"1","state":{"term":1,"vote":"1","commit":`
		lead = `},"role":"StateLeader","log":`
		conf = `,"conf":[["1"],[]]`
		own  = `,"msg":{"type":"MsgAppResp","term":1,"from":"1","to":"1","entries":0,"logTerm":0,"index":`
		vote = `,"msg":{"type":"MsgVoteResp","term":1,"from":"1","to":"1","entries":0,"logTerm":0,"index":0`
		rest = `,"commit":0,"vote":"0","reject":false,"rejectHint":0}`
	)
	want := []string{
		line + `InitState","nid":"1","state":{"term":0,"vote":"0","commit":2},"role":"StateFollower","log":2` + conf,
		line + "BecomeCandidate" + node + `2},"role":"StateCandidate","log":2` + conf,
		line + "SendRequestVoteResponse" + node + `2},"role":"StateCandidate","log":2` + conf + vote + rest,
		line + "Ready" + node + `2},"role":"StateCandidate","log":2` + conf,
		line + "ReceiveRequestVoteResponse" + node + `2},"role":"StateCandidate","log":2` + conf + vote + rest,
		line + "BecomeLeader" + node + "2" + lead + "2" + conf,
		line + "Replicate" + node + "2" + lead + "2" + conf,
		line + "SendAppendEntriesResponse" + node + "2" + lead + "3" + conf + own + "3" + rest,
		line + "Ready" + node + "2" + lead + "3" + conf,
		line + "ReceiveAppendEntriesResponse" + node + "2" + lead + "3" + conf + own + "3" + rest,
		line + "Commit" + node + "3" + lead + "3" + conf,
		line + "Ready" + node + "3" + lead + "3" + conf,
		line + "ChangeConf" + node + "3" + lead + "3" + conf + `,"prop":{"cc":{"changes":[{"nid":"2","action":"AddLearner"}]}}`,
		line + "SendAppendEntriesResponse" + node + "3" + lead + "4" + conf + own + "4" + rest,
		line + "Ready" + node + "3" + lead + "4" + conf,
		line + "ReceiveAppendEntriesResponse" + node + "3" + lead + "4" + conf + own + "4" + rest,
		line + "Commit" + node + "4" + lead + "4" + conf,
	}
	lines := strings.Split(strings.TrimSpace(got), "\n")
	for i := range max(len(lines), len(want)) {
		switch {
		case i >= len(want):
			t.Errorf("more: %s", lines[i])
		case i >= len(lines):
			t.Errorf("missing: %s", want[i])
		default:
			// Numbers differ only in their last two digits.
			expected := strings.Replace(want[i], "%", lines[i][len(`{"tag":"trace","seq":"00000000`):][:2], 1) + "}}"
			if lines[i] != expected {
				t.Errorf("got  %s\nwant %s", lines[i], expected)
			}
		}
	}
}

func TestTracesOfScriptsAreRunsOfTheSpecification(t *testing.T) {
	for _, c := range []struct{ name, holds, script string }{
		{"elections, a transfer and replication", "SendAppendEntriesRequest", `
			add-nodes 3 voters=(1,2,3) index=2
			campaign 1
			stabilize
			propose 1 a
			propose 1 b
			stabilize
			transfer-leadership from=1 to=2
			stabilize
			campaign 3
			stabilize
			propose 3 c
			tick-heartbeat 3
			stabilize`},
		{"pre-votes and check-quorum", "", `
			add-nodes 3 voters=(1,2,3) index=2 prevote=true checkquorum=true
			campaign 1
			stabilize
			propose 1 a
			campaign 2
			stabilize
			tick-election 1
			tick-election 1
			stabilize`},
		{"asynchronous storage writes", "", `
			add-nodes 3 voters=(1,2,3) index=2 async-storage-writes=true
			campaign 1
			stabilize
			propose 1 a
			process-ready 1
			propose 1 b
			process-ready 1
			stabilize`},
		{"logs that differ", "BecomeFollower", `
			add-nodes 3 voters=(1,2,3) index=2
			campaign 1
			stabilize
			propose 1 a
			propose 1 b
			process-ready 1
			deliver-msgs drop=(2,3)
			campaign 2
			stabilize 2 3
			propose 2 c
			stabilize`},
		{"a restart", "", `
			add-nodes 3 voters=(1,2,3) index=2
			campaign 1
			stabilize
			propose 1 a
			stabilize
			restart 2
			restart 1
			campaign 2
			stabilize`},
		{"members come and go", "AddLearner", `
			add-nodes 3 voters=(1,2,3) index=2
			campaign 1
			stabilize
			propose-conf-change 1 | r3
			stabilize
			propose-conf-change 1 | l3
			stabilize
			propose-conf-change 1 | v3
			stabilize
			propose-conf-change 1 | v3
			stabilize`},
		{"a new member that gets a snapshot", "MsgSnap", `
			add-nodes 2 voters=(1,2) index=2
			campaign 1
			stabilize
			add-nodes 1
			propose-conf-change 1 | v3
			stabilize
			propose 1 a
			stabilize
			tick-heartbeat 1
			stabilize`},
		{"bootstrap", "ApplyConfChange", `
			add-nodes 3
			restart 1 bootstrap=(1,2,3)
			restart 2 bootstrap=(1,2,3)
			restart 3 bootstrap=(1,2,3)
			stabilize
			campaign 1
			stabilize
			propose 1 a
			stabilize`},
	} {
		t.Run(c.name, func(t *testing.T) {
			trace := traceOf(t, c.script)
			events, err := tracecheck.Read(strings.NewReader(trace))
			if err != nil {
				t.Fatal(err)
			}
			if err := tracecheck.Check(events); err != nil {
				t.Errorf("%v\n%s", err, trace)
			}
			if !strings.Contains(trace, "BecomeLeader") || c.holds != "" && !strings.Contains(trace, c.holds) {
				t.Errorf("no leader, or no %s:\n%s", c.holds, trace)
			}
		})
	}
}

func TestANodeWithoutATraceLoggerTracesNothing(t *testing.T) {
	if !raft.StateTraceDeployed {
		t.Error("StateTraceDeployed")
	}
	outcomes, err := rafttest.Replay(strings.NewReader("add-nodes 1 voters=(1) index=2\n----\n\ncampaign 1\n----\n\nstabilize\n----\n"), nil)
	if err != nil || len(outcomes) != 3 {
		t.Errorf("%d, %v", len(outcomes), err)
	}
}
