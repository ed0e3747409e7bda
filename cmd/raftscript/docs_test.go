package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "draw the pictures in docs again")

// TestThePicturesInDocsShowWhatHappens draws each again. After a change, run the test with -update,
// and look at the pictures.
func TestThePicturesInDocsShowWhatHappens(t *testing.T) {
	for _, tc := range []struct{ file, script, steps string }{
		{"picture-election.svg", "election", "4-24"},
		{"picture-figure-3-7.svg", "overwritten_figure_3_7", "36-101"},
		{"picture-joint.svg", "joint_consensus", "23-83"},
	} {
		t.Run(tc.file, func(t *testing.T) {
			var drawn, stderr bytes.Buffer
			args := []string{"show", "-svg", "-steps", tc.steps, filepath.Join("..", "..", "testdata", tc.script+".txt")}
			if status := run(args, &drawn, &stderr); status != exitSame {
				t.Fatal(stderr.String())
			}
			path := filepath.Join("..", "..", "docs", tc.file)
			if *update {
				if err := os.WriteFile(path, drawn.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			kept, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(kept, drawn.Bytes()) {
				t.Errorf("%s is not what %s draws: run go test ./cmd/raftscript -run Docs -update", path, strings.Join(args, " "))
			}
			page, err := os.ReadFile(filepath.Join("..", "..", "docs", "pictures.md"))
			if err != nil || !strings.Contains(string(page), "]("+tc.file+")") {
				t.Errorf("docs/pictures.md does not show %s: %v", tc.file, err)
			}
		})
	}
}
