package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// scripts are all scripts of the library.
func scripts(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob("../../testdata/*.txt")
	stores, _ := filepath.Glob("../../testdata/multiraft/*.txt")
	if err != nil || len(paths) < 50 || len(stores) < 8 {
		t.Fatalf("%d and %d scripts: %v", len(paths), len(stores), err)
	}
	return append(paths, stores...)
}

// TestEveryScriptIsAStory: each header has a subject, and names a section of the thesis. The index
// has every script under its subject and under each of its sections.
func TestEveryScriptIsAStory(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "site")
	var stdout, stderr bytes.Buffer
	if status := run(append([]string{"stories", "-o", folder}, scripts(t)...), &stdout, &stderr); status != exitSame {
		t.Fatal(stderr.String())
	}
	index, err := os.ReadFile(filepath.Join(folder, "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	if pages, _ := filepath.Glob(filepath.Join(folder, "*.html")); len(pages) != len(scripts(t))+1 {
		t.Errorf("%d pages for %d scripts", len(pages), len(scripts(t)))
	}
	for _, path := range scripts(t) {
		s, err := readStory(path)
		if err != nil {
			t.Fatal(err)
		}
		times := 1 + len(s.Sections)
		for _, more := range []bool{s.Bug, s.Figure} {
			if more {
				times++
			}
		}
		if n := strings.Count(string(index), `href="`+s.Name+`.html"`); n != times {
			t.Errorf("%s stands %d times in the index, want %d", s.Name, n, times)
		}
		page, err := os.ReadFile(filepath.Join(folder, s.Name+".html"))
		if err != nil || !strings.Contains(string(page), `href="index.html"`) || strings.Contains(string(page), "Subject:") {
			t.Errorf("the page of %s: %v", s.Name, err)
		}
	}
}

// TestEveryLinkOfTheSiteLeadsSomewhere: from the index, and from each page.
func TestEveryLinkOfTheSiteLeadsSomewhere(t *testing.T) {
	folder := t.TempDir()
	if _, err := writeSite(folder, scripts(t)); err != nil {
		t.Fatal(err)
	}
	pages, _ := filepath.Glob(filepath.Join(folder, "*.html"))
	link := regexp.MustCompile(`<a href="([^"]*)"`)
	for _, path := range pages {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range link.FindAllSubmatch(page, -1) {
			to := string(match[1])
			if id, inside := strings.CutPrefix(to, "#"); inside {
				if !bytes.Contains(page, []byte(`id="`+id+`"`)) {
					t.Errorf("%s has no %s", filepath.Base(path), to)
				}
			} else if _, err := os.Stat(filepath.Join(folder, to)); err != nil {
				t.Errorf("%s links to %s: %v", filepath.Base(path), to, err)
			}
		}
	}
}

// TestAStoryOfStoresHasAPictureForEachGroup in its page.
func TestAStoryOfStoresHasAPictureForEachGroup(t *testing.T) {
	folder := t.TempDir()
	stores, _ := filepath.Glob("../../testdata/multiraft/*.txt")
	if _, err := writeSite(folder, stores); err != nil {
		t.Fatal(err)
	}
	group := regexp.MustCompile(`"group":(\d+),"width"`)
	lane := regexp.MustCompile(`"id":\d,"name":"store \d"`)
	asleep := regexp.MustCompile(`term \d+, asleep`) // the legend has the word alone
	for _, path := range stores {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		page, err := os.ReadFile(filepath.Join(folder, strings.TrimSuffix(filepath.Base(path), ".txt")+".html"))
		if err != nil {
			t.Fatal(err)
		}
		groups := bytes.Count(text, []byte("\nadd-group "))
		if n, lanes := len(group.FindAll(page, -1)), len(lane.FindAll(page, -1)); groups == 0 || n != groups || lanes != 3*groups {
			t.Errorf("%s: %d groups with %d lanes are drawn, want %d", path, n, lanes, groups)
		}
		if !asleep.Match(page) {
			t.Errorf("%s: no replica falls asleep", path)
		}
	}
	if _, err := writeSite(folder, append(stores, stores[0])); err == nil {
		t.Error("two scripts share a page")
	}
}

func TestTheIndexIsOrdered(t *testing.T) {
	all := []*story{{Name: "a", Subject: "elections", Sections: []string{"3.10", "3.4"}}, {Name: "b", Subject: "membership", Sections: []string{"3.9", "4.2.1"}}}
	_, bySubject, bySection := lists(all)
	var sections []string
	for _, l := range bySection {
		sections = append(sections, l.Title)
	}
	if want := []string{"§3.4", "§3.9", "§3.10", "§4.2.1"}; !slices.Equal(sections, want) {
		t.Errorf("sections %v, want %v", sections, want)
	}
	if len(bySubject) != len(subjects()) || len(bySubject[0].Stories) != 1 || bySubject[0].Stories[0].Name != "a" {
		t.Errorf("subjects: %+v", bySubject)
	}
}

func TestNamesOfScriptsBecomeTitles(t *testing.T) {
	for name, want := range map[string]string{
		"election":                  "Election",
		"commit_rule_figure_3_7":    "Figure 3.7: commit rule",
		"bug_09_target_demoted":     "Target demoted (known bug 9)",
		"two_lives_in_one_term":     "Two lives in one term",
		"conflict_figure_3_6_again": "Figure 3.6: conflict again",
	} {
		if got := titleOf(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestAStoryNeedsASubjectAndASection(t *testing.T) {
	for header, want := range map[string]string{
		"# Words. Thesis §3.4.\n":                        "no line",
		"# Words. Thesis §3.4.\n# Subject: dances.\n":    "no line",
		"# Words.\n# Subject: elections.\n":              "no section",
		"# Words.\n# Subject: elections, thesis §3.4.\n": "",
	} {
		path := filepath.Join(t.TempDir(), "a.txt")
		if err := os.WriteFile(path, []byte(header+"campaign 1\n----\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readStory(path)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", header, err, want)
		}
	}
}
