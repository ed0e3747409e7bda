package run

import "regexp"

// plainWords turns the ids and positions of a broken property into the words of the page.
var plainWords = []struct {
	from *regexp.Regexp
	to   string
}{
	{regexp.MustCompile(`\bnode (\d+)`), "S$1"},
	{regexp.MustCompile(`\bleaders (\d+) and (\d+)`), "leaders S$1 and S$2"},
	{regexp.MustCompile(`\b(votes?) for (\d+) and (\d+)`), "$1 for S$2 and S$3"},
	{regexp.MustCompile(`\b(votes?) for (\d+)`), "$1 for S$2"},
	{regexp.MustCompile(`\b(the vote of .* changes) from (\d+) to (\d+)`), "$1 from S$2 to S$3"},
	{regexp.MustCompile(`\backnowledges (\d+) to (\d+)`), "acknowledges entry $1 to S$2"},
	{regexp.MustCompile(`(?:\bentry )?\b(\d+)/(\d+)\b`), "entry $2 of term $1"},
}

// plain is a broken property in the words of the page: S1 is a node, and 2/4 is entry 4 of term 2.
func plain(what string) string {
	for _, w := range plainWords {
		what = w.from.ReplaceAllString(what, w.to)
	}
	return what
}
