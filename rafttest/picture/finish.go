package picture

import (
	"fmt"
	"slices"
)

// Picture returns what was taken down. Events that show nothing are left out. Ticks that bring
// about nothing are one event for each node, as long as nothing else happens.
func (r *Recorder) Picture() *Picture {
	p := r.p
	p.Events = nil
	p.Messages = slices.Clone(r.p.Messages)
	moved := make([]int, len(r.p.Events)) // where each event is now
	for i := range r.p.Events {
		e := r.p.Events[i]
		if same := p.sameTick(&e); same >= 0 {
			p.Events[same].addTick()
			moved[i] = same
			continue
		}
		moved[i] = len(p.Events)
		if !e.empty() {
			p.Events = append(p.Events, e)
		}
	}
	for i := range p.Messages {
		m := &p.Messages[i]
		if m.Fate == InFlight && !r.watches(r.p.Events[m.Sent].Group, m.To) {
			m.Fate = Away
		}
		m.Sent = moved[m.Sent]
		if m.Ended >= 0 {
			m.Ended = moved[m.Ended]
		}
	}
	return &p
}

// shows reports whether an event has anything besides its text.
func (e *Event) shows() bool {
	return e.Comment+e.Command+e.Refused != "" || e.brings() > 0
}

// empty: a Ready without content, or the end of one.
func (e *Event) empty() bool {
	return (e.Kind == Ready || e.Kind == Note) && e.Text == "" && !e.shows()
}

// idle: a tick that brings about nothing.
func (e *Event) idle() bool { return e.Kind == Tick && e.Comment+e.Refused == "" && e.brings() == 0 }

// brings counts what an event brings about.
func (e *Event) brings() int {
	n := len(e.Sent) + len(e.Received) + len(e.Lost)
	if e.changes() {
		n++
	}
	return n
}

// changes reports whether the event changes its node.
func (e *Event) changes() bool { return e.Status != nil || e.Log != nil }

// sameTick is the position of an idle tick that e repeats, with nothing but idle ticks since; -1 if
// there is none.
func (p *Picture) sameTick(e *Event) int {
	if !e.idle() || e.Command != "" {
		return -1
	}
	for i := len(p.Events) - 1; i >= 0 && p.Events[i].idle(); i-- {
		if p.Events[i].Node == e.Node && p.Events[i].Group == e.Group {
			return i
		}
		if p.Events[i].Command != "" {
			break
		}
	}
	return -1
}

// addTick counts a tick more in the text, which is "tick" or "N ticks".
func (e *Event) addTick() {
	n := 1
	_, _ = fmt.Sscanf(e.Text, "%d ticks", &n) // "tick" is one
	e.Text = fmt.Sprintf("%d ticks", n+1)
}
