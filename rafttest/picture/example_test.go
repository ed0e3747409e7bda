package picture_test

import (
	"fmt"
	"io"
	"strings"

	"github.com/ffd200af/raft/rafttest"
	"github.com/ffd200af/raft/rafttest/picture"
)

// A script is drawn. The same Recorder takes down a program's own cluster: whoever drives the nodes
// calls its methods.
func ExampleRecorder() {
	script := `
# Node 1 asks for votes.
add-nodes 3 voters=(1,2,3) index=2
----

campaign 1
----

stabilize
----
`
	rec := picture.NewRecorder()
	if _, err := rafttest.Replay(strings.NewReader(script), &rafttest.InteractionOpts{Picture: rec}); err != nil {
		panic(err)
	}
	p := rec.Picture()
	if err := p.WriteHTML(io.Discard); err != nil { // a file, in a program
		panic(err)
	}
	for _, m := range p.Messages[:4] {
		fmt.Printf("%d to %d: %s, %s\n", m.From, m.To, m.Text, m.Fate)
	}
	// Output:
	// 1 to 2: Vote term 1, log 1/2, delivered
	// 1 to 3: Vote term 1, log 1/2, delivered
	// 2 to 1: VoteResp yes, delivered
	// 3 to 1: VoteResp yes, delivered
}
