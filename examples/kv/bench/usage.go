package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// What a process uses, as Linux reports it in /proc.

// usage is what a process has used since its meter began.
type usage struct {
	cpu  time.Duration
	peak int // resident bytes
}

// meter measures one process.
type meter struct {
	pid    int
	before time.Duration
}

// newMeter begins to measure. It also resets the peak of resident memory.
func newMeter(pid int) (meter, error) {
	if err := os.WriteFile(proc(pid, "clear_refs"), []byte("5"), 0); err != nil {
		return meter{}, fmt.Errorf("reset the peak memory of a process: %w", err)
	}
	cpu, err := cpuTime(pid)
	return meter{pid, cpu}, err
}

func (m meter) used() (usage, error) {
	cpu, err := cpuTime(m.pid)
	if err != nil {
		return usage{}, err
	}
	peak, err := peakMemory(m.pid)
	return usage{cpu - m.before, peak}, err
}

func proc(pid int, file string) string { return fmt.Sprintf("/proc/%d/%s", pid, file) }

// cpuTime is the time in user and kernel mode. Linux counts it in hundredths of a second.
func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(proc(pid, "stat"))
	if err != nil {
		return 0, fmt.Errorf("CPU time of a process: %w", err)
	}
	// The name of the program may contain spaces; fields 14 and 15 of the line are wanted.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("CPU time of a process: %s is too short", proc(pid, "stat"))
	}
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, fmt.Errorf("CPU time of a process: %w", err)
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100), nil
}

func peakMemory(pid int) (int, error) {
	text, err := os.ReadFile(proc(pid, "status"))
	if err != nil {
		return 0, fmt.Errorf("memory of a process: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes int
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kilobytes); err == nil {
			return kilobytes << 10, nil
		}
	}
	return 0, fmt.Errorf("memory of a process: %s has no VmHWM", proc(pid, "status"))
}
