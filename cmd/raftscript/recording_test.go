package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ffd200af/raft/rafttest/sim"
	"github.com/ffd200af/raft/recording"
	"github.com/ffd200af/raft/recording/replay"
)

// recorded writes the recording of a node's life into a file.
func recorded(t *testing.T, change func([]byte) []byte) string {
	t.Helper()
	node := recordedNodes(t)[0]
	data, err := os.ReadFile(node)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(filepath.Dir(node), "node.rec")
	if err := os.WriteFile(path, change(data), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// recordedNodes writes the recordings of the nodes of a simulated cluster, and returns the paths.
func recordedNodes(t *testing.T) (paths []string) {
	t.Helper()
	lives := map[uint64]*bytes.Buffer{}
	c := sim.Config{Seed: 2, Nodes: 3, Steps: 400, Faults: sim.NoFaults()}
	c.Recording = func(id uint64) io.Writer {
		lives[id] = &bytes.Buffer{}
		return lives[id]
	}
	if _, err := sim.Run(c); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for id := uint64(1); id <= uint64(len(lives)); id++ {
		paths = append(paths, filepath.Join(dir, fmt.Sprintf("node%d.rec", id)))
		if err := os.WriteFile(paths[id-1], lives[id].Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// written reads a recording, changes its records, and writes it again.
func written(data []byte, change func([]recording.Record) []recording.Record) []byte {
	records, err := replay.Read(bytes.NewReader(data))
	if err != nil {
		panic(err)
	}
	out := []byte(recording.Header)
	for _, r := range change(records) {
		out = append(out, recording.Encode(&r)...)
	}
	return out
}

func TestRecordings(t *testing.T) {
	// withoutStart is what a small ring has kept.
	withoutStart := func(data []byte) []byte {
		return written(data, func(l []recording.Record) []recording.Record { return l[1:] })
	}
	// twice is a file to which a second life was appended, when the first was cut.
	twice := func(data []byte) []byte { return append(bytes.Clone(data[:len(data)-1]), data...) }
	// In damaged, a byte in the middle of the second of three lives is changed; in worn, one in
	// the last of two.
	damaged := func(data []byte) []byte {
		second := bytes.Clone(data)
		second[len(second)/2] ^= 0x40
		return slices.Concat(data, second, data)
	}
	worn := func(data []byte) []byte {
		last := bytes.Clone(data)
		last[len(last)/2] ^= 0x40
		return append(bytes.Clone(data), last...)
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
				return written(data, func(l []recording.Record) []recording.Record {
					for i := range l {
						if l[i].Kind == recording.Tick {
							l[i].Kind = recording.Campaign
							break
						}
					}
					return l
				})
			},
		},
		{name: "the start is lost: not replayed", command: "replay", status: exitBad, err: "neither the start of the node", change: withoutStart},
		{name: "the start is lost: printed", command: "step", status: exitSame, out: "Storage.InitialState", change: withoutStart},
		{name: "two lives replayed", command: "replay", status: exitDifferent, out: "node.rec: life 2: ", change: twice},
		{name: "the cut is told", command: "replay", status: exitDifferent, out: "node.rec: life 1: replay: the rest of the life is cut or damaged", change: twice},
		{name: "two lives printed", command: "step", status: exitDifferent, out: "node.rec: life 2\n", change: twice},
		{name: "damage in the middle", command: "replay", status: exitDifferent, out: "life 2: replay: the rest of the life is cut or damaged", change: damaged},
		{name: "what is whole is replayed all the same", command: "replay", status: exitDifferent, out: "life 3: ", change: damaged},
		{name: "a life that is whole", command: "replay -life 3", status: exitSame, out: "to the byte", change: damaged},
		{name: "a life that is not", command: "replay -life 2", status: exitDifferent, out: "cut or damaged", change: damaged},
		{name: "damage printed", command: "step", status: exitDifferent, out: "cut or damaged", change: damaged},
		{
			name: "damage exported", command: "export -life 2", status: exitDifferent, change: damaged,
			out: "# Here the recording is cut or damaged", err: "node.rec: replay: the rest of the life is cut or damaged",
		},
		{name: "damage in the last life", command: "replay", status: exitDifferent, out: "life 2: replay: the rest of the life is cut or damaged", change: worn},
		{name: "the first life is replayed before it", command: "replay", status: exitDifferent, out: "life 1: ", change: worn},
		{name: "the first start is damaged", command: "replay", status: exitBad, err: "life 1: replay: the recording has neither", change: func(data []byte) []byte {
			first := bytes.Clone(data)
			first[len(recording.Header)+3] ^= 0x40
			return append(first, data...)
		}},
		{name: "a life without its start", command: "replay", status: exitBad, err: "life 1: replay: the recording has neither", change: func(data []byte) []byte {
			return append(withoutStart(data), data...)
		}},
		{name: "the second life replayed", command: "replay -life 2", status: exitSame, out: "node.rec: ", change: twice},
		{name: "the first life exported", command: "export -life 1", status: exitDifferent, out: "life 1", change: twice},
		{name: "the last life exported", command: "export", status: exitSame, out: "life 2", change: twice},
		{name: "there is no such life", command: "step -life 3", status: exitBad, err: "lives 1 to 2", change: twice},
		{name: "no number of a life", command: "step -life x", status: exitBad, err: "invalid value"},
		{name: "nothing behind the header", command: "replay", status: exitBad, err: "is empty", change: func([]byte) []byte { return []byte(recording.Header) }},
		{name: "no recording", command: "replay", status: exitBad, err: "bad format", change: func([]byte) []byte { return []byte("something else") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.change == nil {
				tc.change = func(data []byte) []byte { return data }
			}
			var stdout, stderr bytes.Buffer
			status := run(append(strings.Fields(tc.command), recorded(t, tc.change)), &stdout, &stderr)
			if status != tc.status || !strings.Contains(stdout.String(), tc.out) || !strings.Contains(stderr.String(), tc.err) {
				t.Errorf("status %d\n%.600s\n%s", status, stdout.String(), stderr.String())
			}
		})
	}
}

func TestARecordingHasToBeNamed(t *testing.T) {
	for _, args := range [][]string{{"replay"}, {"replay", "-life", "1"}, {"step", "-life=2"}, {"export"}} {
		var stdout, stderr bytes.Buffer
		if status := run(args, &stdout, &stderr); status != exitBad || !strings.Contains(stderr.String(), "needs a recording") {
			t.Errorf("%q: status %d, %s", args, status, stderr.String())
		}
	}
}
