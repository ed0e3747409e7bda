package replay

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/ffd200af/raft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/picture"
	"github.com/ffd200af/raft/recording"
)

// merge puts the steps of several recordings into an order in which no message arrives before it
// was sent.
type merge struct {
	rec *picture.Recorder
	// total counts how often each message is given to a program in all of the recordings; given,
	// left and taken count how often it was given, has left and has arrived so far.
	total, given, left, taken map[messageKey]int
	timelines                 []*timeline
}

// messageKey is what a message says, and to which group. Messages that look the same in a picture
// have the same key.
type messageKey struct {
	group uint64
	text  string
}

func keyOf(group uint64, m *pb.Message) messageKey {
	return messageKey{group: group, text: fmt.Sprintf("%s %x", raft.DescribeMessage(*m, nil), m.Context)}
}

// count counts the messages of a node.
func (m *merge) count(s *Source) error {
	lives := Lives(s.Records)
	d := drawing{give: func(msg *pb.Message) { m.total[keyOf(s.Group, msg)]++ }, send: func(*pb.Message) {}}
	return withoutDamage(Run(s.Records, func(step *Step) error {
		d.take(step, lives, s.Records)
		return nil
	}))
}

// withoutDamage takes it for no error that a part of a recording is damaged.
func withoutDamage(err error) error {
	if errors.Is(err, ErrDamaged) {
		return nil
	}
	return err
}

// timeline is a recording that is being drawn.
type timeline struct {
	drawing
	source *Source
	lives  []Life
	next   func() (*Step, error, bool)
	step   *Step // which comes next, nil if there is none
	ticks  uint64
}

// steps are those of a recording, with the error at its end.
func (s *Source) steps() iter.Seq2[*Step, error] {
	stopped := errors.New("replay: stopped")
	return func(yield func(*Step, error) bool) {
		err := Run(s.Records, func(step *Step) error {
			if !yield(step, nil) {
				return stopped
			}
			return nil
		})
		if err = withoutDamage(err); err != nil && !errors.Is(err, stopped) {
			yield(nil, err)
		}
	}
}

func (m *merge) draw(sources []Source) error {
	for i := range sources {
		s := &sources[i]
		next, stop := iter.Pull2(s.steps())
		defer stop()
		t := &timeline{source: s, lives: Lives(s.Records), next: next}
		t.rec = m.rec
		t.give = func(msg *pb.Message) { m.given[keyOf(s.Group, msg)]++ }
		t.send = func(msg *pb.Message) {
			m.left[keyOf(s.Group, msg)]++
			m.rec.Send(t.id, msg)
		}
		m.timelines = append(m.timelines, t)
		if err := t.advance(); err != nil {
			return err
		}
	}
	if err := m.name(); err != nil {
		return err
	}
	for {
		t := m.choose()
		if t == nil {
			return nil
		}
		m.rec.Group(t.source.Group)
		if msg := t.receives(); msg != nil {
			m.release(t.source.Group, msg)
			m.taken[keyOf(t.source.Group, msg)]++
		}
		t.take(t.step, t.lives, t.source.Records)
		if err := t.advance(); err != nil {
			return err
		}
	}
}

// name finds out whose the recordings are.
func (m *merge) name() error {
	known := map[[2]uint64]bool{}
	for _, t := range m.timelines {
		if (t.source.Group == 0) != (m.timelines[0].source.Group == 0) {
			return ErrUnnamed
		}
		if t.step == nil || t.step.Node == nil {
			continue
		}
		id := t.step.Node.BasicStatus().ID
		if known[[2]uint64{t.source.Group, id}] {
			return fmt.Errorf("%w: node %d of group %d", ErrTwice, id, t.source.Group)
		}
		known[[2]uint64{t.source.Group, id}] = true
		m.rec.Group(t.source.Group)
		m.rec.Only(id)
	}
	return nil
}

// ErrTwice says that two of the recordings for a picture are of the same node.
var ErrTwice = errors.New("replay: two recordings of the same node; name the group if they are of two groups")

// ErrUnnamed says that some recordings for a picture have a group, and some have none.
var ErrUnnamed = errors.New("replay: name the group of every recording, or of none")

// advance takes the next step in hand.
func (t *timeline) advance() error {
	step, err, _ := t.next()
	t.step = step
	if step == nil {
		return err
	}
	switch step.Input.Kind {
	case recording.Tick, recording.TickQuiesced:
		t.ticks++
	case recording.TickN:
		t.ticks += step.Input.Number(0)
	}
	return nil
}

// receives is the message of another node that the next step takes; nil if it takes none.
func (t *timeline) receives() *pb.Message {
	var m pb.Message
	if t.step.Input.Kind != recording.Step || m.Unmarshal(t.step.Input.Blob(0)) != nil {
		return nil
	}
	if m.From == t.id || m.From == raft.None || raft.IsLocalMsgTarget(m.From) {
		return nil
	}
	return &m
}

// choose returns the recording whose step comes next, nil at the end. Each may wait for a message:
// one that has arrived twice is taken for the next of its kind. Then such a recording waits no
// longer.
func (m *merge) choose() *timeline {
	var best *timeline
	how := never
	for _, t := range m.timelines {
		if t.step == nil {
			continue
		}
		if h := m.hurdle(t); h < how || h == none && how == none && t.ticks < best.ticks {
			best, how = t, h
		}
	}
	return best
}

// hurdle is what keeps a step back, the lowest first.
type hurdle uint8

const (
	none  hurdle = iota
	again        // it takes a message that was taken before, and leaves again later
	first        // it takes a message that leaves later
	never
)

func (m *merge) hurdle(t *timeline) hurdle {
	msg := t.receives()
	if msg == nil {
		return none
	}
	switch l := keyOf(t.source.Group, msg); {
	case m.taken[l] < m.given[l] || m.given[l] == m.total[l]:
		return none
	case m.given[l] > 0:
		return again
	}
	return first
}

// release lets a message leave that waits for a write of its sender. A program sends such a message
// when the write ends. The recording has only when the node was told of that, which may be later
// than the arrival.
func (m *merge) release(group uint64, msg *pb.Message) {
	l := keyOf(group, msg)
	if m.left[l] > m.taken[l] {
		return
	}
	for _, t := range m.timelines {
		if t.source.Group != group || t.id != msg.From {
			continue
		}
		is := func(r pb.Message) bool { return t.isForOthers(&r) && keyOf(group, &r) == l }
		last := slices.IndexFunc(t.writes, func(w pb.Message) bool { return slices.ContainsFunc(w.Responses, is) })
		if last >= 0 {
			m.rec.Event(t.id, picture.Write, "disk has written")
		}
		for i := 0; i <= last; i++ {
			t.pop()
		}
	}
}
