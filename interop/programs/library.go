package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	ourPath  = "github.com/ffd200af/raft"
	etcdPath = "go.etcd.io/raft/v3"
	etcdRaft = "v3.6.0"
)

// A library is a raft library as it lies on the disk: either side of the comparison.
type library struct {
	name  string // of the side
	path  string // its own import path
	dir   string
	gomod string // the go.mod of its copies, but for the module line
}

// libraries returns v3.6.0 and this tree. Copies of both have the requirements of v3.6.0, so that
// a program's other dependencies have the same versions with either.
func libraries() (etcd, ours library, err error) {
	m, err := download(etcdPath, etcdRaft)
	if err != nil {
		return etcd, ours, err
	}
	dir, err := output("", nil, "go", "list", "-m", "-f", "{{.Dir}}", ourPath)
	if err != nil {
		return etcd, ours, err
	}
	etcd = library{name: "v3.6.0", path: etcdPath, dir: m.Dir}
	ours = library{name: "ours", path: ourPath, dir: strings.TrimSpace(string(dir))}
	theirs, err := os.ReadFile(filepath.Join(etcd.dir, "go.mod"))
	if err != nil {
		return etcd, ours, err
	}
	own, err := os.ReadFile(filepath.Join(ours.dir, "go.mod"))
	if err != nil {
		return etcd, ours, err
	}
	etcd.gomod = withoutLines(string(theirs), "module ", "toolchain ")
	ours.gomod = goLine(string(own)) + withoutLines(string(theirs), "module ", "toolchain ", "go ")
	return etcd, ours, nil
}

// downloaded is what go mod download says of a module.
type downloaded struct{ Path, Version, Dir, Error string }

// download fetches a module through the module proxy, if it is not in the module cache.
func download(path, version string) (downloaded, error) {
	var m downloaded
	out, err := output(os.TempDir(), []string{"GOWORK=off"}, "go", "mod", "download", "-json", path+"@"+version)
	if jsonErr := json.Unmarshal(out, &m); err == nil {
		err = jsonErr
	}
	if err != nil {
		return m, fmt.Errorf("download %s@%s: %w %s", path, version, err, m.Error)
	}
	return m, nil
}

// output runs a command and returns its standard output; its standard error is in the error.
func output(dir string, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return out, fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return out, nil
}

// copyTo lays the library out in dir, under another import path: the packages that programs use,
// and all that these import. With module, dir is a module of its own.
func (l *library) copyTo(dir, path string, module bool) error {
	packages := []string{".", "./raftpb", "./tracker", "./quorum", "./confchange"}
	env := []string{"GOWORK=off", "GOFLAGS=-mod=mod"}
	dirs, err := output(l.dir, env, "go", append([]string{"list", "-deps", "-f", "{{with .Module}}{{.Path}} {{$.Dir}}{{end}}"}, packages...)...)
	if err != nil {
		return err
	}
	for _, line := range strings.Split(strings.TrimSpace(string(dirs)), "\n") {
		from, ok := strings.CutPrefix(line, l.path+" ")
		if !ok {
			continue // another module, or the standard library
		}
		rel, err := filepath.Rel(l.dir, from)
		if err != nil {
			return err
		}
		if err := copyPackage(from, filepath.Join(dir, rel), l.path, path); err != nil {
			return err
		}
	}
	if !module {
		return nil
	}
	return os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module "+path+"\n\n"+l.gomod), 0o644)
}

// copyPackage copies the files of a package but for its tests, with other import paths.
func copyPackage(from, to, oldPath, newPath string) error {
	files, err := filepath.Glob(filepath.Join(from, "*.go"))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if text, err = rewriteImports(text, oldPath, newPath); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(file)), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// rewriteImports returns a Go file in which imports of oldPath and of packages below it are
// imports of newPath and packages below that. Nothing else changes.
func rewriteImports(text []byte, oldPath, newPath string) ([]byte, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "", text, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	var out []byte
	done := 0 // bytes of text that are in out
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		rest, ok := strings.CutPrefix(path, oldPath)
		if !ok || rest != "" && rest[0] != '/' {
			continue
		}
		out = append(out, text[done:fset.Position(spec.Path.Pos()).Offset]...)
		out = append(out, strconv.Quote(newPath+rest)...)
		done = fset.Position(spec.Path.End()).Offset
	}
	return append(out, text[done:]...), nil
}

// withoutLines returns the lines of text that begin with none of the prefixes.
func withoutLines(text string, prefixes ...string) string {
	var out strings.Builder
lines:
	for _, line := range strings.SplitAfter(text, "\n") {
		for _, prefix := range prefixes {
			if strings.HasPrefix(line, prefix) {
				continue lines
			}
		}
		out.WriteString(line)
	}
	return out.String()
}

// goLine returns the go line of a go.mod.
func goLine(gomod string) string {
	for _, line := range strings.SplitAfter(gomod, "\n") {
		if strings.HasPrefix(line, "go ") {
			return line
		}
	}
	return ""
}
