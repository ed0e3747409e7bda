package rafttest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/multiraft"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/rafttest/picture"
	"github.com/ffd200af/raft/rafttest/property"
)

// What stores report for a picture of the run: see InteractionOpts.Picture. A lane is a store. It
// shows the replica of one group at a time, and ticks and beats with every group.

// idleTime is what stores have done since the last event of the picture: nothing but ticks and
// batches without content.
type idleTime struct {
	first, last int // ticks; first is 0 if there are none
	beats       []beats
}

// beats are batches without content from one store to another.
type beats struct {
	from, to uint64
	lost     bool
	count    int
}

// tick counts a tick of all stores that are up.
func (t *idleTime) tick(now int) {
	if t.first == 0 {
		t.first = now
	}
	t.last = now
}

// add counts batches without content.
func (t *idleTime) add(more []beats) {
	for _, b := range more {
		at := slices.IndexFunc(t.beats, func(o beats) bool { return o.from == b.from && o.to == b.to && o.lost == b.lost })
		if at < 0 {
			t.beats = append(t.beats, b)
			continue
		}
		t.beats[at].count += b.count
	}
}

func (b *beats) signal() *picture.Signal {
	text := "beat"
	if b.count > 1 {
		text = fmt.Sprintf("%d beats", b.count)
	}
	return &picture.Signal{From: b.from, To: b.to, Type: "Beat", Text: text}
}

// drawIdle draws the time without content before something else is drawn.
func (w *storeWorld) drawIdle() {
	p, t := w.env.Options.Picture, w.idle
	w.idle = idleTime{}
	if p == nil || t.first == 0 && len(t.beats) == 0 {
		return
	}
	kind, text := picture.Ready, ""
	switch {
	case t.first == 0:
	case t.first == t.last:
		kind, text = picture.Tick, fmt.Sprintf("tick %d", t.first)
	default:
		kind, text = picture.Tick, fmt.Sprintf("ticks %d to %d", t.first, t.last)
	}
	p.Group(0)
	for _, s := range w.stores {
		if s.Store == nil {
			continue
		}
		p.Event(s.id, kind, text)
		for i := range t.beats {
			if t.beats[i].from == s.id {
				p.SendSignal(t.beats[i].signal())
			}
		}
	}
	slices.SortStableFunc(t.beats, func(a, b beats) int { return int(a.to) - int(b.to) })
	for _, lost := range []bool{false, true} {
		for i := range t.beats {
			switch b := &t.beats[i]; {
			case b.lost != lost:
			case lost:
				p.LoseSignal(b.signal())
			default:
				p.ReceiveSignal(b.signal())
			}
		}
	}
}

// isBeat reports whether a batch is without content.
func isBeat(b *multiraft.Batch) bool {
	return len(b.Heartbeats)+len(b.Responses)+len(b.Wakes)+len(b.Messages) == 0
}

// lost reports whether a batch does not arrive.
func (w *storeWorld) lost(b *multiraft.Batch) bool {
	return w.cut[[2]uint64{b.From, b.To}] || w.stores[b.To-1].Store == nil
}

// beatsIn are the batches of a Ready without content.
func (w *storeWorld) beatsIn(rd *multiraft.Ready) (list []beats) {
	for _, b := range rd.Batches {
		if isBeat(b) {
			list = append(list, beats{from: b.From, to: b.To, lost: w.lost(b), count: 1})
		}
	}
	return list
}

// watch draws what the replicas of a group do. How a life ends is drawn by stop.
func (w *storeWorld) watch(group uint64) func(*property.Event) {
	p := w.env.Options.Picture
	if p == nil {
		return nil
	}
	return func(e *property.Event) {
		if e.Kind != property.Stopped {
			p.Group(group)
			p.Watch(e)
		}
	}
}

// stop ends the life of a replica.
func (w *storeWorld) stop(r *scriptReplica, how string) {
	r.Node.Stops()
	w.env.Options.Picture.Group(r.group)
	w.env.Options.Picture.Stop(r.store.id, how)
}

// drawReady begins an event for each group that a Ready has content of.
func (w *storeWorld) drawReady(s *scriptStore, rd *multiraft.Ready) {
	p := w.env.Options.Picture
	if p == nil {
		return
	}
	parts := map[uint64]*raft.Ready{}
	of := func(group uint64) *raft.Ready {
		if parts[group] == nil {
			parts[group] = &raft.Ready{}
		}
		return parts[group]
	}
	for i := range rd.Writes {
		wr, part := &rd.Writes[i], of(rd.Writes[i].Group)
		part.HardState, part.Entries, part.Snapshot = wr.HardState, wr.Entries, wr.Snapshot
	}
	for _, b := range rd.Batches {
		b.Each(func(group uint64, m pb.Message) { of(group).Messages = append(of(group).Messages, m) })
		for _, group := range b.Wakes {
			of(group)
		}
	}
	for i := range rd.Applies {
		of(rd.Applies[i].Group).CommittedEntries = rd.Applies[i].Entries
	}
	if len(parts) > 0 {
		w.drawIdle()
	}
	for _, group := range slices.Sorted(maps.Keys(parts)) {
		p.Group(group)
		p.Event(s.id, picture.Ready, "")
		p.HandOut(s.id, parts[group])
		p.Apply(s.id, parts[group].CommittedEntries)
	}
}

// sleepMarks are what the heartbeats and responses of a batch say about sleep, in the order of
// Each.
func sleepMarks(b *multiraft.Batch) (marks []string) {
	for i := range b.Heartbeats {
		marks = append(marks, map[bool]string{true: "offers sleep"}[b.Heartbeats[i].Sleep])
	}
	for i := range b.Responses {
		marks = append(marks, map[bool]string{true: "agrees to sleep"}[b.Responses[i].Sleep])
	}
	return marks
}

// awake is what a batch says about a group that must not sleep.
func awake(b *multiraft.Batch) *picture.Signal {
	return &picture.Signal{From: b.From, To: b.To, Type: "Awake", Text: "the group is awake"}
}

// drawSent draws that a batch leaves, drawLost that it does not arrive, and drawReceived that it
// does.
func (w *storeWorld) drawSent(b *multiraft.Batch) {
	marks := sleepMarks(b)
	b.Each(func(group uint64, m pb.Message) {
		w.groups[group].Node(b.From).Sends(&m)
		if len(marks) > 0 && marks[0] != "" {
			w.env.Options.Picture.Remark(marks[0])
		}
		marks = marks[min(1, len(marks)):]
	})
	for _, group := range b.Wakes {
		w.env.Options.Picture.Group(group)
		w.env.Options.Picture.SendSignal(awake(b))
	}
}

func (w *storeWorld) drawLost(b *multiraft.Batch) {
	b.Each(func(group uint64, m pb.Message) { w.groups[group].Node(b.To).Misses(&m) })
	for _, group := range b.Wakes {
		w.env.Options.Picture.Group(group)
		w.env.Options.Picture.LoseSignal(awake(b))
	}
}

func (w *storeWorld) drawReceived(b *multiraft.Batch) {
	if !isBeat(b) {
		w.drawIdle()
	}
	for _, group := range b.Wakes {
		w.env.Options.Picture.Group(group)
		w.env.Options.Picture.ReceiveSignal(awake(b))
	}
	b.Each(func(group uint64, m pb.Message) { w.groups[group].Node(b.To).Receives(&m) })
}
