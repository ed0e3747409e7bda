package picture

import (
	"fmt"
	"html"
	"strings"
)

// glyphs draws one row. Its origin is the top left corner of the row.
type glyphs struct {
	step   int
	height int
	out    strings.Builder
}

func (g *glyphs) printf(format string, args ...any) { fmt.Fprintf(&g.out, format, args...) }

// grow makes the row at least so high.
func (g *glyphs) grow(height int) { g.height = max(g.height, height) }

// text draws a line of words, and all of it as a tooltip where it is clipped.
func (g *glyphs) text(x, y int, class, words string, letters int) {
	shown := clip(words, letters)
	if shown == words {
		g.printf(`<text x="%d" y="%d" class="%s">%s</text>`, x, y, class, html.EscapeString(words))
		return
	}
	g.printf(`<text x="%d" y="%d" class="%s">%s<title>%s</title></text>`, x, y, class, html.EscapeString(shown), html.EscapeString(words))
}

// number draws the number of the step, as a link to it: left of the node's line, below arrows that
// come from there, or left of all lanes.
func (g *glyphs) number(l *layout, ln *lane) {
	x, y := l.Lanes[0].X-laneInset, 13
	if ln != nil {
		x, y = ln.X-8, 21
	}
	g.printf(`<a href="#step-%d"><text x="%d" y="%d" class="number">%d</text></a>`, g.step, x, y, g.step)
}

// words draws a command of a script with the comment before it, and returns how high that is.
func (g *glyphs) words(e *Event, width int, beside bool) int {
	y := 14
	letters := int(float64(width-12) / wordsLetter)
	if e.Time != "" && !beside {
		g.text(margin, y, "time", e.Time, letters)
	}
	if e.Comment == "" && e.Command == "" {
		return 0
	}
	g.printf(`<path d="M%d 0.5H%d" class="rule"/>`, margin, margin+width-14)
	for _, line := range wrap(e.Comment, letters) {
		g.printf(`<text x="%d" y="%d" class="comment">%s</text>`, margin, y, html.EscapeString(line))
		y += lineHeight + 1
	}
	for _, line := range wrap(e.Command, int(float64(width-12)/6.7)) {
		g.printf(`<text x="%d" y="%d" class="command">%s</text>`, margin, y, html.EscapeString(line))
		y += lineHeight + 1
	}
	return y - 4
}

// wrap breaks a text into lines. Lines that begin with a blank stay as they are: a table.
func wrap(text string, letters int) []string {
	var lines []string
	if text == "" {
		return nil
	}
	current := ""
	flush := func() {
		if current != "" {
			lines = append(lines, current)
		}
		current = ""
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(line, " ") || line == "" {
			flush()
			lines = append(lines, line)
			continue
		}
		for word := range strings.FieldsSeq(line) {
			if current != "" && len([]rune(current))+1+len([]rune(word)) > letters {
				flush()
			}
			if current != "" {
				current += " "
			}
			current += word
		}
	}
	flush()
	return lines
}

// node draws what happens at a node.
func (g *glyphs) node(ln *lane, p *Picture, e *Event, before, after *node) {
	letters := ln.letters()
	g.mark(ln, e.Kind)
	x, y := ln.X+textOffset, 14
	line := func(class, words string) {
		if words != "" {
			g.text(x, y, class, words, letters)
			y += lineHeight
		}
	}
	line("what", e.words(p))
	if e.Refused != "" {
		line("refused", "refuses: "+e.Refused)
	}
	if e.Status != nil && look(&before.status) != look(&after.status) {
		g.badge(x, y-11, &after.status)
		y += lineHeight + 3
	}
	line("change", after.status.changes(&before.status))
	if logMoved(before, after) {
		g.log(x, y-10, ln.Width-textOffset-laneInset, after)
		y += cellHeight + 8
	}
	g.grow(y - 6)
}

// words is the first line of an event at a node.
func (e *Event) words(p *Picture) string {
	var words []string
	for _, i := range e.Received {
		m := &p.Messages[i]
		text := fmt.Sprintf("%d: %s", m.From, m.Text)
		if m.ByHand {
			text += " (by hand)"
		}
		words = append(words, text)
	}
	if e.Text != "" {
		words = append(words, e.Text)
	}
	return strings.Join(words, ", ")
}

// logMoved reports whether the cells of a log look different.
func logMoved(before, after *node) bool {
	a, b := &before.status, &after.status
	if b.Role == Down {
		return false
	}
	same := a.Commit == b.Commit && a.Applied == b.Applied && min(a.Durable, before.last()) == min(b.Durable, after.last()) &&
		before.first == after.first && len(before.log) == len(after.log)
	for i := 0; same && i < len(after.log); i++ {
		same = before.log[i] == after.log[i]
	}
	return !same && (len(after.log) > 0 || after.first > 1)
}

// mark draws where on a node's line something happened: its shape says what.
func (g *glyphs) mark(ln *lane, kind Kind) {
	x, y := ln.X, anchor
	switch kind {
	case Input:
		g.printf(`<path d="M%d %dl7 -4v8z" class="mark input"/>`, x-4, y)
	case Tick:
		g.printf(`<path d="M%d %dh8" class="mark tick"/>`, x-4, y)
	case Receive:
		g.printf(`<circle cx="%d" cy="%d" r="3" class="mark receive"/>`, x, y)
	case Ready:
		g.printf(`<circle cx="%d" cy="%d" r="3.5" class="mark ready"/>`, x, y)
	case Write:
		g.printf(`<rect x="%d" y="%d" width="7" height="7" class="mark write"/>`, x-3, y-3)
	case Apply:
		g.printf(`<path d="M%d %dl4 4l-4 4l-4 -4z" class="mark apply"/>`, x, y-4)
	case Start:
		g.printf(`<path d="M%d %dh12M%d %dl5 6l5 -6z" class="mark start"/>`, x-6, y-6, x-5, y-3)
	case Crash:
		g.printf(`<path d="M%d %dl12 12m0 -12l-12 12" class="mark crash"/>`, x-6, y-6)
	}
}

// badge draws the role and the term of a node.
func (g *glyphs) badge(x, y int, s *Status) {
	words := s.title()
	g.printf(`<g class="badge %s"><rect x="%d" y="%d" width="%d" height="15" rx="7"/><text x="%d" y="%d">%s</text></g>`,
		look(s), x-3, y, int(float64(len(words))*6.3)+15, x+3, y+11, words)
}

// log draws the end of a log: a cell per entry, with its term. What is not durable has a dashed
// frame; what is committed has a bar below it, and what is applied a dot on the bar.
func (g *glyphs) log(x, y, width int, n *node) {
	const head = 30
	room := (width - head) / cellWidth
	first := n.first
	if uint64(len(n.log)) > uint64(room) {
		first = n.last() - uint64(room) + 1
	}
	switch {
	case first > n.first:
		g.printf(`<text x="%d" y="%d" class="index">%d…</text>`, x+head-4, y+11, first)
	case n.first > 1:
		g.printf(`<g class="snapshot"><title>a snapshot up to entry %d of term %d</title><rect x="%d" y="%d" width="%d" height="%d" rx="6"/><text x="%d" y="%d">≤%d</text></g>`,
			n.first-1, n.firstTerm, x, y, head-4, cellHeight, x+(head-4)/2, y+11, n.first-1)
	}
	x += head
	for index := first; index <= n.last(); index++ {
		g.cell(x, y, index, &n.log[index-n.first], &n.status)
		x += cellWidth
	}
}

func (g *glyphs) cell(x, y int, index uint64, e *Entry, s *Status) {
	class := "cell " + termClass(e.Term)
	if index > s.Durable {
		class += " volatile"
	}
	if e.Config {
		class += " config"
	}
	g.printf(`<g class="%s"><title>%s</title><rect x="%d" y="%d" width="%d" height="%d"/><text x="%d" y="%d">%d</text>`,
		class, html.EscapeString(describeCell(index, e, s)), x, y, cellWidth-2, cellHeight, x+(cellWidth-2)/2, y+11, e.Term)
	if index <= s.Commit {
		g.printf(`<path d="M%d %dh%d" class="committed"/>`, x, y+cellHeight+2, cellWidth-2)
	}
	if index <= s.Applied {
		g.printf(`<circle cx="%d" cy="%d" r="2.2" class="applied"/>`, x+(cellWidth-2)/2, y+cellHeight+2)
	}
	g.printf(`</g>`)
}

func describeCell(index uint64, e *Entry, s *Status) string {
	words := fmt.Sprintf("entry %d of term %d", index, e.Term)
	if e.Text != "" {
		words += ": " + e.Text
	}
	if index > s.Durable {
		words += ", not durable"
	} else {
		words += ", durable"
	}
	if index <= s.Commit {
		words += ", committed"
	}
	if index <= s.Applied {
		words += ", applied"
	}
	return words
}

// lost draws what is lost in the lane of its recipient.
func (g *glyphs) lost(ln *lane, words string) {
	g.text(ln.X+textOffset, 14, "loss", words, ln.letters())
}

// partition draws a line over all lanes.
func (g *glyphs) partition(l *layout, e *Event) {
	x := l.Lanes[0].X - laneInset
	g.printf(`<path d="M%d %dH%d" class="cut"/>`, x, rowHeight-3, l.Width-8)
	g.text(x+4, 13, "cut-words", e.Text, 100)
	g.grow(rowHeight + 4)
}
