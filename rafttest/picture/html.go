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
	var data []*layout
	for _, g := range p.Groups() {
		l := p.OfGroup(g).place()
		l.Group = g
		data = append(data, l)
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
