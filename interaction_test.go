package raft_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/ffd200af/raft/rafttest"
)

// TestScripts plays the scripts of testdata, each in a cluster of its own. They are the readable
// specification of the library: run with -rewrite after a change, and read what it
// does to them.
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	stores, _ := filepath.Glob("testdata/multiraft/*.txt")
	if err != nil || len(paths) == 0 || len(stores) == 0 {
		t.Fatalf("no scripts in testdata: %v", err)
	}
	for _, path := range append(paths, stores...) {
		name, _ := filepath.Rel("testdata", path)
		t.Run(strings.TrimSuffix(name, ".txt"), func(t *testing.T) {
			env := rafttest.NewInteractionEnv(nil)
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				return env.Handle(t, *d)
			})
			if err := env.Check(); err != nil {
				t.Errorf("after the last command: %v", err)
			}
		})
	}
}
