package picture

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrEmpty says that nothing was taken down.
var ErrEmpty = errors.New("picture: there is no node and no event")

// ShiVizPattern is the regular expression that ShiViz needs to read what WriteShiViz writes.
const ShiVizPattern = `(?<host>\S+) (?<clock>{.*})\n(?<event>.*)`

// WriteShiViz writes the events of nodes with vector clocks, as ShiViz reads them with
// ShiVizPattern: two lines for each event. What concerns no single node is left out.
func (p *Picture) WriteShiViz(out io.Writer) error {
	if len(p.Nodes) == 0 {
		return ErrEmpty
	}
	w := bufio.NewWriter(out)
	clocks, groups := map[uint64]map[uint64]int{}, len(p.Groups())
	for _, id := range p.Nodes {
		clocks[id] = map[uint64]int{}
	}
	sent := make([]map[uint64]int, len(p.Messages))
	for i := range p.Events {
		e := &p.Events[i]
		if e.Node == 0 {
			continue
		}
		clock := clocks[e.Node]
		clock[e.Node]++
		for _, m := range e.Received {
			// A message that arrives again has the clock of the event that has sent it.
			from := p.clockOf(m, sent)
			for id, n := range from {
				clock[id] = max(clock[id], n)
			}
		}
		for _, m := range e.Sent {
			sent[m] = copyClock(clock)
		}
		text := strings.ReplaceAll(e.oneLine(p), "\n", " ")
		if groups > 1 && e.Group != 0 {
			text = fmt.Sprintf("group %d: %s", e.Group, text)
		}
		fmt.Fprintf(w, "%s%d %s\n%s\n", p.lane(), e.Node, p.formatClock(clock), text)
	}
	return w.Flush()
}

// clockOf is the clock with which a message was sent; nil if a script made it up.
func (p *Picture) clockOf(message int, sent []map[uint64]int) map[uint64]int {
	if clock := sent[message]; clock != nil || p.Messages[message].ByHand {
		return clock
	}
	for _, same := range p.Events[p.Messages[message].Sent].Sent {
		if p.Messages[same].Detail == p.Messages[message].Detail {
			return sent[same]
		}
	}
	return nil
}

func copyClock(clock map[uint64]int) map[uint64]int {
	c := make(map[uint64]int, len(clock))
	for id, n := range clock {
		c[id] = n
	}
	return c
}

// formatClock renders a clock as JSON, nodes in their order.
func (p *Picture) formatClock(clock map[uint64]int) string {
	var words []string
	for _, id := range p.Nodes {
		if n := clock[id]; n > 0 {
			words = append(words, fmt.Sprintf(`"%s%d":%d`, p.lane(), id, n))
		}
	}
	return "{" + strings.Join(words, ", ") + "}"
}

// oneLine is an event in one line, for a log.
func (e *Event) oneLine(p *Picture) string {
	words := []string{e.words(p)}
	if len(e.Lost) > 0 {
		words = append(words, fmt.Sprintf("%d lost", len(e.Lost)))
	}
	if e.Refused != "" {
		words = append(words, "refuses: "+e.Refused)
	}
	if s := e.Status; s != nil {
		words = append(words, fmt.Sprintf("%s, commit %d, applied %d", s.title(), s.Commit, s.Applied))
	}
	for _, i := range e.Sent {
		m := &p.Messages[i]
		words = append(words, fmt.Sprintf("sends to %d: %s", m.To, m.Text))
	}
	text := strings.Trim(strings.Join(words, "; "), "; ")
	switch {
	case text != "":
		return text
	case e.Command != "":
		return e.Command
	}
	return "nothing that is shown changes"
}
