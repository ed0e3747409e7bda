package raft_test

import (
	"errors"
	"go/ast"
	"go/build"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// documentedLoop is the loop of the package documentation, line by line, so that it compiles.
func documentedLoop(
	node *raft.RawNode, ticks <-chan struct{}, network <-chan raftpb.Message, proposals <-chan []byte, report func(error),
	save func(raftpb.Snapshot, []raftpb.Entry, raftpb.HardState, bool), send func([]raftpb.Message), apply func(raftpb.Snapshot, []raftpb.Entry),
) error {
	for {
		select {
		case <-ticks:
			node.Tick()
		case m := <-network:
			report(node.Step(m)) // an error means that the message changed nothing
		case data := <-proposals:
			report(node.Propose(data)) // raft.ErrProposalDropped: not appended
		}
		for node.HasReady() {
			rd := node.Ready()
			save(rd.Snapshot, rd.Entries, rd.HardState, rd.MustSync) // in one atomic write
			send(rd.Messages)                                        // after the write, never before
			apply(rd.Snapshot, rd.CommittedEntries)                  // in order
			node.Advance(rd)
		}
		if err := node.Err(); err != nil {
			return err // this node is quarantined; others in the process go on
		}
	}
}

func TestTheLoopInThePackageDocumentationCompiles(t *testing.T) {
	_ = documentedLoop
	var code []string
	for line := range strings.Lines(read(t, "doc.go")) {
		if line, ok := strings.CutPrefix(line, "//\t"); ok {
			code = append(code, line)
		}
	}
	compiles(t, code, 15)
}

// migratedProposal is the first piece of code in MIGRATING.md.
func migratedProposal(node *raft.RawNode, cc raftpb.ConfChangeI, refuse, retry, report func(error)) {
	switch err := node.CheckConfChange(cc); {
	case err == nil:
		err = node.ProposeConfChange(cc)
		report(err)
	case errors.Is(err, raft.ErrBadConfChange):
		refuse(err) // not legal in the active configuration
	case errors.Is(err, raft.ErrProposalDropped):
		retry(err) // raft.ErrConfChangePending: when the earlier change is applied
	}
}

// migratedBatch is the second one.
func migratedBatch(rd raft.Ready, again func([]byte), serve func([]byte, uint64), send func([]raftpb.Message)) {
	for _, rs := range rd.ReadStates {
		serve(rs.RequestCtx, rs.Index) // when applied up to there
	}
	for _, context := range rd.DroppedReads { // v3.6 says nothing of these
		again(context)
	}
	go send(slices.Clone(rd.Messages)) // a copy, if sending may end after Advance
}

// link is a doc link to a name of the package.
var link = regexp.MustCompile(`\[\*?([A-Z]\w*)(?:\.(\w+))?\]`)

func TestEveryLinkInThePackageDocumentationLeadsToAName(t *testing.T) {
	pkg, err := build.ImportDir(".", 0)
	if err != nil {
		t.Fatal(err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	fields := map[string]bool{}
	for _, name := range pkg.GoFiles {
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		collectFields(f, fields)
	}
	p, err := doc.NewFromFiles(fset, files, "github.com/ffd200af/raft")
	if err != nil {
		t.Fatal(err)
	}
	links := link.FindAllStringSubmatch(p.Doc, -1)
	for _, found := range links {
		recv, name := found[1], found[2]
		if name == "" {
			recv, name = "", recv
		}
		if !p.Parser().LookupSym(recv, name) && !fields[recv+"."+name] {
			t.Errorf("%s leads nowhere", found[0])
		}
	}
	if len(links) < 50 {
		t.Errorf("found %d links", len(links))
	}
}

// collectFields adds the fields of the file's structs, as Type.Field. Before Go 1.26 package doc
// does not resolve links to fields.
func collectFields(f *ast.File, fields map[string]bool) {
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		if s, ok := spec.Type.(*ast.StructType); ok {
			for _, field := range s.Fields.List {
				for _, name := range field.Names {
					fields[spec.Name.Name+"."+name.Name] = true
				}
			}
		}
		return false
	})
}

func TestTheCodeInTheMigrationGuideCompiles(t *testing.T) {
	_, _ = migratedProposal, migratedBatch
	var code []string
	inside := false
	for line := range strings.Lines(read(t, "MIGRATING.md")) {
		if strings.HasPrefix(line, "```") {
			inside = line == "```go\n"
		} else if inside {
			code = append(code, line)
		}
	}
	compiles(t, code, 13)
}

// compiles checks that each line of a document's code stands in this file, inside a function, and
// that there are at least so many.
func compiles(t *testing.T, code []string, atLeast int) {
	t.Helper()
	source := read(t, "doc_test.go")
	for _, line := range code {
		if !strings.Contains(source, "\n\t"+line) {
			t.Errorf("this line of the documentation does not compile anywhere: %s", line)
		}
	}
	if len(code) < atLeast {
		t.Errorf("found %d lines of code", len(code))
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
