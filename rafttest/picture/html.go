package picture

import (
	"bufio"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
)

//go:embed page.html
var pageText string

//go:embed page.js
var pageScript string

//go:embed page.css
var pageStyle string

// Link is a way from a page to another one.
type Link struct{ Name, URL string }

// WriteHTML writes a page that needs no other file. It draws what is visible only, so that long
// runs stay fluent. The links lead to other pages, if there are any.
func (p *Picture) WriteHTML(out io.Writer, links ...Link) error {
	if len(p.Nodes) == 0 {
		return ErrEmpty
	}
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	var data []pageData
	for _, g := range p.Groups() {
		data = append(data, p.OfGroup(g).page(g))
	}
	w := bufio.NewWriter(out)
	err = t.Execute(w, map[string]any{
		"Title": p.Title, "Header": paragraphs(p.Header), "Links": links,
		"Style": template.CSS(style + pageStyle), "Script": template.JS(pageScript), "Data": data,
		"Legend": template.HTML(legend(p.Lane != "")), "Lane": p.lane(), "Lanes": strings.ToUpper(p.lane()[:1]) + p.lane()[1:] + "s", "Groups": len(data),
	})
	if err != nil {
		return fmt.Errorf("picture: %w", err)
	}
	return w.Flush()
}

// paragraph is a part of a header: words, or a table whose lines stay as they are.
type paragraph struct {
	Words string
	Table bool
}

func paragraphs(header string) []paragraph {
	var all []paragraph
	for line := range strings.SplitSeq(header, "\n") {
		table := strings.HasPrefix(line, " ")
		switch n := len(all); {
		case strings.TrimSpace(line) == "":
			all = append(all, paragraph{})
		case n > 0 && all[n-1].Table == table && all[n-1].Words != "":
			all[n-1].Words += "\n" + line
		default:
			all = append(all, paragraph{Words: line, Table: table})
		}
	}
	kept := all[:0]
	for _, p := range all {
		if p.Words != "" {
			kept = append(kept, p)
		}
	}
	return kept
}

// pageData is what the script of the page draws. Names are short because there are many of them.
type pageData struct {
	Group  uint64        `json:"group"`
	Width  int           `json:"width"`
	Lanes  []pageLane    `json:"lanes"`
	Blocks []int         `json:"blocks"`
	Rows   []pageRow     `json:"rows"`
	Lines  []pageLine    `json:"lines"`
	Arrows []pageArrow   `json:"arrows"`
	States []pageChanges `json:"states"`
}

type pageLane struct {
	ID   uint64 `json:"id"`
	Name string `json:"name"`
	X    int    `json:"x"`
	W    int    `json:"w"`
}

type pageRow struct {
	Height int      `json:"h"`
	Block  int      `json:"b"`
	Beside bool     `json:"j,omitempty"`
	Body   string   `json:"s"`
	Node   uint64   `json:"n"`
	Types  []string `json:"t,omitempty"`
	Title  string   `json:"w,omitempty"`
	Detail string   `json:"d,omitempty"`
}

type pageLine struct {
	X     int    `json:"x"`
	W     int    `json:"w"`
	From  int    `json:"f"`
	To    int    `json:"t"`
	Class string `json:"c"`
	Side  int    `json:"s,omitempty"`
}

type pageArrow struct {
	From  int       `json:"f"`
	To    int       `json:"t"`
	X1    int       `json:"x1"`
	X2    int       `json:"x2"`
	Rise  int       `json:"r"`
	Part  float64   `json:"p"`
	Class string    `json:"c"`
	Words string    `json:"w"`
	Type  string    `json:"m"`
	Ends  [2]uint64 `json:"n"`
}

// pageChanges is what a row changes at its node.
type pageChanges struct {
	Row    int         `json:"i"`
	Node   uint64      `json:"n"`
	Status *pageStatus `json:"s,omitempty"`
	Log    *pageLog    `json:"l,omitempty"`
}

type pageStatus struct {
	Look    string `json:"look"`
	Title   string `json:"title"`
	Term    uint64 `json:"term"`
	Vote    uint64 `json:"vote"`
	Lead    uint64 `json:"lead"`
	Commit  uint64 `json:"commit"`
	Applied uint64 `json:"applied"`
	Durable uint64 `json:"durable"`
	Config  string `json:"config"`
	// Halves are the ids of the voters: in a joint configuration, of both halves.
	Halves [][]uint64 `json:"v,omitempty"`
}

type pageLog struct {
	First     uint64   `json:"f"`
	FirstTerm uint64   `json:"t"`
	At        uint64   `json:"a"`
	Terms     []uint64 `json:"e"`
	Texts     []string `json:"x"`
}

// page is the data of the page for a picture of one group.
func (p *Picture) page(group uint64) pageData {
	l := p.place()
	d := pageData{Group: group, Width: l.width, Blocks: l.blocks, Lines: []pageLine{}, Arrows: []pageArrow{}, States: []pageChanges{}}
	for _, ln := range l.lanes {
		d.Lanes = append(d.Lanes, pageLane{ID: ln.id, Name: ln.name, X: ln.x, W: ln.width})
	}
	for i := range l.rows {
		r, e := &l.rows[i], &p.Events[i]
		d.Rows = append(d.Rows, pageRow{
			Height: r.height, Block: r.block, Beside: r.beside, Body: r.body, Node: e.Node, Types: e.types(p), Title: e.oneLine(p), Detail: e.detail(p),
		})
		if e.Status != nil || e.Log != nil {
			d.States = append(d.States, pageChanges{Row: i, Node: e.Node, Status: e.Status.page(), Log: e.Log.page()})
		}
	}
	for _, s := range l.lines {
		d.Lines = append(d.Lines, pageLine{X: s.x, W: s.width, From: s.from, To: s.to, Class: s.class, Side: s.side})
	}
	for _, a := range l.arrows {
		m := &p.Messages[a.message]
		d.Arrows = append(d.Arrows, pageArrow{
			From: a.from, To: a.to, X1: a.x1, X2: a.x2, Rise: a.rise, Part: a.part, Class: a.class, Words: m.tooltip(), Type: m.Type, Ends: [2]uint64{m.From, m.To},
		})
	}
	return d
}

// types are those of the messages that an event is about.
func (e *Event) types(p *Picture) []string {
	var types []string
	for _, list := range [...][]int{e.Received, e.Sent, e.Lost} {
		for _, i := range list {
			types = append(types, p.Messages[i].Type)
		}
	}
	return types
}

// detail is what an event says in full.
func (e *Event) detail(p *Picture) string {
	var words []string
	for _, i := range e.Received {
		words = append(words, p.Messages[i].tooltip())
	}
	for _, i := range e.Lost {
		words = append(words, p.Messages[i].tooltip())
	}
	if e.Detail != "" {
		words = append(words, e.Detail)
	}
	return strings.Join(words, "\n")
}

func (s *Status) page() *pageStatus {
	if s == nil {
		return nil
	}
	return &pageStatus{
		Look: look(s), Title: s.title(), Term: s.Term, Vote: s.Vote, Lead: s.Lead, Commit: s.Commit, Applied: s.Applied,
		Durable: s.Durable, Config: s.config(), Halves: s.halves(),
	}
}

func (c *LogChange) page() *pageLog {
	if c == nil {
		return nil
	}
	out := pageLog{First: c.First, FirstTerm: c.FirstTerm, At: c.At}
	for _, e := range c.Entries {
		out.Terms, out.Texts = append(out.Terms, e.Term), append(out.Texts, e.Text)
	}
	return &out
}
