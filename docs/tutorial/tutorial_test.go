// Package tutorial tests that the programs of the tutorial print what its text shows.
package tutorial

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/ffd200af/raft"
)

// run matches a command of the text with the output that follows it.
var run = regexp.MustCompile("(?m)^    go run \\./docs/tutorial/(step\\d)\n\n```\n((?:.*\n)*?)```\n")

func TestEachStepPrintsWhatTheTextShows(t *testing.T) {
	steps := run.FindAllStringSubmatch(read(t, "README.md"), -1)
	if len(steps) != 5 {
		t.Errorf("the text runs %d steps", len(steps))
	}
	for _, step := range steps {
		t.Run(step[1], func(t *testing.T) {
			t.Parallel()
			got, err := exec.Command("go", "run", "./"+step[1]).CombinedOutput()
			if err != nil || string(got) != step[2] {
				t.Errorf("%s ends with %v and prints\n%s", step[1], err, got)
			}
		})
	}
}

func TestTheCodeInTheTextIsThatOfThePrograms(t *testing.T) {
	files, err := filepath.Glob("*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var programs strings.Builder
	for _, file := range files {
		programs.WriteString(read(t, file))
	}
	lines := 0
	isCode := false
	for line := range strings.Lines(read(t, "README.md")) {
		switch {
		case strings.HasPrefix(line, "```"):
			isCode = line == "```go\n"
		case isCode:
			lines++
			if !strings.Contains(programs.String(), "\n"+line) {
				t.Errorf("no program has the line %q", line)
			}
		}
	}
	if lines < 40 {
		t.Errorf("found %d lines of code", lines)
	}
}

// Step 3 as three processes.
func TestReplicasMayBeProcesses(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "step3")
	if out, err := exec.Command("go", "build", "-o", binary, "./step3").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dir, port := t.TempDir(), freePorts(t)
	var inputs [4]io.WriteCloser
	var outputs [4]*bufio.Reader
	for id := 1; id <= 3; id++ {
		process := exec.Command(binary, "-id", fmt.Sprint(id), "-dir", dir, "-port", fmt.Sprint(port))
		process.Stderr = os.Stderr
		in, errIn := process.StdinPipe()
		out, errOut := process.StdoutPipe()
		if errIn != nil || errOut != nil {
			t.Fatal(errIn, errOut)
		}
		if err := process.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = in.Close() // ends it
			if err := process.Wait(); err != nil {
				t.Error(err)
			}
		})
		inputs[id], outputs[id] = in, bufio.NewReader(out)
	}
	say := func(id int, line, want string) {
		t.Helper()
		_, err := fmt.Fprintln(inputs[id], line)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := outputs[id].ReadString('\n'); err != nil || got != want+"\n" {
			t.Fatalf("replica %d answers %s with %q, %v", id, line, got, err)
		}
	}
	say(1, "add 5", "5")
	say(2, "read", "5")
	say(3, "add 2", "7")
	say(1, "read", "7")
}

// freePorts returns a port after which three are free.
func freePorts(t *testing.T) int {
	t.Helper()
	for port := 20000; port < 30000; port += 10 {
		free := true
		for id := 1; id <= 3; id++ {
			l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port+id))
			if err != nil {
				free = false
				continue
			}
			_ = l.Close()
		}
		if free {
			return port
		}
	}
	t.Fatal("no ports are free")
	return 0
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestTheTextExplainsEveryFieldOfReady: the ones that are added later, too.
func TestTheTextExplainsEveryFieldOfReady(t *testing.T) {
	text := read(t, "README.md")
	for _, field := range reflect.VisibleFields(reflect.TypeFor[raft.Ready]()) {
		if len(field.Index) == 1 && field.IsExported() && !strings.Contains(text, "`"+field.Name+"`") {
			t.Errorf("the table of Ready has no %s", field.Name)
		}
	}
}
