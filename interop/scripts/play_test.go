package scripts

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	etcd "go.etcd.io/raft/v3/rafttest"

	"github.com/ffd200af/raft/rafttest"
)

// environment is what plays a script, ours or theirs.
type environment interface {
	Handle(t *testing.T, d datadriven.TestData) string
}

func ours() environment   { return rafttest.NewInteractionEnv(nil) }
func theirs() environment { return etcd.NewInteractionEnv(nil) }

// play plays a script, a command a line, and returns what each command printed.
func play(t *testing.T, env environment, script string) []string {
	t.Helper()
	var outputs []string
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		outputs = append(outputs, env.Handle(t, command(t, line)))
	}
	return outputs
}

// command parses a line. What follows a bar is the body, as in `propose-conf-change 1 | v4`.
func command(t *testing.T, line string) datadriven.TestData {
	t.Helper()
	head, body, _ := strings.Cut(line, " |")
	name, args, err := datadriven.ParseLine(head)
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return datadriven.TestData{Cmd: name, CmdArgs: args, Input: strings.TrimSpace(body), Pos: line}
}

// recording returns the script with what each command printed, as a file of package datadriven.
func recording(script string, outputs []string) string {
	var b strings.Builder
	i := 0
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		head, body, _ := strings.Cut(line, " |")
		b.WriteString(head + "\n")
		if body = strings.TrimSpace(body); body != "" {
			b.WriteString(body + "\n")
		}
		fmt.Fprintf(&b, "----\n%s\n\n", strings.TrimRight(outputs[i], "\n"))
		i++
	}
	return b.String()
}

// words is what a command printed without log lines, whose words are each library's own.
func words(output string) string {
	var kept []string
	for _, line := range strings.Split(strings.TrimSpace(output), "\n") {
		level, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch level {
		case "DEBUG", "INFO", "WARN", "ERROR", "FATAL":
			continue
		}
		kept = append(kept, line)
	}
	if len(kept) == 0 {
		return "ok"
	}
	return strings.Join(kept, "\n")
}
