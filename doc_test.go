package raft_test

import (
	"os"
	"strings"
	"testing"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/raftpb"
)

// documentedLoop is the loop of the package documentation, line by line, so that it compiles.
func documentedLoop(
	node *raft.RawNode, ticks <-chan struct{}, network <-chan raftpb.Message, proposals <-chan []byte, report func(error),
	save func(raftpb.Snapshot, []raftpb.Entry, raftpb.HardState, bool), send func([]raftpb.Message), apply func(raftpb.Snapshot, []raftpb.Entry),
) error {
	for {
		select {
		case <-ticks:
			node.Tick()
		case m := <-network:
			report(node.Step(m)) // a message that is refused has changed nothing
		case data := <-proposals:
			report(node.Propose(data)) // errors.Is(err, raft.ErrProposalDropped): not appended
		}
		for node.HasReady() {
			rd := node.Ready()
			save(rd.Snapshot, rd.Entries, rd.HardState, rd.MustSync) // in one atomic write
			send(rd.Messages)                                        // after the write, never before
			apply(rd.Snapshot, rd.CommittedEntries)                  // in order; ApplyConfChange for configuration changes
			node.Advance(rd)
		}
		if err := node.Err(); err != nil {
			return err // this node is quarantined; others in the process go on
		}
	}
}

func TestTheLoopInThePackageDocumentationCompiles(t *testing.T) {
	_ = documentedLoop
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("doc_test.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for line := range strings.Lines(string(doc)) {
		code, ok := strings.CutPrefix(line, "//\t")
		if !ok {
			continue
		}
		lines++
		if !strings.Contains(string(source), "\n\t"+code) {
			t.Errorf("this line of the documentation does not compile anywhere: %s", code)
		}
	}
	if lines < 15 {
		t.Errorf("found %d lines of code", lines)
	}
}
