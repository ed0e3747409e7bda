package rafttest

import (
	"strings"

	"github.com/cockroachdb/datadriven"
	"github.com/ffd200af/raft"
	"github.com/ffd200af/raft/rafttest/picture"
)

// What the environment reports for a picture of the run: see InteractionOpts.Picture.

// draw begins an event of the picture at a node.
func (env *InteractionEnv) draw(n *Node, kind picture.Kind, text string) {
	env.Options.Picture.Event(n.id(), kind, text)
}

// drawStatus tells the picture how a node is now.
func (env *InteractionEnv) drawStatus(n *Node) {
	env.Options.Picture.Shows(n.rec, n.Err() != nil)
}

// drawLog tells the picture what log a node starts with.
func (env *InteractionEnv) drawLog(id uint64, s raft.Storage) {
	if env.Options.Picture == nil {
		return
	}
	first, err := s.FirstIndex()
	if err != nil {
		return
	}
	entries, err := storedLog(s)
	if err != nil {
		return
	}
	term, _ := s.Term(first - 1)
	env.Options.Picture.Log(id, first, term, entries)
}

// causeOf says why a message was dropped: by the script, because its recipient is not up, or by the
// partition.
func causeOf(drop bool, down error) string {
	switch {
	case drop:
		return "the script drops it"
	case down != nil:
		return down.Error()
	}
	return "the partition"
}

// Header returns the comment at the top of a script: what the script shows. It ends at the first
// blank line or command.
func (s *Script) Header() string {
	head := s.tail
	if len(s.Blocks) > 0 {
		head = s.Blocks[0].head
	}
	var lines []string
	for line := range strings.Lines(head) {
		text, isComment := strings.CutPrefix(strings.TrimSpace(line), "#")
		if !isComment {
			break
		}
		lines = append(lines, strings.TrimPrefix(text, " "))
	}
	return strings.Join(lines, "\n")
}

// commandLine is the command with its input, as a picture shows it.
func (b *Block) commandLine() string {
	if b.Data.Input == "" {
		return b.Directive
	}
	return b.Directive + "\n" + b.Data.Input
}

// describeCommand is a command without the node that it is for.
func describeCommand(d *datadriven.TestData) string {
	words := []string{strings.ReplaceAll(d.Cmd, "-", " ")}
	for i, arg := range d.CmdArgs {
		if i > 0 || len(arg.Vals) > 0 {
			words = append(words, arg.String())
		}
	}
	if d.Input != "" {
		words = append(words, strings.ReplaceAll(d.Input, "\n", " "))
	}
	return strings.Join(words, " ")
}

// comment returns the comment at the end of what stands before a command.
func (b *Block) comment() string {
	var lines []string
	for line := range strings.Lines(b.head) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#"):
			lines = append(lines, strings.TrimPrefix(strings.TrimPrefix(line, "#"), " "))
		case line != "":
			return strings.Join(lines, "\n")
		}
	}
	return strings.Join(lines, "\n")
}
