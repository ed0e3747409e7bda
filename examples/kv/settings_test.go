package main

import (
	"bytes"
	"os"
	"path/filepath"
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
		"-id 3":                               "replica 3 has no data in",
		"-id 1 stray":                         `"stray" is not a flag`,
		"-version=false false":                `"false" is not a flag`,
		"-log-level loud":                     "unknown name",
		"-log-level error+1":                  "must be error or below",
		"-pprof=":                             `-pprof must not be ""`,
		"-id 3 -cluster " + twoReplicas:       "replica 3 has no data in",
		"-none":                               "not defined: -none (-h lists the flags)",
		"-id 0":                               `-id must not be "0"`,
		"-cluster=":                           `-cluster must not be ""`,
		"-tick 0s":                            "must be above 0",
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

// TestACommandLineBecomesReplicas: each as id@address with the number of first replicas.
func TestACommandLineBecomesReplicas(t *testing.T) {
	type want struct {
		id      uint64
		address string
		first   int
	}
	ignored := "-cluster is ignored for replica 1\n"
	for line, tc := range map[string]struct {
		replicas []want
		said     string
	}{
		"":                              {[]want{{1, localCluster[1], 3}, {2, localCluster[2], 3}, {3, localCluster[3], 3}}, ""},
		"-cluster " + twoReplicas:       {[]want{{1, "http://a:1", 2}, {2, "http://b:2", 2}}, ignored},
		"-id 1":                         {[]want{{1, "", 0}}, ""},
		"-id 1 -cluster " + twoReplicas: {[]want{{1, "http://a:1", 2}}, ignored},
		"-id 1 -cluster 2=http://b:2":   {[]want{{1, "", 0}}, ignored},
		"-id 2 -cluster " + twoReplicas: {[]want{{2, "http://b:2", 2}}, ""},
		"-id 3 -join http://a:1 -address http://c:3/": {[]want{{3, "http://c:3", 0}}, ""},
	} {
		s, err := parseSettings(append([]string{"-data", inData(t)}, strings.Fields(line)...))
		must(t, err)
		var stderr bytes.Buffer
		all, err := s.replicas(&stderr)
		must(t, err)
		var got []want
		for _, o := range all {
			got = append(got, want{o.id, o.address, len(o.first)})
		}
		if len(got) != len(tc.replicas) {
			t.Fatalf("%s: %v, want %v", line, got, tc.replicas)
		}
		for i := range got {
			if got[i] != tc.replicas[i] {
				t.Errorf("%s: %v, want %v", line, got, tc.replicas)
			}
		}
		if said := stderr.String(); !strings.HasSuffix(said, tc.said) || tc.said == "" && said != "" {
			t.Errorf("%s: says %q, want %q", line, said, tc.said)
		}
	}
}
