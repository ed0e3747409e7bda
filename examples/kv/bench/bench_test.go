package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == memberFlag {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// runBench runs the command, and returns its output. Its data must be gone afterwards.
func runBench(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), append(args, "-dir", dir), &stdout, &stderr); status != 0 {
		t.Fatalf("exit status %d:\n%s", status, &stderr)
	}
	if rest, err := os.ReadDir(dir); err != nil || len(rest) > 0 {
		t.Errorf("left behind: %v, %v", rest, err)
	}
	return stdout.String()
}

func TestBothStoresKeepWhatIsWritten(t *testing.T) {
	got := runBench(t, "-check", "-clients", "8", "-keys", "40")
	for _, name := range []string{"example", "etcd"} {
		if want := name + ": each write succeeded"; !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestEachLoadIsMeasuredOnBothSides(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs /proc")
	}
	got := runBench(t, "-turns", "1", "-length", "300ms", "-clients", "3", "-keys", "20", "-fill", "50", "-spread")
	for _, want := range []string{"| 1 writer | example |", "| 3 writers | example |", "| 3 readers | example |",
		"spread over the three servers", "20 keys", "after 50 writes", "etcd 3.6."} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "| etcd |"); n != 3 {
		t.Errorf("%d lines for etcd in\n%s", n, got)
	}
}

// TestTheReadmeHasTheDefaults, with which its table was made.
func TestTheReadmeHasTheDefaults(t *testing.T) {
	s, err := parse(nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Join(strings.Fields(string(text)), " ")
	for _, want := range []string{
		fmt.Sprintf("%d turns of 6 runs of %.0f s", s.turns, s.length.Seconds()),
		fmt.Sprintf("Each side gets %d,%03d writes first", s.fill/1000, s.fill%1000),
		fmt.Sprintf("%d-byte values, %d,%03d keys", s.size, s.keys/1000, s.keys%1000), "Without flags, go",
	} {
		if !strings.Contains(words, want) {
			t.Errorf("the README does not say %q", want)
		}
	}
}

func TestACommandLineWithoutSenseIsRefused(t *testing.T) {
	for _, args := range [][]string{
		{"-turns", "0"}, {"-clients", "0"}, {"-share", "0"}, {"-keys", "0"}, {"-length", "0s"}, {"-size", "0"}, {"-size", "1048577"}, {"fast"}, {"-fast"},
	} {
		var stderr bytes.Buffer
		if status := run(t.Context(), args, &stderr, &stderr); status != 2 || stderr.Len() == 0 {
			t.Errorf("%v: exit status %d, %q", args, status, &stderr)
		}
	}
}

func TestAServerThatEndsIsReportedWithItsLog(t *testing.T) {
	sys := newFake().system
	sys.command = func(member, []member) *exec.Cmd {
		executable, _ := os.Executable()
		return exec.Command(executable, memberFlag, "no JSON")
	}
	sys.connect = connectExample
	_, err := sys.start(t.Context(), t.TempDir())
	for _, want := range []string{" has ended", "exit status 1", "invalid character"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

func TestTheTableHasMediansAndRatiosByTurn(t *testing.T) {
	side := func(rates ...float64) (samples []sample) {
		for i, rate := range rates {
			times := time.Duration(i+1) * time.Millisecond
			samples = append(samples, sample{rate, times, 10 * times, []usage{
				{time.Second, 10 << 20}, {2 * time.Second, 20 << 20}, {3 * time.Second, 30 << 20}, {4 * time.Second, 0}}})
		}
		return samples
	}
	got := table([]row{{"load", [][]sample{side(900, 100, 400), side(300, 100, 100)}}}, "first", "second")
	got = got[strings.LastIndex(got, "---"):]
	got = got[strings.Index(got, "\n")+1:]
	want := "| load | first | 400 (100-900) | 2ms | 20ms | 1.0, 2.0, 3.0 | 10, 20, 30 | 4.0 |\n" +
		"| **3.00x** (1.00-4.00) | second | 100 (100-300) | 2ms | 20ms | 1.0, 2.0, 3.0 | 10, 20, 30 | 4.0 |\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if m := median([]float64{4, 1, 3, 100}); m != 3.5 {
		t.Errorf("median of an even number: %v", m)
	}
}

func TestTimesAreRounded(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{
		0: 0, 999: 999, 1234567: 1230 * time.Microsecond, 23456 * time.Microsecond: 23500 * time.Microsecond,
	} {
		if got := rounded(d); got != want {
			t.Errorf("%v becomes %v, want %v", d, got, want)
		}
	}
}

func TestSidesTakeTurnsInBeginning(t *testing.T) {
	if a, b := order(0, 2), order(1, 2); !slices.Equal(a, []int{0, 1}) || !slices.Equal(b, []int{1, 0}) {
		t.Error(a, b)
	}
}
