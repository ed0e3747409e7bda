package replay

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/rafttest/picture"
	"github.com/ffd200af/raft/rafttest/sim"
	"github.com/ffd200af/raft/recording"
)

// sources runs a simulated cluster, and returns the recording of each node with all its lives.
func sources(t *testing.T, c sim.Config) []Source {
	t.Helper()
	files := map[uint64]*bytes.Buffer{}
	c.Recording = func(id uint64) io.Writer {
		if files[id] == nil {
			files[id] = &bytes.Buffer{}
		}
		return files[id]
	}
	if _, err := sim.Run(c); err != nil {
		t.Fatal(err)
	}
	var all []Source
	for id := uint64(1); len(all) < len(files); id++ {
		if file := files[id]; file != nil {
			all = append(all, Source{Records: read(t, file.Bytes())})
		}
	}
	return all
}

func drawn(t *testing.T, all ...Source) *picture.Picture {
	t.Helper()
	rec := picture.NewRecorder()
	if err := Draw(rec, all...); err != nil {
		t.Fatal(err)
	}
	return rec.Picture()
}

// TestRecordingsOfAllNodesAreOnePicture: whatever was taken was sent before, and everything that
// the recordings have is in the picture, in the order of each node.
func TestRecordingsOfAllNodesAreOnePicture(t *testing.T) {
	for seed := uint64(1); seed <= 12; seed++ {
		faults := sim.AllFaults()
		if seed%2 == 0 {
			faults = sim.NoFaults()
		}
		all := sources(t, sim.Config{Seed: seed, Nodes: 3, Steps: 1500, Faults: faults, Bootstrap: seed%3 == 0})
		p := drawn(t, all...)
		delivered, unseen := 0, 0
		for i := range p.Messages {
			m := &p.Messages[i]
			if m.ByHand || m.Fate == picture.Away {
				t.Fatalf("seed %d: %+v", seed, m)
			}
			if m.Fate != picture.Delivered && m.Fate != picture.Refused {
				continue
			}
			if delivered++; m.Unseen {
				unseen++
			} else if m.Sent >= m.Ended {
				t.Fatalf("seed %d: sent in event %d, taken in event %d: %s", seed, m.Sent, m.Ended, m.Detail)
			}
		}
		// A node that crashes while it writes may have sent what its recording does not have.
		if delivered < 400 || unseen*100 > delivered || unseen > 0 && seed%2 == 0 {
			t.Errorf("seed %d: %d messages are delivered, %d of them from nowhere", seed, delivered, unseen)
		}
		for i := range all {
			alone := drawn(t, all[i])
			id := alone.Events[0].Node
			if got, want := steps(p, id), steps(alone, id); !slices.Equal(got, want) {
				t.Errorf("seed %d: node %d does %d things, and %d with the others", seed, id, len(want), len(got))
			}
		}
	}
}

// TestAMessageLeavesWhenItsWriteEnds: a vote before the node hears of the leader that it has
// elected, an acknowledgement when the node is told that its log is durable.
func TestAMessageLeavesWhenItsWriteEnds(t *testing.T) {
	votes, acks := 0, 0
	for seed := uint64(1); seed <= 8; seed++ {
		async := func(c *raft.Config) { c.AsyncStorageWrites = true }
		for _, s := range sources(t, sim.Config{Seed: seed, Nodes: 3, Steps: 600, Faults: sim.NoFaults(), Tune: async}) {
			p := drawn(t, s)
			heard := map[uint64]int{} // the event in which the node has first heard of the leader of a term
			for _, m := range p.Messages {
				if m.Unseen && m.Type == "App" && heard[m.Term] == 0 {
					heard[m.Term] = m.Ended
				}
			}
			for _, m := range p.Messages {
				switch {
				case m.Unseen:
				case m.Type == "VoteResp" && !m.Reject:
					if votes++; heard[m.Term] > 0 && m.Sent > heard[m.Term] {
						t.Errorf("seed %d: event %d sends %s, after a message of the leader in event %d", seed, m.Sent, m.Detail, heard[m.Term])
					}
				case m.Type == "AppResp" && !m.Reject && p.Events[m.Sent].Kind == picture.Write:
					acks++
				}
			}
		}
	}
	if votes < 8 || acks < 100 {
		t.Errorf("%d votes, %d acknowledgements of what was written", votes, acks)
	}
}

// steps are what a node takes and what it hands out.
func steps(p *picture.Picture, id uint64) (list []string) {
	for i := range p.Events {
		e := &p.Events[i]
		if e.Node != id || e.Kind == picture.Tick || e.Kind == picture.Write {
			continue
		}
		text := fmt.Sprint(e.Kind, e.Text, e.Detail)
		for _, m := range e.Received {
			text += p.Messages[m].Detail
		}
		list = append(list, text)
	}
	return list
}

func TestRecordingsOfGroupsStayApart(t *testing.T) {
	c := sim.Config{Seed: 3, Nodes: 3, Steps: 300, Faults: sim.NoFaults()}
	one, other := sources(t, c), sources(t, c)
	for i := range one {
		one[i].Group, other[i].Group = 7, 9
	}
	p := drawn(t, append(one, other...)...)
	if got := p.Groups(); !slices.Equal(got, []uint64{7, 9}) {
		t.Fatalf("groups %v", got)
	}
	half := map[uint64]int{}
	for _, e := range p.Events[:len(p.Events)/2] {
		half[e.Group]++
	}
	if half[7] < half[9]/2 || half[9] < half[7]/2 {
		t.Errorf("the first half of the picture has %d events of the one group and %d of the other", half[7], half[9])
	}
	a, b := p.OfGroup(7), p.OfGroup(9)
	if len(a.Messages) != len(b.Messages) || len(a.Messages) == 0 {
		t.Errorf("%d and %d messages", len(a.Messages), len(b.Messages))
	}
	for i := range one {
		other[i].Group = 7
	}
	if err := Draw(picture.NewRecorder(), append(one, other...)...); !errors.Is(err, ErrTwice) {
		t.Errorf("the same nodes twice: %v", err)
	}
	one[0].Group = 0
	if err := Draw(picture.NewRecorder(), one...); !errors.Is(err, ErrUnnamed) {
		t.Errorf("a recording without a group: %v", err)
	}
}

// TestARecordingThatBeginsLate is that of a ring: what its node sent before comes from nowhere, and
// nobody waits for it.
func TestARecordingThatBeginsLate(t *testing.T) {
	c := sim.Config{Seed: 4, Nodes: 3, Steps: 2000, Faults: sim.NoFaults()}
	rings := map[uint64]*recording.Ring{}
	c.Recording = func(id uint64) io.Writer {
		rings[id] = recording.NewRing(int(20000 * id))
		return rings[id]
	}
	if _, err := sim.Run(c); err != nil {
		t.Fatal(err)
	}
	var all []Source
	for id := uint64(1); id <= 3; id++ {
		var file bytes.Buffer
		if _, err := rings[id].WriteTo(&file); err != nil {
			t.Fatal(err)
		}
		all = append(all, Source{Records: read(t, file.Bytes())})
	}
	p := drawn(t, all...)
	unseen, seen := 0, 0
	for i := range p.Messages {
		switch m := &p.Messages[i]; {
		case m.Unseen:
			unseen++
		case m.Ended >= 0 && m.Sent >= m.Ended:
			t.Fatalf("sent in event %d, taken in event %d: %s", m.Sent, m.Ended, m.Detail)
		case m.Ended >= 0:
			seen++
		}
	}
	if unseen == 0 || seen < 200 {
		t.Errorf("%d messages come from nowhere, %d were seen to leave", unseen, seen)
	}
}
