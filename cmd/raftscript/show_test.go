package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestShowWritesAPageAnImageOrALog(t *testing.T) {
	script := filepath.Join("..", "..", "testdata", "election.txt")
	for _, tc := range []struct {
		name, args, begin, has string
		status                 int
	}{
		{"a page", "show", "<!DOCTYPE html>", `"w":"1-\u003e2 MsgVote Term:1 Log:1/10`, exitSame},
		{"an image", "show -svg", "<svg ", "leader, term 1", exitSame},
		{"some steps", "show -svg -steps 4-5", "<svg ", `id="step-5"`, exitSame},
		{"a log for ShiViz", "show -shiviz", `node1 {"node1":1}`, `node2 {"node1":3, "node2":2}`, exitSame},
		{"no such steps", "show -svg -steps 5-4", "", "", exitBad},
		{"two formats", "show -svg -shiviz", "", "", exitBad},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := run(append(strings.Fields(tc.args), script), &stdout, &stderr)
			if out := stdout.String(); status != tc.status || !strings.HasPrefix(out, tc.begin) || !strings.Contains(out, tc.has) {
				t.Errorf("status %d, errors %s, output:\n%.300s", status, stderr.String(), out)
			}
		})
	}
	var stdout, stderr bytes.Buffer
	run([]string{"show", "-svg", "-steps", "4-5", script}, &stdout, &stderr)
	if n := strings.Count(stdout.String(), `<g id="step-`); n != 2 {
		t.Errorf("%d steps are drawn, want 2", n)
	}
}

// TestShowDrawsAGroup of a script with several: an image is of one group.
func TestShowDrawsAGroup(t *testing.T) {
	script := filepath.Join("..", "..", "testdata", "multiraft", "dead_store.txt")
	for _, tc := range []struct {
		args, has, hasNot string
		status            int
	}{
		{"show -svg -group 2", "tick 22", "term 3", exitSame},
		{"show -svg -group 1", "term 3", "\x00", exitSame},
		{"show -group 2", `"group":2,`, `"group":1,`, exitSame},
		{"show -shiviz", "group 2: ", "node", exitSame},
		{"show -svg", "", "<svg", exitBad},
		{"show -group 3", "", "<", exitBad},
	} {
		var stdout, stderr bytes.Buffer
		status := run(append(strings.Fields(tc.args), script), &stdout, &stderr)
		if out := stdout.String(); status != tc.status || !strings.Contains(out, tc.has) || strings.Contains(out, tc.hasNot) {
			t.Errorf("%s: status %d, errors %s, output:\n%.300s", tc.args, status, stderr.String(), out)
		}
	}
}

func TestShowOfAScriptWithoutGroupsTakesNoGroup(t *testing.T) {
	var stdout, stderr bytes.Buffer
	status := run([]string{"show", "-group", "1", filepath.Join("..", "..", "testdata", "election.txt")}, &stdout, &stderr)
	if status != exitBad || !strings.Contains(stderr.String(), "there are no groups") {
		t.Errorf("status %d, errors %s", status, stderr.String())
	}
}

func TestShowDrawsACutBetweenStores(t *testing.T) {
	var stdout, stderr bytes.Buffer
	status := run([]string{"show", "-svg", filepath.Join("..", "..", "testdata", "multiraft", "leader_is_taken_away.txt")}, &stdout, &stderr)
	if status != exitSame || !strings.Contains(stdout.String(), `class="cut-words">nothing gets from store 1 to store 3`) {
		t.Errorf("status %d, errors %s: no cut is drawn", status, stderr.String())
	}
}

func TestShowWritesToAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.html")
	var stdout, stderr bytes.Buffer
	if status := run([]string{"show", "-o", path, filepath.Join("..", "..", "testdata", "election.txt")}, &stdout, &stderr); status != exitSame {
		t.Fatal(stderr.String())
	}
	if page, err := os.ReadFile(path); err != nil || !bytes.HasPrefix(page, []byte("<!DOCTYPE html>")) || stdout.Len() > 0 {
		t.Errorf("%v, output %q", err, stdout.String())
	}
}

func TestShowDrawsARecording(t *testing.T) {
	path := recorded(t, func(data []byte) []byte { return data })
	var stdout, stderr bytes.Buffer
	if status := run([]string{"show", path}, &stdout, &stderr); status != exitSame {
		t.Fatal(stderr.String())
	}
	for _, has := range []string{"life 1 starts", "follower, term 1", `"c":"unwatched"`} {
		if !strings.Contains(stdout.String(), has) {
			t.Errorf("the page has no %q", has)
		}
	}
}

// TestShowDrawsRecordingsTogether: those of all nodes of a cluster, of one group or of several.
func TestShowDrawsRecordingsTogether(t *testing.T) {
	paths := recordedNodes(t)
	show := func(args ...string) (string, string, int) {
		var stdout, stderr bytes.Buffer
		status := run(append([]string{"show"}, args...), &stdout, &stderr)
		return stdout.String(), stderr.String(), status
	}
	page, errors, status := show(paths...)
	if status != exitSame || !strings.Contains(page, "node1.rec, node2.rec, node3.rec") {
		t.Errorf("status %d, %s", status, errors)
	}
	if strings.Contains(page, `"c":"unwatched"`) {
		t.Error("all nodes are watched, and the page has one that is not")
	}
	if page, errors, status = show("7:"+paths[0], "9:"+paths[0]); status != exitSame || !strings.Contains(page, `"group":7,`) || !strings.Contains(page, `"group":9,`) {
		t.Errorf("two groups: status %d, %s", status, errors)
	}
	if _, errors, status = show(paths[0], paths[0]); status != exitBad || !strings.Contains(errors, "name the group") {
		t.Errorf("a node twice: status %d, %s", status, errors)
	}
	if _, errors, status = show(paths[0], filepath.Join("..", "..", "testdata", "election.txt")); status != exitBad || !strings.Contains(errors, "no recording") {
		t.Errorf("with a script: status %d, %s", status, errors)
	}
}

func TestShowRefusesWhatItCannotRead(t *testing.T) {
	for _, args := range [][]string{{"show"}, {"show", "nowhere.txt"}, {"show", "-fast", "a"}} {
		var stdout, stderr bytes.Buffer
		if status := run(args, &stdout, &stderr); status != exitBad || stderr.Len() == 0 {
			t.Errorf("%q: status %d", args, status)
		}
	}
}

func TestShowDrawsASeed(t *testing.T) {
	var first, again, stderr bytes.Buffer
	for _, out := range []*bytes.Buffer{&first, &again} {
		if status := run(strings.Fields("show -seed 2 -nodes 3 -events 400 -shiviz"), out, &stderr); status != exitSame {
			t.Fatal(stderr.String())
		}
	}
	if !bytes.Equal(first.Bytes(), again.Bytes()) {
		t.Error("a seed has two pictures")
	}
	for _, has := range []string{"leader, term", "crashes", "disk writes", "sends to"} {
		if !strings.Contains(first.String(), has) {
			t.Errorf("the log has no %q", has)
		}
	}
}
