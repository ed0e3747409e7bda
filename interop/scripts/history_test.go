package scripts

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// differentHistory compares what each node has applied: the shorter list is the beginning of the
// longer one, and ours is not the shorter one.
func differentHistory(p played) string {
	ours, theirs := applied(p.ours), applied(p.theirs)
	for _, node := range slices.Sorted(maps.Keys(theirs)) {
		a, b := ours[node], theirs[node]
		if len(a) < len(b) || !slices.Equal(a[:len(b)], b) {
			return fmt.Sprintf("node %s applies\nours:\n%s\n\ntheirs:\n%s", node, strings.Join(a, "\n"), strings.Join(b, "\n"))
		}
	}
	return ""
}

var (
	handling = regexp.MustCompile(`^> (\d+) handling Ready`)
	single   = regexp.MustCompile(`^process-ready (\d+)$`)
	entry    = regexp.MustCompile(`^\d+/\d+ Entry`)
)

// applied returns the entries that each node applies in the course of a script.
func applied(commands []command36) map[string][]string {
	all := map[string][]string{}
	for _, c := range commands {
		node, committed := "", false
		if m := single.FindStringSubmatch(c.line); m != nil {
			node = m[1]
		}
		for _, line := range strings.Split(c.output, "\n") {
			line = strings.TrimSpace(line)
			switch {
			case handling.MatchString(line):
				node, committed = handling.FindStringSubmatch(line)[1], false
			case line == "CommittedEntries:":
				committed = true
			case committed && entry.MatchString(line):
				all[node] = append(all[node], line)
			default:
				committed = false
			}
		}
	}
	return all
}
