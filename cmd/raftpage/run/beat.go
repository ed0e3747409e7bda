package run

import (
	"errors"
	"fmt"
	"slices"

	"github.com/ffd200af/raft/rafttest"
)

// cursor is a place in time: the beat under way, and what of it is next.
type cursor struct {
	beat  int
	phase phase
	node  int // the position of the node that is next
	work  int // how much of its work the node has done in this beat
	busy  bool
}

// phase is a part of a beat.
type phase uint8

const (
	delivering phase = iota
	ticking
	working
)

// maxWork bounds what a node does in a beat. A library that lacks a rule might never be done.
const maxWork = 100

// ended is the place where everything is done that a beat brings.
func ended(beat int) cursor { return cursor{beat: beat, phase: working, node: MaxNodes, busy: true} }

// next returns the record that time brings. It changes nothing: the record carries the place in
// time that follows it.
func (w *world) next(env *rafttest.InteractionEnv) (Record, error) {
	if len(env.Nodes) == 0 {
		return Record{}, errors.New("there are no nodes")
	}
	c := w.cursor
	for {
		if c.node >= len(env.Nodes) {
			c.node, c.work = 0, 0
			if c.phase != working {
				c.phase++
				continue
			}
			idle := !c.busy
			if idle {
				return Record{Note: "pass", beat: c.beat, after: ended(c.beat)}, nil
			}
			c = cursor{beat: c.beat + 1}
			continue
		}
		command := w.due(env, &c)
		if command == "" {
			c.node, c.work = c.node+1, 0
			continue
		}
		c.busy = true
		after := c
		if c.phase == ticking {
			after.node++
		} else {
			after.work++
		}
		return Record{Command: command, beat: c.beat, after: after}, nil
	}
}

// due returns the command that is due at the node at c in the phase of c, or "".
func (w *world) due(env *rafttest.InteractionEnv, c *cursor) string {
	n, id := &env.Nodes[c.node], c.node+1
	switch c.phase {
	case delivering:
		return w.delivery(env, uint64(id), c)
	case ticking:
		if ticks := w.clocks[c.node].ticks(c.beat); ticks > 0 && n.RawNode != nil && n.Err() == nil {
			return fmt.Sprintf("tick %d %d", id, ticks)
		}
	case working:
		if n.RawNode != nil && n.Err() == nil && c.work < maxWork {
			return w.work(env, c.node, c.beat)
		}
	}
	return ""
}

// delivery returns a command that delivers what is in flight to a node, or loses it where the link
// is cut.
func (w *world) delivery(env *rafttest.InteractionEnv, to uint64, c *cursor) string {
	arrives := false
	for i := range env.Messages {
		m := &env.Messages[i]
		if m.To != to || w.flights[i].beat >= c.beat {
			continue
		}
		if !w.links.connect(m.From, m.To) {
			return fmt.Sprintf("deliver-msgs drop=(%d) from=%d", to, m.From)
		}
		arrives = true
	}
	if arrives {
		return fmt.Sprintf("deliver-msgs %d", to)
	}
	return ""
}

// work returns the command for the work of a node that is due first, or "".
func (w *world) work(env *rafttest.InteractionEnv, idx, beat int) string {
	n, d, id := &env.Nodes[idx], &w.disks[idx], idx+1
	switch {
	case n.HasReady() && (n.Config.AsyncStorageWrites || d.speed != Dead):
		if d.speed == Lying && !n.Config.AsyncStorageWrites {
			return fmt.Sprintf("process-ready %d unsynced=true", id)
		}
		return fmt.Sprintf("process-ready %d", id)
	case d.due(beat) && d.speed == Lying:
		return fmt.Sprintf("process-append-thread %d unsynced=true", id)
	case d.due(beat):
		return fmt.Sprintf("process-append-thread %d", id)
	case slices.ContainsFunc(env.Messages, isLocalTo(uint64(id))):
		return fmt.Sprintf("deliver-msgs %d local=true", id)
	case len(n.ApplyWork) > 0:
		return fmt.Sprintf("process-apply-thread %d", id)
	}
	return ""
}
