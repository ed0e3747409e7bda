package raft_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// columns is how wide prose may be.
const columns = 100

func TestMarkdownFitsTheColumns(t *testing.T) {
	files := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (d.Name()[0] == '.' || d.Name() == "kv-data"):
			return fs.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		files++
		number := 0
		for line := range strings.Lines(read(t, path)) {
			number++
			line = strings.TrimRight(line, "\n")
			if n := utf8.RuneCountInString(line); n > columns && !mayBeWide(line) {
				t.Errorf("%s:%d has %d columns", path, number, n)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 10 {
		t.Errorf("found %d files", files)
	}
}

// TestTheComparisonHasTheFiguresOfManyGroups: whoever measures again changes both.
func TestTheComparisonHasTheFiguresOfManyGroups(t *testing.T) {
	_, section, _ := strings.Cut(read(t, "docs/compared.md"), "\n## Many groups\n")
	section, _, _ = strings.Cut(section, "\n## ")
	measured, rows := read(t, "docs/many-groups.md"), 0
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "|") {
			rows++
			if !strings.Contains(measured, "\n"+line) {
				t.Errorf("docs/many-groups.md does not have the row %s", line)
			}
		}
	}
	if rows < 10 {
		t.Errorf("found %d rows", rows)
	}
}

// mayBeWide reports whether a line of Markdown is of a table or has a URL: they cannot be wrapped.
func mayBeWide(line string) bool {
	return strings.HasPrefix(line, "|") || strings.Contains(line, "://")
}

// tabWidth is how many columns a tab takes in a comment's indentation.
const tabWidth = 4

func TestGoCommentsFitTheColumns(t *testing.T) {
	comments := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && d.Name()[0] == '.':
			return fs.SkipDir
		case filepath.Ext(path) != ".go":
			return nil
		}
		text := read(t, path)
		lines := strings.Split(text, "\n")
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, group := range f.Comments {
			for number := fset.Position(group.Pos()).Line; number <= fset.Position(group.End()).Line; number++ {
				comments++
				if n := width(lines[number-1]); n > columns && isOnlyComment(lines[number-1]) {
					t.Errorf("%s:%d has %d columns", path, number, n)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if comments < 1000 {
		t.Errorf("found %d lines of comments", comments)
	}
}

// width is how many columns a line takes.
func width(line string) int {
	return utf8.RuneCountInString(line) + (tabWidth-1)*strings.Count(line, "\t")
}

// isOnlyComment reports whether a line with a comment has no code before it, and nothing that
// cannot be wrapped: a directive, or a URL.
func isOnlyComment(line string) bool {
	return strings.HasPrefix(strings.TrimLeft(line, "\t"), "// ") && !strings.Contains(line, "://")
}

func TestTheFirstClusterOfTheReadmePrintsWhatItSays(t *testing.T) {
	_, rest, _ := strings.Cut(read(t, "README.md"), "```go\n")
	program, rest, ok := strings.Cut(rest, "```\n")
	_, rest, _ = strings.Cut(rest, "```\n")
	want, _, found := strings.Cut(rest, "```\n")
	if !ok || !found {
		t.Fatal("the README has no program with its output")
	}
	file := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := exec.Command("go", "run", file).CombinedOutput()
	if err != nil || string(got) != want {
		t.Errorf("the program ends with %v and prints\n%s\nThe README says\n%s", err, got, want)
	}
}
