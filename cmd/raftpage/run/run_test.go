package run

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ffd200af/raft/rafttest"
)

func newRun(t *testing.T, o Options) *Run {
	t.Helper()
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func do(t *testing.T, r *Run, a Action) {
	t.Helper()
	if err := r.Do(a); err != nil {
		t.Fatalf("%+v: %v", a, err)
	}
}

func beats(t *testing.T, r *Run, n int) {
	t.Helper()
	for range n {
		if err := r.Beat(); err != nil {
			t.Fatal(err)
		}
	}
}

// elect lets time pass until there is a leader, and returns it.
func elect(t *testing.T, r *Run) *NodeView {
	t.Helper()
	for range 100 {
		if leaders := r.View().with("leader"); len(leaders) == 1 {
			return leaders[0]
		}
		beats(t, r, 1)
	}
	t.Fatalf("no leader in 100 beats: %v", r.View().Says)
	return nil
}

func text(t *testing.T, v *View) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// says returns what the page says, as one text.
func says(r *Run) string {
	var out strings.Builder
	for _, s := range r.View().Says {
		out.WriteString(s.Text + "\n")
		for _, why := range s.Because {
			out.WriteString("- " + why + "\n")
		}
	}
	return out.String()
}

func want(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

// replays checks that a script prints what it expects.
func replays(t *testing.T, script string) {
	t.Helper()
	outcomes, err := rafttest.Replay(strings.NewReader(script), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outcomes {
		if o.Data.Expected != o.Actual {
			t.Fatalf("line %d: %s\nwant:\n%s\ngot:\n%s", o.Line, o.Directive, o.Data.Expected, o.Actual)
		}
	}
}

func TestTimeAloneElectsALeaderAndAProposalCommits(t *testing.T) {
	r := newRun(t, Options{Nodes: 5, PreVote: true, CheckQuorum: true})
	l := elect(t, r)
	beats(t, r, 5)
	do(t, r, Action{Do: "propose", Node: l.ID})
	want(t, says(r), "Everything in its log is committed") // it was not handed out yet
	beats(t, r, 1)
	want(t, says(r), "Entry 4 (“a”, term 1)", "1 of 5, needs 3", "an append with it is under way to S")
	beats(t, r, 4)
	do(t, r, Action{Do: "propose", Node: l.ID})
	want(t, r.RecordView(r.At()).Command, fmt.Sprintf("propose %d b", l.ID)) // the next letter
	if err := r.Goto(r.At() - 1); err != nil {
		t.Fatal(err)
	}
	v := r.View()
	for _, n := range v.Nodes {
		if n.Applied != 4 || n.Content != "a" {
			t.Errorf("S%d has applied %d, content %q", n.ID, n.Applied, n.Content)
		}
	}
	want(t, says(r), fmt.Sprintf("S%d leads term 1. Everything in its log is committed, up to entry 4.", l.ID))
	if len(v.Broken) > 0 {
		t.Error(v.Broken)
	}
}

func TestALeaderWithoutAMajorityCommitsNothing(t *testing.T) {
	r := newRun(t, Options{Nodes: 5})
	l := elect(t, r)
	beats(t, r, 5)
	friend := l.ID%5 + 1
	for id := uint64(1); id <= 5; id++ {
		if id != l.ID && id != friend {
			do(t, r, Action{Do: "cut", Node: l.ID, Peer: id})
			do(t, r, Action{Do: "cut", Node: friend, Peer: id})
		}
	}
	both := names([]uint64{min(l.ID, friend), max(l.ID, friend)})
	want(t, says(r), fmt.Sprintf("But it reaches only %s: 2 of 5, needs 3. A new entry will not commit.", both), "- the link between S")
	do(t, r, Action{Do: "propose", Node: l.ID})
	beats(t, r, 6)
	want(t, says(r), "2 of 5, needs 3", "- the link between S")
	for range 100 {
		if len(r.View().with("leader")) == 2 {
			break
		}
		beats(t, r, 1)
	}
	want(t, says(r), fmt.Sprintf("S%d still takes itself for the leader of term %d", l.ID, l.Term))
	do(t, r, Action{Do: "heal"})
	beats(t, r, 20)
	want(t, says(r), "Everything in its log is committed")
	if v := r.View(); len(v.Broken) > 0 || v.get(l.ID).Content != "" {
		t.Errorf("S%d has %q, broken %v", l.ID, v.get(l.ID).Content, v.Broken)
	}
}

// With check-quorum the leader steps down before anybody else leads, and the entry stays explained.
func TestAnEntryThatNoLeaderHasIsExplained(t *testing.T) {
	r := newRun(t, Options{Nodes: 5, PreVote: true, CheckQuorum: true})
	l := elect(t, r)
	for i := range r.View().Nodes {
		if n := &r.View().Nodes[i]; n.Heard > 2 {
			t.Errorf("S%d voted two beats ago, and its election timeout has run for %d ticks", n.ID, n.Heard)
		}
	}
	beats(t, r, 5)
	do(t, r, Action{Do: "isolate", Node: l.ID})
	do(t, r, Action{Do: "propose", Node: l.ID})
	for range 100 {
		if len(r.View().with("leader")) == 0 {
			break
		}
		beats(t, r, 1)
	}
	tail := fmt.Sprintf("Entry 4 (“a”, term 1) is not committed. It is in the logs of S%d: 1 of 5, needs 3.", l.ID)
	want(t, says(r), tail+" Only a leader can commit it, and there is none.")
	if heard := r.View().get(l.ID).Heard; heard > 1 {
		t.Errorf("S%d has just stepped down, and its election timeout has run for %d ticks", l.ID, heard)
	}
	events := r.RecordView(r.At()).Events
	for at := r.At(); len(events) == 0; at-- {
		events = r.RecordView(at).Events
	}
	want(t, events[0].Text, "steps down: no majority has answered it for an election timeout")
	next := elect(t, r)
	want(t, says(r), tail+fmt.Sprintf(" S%d, which leads term %d, has another entry 4. That one overwrites this one when it arrives.", next.ID, next.Term))
	beats(t, r, 4)
	if strings.Contains(says(r), fmt.Sprintf("S%d does not know yet", l.ID)) {
		t.Errorf("S%d has another entry:\n%s", l.ID, says(r))
	}
	do(t, r, Action{Do: "heal"})
	gone := fmt.Sprintf("Entry 4 (“a”, term 1) of S%d was overwritten by the entry 4 of term %d. It had not committed", l.ID, next.Term)
	for range 100 {
		if strings.Contains(says(r), gone) {
			break
		}
		beats(t, r, 1)
	}
	want(t, says(r), gone)
	beats(t, r, lately)
	if strings.Contains(says(r), "was overwritten") {
		t.Errorf("%d beats later it says\n%s", lately, says(r))
	}
}

func TestASlowDiskHoldsBackAndADeadOneForEver(t *testing.T) {
	r := newRun(t, Options{Nodes: 3})
	l := elect(t, r)
	beats(t, r, 5)
	a, b := l.ID%3+1, (l.ID+1)%3+1
	do(t, r, Action{Do: "disk", Node: a, Text: "slow"})
	do(t, r, Action{Do: "disk", Node: b, Text: "dead"})
	do(t, r, Action{Do: "propose", Node: l.ID})
	beats(t, r, 3)
	want(t, says(r), "1 of 3, needs 2", fmt.Sprintf("S%d writes it: the disk needs 5 more ticks", a), fmt.Sprintf("S%d writes it: the disk is dead", b))
	if e := r.View().get(a).Entries; e[len(e)-1].State != "writing" {
		t.Errorf("%+v", e)
	}
	beats(t, r, 5)
	want(t, says(r), "That is enough: it commits when the leader hears of it.", fmt.Sprintf("the acknowledgement of S%d is under way", a))
	beats(t, r, 20)
	if v := r.View(); v.get(l.ID).Commit != 4 || v.get(b).Last != 4 {
		t.Errorf("committed %d", v.get(l.ID).Commit)
	}
}

// A node votes, its disk loses the vote, and it votes again: two leaders in a term.
func TestADiskThatLiesBreaksAProperty(t *testing.T) {
	r := newRun(t, Options{Nodes: 3})
	l := elect(t, r)
	beats(t, r, 5)
	other := l.ID%3 + 1
	do(t, r, Action{Do: "disk", Node: other, Text: "lying"})
	do(t, r, Action{Do: "propose", Node: l.ID})
	beats(t, r, 2)
	want(t, strings.Join(r.View().Broken, "\n"), "promise before durability")
	if e := r.View().get(other).Entries; e[len(e)-1].State != "unsynced" {
		t.Errorf("%+v", e)
	}
	do(t, r, Action{Do: "crash", Node: other})
	if got := r.View().get(other).Last; got != 3 {
		t.Errorf("S%d has entries up to %d after the crash", other, got)
	}
	script, err := r.Script()
	if err != nil {
		t.Fatal(err)
	}
	replays(t, script)
}

func TestReads(t *testing.T) {
	r := newRun(t, Options{Nodes: 3, PreVote: true, CheckQuorum: true, Lease: true})
	l := elect(t, r)
	beats(t, r, 8)
	do(t, r, Action{Do: "propose", Node: l.ID, Text: "x"})
	beats(t, r, 6)
	follower := l.ID%3 + 1
	do(t, r, Action{Do: "read", Node: follower})
	do(t, r, Action{Do: "lease", Node: l.ID})
	do(t, r, Action{Do: "lease", Node: follower})
	want(t, says(r), fmt.Sprintf("Read r1 at S%d waits for its index. S%d asks the leader, S%d.", follower, follower, l.ID))
	beats(t, r, 8)
	do(t, r, Action{Do: "isolate", Node: follower})
	do(t, r, Action{Do: "propose", Node: l.ID, Text: "y"})
	beats(t, r, 6)
	do(t, r, Action{Do: "stale", Node: follower})
	reads := r.View().Reads
	if len(reads) != 4 {
		t.Fatalf("%+v", reads)
	}
	for i, want := range []Read{
		{How: "index", State: Answered, Index: 4, Text: "x"},
		{How: "lease", State: Answered, Index: 4, Text: "x"},
		{How: "lease", State: Refused, Text: "no lease"},
		{How: "stale", State: Answered, Index: 4, Text: "x"},
	} {
		got := reads[i]
		if got.How != want.How || got.State != want.State || got.Index != want.Index || got.Text != want.Text {
			t.Errorf("read %d is %+v, want %+v", i+1, got, want)
		}
	}
	want(t, r.RecordView(r.At()).Output, fmt.Sprintf("stale: S%d answers from index 4, committed is 5", follower))
	if broken := r.View().Broken; len(broken) > 0 {
		t.Error(broken)
	}
}

func TestMembersComeAndGo(t *testing.T) {
	r := newRun(t, Options{Nodes: 3, PreVote: true, CheckQuorum: true})
	l := elect(t, r)
	beats(t, r, 5)
	do(t, r, Action{Do: "add"})
	for range 60 {
		if r.View().Nodes[3].Member == "voter" {
			break
		}
		beats(t, r, 1)
	}
	if v := r.View(); v.Config != "S1, S2, S3 and S4" {
		t.Fatalf("the configuration is %s\n%s", v.Config, says(r))
	}
	do(t, r, Action{Do: "remove", Node: l.ID%3 + 1})
	beats(t, r, 10)
	if v := r.View(); v.get(l.ID%3+1).Member != "none" || len(v.Broken) > 0 {
		t.Errorf("the configuration is %s, broken %v", v.Config, v.Broken)
	}
}

// randomAction returns something that a user might do.
func randomAction(rng *rand.Rand, r *Run) Action {
	names := []string{
		"crash", "restart", "restart", "propose", "propose", "propose", "read", "lease", "stale", "cut", "cut", "mend", "mend",
		"isolate", "rejoin", "heal", "disk", "clock", "campaign", "add", "remove", "transfer", "compact", "deliver", "drop",
	}
	n := uint64(len(r.env.Nodes))
	a := Action{Do: names[rng.IntN(len(names))], Node: 1 + rng.Uint64N(n), Peer: 1 + rng.Uint64N(n)}
	switch a.Do {
	case "disk":
		a.Text = string([]Speed{Fast, Fast, Slow, Dead}[rng.IntN(4)])
	case "clock":
		a.Text = string([]Rate{Normal, Normal, FastClock, SlowClock, StoppedRate}[rng.IntN(5)])
	case "deliver", "drop":
		if len(r.world.flights) > 0 {
			a.Message = r.world.flights[rng.IntN(len(r.world.flights))].number
		}
	}
	return a
}

// A run of random actions goes back to every moment exactly, replays as a script, opens as the
// same run, and breaks nothing.
func TestPlaybackIsExact(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 1))
		r := newRun(t, Options{Nodes: 3 + int(seed%3), PreVote: seed%2 == 0, CheckQuorum: seed%4 < 2, Lease: seed%4 == 0 && seed%2 == 0, Seed: seed})
		views := []string{}
		for range 120 {
			if rng.IntN(4) == 0 {
				_ = r.Do(randomAction(rng, r)) // some make no sense
			} else if err := r.Step(); err != nil {
				t.Fatal(err)
			}
			if rng.IntN(3) == 0 {
				beats(t, r, 1)
			}
		}
		end := r.At()
		if broken := r.broken(end); len(broken) > 0 {
			t.Fatalf("seed %d: %v", seed, broken)
		}
		for at := range end + 1 {
			if err := r.Goto(at); err != nil {
				t.Fatal(err)
			}
			views = append(views, text(t, r.View()))
		}
		for range 20 {
			at := rng.IntN(end + 1)
			if err := r.Goto(at); err != nil {
				t.Fatal(err)
			}
			if got := text(t, r.View()); got != views[at] {
				t.Fatalf("seed %d: step %d is\n%s\nand was\n%s", seed, at, got, views[at])
			}
		}
		script, err := r.Script()
		if err != nil {
			t.Fatal(err)
		}
		replays(t, script)
		sameWhenOpened(t, script, r)
	}
}

// sameWhenOpened checks that a saved run opens as the same run.
func sameWhenOpened(t *testing.T, script string, r *Run) {
	t.Helper()
	opened, err := Open(strings.NewReader(script))
	if err != nil {
		t.Fatal(err)
	}
	if opened.Len() != r.Len() {
		t.Fatalf("%d records, want %d", opened.Len(), r.Len())
	}
	for at := range r.Len() + 1 {
		if err := r.Goto(at); err != nil {
			t.Fatal(err)
		}
		if err := opened.Goto(at); err != nil {
			t.Fatal(err)
		}
		a, b := r.View(), opened.View()
		if b.Record.Differs {
			t.Fatalf("step %d: %+v", at, b.Record)
		}
		b.Record.Expected = a.Record.Expected
		if got, want := text(t, b), text(t, a); got != want {
			t.Fatalf("step %d is\n%s\nand was\n%s", at, got, want)
		}
	}
	again, err := opened.Script()
	if err != nil {
		t.Fatal(err)
	}
	if again != script {
		t.Errorf("saved again, it is\n%s\nand was\n%s", again, script)
	}
}

func TestEveryStoryOpensPlaysAndIsSavedAsItWas(t *testing.T) {
	paths, err := filepath.Glob("../../../testdata/*.txt")
	if err != nil || len(paths) < 40 {
		t.Fatalf("%d stories: %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			story, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			r, err := Open(bytes.NewReader(story))
			if err != nil {
				t.Fatal(err)
			}
			for r.At() < r.Len() {
				if err := r.Beat(); err != nil {
					t.Fatal(err)
				}
				if v := r.View(); v.Record.Differs || len(v.Broken) > 0 {
					t.Fatalf("step %d: %+v, broken %v", r.At(), v.Record, v.Broken)
				}
			}
			script, err := r.Script()
			if err != nil {
				t.Fatal(err)
			}
			replays(t, script)
			sameWhenOpened(t, script, r)
			beats(t, r, 3) // time goes on behind the end
		})
	}
}
