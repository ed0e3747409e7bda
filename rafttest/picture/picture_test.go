package picture

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/property"
)

func heartbeat(from, to uint64) *pb.Message {
	return &pb.Message{Type: pb.MsgHeartbeat, From: from, To: to, Term: 1, Commit: 2}
}

// talk has node 1 send a heartbeat to node 2, which takes it.
func talk(r *Recorder) {
	r.Event(1, Ready, "")
	r.Send(1, heartbeat(1, 2))
	r.Receive(1, heartbeat(1, 2))
}

func TestANilRecorderTakesDownNothing(t *testing.T) {
	var r *Recorder
	talk(r)
	r.Title("", "")
	r.Group(1)
	r.Time("")
	r.Only(1)
	r.Command("", "")
	r.Printed("")
	r.Add(1, "x")
	r.Detail(1, "x")
	r.Refuse(1, errors.New("x"))
	r.ReceiveByHand(1, heartbeat(1, 2))
	r.Lose(1, heartbeat(1, 2))
	r.Cause("x")
	r.HandOut(1, &raft.Ready{})
	r.Apply(1, []pb.Entry{{}})
	r.Log(1, 1, 0, nil)
	r.Status(1, Status{})
	r.Partition(nil)
	r.Watch(&property.Event{})
	r.Shows(&property.Node{Up: true}, false)
	NewRecorder().Remark("x") // there is no message
	r.Lane("")
	r.Asleep(1, true)
	r.Stop(1, "x")
	r.Remark("x")
	r.SendSignal(&Signal{})
	r.ReceiveSignal(&Signal{})
	r.LoseSignal(&Signal{})
}

func TestAMessageArrivesAsOftenAsItIsTaken(t *testing.T) {
	r := NewRecorder()
	talk(r)
	r.Receive(1, heartbeat(1, 2))
	p := r.Picture()
	if len(p.Messages) != 2 || p.Messages[1].ByHand || p.Messages[1].Sent != 0 || p.Messages[1].Ended != 2 {
		t.Errorf("%+v", p.Messages)
	}
	var log bytes.Buffer
	if err := p.WriteShiViz(&log); err != nil || strings.Count(log.String(), `"node1":1`) != 3 {
		t.Errorf("%v\n%s", err, &log)
	}
}

// TestIdleTicksAreCounted: they are a step for each node, until something else happens.
func TestIdleTicksAreCounted(t *testing.T) {
	r := NewRecorder()
	for range 3 {
		r.Event(1, Tick, "tick")
		r.Event(2, Tick, "tick")
	}
	talk(r)
	r.Event(1, Tick, "tick")
	r.Send(1, heartbeat(1, 2))
	r.Event(1, Tick, "tick")
	p := r.Picture()
	var texts []string
	for _, e := range p.Events {
		texts = append(texts, fmt.Sprint(e.Node, " ", e.Text))
	}
	if want := []string{"1 3 ticks", "2 3 ticks", "1 ", "2 ", "1 tick", "1 tick"}; !slices.Equal(texts, want) {
		t.Errorf("%q, want %q", texts, want)
	}
	if m := p.Messages[0]; m.Sent != 2 || m.Ended != 3 {
		t.Errorf("the message leaves in event %d and arrives in event %d", m.Sent, m.Ended)
	}
}

func TestGroupsHaveStepsOfTheirOwn(t *testing.T) {
	r := NewRecorder()
	for _, group := range []uint64{7, 9, 7} {
		r.Group(group)
		talk(r)
	}
	r.Partition(map[uint64]int{1: 1, 2: 2})
	p := r.Picture()
	if got := p.Groups(); !slices.Equal(got, []uint64{7, 9}) {
		t.Fatalf("groups %v", got)
	}
	for group, talks := range map[uint64]int{7: 2, 9: 1} {
		own := p.OfGroup(group)
		if len(own.Events) != 2*talks+1 || len(own.Messages) != talks || !slices.Equal(own.Nodes, []uint64{1, 2}) {
			t.Errorf("group %d: %d events, %d messages, nodes %v", group, len(own.Events), len(own.Messages), own.Nodes)
		}
		for i, m := range own.Messages {
			if !slices.Equal(own.Events[m.Sent].Sent, []int{i}) || !slices.Equal(own.Events[m.Ended].Received, []int{i}) {
				t.Errorf("group %d: message %d leaves in %+v", group, i, own.Events[m.Sent])
			}
		}
	}
}

// TestWhatConcernsAllGroupsIsInEachPicture: a command, what a store does, and nothing of another
// group.
func TestWhatConcernsAllGroupsIsInEachPicture(t *testing.T) {
	r := NewRecorder()
	r.Lane("store")
	r.Command("words", "tick")
	for _, group := range []uint64{7, 9} {
		r.Group(group)
		r.Event(1, Ready, "works")
	}
	r.Group(7)
	r.Status(1, Status{Role: Leader, Term: 3}) // goes to the event of its group, which is not the last one
	r.Lose(1, heartbeat(1, 2))
	r.Group(9)
	r.Lose(1, heartbeat(1, 2)) // not together with that of the other group
	r.Group(0)
	r.Event(1, Tick, "tick")
	r.SendSignal(&Signal{From: 1, To: 2, Type: "Beat", Text: "beat"})
	r.SendSignal(&Signal{From: 1, To: 3, Type: "Beat", Text: "beat"})
	r.ReceiveSignal(&Signal{From: 1, To: 2, Type: "Beat", Text: "beat"})
	r.ReceiveSignal(&Signal{From: 3, To: 2, Type: "Beat", Text: "beat"}) // in the same event
	r.LoseSignal(&Signal{From: 1, To: 3, Type: "Beat", Text: "beat"})
	p := r.Picture()
	if p.Events[0].Status == nil || p.Events[1].Status != nil {
		t.Error("the status of a group stands at an event of another one")
	}
	for _, group := range []uint64{7, 9} {
		own := p.OfGroup(group)
		var kinds []Kind
		for _, e := range own.Events {
			kinds = append(kinds, e.Kind)
		}
		want := []Kind{Ready, Lose, Tick, Receive, Lose}
		if e := &own.Events[0]; !slices.Equal(kinds, want) || e.Comment != "words" || e.Command != "tick" {
			t.Errorf("group %d: %v, want %v; the first is %+v", group, kinds, want, e)
		}
		if name := own.place().Lanes[1].Name; name != "store 2" || len(own.Events[len(want)-2].Received) != 2 {
			t.Errorf("group %d: lane %q, %+v", group, name, own.Events)
		}
	}
}

// TestASleepingNodeLooksAsleep: its line, its label, and what is said when it wakes.
func TestASleepingNodeLooksAsleep(t *testing.T) {
	s := Status{Role: Leader, Term: 2, Asleep: true}
	awake := s
	awake.Asleep = false
	if look(&s) != "leader t2 asleep" || s.title() != "leader, term 2, asleep" || awake.changes(&s) != "wakes" {
		t.Errorf("%q, %q, %q", look(&s), s.title(), awake.changes(&s))
	}
	if !strings.Contains(legend(true), "asleep") || strings.Contains(legend(false), "asleep") {
		t.Error("only stores have nodes that sleep")
	}
}

// TestRowsStandBesideEachOther: what happens at several nodes in one command, and nothing leads
// from one to the other.
func TestRowsStandBesideEachOther(t *testing.T) {
	r := NewRecorder()
	r.Command(strings.Repeat("many words of a comment ", 12), "stabilize")
	for id := uint64(1); id <= 3; id++ {
		r.Event(id, Ready, "handles")
	}
	r.Event(1, Ready, "again")
	r.Command("", "stabilize")
	talk(r)
	l := r.Picture().place()
	tops := l.tops()
	if tops[0] != tops[1] || tops[1] != tops[2] || tops[3] <= tops[0] {
		t.Errorf("rows begin at %v", tops)
	}
	if tops[4] != l.Blocks[0] || l.Blocks[0] <= 2*rowHeight {
		t.Errorf("the second command begins at %d, the words of the first one end at %d", tops[4], l.Blocks[0])
	}
	if tops[5] == tops[4] {
		t.Error("a message arrives in the row in which it leaves")
	}
	r = NewRecorder()
	for from := uint64(1); from <= 2; from++ {
		r.Event(from, Tick, "tick")
		r.SendSignal(&Signal{From: from, To: 3 - from, Type: "Beat", Text: "beat"})
	}
	if tops := r.Picture().place().tops(); tops[0] != tops[1] {
		t.Error("ticks with beats do not stand beside each other")
	}
}

func TestALogChangeReplacesTheEnd(t *testing.T) {
	entries := func(terms ...uint64) (list []Entry) {
		for _, term := range terms {
			list = append(list, Entry{Term: term})
		}
		return list
	}
	for _, tc := range []struct {
		name   string
		change LogChange
		want   []Entry
	}{
		{"an entry more", LogChange{First: 3, At: 6, Entries: entries(2)}, entries(1, 1, 1, 2)},
		{"a conflict", LogChange{First: 3, At: 4, Entries: entries(2)}, entries(1, 2)},
		{"a compaction", LogChange{First: 5, At: 6}, entries(1)},
		{"a snapshot", LogChange{First: 9, At: 9}, nil},
	} {
		if got := tc.change.apply(3, entries(1, 1, 1)); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// TestTwoChangesOfALogInOneEvent are one: a snapshot, and entries that follow it.
func TestTwoChangesOfALogInOneEvent(t *testing.T) {
	r := NewRecorder()
	r.Event(1, Start, "starts")
	r.Log(1, 3, 1, []pb.Entry{{Term: 1, Index: 3}, {Term: 1, Index: 4}})
	r.Event(1, Ready, "")
	r.HandOut(1, &raft.Ready{
		Snapshot: pb.Snapshot{Metadata: pb.SnapshotMetadata{Index: 8, Term: 2}}, Entries: []pb.Entry{{Term: 3, Index: 9}},
	})
	var n node
	for _, e := range r.Picture().Events {
		n.take(&e)
	}
	if n.first != 9 || n.firstTerm != 2 || n.last() != 9 || n.log[0].Term != 3 {
		t.Errorf("the log is %+v", n)
	}
}

// TestClocksOfShiVizGrow: each event counts at its node, and an arrival knows what its sender knew.
func TestClocksOfShiVizGrow(t *testing.T) {
	r := NewRecorder()
	talk(r)
	r.Send(2, heartbeat(2, 3))
	r.Receive(2, heartbeat(2, 3))
	var out bytes.Buffer
	if err := r.Picture().WriteShiViz(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	last := lines[len(lines)-2]
	host, clock, _ := strings.Cut(last, " ")
	var got map[string]int
	if err := json.Unmarshal([]byte(clock), &got); err != nil {
		t.Fatal(err)
	}
	if host != "node3" || got["node1"] != 1 || got["node2"] != 1 || got["node3"] != 1 {
		t.Errorf("the last event is %s", last)
	}
}

func TestWordsAreWrappedAndTablesAreNot(t *testing.T) {
	got := wrap("one two three\n  a  table\nfour", 8)
	if want := []string{"one two", "three", "  a  table", "four"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestNothingIsNoPicture(t *testing.T) {
	withoutNodes := NewRecorder()
	withoutNodes.Event(0, Note, "a note")
	for _, r := range []*Recorder{NewRecorder(), withoutNodes} {
		p := r.Picture()
		var out bytes.Buffer
		for _, err := range []error{p.WriteHTML(&out), p.WriteSVG(&out, 0, 0), p.WriteShiViz(&out)} {
			if !errors.Is(err, ErrEmpty) {
				t.Errorf("%v, want ErrEmpty", err)
			}
		}
	}
}

// TestTextsStayTexts: what a proposal says is no markup.
func TestTextsStayTexts(t *testing.T) {
	r := NewRecorder()
	r.Title("<b>title</b>", "<i>header</i>")
	r.Command("<u>comment</u>", "propose 1 <script>alert(1)</script>")
	r.Event(1, Input, "<script>alert(2)</script>")
	r.Status(1, Status{Role: Leader, Term: 1})
	var page, image bytes.Buffer
	if err := errors.Join(r.Picture().WriteHTML(&page), r.Picture().WriteSVG(&image, 0, 0)); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{page.String(), image.String()} {
		for _, markup := range []string{"<b>title", "<i>header", "<u>comment", "<script>alert"} {
			if strings.Contains(out, markup) {
				t.Errorf("the output has %s", markup)
			}
		}
	}
}
