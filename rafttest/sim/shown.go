package sim

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ffd200af/raft/rafttest"
	"github.com/ffd200af/raft/rafttest/property"
)

// maxScripts bounds how often Shrink replays a script.
const maxScripts = 300

// shows replays a script, and reports whether its check, at the end, names a property. A panic is
// shown by panicking.
func shows(script string, p property.Name) (shown bool) {
	defer func() {
		if recover() != nil {
			shown = p == property.NoPanic
		}
	}()
	outcomes, err := rafttest.Replay(strings.NewReader(script), nil)
	if err != nil || len(outcomes) == 0 {
		return false
	}
	for line := range strings.Lines(outcomes[len(outcomes)-1].Actual) {
		if strings.HasPrefix(line, string(p)+": ") {
			return true
		}
	}
	return false
}

// shown reports whether the script of actions shows the failure.
func (sh *shrinker) shown(actions []action) bool {
	if sh.scripts >= maxScripts {
		return false
	}
	sh.scripts++
	return shows(sh.script(actions), sh.property)
}

// replayShown is replay for actions whose script has to show the failure.
func (sh *shrinker) replayShown(actions []action) []action {
	if less := sh.replay(actions); less != nil && sh.shown(less) {
		return less
	}
	return nil
}

// show returns the shortest list of actions that is found whose script shows the failure, beginning
// with the one that is given, the shortest that fails. If there is none it returns the one that is
// given.
func (sh *shrinker) show(actions []action) (list []action, shown bool) {
	if sh.shown(actions) {
		return actions, true
	}
	for _, longer := range slices.Backward(sh.longer) {
		if len(longer) <= len(actions) || !sh.shown(longer) {
			continue
		}
		done := func() bool { return sh.scripts >= maxScripts || sh.replays >= maxReplays }
		return sh.reduce(longer, sh.replayShown, done), true
	}
	return actions, false
}

// headline is the comment above a script.
func headline(f *Failure, shown bool) string {
	out := ""
	if !shown {
		out = "# The check at the end does not show what was broken: package rafttest does not know the property, or the script has taken another way.\n"
	}
	detail := strings.ReplaceAll(f.Detail, "\n", " ")
	return out + fmt.Sprintf("# A run of the simulator (package sim), made small.\n# Broken: %s. %s.\n", f.Property, detail)
}
