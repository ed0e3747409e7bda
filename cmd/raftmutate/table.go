package main

import (
	"fmt"
	"slices"
	"strings"
)

// table is what came of many removals.
type table struct {
	bounds
	subjects []subject
	rows     map[string]row // by name of the removal
	err      error
}

// row is who noticed a removal: "-" is nobody.
type row struct{ simulator, explorer, tests string }

func (r row) noticed() bool {
	return r.simulator != "-" && r.simulator != notAsked || r.explorer != "-" && r.explorer != notAsked || r.tests != "-"
}

// notAsked stands in the column of the explorer or the simulator where it knows nothing of the
// subject.
const notAsked = "."

func (o *outcome) row() row { return row{o.simulator(), o.explorer(), o.failed()} }

// parse reads the rows of a table that was written before. Those of rules that have changed since
// are left out.
func parse(text string) map[string]row {
	rows := map[string]row{}
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		name, ok := strings.CutPrefix(cells[0], "| `")
		if !ok || len(cells) != 6 {
			continue
		}
		name = strings.TrimSuffix(name, "`")
		if _, r := find(name); r != nil && r.rule == cells[1] && r.from == cells[2] {
			rows[name] = row{cells[3], cells[4], strings.TrimSuffix(cells[5], " |")}
		}
	}
	return rows
}

// find returns the removal with a name, and its subject; nil if there is none.
func find(name string) (*subject, *removal) {
	all := subjects()
	for i := range all {
		for k := range all[i].removals {
			if r := &all[i].removals[k]; r.name == name {
				return &all[i], r
			}
		}
	}
	return nil, nil
}

// size is the number of rules.
func (t *table) size() (n int) {
	for i := range t.subjects {
		n += len(t.subjects[i].removals)
	}
	return n
}

// holes are the rules that nobody misses.
func (t *table) holes() []string {
	var names []string
	t.each(func(r *removal, o row) {
		if !o.noticed() {
			names = append(names, r.name)
		}
	})
	return names
}

// each calls f for every removal that was tried, in the order of the table.
func (t *table) each(f func(r *removal, o row)) {
	for i := range t.subjects {
		for k := range t.subjects[i].removals {
			r := &t.subjects[i].removals[k]
			if o, ok := t.rows[r.name]; ok {
				f(r, o)
			}
		}
	}
}

// String tells in a line who noticed.
func (o *outcome) String() string {
	return fmt.Sprintf("simulator: %s; explorer: %s; tests: %s", o.simulator(), o.explorer(), o.failed())
}

func (o *outcome) simulator() string {
	switch {
	case o.apart:
		return notAsked
	case o.property == "":
		return "-"
	case o.seed == 0:
		return o.property
	}
	return fmt.Sprintf("%d, %s", o.seed, o.property)
}

func (o *outcome) explorer() string {
	switch {
	case !o.explored:
		return notAsked
	case len(o.worlds) == 0:
		return "-"
	}
	return strings.Join(o.worlds, " ")
}

// shown is how many names of tests a row has.
const shown = 2

func (o *outcome) failed() string {
	if len(o.tests) == 0 {
		return "-"
	}
	names := slices.Clone(o.tests)
	// What is named after the rule's bug says most, then scripts.
	slices.SortStableFunc(names, func(a, b string) int { return telling(b) - telling(a) })
	text := strings.Join(names[:min(shown, len(names))], ", ")
	if rest := len(names) - shown; rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	return text
}

func telling(test string) int {
	switch {
	case strings.HasPrefix(test, "TestBug"):
		return 2
	case strings.HasPrefix(test, "TestScripts/"):
		return 1
	}
	return 0
}

// markdown renders the table, and the list of bugs with the rules that keep each of them out.
func (t *table) markdown() string {
	var b strings.Builder
	b.WriteString("# What fails when a rule is removed\n\n")
	b.WriteString("    go run ./cmd/raftmutate -write docs/mutations.md\n\n")
	b.WriteString("The command removes one rule at a time from the code and runs up to 500 seeds of the simulator, the\n")
	b.WriteString("explorer with its bounds of CI, and all tests and scripts. It takes about two hours.\n\n")
	b.WriteString("- \"simulator\": how many seeds it took to notice, from seed 1 on, and the property that was broken.\n")
	b.WriteString("- \"explorer\": the small worlds in which a property was broken. \".\" means that the explorer does not\n")
	b.WriteString("  cover the subject; likewise in the column of the simulator.\n")
	b.WriteString("- \"tests\": the tests that failed. \"-\" means that nothing failed.\n\n")
	noticed, bySim, byExplorer, byTests := 0, 0, 0, 0
	t.each(func(_ *removal, o row) {
		noticed += one(o.noticed())
		bySim += one(o.simulator != "-" && o.simulator != notAsked)
		byExplorer += one(o.explorer != "-" && o.explorer != notAsked)
		byTests += one(o.tests != "-")
	})
	fmt.Fprintf(&b, "Of %d rules, the removal of %d was noticed: of %d by the simulator, of %d by the explorer, and of\n%d by tests and scripts.\n", t.size(), noticed, bySim, byExplorer, byTests)
	for i := range t.subjects {
		s := &t.subjects[i]
		if len(s.removals) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n| name | rule | from | simulator | explorer | tests |\n|---|---|---|---|---|---|\n", s.name)
		for k := range s.removals {
			r := &s.removals[k]
			if o, ok := t.rows[r.name]; ok {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n", r.name, r.rule, r.from, o.simulator, o.explorer, o.tests)
			}
		}
	}
	b.WriteString(bugsMarkdown())
	return b.String()
}

func one(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
