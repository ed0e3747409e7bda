package rafttest_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft/rafttest"
	"github.com/ffd200af/raft/rafttest/picture"
)

// drawn replays a script and returns its picture.
func drawn(t *testing.T, script string) *picture.Picture {
	t.Helper()
	s, err := rafttest.ParseScript(strings.NewReader(script))
	if err != nil {
		t.Fatal(err)
	}
	rec := picture.NewRecorder()
	s.Run(&rafttest.InteractionOpts{Picture: rec})
	return rec.Picture()
}

// counted is what a picture has of everything.
type counted struct {
	nodes, delivered, lost, refused, inFlight, byHand, crashes, starts, partitions int
}

func count(p *picture.Picture) counted {
	c := counted{nodes: len(p.Nodes)}
	for i := range p.Messages {
		m := &p.Messages[i]
		switch m.Fate {
		case picture.Delivered:
			c.delivered++
		case picture.Lost:
			c.lost++
		case picture.Refused:
			c.refused++
		case picture.InFlight:
			c.inFlight++
		}
		if m.ByHand {
			c.byHand++
		}
	}
	for i := range p.Events {
		switch p.Events[i].Kind {
		case picture.Crash:
			c.crashes++
		case picture.Start:
			c.starts++
		case picture.Partition:
			c.partitions++
		}
	}
	return c
}

const elected = `# An election.

log-level error
----

add-nodes 3 voters=(1,2,3) index=2
----

campaign 1
----

stabilize
----

`

func TestAPictureHasAnArrowForEachMessage(t *testing.T) {
	p := drawn(t, elected)
	// Two requests and two votes; two appends with two answers; the commit index, with two answers.
	if got, want := count(p), (counted{nodes: 3, delivered: 12, starts: 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	for _, m := range p.Messages {
		if m.Ended <= m.Sent || !slices.Contains(p.Events[m.Sent].Sent, slices.Index(p.Messages, m)) {
			t.Errorf("%s leaves in step %d and arrives in step %d", m.Detail, m.Sent+1, m.Ended+1)
		}
		if to := p.Events[m.Ended].Node; to != m.To {
			t.Errorf("%s arrives at node %d", m.Detail, to)
		}
	}
}

func TestAPictureMarksWhatDoesNotArrive(t *testing.T) {
	p := drawn(t, elected+`# Words about the loss.
propose 1 foo
----

process-ready 1
----

deliver-msgs drop=2
----

crash 3
----

deliver-msgs 3
----

step type=MsgApp from=2 to=1 term=1 index=3 logterm=1
----

restart 3
----

partition (1,2) (3)
----

propose 1 bar
----

process-ready 1
----
`)
	want := counted{nodes: 3, delivered: 12, lost: 2, refused: 1, inFlight: 2, byHand: 1, crashes: 1, starts: 4, partitions: 1}
	if got := count(p); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	causes := map[string]bool{}
	for _, m := range p.Messages {
		causes[m.Cause] = true
	}
	if !causes["the script drops it"] || !causes["node 3 is crashed"] {
		t.Errorf("causes: %v", causes)
	}
	found := false
	for _, e := range p.Events {
		found = found || e.Comment == "Words about the loss." && e.Command == "propose 1 foo" && e.Kind == picture.Input
	}
	if !found {
		t.Error("the comment does not stand at its command")
	}
}

// TestAPictureShowsWhatStoresDo: groups that sleep, beats that stand for their heartbeats, a store
// that is killed, and what wakes by that.
func TestAPictureShowsWhatStoresDo(t *testing.T) {
	text, err := os.ReadFile("../testdata/multiraft/dead_store.txt")
	if err != nil {
		t.Fatal(err)
	}
	p := drawn(t, string(text))
	if !slices.Equal(p.Groups(), []uint64{1, 2}) || p.Lane != "store" {
		t.Fatalf("groups %v, lanes are a %q", p.Groups(), p.Lane)
	}
	for _, tc := range []struct {
		group, leader, terms uint64
		wakes                int
	}{{1, 3, 3, 2}, {2, 2, 2, 0}} {
		own := p.OfGroup(tc.group)
		if c := count(own); c.nodes != 3 || c.starts != 3 || c.crashes != 1 || c.inFlight != 0 || c.byHand != 0 {
			t.Errorf("group %d: %+v", tc.group, c)
		}
		wakes, asleep, ticked := 0, map[uint64]bool{}, ""
		for _, e := range own.Events {
			if e.Kind == picture.Tick {
				ticked = e.Text
			}
			if len(e.Sent) > 0 && own.Messages[e.Sent[0]].Type == "Heartbeat" && ticked == "" {
				t.Errorf("group %d: a heartbeat is sent before the first tick", tc.group)
			}
			if e.Status == nil {
				continue
			}
			if asleep[e.Node] && !e.Status.Asleep && e.Status.Role != picture.Down {
				wakes++
				if ticked != "tick 20" {
					t.Errorf("group %d: store %d wakes after %q", tc.group, e.Node, ticked)
				}
			}
			asleep[e.Node] = e.Status.Asleep
		}
		if s, _ := last(own, tc.leader); wakes != tc.wakes || s.Role != picture.Leader || s.Term != tc.terms {
			t.Errorf("group %d: %d wake, store %d is %+v", tc.group, wakes, tc.leader, s)
		}
		lost, arrived, offers := 0, 0, 0
		for _, m := range own.Messages {
			switch {
			case m.Text == "9 beats" && m.To == 1 && m.Fate == picture.Lost:
				lost++
			case m.Text == "9 beats" && m.To == 1:
				t.Errorf("group %d: beats arrive at a store that is down", tc.group)
			case m.Text == "8 beats" && m.To == 1 && m.Fate == picture.Delivered:
				arrived++
			case m.Text == "Heartbeat, offers sleep":
				offers++
			}
		}
		if lost != 2 || arrived != 2 || offers != 2 {
			t.Errorf("group %d: from so many stores, beats to store 1 arrive before it is killed: %d, are lost after that: %d; %d offers", tc.group, arrived, lost, offers)
		}
		if !slices.ContainsFunc(own.Events, func(e picture.Event) bool { return e.Command == "kill-store 1" && e.Text == "is killed" }) {
			t.Errorf("group %d: no command kills the store", tc.group)
		}
	}
}

// TestAPictureShowsCutsBetweenStores: and the store that refuses messages for a group that it gave
// up.
func TestAPictureShowsCutsBetweenStores(t *testing.T) {
	text, err := os.ReadFile("../testdata/multiraft/leader_is_taken_away.txt")
	if err != nil {
		t.Fatal(err)
	}
	p := drawn(t, string(text))
	c := count(p)
	if c.partitions != 2 || c.refused == 0 || c.crashes != 1 {
		t.Errorf("%+v", c)
	}
	fates := map[picture.Fate]int{}
	for _, m := range p.Messages {
		if m.Type == "Awake" {
			fates[m.Fate]++
		}
	}
	if fates[picture.Lost] != 2 || fates[picture.Delivered] < 2 {
		t.Errorf("that the group is awake is said so often: %v", fates)
	}
}

// last folds the events of a node.
func last(p *picture.Picture, node uint64) (s picture.Status, log []picture.Entry) {
	first := uint64(1)
	for _, e := range p.Events {
		if e.Node != node {
			continue
		}
		if e.Status != nil {
			s = *e.Status
		}
		if c := e.Log; c != nil {
			var kept []picture.Entry
			for i := c.First; i < c.At; i++ {
				kept = append(kept, log[i-first])
			}
			log, first = append(kept, c.Entries...), c.First
		}
	}
	return s, log
}

func TestAPictureKnowsEachNode(t *testing.T) {
	p := drawn(t, elected+"propose 1 foo\n----\n\nstabilize\n----\n\ncrash 2\n----\n")
	s, log := last(p, 1)
	want := picture.Status{Role: picture.Leader, Term: 1, Vote: 1, Lead: 1, Commit: 4, Applied: 4, Durable: 4, Voters: "1 2 3", Voter: true}
	if s != want || len(log) != 2 || log[1] != (picture.Entry{Term: 1, Text: `"foo"`}) {
		t.Errorf("node 1: %+v %v", s, log)
	}
	if s, _ := last(p, 2); s.Role != picture.Down {
		t.Errorf("node 2: %+v", s)
	}
}

// TestWhatIsNotDurableIsMarked: with asynchronous storage writes an entry is in the log before it
// is on the disk.
func TestWhatIsNotDurableIsMarked(t *testing.T) {
	script := "add-nodes 1 voters=(1) index=2 async-storage-writes=true\n----\n\ncampaign 1\n----\n\nstabilize\n----\n\n" +
		"propose 1 foo\n----\n\nprocess-ready 1\n----\n\n"
	if s, log := last(drawn(t, script), 1); s.Durable != 3 || len(log) != 2 {
		t.Errorf("%+v %v", s, log)
	}
	if s, _ := last(drawn(t, script+"process-append-thread 1\n----\n"), 1); s.Durable != 4 {
		t.Errorf("after the write: %+v", s)
	}
}

// TestAllScriptsCanBeDrawn: each script of testdata gives a page, an image and a log.
func TestAllScriptsCanBeDrawn(t *testing.T) {
	files, err := os.ReadDir("../testdata")
	if err != nil {
		t.Fatal(err)
	}
	scripts := 0
	for _, f := range files {
		if f.IsDir() {
			continue
		}
		scripts++
		text, err := os.ReadFile("../testdata/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		p := drawn(t, string(text))
		var image, log, page bytes.Buffer
		if err := errors.Join(p.WriteSVG(&image, 0, 0), p.WriteShiViz(&log), p.WriteHTML(&page)); err != nil {
			t.Fatalf("%s: %v", f.Name(), err)
		}
		for d := xml.NewDecoder(&image); ; {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("%s: the image is not XML: %v", f.Name(), err)
			}
		}
		for _, m := range p.Messages {
			if m.Fate == picture.Delivered && !m.ByHand && m.Sent >= m.Ended {
				t.Errorf("%s: %s arrives before it leaves", f.Name(), m.Detail)
			}
		}
		if strings.Contains(page.String(), "http") && strings.Count(page.String(), "http") != strings.Count(page.String(), "http-equiv") {
			t.Errorf("%s: the page names an address", f.Name())
		}
	}
	if scripts < 50 {
		t.Errorf("%d scripts", scripts)
	}
}
