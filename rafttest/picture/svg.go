package picture

import (
	"bufio"
	_ "embed"
	"fmt"
	"html"
	"io"
)

//go:embed picture.css
var style string

// hatch is the pattern of a lane behind the second side of a partition.
const hatch = `<defs><pattern id="hatch" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path d="M0 0v8" class="hatch"/></pattern></defs>`

// headHeight is the height of the names of the nodes above the lanes.
const headHeight = 26

// WriteSVG draws the steps from first to last, as an image of its own. The steps are numbered from
// 1; 0 stands for the first and the last one.
func (p *Picture) WriteSVG(out io.Writer, first, last int) error {
	if len(p.Nodes) == 0 {
		return ErrEmpty
	}
	l := p.place()
	if last == 0 || last > len(l.Rows) {
		last = len(l.Rows)
	}
	first = max(first, 1)
	if first > last {
		return fmt.Errorf("picture: there are no steps from %d to %d, the last one is %d", first, last, len(l.Rows))
	}
	w := bufio.NewWriter(out)
	l.writeSVG(w, p, first-1, last)
	return w.Flush()
}

// writeSVG draws the rows in [from, to).
func (l *layout) writeSVG(w io.Writer, p *Picture, from, to int) {
	tops := l.tops()
	top, height := tops[from], tops[to]-tops[from]+headHeight+6
	fmt.Fprintf(w, `<svg xmlns="http://www.w3.org/2000/svg" class="raft" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" role="img"><title>%s</title>`,
		l.Width, height, html.EscapeString(p.Title))
	fmt.Fprintf(w, "\n<style>\n%s</style>\n%s<rect class=\"ground\" width=\"%d\" height=\"%d\"/>\n", style, hatch, l.Width, height)
	for _, ln := range l.Lanes {
		fmt.Fprintf(w, `<text class="lane-name" x="%d" y="17">%s</text>`, ln.X-8, ln.Name)
	}
	fmt.Fprintf(w, "\n<clipPath id=\"rows\"><rect y=\"%d\" width=\"%d\" height=\"%d\"/></clipPath>", headHeight, l.Width, height)
	fmt.Fprintf(w, "<g clip-path=\"url(#rows)\"><g transform=\"translate(0 %d)\">\n", headHeight-top)
	for i := range l.Lines {
		if s := &l.Lines[i]; s.From < to && s.To > from {
			s.write(w, tops)
		}
	}
	for i := range l.Arrows {
		if a := &l.Arrows[i]; a.From < to && a.To >= from {
			a.write(w, l, tops)
		}
	}
	for i := from; i < to; i++ {
		fmt.Fprintf(w, "<g id=\"step-%d\" transform=\"translate(0 %d)\">%s</g>\n", i+1, tops[i], l.Rows[i].Body)
	}
	fmt.Fprint(w, "</g></g>\n</svg>\n")
}

// write draws a part of a node's line.
func (s *segment) write(w io.Writer, tops []int) {
	y1, y2 := tops[s.From]+anchor, tops[s.To]+anchor
	if s.To == len(tops)-1 {
		y2 = tops[s.To]
	}
	if s.Side > 1 {
		fmt.Fprintf(w, `<rect class="side" x="%d" y="%d" width="%d" height="%d"/>`, s.X-laneInset, y1, s.Width-4, y2-y1)
	}
	fmt.Fprintf(w, "<path class=\"line %s\" d=\"M%d %dV%d\"/>\n", s.Class, s.X, y1, y2)
}

// write draws an arrow, with all of the message as a tooltip.
func (a *arrow) write(w io.Writer, l *layout, tops []int) {
	x1, y1, x2, y2 := a.ends(l, tops)
	path := fmt.Sprintf("M%.1f %.1fL%.1f %.1f", x1, y1, x2, y2)
	fmt.Fprintf(w, `<g class="%s"><title>%s</title><path class="hit" d="%s"/><path d="%s"/><path class="head" d="%s"/></g>`+"\n",
		a.Class, html.EscapeString(a.Words), path, path, head(x1, y1, x2, y2, a.Class))
}

// tooltip is all that a message says, and what became of it.
func (m *Message) tooltip() string {
	words := m.Detail
	if m.ByHand {
		words += "\nmade up by hand"
	}
	if m.Fate != Delivered {
		words += "\n" + m.Fate.String()
	}
	if m.Cause != "" {
		words += ": " + m.Cause
	}
	return words
}
