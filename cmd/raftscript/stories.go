package main

import (
	"bytes"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ffd200af/raft/rafttest"
	"github.com/ffd200af/raft/rafttest/picture"
)

const storiesUsage = "raftscript stories -o FOLDER SCRIPT..."

//go:embed stories.html
var storiesText string

// runStories writes a site: a page with a picture for each script, and an index.
func runStories(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("raftscript stories", flag.ContinueOnError)
	flags.SetOutput(stderr)
	folder := flags.String("o", "", "the folder of the site, which is made if there is none")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return exitSame
		}
		return exitBad
	}
	if *folder == "" || flags.NArg() == 0 {
		fmt.Fprintln(stderr, "usage:", storiesUsage)
		return exitBad
	}
	n, err := writeSite(*folder, flags.Args())
	if err != nil {
		fmt.Fprintf(stderr, "raftscript: %v\n", err)
		return exitBad
	}
	fmt.Fprintf(stdout, "%s: %d stories\n", filepath.Join(*folder, "index.html"), n)
	return exitSame
}

// story is a script as the index shows it.
type story struct {
	// Name is that of the script's file, without .txt.
	Name, Title, Subject string
	// Header is the comment at the top without its last sentence, which names the subject.
	Header string
	// Sections are those of the thesis that the header names, in order.
	Sections []string
	// Bug and Figure: a bug that systems have had, a figure of the thesis.
	Bug, Figure bool
	script      *rafttest.Script
	text        []byte
}

// subjects are those that scripts have, in the order of the index.
func subjects() []string {
	return []string{
		"elections", "replication", "commitment", "durability", "snapshots", "membership", "leadership transfer", "reads and leases", "many groups",
	}
}

var (
	subjectLine = regexp.MustCompile(`(?m)^Subject: ([a-z ]+)(, thesis §[0-9.]+)?\.$`)
	section     = regexp.MustCompile(`§(\d+(?:\.\d+)+)`)
	bugNumber   = regexp.MustCompile(`^bug_(\d+)_`)
	figure      = regexp.MustCompile(`_figure_(\d)_(\d)`)
)

// readStory reads a script and its header.
func readStory(path string) (*story, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &story{Name: strings.TrimSuffix(filepath.Base(path), ".txt"), text: text}
	if s.script, err = rafttest.ParseScript(bytes.NewReader(text)); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	header := s.script.Header()
	found := subjectLine.FindStringSubmatch(header)
	if found == nil || !slices.Contains(subjects(), found[1]) {
		return nil, fmt.Errorf("%s: the header has no line \"Subject: ...\" with one of: %s", path, strings.Join(subjects(), ", "))
	}
	s.Subject = found[1]
	for _, match := range section.FindAllStringSubmatch(header, -1) {
		s.Sections = append(s.Sections, match[1])
	}
	if len(s.Sections) == 0 {
		return nil, fmt.Errorf("%s: the header names no section of the thesis", path)
	}
	slices.SortFunc(s.Sections, compareSections)
	s.Sections = slices.Compact(s.Sections)
	s.Header = withoutSubject(header)
	s.Title, s.Bug, s.Figure = titleOf(s.Name), bugNumber.MatchString(s.Name), figure.MatchString(s.Name)
	return s, nil
}

// withoutSubject returns a header without the line that names the subject.
func withoutSubject(header string) string {
	return strings.TrimSpace(subjectLine.ReplaceAllString(header, ""))
}

// titleOf makes a title of the name of a script.
func titleOf(name string) string {
	prefix, suffix := "", ""
	if m := figure.FindStringSubmatch(name); m != nil {
		name, prefix = figure.ReplaceAllString(name, ""), fmt.Sprintf("Figure %s.%s: ", m[1], m[2])
	}
	if m := bugNumber.FindStringSubmatch(name); m != nil {
		number, _ := strconv.Atoi(m[1])
		name, suffix = strings.TrimPrefix(name, m[0]), fmt.Sprintf(" (known bug %d)", number)
	}
	words := strings.ReplaceAll(name, "_", " ")
	if prefix == "" {
		words = strings.ToUpper(words[:1]) + words[1:]
	}
	return prefix + words + suffix
}

// compareSections compares numbers of sections: 3.10 is after 3.9.
func compareSections(a, b string) int {
	numbers := func(s string) (list []int) {
		for word := range strings.SplitSeq(s, ".") {
			n, _ := strconv.Atoi(word) // section matches digits only
			list = append(list, n)
		}
		return list
	}
	return slices.Compare(numbers(a), numbers(b))
}

// list is a heading of the index with its stories.
type list struct {
	Title, ID string
	Stories   []*story
}

// lists sorts stories by figures and bugs, subjects, and sections of the thesis.
func lists(all []*story) (special, bySubject, bySection []list) {
	pick := func(title, id string, wanted func(*story) bool) list {
		l := list{Title: title, ID: id}
		for _, s := range all {
			if wanted(s) {
				l.Stories = append(l.Stories, s)
			}
		}
		return l
	}
	figures := pick("Figures of the thesis", "figures", func(s *story) bool { return s.Figure })
	slices.SortFunc(figures.Stories, func(a, b *story) int { return strings.Compare(a.Title, b.Title) })
	special = []list{
		figures,
		pick("Bugs that Raft systems have had", "bugs", func(s *story) bool { return s.Bug }),
	}
	for _, subject := range subjects() {
		title := strings.ToUpper(subject[:1]) + subject[1:]
		bySubject = append(bySubject, pick(title, strings.ReplaceAll(subject, " ", "-"), func(s *story) bool { return s.Subject == subject }))
	}
	var sections []string
	for _, s := range all {
		sections = append(sections, s.Sections...)
	}
	slices.SortFunc(sections, compareSections)
	for _, number := range slices.Compact(sections) {
		bySection = append(bySection, pick("§"+number, "s"+number, func(s *story) bool { return slices.Contains(s.Sections, number) }))
	}
	return special, bySubject, bySection
}

// Opening is the first sentence of the header, with the second one if the first one is short.
func (s *story) Opening() string {
	const short = 60
	words := strings.Join(strings.Fields(s.Header), " ")
	end := 0
	for end <= short {
		at := strings.Index(words[end:], ". ")
		if at < 0 {
			return words
		}
		end += at + 2
	}
	return words[:end-1]
}

// writeSite writes the pages into a folder, and returns the number of stories.
func writeSite(folder string, paths []string) (int, error) {
	var all []*story
	for _, path := range paths {
		s, err := readStory(path)
		if err != nil {
			return 0, err
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *story) int { return strings.Compare(a.Name, b.Name) })
	for i := 1; i < len(all); i++ {
		if all[i].Name == all[i-1].Name {
			return 0, fmt.Errorf("two scripts have the name %s", all[i].Name)
		}
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return 0, err
	}
	for _, s := range all {
		if err := s.write(folder); err != nil {
			return 0, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	t, err := template.New("index").Parse(storiesText)
	if err != nil {
		return 0, err
	}
	special, bySubject, bySection := lists(all)
	var out bytes.Buffer
	err = t.Execute(&out, map[string]any{"Special": special, "Subjects": bySubject, "Sections": bySection, "Count": len(all)})
	if err != nil {
		return 0, err
	}
	return len(all), os.WriteFile(filepath.Join(folder, "index.html"), out.Bytes(), 0o666)
}

// write writes the page of a story, and the script beside it.
func (s *story) write(folder string) error {
	rec := picture.NewRecorder()
	rec.Title(s.Title, s.Header)
	s.script.Run(&rafttest.InteractionOpts{Picture: rec})
	var page bytes.Buffer
	links := []picture.Link{{Name: "All stories", URL: "index.html"}, {Name: "The script", URL: s.Name + ".txt"}}
	if err := rec.Picture().WriteHTML(&page, links...); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(folder, s.Name+".html"), page.Bytes(), 0o666),
		os.WriteFile(filepath.Join(folder, s.Name+".txt"), s.text, 0o666),
	)
}
