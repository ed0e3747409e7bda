package progress

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestScripts runs the files in testdata, each the story of one follower. Every command
// prints what it returned, if anything, then the Progress and the commit index that was told.
func TestScripts(t *testing.T) {
	// Not all of testdata: rapid leaves the failures that it finds in a folder there.
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			var f follower
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				answer := f.run(t, d)
				return fmt.Sprintf("%s%s told=%d\n", answer, f.pr.String(), f.pr.sentCommit)
			})
		})
	}
}

// follower is what a script speaks of.
type follower struct {
	pr     Progress
	limits Limits
}

func (f *follower) run(t *testing.T, d *datadriven.TestData) string {
	number := func(key string) (v uint64) {
		if d.HasArg(key) {
			d.ScanArgs(t, key, &v)
		}
		return v
	}
	switch d.Cmd {
	case "new":
		f.pr = New(number("next"))
		f.limits = Limits{Messages: int(number("inflight")), Bytes: number("bytes")}
	case "append":
		f.pr.SentAppend(int(number("entries")), number("bytes"), number("commit"), f.limits)
	case "ack":
		advanced := f.pr.MaybeUpdate(number("index"))
		f.pr.Inflights.FreeLE(number("index"))
		return fmt.Sprintf("advanced: %t\n", advanced)
	case "reject":
		return fmt.Sprintf("news: %t\n", f.pr.MaybeDecrTo(number("at"), number("hint")))
	case "due":
		return fmt.Sprintf("due: %t\n", f.pr.AppendDue(number("last"), number("commit")))
	case "probe":
		f.pr.BecomeProbe()
	case "replicate":
		f.pr.BecomeReplicate()
	case "snapshot":
		f.pr.BecomeSnapshot(number("index"))
	case "age":
		return fmt.Sprintf("timeouts: %d\n", f.pr.AgeSnapshot())
	case "ping":
		f.pr.Ping()
	case "pause":
		f.pr.Pause()
	case "heard":
		f.pr.HeardFrom()
	default:
		t.Fatalf("unknown command %s", d.Cmd)
	}
	return ""
}
