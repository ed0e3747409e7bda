package replay

import (
	"fmt"
	"strings"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/internal/options"
	pb "github.com/ffd200af/raft/raftpb"
	"github.com/ffd200af/raft/recording"
)

// Describe renders a record as one line: what was done to the node, or what it was answered.
func Describe(r *recording.Record) string {
	switch r.Kind {
	case recording.Start:
		return describeStart(r)
	case recording.Step:
		var m pb.Message
		if err := m.Unmarshal(r.Blob(0)); err != nil {
			return "Step " + err.Error()
		}
		return "Step " + raft.DescribeMessage(m, nil)
	case recording.Propose:
		return fmt.Sprintf("Propose %q", r.Blob(0))
	case recording.ApplyConfChange:
		var cc pb.ConfChangeV2
		if err := cc.Unmarshal(r.Blob(0)); err != nil {
			return "ApplyConfChange " + err.Error()
		}
		return "ApplyConfChange " + pb.ConfChangesToString(cc.Changes)
	case recording.ReadIndex:
		return fmt.Sprintf("ReadIndex %q", r.Blob(0))
	case recording.Checkpoint:
		return fmt.Sprintf("(a checkpoint of %d bytes)", len(r.Blob(0)))
	case recording.Lost:
		if r.Number(0) == 0 {
			return "(a record is cut here, or damaged)"
		}
		return fmt.Sprintf("(%d records before this place are lost)", r.Number(0))
	case recording.InitialState:
		var hs pb.HardState
		var cs pb.ConfState
		if err := firstOf(hs.Unmarshal(r.Blob(1)), cs.Unmarshal(r.Blob(2))); err != nil {
			return "InitialState " + err.Error()
		}
		return fmt.Sprintf("Storage.InitialState: %s %s", raft.DescribeHardState(hs), raft.DescribeConfState(cs))
	}
	return describeNumbers(r)
}

// describeStart renders a start with all options that are not zero.
func describeStart(r *recording.Record) string {
	c, err := Config(r)
	var b strings.Builder
	fmt.Fprintf(&b, "Start %x applied=%d", c.ID, c.Applied)
	for _, o := range options.All() {
		if o.Arg != "" && o.Get(c) != 0 {
			fmt.Fprintf(&b, " %s=%s", o.Arg, o.Format(c))
		}
	}
	if err != nil {
		b.WriteString(" and an option that is not known here")
	}
	return b.String()
}

// describeNumbers renders what is numbers, and bytes that nobody wants to see.
func describeNumbers(r *recording.Record) string {
	var b strings.Builder
	b.WriteString(r.Kind.String())
	numbers := r.Numbers
	if r.Kind >= recording.InitialState && r.Kind < recording.Batch && len(numbers) > 0 {
		numbers = numbers[1:]
	}
	for _, n := range numbers {
		fmt.Fprintf(&b, " %d", n)
	}
	if r.Kind == recording.Entries && len(r.Blobs) > 0 {
		fmt.Fprintf(&b, ": %d entries", len(r.Blobs)-1)
	}
	if r.Kind < recording.InitialState || r.Kind >= recording.Batch {
		return b.String()
	}
	switch code := recording.ErrorCode(r.Number(0)); code {
	case recording.ErrorNone:
	case recording.ErrorOther:
		fmt.Fprintf(&b, ": error %s", r.Blob(0))
	default:
		fmt.Fprintf(&b, ": error %d", code)
	}
	return b.String()
}

// String renders a step: the input, what the storage answered, what came of it, and where the node
// stands now.
func (s *Step) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %s\n", s.Number, Describe(&s.Input))
	for i := range s.Answers {
		fmt.Fprintf(&b, "    %s\n", Describe(&s.Answers[i]))
	}
	if s.Err != nil {
		fmt.Fprintf(&b, "  error: %v\n", s.Err)
	}
	if s.Input.Kind == recording.Ready {
		for line := range strings.Lines(raft.DescribeReady(s.Ready, nil)) {
			b.WriteString("    " + line)
		}
	}
	if s.Node != nil {
		st := s.Node.BasicStatus()
		fmt.Fprintf(&b, "  %s term=%d vote=%x lead=%x commit=%d applied=%d", st.RaftState, st.Term, st.Vote, st.Lead, st.Commit, st.Applied)
		if err := s.Node.Err(); err != nil {
			fmt.Fprintf(&b, " stopped: %v", err)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
