package tracecheck

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
)

// three is the trace of three nodes: 1 is elected and removes 3, 2 is elected, and 1 restarts.
func three(t *testing.T) []Event {
	t.Helper()
	file, err := os.Open("testdata/three_nodes.ndjson")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	events, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestARunOfTheSpecificationIsOne(t *testing.T) {
	if err := Check(three(t)); err != nil {
		t.Error(err)
	}
}

// find returns the place of the nth event of a name, counted from 1.
func find(t *testing.T, events []Event, name string, nth int) int {
	t.Helper()
	for i := range events {
		if events[i].Name == name {
			if nth--; nth == 0 {
				return i
			}
		}
	}
	t.Fatalf("there are not so many %s", name)
	return 0
}

func TestWhatIsNoStepOfTheSpecificationIsFound(t *testing.T) {
	for _, c := range []struct {
		what string
		// The nth event of a name is changed; nil removes it.
		name   string
		nth    int
		change func(*Event)
		reason string
	}{
		{"the term of an event", "Commit", 1, func(e *Event) { e.State.Term++ }, "term 1 in the specification, 2"},
		{"the vote", "BecomeLeader", 1, func(e *Event) { e.State.Vote = "2" }, "vote 1 in the specification, 2"},
		{"the role", "Commit", 1, func(e *Event) { e.Role = follower }, "StateLeader in the specification"},
		{"the log", "SendAppendEntriesResponse", 1, func(e *Event) { e.LogSize++ }, "log size"},
		{"the commit index", "Commit", 2, func(e *Event) { e.State.Commit-- }, "commit index"},
		{"the voters", "Commit", 1, func(e *Event) { e.Conf[0] = []string{"1", "2"} }, "voters"},
		{"a joint configuration", "Commit", 1, func(e *Event) { e.Conf[1] = []string{"1"} }, "joint"},
		{"a vote that nobody gave", "ReceiveRequestVoteResponse", 2, func(e *Event) { e.Message.Term = 7 }, "nobody has sent"},
		{"leading without a quorum", "ReceiveRequestVoteResponse", 1, nil, "with the votes of"},
		{"a message before Ready", "Ready", 1, nil, "nobody has sent"},
		{"an answer to a message that did not arrive", "ReceiveAppendEntriesRequest", 1, nil, "nobody has sent"},
		{"an entry too few", "Replicate", 1, nil, "log size"},
		{"a commit index in an append", "SendAppendEntriesRequest", 1, func(e *Event) { e.Message.Commit++ }, "the trace shows"},
		{"entries beyond the log", "SendAppendEntriesRequest", 1, func(e *Event) { e.Message.Entries++ }, "entries (2, 4]"},
		{"the term before the entries", "SendAppendEntriesRequest", 1, func(e *Event) { e.Message.LogTerm++ }, "the trace shows"},
		{"an append to a stranger", "SendAppendEntriesRequest", 1, func(e *Event) { e.Message.To = "9" }, "no events"},
		{"the log of a candidate", "SendRequestVoteRequest", 1, func(e *Event) { e.Message.LogTerm++ }, "the trace shows"},
		{"a campaign in another term", "BecomeCandidate", 2, func(e *Event) { e.State.Term++ }, "campaigns in term"},
		{"two changes at once", "ChangeConf", 1, func(e *Event) {
			e.Prop.Change.Changes = append(e.Prop.Change.Changes, e.Prop.Change.Changes[0])
		}, "2 changes at once"},
		{"the removal of a stranger", "ChangeConf", 1, func(e *Event) { e.Prop.Change.Changes[0].Node = "9" }, "RemoveServer 9"},
		{"a configuration that is not applied", "ApplyConfChange", 1, nil, "voters"},
		{"a follower that steps down", "Ready", 2, func(e *Event) { e.Name = "BecomeFollower" }, "a follower steps down"},
		{"a restart with another log", "InitState", 4, func(e *Event) { e.LogSize-- }, "log size"},
		{"an event of another name", "Ready", 1, func(e *Event) { e.Name = "Rest" }, "no such event"},
	} {
		t.Run(c.what, func(t *testing.T) {
			events := three(t)
			i := find(t, events, c.name, c.nth)
			if c.change == nil {
				events = slices.Delete(events, i, i+1)
			} else {
				c.change(&events[i])
			}
			var illegal *Illegal
			err := Check(events)
			if !errors.As(err, &illegal) || !strings.Contains(illegal.Reason, c.reason) {
				t.Errorf("got %v, want %q", err, c.reason)
			}
		})
	}
}

// Invariants are checked after every step.
func TestBrokenInvariantsAreFound(t *testing.T) {
	w, err := begin(three(t))
	if err != nil {
		t.Fatal(err)
	}
	a, b := w.servers["1"], w.servers["2"]
	a.role, b.role = leader, leader
	if got := w.invariants("1"); !strings.Contains(got, "two leaders") {
		t.Error(got)
	}
	b.term++
	b.log = []entry{{term: 1}, {term: 2}}
	if got := w.invariants("1"); !strings.Contains(got, "committed entries differ") {
		t.Error(got)
	}
	a.commit = 5
	if got := w.invariants("1"); !strings.Contains(got, "not durable") {
		t.Error(got)
	}
}

func TestTracesThatCannotBeChecked(t *testing.T) {
	if _, err := Read(strings.NewReader("{")); err == nil {
		t.Error("no error about what is no JSON")
	}
	if events, err := Read(strings.NewReader(`{"tag":"other"}`)); err != nil || len(events) != 0 {
		t.Errorf("%d events, %v", len(events), err)
	}
	if Check(nil) == nil {
		t.Error("no error about an empty trace")
	}
	if Check(three(t)[4:]) == nil {
		t.Error("no error about a node without a start")
	}
	events := three(t)
	change := &events[find(t, events, "ChangeConf", 1)].Prop.Change.Changes[0]
	change.Node, change.Action = "9", "AddNewServer"
	if err := Check(events); err == nil || !strings.Contains(err.Error(), "has no events") {
		t.Error(err)
	}
}
