package picture

import (
	"cmp"
	"fmt"
	"math"
	"strings"
)

// The measures of a picture, in pixels.
const (
	margin      = 14  // left of everything
	wordsWidth  = 310 // what a script says
	rowHeight   = 20  // a step with one line
	lineHeight  = 14
	cellWidth   = 17
	cellHeight  = 14
	anchor      = 10 // where arrows meet a row, from its top
	laneInset   = 24 // from the left side of a lane to the node's line
	textOffset  = 14 // from a node's line to the words beside it
	letterWidth = 6  // of small letters, on average
	wordsLetter = 6.1
)

// layout is a picture with places: what the page and the drawing share. It is the data of the page,
// whose names are short because there are many of them.
type layout struct {
	Group  uint64        `json:"group"`
	Width  int           `json:"width"`
	Lanes  []lane        `json:"lanes"`
	Blocks []int         `json:"blocks"` // the least height of each command's rows
	Rows   []row         `json:"rows"`
	Lines  []segment     `json:"lines"`
	Arrows []arrow       `json:"arrows"`
	States []pageChanges `json:"states"`
}

// lane is where a node is drawn. Its name is in hexadecimal digits, as in messages and log lines.
type lane struct {
	ID    uint64 `json:"id"`
	Name  string `json:"name"`
	X     int    `json:"x"` // of its line
	Width int    `json:"w"`
}

// lane is what a lane stands for.
func (p *Picture) lane() string { return cmp.Or(p.Lane, "node") }

// letters is how many letters fit beside the node's line.
func (ln *lane) letters() int { return (ln.Width - textOffset - laneInset) / letterWidth }

// row is an event, drawn from its own top.
type row struct {
	Height int      `json:"h"`
	Block  int      `json:"b"`
	Beside bool     `json:"j,omitempty"` // it begins where the row before it begins, see fold.beside
	Body   string   `json:"s"`           // SVG
	Node   uint64   `json:"n"`
	Types  []string `json:"t,omitempty"` // of its messages
	Title  string   `json:"w,omitempty"`
	Detail string   `json:"d,omitempty"`
}

// segment is a part of a node's line, from one row to another: the look of it.
type segment struct {
	X     int    `json:"x"` // of the lane
	Width int    `json:"w"`
	From  int    `json:"f"` // a row
	To    int    `json:"t"` // the row where the next segment begins
	Class string `json:"c"`
	Side  int    `json:"s,omitempty"` // of a partition
}

// arrow is a message.
type arrow struct {
	From  int       `json:"f"` // a row
	To    int       `json:"t"` // a row; the same for a message without a beginning
	X1    int       `json:"x1"`
	X2    int       `json:"x2"`
	Rise  int       `json:"r"` // where it begins, from the lower end of its row
	Part  float64   `json:"p"` // how much of the way is drawn: a lost message does not arrive
	Class string    `json:"c"`
	Words string    `json:"w"`
	Type  string    `json:"m"`
	Ends  [2]uint64 `json:"n"`
}

// place puts the events into rows.
func (p *Picture) place() *layout {
	l := &layout{Lines: []segment{}, Arrows: []arrow{}, States: []pageChanges{}}
	words := 0
	for i := range p.Events {
		if p.Events[i].Command != "" {
			words = wordsWidth
		}
	}
	if words == 0 {
		words = 110 // times and partitions
	}
	width := min(max(1080/max(len(p.Nodes), 1), 165), 250)
	x := margin + words
	for _, id := range p.Nodes {
		l.Lanes = append(l.Lanes, lane{ID: id, Name: fmt.Sprintf("%s %x", p.lane(), id), X: x + laneInset, Width: width})
		x += width
	}
	l.Width = x + 8
	f := fold{p: p, l: l, nodes: map[uint64]*node{}, open: map[uint64]int{}, sides: map[uint64]int{}}
	for _, ln := range l.Lanes {
		f.nodes[ln.ID] = &node{first: 1}
		f.open[ln.ID] = -1
	}
	for i := range p.Events {
		f.event(i)
	}
	f.closeAll()
	for i := range p.Messages {
		l.addArrow(p, i)
	}
	return l
}

// lane returns where a node is drawn.
func (l *layout) lane(id uint64) *lane {
	for i := range l.Lanes {
		if l.Lanes[i].ID == id {
			return &l.Lanes[i]
		}
	}
	return nil
}

// fold goes through the events, and knows how each node is.
type fold struct {
	p     *Picture
	l     *layout
	nodes map[uint64]*node
	// open is the segment of each node's line that goes on, -1 if there is none.
	open  map[uint64]int
	sides map[uint64]int
	// together is the first of the events that are drawn side by side.
	together int
}

// event adds a row.
func (f *fold) event(i int) {
	e := &f.p.Events[i]
	if e.Command != "" || len(f.l.Blocks) == 0 {
		f.l.Blocks = append(f.l.Blocks, 0)
	}
	block := len(f.l.Blocks) - 1
	beside := f.beside(i)
	if !beside {
		f.together = i
	}
	g := glyphs{step: i + 1}
	g.number(f.l, f.l.lane(e.Node))
	if h := g.words(e, f.l.Lanes[0].X-laneInset-margin, beside); h > 0 {
		f.l.Blocks[block] = h
	}
	if e.Node != 0 {
		n := f.nodes[e.Node]
		before := *n
		n.take(e)
		g.node(f.l.lane(e.Node), f.p, e, &before, n)
		if e.Status != nil && look(&before.status) != look(&n.status) || f.open[e.Node] < 0 && n.status.Role != Down {
			f.line(e.Node, i)
		}
	}
	for _, id := range f.p.Nodes {
		if lost := lostTo(f.p, e, id); lost != "" {
			g.lost(f.l.lane(id), lost)
		}
	}
	if e.Kind == Partition {
		g.partition(f.l, e)
	}
	if e.Sides != nil {
		f.sides = e.Sides
		for _, ln := range f.l.Lanes {
			if f.open[ln.ID] >= 0 {
				f.line(ln.ID, i)
			}
		}
	}
	if e.Status != nil || e.Log != nil {
		f.l.States = append(f.l.States, pageChanges{Row: i, Node: e.Node, Status: e.Status.page(), Log: e.Log.page()})
	}
	f.l.Rows = append(f.l.Rows, row{
		Height: max(g.height, rowHeight), Block: block, Beside: beside, Body: g.out.String(),
		Node: e.Node, Types: e.types(f.p), Title: e.oneLine(f.p), Detail: e.detail(f.p),
	})
}

// beside reports whether an event may be drawn beside those before it: the same happens at several
// nodes, in one command, and nothing leads from one of them to another.
func (f *fold) beside(i int) bool {
	e, first := &f.p.Events[i], &f.p.Events[f.together]
	if i == 0 || e.Node == 0 || e.Kind != first.Kind || e.Command != "" || e.Kind == Tick && e.changes() {
		return false
	}
	for j := f.together; j < i; j++ {
		if f.p.Events[j].Node == e.Node || f.p.Events[j].Node == 0 {
			return false
		}
	}
	for _, m := range e.Received {
		if f.p.Messages[m].Sent >= f.together {
			return false
		}
	}
	return true
}

// lostTo describes what an event loses of what was for a node.
func lostTo(p *Picture, e *Event, to uint64) string {
	var texts []string
	for _, i := range e.Lost {
		if m := &p.Messages[i]; m.To == to {
			texts = append(texts, m.Text)
		}
	}
	switch len(texts) {
	case 0:
		return ""
	case 1:
		return "lost: " + texts[0]
	}
	return fmt.Sprintf("%d lost: %s …", len(texts), texts[0])
}

// line ends the segment of a node's line at a row, and begins the next one.
func (f *fold) line(id uint64, at int) {
	if open := f.open[id]; open >= 0 {
		f.l.Lines[open].To = at
	}
	ln := f.l.lane(id)
	f.open[id] = len(f.l.Lines)
	f.l.Lines = append(f.l.Lines, segment{X: ln.X, Width: ln.Width, From: at, To: -1, Class: look(&f.nodes[id].status), Side: f.sides[id]})
}

// closeAll ends all lines. Nodes that are not watched have one line.
func (f *fold) closeAll() {
	for _, ln := range f.l.Lanes {
		if f.open[ln.ID] < 0 {
			f.l.Lines = append(f.l.Lines, segment{X: ln.X, Width: ln.Width, To: -1, Class: "unwatched"})
		}
	}
	for i := range f.l.Lines {
		if s := &f.l.Lines[i]; s.To < 0 {
			s.To = len(f.p.Events)
		}
	}
}

// look is the class of a node's line: what role it has, and in which term.
func look(s *Status) string {
	if s.Quarantined {
		return "quarantined"
	}
	if s.Role == Down {
		return "down"
	}
	role := s.Role.String()
	if s.Role == Follower && !s.Voter {
		role = "learner"
	}
	if s.Asleep {
		return role + " " + termClass(s.Term) + " asleep"
	}
	return role + " " + termClass(s.Term)
}

// termColors is how many colours terms have in turn.
const termColors = 6

func termClass(term uint64) string {
	if term == 0 {
		return "t0"
	}
	return fmt.Sprintf("t%d", (term-1)%termColors+1)
}

// addArrow places a message.
func (l *layout) addArrow(p *Picture, i int) {
	m := &p.Messages[i]
	from, to := l.lane(m.From), l.lane(m.To)
	if to == nil || from == to {
		return
	}
	a := arrow{
		From: m.Sent, To: m.Ended, X2: to.X, Part: 1, Rise: -anchor, Words: m.tooltip(), Type: m.Type, Ends: [2]uint64{m.From, m.To},
	}
	if from != nil {
		a.X1 = from.X
	} else {
		a.X1 = max(to.X-60, 0)
	}
	classes := []string{"arrow", family(m.Type), termClass(m.Term), strings.ReplaceAll(m.Fate.String(), " ", "-")}
	if m.Reject {
		classes = append(classes, "reject")
	}
	if m.Fate != Away && a.From == a.To {
		a.Rise = anchor - l.Rows[a.From].Height // as if it had just left
	}
	if m.ByHand {
		classes = append(classes, "by-hand")
	}
	switch m.Fate {
	case Lost:
		a.Part = 0.72
	case Away:
		a.To, a.Rise = a.From, -4
	case InFlight:
		a.To, a.Part = a.From+1, 0.35
	}
	a.Class = strings.Join(classes, " ")
	l.Arrows = append(l.Arrows, a)
}

// family is what a message is about.
func family(typ string) string {
	switch typ {
	case "App", "AppResp", "Prop":
		return "append"
	case "Vote", "VoteResp", "PreVote", "PreVoteResp", "TimeoutNow", "TransferLeader":
		return "vote"
	case "Heartbeat", "HeartbeatResp", "ReadIndex", "ReadIndexResp", "Beat", "Awake":
		return "heartbeat"
	case "Snap", "SnapStatus":
		return "snapshot"
	}
	return "other"
}

// tops are where rows begin, with the end of the last one. The rows of a command are as high
// together as its words.
func (l *layout) tops() []int {
	tops := make([]int, 0, len(l.Rows)+1)
	y, top, begin := 0, 0, 0
	for i, r := range l.Rows {
		if i > 0 && r.Block != l.Rows[i-1].Block {
			y = max(y, begin+l.Blocks[l.Rows[i-1].Block])
			begin = y
		}
		if !r.Beside {
			top = y
		}
		tops = append(tops, top)
		y = max(y, top+r.Height)
	}
	if n := len(l.Rows); n > 0 {
		y = max(y, begin+l.Blocks[l.Rows[n-1].Block])
	}
	return append(tops, y)
}

// ends returns where an arrow begins and ends. It begins at the lower end of its row: a message
// leaves when all else in the row is done.
func (a *arrow) ends(l *layout, tops []int) (x1, y1, x2, y2 float64) {
	x1, y1 = float64(a.X1), float64(tops[a.From]+l.Rows[a.From].Height+a.Rise)
	x2, y2 = float64(a.X2), float64(tops[min(a.To, len(tops)-1)]+anchor)
	if a.From == a.To {
		y2 = y1
	}
	return x1, y1, x1 + (x2-x1)*a.Part, y1 + (y2-y1)*a.Part
}

// head is the head of an arrow: three points, or a cross for a message that does not arrive.
func head(x1, y1, x2, y2 float64, class string) string {
	dx, dy := x2-x1, y2-y1
	length := max(math.Hypot(dx, dy), 1)
	dx, dy = dx/length, dy/length
	at := func(along, across float64) string {
		return fmt.Sprintf("%.1f %.1f", x2+along*dx-across*dy, y2+along*dy+across*dx)
	}
	switch {
	case strings.Contains(class, " lost"):
		return "M" + at(-4, -4) + "L" + at(4, 4) + "M" + at(-4, 4) + "L" + at(4, -4)
	case strings.Contains(class, " in-flight"):
		return "M" + at(-3, -3) + "L" + at(1, 0) + "L" + at(-3, 3)
	case strings.Contains(class, " reject"), strings.Contains(class, " refused"):
		return "M" + at(-8, -4) + "L" + at(-2, 0) + "L" + at(-8, 4) + "M" + at(-1, -5) + "L" + at(-1, 5)
	}
	return "M" + at(-9, -4) + "L" + at(-2, 0) + "L" + at(-9, 4) + "Z"
}
