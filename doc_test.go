package raft_test

import (
	"errors"
	"os"
	"slices"
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
			report(node.Propose(data)) // raft.ErrProposalDropped: not appended
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
	var code []string
	for line := range strings.Lines(read(t, "doc.go")) {
		if line, ok := strings.CutPrefix(line, "//\t"); ok {
			code = append(code, line)
		}
	}
	compiles(t, code, 15)
}

// migratedProposal is the first piece of code in MIGRATING.md.
func migratedProposal(node *raft.RawNode, cc raftpb.ConfChangeI, refuse, retry, report func(error)) {
	switch err := node.CheckConfChange(cc); {
	case err == nil:
		err = node.ProposeConfChange(cc)
		report(err)
	case errors.Is(err, raft.ErrBadConfChange):
		refuse(err) // not legal in the active configuration
	case errors.Is(err, raft.ErrProposalDropped):
		retry(err) // raft.ErrConfChangePending: when the earlier change is applied
	}
}

// migratedBatch is the second one.
func migratedBatch(rd raft.Ready, again func([]byte), serve func([]byte, uint64), send func([]raftpb.Message)) {
	for _, rs := range rd.ReadStates {
		serve(rs.RequestCtx, rs.Index) // when applied up to there
	}
	for _, context := range rd.DroppedReads { // v3.6 says nothing of these
		again(context)
	}
	go send(slices.Clone(rd.Messages)) // a copy, if sending may end after Advance
}

func TestTheCodeInTheMigrationGuideCompiles(t *testing.T) {
	_, _ = migratedProposal, migratedBatch
	var code []string
	inside := false
	for line := range strings.Lines(read(t, "MIGRATING.md")) {
		if strings.HasPrefix(line, "```") {
			inside = line == "```go\n"
		} else if inside {
			code = append(code, line)
		}
	}
	compiles(t, code, 13)
}

// compiles checks that each line of a document's code stands in this file, inside a function, and that
// there are at least so many.
func compiles(t *testing.T, code []string, atLeast int) {
	t.Helper()
	source := read(t, "doc_test.go")
	for _, line := range code {
		if !strings.Contains(source, "\n\t"+line) {
			t.Errorf("this line of the documentation does not compile anywhere: %s", line)
		}
	}
	if len(code) < atLeast {
		t.Errorf("found %d lines of code", len(code))
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
