package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMemoryThatGrowsFails(t *testing.T) {
	const length = 6 * time.Minute
	rising := func(last int) (samples []sample) {
		for s := range int(length / time.Second) {
			resident := 100
			switch {
			case s%3 > 0:
				resident = 0 // just killed
			case s < 120:
				resident = 10
			case s >= 240:
				resident = last
			}
			samples = append(samples, sample{at: time.Duration(s) * time.Second, resident: resident})
		}
		return samples
	}
	if _, err := judgeMemory(rising(151), length, 1.5); err == nil {
		t.Error("growth to 1.51 times is accepted")
	}
	if text, err := judgeMemory(rising(150), length, 1.5); err != nil {
		t.Error(text, err)
	}
	if _, err := judgeMemory(rising(1000), shortest-1, 1.5); err != nil {
		t.Error("a short run:", err)
	}
	if text, err := judgeMemory(nil, length, 1.5); err != nil || !strings.Contains(text, "no measurements") {
		t.Error(text, err)
	}
}

func TestWhatAReplicaUsesIsRead(t *testing.T) {
	if n := residentIn("Name:\tkv\nVmHWM:\t  99 kB\nVmRSS:\t    1234 kB\n"); n != 1234<<10 {
		t.Error(n)
	}
	dir := t.TempDir()
	for name, size := range map[string]int{"a": 10, "b/c": 5} {
		path := filepath.Join(dir, name)
		_ = os.MkdirAll(filepath.Dir(path), 0o755)
		if err := os.WriteFile(path, make([]byte, size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if n := folderSize(dir); n != 15 {
		t.Error(n)
	}
	if n := folderSize(filepath.Join(dir, "none")); n != 0 {
		t.Error(n)
	}
}
