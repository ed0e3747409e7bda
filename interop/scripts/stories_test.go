package scripts

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// stories are scripts in which each library sends one message for one reason, so that everything
// agrees to the byte.
var stories = []struct{ name, script string }{
	{"an election and a proposal", `
		add-nodes 3 voters=(1,2,3) index=10
		campaign 1
		stabilize
		propose 1 hello
		stabilize
		raft-log 3
		status 1
		raft-state`},
	{"a vote that is refused", `
		add-nodes 3 voters=(1,2,3) index=10
		campaign 1
		stabilize 1 2
		deliver-msgs drop=(3)
		campaign 3
		process-ready 3
		deliver-msgs 1 2
		stabilize
		raft-state`},
	{"pre-vote", `
		add-nodes 3 voters=(1,2,3) index=10 prevote=true
		campaign 2
		stabilize
		raft-state`},
	{"a learner is added and becomes a voter", `
		add-nodes 3 voters=(1,2) learners=(3) index=10
		campaign 1
		stabilize log-level=none
		propose-conf-change 1 v1=true | v3
		stabilize log-level=none
		status 1
		raft-state`},
	{"a joint configuration that is left by itself", `
		add-nodes 4 voters=(1,2,3) learners=(4) index=10
		campaign 1
		stabilize log-level=none
		propose-conf-change 1 | v4 l3
		stabilize log-level=none
		status 1
		raft-log 4`},
	{"a joint configuration that is left by hand", `
		add-nodes 4 voters=(1,2,3) learners=(4) index=10
		campaign 1
		stabilize log-level=none
		propose-conf-change 1 transition=explicit | v4 l3
		stabilize log-level=none
		status 1
		propose-conf-change 1 |
		stabilize log-level=none
		status 1`},
	{"heartbeats", `
		add-nodes 3 voters=(1,2,3) index=10
		campaign 1
		stabilize
		tick-heartbeat 1
		process-ready 1
		deliver-msgs 2 3
		process-ready 2 3
		deliver-msgs 1
		stabilize`},
	{"the leadership is handed over", `
		add-nodes 3 voters=(1,2,3) index=10
		campaign 1
		stabilize log-level=none
		transfer-leadership from=1 to=3
		stabilize log-level=none
		raft-state`},
	{"a leader without a quorum of votes", `
		add-nodes 3 voters=(1,2,3) index=10
		campaign 1
		process-ready 1
		deliver-msgs drop=(2,3)
		stabilize
		raft-state
		status 1`},
	{"a compacted log", `
		add-nodes 3 voters=(1,2,3) index=10
		campaign 1
		stabilize log-level=none
		propose 1 a
		stabilize log-level=none
		propose 1 b
		stabilize log-level=none
		compact 1 12
		raft-log 1
		raft-log 2`},
	{"asynchronous storage writes", `
		add-nodes 1 voters=(1) index=10 async-storage-writes=true
		campaign 1
		stabilize log-level=none
		propose 1 a
		stabilize log-level=none
		raft-log 1
		raft-state`},
}

func TestStoriesAreTheSameToTheByte(t *testing.T) {
	for _, story := range stories {
		t.Run(story.name, func(t *testing.T) {
			got, want := play(t, ours(), story.script), play(t, theirs(), story.script)
			for i := range want {
				if words(got[i]) != words(want[i]) {
					t.Errorf("command %d\nours:\n%s\n\ntheirs:\n%s", i+1, words(got[i]), words(want[i]))
				}
			}
		})
	}
}

// A file that etcd/raft's rafttest has written replays with the command that users run.
func TestRecordingsReplayWithTheCommand(t *testing.T) {
	var files []string
	dir := t.TempDir()
	for _, story := range stories {
		file := filepath.Join(dir, story.name+".txt")
		text := recording(story.script, play(t, theirs(), story.script))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	replay := func(args ...string) (string, error) {
		command := exec.Command("go", append([]string{"run", "github.com/ffd200af/raft/cmd/raftscript", "-ignore-log"}, args...)...)
		out, err := command.CombinedOutput()
		return string(out), err
	}
	if out, err := replay(files...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	// A recording of something else is noticed.
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.txt")
	if err := os.WriteFile(other, append(text, "raft-state\n----\n1: StateFollower (Voter) Term:9 Lead:2\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := replay(other); err == nil {
		t.Errorf("a wrong recording is taken for right:\n%s", out)
	}
}
