package raft

import (
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"strings"
	"testing"
)

// layers reads the order of the package's files from CONTRIBUTING.md, lowest first: a file uses
// what files of its own or a lower layer declare. A line that is indented further goes on with a
// layer. Go does not hold this inside a package, so this test does.
func layers(t *testing.T) (layers [][]string) {
	t.Helper()
	text, err := os.ReadFile("CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(text), "lowest layer first:\n\n")
	for line := range strings.Lines(list) {
		names, ok := strings.CutPrefix(line, "    ")
		if !ok {
			break
		}
		if !strings.HasPrefix(names, " ") {
			layers = append(layers, nil)
		}
		for _, name := range strings.Fields(names) {
			layers[len(layers)-1] = append(layers[len(layers)-1], name+".go")
		}
	}
	return layers
}

// TestAFileUsesOnlyFilesBelowIt resolves the functions, methods, types, constants and
// variables of the package that each file uses.
func TestAFileUsesOnlyFilesBelowIt(t *testing.T) {
	for _, tags := range [][]string{nil, {"with_tla"}} {
		usesOnlyFilesBelow(t, tags)
	}
}

func usesOnlyFilesBelow(t *testing.T, tags []string) {
	rank := map[string]int{}
	for i, files := range layers(t) {
		for _, f := range files {
			rank[f] = i
		}
	}
	fset, files := parsePackage(t, tags)
	var all []*ast.File
	for name, f := range files {
		if _, ok := rank[name]; !ok {
			t.Errorf("%s has no place in the order of files", name)
		}
		all = append(all, f)
	}
	info := types.Info{Uses: map[*ast.Ident]types.Object{}}
	// What is imported is of no interest: errors about it are passed over.
	config := types.Config{Importer: emptyImporter{}, Error: func(error) {}}
	pkg, _ := config.Check("raft", fset, all, &info)
	broken := map[string]bool{}
	resolved := 0
	for id, obj := range info.Uses {
		method := false
		if f, ok := obj.(*types.Func); ok {
			method = f.Signature().Recv() != nil
		}
		if obj.Pkg() != pkg || !method && obj.Parent() != pkg.Scope() {
			continue
		}
		resolved++
		user, owner := fset.Position(id.Pos()).Filename, fset.Position(obj.Pos()).Filename
		if rank[owner] > rank[user] {
			broken[user+" uses "+id.Name+" of "+owner] = true
		}
	}
	for b := range broken {
		t.Error(b)
	}
	if resolved < 500 {
		t.Errorf("only %d uses could be resolved", resolved)
	}
}

// emptyImporter gives a package without contents for every import.
type emptyImporter struct{}

func (emptyImporter) Import(path string) (*types.Package, error) {
	pkg := types.NewPackage(path, path[strings.LastIndexByte(path, '/')+1:])
	pkg.MarkComplete()
	return pkg, nil
}

// parsePackage parses the files that are built with these tags.
func parsePackage(t *testing.T, tags []string) (*token.FileSet, map[string]*ast.File) {
	build := build.Default
	build.BuildTags = tags
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	fset, files := token.NewFileSet(), map[string]*ast.File{}
	for _, e := range entries {
		name := e.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		if ok, err := build.MatchFile(".", name); err != nil || !ok {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = f
	}
	return fset, files
}

// TestTheCoreHasNoGoroutineClockOrMutableState: what would make two runs differ is not there.
func TestTheCoreHasNoGoroutineClockOrMutableState(t *testing.T) {
	_, files := parsePackage(t, []string{"with_tla"})
	for name, f := range files {
		if name == "node.go" || name == "operator.go" || name == "logger.go" {
			continue // the goroutine's handle, and the default logger of the v3.6 API
		}
		for _, imp := range f.Imports {
			switch imp.Path.Value {
			case `"time"`, `"math/rand"`, `"math/rand/v2"`, `"os"`, `"net"`:
				t.Errorf("%s imports %s", name, imp.Path.Value)
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s starts a goroutine", name)
			case *ast.FuncDecl:
				if n.Name.Name == "init" {
					t.Errorf("%s has an init function", name)
				}
			case *ast.CallExpr:
				if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "panic" {
					t.Errorf("%s panics", name)
				}
			}
			return true
		})
		for _, d := range f.Decls {
			checkVariables(t, name, d)
		}
	}
}

// checkVariables allows package-level variables that hold errors and interface checks only.
func checkVariables(t *testing.T, file string, d ast.Decl) {
	g, ok := d.(*ast.GenDecl)
	if !ok || g.Tok != token.VAR {
		return
	}
	for _, s := range g.Specs {
		for _, id := range s.(*ast.ValueSpec).Names {
			if id.Name != "_" && !strings.HasPrefix(id.Name, "Err") && !strings.HasPrefix(id.Name, "err") {
				t.Errorf("%s declares the variable %s", file, id.Name)
			}
		}
	}
}
