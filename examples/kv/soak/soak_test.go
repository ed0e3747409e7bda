package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// soak runs the command, and returns its exit status and output.
func soak(t *testing.T, dir string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*patience)
	defer cancel()
	var out, log bytes.Buffer
	status = run(ctx, append(args, "-dir", dir), &out, &log)
	return status, out.String(), log.String()
}

func TestTheServerPasses(t *testing.T) {
	dir := t.TempDir()
	// With this seed, the first kill is of all three.
	status, stdout, stderr := soak(t, dir, "-length", "6s", "-kill", "2s", "-clients", "8", "-seed", "6")
	if status != 0 {
		t.Fatalf("exit status %d:\n%s%s", status, stdout, stderr)
	}
	for _, want := range []string{"| 1 | ", "Verdict: passed.", "Memory is not judged", "Latency is not judged"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	for _, want := range []string{"kill all three", "kill replica"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in\n%s", want, stderr)
		}
	}
	if rest, err := os.ReadDir(dir); err != nil || len(rest) > 0 {
		t.Errorf("left behind: %v, %v", rest, err)
	}
}

// The fakes are servers that break what the run must notice.
func TestAServerThatIsWrongFails(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for fake, want := range map[string]string{
		fakeAlone: "is not linearizable",
		fakeEnds:  "ended by itself: exit status 7\nthe end of the log",
		fakeFails: "unexpected answer: ",
		fakeMixes: "which nobody wrote",
	} {
		t.Run(fake, func(t *testing.T) {
			t.Setenv(fakeVariable, fake)
			dir := t.TempDir()
			status, stdout, stderr := soak(t, dir, "-server", binary, "-length", "1s", "-clients", "6", "-keys", "3", "-kill", "400ms")
			if status != 1 || !strings.Contains(stderr, want) || !strings.Contains(stdout, "Verdict: failed.") {
				t.Errorf("exit status %d, want 1 and %q:\n%s%s", status, want, stdout, stderr)
			}
			if logs, _ := filepath.Glob(filepath.Join(dir, "*", "?.log")); len(logs) != servers {
				t.Errorf("logs: %v", logs)
			}
		})
	}
}

func TestAReplicaThatEndsWhenItIsKilledIsNoticed(t *testing.T) {
	t.Setenv(fakeVariable, fakeEnds)
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCluster(binary, t.TempDir(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	if err := errors.Join(c.startAll(), c.await(t.Context())); err != nil {
		t.Fatal(err)
	}
	c.kill(0)
	if err := c.ended(); err != nil {
		t.Error(err)
	}
	c.mu.Lock()
	c.processes[1].killed = true // and the signal is on its way
	c.mu.Unlock()
	h := newHistory(1)
	_ = newClient(c.addresses, 1).perform(h, h.keys[0], puts(1))
	if err := <-c.lost; !strings.Contains(err.Error(), "replica 2 ended by itself") || c.ended() == nil {
		t.Error(err)
	}
}

func TestAnInterruptedRunFails(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(fakeVariable, fakeAlone)
	ctx, cancel := context.WithCancel(t.Context())
	defer time.AfterFunc(500*time.Millisecond, cancel).Stop()
	var out, log bytes.Buffer
	if status := run(ctx, []string{"-server", binary, "-dir", t.TempDir()}, &out, &log); status != 1 || out.Len() > 0 {
		t.Errorf("exit status %d:\n%s%s", status, &out, &log)
	}
}

func TestACommandLineWithoutSenseIsRefused(t *testing.T) {
	for _, args := range [][]string{
		{"-length", "0s"}, {"-kill", "0s"}, {"-clients", "0"}, {"-keys", "0"}, {"-growth", "0.9"}, {"-slower", "0.9"}, {"fast"}, {"-fast"},
	} {
		if status, _, stderr := soak(t, t.TempDir(), args...); status != 2 || stderr == "" {
			t.Errorf("%v: exit status %d, %q", args, status, stderr)
		}
	}
	if status, _, stderr := soak(t, t.TempDir(), "-h"); status != 0 || !strings.Contains(stderr, "-length") {
		t.Errorf("-h: exit status %d, %q", status, stderr)
	}
}

func TestEachReplicaIsKilledAndNowAndThenAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	count := map[string]int{}
	for range 600 {
		victims, down := plan(time.Minute, rng)
		count[names(victims)]++
		if down < 2*time.Second || down > 10*time.Second {
			t.Errorf("down for %v", down)
		}
	}
	for _, name := range []string{"replica 1", "replica 2", "replica 3", "all three"} {
		if count[name] < 50 {
			t.Errorf("%s: %d times", name, count[name])
		}
	}
}

func TestTheTableCountsByMinute(t *testing.T) {
	h := newHistory(1)
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	for i := range 100 {
		h.record(h.keys[0], operation{kind: get, call: 0, end: ms(i + 1), outcome: done})
	}
	for _, op := range []operation{
		{kind: put, call: ms(1), end: ms(10000), outcome: unknown},
		{kind: put, call: ms(59000), end: ms(62000), outcome: done},
		{kind: put, call: ms(119000), end: ms(121000), outcome: done}, // after the end
		{kind: get, call: ms(62000), end: ms(62000), outcome: done, atEnd: true},
	} {
		h.record(h.keys[0], op)
	}
	samples := []sample{
		{0, 0, 1 << 20, 4 << 20}, {time.Second, 0, 3 << 20, 2 << 20}, {time.Second, 2, 5 << 19, 0}, {time.Minute, 1, 7 << 20, 8 << 20},
	}
	got := strings.Split(table(h, samples, 62*time.Second), "\n")
	want := []string{
		"| 1 | 2 | 50ms | 99ms | 1 | 3.0, 0.0, 2.5 | 4.0, 0.0, 0.0 |",
		"| 2 | 1 | 2s | 2s | 0 | 0.0, 7.0, 0.0 | 0.0, 8.0, 0.0 |",
		"",
	}
	if !slices.Equal(got[2:], want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got[2:], "\n"), strings.Join(want, "\n"))
	}
}
