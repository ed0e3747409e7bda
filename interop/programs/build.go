package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// A binary holds the tests of one package of a program on one side.
type binary struct {
	side  *side
	label string
	dir   string // of the package: tests run there
	file  string // empty if it does not compile
	err   string // why not
	suite suite
}

// build compiles the tests of those packages of a suite that are selected and have tests.
func (s *side) build(opts options, suite suite) ([]*binary, error) {
	dir := filepath.Join(s.dir, suite.dir)
	const format = "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}"
	out, err := output(dir, s.env(), "go", append([]string{"list", "-f", format}, suite.packages...)...)
	if err != nil {
		return nil, err
	}
	var binaries []*binary
	var packages []string
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		pkg, dir, ok := strings.Cut(line, " ")
		if !ok {
			continue
		}
		rel, err := filepath.Rel(s.dir, dir)
		if err != nil {
			return nil, err
		}
		if label := path.Join(s.p.name, filepath.ToSlash(rel)); opts.wants(label, false) {
			packages = append(packages, pkg)
			binaries = append(binaries, &binary{side: s, label: label, dir: dir, suite: suite})
		}
	}
	for i, group := range groups(packages) {
		bin := filepath.Join(s.base, "bin", suite.dir, strconv.Itoa(i))
		if err := os.MkdirAll(bin, 0o755); err != nil {
			return nil, err
		}
		args := []string{"test", "-c", "-vet=off", "-ldflags=-s -w", "-o", bin + "/"}
		for _, at := range group {
			args = append(args, packages[at])
		}
		_, err := output(dir, s.env(), "go", args...)
		for _, at := range group {
			file := filepath.Join(bin, binaryName(packages[at])+".test")
			if _, statErr := os.Stat(file); statErr == nil {
				binaries[at].file = file
			} else if err != nil {
				binaries[at].err = complaints(err.Error(), packages[at])
			}
		}
	}
	return binaries, nil
}

// complaints returns what the compiler says of one package, or everything if it does not name it.
func complaints(text, pkg string) string {
	var out strings.Builder
	for _, part := range strings.Split("\n"+text, "\n# ")[1:] {
		if strings.HasPrefix(part, pkg+" ") || strings.HasPrefix(part, pkg+"_test ") || strings.HasPrefix(part, pkg+"\n") {
			out.WriteString("# " + part + "\n")
		}
	}
	if out.Len() == 0 {
		return text
	}
	return out.String()
}

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

// binaryName is what the go command calls the test binary of a package, without its suffix.
func binaryName(pkg string) string {
	if majorVersion.MatchString(path.Base(pkg)) {
		pkg = path.Dir(pkg)
	}
	return path.Base(pkg)
}

// groups splits packages into groups whose test binaries have different names, so that the go
// command can compile each group at once. It returns the places of the packages.
func groups(packages []string) [][]int {
	var out [][]int
	used := map[string]int{} // how many packages have a name
	for i, pkg := range packages {
		name := binaryName(pkg)
		if used[name] == len(out) {
			out = append(out, nil)
		}
		out[used[name]] = append(out[used[name]], i)
		used[name]++
	}
	return out
}

// buildOne compiles the tests of a package that the other side has.
func (s *side) buildOne(other *binary) (*binary, error) {
	dir, err := filepath.Rel(other.side.dir, other.dir)
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(other.suite.dir, dir)
	if err != nil {
		return nil, err
	}
	only := other.suite
	only.packages = []string{"./" + filepath.ToSlash(rel)}
	binaries, err := s.build(options{}, only)
	if err != nil {
		return nil, err
	}
	if len(binaries) != 1 || binaries[0].file == "" {
		return nil, fmt.Errorf("%s does not compile with v3.6.0", other.label)
	}
	return binaries[0], nil
}
