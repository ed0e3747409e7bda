package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ffd200af/raft"
)

func TestTraceNeedsTheTag(t *testing.T) {
	if raft.StateTraceDeployed {
		t.Skip("the tag is there")
	}
	var out, errs bytes.Buffer
	if status := run([]string{"trace", "-seed", "1"}, &out, &errs); status != exitDifferent || out.Len() > 0 {
		t.Errorf("status %d, output %q", status, &out)
	}
	if !strings.Contains(errs.String(), "build with -tags with_tla") {
		t.Errorf("got %q", &errs)
	}
}

// traced runs raftscript trace and returns its standard output, its standard error and the exit
// status.
func traced(t *testing.T, args ...string) (out, errs string, status int) {
	t.Helper()
	if !raft.StateTraceDeployed {
		t.Skip("the library is built without the tag with_tla")
	}
	var stdout, stderr bytes.Buffer
	status = run(append([]string{"trace"}, args...), &stdout, &stderr)
	return stdout.String(), stderr.String(), status
}

func TestTracesOfSimulatedClustersAreRunsOfTheSpecification(t *testing.T) {
	for seed := range 20 {
		for _, nodes := range []string{"3", "5"} {
			out, errs, status := traced(t, "-seed", fmt.Sprint(seed+1), "-nodes", nodes)
			if status != exitSame || strings.Count(out, "\n") < 1000 || !strings.Contains(errs, ": a run of the specification\n") {
				t.Errorf("seed %d: status %d, %d events, %s", seed+1, status, strings.Count(out, "\n"), errs)
			}
			if !strings.Contains(out, "BecomeLeader") || !strings.Contains(out, `"name":"ReceiveAppendEntriesResponse"`) {
				t.Errorf("seed %d: no leader, or nothing replicated", seed+1)
			}
		}
	}
}

func TestTraceOfAScript(t *testing.T) {
	path := file(t, "add-nodes 1 voters=(1) index=2\n----\n\ncampaign 1\n----\n\nstabilize\n----\n")
	out, errs, status := traced(t, path)
	if status != exitSame || !strings.HasPrefix(out, `{"tag":"trace","seq":"0000000001","event":{"name":"InitState","nid":"1",`) {
		t.Errorf("status %d, output %s", status, out)
	}
	if !strings.Contains(errs, "needs at least 100 events") {
		t.Errorf("got %s", errs)
	}
	path = file(t, "add-nodes 3 voters=(1,2,3) index=2\n----\n\ncampaign 1\n----\n\n"+
		"propose-conf-change 1 v1=false\nl1 v2 l3\n----\n\nstabilize\n----\n\npropose-conf-change 1\nl2 l3\n----\n\nstabilize\n----\n")
	if _, errs, status = traced(t, path); status != exitDifferent || !strings.Contains(errs, "2 changes at once") {
		t.Errorf("status %d, %s", status, errs)
	}
	if out, errs, status = traced(t, "-check=false", path); status != exitSame || out == "" || strings.Contains(errs, "changes at once") {
		t.Errorf("status %d, %s", status, errs)
	}
}

func TestTraceOfARecording(t *testing.T) {
	path := recorded(t, func(data []byte) []byte { return data })
	out, errs, status := traced(t, path)
	if status != exitSame || !strings.Contains(out, `"name":"InitState","nid":"1"`) || !strings.Contains(out, `"name":"Ready"`) {
		t.Errorf("status %d, %s", status, errs)
	}
	if strings.Contains(out, `"nid":"2","state"`) {
		t.Error("another node is in it")
	}
	path = recorded(t, func(data []byte) []byte { return data[:len(data)/2] })
	if _, errs, status = traced(t, path); status != exitBad {
		t.Errorf("a damaged recording: status %d, %s", status, errs)
	}
}

func TestTraceUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"a", "b"}, {"-seed", "1", "a"}, {"-no-such-flag"}, {"no-such-file"}} {
		if _, errs, status := traced(t, args...); status != exitBad || errs == "" {
			t.Errorf("%q: status %d, %s", args, status, errs)
		}
	}
	if _, errs, status := traced(t, "-h"); status != exitSame || !strings.Contains(errs, "-nodes") {
		t.Errorf("status %d, %s", status, errs)
	}
}

// file writes a script into a file.
func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script.txt")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}
