package scripts

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft/rafttest"
)

// reason is why a script of v3.6 plays differently here.
type reason int

const (
	// appends: there are fewer and fuller appends, and they come after other messages, because
	// they are built when Ready is called.
	appends reason = 1 << iota
	// flows: a follower gets more, because fuller appends fill its window of messages later.
	flows
	// synced: MustSync is set for a snapshot, and with a committed configuration change.
	synced
	// asks: with asynchronous writes a candidate asks for votes when its own is durable.
	asks
	// leaves: a leader that was removed or demoted hands over and steps down.
	leaves

	allReasons = 1<<iota - 1
)

// reasons has a row for each script of v3.6's testdata that plays differently here.
var reasons = map[string]reason{
	"async_storage_writes":                  asks,
	"async_storage_writes_append_aba_race":  asks,
	"confchange_disable_validation":         appends | synced,
	"confchange_v1_add_single":              synced,
	"confchange_v1_remove_leader":           leaves,
	"confchange_v1_remove_leader_stepdown":  leaves,
	"confchange_v2_add_double_auto":         appends | synced,
	"confchange_v2_add_double_implicit":     appends | synced,
	"confchange_v2_add_single_auto":         synced,
	"confchange_v2_add_single_explicit":     appends | synced,
	"confchange_v2_replace_leader":          synced,
	"confchange_v2_replace_leader_stepdown": leaves,
	"lagging_commit":                        appends,
	"prevote":                               appends,
	"replicate_pause":                       flows,
	"slow_follower_after_compaction":        appends,
	"snapshot_succeed_via_app_resp":         synced,
	"snapshot_succeed_via_app_resp_behind":  synced,
}

// v3.6's own scripts are read from the module cache.
func theirScripts(t *testing.T) []string {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "go.etcd.io/raft/v3").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "testdata", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts in %s: %v", dir, err)
	}
	return files
}

func TestTheirScriptsPlayAlikeButForTheReasonsInTheTable(t *testing.T) {
	missing := maps.Clone(reasons)
	for _, file := range theirScripts(t) {
		name := strings.TrimSuffix(filepath.Base(file), ".txt")
		why := reasons[name]
		delete(missing, name)
		t.Run(name, func(t *testing.T) { compare(t, playFile(t, file), why) })
	}
	if len(missing) > 0 {
		t.Errorf("there are no scripts %v", slices.Sorted(maps.Keys(missing)))
	}
}

// played is what all commands of a script were expected to print and have printed, without log
// lines.
type played struct{ theirs, ours []command36 }

// command36 is a command of a script, and what it has printed.
type command36 struct{ line, output string }

func playFile(t *testing.T, file string) played {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	outcomes, err := rafttest.Replay(f, nil)
	if err != nil {
		t.Fatal(err)
	}
	var p played
	for _, o := range outcomes {
		p.theirs = append(p.theirs, command36{o.Directive, words(o.Data.Expected)})
		p.ours = append(p.ours, command36{o.Directive, words(o.Actual)})
	}
	return p
}

// compare fails the test if the two differ in anything for which there is no reason, and for each
// reason without which they do not differ more.
func compare(t *testing.T, p played, why reason) {
	t.Helper()
	differs := func(why reason) string { return difference(p, why) }
	if d := differs(why); d != "" {
		t.Errorf("%s", d)
		return
	}
	for r := reason(1); r <= allReasons; r <<= 1 {
		if why&r != 0 && differs(why&^r) == "" {
			t.Errorf("reason %b is none", r)
		}
	}
}

// difference describes the first place where the two differ for another reason.
func difference(p played, why reason) string {
	if why&leaves != 0 && orders(p.ours) <= orders(p.theirs) {
		return "no leader hands over that stays with v3.6"
	}
	if why&asks != 0 && !(votesFirst(p.ours) && !votesFirst(p.theirs)) {
		return "no candidate asks later than with v3.6"
	}
	if why&(leaves|flows|asks) != 0 {
		return differentHistory(p)
	}
	for i := range p.ours {
		ours, theirs := p.ours[i].output, p.theirs[i].output
		if why&synced != 0 {
			ours, theirs = withoutSync(ours), withoutSync(theirs)
		}
		if why&appends != 0 {
			ours, theirs = withoutAppends(ours), withoutAppends(theirs)
		}
		if ours != theirs {
			return fmt.Sprintf("%s\nours:\n%s\n\ntheirs:\n%s", p.ours[i].line, ours, theirs)
		}
	}
	return differentHistory(p)
}

var sync = regexp.MustCompile(`MustSync=(true|false)`)

func withoutSync(output string) string { return sync.ReplaceAllString(output, "MustSync=?") }

// votesFirst reports whether no vote is asked for before the append thread has worked.
func votesFirst(commands []command36) bool {
	for _, c := range commands {
		before, _, wrote := strings.Cut(c.output, "processing append thread")
		if strings.Contains(before, " MsgVote ") {
			return false
		}
		if wrote {
			return true
		}
	}
	return false
}

// orders counts the orders to campaign.
func orders(commands []command36) int {
	n := 0
	for _, c := range commands {
		n += strings.Count(c.output, "MsgTimeoutNow")
	}
	return n
}

// withoutAppends leaves out appends and their acknowledgements, what follows from their number, and
// headers of what is empty then.
func withoutAppends(output string) string {
	var kept []string
	inside := false // an append with several entries
	for _, line := range strings.Split(output, "\n") {
		text := strings.TrimPrefix(strings.TrimSpace(line), "dropped: ")
		switch {
		case inside:
			inside = text != "]"
		case appendLine.MatchString(text):
			inside = strings.HasSuffix(text, "Entries:[")
		case progressLine.MatchString(text), text == "ok", text == "<empty Ready>",
			text == "raft: cannot step as peer not found": // as often as there are acknowledgements
		default:
			kept = append(kept, line)
		}
	}
	// A header goes if nothing of its own follows.
	for i := len(kept) - 1; i >= 0; i-- {
		text := strings.TrimSpace(kept[i])
		last := i == len(kept)-1
		switch {
		case text == "Messages:" && (last || strings.HasPrefix(strings.TrimSpace(kept[i+1]), ">")),
			readyLine.MatchString(text) && (last || strings.HasPrefix(strings.TrimSpace(kept[i+1]), ">")),
			strings.HasPrefix(text, "> ") && (last || strings.HasPrefix(strings.TrimSpace(kept[i+1]), ">")):
			kept = slices.Delete(kept, i, i+1)
		}
	}
	return strings.Join(kept, "\n")
}

var (
	appendLine   = regexp.MustCompile(`^\w+->\w+ (MsgApp|MsgAppResp) `)
	progressLine = regexp.MustCompile(`^\d+: State(Probe|Replicate|Snapshot) match=`)
	readyLine    = regexp.MustCompile(`^Ready MustSync=`)
)
