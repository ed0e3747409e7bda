package replay

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/rafttest"
	"github.com/ffd200af/raft/tracker"
)

// ending runs a script, and says whether its node ends as the recorded one did.
func ending(text []byte, id uint64, recorded *raft.RawNode) string {
	script, err := rafttest.ParseScript(bytes.NewReader(text))
	if err != nil {
		return fmt.Sprintf("The script cannot be read: %v", err)
	}
	env := rafttest.NewInteractionEnv(nil)
	for _, b := range script.Blocks {
		env.Run(b.Data)
	}
	var node *raft.RawNode
	if n := int(id); n > 0 && n <= len(env.Nodes) {
		node = env.Nodes[n-1].RawNode
	}
	want, got := standing(recorded), standing(node)
	if want == got {
		return "ends as the recording did: " + want
	}
	why := ""
	if recorded != nil && recorded.Err() != nil {
		why = " The recorded node stopped, and disks of scripts do not fail: " + strings.ReplaceAll(recorded.Err().Error(), "\n", " ")
	}
	return fmt.Sprintf("ends otherwise than the recording.%s\n# recording: %s\n# script:    %s", why, want, got)
}

// standing renders where a node stands: what it is, and on a leader how far the others are.
func standing(n *raft.RawNode) string {
	if n == nil {
		return "not started"
	}
	st := n.Status()
	var b strings.Builder
	fmt.Fprintf(&b, "%s term=%d vote=%d lead=%d commit=%d applied=%d %s", st.RaftState, st.Term, st.Vote, st.Lead, st.Commit, st.Applied, st.Config)
	if st.RaftState == raft.StateLeader {
		n.WithProgress(func(id uint64, _ raft.ProgressType, pr tracker.Progress) {
			fmt.Fprintf(&b, " %d:match=%d", id, pr.Match)
		})
	}
	if n.Err() != nil {
		b.WriteString(" stopped")
	}
	return b.String()
}
