package main

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// removal takes one rule out of the code.
type removal struct {
	name string // what tables and flags call it
	rule string // what holds with it
	// from is where the rule comes from: a section of the thesis, numbers of bugs.
	from  string
	edits []edit
}

// edit replaces old by new. Old stands once in file, whose comments do not count.
type edit struct{ file, old, new string }

// subject is a group of removals.
type subject struct {
	name     string
	removals []removal
	// packages are those whose tests are run, after flags of go test.
	packages []string
	// explored: the explorer is asked, too. It knows no time, no sizes and no sessions.
	explored bool
	// apart: the simulator does not run this code, or cannot see what it does.
	apart bool
}

// subjects are all removals, in the order of the table.
func subjects() []subject {
	core := []string{".", "./internal/raftlog", "./internal/fifo", "./progress", "./tracker", "./quorum", "./confchange"}
	return []subject{
		{"Elections", electionRemovals(), core, true, false},
		{"Reports of what is committed", reportRemovals(), core, true, false},
		{"The log and what is committed", logRemovals(), core, true, false},
		{"Durability", durabilityRemovals(), core, true, false},
		{"Snapshots", snapshotRemovals(), core, true, false},
		{"The first configuration", firstRemovals(), core, true, false},
		{"Membership and transfer", membershipRemovals(), core, true, false},
		{"Changes that are being applied", changeRemovals(), core, true, false},
		{"Reads and leases", readRemovals(), core, true, false},
		{"Flow and bounds", flowRemovals(), core, false, false},
		{"Memory", memoryRemovals(), []string{"-run", "Block|Window|Resting|Idle|Keeps|HandedOut|Allocate", ".", "./progress"}, false, true},
		{"What comes from outside", doorRemovals(), core, false, false},
		{"Ticks and sleep", dueRemovals(), []string{"-run", "TickN|NextDue|[Ss]leep|Counter|LongTime|NextTick|ATick", "-rapid.shrinktime=1s", "."}, false, true},
		{"Many groups", manyRemovals(), []string{"./multiraft"}, false, true},
		{"Client sessions", sessionRemovals(), []string{"./session"}, false, false},
		{"The codec", codecRemovals(), []string{"./raftpb"}, false, false},
	}
}

// changed returns the files that the removal changes, as they are without the rule.
func (r *removal) changed(root string) (map[string]string, error) {
	files := map[string]string{}
	for _, e := range r.edits {
		text, ok := files[e.file]
		if !ok {
			b, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
			text = withoutComments(string(b))
		}
		if n := strings.Count(text, e.old); n != 1 {
			return nil, fmt.Errorf("%s: %s has %d times, and not once: %s", r.name, e.file, n, e.old)
		}
		files[e.file] = strings.Replace(text, e.old, e.new, 1)
	}
	for name, text := range files {
		if _, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution); err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return files, nil
}

// withoutComments returns the source without comments, so that an edit depends on code alone. A
// line of comment goes as a whole. Directives like //go:build stay.
func withoutComments(source string) string {
	file := token.NewFileSet().AddFile("", -1, len(source))
	var s scanner.Scanner
	s.Init(file, []byte(source), nil, scanner.ScanComments)
	var out strings.Builder
	from := 0
	for {
		pos, tok, text := s.Scan()
		if tok == token.EOF {
			out.WriteString(source[from:])
			return out.String()
		}
		if tok != token.COMMENT || strings.HasPrefix(text, "//go:") {
			continue
		}
		start := file.Offset(pos)
		end := start + len(text)
		code := strings.TrimRight(source[from:start], " \t")
		out.WriteString(code)
		if strings.HasSuffix(code, "\n") && end < len(source) && source[end] == '\n' {
			end++
		}
		from = end
	}
}

// overlay writes the changed files into dir, and beside them what makes the go command read them
// instead of the originals, which stay as they are. It returns the name of that file.
func (r *removal) overlay(root, dir string) (string, error) {
	files, err := r.changed(root)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range files {
		to := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(to, []byte(text), 0o644); err != nil {
			return "", err
		}
		replace[filepath.Join(root, name)] = to
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, b, 0o644)
}
