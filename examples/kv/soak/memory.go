package main

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// What the replicas use.

// sample is a measurement of one replica.
type sample struct {
	at       time.Duration // since the start
	replica  int           // its place
	resident int           // bytes, 0 if it does not run
	data     int           // bytes
}

// watch measures each replica once a second.
func (c *cluster) watch(ctx context.Context, start time.Time) []sample {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var samples []sample
	for {
		select {
		case <-ctx.Done():
			return samples
		case <-ticker.C:
		}
		for i := range servers {
			samples = append(samples, sample{time.Since(start), i, c.resident(i), folderSize(c.folder(i))})
		}
	}
}

// resident returns the resident memory of a replica, or 0.
func (c *cluster) resident(i int) int {
	c.mu.Lock()
	p := c.processes[i]
	c.mu.Unlock()
	if p == nil {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.command.Process.Pid))
	if err != nil {
		return 0 // it has just been killed, or this is not Linux
	}
	return residentIn(string(text))
}

// folderSize adds up what is in the files. Files that disappear meanwhile do not count.
func folderSize(dir string) int {
	size := 0
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil
		}
		if info, err := entry.Info(); err == nil {
			size += int(info.Size())
		}
		return nil
	})
	return size
}

// shortest is how long a run must be for a judgement on memory and latency: a new process still
// grows.
const shortest = 5 * time.Minute

// judgeMemory compares the last third of a run with the second. It takes the median of what each
// running replica has each second, since a replica that was started a moment ago has little.
func judgeMemory(samples []sample, length time.Duration, growth float64) (string, error) {
	if length < shortest {
		return fmt.Sprintf("Memory is not judged: the run takes less than %v.", shortest), nil
	}
	second, last := medianResident(samples, length/3, length*2/3), medianResident(samples, length*2/3, length)
	if second == 0 || last == 0 {
		return "Memory is not judged: there are no measurements.", nil
	}
	factor := float64(last) / float64(second)
	text := fmt.Sprintf("Resident memory: %.1f MiB in the second third, and %.1f MiB in the last (medians), which is %.2f times as much.",
		float64(second)/(1<<20), float64(last)/(1<<20), factor)
	if factor > growth {
		return text, fmt.Errorf("memory grows: the last third takes %.2f times what the second takes, and %.2f is allowed", factor, growth)
	}
	return text, nil
}

func medianResident(samples []sample, from, to time.Duration) int {
	var all []int
	for _, s := range samples {
		if s.at >= from && s.at < to && s.resident > 0 {
			all = append(all, s.resident)
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// residentIn finds resident memory in what /proc says of a process.
func residentIn(status string) int {
	for line := range strings.Lines(status) {
		var kilobytes int
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kilobytes); err == nil {
			return kilobytes << 10
		}
	}
	return 0
}
