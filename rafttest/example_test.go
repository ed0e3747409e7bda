package rafttest_test

import (
	"fmt"
	"log"
	"strings"
	"testing"

	"github.com/ffd200af/raft/rafttest"
	"github.com/ffd200af/raft/rafttest/sim"
)

// A script is replayed, and what differs from its expectations is printed.
func ExampleReplay() {
	outcomes, err := rafttest.Replay(strings.NewReader(`
add-nodes 1 voters=(1) index=2
----
INFO 1 starts at term 0: commit 2, applied 2, last entry 1/2, voters=(1)

raft-state
----
1: StateLeader (Voter) Term:1 Lead:1
`), nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range outcomes {
		if o.Actual != o.Data.Expected {
			fmt.Printf("line %d: %s prints\n%s", o.Line, o.Directive, o.Actual)
		}
	}
	// Output:
	// line 6: raft-state prints
	// 1: StateFollower (Voter) Term:0 Lead:0
}

// The test of a storage engine. An adapter makes a rafttest.Disk of the engine; here it is the Disk
// of the simulator.
func ExampleTestStorage() {
	_ = func(t *testing.T) { // func TestMyEngine(t *testing.T)
		rafttest.TestStorage(t, func(t *testing.T) rafttest.Disk { return sim.NewMemoryDisk() })
	}
}
