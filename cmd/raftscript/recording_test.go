package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ffd200af/raft/rafttest/sim"
	"github.com/ffd200af/raft/recording"
)

// recorded writes the recording of a node's life into a file.
func recorded(t *testing.T, change func([]byte) []byte) string {
	t.Helper()
	var lives []*bytes.Buffer
	c := sim.Config{Seed: 2, Nodes: 3, Steps: 400, Faults: sim.NoFaults()}
	c.Recording = func(uint64) io.Writer {
		lives = append(lives, &bytes.Buffer{})
		return lives[len(lives)-1]
	}
	if _, err := sim.Run(c); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "node.rec")
	if err := os.WriteFile(path, change(lives[0].Bytes()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRecordings(t *testing.T) {
	// withoutStart is what a ring has kept.
	withoutStart := func(data []byte) []byte {
		skip := len(recording.Header) + 1 + int(data[len(recording.Header)])
		return append([]byte(recording.Header), data[skip:]...)
	}
	for _, tc := range []struct {
		name, command string
		change        func([]byte) []byte
		status        int
		out, err      string
	}{
		{name: "replayed", command: "replay", status: exitSame, out: "inputs, to the byte"},
		{name: "stepped through", command: "step", status: exitSame, out: "term=1 vote="},
		{name: "exported", command: "export", status: exitSame, out: "process-ready 1\n----\n"},
		{
			name: "another one", command: "replay", status: exitDifferent, out: "replay: record",
			change: func(data []byte) []byte {
				return bytes.Replace(data, []byte{byte(recording.Tick), 0, 0}, []byte{byte(recording.Campaign), 0, 0}, 1)
			},
		},
		{name: "the start is lost: not replayed", command: "replay", status: exitBad, err: "does not begin with the start", change: withoutStart},
		{name: "the start is lost: printed", command: "step", status: exitSame, out: "Storage.InitialState", change: withoutStart},
		{name: "no recording", command: "replay", status: exitBad, err: "bad format", change: func([]byte) []byte { return []byte("something else") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.change == nil {
				tc.change = func(data []byte) []byte { return data }
			}
			var stdout, stderr bytes.Buffer
			status := run([]string{tc.command, recorded(t, tc.change)}, &stdout, &stderr)
			if status != tc.status || !strings.Contains(stdout.String(), tc.out) || !strings.Contains(stderr.String(), tc.err) {
				t.Errorf("status %d\n%.600s\n%s", status, stdout.String(), stderr.String())
			}
		})
	}
}
