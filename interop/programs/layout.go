package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A side is a program laid out with one of the two libraries.
type side struct {
	library
	dir  string // the modules of the program, as in its repository
	base string // holds dir, test binaries and output
	p    *program
}

// layOut puts the modules of a program and the library into a folder below base.
func layOut(p *program, lib library, base string) (*side, error) {
	s := &side{library: lib, p: p, base: filepath.Join(base, lib.name)}
	s.dir = filepath.Join(s.base, "src")
	if err := os.RemoveAll(s.base); err != nil {
		return nil, err
	}
	for _, m := range p.modules {
		if err := m.layOut(filepath.Join(s.dir, m.dir)); err != nil {
			return nil, err
		}
	}
	raft := filepath.Join(s.base, "raft")
	switch {
	case len(p.own) > 0:
		raft = s.dir
	case p.raftDir != "":
		raft = filepath.Join(s.dir, p.raftDir)
		if err := os.RemoveAll(raft); err != nil {
			return nil, err
		}
	}
	if err := lib.copyTo(raft, p.raft, p.raftDir == ""); err != nil {
		return nil, err
	}
	for _, m := range p.modules {
		if p.raftDir != "" && below(p.raftDir, m.dir) { // the module is older than the library's Go
			version := strings.TrimSpace(strings.TrimPrefix(goLine(lib.gomod), "go "))
			if _, err := output(filepath.Join(s.dir, m.dir), s.env(), "go", "mod", "edit", "-go="+version); err != nil {
				return nil, err
			}
		}
	}
	if len(p.own) > 0 {
		return s, s.layOver(p.own)
	}
	done := map[string]bool{}
	for _, suite := range p.suites {
		if !done[suite.dir] {
			done[suite.dir] = true
			if err := s.replace(suite.dir, raft); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// layOut copies a module to dir, where its files can be written.
func (m *module) layOut(dir string) error {
	d, err := download(m.path, m.version)
	if err != nil {
		return err
	}
	if err := os.CopyFS(dir, os.DirFS(d.Dir)); err != nil {
		return err
	}
	for _, e := range m.edits {
		if err := e.apply(dir); err != nil {
			return err
		}
	}
	gomod := filepath.Join(dir, "go.mod")
	if _, err := os.Stat(gomod); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	text := fmt.Sprintf("module %s\n\ngo 1.21\n\n%s", m.path, m.gomod)
	return os.WriteFile(gomod, []byte(text), 0o644)
}

// apply changes every place in the file where the text stands.
func (e *edit) apply(dir string) error {
	file := filepath.Join(dir, e.file)
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Contains(text, []byte(e.from)) {
		return fmt.Errorf("%s: no %q to change", e.file, e.from)
	}
	return os.WriteFile(file, bytes.ReplaceAll(text, []byte(e.from), []byte(e.to)), 0o644)
}

// layOver copies files of v3.6.0 over the library.
func (s *side) layOver(patterns []string) error {
	etcd, err := download(etcdPath, etcdRaft)
	if err != nil {
		return err
	}
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(etcd.Dir, pattern))
		if err != nil {
			return err
		}
		to := filepath.Join(s.dir, filepath.Dir(pattern))
		if err := os.MkdirAll(to, 0o755); err != nil {
			return err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(to, filepath.Base(file)), text, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// replace lets the module in dir use the copies of raft and of the program's other modules.
func (s *side) replace(dir, raft string) error {
	args := []string{"mod", "edit"}
	for _, m := range s.p.modules {
		if m.dir != dir {
			args = append(args, "-replace="+m.path+"="+filepath.Join(s.dir, m.dir))
		}
	}
	if s.p.raftDir == "" {
		args = append(args, "-replace="+s.p.raft+"="+raft)
	}
	_, err := output(filepath.Join(s.dir, dir), s.env(), "go", args...)
	return err
}

// env is what the environment has more for the program's builds and tests.
func (s *side) env() []string {
	return append([]string{"GOWORK=off", "GOFLAGS=-mod=mod -buildvcs=false"}, s.p.env...)
}
