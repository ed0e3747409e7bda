package main

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft/rafttest/sim"
)

// files runs the command for a few crashes, and returns what it has written by name.
func files(t *testing.T) map[string][]byte {
	t.Helper()
	folder := t.TempDir()
	if err := run(folder, 3, 7); err != nil {
		t.Fatal(err)
	}
	found := map[string][]byte{}
	for _, name := range []string{"elections.csv", "elections.svg", "elections.md"} {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		found[name] = data
	}
	return found
}

func TestTheSameSeedGivesTheSameFiles(t *testing.T) {
	once, again := files(t), files(t)
	for name, data := range once {
		if !bytes.Equal(data, again[name]) {
			t.Errorf("%s differs from run to run", name)
		}
	}
	lines, err := csv.NewReader(bytes.NewReader(once["elections.csv"])).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if columns := len(allCurves()) + 1; len(lines) != 1+3 || len(lines[0]) != columns {
		t.Errorf("%d lines of %d columns, want a head and 3 trials of %d", len(lines), len(lines[0]), columns)
	}
	for _, want := range []string{"| 150-155 | 3 |", "| 150-150 | 1 |", "| median 287 |", "elections.svg", "## Differences"} {
		if !bytes.Contains(once["elections.md"], []byte(want)) {
			t.Errorf("%q is not on the page", want)
		}
	}
	checkPicture(t, once["elections.svg"])
}

// checkPicture: it is well-formed, and names every range and every claim of the paper.
func checkPicture(t *testing.T, picture []byte) {
	var words []string
	decoder := xml.NewDecoder(bytes.NewReader(picture))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if text, ok := token.(xml.CharData); ok {
			words = append(words, strings.TrimSpace(string(text)))
		}
	}
	for _, c := range claims {
		if !slices.Contains(words, c.label) {
			t.Errorf("%q is not in the picture", c.label)
		}
	}
	for _, c := range allCurves() {
		if !slices.Contains(words, c.timeouts()+" ms") {
			t.Errorf("%q is not in the picture", c.timeouts())
		}
	}
}

// The data in docs is what this code measures: the first trials of each curve say so.
func TestTheDataInDocsBelongsToTheCode(t *testing.T) {
	stored, err := os.ReadFile(filepath.Join("..", "docs", "elections.csv"))
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(bytes.NewReader(stored)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != 1+fullTrials {
		t.Fatalf("%d trials, want %d", len(lines)-1, fullTrials)
	}
	curves := allCurves()
	if err := measure(curves, 2, fullSeed); err != nil {
		t.Fatal(err)
	}
	for i, c := range curves {
		if lines[0][i+1] != c.name() {
			t.Errorf("column %d is %q, want %q", i+1, lines[0][i+1], c.name())
		}
		for k, d := range c.trials {
			if got, want := lines[1+k][i+1], millisField(d.Ticks/ticksPerMillisecond); got != want {
				t.Errorf("%s, trial %d: docs has %s ms, the code %s; run `go run ./figures` again", c.name(), k, got, want)
			}
		}
	}
}

func TestAQuantileIsAValueThatOccurs(t *testing.T) {
	sorted := []float64{1, 2, 3, 4}
	for share, want := range map[float64]float64{0: 1, 0.25: 1, 0.26: 2, 0.5: 2, 0.99: 4, 1: 4} {
		if got := quantile(sorted, share); got != want {
			t.Errorf("quantile %g is %g, want %g", share, got, want)
		}
	}
}

func TestACrashWithoutALeaderIsCounted(t *testing.T) {
	c := &curve{least: 1, most: 2, trials: []sim.Downtime{{Ticks: 100, Terms: 1}, {Ticks: math.Inf(1), Terms: 3}}}
	if s := summarize(c); s.without != 1 || s.trials != 2 || s.least != 10 || s.terms != 2 || cell(s.most) != "-" {
		t.Errorf("%+v", s)
	}
	if data := string(table([]*curve{c})); data != "trial,1-2\n0,10.0\n1,inf\n" {
		t.Errorf("%q", data)
	}
	if points := cumulative(c.millis(), boundMillis); points[len(points)-1].Y != 50 {
		t.Errorf("the curve ends at %g percent", points[len(points)-1].Y)
	}
}
