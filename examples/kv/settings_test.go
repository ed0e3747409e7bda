package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const twoReplicas = "1=http://a:1,2=http://b:2/"

// inData makes a folder of data in which replica 1 is in use.
func inData(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "1"), 0o700))
	must(t, os.WriteFile(filepath.Join(dir, "1", "data"), nil, 0o600))
	return dir
}

// TestACommandLineThatMakesNoSenseIsRefused with exit status 2 and a line that says why.
func TestACommandLineThatMakesNoSenseIsRefused(t *testing.T) {
	for line, want := range map[string]string{
		"-id 1 stray":                         `"stray" is not a flag`,
		"-version=false false":                `"false" is not a flag`,
		"-log-level loud":                     "unknown name",
		"-log-level error+1":                  "must be error or below",
		"-pprof=":                             `-pprof must not be ""`,
		"-none":                               "not defined: -none (-h lists the flags)",
		"-id 0":                               `-id must not be "0"`,
		"-cluster=":                           `-cluster must not be ""`,
		"-tick 0s":                            "must be above 0",
		"-snapshot-rate -1":                   "must not be below 0",
		"-compact-after 3":                    "must be 0, or at least 4",
		"-timeout -1s":                        "must be above 0",
		"-address http://a:1":                 "-address needs -join",
		"-listen :1":                          "-listen needs -id",
		"-join http://a:1":                    "-join needs -id and -address",
		"-id 3 -join http://a:1":              "-join needs -id and -address",
		"-id 3 -join a:1 -address http://c:1": `"a:1" is not like http://host:port`,
		"-cluster 1=http://a:1,1=http://b:1":  "one http://host:port",
		"-cluster 1=http://a:1/x":             "one http://host:port",
		"-cluster 0=http://a:1":               "does not begin with the id",
		"-id 3 -join http://a:1 -address http://c:1 -cluster " + twoReplicas: "no -cluster",
		"-id 3 -join http://a:1 -address http://c:1 -bootstrap":              "or -bootstrap",
	} {
		var stdout, stderr bytes.Buffer
		status := run(append([]string{"-data", inData(t)}, strings.Fields(line)...), &stdout, &stderr)
		said := stderr.String()
		if status != 2 || !strings.Contains(said, want) || strings.Count(said, "\n") != 1 || stdout.Len() > 0 {
			t.Errorf("%s: status %d, %q, %q; want %q", line, status, stderr.String(), stdout.String(), want)
		}
	}
}

func TestHelpIsNoError(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run([]string{"-h"}, &stdout, &stderr); status != 0 || !strings.Contains(stdout.String(), "-cluster") || stderr.Len() > 0 {
		t.Errorf("status %d, %q, %q", status, stdout.String(), stderr.String())
	}
}

func TestAFlagReachesTheReplica(t *testing.T) {
	s, err := parseSettings(strings.Fields("-data " + inData(t) + " -min-free 7 -compact-after 8 -snapshot-rate 9"))
	must(t, err)
	all, err := s.replicas(io.Discard)
	must(t, err)
	for _, o := range all {
		if o.minFree != 7 || o.compactAfter != 8 || o.snapshotRate != 9 {
			t.Errorf("%+v", o)
		}
	}
	s, err = parseSettings([]string{"-data", inData(t)})
	must(t, err)
	if s.minFree != 64<<20 || s.compactAfter != 0 {
		t.Errorf("by default %d bytes stay free, and %d entries are compacted", s.minFree, s.compactAfter)
	}
}

func TestACommandLineBecomesReplicas(t *testing.T) {
	type want struct {
		id      uint64
		address string
		first   int
		joins   bool
		ignored string
	}
	both := "-cluster and -bootstrap are"
	for line, all := range map[string][]want{
		"":                                       {{1, localCluster[1].Address, 3, false, ""}, {2, localCluster[2].Address, 3, false, ""}, {3, localCluster[3].Address, 3, false, ""}},
		"-cluster " + twoReplicas:                {{1, "http://a:1", 2, false, "-cluster is"}, {2, "http://b:2", 2, false, "-cluster is"}},
		"-id 1":                                  {{1, "", 0, false, ""}},
		"-id 1 -bootstrap":                       {{1, "", 0, false, "-bootstrap is"}},
		"-id 1 -cluster " + twoReplicas:          {{1, "http://a:1", 0, false, "-cluster is"}},
		"-id 1 -bootstrap -cluster 2=http://b:2": {{1, "", 0, false, both}},
		"-id 2 -bootstrap -cluster " + twoReplicas:    {{2, "http://b:2", 2, false, both}},
		"-id 3 -join http://a:1 -address http://c:3/": {{3, "http://c:3", 0, true, ""}},
	} {
		s, err := parseSettings(append([]string{"-data", inData(t)}, strings.Fields(line)...))
		must(t, err)
		replicas, err := s.replicas(io.Discard)
		must(t, err)
		var got []want
		for _, o := range replicas {
			got = append(got, want{o.id, o.address, len(o.first), o.joins, o.ignored})
		}
		if !slices.Equal(got, all) {
			t.Errorf("%s: %v, want %v", line, got, all)
		}
	}
}
