//go:build with_tla

package scripts

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	etcdraft "go.etcd.io/raft/v3"
	etcd "go.etcd.io/raft/v3/rafttest"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/rafttest"
)

// ourTrace and theirTrace collect events in their JSON form.
type ourTrace struct{ events []string }

func (l *ourTrace) TraceEvent(e *raft.TracingEvent) { l.events = append(l.events, encoded(e)) }

type theirTrace struct{ events []string }

func (l *theirTrace) TraceEvent(e *etcdraft.TracingEvent) { l.events = append(l.events, encoded(e)) }

func encoded(e any) string {
	line, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return string(line)
}

// traces plays a script with both libraries and returns their events.
func traces(t *testing.T, script string) (got, want []string) {
	t.Helper()
	var a ourTrace
	var b theirTrace
	play(t, rafttest.NewInteractionEnv(&rafttest.InteractionOpts{
		OnConfig: func(c *raft.Config) { c.TraceLogger = &a },
	}), script)
	play(t, etcd.NewInteractionEnv(&etcd.InteractionOpts{
		OnConfig: func(c *etcdraft.Config) { c.TraceLogger = &b },
	}), script)
	return a.events, b.events
}

// Where both libraries take the same steps, their traces hold the same events to the byte. The
// order in which messages are delivered differs, so events count, not their order. How nodes start
// is left out: see TestTheTraceOfAStartShowsTheStateOfV36.
var traced = []struct {
	name, script string
	// The beginnings of the events that only one side has.
	theirs, ours []string
}{
	{name: "elections and replication", script: `
		add-nodes 3 voters=(1,2,3) index=2
		campaign 1
		stabilize
		propose 1 a
		stabilize
		propose 1 b
		stabilize
		tick-heartbeat 1
		stabilize
		campaign 2
		stabilize
		propose 2 c
		stabilize`},
	{name: "a lost election", script: `
		add-nodes 3 voters=(1,2,3) index=2
		campaign 1
		process-ready 1
		deliver-msgs drop=(3)
		stabilize 1 2
		deliver-msgs drop=(3)
		campaign 3
		process-ready 3
		deliver-msgs 1 2
		stabilize`},
	{name: "members come and go", script: `
		add-nodes 3 voters=(1,2,3) index=2
		campaign 1
		stabilize
		propose-conf-change 1 | r3
		stabilize
		propose-conf-change 1 | l3
		stabilize
		propose-conf-change 1 | v3
		stabilize
		propose 1 a
		stabilize`},
	{name: "a cluster of one", script: `
		add-nodes 1 voters=(1) index=2
		campaign 1
		stabilize
		propose 1 a
		stabilize
		propose-conf-change 1 | l2
		stabilize`},
	// The specification has no step for the acknowledgement of a snapshot, and v3.6 forgets the
	// configuration before it restores one.
	{name: "a snapshot", script: `
		add-nodes 3 voters=(1,2,3) index=2
		campaign 1
		process-ready 1
		deliver-msgs 2
		stabilize 1 2
		deliver-msgs drop=(3)
		propose 1 a
		stabilize 1 2
		deliver-msgs drop=(3)
		compact 1 4
		tick-heartbeat 1
		stabilize`,
		theirs: []string{
			`{"name":"ApplyConfChange","nid":"3","state":{"term":1,"vote":"0","commit":4},"role":"StateFollower","log":4,"conf":[[],[]]`,
			`{"name":"ReceiveAppendEntriesResponse","nid":"1"`,
		},
		ours: []string{
			`{"name":"ApplyConfChange","nid":"3","state":{"term":1,"vote":"0","commit":4},"role":"StateFollower","log":4,"conf":[["1","2","3"],[]]`,
		},
	},
}

func TestTracesAreThoseOfV36(t *testing.T) {
	for _, c := range traced {
		t.Run(c.name, func(t *testing.T) {
			got, want := traces(t, c.script)
			_, got = startup(got)
			_, want = startup(want)
			slices.Sort(got)
			slices.Sort(want)
			expect(t, "only v3.6", missing(want, got), c.theirs)
			expect(t, "only here", missing(got, want), c.ours)
		})
	}
}

// expect compares events with the beginnings of those that there should be.
func expect(t *testing.T, what string, events, beginnings []string) {
	t.Helper()
	if !slices.EqualFunc(events, beginnings, strings.HasPrefix) {
		t.Errorf("%s:\n%s\nexpected:\n%s", what, strings.Join(events, "\n"), strings.Join(beginnings, "\n"))
	}
}

// startup takes the events apart: those before the first that is none of the start of a node, and
// the others.
func startup(events []string) (first, others []string) {
	for i, e := range events {
		if !strings.HasPrefix(e, `{"name":"InitState"`) && !strings.HasPrefix(e, `{"name":"ApplyConfChange"`) &&
			!strings.HasPrefix(e, `{"name":"BecomeFollower"`) {
			return events[:i], events[i:]
		}
	}
	return events, nil
}

// missing returns the elements of a, sorted, that b, sorted, does not have as often.
func missing(a, b []string) []string {
	var only []string
	for _, e := range a {
		if len(b) > 0 && b[0] < e {
			b = b[slices.IndexFunc(append(slices.Clone(b), e), func(x string) bool { return x >= e }):]
		}
		if len(b) > 0 && b[0] == e {
			b = b[1:]
			continue
		}
		only = append(only, e)
	}
	return only
}

func TestTheTraceOfAStartShowsTheStateOfV36(t *testing.T) {
	got, want := traces(t, "add-nodes 3 voters=(1,2,3) index=2\nadd-nodes 1")
	var last []string
	for _, e := range want {
		if after, ok := strings.CutPrefix(e, `{"name":"BecomeFollower"`); ok {
			last = append(last, `{"name":"InitState"`+after)
		}
	}
	if !slices.Equal(got, last) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(last, "\n"))
	}
}
